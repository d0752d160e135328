"""Walking over syntax trees, which is what kerasfix does most.

`ast.walk` asks every node for all its fields, for the names and numbers in them and for the marks (`Load`,
`Add`) behind a third of all nodes. Here each kind of node knows its fields that hold nodes, the marks are
left out, and what is below a function, a class or a module, and what is a statement's own, is worked out
once: nothing ever changes a tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import chain

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

_KEPT = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module


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
    if not isinstance(root, _KEPT):
        return chain((root,), _below(root))
    kept: list[ast.AST] | None = root.__dict__.get("_below")
    if kept is None:
        kept = root.__dict__["_below"] = _below(root)
    return chain((root,), kept)


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes of which a node is made, in the order of its fields."""
    found = _reversed_children(node)
    found.reverse()
    return found


def own_nodes(roots: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes below `roots` in the order of the source, without the insides of functions and classes."""
    return chain.from_iterable(map(_own, roots))


def parents_in(root: ast.AST) -> dict[ast.AST, ast.AST]:
    """What each node below `root` is a part of."""
    return {child: node for node in walk(root) for child in _reversed_children(node)}


def depth(root: ast.AST) -> int:
    """How deeply a tree is nested."""
    deepest = 0
    waiting = [(root, 0)]
    while waiting:
        node, here = waiting.pop()
        deepest = max(deepest, here)
        waiting += [(child, here + 1) for child in _reversed_children(node)]
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
                waiting += _reversed_children(node)
        if isinstance(root, ast.stmt):
            root.__dict__["_own"] = found
    return found


def _below(root: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    waiting = _reversed_children(root)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if _FIELDS[type(node)]:
            waiting += _reversed_children(node)
    return found


def _reversed_children(node: ast.AST) -> list[ast.AST]:
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
