"""How `training=True` gets from a tape to the call of the model, through the functions between them.

A function that runs only while something trains may say `training=True` itself. One that is called for other
reasons too, or may be, gets the parameter `training=False` and hands it on, so that nothing changes for
whoever else calls it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call, Spot
from kerasfix.analysis.decorators import is_transparent
from kerasfix.analysis.loops.need import given_flag, passes_flag
from kerasfix.analysis.loops.walk import Step
from kerasfix.analysis.scope import Function, default_values, named_parameters
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.training import is_true
from kerasfix.syntax import own_nodes

_METHODS = frozenset({"staticmethod", "classmethod"})


class Trained(Protocol):
    """A call of what is trained, and the ways to it."""

    @property
    def call(self) -> ast.Call: ...

    @property
    def spot(self) -> Spot: ...

    @property
    def ways(self) -> Mapping[Function, Mapping[ast.Call, Step]]: ...

    @property
    def direct(self) -> set[ast.Call]: ...


@dataclass(slots=True)
class Settlement:
    """What has to be written for the flag to arrive.

    Attributes:
        passes: The calls that are to give the flag, each with its place and what it gives.
        gains: The functions that are to take it, with the places of their bodies.
        shared: The functions that are called where nothing is trained too, and where, as far as is known.
        blockers: Why it cannot be written.
    """

    passes: dict[ast.Call, tuple[Spot, str]] = field(default_factory=dict)
    gains: dict[Function, Spot] = field(default_factory=dict)
    shared: dict[Function, list[Call]] = field(default_factory=dict)
    blockers: list[str] = field(default_factory=list)


def settle(trained: Trained, callers: Callers) -> Settlement:
    """How the flag gets to a call of what is trained."""
    found = Settlement()
    waiting = [(trained.call, trained.spot)]
    while waiting:
        call, spot = waiting.pop()
        if call in found.passes:
            continue
        function = spot.function
        ways = trained.ways.get(function, {}) if function is not None else {}
        if function is None or call in trained.direct or not ways:
            found.passes[call] = spot, "True"
            continue
        others = [] if _says_so(function, call) else _not_training(function, trained, callers, {})
        if others == []:
            found.passes[call] = spot, "True"
            continue
        found.shared[function] = others or []
        found.blockers += _blockers(function, spot, ways)
        found.passes[call] = spot, FLAG
        if not _takes_flag(function):
            found.gains[function] = spot
        waiting += [
            (step.node, step.context.spot)
            for step in ways.values()
            if not _gives(step) and not passes_flag(step.node, ())
        ]
    return found


def _says_so(function: Function, call: ast.Call) -> bool:
    """Whether a function calls the same model with `training=True` besides: whoever calls it, it trains."""
    text = ast.unparse(call.func)
    return any(
        isinstance(node, ast.Call)
        and node is not call
        and is_true(given_flag(node))
        and ast.unparse(node.func) == text
        for node in own_nodes(function.body)
    )


def _not_training(
    function: Function, trained: Trained, callers: Callers, seen: dict[Function, None]
) -> list[Call] | None:
    """The calls by which a function runs while nothing is trained; None if there may be some out of sight."""
    seen[function] = None
    ways = trained.ways.get(function, {})
    module = next(iter(ways.values())).inside.spot.module
    if any(step.handed for step in ways.values()):
        # To hand it over is a use that is no call; then what is called in its module must do.
        calls: list[Call] | None = callers.named(function, module)
    else:
        # Who calls an object does not name its `__call__`.
        calls = callers.of(function, module) if function.name != "__call__" else None
    if calls is None:
        return None
    found = [each for each in calls if each.node not in ways]
    for step in ways.values():
        around = step.context.spot.function
        if step.node not in trained.direct and around is not None and around not in seen:
            more = _not_training(around, trained, callers, seen)
            if more is None:
                return None
            found += more
    return found


def _takes_flag(function: Function) -> bool:
    return any(each.arg == FLAG for each in named_parameters(function))


def _gives(step: Step) -> bool:
    """Whether a call gives the flag by position."""
    return (step.function, FLAG) in step.inside.given


def _blockers(function: Function, spot: Spot, ways: Mapping[ast.Call, Step]) -> list[str]:
    """Why a function that others call too cannot take the flag from whoever trains."""
    name = f"`{function.name}`"
    found: list[str] = []
    if _takes_flag(function) and is_true(default_values(function).get(FLAG)):
        found.append(f"`training` is True by default in {name}, which is called where nothing is trained")
    if any(step.handed for step in ways.values()):
        found.append(f"{name} is handed over to be called, and is called where nothing is trained too")
    if function.args.vararg is not None or function.args.kwarg is not None:
        found.append(f"{name} takes any arguments, and may be called where nothing is trained")
    outside = spot.scope.parent or spot.scope
    for each in function.decorator_list:
        has_signature = isinstance(each, ast.Call) and any(
            one.arg == "input_signature" for one in each.keywords
        )
        is_plain = isinstance(each, ast.Name) and each.id in _METHODS
        if has_signature or not (is_plain or is_transparent(each, outside)):
            found.append(f"{name} may be called where nothing is trained, and has a decorator")
    method = spot.method
    if method is not None and method.node is function:
        others = [each for each in method.owner.family if each is not method.owner]
        if any(method.name in each.methods for each in others):
            found.append(
                f"{name} is overridden, or overrides another, and may be called where nothing is trained"
            )
    return found
