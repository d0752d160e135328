"""The definitions that one training function needs, and the objects that it trains."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterable, Iterator, Mapping

from kerasfix.syntax import own_nodes
from kerasfix.verify.closure import Closure
from kerasfix.verify.errors import SliceError
from kerasfix.verify.loops.calm import more_than_computing
from kerasfix.verify.loops.sites import Recipes
from kerasfix.verify.names import dotted_name
from kerasfix.verify.program import Shelf
from kerasfix.verify.slice import Slice, sliced

_BLOCKS = ast.For | ast.While | ast.With | ast.AsyncFor | ast.AsyncWith
_CHANGING = frozenset({"add", "pop"})


def slice_loop(
    text: str,
    function: str,
    recipes: Recipes,
    without: Collection[str] = (),
    owner: str = "",
    companions: Iterable[str] = (),
    file: str = "",
    *,
    others: Mapping[str, str] | None = None,
    shelf: Shelf | None = None,
) -> Slice:
    """Cut out what calling a function needs.

    Args:
        text: The module.
        function: A function at the top level of the module, or a method of a class there.
        recipes: What it is called with.
        without: Names that it reads and gets from elsewhere.
        owner: The class that it is a method of.
        companions: Names that its constructor may want.
        file, others, shelf: See `slice_class`.

    Raises:
        SliceError: if it cannot be had, or if the function does more than compute.
    """

    def take(closure: Closure, place: str) -> None:
        more = more_than_computing(closure.program, place, function, owner)
        if more is not None:
            raise SliceError(f"`{function}` does more than train: it runs {more}")
        for where, call in recipes.made:
            made = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], call), call)
            problem = closure.judge(made, where or place)
            if problem is not None:
                at = f"line {call.lineno}" + (f" of {os.path.basename(where)}" if where else "")
                raise SliceError(
                    f"{at} makes what `{function}` is given by running {problem}; "
                    "kerasfix runs definitions only"
                )
        others = [(where or place, name) for where, name in recipes.names]
        if owner:
            beside = [(place, name) for name in companions]
            closure.take_class(place, owner, [function], others, without, beside)
        else:
            closure.take_function(place, function, others, without)
        for change in _lost_changes(closure):
            raise SliceError(change)

    return sliced(text, file, take, others=others, shelf=shelf)


def _lost_changes(closure: Closure) -> Iterator[str]:
    """What the script parts do to objects that are kept, so that these would not be what they are there."""
    for place, kept in closure.kept.items():
        module = closure.program.module(place)
        for index, definition in enumerate(module.definitions if module else ()):
            node = definition.node
            if index in kept or not isinstance(node, _BLOCKS):
                continue
            names = {name for of_one in kept.values() for name in of_one}
            changed = next((name for name in _changed(node) if name in names), None)
            if changed is not None:
                kind = type(node).__name__.removeprefix("Async").lower()
                yield (
                    f"line {node.lineno} changes `{changed}` by running a {kind} statement; "
                    "kerasfix runs definitions only"
                )


def _changed(block: ast.stmt) -> Iterator[str]:
    """The names of the models that a block gives layers to, or freezes."""
    nodes = list(own_nodes([block]))
    freezes = any(
        isinstance(each, ast.Attribute) and each.attr == "trainable" and isinstance(each.ctx, ast.Store)
        for each in nodes
    )
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _CHANGING:
                yield name
            case ast.Attribute(attr="trainable", ctx=ast.Store(), value=owner) if dotted_name(owner):
                yield dotted_name(owner).partition(".")[0]  # type: ignore[union-attr]
            case ast.Attribute(value=ast.Name(id=name), attr="layers") if freezes:
                yield name
