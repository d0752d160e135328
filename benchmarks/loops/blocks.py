"""Where a program trains by hand: gradient tapes, `train_step` methods, and the functions that these call.

A small reader of its own, without any code of kerasfix.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.restore.knowledge import FLAG, own_attribute
from benchmarks.restore.library import Function

_SOURCES = {"trainable_variables", "trainable_weights", "variables", "weights"}


class Where(enum.Enum):
    """Where a call stands."""

    TAPE = "in a tape"
    STEP = "in `train_step`"
    CALLED = "in what these call"


@dataclass(frozen=True, eq=False)
class Spot:
    """A call in such a place.

    Attributes:
        functions: The functions around it, innermost first.
        owner: The class that the outermost method around it belongs to.
    """

    call: ast.Call
    where: Where
    functions: tuple[Function, ...]
    owner: ast.ClassDef | None


@dataclass(frozen=True, eq=False)
class _Block:
    node: ast.AST
    where: Where
    functions: tuple[Function, ...]
    owner: ast.ClassDef | None


def spots(tree: ast.Module) -> list[Spot]:
    """Every call in a place that trains, each once, in the order of the text."""
    around = dict(_surroundings(tree))
    blocks = [
        _Block(node, where, *around[node]) for node in ast.walk(tree) if (where := _place(node, around))
    ]
    blocks += [
        _Block(called, Where.CALLED, *around[called])
        for block in list(blocks)
        for called in _called(block, around)
    ]
    found: dict[ast.Call, Spot] = {}
    order = list(Where)
    for block in sorted(blocks, key=lambda block: order.index(block.where)):
        for node in ast.walk(block.node):
            if isinstance(node, ast.Call) and node not in found:
                found[node] = Spot(node, block.where, *around[node])
    return sorted(found.values(), key=lambda spot: (spot.call.lineno, spot.call.col_offset))


def flag_of(call: ast.Call) -> ast.keyword | None:
    """The `training=True` of a call."""
    for keyword in call.keywords:
        if keyword.arg == FLAG and isinstance(keyword.value, ast.Constant) and keyword.value.value is True:
            return keyword
    return None


def says_mode(call: ast.Call) -> bool:
    """Whether a call may say by itself in which mode it is."""
    return any(keyword.arg in (FLAG, None) for keyword in call.keywords)


def trained(scope: ast.AST) -> set[str]:
    """The things whose variables are spoken of in a function or module: `self.generator`."""
    return {
        ast.unparse(node.value)
        for node in ast.walk(scope)
        if isinstance(node, ast.Attribute) and node.attr in _SOURCES
    }


def is_named_in(callee: ast.expr, names: set[str]) -> bool:
    """Whether a called thing, or what it is part of, is one of these."""
    node: ast.expr | None = callee
    while node is not None:
        if ast.unparse(node) in names:
            return True
        match node:
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Call(func=value):
                node = value
            case _:
                node = None
    return False


def _surroundings(
    node: ast.AST, functions: tuple[Function, ...] = (), owner: ast.ClassDef | None = None
) -> Iterator[tuple[ast.AST, tuple[tuple[Function, ...], ast.ClassDef | None]]]:
    """The functions and the class around every node."""
    for child in ast.iter_child_nodes(node):
        yield child, (functions, owner)
        if isinstance(child, Function):
            yield from _surroundings(child, (child, *functions), owner)
        elif isinstance(child, ast.ClassDef) and not functions:
            yield from _surroundings(child, functions, child)
        else:
            yield from _surroundings(child, functions, owner)


_Around = dict[ast.AST, tuple[tuple[Function, ...], ast.ClassDef | None]]


def _place(node: ast.AST, around: _Around) -> Where | None:
    if isinstance(node, ast.With | ast.AsyncWith) and any(_is_tape(item) for item in node.items):
        return Where.TAPE
    if isinstance(node, Function) and node.name == "train_step":
        functions, owner = around[node]
        return Where.STEP if owner is not None and not functions else None
    return None


def _is_tape(item: ast.withitem) -> bool:
    match item.context_expr:
        case ast.Call(func=ast.Attribute(attr="GradientTape") | ast.Name(id="GradientTape")):
            return True
    return False


def _called(block: _Block, around: _Around) -> Iterator[Function]:
    """The functions of the file, and the methods of the class, that a block calls by name."""
    method = block.node if isinstance(block.node, Function) else next(iter(block.functions[-1:]), None)
    reachable = {block.node, *block.functions}
    names = set()
    own = set()
    for node in ast.walk(block.node):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                names.add(name)
            case ast.Call(func=ast.Attribute() as func) if method is not None:
                attribute = own_attribute(func, method)
                own |= {attribute} if attribute else set()
    for node, (functions, owner) in around.items():
        if isinstance(node, Function):
            is_method = owner is not None and not functions
            if is_method and owner is block.owner and node.name in own:
                yield node
            if not is_method and node.name in names and reachable.issuperset(functions):
                yield node
