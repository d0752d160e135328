"""Whether something that is a layer has weights."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.values import UNKNOWN, BuiltinLayer, Container, Nothing, Stack, UserLayer, Value, flat
from kerasfix.keras.layers import APPLICATIONS, LAYERS
from kerasfix.keras.weights import has_seed, has_weights
from kerasfix.syntax import of_kind

# What makes a weight in a class that somebody wrote.
_MAKES = frozenset({"add_weight", "add_variable", "Variable", "get_variable"})


class Weights:
    """The weights of the layers of a project.

    Args:
        layers: Its layers.
    """

    def __init__(self, layers: LayerIndex) -> None:
        self._layers = layers
        self._classes: dict[ClassInfo, bool | None] = {}

    def of(self, value: Value) -> bool | None:
        """Whether a value has weights; None if that cannot be told."""
        match value:
            case BuiltinLayer(fact=known, call=call, inner=inner):
                if LAYERS.get(known.name) is not known:
                    return None  # of a package whose layers were not looked at for this
                own = has_weights(known.name, frozenset(each.arg for each in call.keywords if each.arg))
                return self.of_any(inner) if own is None and inner else own
            case UserLayer(info=info):
                return self._of_class(info)
            case Stack(layers=layers, class_name=name):
                return True if name in APPLICATIONS else self.of_any(layers)
            case Container(elements=elements):
                return self.of_any(elements)
            case Nothing():
                return False
        return None

    def of_any(self, values: Iterable[Value]) -> bool | None:
        """Whether any of several values has weights."""
        found = {self.of(value) for value in values}
        return True if True in found else None if None in found else False

    def has_seed(self, value: Value) -> bool:
        """Whether a value, or a layer that it is made of, keeps its random state in a variable."""
        match value:
            case BuiltinLayer(fact=known, inner=inner):
                return has_seed(known.name) or any(self.has_seed(each) for each in inner)
            case Stack(layers=layers):
                return any(self.has_seed(each) for each in layers)
        return False

    def _of_class(self, info: ClassInfo) -> bool | None:
        if info not in self._classes:
            self._classes[info] = None  # while it is looked at, for a class that has itself as a layer
            self._classes[info] = self._looked_at(info)
        return self._classes[info]

    def _looked_at(self, info: ClassInfo) -> bool | None:
        made = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for each in info.ancestors
            for node in of_kind(each.node, ast.Attribute, ast.Name)
        }
        if made & _MAKES:
            return True
        held = [
            value
            for attribute in self._layers.attributes(info).values()
            for each in attribute.values
            for value in flat(each)
            if isinstance(value, BuiltinLayer | UserLayer | Stack)
        ]
        found = self.of_any(held)
        unsure = info.is_open or bool(info.builtin_bases) or self._calls_unknown(info)
        return None if not found and unsure else found

    def _calls_unknown(self, info: ClassInfo) -> bool:
        """Whether a class calls something that it keeps and that may be a layer."""
        attributes = self._layers.attributes(info)
        unknown = {name for name, each in attributes.items() if UNKNOWN in each.values}
        return any(
            isinstance(node.func, ast.Attribute) and node.func.attr in unknown
            for each in info.ancestors
            for name, method in each.methods.items()
            if name != "__init__"
            for node in of_kind(method.node, ast.Call)
        )
