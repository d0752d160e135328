"""Under Keras 3 the mode that one layer is given becomes the mode of the bare calls behind it.

After `self.base(x, training=False)`, a bare `self.drop(x)` of the same `call` stays in inference mode, in
`fit()` too; after a constant True it drops in `predict()`. Measured with every Keras 3 so far; Keras 2 does
neither.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import Method
from kerasfix.analysis.scope import own_nodes
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.training import TrainingFlow


@dataclass(frozen=True, slots=True)
class Constant:
    """A call that is given True or False for the flag."""

    call: ast.Call
    value: bool


def _constants(method: Method) -> list[Constant]:
    found = [
        Constant(node, keyword.value.value)
        for node in own_nodes(method.node.body)
        if isinstance(node, ast.Call) and _root(node.func) == method.self_name
        for keyword in node.keywords
        if keyword.arg == FLAG
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, bool)
    ]
    return sorted(found, key=lambda each: _end(each.call))


class Leaks:
    """The leaks of a project.

    Args:
        flow: Its layers and classes.
    """

    def __init__(self, flow: TrainingFlow) -> None:
        self._flow = flow
        self._of_call: dict[Method, dict[ast.Call, Constant]] = {}
        self._constants: dict[Method, list[Constant]] = {}

    def constants(self, method: Method) -> list[Constant]:
        """The calls of what `self` holds that are given a constant mode, in the order in which they run."""
        if method not in self._constants:
            self._constants[method] = _constants(method)
        return self._constants[method]

    def behind(self, method: Method) -> dict[ast.Call, Constant]:
        """The bare calls of layers that depend on the flag and run behind a constant, each with it,
        in a method and all that a `call` which reaches it runs.
        """
        found: dict[ast.Call, Constant] = {}
        for info in method.owner.family:
            call = info.methods.get("call")
            if call is None:
                continue
            reachable = self._flow.reachable(call)
            if method in reachable and any(self.constants(each) for each in reachable):
                if call not in self._of_call:
                    self._of_call[call] = {}
                    self._walk(call, None, self._of_call[call], (call,))
                found |= self._of_call[call]
        return found

    def _walk(
        self,
        method: Method,
        before: Constant | None,
        found: dict[ast.Call, Constant],
        path: tuple[Method, ...],
    ) -> Constant | None:
        """Follow a method with the constant that was in force before it; returns the one in force behind it.

        A call that is given the flag itself sets things right for those behind it.
        """
        branches = _branches(method)
        seen: list[tuple[ast.Call, Constant | None]] = []
        events: list[Site | Constant] = [*self._flow.sites(method), *self.constants(method)]
        for event in sorted(events, key=lambda each: (_end(each.call), isinstance(each, Constant))):
            earlier = (each for call, each in reversed(seen) if not _exclude(branches, call, event.call))
            here = next(earlier, before)
            if isinstance(event, Constant):
                seen.append((event.call, event))
            elif event.passed is not Passed.ABSENT:
                if not event.is_decided:
                    seen.append((event.call, None))
            elif event.helpers:
                inside = [helper for helper in event.helpers if helper not in path]
                seen += [(event.call, self._walk(each, here, found, (*path, each))) for each in inside]
            elif here is not None and self._flow.site_depends(event):
                found.setdefault(event.call, here)
        return seen[-1][1] if seen else before


def _root(node: ast.expr) -> str | None:
    """The variable that an attribute or element belongs to."""
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return None
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _end(node: ast.expr) -> tuple[int, int]:
    """Where a call ends: of nested calls the inner one runs first."""
    return node.end_lineno or 0, node.end_col_offset or 0


_Branches = frozenset[tuple[int, bool]]
_Inner = tuple[ast.AST, _Branches]


def _branches(method: Method) -> dict[ast.AST, _Branches]:
    """For each node, the conditions around it (by line) and which way they went."""
    found: dict[ast.AST, _Branches] = {}

    def visit(node: ast.AST, around: _Branches) -> Iterator[_Inner]:
        found[node] = around
        for name, value in ast.iter_fields(node):
            inner = around
            if isinstance(node, ast.If | ast.IfExp) and name in ("body", "orelse"):
                inner = around | {(id(node), name == "body")}
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield child, inner

    waiting: list[tuple[ast.AST, _Branches]] = [(method.node, frozenset())]
    while waiting:
        waiting += visit(*waiting.pop())
    return found


def _exclude(branches: dict[ast.AST, _Branches], one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes stand in the two branches of one condition."""
    return any((condition, not way) in branches[other] for condition, way in branches[one])
