"""What the expressions of a function read and define, in the order in which Python evaluates them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Iterator

from kerasfix.analysis.definitions import Definition, Merge, Reaching, Step
from kerasfix.analysis.scope import Function
from kerasfix.analysis.ways import Meeting, Names
from kerasfix.syntax import own_nodes, reversed_children, walk

_SEES_EVERYTHING = frozenset({"locals", "vars", "eval", "exec"})
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Reader:
    """Reads the expressions of one function, or of a module, at the place that a walk over it has come to.

    Args:
        root: The function or module.

    Attributes:
        names: What names hold at that place.
        reaching: For each read of a name, what it can see.
        captured: Names that nested functions, lambdas or `locals()` can read at any time.
        step_of: The statement that reads a name.
    """

    def __init__(self, root: ast.AST) -> None:
        self.names = Names()
        self.reaching = Reaching()
        self.captured: set[str] = set()
        self.step_of: dict[ast.Name, Step] = {}
        self._seen_by_all = 0
        # What a generator expression names, it names when somebody asks for its values: at any time.
        self._late = {name: Merge([]) for name in _named_late(root)}
        self._special: dict[type[ast.AST], Callable[..., None]] = {
            ast.Name: self._name,
            ast.NamedExpr: self._walrus,
            ast.Lambda: self._lambda,
            ast.BoolOp: self._bool_op,
            ast.IfExp: self._if_exp,
            ast.Compare: self._compare,
            ast.Dict: self._dict,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
        }

    def read(self, node: ast.AST, step: Step) -> None:
        """Note all reads in a node, and what it names on the way."""
        waiting = [node]
        while waiting:
            each = waiting.pop()
            special = self._special.get(type(each))
            if special is None:
                waiting += reversed_children(each)
            else:
                special(each, step)

    def read_name(self, node: ast.Name, step: Step) -> None:
        self.reaching.held[node] = self.names.get(node.id)
        self.step_of[node] = step
        step.reads[node] = None

    def bind(self, target: ast.expr, step: Step, *, whole: bool) -> None:
        """Give a target a value."""
        match target:
            case ast.Name(id=name):
                self.define(name, step, whole=whole)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self.bind(each, step, whole=False)
            case ast.Starred(value=inner):
                self.bind(inner, step, whole=False)
            case _:
                # `self.feature = x`, `outs[k] = x`: the base and the index are read.
                self.read(target, step)

    def define(self, name: str, step: Step, *, whole: bool) -> None:
        definition = step.definitions.get(name)
        if definition is None:
            definition = step.definitions[name] = Definition(name, step, whole)
        before = self.names.get(name)
        if before is not None:
            definition.over.append(before)
        self.hold(definition)

    def hold(self, definition: Definition) -> None:
        """From here on a name holds what a definition gives it."""
        late = self._late.get(definition.name)
        self.names.put(definition.name, Merge([definition, late]) if late else definition)

    def forget(self, name: str) -> None:
        """From here on a name holds nothing."""
        self.names.put(name, self._late.get(name))

    def capture_in(self, nodes: Iterable[ast.AST]) -> None:
        """What runs at some other time can read all the names in it."""
        for node in nodes:
            for each in walk(node):
                if isinstance(each, ast.Name):
                    self.captured.add(each.id)
                elif isinstance(each, ast.Global | ast.Nonlocal):
                    self.captured.update(each.names)

    # --- Kinds of expressions that do more than read their parts in order ---------------------------------

    def _name(self, node: ast.Name, step: Step) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read_name(node, step)
            if node.id in _SEES_EVERYTHING:
                self.captured.update(self.names.ever[self._seen_by_all :])
                self._seen_by_all = len(self.names.ever)

    def _walrus(self, node: ast.NamedExpr, step: Step) -> None:
        self.read(node.value, step)
        self.define(node.target.id, step, whole=False)

    def _lambda(self, node: ast.Lambda, step: Step) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.read(default, step)
        self.capture_in([node.body])

    def _bool_op(self, node: ast.BoolOp, step: Step) -> None:
        self._until_decided(node.values, step)

    def _compare(self, node: ast.Compare, step: Step) -> None:
        self.read(node.left, step)
        self._until_decided(node.comparators, step)

    def _until_decided(self, nodes: list[ast.expr], step: Step) -> None:
        """Read the first, and then the next ones as long as the result is not known."""
        self.read(nodes[0], step)
        if len(nodes) > 1:
            after = Meeting()
            with self.names.way():
                self.names.arrive(after)
                for node in nodes[1:]:
                    self.read(node, step)
                    self.names.arrive(after)
            self.names.meet(after)

    def _if_exp(self, node: ast.IfExp, step: Step) -> None:
        self.read(node.test, step)
        after = Meeting()
        for each in (node.body, node.orelse):
            with self.names.way():
                self.read(each, step)
                self.names.arrive(after)
        self.names.meet(after)

    def _dict(self, node: ast.Dict, step: Step) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                self.read(key, step)
            self.read(value, step)

    def _comprehension(self, node: _Comprehension, step: Step) -> None:
        first, *others = node.generators
        self.read(first.iter, step)
        heads = self.heads(dict.fromkeys(_named_in(node)))
        again = Meeting()
        with self.names.way():
            self._hide(first.target, step)
            for condition in first.ifs:
                self.read(condition, step)
                self.names.arrive(again)
            for generator in others:
                self.read(generator.iter, step)
                self._hide(generator.target, step)
                for condition in generator.ifs:
                    self.read(condition, step)
                    self.names.arrive(again)
            for result in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                self.read(result, step)
            self.names.arrive(again)
        self.close(heads, again)
        if isinstance(node, ast.GeneratorExp):
            # It runs when somebody asks for its values; only what it goes through is read at once.
            outside = {*walk(first.iter)}
            own = _names([generator.target for generator in node.generators])
            self.captured.update(_names([node], outside) - own)
            for name in heads:
                definition = step.definitions.get(name)
                if definition is not None:
                    self._late[name].members.append(definition)

    def _hide(self, target: ast.expr, step: Step) -> None:
        """The variables of a comprehension are its own."""
        for each in walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                self.read_name(each, step)
            elif isinstance(each, ast.Name) and self.names.get(each.id) is not None:
                self.names.put(each.id, None)

    # --- Loops -------------------------------------------------------------------------------------------

    def heads(self, bound: dict[str, None]) -> dict[str, Merge]:
        """At the head of a loop: what a name held before it, or at the end of any round."""
        heads: dict[str, Merge] = {}
        for name in bound:
            before = self.names.get(name)
            heads[name] = Merge([] if before is None else [before])
            self.names.put(name, heads[name])
        return heads

    def close(self, heads: dict[str, Merge], again: Meeting) -> None:
        """A round of a loop ends, here and wherever else somebody arrived at `again`."""
        for name, held in self.names.told(again).items():
            head = heads.get(name)
            if head is not None and held is not None and held is not head:
                head.members.append(held)


def bound_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that statements may bind, without those of nested functions: too many, never too few."""
    for node in own_nodes(nodes):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
                # Decorators, default values and base classes are evaluated outside.
                yield from _named_in(node)
            case ast.Lambda():
                yield from _named_in(node)
            case ast.alias():
                yield bound_by(node)
            case ast.ExceptHandler(name=str() as name):
                yield name
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                yield name
            case ast.MatchMapping(rest=str() as name):
                yield name


def bound_by(alias: ast.alias) -> str:
    """The name that an import makes."""
    return alias.asname or alias.name.partition(".")[0]


def outer_expressions(node: Function | ast.ClassDef) -> Iterator[ast.expr]:
    """What a nested definition evaluates at once: decorators, default values, annotations, base classes."""
    yield from node.decorator_list
    if isinstance(node, ast.ClassDef):
        yield from node.bases
        yield from (keyword.value for keyword in node.keywords)
        return
    arguments = node.args
    yield from arguments.defaults
    yield from (default for default in arguments.kw_defaults if default is not None)
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in (*named, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def _names(roots: Iterable[ast.AST], without: Container[ast.AST] = ()) -> set[str]:
    nodes = (node for root in roots for node in walk(root))
    return {node.id for node in nodes if isinstance(node, ast.Name) and node not in without}


def _named_in(node: ast.AST) -> Iterator[str]:
    return (each.target.id for each in walk(node) if isinstance(each, ast.NamedExpr))


def _named_late(root: ast.AST) -> set[str]:
    return {name for node in walk(root) if isinstance(node, ast.GeneratorExp) for name in _named_in(node)}
