"""From values written as JSON to live objects, made anew for every instance.

Besides JSON: `{"$tuple": [...]}`, `{"$name": "a.b"}`, `{"$call": "a.B", "positional": [...], "named": {}}`;
`{"$array": [...], "dtype": "int64"}`; `{"$keras": {...}}`, what Keras writes of its objects;
`{"$settings": {...}}`, an object that has every setting that is asked of it; and `{"$model": shape}`, a small
functional model for such an input, or `{"$model": null, "outputs": n, "attributes": {...}}`, a layer with
so many outputs that has what is read of it.
"""

from __future__ import annotations

import builtins
import copy
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from .guesses import MISSING, WIDTH, by_name
from .relatives import in_package


class CannotMake(Exception):
    """A name that means nothing here."""


class Settings(MutableMapping):  # type: ignore[type-arg]
    """Stands in for a configuration object: what is not set is guessed from its name.

    No `dict`: Keras replaces those that a layer keeps by its own, which guess nothing.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.__dict__["_values"] = dict(values or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __getitem__(self, key: Any) -> Any:
        if key not in self._values:
            value = by_name(str(key))
            self._values[key] = WIDTH if value is MISSING else make(value, Scope(None, None))
        return self._values[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: Any) -> None:
        self._values.pop(key, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, key: Any) -> bool:
        return key in self._values

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        return self is other or (isinstance(other, Mapping) and dict(self) == dict(other))

    def __deepcopy__(self, memo: Any) -> Settings:
        return Settings(self._values)

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self or default is None else default

    def pop(self, key: Any, default: Any = MISSING) -> Any:
        value = self[key] if default is MISSING else self.get(key, default)
        self._values.pop(key, None)
        return value

    def copy(self) -> Settings:
        return Settings(self._values)

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


class Scope:
    """Where names are looked up: the module of the class, then Keras."""

    def __init__(self, module: dict[str, Any] | None, keras: Any) -> None:
        self._module = module or {}
        self.keras = keras

    def find(self, dotted: str) -> Any:
        """What a dotted name means.

        Raises:
            CannotMake: if it means nothing.
        """
        parts = dotted.split(".")
        for start in self._roots(parts):
            value = start
            try:
                for part in parts[1:]:
                    value = getattr(value, part)
                return value
            except AttributeError:
                continue
        for room in ("layers", "activations", "initializers", "regularizers"):
            value = getattr(getattr(self.keras, room, None), parts[-1], MISSING)
            if value is not MISSING:
                return value
        module, _, name = dotted.rpartition(".")
        if module in sys.modules and hasattr(sys.modules[module], name):
            return getattr(sys.modules[module], name)
        other = in_package(parts[-1], self._module.get("__name__", "")) if parts[-1][:1].isupper() else None
        if other is None:
            raise CannotMake(dotted)
        return other

    def _roots(self, parts: list[str]) -> Iterator[Any]:
        for space in (self._module, {"keras": self.keras, "layers": getattr(self.keras, "layers", None)}):
            if parts[0] in space:
                yield space[parts[0]]
        if len(parts) == 1 and hasattr(builtins, parts[0]):
            yield getattr(builtins, parts[0])


def make(value: Any, scope: Scope) -> Any:
    """The object that a value stands for.

    Raises:
        CannotMake: if it mentions a name that is not there.
    """
    if isinstance(value, list):
        return [make(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(make(item, scope) for item in value["$tuple"])
    if "$name" in value:
        return scope.find(value["$name"])
    if "$settings" in value:
        return Settings({key: make(item, scope) for key, item in value["$settings"].items()})
    if "$array" in value:
        return np.array(value["$array"], value["dtype"])
    if "$keras" in value:
        # A layer may keep what it is given, and Keras 2 puts its own dictionaries into it.
        return scope.keras.saving.deserialize_keras_object(copy.deepcopy(value["$keras"]))
    if "$model" in value:
        if value["$model"] is None:
            attributes = {key: make(item, scope) for key, item in value.get("attributes", {}).items()}
            return _part(scope.keras, value["outputs"], attributes)
        return _model(scope.keras, tuple(value["$model"]))
    if "$call" in value:
        positional = [make(item, scope) for item in value["positional"]]
        named = {key: make(item, scope) for key, item in value["named"].items()}
        return scope.find(value["$call"])(*positional, **named)
    return {key: make(item, scope) for key, item in value.items()}


def _part(keras: Any, count: int, attributes: dict[str, Any]) -> Any:
    """A layer with so many outputs, for inputs of any shape, and with what else is read of it."""
    if keras is None:
        raise CannotMake("a model")

    class Part(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = [keras.layers.Dense(WIDTH) for _ in range(count)]

        def call(self, inputs: Any) -> Any:
            outputs = [part(inputs) for part in self.parts]
            return outputs if count > 1 else outputs[0]

    made = Part()
    for name, value in attributes.items():
        if not hasattr(made, name):
            setattr(made, name, value)
    return made


def _model(keras: Any, shape: tuple[int, ...]) -> Any:
    if keras is None:
        raise CannotMake("a model")
    inputs = keras.Input(shape)
    layers = keras.layers
    if len(shape) == 3:
        outputs = layers.Conv2D(WIDTH, 3, strides=2, padding="same", activation="relu")(inputs)
    else:
        outputs = layers.Dense(WIDTH, activation="relu")(inputs)
    return keras.Model(inputs, outputs)
