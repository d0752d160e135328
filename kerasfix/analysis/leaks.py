"""Under Keras 3 the mode that one layer is given becomes the mode of the bare calls behind it.

After `self.base(x, training=False)`, a bare `self.drop(x)` of the same `call` stays in inference mode, in
`fit()` too; after a constant True it drops in `predict()`. Measured with every Keras 3 so far; Keras 2 does
neither.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.sites import FLAG, Passed, Site, called_methods
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import UserLayer
from kerasfix.syntax import children, own_nodes


@dataclass(frozen=True, slots=True)
class Constant:
    """A call that is given True or False for the flag, or that leaves such a mode behind.

    Attributes:
        call: The call.
        value: The mode.
        inside: Of a call of a layer of one's own, the constant in its `call`.
        module: The module of that constant.
    """

    call: ast.Call
    value: bool
    inside: ast.Call | None = None
    module: Module | None = None


# A call that sets the mode for those behind it: to a constant, or right (None).
_Mark = tuple[ast.Call, Constant | None]


class Leaks:
    """The leaks of a project.

    Args:
        flow: Its layers and classes.
    """

    def __init__(self, flow: TrainingFlow) -> None:
        self._flow = flow
        self._of_call: dict[Method, dict[ast.Call, Constant]] = {}
        self._marks: dict[Method, list[_Mark]] = {}
        self._left: dict[Method, Constant | None] = {}

    def sets_a_mode(self, method: Method) -> bool:
        """Whether something that `self` holds is given a constant in a method."""
        return any(constant is not None for _, constant in self._own_marks(method))

    def behind(self, method: Method) -> dict[ast.Call, Constant]:
        """The bare calls of layers that depend on the flag and run behind a constant, each with it,
        in a method and all that a `call` which reaches it runs.
        """
        found: dict[ast.Call, Constant] = {}
        for info in method.owner.family:
            call = info.methods.get("call")
            if call is not None and method in self._flow.reachable(call):
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
        marks = self._own_marks(method)
        known = {call for call, _ in marks}
        sites = [site for site in self._flow.sites(method) if site.call not in known]
        if before is None and not marks and not any(self._may_leave(site) for site in sites):
            return None
        branches = _branches(method)
        seen: list[_Mark] = []
        events: list[tuple[ast.Call, Site | Constant | None]] = list(marks)
        events += [(site.call, site) for site in sites]
        for call, event in sorted(events, key=lambda each: _end(each[0])):
            earlier = (mark for other, mark in reversed(seen) if not _exclude(branches, other, call))
            here = next(earlier, before)
            if not isinstance(event, Site):
                left = self._left_in(call, method)
                seen.append((call, event if event is not None else left))
            elif event.helpers:
                if event.passed is Passed.ABSENT:
                    inside = [helper for helper in event.helpers if helper not in path]
                    seen += [(call, self._walk(each, here, found, (*path, each))) for each in inside]
            elif event.passed is Passed.ABSENT:
                if here is not None and self._flow.site_depends(event):
                    found.setdefault(call, here)
                left = self._left_by(event)
                if left is not None:
                    seen.append((call, left))
        return seen[-1][1] if seen else before

    def _may_leave(self, site: Site) -> bool:
        return bool(site.helpers) or any(isinstance(value, UserLayer) for value in site.values)

    def _left_in(self, call: ast.Call, method: Method) -> Constant | None:
        """What a call that is given the flag leaves behind."""
        site = next((site for site in self._flow.sites(method) if site.call is call), None)
        return self._left_by(site) if site is not None else None

    def _left_by(self, site: Site) -> Constant | None:
        """The mode that a layer of one's own leaves behind, whatever it was given."""
        for value in site.values:
            inner = value.info.find("call") if isinstance(value, UserLayer) else None
            if inner is None:
                continue
            if inner not in self._left:
                self._left[inner] = None  # where layers reach each other in circles
                self._left[inner] = self._walk(inner, None, {}, (inner,))
            left = self._left[inner]
            if left is not None:
                module = left.module or inner.owner.module
                return Constant(site.call, left.value, left.inside or left.call, module)
        return None

    def _own_marks(self, method: Method) -> list[_Mark]:
        """The calls of what `self` holds that are given a mode."""
        if method not in self._marks:
            self._marks[method] = [
                (node, _constant(node, keyword.value))
                for node in own_nodes(method.node.body)
                if isinstance(node, ast.Call) and _holder(node.func) == method.self_name
                for keyword in node.keywords
                if keyword.arg == FLAG and not called_methods(node.func, method)
            ]
        return self._marks[method]


def _constant(call: ast.Call, value: ast.expr) -> Constant | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return Constant(call, value.value)
    return None


def _holder(func: ast.expr) -> str | None:
    """The variable one of whose attributes, or an element of it, is called: `self` of `self.blocks[0](x)`."""
    while isinstance(func, ast.Subscript):
        func = func.value
    match func:
        case ast.Attribute(value=ast.Name(id=name)):
            return name
    return None


def _end(node: ast.expr) -> tuple[int, int]:
    """Where a call ends: of nested calls the inner one runs first."""
    return node.end_lineno or 0, node.end_col_offset or 0


@dataclass(frozen=True, slots=True)
class _Branch:
    """One of the ways that a condition, a `match` or an `and` can go.

    Attributes:
        of: The id of that node.
        way: Which of its ways.
        leaves: Whether nothing behind the node runs after it.
    """

    of: int
    way: int
    leaves: bool = False


_Branches = frozenset[_Branch]


def _branches(method: Method) -> dict[ast.AST, _Branches]:
    """For each node, the branches that it stands in."""
    found: dict[ast.AST, _Branches] = {}
    waiting: list[tuple[ast.AST, _Branches]] = [(method.node, frozenset())]
    while waiting:
        node, around = waiting.pop()
        found[node] = around
        ways = _ways(node)
        for child in children(node):
            own = next((branch for branch, nodes in ways if any(each is child for each in nodes)), None)
            waiting.append((child, around if own is None else around | {own}))
    return found


def _ways(node: ast.AST) -> list[tuple[_Branch, list[ast.AST]]]:
    match node:
        case ast.If(body=body, orelse=orelse):
            return [
                (_Branch(id(node), way, _leaves(block)), [*block]) for way, block in enumerate((body, orelse))
            ]
        case ast.IfExp(body=one, orelse=other):
            return [(_Branch(id(node), 0), [one]), (_Branch(id(node), 1), [other])]
        case ast.Match(cases=cases):
            return [(_Branch(id(node), way, _leaves(each.body)), [each]) for way, each in enumerate(cases)]
        case ast.BoolOp(values=[_, *later]):
            # It may not run at all, so it is behind nothing and nothing is behind it.
            return [(_Branch(id(node), 0, leaves=True), [*later])]
    return []


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _exclude(branches: dict[ast.AST, _Branches], one: ast.AST, other: ast.AST) -> bool:
    """Whether what runs `one` does not go on to `other`: other branches, or one that is left for good."""
    there = {branch.of: branch.way for branch in branches[other]}
    return any(
        there[branch.of] != branch.way if branch.of in there else branch.leaves for branch in branches[one]
    )
