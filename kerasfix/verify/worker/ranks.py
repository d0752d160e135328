"""How many axes a tensor has by what the code does to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

# Methods of a call that give the shape: `b, n, c = x.shape`.
_SHAPES = ("shape", "get_shape", "as_list", "shape_list", "get_shape_list", "int_shape")


def is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def ranks_in(node: ast.AST, label: str) -> Iterator[int]:
    """`b, h, w, c = x.shape`, `x[:, :, 0]`, `transpose(x, (0, 2, 1))`, `x.shape[3]`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.List)):
        elements = node.targets[0].elts
        starred = any(isinstance(item, ast.Starred) for item in elements)
        if _is_shape_of(node.value, label) and "[" not in ast.unparse(node.value) and not starred:
            yield len(elements)
    elif isinstance(node, ast.Subscript):
        index = node.slice
        if is_name(node.value, label) and isinstance(index, ast.Tuple):
            if not any(_is_special(item) for item in index.elts):
                yield len(index.elts)
        elif _is_place(index) and _is_shape_of(node.value, label):
            yield ast.literal_eval(index) + 1
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("transpose"):
        orders = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
        if node.args and is_name(node.args[0], label):
            yield from (len(item.elts) for item in orders if isinstance(item, (ast.Tuple, ast.List)))


def _is_place(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value > 0


def _is_shape_of(node: ast.AST, label: str) -> bool:
    text = ast.unparse(node)
    return bool(re.search(rf"\b{re.escape(label)}\b", text)) and any(word in text for word in _SHAPES)


def _is_special(item: ast.AST) -> bool:
    """`None` and `...` in a subscript add or hide axes."""
    return isinstance(item, ast.Constant) and item.value in (None, ...)
