"""Which classes an annotation names."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def classes_named(annotation: ast.expr) -> Iterator[ast.expr]:
    """The classes that an annotation names: both of `Dropout | None`, one of `Optional[Dropout]`."""
    match annotation:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            yield from classes_named(left)
            yield from classes_named(right)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            yield from classes_named(inner)
        case ast.Constant(value=str() as text):
            try:
                yield from classes_named(ast.parse(text, mode="eval").body)
            except (SyntaxError, ValueError):
                return
        case ast.Name() | ast.Attribute():
            yield annotation
