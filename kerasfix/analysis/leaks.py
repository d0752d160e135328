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


def constants(method: Method) -> list[Constant]:
    """The calls of what `self` holds that are given a constant mode, in the order in which they run."""
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


def leaks(call: Method, flow: TrainingFlow) -> dict[ast.Call, Constant]:
    """The bare calls of layers that depend on the flag, in `call` and its helpers, that run behind a
    constant, each with that constant.
    """
    found: dict[ast.Call, Constant] = {}
    _walk(call, flow, None, found, (call,))
    return found


def _walk(
    method: Method,
    flow: TrainingFlow,
    before: Constant | None,
    found: dict[ast.Call, Constant],
    path: tuple[Method, ...],
) -> Constant | None:
    """Follow a method with the constant that was in force before it; returns the one in force behind it."""
    branches = _branches(method)
    seen: list[Constant] = []
    events: list[Site | Constant] = [*flow.sites(method), *constants(method)]
    for event in sorted(events, key=lambda each: (_end(each.call), isinstance(each, Constant))):
        if isinstance(event, Constant):
            seen.append(event)
            continue
        here = next(
            (each for each in reversed(seen) if not _exclude(branches, each.call, event.call)), before
        )
        if event.passed is not Passed.ABSENT:
            continue
        if event.helpers:
            for helper in event.helpers:
                if helper not in path:
                    after = _walk(helper, flow, here, found, (*path, helper))
                    if after is not here and after is not None:
                        seen.append(Constant(event.call, after.value))
        elif here is not None and flow.site_depends(event):
            found.setdefault(event.call, here)
    return seen[-1] if seen else before


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
