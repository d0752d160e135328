"""Where a program is while it is followed: its names, the model that it constructs, what it assigns to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.scope import Scope
from kerasfix.analysis.values import BuiltinLayer, Stack, UserLayer, Value, flat
from kerasfix.log.made import Made, Spot


@dataclass(frozen=True, slots=True)
class Place:
    """Where the program is.

    Attributes:
        scope: The names there.
        module: The module.
        owner: What is being constructed.
        info: The class of `self`.
        self_name: What `self` is called.
        target: What the value of the statement is assigned to, as it is written.
        target_at: Where that is.
        holder: The class of which it is an attribute.
        function: The function, outside of classes.
        sure: Whether it is known how often this runs.
        depth: How many calls deep.
    """

    scope: Scope
    module: Module
    owner: Made | None = None
    info: ClassInfo | None = None
    self_name: str | None = None
    target: str = ""
    target_at: Spot | None = None
    holder: ClassInfo | None = None
    function: str = ""
    sure: bool = True
    depth: int = 0


def assigned(place: Place, target: ast.expr) -> Place:
    """The same place in a statement that assigns to `target`, or puts something into it."""
    while isinstance(target, ast.Subscript):
        target = target.value
    is_own = isinstance(target, ast.Attribute) and ast.unparse(target.value) == place.self_name
    if place.target and not is_own:
        # Inside of a function whose result is assigned: that is what people call it.
        return place
    if not isinstance(target, ast.Name | ast.Attribute):
        return replace(place, target="", target_at=None, holder=None)
    holder = place.info if is_own else None
    return replace(
        place, target=ast.unparse(target), target_at=Spot(place.module, target.lineno), holder=holder
    )


def is_add_weight(call: ast.Call, place: Place) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr="add_weight" | "add_variable"):
            return owner == place.self_name
    return False


def calls_of(value: Value) -> Iterator[ast.Call]:
    """The calls that make what an attribute can hold."""
    for each in flat(value):
        if isinstance(each, BuiltinLayer | UserLayer | Stack):
            yield each.call
        parts = (
            each.layers if isinstance(each, Stack) else each.inner if isinstance(each, BuiltinLayer) else ()
        )
        for part in parts:
            yield from calls_of(part)
