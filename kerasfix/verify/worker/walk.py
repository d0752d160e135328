"""The layers of a model by attribute path, and its variables by the path of their layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .keras_import import is_keras_class
from .sensitive import words

# Wrappers hand their flag to a layer of the user's choice; other layers of Keras keep their parts to
# themselves.
_WRAPPERS = ("Bidirectional", "TimeDistributed")
_INTERNAL = words(
    "_functional _layers _operations _nodes _inputs _outputs _nested_inputs _nested_outputs _inputs_struct "
    "_outputs_struct _operations_by_depth _nodes_by_depth _input_layers _output_layers _metrics "
    "_loss_tracker _compile_loss _compile_metrics compiled_loss compiled_metrics optimizer loss metrics "
    "_network_nodes _self_tracked_trackables _flattened_layers"
)
_MOST_LAYERS = 5000


@dataclass(frozen=True)
class Found:
    """A layer and where it hangs.

    Attributes:
        inner: Whether it is a part of one of Keras' own layers, which decides alone when to call it.
    """

    path: str
    layer: Any
    inner: bool


def layers_of(root: Any, keras: Any) -> list[Found]:
    """All sublayers, parents before their parts, each once, under the first path that leads to it."""
    internal = _INTERNAL | set(vars(keras.Model())) | set(vars(keras.layers.Layer()))
    walker = _Walker(keras, internal)
    walker.enter(root, "", inner=False)
    return walker.found


class _Walker:
    def __init__(self, keras: Any, internal: frozenset[str]) -> None:
        self.keras = keras
        self.internal = internal
        self.found: list[Found] = []
        self.seen: set[int] = set()

    def enter(self, layer: Any, path: str, inner: bool) -> None:
        self.seen.add(id(layer))
        for child_path, child, child_inner in self._children(layer, path, inner):
            if id(child) not in self.seen and len(self.found) < _MOST_LAYERS:
                if type(child).__name__ != "InputLayer":
                    self.found.append(Found(child_path, child, child_inner))
                self.enter(child, child_path, child_inner)

    def _children(self, layer: Any, path: str, inner: bool) -> Iterator[tuple[str, Any, bool]]:
        prefix = path + "." if path else ""
        own = is_keras_class(type(layer))
        if not own or type(layer).__name__ in _WRAPPERS:
            # On PyTorch a layer is a module, which keeps the layers that it is given apart.
            modules = vars(layer).get("_modules") or {}
            for name, value in [*vars(layer).items(), *modules.items()]:
                if name not in self.internal and not name.startswith("_self_"):
                    for child_path, child in self._in_value(value, prefix + name, depth=0):
                        yield child_path, child, inner or own
        if isinstance(layer, self.keras.Model):
            for index, child in enumerate(layer.layers):
                yield f"{prefix}layers[{index}]", child, inner

    def _in_value(self, value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        if isinstance(value, self.keras.layers.Layer):
            # In Keras 2 a metric is a layer.
            if not isinstance(value, self.keras.metrics.Metric):
                yield path, value
        elif depth > 3:
            return
        elif isinstance(value, Mapping):
            for key, item in list(value.items()):
                yield from self._in_value(item, f"{path}[{key!r}]", depth + 1)
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                yield from self._in_value(item, f"{path}[{index}]", depth + 1)


@dataclass(frozen=True)
class Named:
    """A variable, its name ("conv1/kernel", "blocks[0]/gamma", "scale") and the path of its layer."""

    name: str
    owner: str
    variable: Any


def named_variables(root: Any, layers: list[Found]) -> list[Named]:
    """All weights of `root` with names that do not depend on Keras' counters."""
    owners: dict[int, Found] = {}
    for found in [Found("", root, False), *layers]:
        if not found.inner:
            for variable in found.layer.weights:
                owners[id(variable)] = found
    named: list[Named] = []
    taken: dict[str, int] = {}
    for variable in root.weights:
        owner = owners.get(id(variable), Found("", root, False))
        own = _name_in(owner.layer, variable)
        name = f"{owner.path}/{own}" if owner.path else own
        taken[name] = taken.get(name, 0) + 1
        named.append(Named(name if taken[name] == 1 else f"{name}#{taken[name]}", owner.path, variable))
    return named


def _name_in(layer: Any, variable: Any) -> str:
    """A variable's name below its layer: without the automatic names of the layers above."""
    if not is_keras_class(type(layer)):
        for name, value in vars(layer).items():
            if value is variable:
                return str(name)
    path = str(getattr(variable, "path", variable.name)).partition(":")[0].split("/")
    if layer.name in path[:-1]:
        last = len(path) - 1 - path[::-1].index(layer.name)
        return "/".join(path[last + 1 :])
    return str(path[-1])
