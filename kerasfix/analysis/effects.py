"""Layers that are called for more than their output: for losses, to keep state, to fill what they are given."""

from __future__ import annotations

import ast

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.values import BuiltinLayer, Container, UserLayer, Value
from kerasfix.keras.layers import Effect
from kerasfix.syntax import walk

_CALLED_FOR = frozenset(
    {"add_loss", "add_metric", "add_update", "assign", "assign_add", "assign_sub", "update_state"}
)


def value_has_effect(value: Value) -> bool:
    """Whether calling a layer does more than return a tensor."""
    match value:
        case BuiltinLayer(fact=known, inner=inner):
            if known.effect is Effect.UNKNOWN or known.name == "ActivityRegularization":
                # DenseFeatures fills a dict that it is given; a Lambda does what its function does.
                return True
            return any(value_has_effect(each) for each in inner)
        case UserLayer(info=info):
            return _class_has_effect(info)
        case Container(elements=elements):
            return any(value_has_effect(each) for each in elements)
    return False


def is_lambda(value: Value) -> bool:
    return isinstance(value, BuiltinLayer) and value.fact.name == "Lambda"


def _class_has_effect(info: ClassInfo) -> bool:
    """Whether a class adds losses, keeps state, or may do so where it cannot be seen."""
    if info.is_open:
        return True
    return any(
        (isinstance(node, ast.Attribute) and node.attr in _CALLED_FOR)
        or (name == "call" and _stores_on_self(node))
        for each in info.ancestors
        for name, method in each.methods.items()
        if name != "__init__"
        for node in walk(method.node)
    )


def _stores_on_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
