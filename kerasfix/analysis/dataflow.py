"""Reaching definitions in one function: which assignment each read of a name can see.

Flow-sensitive over all of Python's statements. Where control flow is not exact (an exception can leave a
`try` body anywhere) the answer has too many definitions, never too few: a value is called lost only if no
path reads it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.syntax import children, walk

# `except*` came with Python 3.11.
_TRY: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))
_SEES_EVERYTHING = frozenset({"locals", "vars", "eval", "exec"})


@dataclass(eq=False)
class Definition:
    """One place that gives a name a value.

    Attributes:
        name: The name.
        step: The statement that does it; None for a parameter.
        whole: Whether the name gets the whole value of the statement (`x = f()`, not `x, y = f()`).
        kills: Definitions of the same name that it can overwrite.
    """

    name: str
    step: Step | None
    whole: bool = True
    kills: set[Definition] = field(default_factory=set)


@dataclass(eq=False)
class Step:
    """One statement, or the head of a compound one, with what it reads and defines.

    Attributes:
        node: The statement.
        order: Its place in the source, counted from 0.
        loops: The loops around it, outermost first.
        reads: The names that it reads, in the order of the source.
        definitions: What it defines.
    """

    node: ast.stmt
    order: int
    loops: tuple[ast.stmt, ...]
    reads: dict[ast.Name, None] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)

    @property
    def value(self) -> ast.expr | None:
        """The right-hand side, if all that the statement does is to give names its value."""
        if isinstance(self.node, ast.Assign) and all(_is_plain(target) for target in self.node.targets):
            return self.node.value
        if isinstance(self.node, ast.AnnAssign) and isinstance(self.node.target, ast.Name):
            return self.node.value
        return None


_State = dict[str, frozenset[Definition]]


@dataclass(slots=True)
class _Loop:
    breaks: list[_State] = field(default_factory=list)
    continues: list[_State] = field(default_factory=list)


class DataFlow:
    """The data flow of one function, or of a module's own statements.

    Args:
        root: The function or module; functions in it are not entered, but what they capture counts as read.

    Attributes:
        steps: All statements that can run, by their node, in the order in which they are first reached.
        reaching: For each read of a name, the definitions that it can see (empty: a global).
        captured: Names that nested functions, lambdas or `locals()` can read at any time.
        leaving: The definitions that still hold where a module ends, for whoever imports it to read.
    """

    def __init__(self, root: Function | ast.Module) -> None:
        self.steps: dict[ast.stmt, Step] = {}
        self.reaching: dict[ast.Name, set[Definition]] = {}
        self.captured: set[str] = set()
        self.parameters: dict[str, Definition] = {}
        self._step_of: dict[ast.Name, Step] = {}
        self._loops: list[_Loop] = []
        self._loop_nodes: list[ast.stmt] = []
        self._tries: list[list[_State]] = []
        if not isinstance(root, ast.Module):
            extras = [extra for extra in (root.args.vararg, root.args.kwarg) if extra is not None]
            for argument in (*named_parameters(root), *extras):
                self.parameters[argument.arg] = Definition(argument.arg, None)
        self._order = {
            node: order
            for order, node in enumerate(
                node for node in _statements(root.body) if isinstance(node, ast.stmt)
            )
        }
        end = self._block(root.body, {name: frozenset({each}) for name, each in self.parameters.items()})
        self.leaving: set[Definition] = set()
        if isinstance(root, ast.Module) and end is not None:
            self.leaving = {each for definitions in end.values() for each in definitions}

    def definitions(self) -> Iterator[Definition]:
        """All definitions that statements make, in the order of the source."""
        for step in sorted(self.steps.values(), key=lambda step: step.order):
            yield from step.definitions.values()

    def readers(self, definition: Definition) -> list[ast.Name]:
        """The reads that can see a definition."""
        return [name for name, seen in self.reaching.items() if definition in seen]

    def step_of(self, name: ast.Name) -> Step:
        """The statement that reads a name."""
        return self._step_of[name]

    def _block(self, body: Iterable[ast.stmt], state: _State | None) -> _State | None:
        for node in body:
            if state is None:
                return None
            state = self._statement(node, state)
            if state is not None:
                self._note(state)
        return state

    def _note(self, state: _State) -> None:
        """An exception may leave every `try` around from here."""
        for seen in self._tries:
            seen.append(dict(state))

    def _statement(self, node: ast.stmt, state: _State) -> _State | None:
        step = self.steps.get(node)
        if step is None:
            step = self.steps[node] = Step(node, self._order[node], tuple(self._loop_nodes))
        state = dict(state)
        match node:
            case ast.Assign(targets=targets, value=value):
                self._read(value, step, state)
                for target in targets:
                    self._bind(target, step, state, whole=True)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._read(value, step, state)
                    self._bind(target, step, state, whole=True)
            case ast.AugAssign(target=target, value=value):
                self._read(value, step, state)
                if isinstance(target, ast.Name):
                    self._read_name(target, step, state)
                self._bind(target, step, state, whole=True)
            case ast.Return() | ast.Raise():
                self._read(node, step, state)
                return None
            case ast.Break():
                self._loops[-1].breaks.append(state)
                return None
            case ast.Continue():
                self._loops[-1].continues.append(state)
                return None
            case ast.If(test=test, body=body, orelse=orelse):
                self._read(test, step, state)
                return _join(self._block(body, state), self._block(orelse, state))
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, step, state)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._read(item.context_expr, step, state)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, step, state, whole=False)
                self._note(state)
                if any("suppress" in ast.unparse(item.context_expr) for item in items):
                    return self._suppressed(body, state)
                return self._block(body, state)
            case _ if isinstance(node, _TRY):
                return self._try(node, step, state)
            case ast.Match(subject=subject, cases=cases):
                self._read(subject, step, state)
                return self._match(cases, step, state)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for outer in (*node.decorator_list, *_outer_expressions(node)):
                    self._read(outer, step, state)
                self.captured |= {
                    each.id for inner in node.body for each in walk(inner) if isinstance(each, ast.Name)
                }
                self._define(node.name, step, state, whole=True)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    self._define(alias.asname or alias.name.partition(".")[0], step, state, whole=True)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.captured |= set(names)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        state.pop(target.id, None)
                    else:
                        self._read(target, step, state)
            case _:
                self._read(node, step, state)
        return state

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, step: Step, state: _State) -> _State | None:
        if not isinstance(node, ast.While):
            self._read(node.iter, step, state)
        entry = leaving = state
        while True:
            inside = dict(entry)
            if isinstance(node, ast.While):
                self._read(node.test, step, inside)
                leaving = dict(inside)
            else:
                leaving = dict(entry)
                self._bind(node.target, step, inside, whole=False)
            self._note(inside)
            frame = _Loop()
            self._loops.append(frame)
            self._loop_nodes.append(node)
            end = self._block(node.body, inside)
            self._loops.pop()
            self._loop_nodes.pop()
            again = _join(entry, end, *frame.continues)
            assert again is not None
            if again == entry:
                break
            entry = again
        # `while True` ends only through break.
        after = None if _is_endless(node) else self._block(node.orelse, leaving)
        return _join(after, *frame.breaks)

    def _suppressed(self, body: list[ast.stmt], state: _State) -> _State | None:
        """A block whose exceptions are swallowed: it may end after any of its statements."""
        seen: list[_State] = [state]
        self._tries.append(seen)
        end = self._block(body, state)
        self._tries.pop()
        return _join(end, *seen)

    def _try(self, node: ast.Try, step: Step, state: _State) -> _State | None:
        everything: list[_State] = [state]
        if node.finalbody:
            self._tries.append(everything)
        jumps = [(loop.breaks, len(loop.breaks)) for loop in self._loops]
        jumps += [(loop.continues, len(loop.continues)) for loop in self._loops]
        seen: list[_State] = [state]
        self._tries.append(seen)
        end = self._block(node.body, state)
        self._tries.pop()
        interrupted = _join(*seen)
        assert interrupted is not None
        ends = [self._block(node.orelse, end)]
        for handler in node.handlers:
            inside = dict(interrupted)
            if handler.type is not None:
                self._read(handler.type, step, inside)
            if handler.name:
                inside.pop(handler.name, None)
            ends.append(self._block(handler.body, inside))
        after = _join(*ends)
        if not node.finalbody:
            return after
        self._tries.pop()
        # `finally` also runs on the way out of a return, a jump or an exception.
        final = self._block(node.finalbody, _join(after, *everything))
        for states, count in jumps:
            if len(states) > count and final is not None:
                states.append(final)
        return final if after is not None else None

    def _match(self, cases: list[ast.match_case], step: Step, state: _State) -> _State | None:
        ends: list[_State | None] = []
        for case in cases:
            inside = dict(state)
            for pattern in walk(case.pattern):
                if isinstance(pattern, ast.Name):
                    self._read(pattern, step, inside)
                captured = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(captured, str):
                    self._define(captured, step, inside, whole=False)
            if case.guard is not None:
                self._read(case.guard, step, inside)
            # A pattern that matched in part, or whose guard failed, leaves its names behind.
            state = _join(state, inside) or state
            ends.append(self._block(case.body, inside))
        return _join(state, *ends)

    def _read(self, node: ast.AST, step: Step, state: _State) -> None:
        """Note all reads below `node`, in the order in which Python evaluates them."""
        match node:
            case ast.Name(ctx=ast.Load()):
                self._read_name(node, step, state)
                if node.id in _SEES_EVERYTHING:
                    self.captured |= set(state)
            case ast.NamedExpr(target=target, value=value):
                self._read(value, step, state)
                self._define(target.id, step, state, whole=False)
            case ast.Lambda():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        self._read(default, step, state)
                self.captured |= {each.id for each in walk(node.body) if isinstance(each, ast.Name)}
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                inner = dict(state)
                for generator in node.generators:
                    self._read(generator.iter, step, inner)
                    for each in walk(generator.target):
                        if isinstance(each, ast.Name):
                            inner[each.id] = frozenset()
                    for condition in generator.ifs:
                        self._read(condition, step, inner)
                results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
                for result in results:
                    self._read(result, step, inner)
                names = [each.id for each in walk(node) if isinstance(each, ast.Name)]
                if isinstance(node, ast.GeneratorExp):
                    # It runs when somebody asks for its values.
                    self.captured |= set(names)
                for each in walk(node):
                    if isinstance(each, ast.NamedExpr) and inner.get(each.target.id):
                        # Its name belongs to the function; the loop may never run.
                        state[each.target.id] = state.get(each.target.id, frozenset()) | inner[each.target.id]
            case _:
                for child in children(node):
                    self._read(child, step, state)

    def _read_name(self, node: ast.Name, step: Step, state: _State) -> None:
        self.reaching.setdefault(node, set()).update(state.get(node.id, ()))
        self._step_of[node] = step
        step.reads[node] = None

    def _bind(self, target: ast.expr, step: Step, state: _State, *, whole: bool) -> None:
        match target:
            case ast.Name(id=name):
                self._define(name, step, state, whole=whole)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self._bind(each, step, state, whole=False)
            case ast.Starred(value=inner):
                self._bind(inner, step, state, whole=False)
            case _:
                # `self.feature = x`, `outs[k] = x`: the base and the index are read.
                self._read(target, step, state)

    def _define(self, name: str, step: Step, state: _State, *, whole: bool) -> None:
        definition = step.definitions.get(name)
        if definition is None:
            definition = step.definitions[name] = Definition(name, step, whole)
        definition.kills |= state.get(name, frozenset())
        state[name] = frozenset({definition})


def _join(*states: _State | None) -> _State | None:
    """What holds where several ways meet; None stands for a way that never gets there."""
    joined: _State | None = None
    for state in states:
        if state is None:
            continue
        if joined is None:
            joined = dict(state)
            continue
        for name, definitions in state.items():
            joined[name] = joined.get(name, frozenset()) | definitions
    return joined


def _statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """All statements below `body` in the order of the source, without those of nested functions."""
    for node in body:
        yield node
        if isinstance(node, Function | ast.ClassDef):
            continue
        for field_name in ("body", "handlers", "orelse", "cases", "finalbody"):
            for child in getattr(node, field_name, ()):
                if isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from _statements(child.body)
                else:
                    yield from _statements([child])


def _outer_expressions(node: Function | ast.ClassDef) -> Iterator[ast.expr]:
    """What a nested definition evaluates at once: default values, base classes."""
    if isinstance(node, ast.ClassDef):
        yield from node.bases
        yield from (keyword.value for keyword in node.keywords)
    else:
        yield from node.args.defaults
        yield from (default for default in node.args.kw_defaults if default is not None)


def _is_endless(node: ast.For | ast.AsyncFor | ast.While) -> bool:
    return isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)


def _is_plain(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_plain(each) for each in target.elts)
    return isinstance(target, ast.Name)
