"""Walking over syntax trees, which is what kerasfix does most.

`ast.walk` asks every node for all its fields, for the names and numbers in them and for the marks (`Load`,
`Add`) behind a third of all nodes. Here each kind of node knows its fields that hold nodes, the marks are
left out, and all nodes of a tree are laid out once in one row, of which a function or a class is a stretch;
who wants nodes of one kind meets no others. What is a statement's own is kept too: nothing ever changes a
tree.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import TypeVar, overload

_MARKS = frozenset({"ctx", "op", "ops"})
_TEXTS = frozenset(
    (
        *("arg", "asname", "attr", "conversion", "id", "is_async", "kind", "kwd_attrs", "level", "lineno"),
        *("module", "rest", "simple", "tag", "type_comment", "type_ignores"),
    )
)
# Fields that hold a node in one kind of node and something else in another.
_ONLY_TEXTS: dict[type[ast.AST], frozenset[str]] = {
    ast.Constant: frozenset({"value"}),
    ast.MatchSingleton: frozenset({"value"}),
    ast.Global: frozenset({"names"}),
    ast.Nonlocal: frozenset({"names"}),
}
_NAMED_BY_NODES = frozenset({"TypeAlias"})  # Python 3.12

# What is inside of these is not run where they stand.
_CLOSED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

_KEPT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)

_Node = TypeVar("_Node", bound=ast.AST)
_Other = TypeVar("_Other", bound=ast.AST)


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that hold nodes, the last one first."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        left_out = _MARKS | _TEXTS | _ONLY_TEXTS.get(kind, frozenset())
        if kind.__name__ not in _NAMED_BY_NODES:
            left_out |= {"name"}
        self[kind] = tuple(name for name in reversed(kind._fields) if name not in left_out)
        return self[kind]


_FIELDS = _Fields()


def walk(root: ast.AST) -> Iterator[ast.AST]:
    """A node and all that is below it, each node before what it is made of, in the order of the fields."""
    if isinstance(root, _KEPT):
        stretch = _stretch(root)
        return chain((root,), stretch.row.nodes[stretch.start : stretch.end])
    return chain((root,), _below(root))


@overload
def of_kind(root: ast.AST, one: type[_Node], /) -> list[_Node]: ...
@overload
def of_kind(root: ast.AST, one: type[_Node], other: type[_Other], /) -> list[_Node | _Other]: ...
@overload
def of_kind(root: ast.AST, /, *kinds: type[ast.AST]) -> list[ast.AST]: ...
def of_kind(root: ast.AST, /, *kinds: type[ast.AST]) -> Sequence[ast.AST]:
    """The nodes of some kinds among what `walk` gives, in the same order."""
    if not isinstance(root, _KEPT):
        return [node for node in walk(root) if isinstance(node, kinds)]
    stretch = _stretch(root)
    found: list[tuple[int, ast.AST]] = [(-1, root)] if isinstance(root, kinds) else []
    for each in kinds:
        numbers, nodes = stretch.row.by_kind.get(each, _NONE)
        start, end = bisect_left(numbers, stretch.start), bisect_left(numbers, stretch.end)
        found += zip(numbers[start:end], nodes[start:end], strict=True)
    if len(kinds) > 1:
        found.sort(key=itemgetter(0))
    return [node for _, node in found]


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes of which a node is made, in the order of its fields."""
    found = reversed_children(node)
    found.reverse()
    return found


def reversed_children(node: ast.AST) -> list[ast.AST]:
    """The same, the last one first: for who takes them off the end of a list."""
    found: list[ast.AST] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if value is None:
            continue
        if type(value) is list:
            # `{**other}` has None among its keys, and a keyword-only parameter among its defaults.
            found += reversed(value) if None not in value else [each for each in reversed(value) if each]
        else:
            found.append(value)
    return found


def own_nodes(roots: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes below `roots` in the order of the source, without the insides of functions and classes."""
    return chain.from_iterable(map(_own, roots))


def parents_in(root: ast.AST) -> dict[ast.AST, ast.AST]:
    """What each node below `root` is a part of."""
    return {child: node for node in walk(root) for child in reversed_children(node)}


def depth(root: ast.AST) -> int:
    """How deeply a tree is nested."""
    deepest = 0
    waiting = [(root, 0)]
    while waiting:
        node, here = waiting.pop()
        deepest = max(deepest, here)
        waiting += [(child, here + 1) for child in reversed_children(node)]
    return deepest


def _own(root: ast.AST) -> list[ast.AST]:
    # Of statements it is kept: every rule asks again.
    found: list[ast.AST] | None = root.__dict__.get("_own")
    if found is None:
        found = []
        waiting = [root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            if _FIELDS[type(node)] and not isinstance(node, _CLOSED):
                waiting += reversed_children(node)
        if isinstance(root, ast.stmt):
            root.__dict__["_own"] = found
    return found


def _below(root: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    waiting = reversed_children(root)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if _FIELDS[type(node)]:
            waiting += reversed_children(node)
    return found


class _Row:
    """All nodes below a root in the order of `walk`."""

    def __init__(self) -> None:
        self.nodes: list[ast.AST] = []

    @cached_property
    def by_kind(self) -> dict[type[ast.AST], tuple[list[int], list[ast.AST]]]:
        """The nodes of each kind, with their places in the row."""
        found: dict[type[ast.AST], tuple[list[int], list[ast.AST]]] = {}
        for number, node in enumerate(self.nodes):
            kind = type(node)
            if kind not in found:
                found[kind] = [], []
            numbers, nodes = found[kind]
            numbers.append(number)
            nodes.append(node)
        return found


_NONE: tuple[list[int], list[ast.AST]] = ([], [])


@dataclass(slots=True)
class _Stretch:
    """What is below one node, as a part of a row."""

    row: _Row
    start: int
    end: int


def _stretch(root: ast.AST) -> _Stretch:
    found: _Stretch | None = root.__dict__.get("_stretch")
    return found or _lay_out(root)


def _lay_out(root: ast.AST) -> _Stretch:
    row = _Row()
    nodes = row.nodes
    waiting: list[ast.AST | tuple[ast.AST, int]] = [*reversed_children(root)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            inner, start = node
            inner.__dict__["_stretch"] = _Stretch(row, start, len(nodes))
            continue
        nodes.append(node)
        if _FIELDS[type(node)]:
            if isinstance(node, _KEPT):
                # It comes up again when all that is below has been seen.
                waiting.append((node, len(nodes)))
            waiting += reversed_children(node)
    whole = root.__dict__["_stretch"] = _Stretch(row, 0, len(nodes))
    return whole
