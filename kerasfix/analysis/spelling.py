"""Names as a program spells them, where `Scope.dotted` says what they stand for."""

from __future__ import annotations

import ast

from kerasfix.analysis.scope import Imported, Scope
from kerasfix.keras import names
from kerasfix.keras.names import root

__all__ = ["full_name", "keras_of", "root"]

_PUBLIC = frozenset({"keras", "tf_keras", "tensorflow.keras"})


def full_name(node: ast.expr, scope: Scope, steps: int = 8) -> str | None:
    """The dotted name of an expression, from the import that it begins with."""
    if isinstance(node, ast.Attribute):
        base = full_name(node.value, scope, steps)
        return None if base is None else f"{base}.{node.attr}"
    if not isinstance(node, ast.Name) or steps == 0:
        return None
    found: set[str | None] = set()
    for binding in scope.lookup(node.id):
        if isinstance(binding, Imported):
            found.add(binding.dotted)
        elif isinstance(binding, ast.Name | ast.Attribute):
            found.add(full_name(binding, scope, steps - 1))
        else:
            found.add(None)
    if not found:
        return _from_star(node.id, scope)
    return found.pop() if len(found) == 1 else None


def keras_of(node: ast.expr, scope: Scope) -> str | None:
    """The Keras that something comes from: "keras", "tf_keras" or "tensorflow.keras"."""
    dotted = full_name(node, scope)
    found = root(dotted) if dotted is not None else None
    return found if found in _PUBLIC else None


def _from_star(name: str, scope: Scope) -> str | None:
    """What a star import of Keras' layers brings; the last one wins."""
    while scope.parent is not None:
        scope = scope.parent
    for module in reversed(scope.star_imports):
        if names.layer_name(f"{module}.{name}") is not None:
            return f"{module}.{name}"
    return None
