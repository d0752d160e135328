"""The ways that control can take through the statements of a function, and what names hold on them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.definitions import Definition, Step, unfold
from kerasfix.analysis.reads import Reader, bound_by, bound_in, outer_expressions
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.ways import Meeting
from kerasfix.syntax import walk

# `except*` came with Python 3.11, `type X = ...` with 3.12.
_TRY: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))
_TYPE_ALIAS = getattr(ast, "TypeAlias", ())
# What has statements in it that run with it.
_HOLDERS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Match, *_TRY),
    *(ast.ExceptHandler, ast.match_case),
)
_SWALLOWS = "suppress"


@dataclass(eq=False, slots=True)
class _Loop:
    """A loop that the walk is in: where `break` and `continue` lead."""

    exit: Meeting = field(default_factory=Meeting)
    again: Meeting = field(default_factory=Meeting)


@dataclass(eq=False, slots=True)
class _Finally:
    """A `try` whose `finally` comes first: what waits behind it for those that jumped."""

    jumps: dict[type[ast.stmt], None] = field(default_factory=dict)


class Walk:
    """One walk over all statements of a function. What it works out is what `DataFlow` says."""

    def __init__(self, root: Function | ast.Module) -> None:
        self.reader = Reader(root)
        self.steps: dict[ast.stmt, Step] = {}
        self.parameters: dict[str, Definition] = {}
        self.leaving: set[Definition] = set()
        self._names = self.reader.names
        self._is_module = isinstance(root, ast.Module)
        self._loops: tuple[ast.stmt, ...] = ()
        self._around: list[_Loop | _Finally] = []
        self._order = {node: order for order, node in enumerate(_statements(root.body))}
        if not isinstance(root, ast.Module):
            extras = [extra for extra in (root.args.vararg, root.args.kwarg) if extra is not None]
            for argument in (*named_parameters(root), *extras):
                self.parameters[argument.arg] = Definition(argument.arg, None)
                self.reader.hold(self.parameters[argument.arg])
        if self._block(root.body) and self._is_module:
            held = (self._names.get(name) for name in self._names.ever)
            self.leaving = set(unfold(each for each in held if each is not None))

    def _block(self, body: Iterable[ast.stmt]) -> bool:
        """Walk over statements.

        Returns:
            Whether what comes behind them can run.
        """
        return all(self._statement(node) for node in body)

    def _statement(self, node: ast.stmt) -> bool:
        step = self.steps[node] = Step(node, self._order[node], self._loops)
        match node:
            case ast.If():
                return self._if(node, step)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, step)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                return self._with(items, body, step)
            case _ if isinstance(node, _TRY):
                return self._try(node, step)
            case ast.Match(subject=subject, cases=cases):
                self.reader.read(subject, step)
                return self._match(cases, step)
            case ast.Break() | ast.Continue():
                self._jump(type(node))
                return False
            case ast.Return() | ast.Raise():
                self.reader.read(node, step)
                return False
        self._simple(node, step)
        return True

    def _simple(self, node: ast.stmt, step: Step) -> None:
        """A statement behind which the next one runs."""
        read, bind = self.reader.read, self.reader.bind
        match node:
            case ast.Assign(targets=targets, value=value):
                read(value, step)
                for target in targets:
                    bind(target, step, whole=True)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                if value is not None:
                    read(value, step)
                if value is not None or not isinstance(target, ast.Name):
                    bind(target, step, whole=True)
                if self._is_module:
                    read(annotation, step)
            case ast.AugAssign(target=target, value=value):
                if isinstance(target, ast.Name):
                    self.reader.read_name(target, step)
                    read(value, step)
                    bind(target, step, whole=True)
                else:
                    read(target, step)
                    read(value, step)
            case ast.Assert(test=test, msg=message):
                read(test, step)
                if message is not None:
                    with self._names.way():
                        read(message, step)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for outer in outer_expressions(node):
                    read(outer, step)
                self.reader.capture_in((*node.body, *getattr(node, "type_params", ())))
                self.reader.define(node.name, step, whole=True)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    self.reader.define(bound_by(alias), step, whole=True)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.reader.captured.update(names)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._delete(target, step)
            case _ if isinstance(node, _TYPE_ALIAS):
                self.reader.capture_in([node])
                bind(node.name, step, whole=True)
            case _:
                read(node, step)

    def _delete(self, target: ast.expr, step: Step) -> None:
        match target:
            case ast.Name(id=name):
                self.reader.forget(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self._delete(each, step)
            case _:
                self.reader.read(target, step)

    def _if(self, node: ast.If, step: Step) -> bool:
        after = Meeting()
        with self._names.way():
            while True:
                self.reader.read(node.test, step)
                with self._names.way():
                    if self._block(node.body):
                        self._names.arrive(after)
                match node.orelse:
                    case [ast.If() as node]:
                        # `elif`: the next one of a row that may be long.
                        step = self.steps[node] = Step(node, self._order[node], self._loops)
                    case orelse:
                        if self._block(orelse):
                            self._names.arrive(after)
                        break
        return self._names.meet(after)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, step: Step) -> bool:
        if not isinstance(node, ast.While):
            self.reader.read(node.iter, step)
        loop, leaving = _Loop(), Meeting()
        with self._names.way():
            heads = self.reader.heads(dict.fromkeys(bound_in([node])))
            with self._names.way():
                if isinstance(node, ast.While):
                    self.reader.read(node.test, step)
                if not _is_endless(node):
                    self._names.arrive(leaving)
                if not isinstance(node, ast.While):
                    self.reader.bind(node.target, step, whole=False)
                if self._inside(node, loop):
                    self._names.arrive(loop.again)
            self.reader.close(heads, loop.again)
            if self._names.meet(leaving) and self._block(node.orelse):
                self._names.arrive(loop.exit)
        return self._names.meet(loop.exit)

    def _inside(self, node: ast.For | ast.AsyncFor | ast.While, loop: _Loop) -> bool:
        self._around.append(loop)
        around, self._loops = self._loops, (*self._loops, node)
        ends = self._block(node.body)
        self._loops = around
        self._around.pop()
        return ends

    def _jump(self, kind: type[ast.stmt]) -> None:
        """Leave for where `break` or `continue` leads; a `finally` on the way there runs first."""
        if not self._around:
            # Outside of a loop: Python reads it, but would not run it.
            return
        around = self._around[-1]
        if isinstance(around, _Finally):
            around.jumps[kind] = None
        else:
            self._names.arrive(around.exit if kind is ast.Break else around.again)

    def _with(self, items: list[ast.withitem], body: list[ast.stmt], step: Step) -> bool:
        if not any(_SWALLOWS in ast.unparse(item.context_expr) for item in items):
            self._enter(items, step)
            return self._block(body)
        # It may end after any of its statements.
        with self._names.caught() as held:
            self._enter(items, step)
            self._block(body)
        self._names.put_all(held)
        return True

    def _enter(self, items: list[ast.withitem], step: Step) -> None:
        for item in items:
            self.reader.read(item.context_expr, step)
            if item.optional_vars is not None:
                self.reader.bind(item.optional_vars, step, whole=False)

    def _try(self, node: ast.Try, step: Step) -> bool:
        if not node.finalbody:
            return self._handled(node, step)
        # `finally` also runs on the way out of a return, a jump or an exception.
        final = _Finally()
        self._around.append(final)
        with self._names.caught() as held:
            ends = self._handled(node, step)
        self._around.pop()
        self._names.put_all(held)
        if not self._block(node.finalbody):
            return False
        for kind in final.jumps:
            self._jump(kind)
        return ends

    def _handled(self, node: ast.Try, step: Step) -> bool:
        """A `try` without its `finally`."""
        after = Meeting()
        with self._names.way():
            done = Meeting()
            with self._names.caught() as held:
                if self._block(node.body):
                    self._names.arrive(done)
            with self._names.way():
                if self._names.meet(done) and self._block(node.orelse):
                    self._names.arrive(after)
            self._names.put_all(held)
            # Of several `except*` more than one can run, also behind one that raised.
            is_group = not isinstance(node, ast.Try)
            for handler in node.handlers:
                if handler.type is not None:
                    self.reader.read(handler.type, step)
                with self._names.caught() if is_group else self._names.way() as left:
                    if handler.name:
                        self.reader.forget(handler.name)
                    if self._block(handler.body):
                        self._names.arrive(after)
                if left is not None:
                    self._names.put_all(left)
            if is_group and after.arrived >= 0:
                self._names.arrive(after)
        return self._names.meet(after)

    def _match(self, cases: list[ast.match_case], step: Step) -> bool:
        after = Meeting()
        with self._names.way():
            for case in cases:
                # A pattern that matched in part, or whose guard failed, leaves its names behind.
                failed = Meeting()
                with self._names.way():
                    self._names.arrive(failed)
                    self._pattern(case.pattern, step)
                    if case.guard is not None:
                        self._names.arrive(failed)
                        self.reader.read(case.guard, step)
                    self._names.arrive(failed)
                    if self._block(case.body):
                        self._names.arrive(after)
                self._names.meet(failed)
            self._names.arrive(after)
        return self._names.meet(after)

    def _pattern(self, pattern: ast.pattern, step: Step) -> None:
        """Names are bound when all has matched, behind what the pattern reads."""
        parts = list(walk(pattern))
        for part in parts:
            if isinstance(part, ast.Name):
                self.reader.read_name(part, step)
        for part in parts:
            captured = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(captured, str):
                self.reader.define(captured, step, whole=False)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements below `body` in the order of the source, without those of nested functions."""
    waiting: list[ast.AST] = [*body[::-1]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, _HOLDERS):
            for field_name in ("finalbody", "cases", "orelse", "handlers", "body"):
                waiting += getattr(node, field_name, [])[::-1]


def _is_endless(node: ast.For | ast.AsyncFor | ast.While) -> bool:
    return isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
