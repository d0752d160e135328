"""Where a program trains by hand: gradient tapes, `train_step` methods, and the functions that these call.

A small reader of its own, without any code of kerasfix.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.loops.sources import Trained, is_trained, mentioned, sources
from benchmarks.restore.knowledge import FLAG, own_attribute
from benchmarks.restore.library import Function


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
        trained: Whether what is called is trained there.
    """

    call: ast.Call
    where: Where
    functions: tuple[Function, ...]
    owner: ast.ClassDef | None
    trained: Trained


@dataclass(frozen=True, eq=False)
class _Block:
    """A place that trains.

    Attributes:
        sources: What the tapes train that it is or that call it; None where that is not known.
    """

    node: ast.AST
    where: Where
    functions: tuple[Function, ...]
    owner: ast.ClassDef | None
    sources: tuple[set[str] | None, ...]


def spots(tree: ast.Module) -> list[Spot]:
    """Every call in a place that trains, each once, in the order of the text."""
    around = dict(_surroundings(tree))
    blocks = [
        _Block(node, where, *around[node], _sources(node, around[node][0], tree))
        for node in ast.walk(tree)
        if (where := _place(node, around))
    ]
    blocks += [
        # A function has its own names for what is handed to it.
        _Block(called, Where.CALLED, *around[called], (*block.sources, *(() if is_method else (None,))))
        for block in list(blocks)
        for called, is_method in _called(block, around)
    ]
    found: dict[ast.Call, list[_Block]] = {}
    order = list(Where)
    for block in sorted(blocks, key=lambda block: order.index(block.where)):
        for node in ast.walk(block.node):
            if isinstance(node, ast.Call):
                found.setdefault(node, []).append(block)
    result = [
        Spot(
            call,
            near[0].where,
            *around[call],
            is_trained(call.func, [names for block in near for names in block.sources]),
        )
        for call, near in found.items()
    ]
    return sorted(result, key=lambda spot: (spot.call.lineno, spot.call.col_offset))


def _sources(node: ast.AST, functions: tuple[Function, ...], tree: ast.Module) -> tuple[set[str] | None, ...]:
    """What a tape trains; a `train_step` says it by the tapes in it, or by the variables that it mentions."""
    if isinstance(node, ast.With | ast.AsyncWith):
        return (sources(node, functions[-1] if functions else tree),)
    has_tape = any(
        isinstance(each, ast.With | ast.AsyncWith) and any(_is_tape(item) for item in each.items)
        for each in ast.walk(node)
    )
    return () if has_tape else (mentioned(node), None)


def flag_of(call: ast.Call) -> ast.keyword | None:
    """The `training=True` of a call."""
    for keyword in call.keywords:
        if keyword.arg == FLAG and isinstance(keyword.value, ast.Constant) and keyword.value.value is True:
            return keyword
    return None


def says_mode(call: ast.Call) -> bool:
    """Whether a call may say by itself in which mode it is."""
    return any(keyword.arg in (FLAG, None) for keyword in call.keywords)


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


def _called(block: _Block, around: _Around) -> Iterator[tuple[Function, bool]]:
    """The functions of the file, and the methods of the class (True), that a block calls by name."""
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
                yield node, True
            if not is_method and node.name in names and reachable.issuperset(functions):
                yield node, False
