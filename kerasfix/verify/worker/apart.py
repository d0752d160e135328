"""How a method takes an input apart: a list by its places, a dictionary by its keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .ranks import is_name

_MOST_COUNTED = 9


@dataclass
class Slot:
    """One tensor that a model takes.

    Attributes:
        label: What the code calls it.
        key: Its key in a dictionary or its keyword; None if it goes by its place.
        readers: Layers that read it first.
        ranks: Numbers of axes, batch included, that the code speaks of.
        shape: The shape that is known, batch included.
        listed: Whether it is an item of a list: those with the same key are one.
    """

    label: str
    key: str | None = None
    readers: list[Any] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    listed: bool = False


@dataclass
class Layout:
    """The kind as in `Spec`, its slots, and what is handed over besides tensors.

    Attributes:
        optional: Tensors that may be left out, and that the code may want all the same.
    """

    kind: str
    slots: list[Slot]
    constants: tuple[tuple[str, Any], ...] = ()
    optional: list[Slot] = field(default_factory=list)


def taken_apart(method: ast.FunctionDef, parameter: str, scope: Mapping[str, Any]) -> Layout:
    """How the lines of a method take one of its parameters apart.

    Args:
        scope: What the names in it mean, as far as that is known.
    """
    keys: dict[str, str] = {}
    labels: dict[int, str] = {}
    apart: list[str] = []
    counted = 0
    loops = _words_looped_over(method)
    last = first_rebinding(method, parameter)
    for node in ast.walk(method):
        if getattr(node, "lineno", 0) > last:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, (ast.Tuple, ast.List)):
            starred = any(isinstance(item, ast.Starred) for item in target.elts)
            if _is_whole(node.value, parameter) and not starred:
                apart = apart or [ast.unparse(item) for item in target.elts]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            label = node.targets[0].id
            for key in _keys_read(node.value, parameter, loops, scope):
                if isinstance(key, str):
                    keys[key] = label
                else:
                    labels[key] = label
        for key in _keys_read(node, parameter, loops, scope):
            if isinstance(key, str):
                keys.setdefault(key, key)
            else:
                labels.setdefault(key, f"input{key}")
        counted = max(counted, _counted(node, parameter))
    if keys:
        # Before all others: what takes several forms says so there, and its `build` may take this one only.
        return Layout("dict", [Slot(key, key) for key in keys])
    if apart:
        return Layout("list", [Slot(name) for name in apart])
    labels = {**{number: f"input{number}" for number in range(counted)}, **labels}
    if labels and min(labels) >= 0 and max(labels) > 0:
        return Layout("list", [Slot(labels.get(i, f"input{i}")) for i in range(max(labels) + 1)])
    return Layout("one", [Slot(parameter)])


def _is_whole(node: ast.AST, parameter: str) -> bool:
    """`inputs`, or its beginning: `inputs[:3]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return is_name(node.value, parameter) and node.slice.lower is None and node.slice.step is None
    return is_name(node, parameter)


def _counted(node: ast.AST, parameter: str) -> int:
    """`len(inputs) == 3`: how many the code expects; 0 for any other expression."""
    if not isinstance(node, ast.Compare) or ast.unparse(node.left) != f"len({parameter})":
        return 0
    wanted = node.comparators[0]
    is_equal = isinstance(node.ops[0], (ast.Eq, ast.NotEq)) and isinstance(wanted, ast.Constant)
    return wanted.value if is_equal and type(wanted.value) is int and wanted.value < _MOST_COUNTED else 0  # type: ignore[attr-defined]


def shapes_read(node: ast.AST, parameter: str) -> Iterator[int]:
    """`shapes[1][-1]`, `TensorShape(shapes[1])`: a number of a shape by itself would be a size."""
    inner: ast.AST | None = None
    if isinstance(node, ast.Subscript):
        inner = node.value
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("TensorShape", "len", "list")):
        inner = node.args[0] if node.args else None
    if isinstance(inner, ast.Subscript) and is_name(inner.value, parameter):
        place = inner.slice
        if isinstance(place, ast.Constant) and type(place.value) is int and 0 <= place.value < _MOST_COUNTED:
            yield place.value


def _words_looped_over(method: ast.FunctionDef) -> dict[str, list[str]]:
    """`for name in ("a", "b")`, also in a comprehension."""
    found = {}
    for node in ast.walk(method):
        if isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.target, ast.Name):
            items = node.iter.elts if isinstance(node.iter, (ast.Tuple, ast.List)) else []
            words = [item.value for item in items if isinstance(item, ast.Constant)]
            if words and all(isinstance(word, str) for word in words):
                found[node.target.id] = [str(word) for word in words]
    return found


def _keys_read(
    node: ast.AST, parameter: str, loops: dict[str, list[str]], scope: Mapping[str, Any]
) -> Iterator[str | int]:
    """`inputs["a"]`, `inputs[0]`, `inputs.get(KEY)`, `inputs[self.key]`; `inputs[name]` in a loop."""
    key: ast.AST | None = None
    if isinstance(node, ast.Subscript) and is_name(node.value, parameter):
        key = node.slice
    elif isinstance(node, ast.Call) and node.args and ast.unparse(node.func) == f"{parameter}.get":
        key = node.args[0]
    if isinstance(key, ast.Name) and key.id in loops:
        yield from loops[key.id]
    elif key is not None:
        value = _known(key, scope)
        if type(value) in (str, int):
            yield value


def _known(node: ast.AST, scope: Mapping[str, Any]) -> Any:
    """The value of a constant, a global name, an attribute or an item of such; None if it is not known."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if not isinstance(node, (ast.Attribute, ast.Subscript)):
        return None
    whole = _known(node.value, scope)
    try:
        if isinstance(node, ast.Attribute):
            return getattr(whole, node.attr)
        return whole[_known(node.slice, scope)]
    except Exception:
        # Whatever a property of the user's raises.
        return None


def first_rebinding(method: ast.FunctionDef, label: str) -> float:
    """The last line of the first statement that gives the name another value."""
    lines = [
        node.end_lineno or node.lineno
        for node in ast.walk(method)
        if isinstance(node, ast.Assign) and any(is_name(target, label) for target in node.targets)
    ]
    return min(lines, default=float("inf"))
