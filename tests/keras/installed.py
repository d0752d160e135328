"""What the installed Keras has: its public layers and applications, and their signatures."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest

from kerasfix.keras.layers import LAYERS, LayerFact

# The versions that the table states. Older ones lack layers and parameters; what they have behaves the same.
STATED = {3: (3, 15), 2: (2, 21)}

FACTS = {fact.name: fact for fact in LAYERS.values()}

# Constructor arguments on which an effect hangs.
DROPOUTS = ("dropout", "recurrent_dropout")
RATES = ("rate", "stddev")


def on_each_keras(names: Iterable[str]) -> pytest.MarkDecorator:
    """A test per layer and Keras that has it, according to the table (which is itself held to that)."""
    return pytest.mark.parametrize(
        ("keras", "name"),
        [
            (keras, name)
            for name in names
            for keras, stated in (("keras_3", LAYERS[name].keras3), ("keras_2", LAYERS[name].keras2))
            if stated is not None
        ],
        indirect=["keras"],
    )


def namespaces(keras: Any) -> list[Any]:
    """Where layer classes are public: `layers`, and in Keras 2 what it calls experimental or version 1."""
    if keras.is_3:
        return [keras.layers]
    version_1 = importlib.import_module("tf_keras.api._v1.keras.layers")
    return [
        keras.layers,
        keras.layers.experimental,
        keras.layers.experimental.preprocessing,
        # Only the layers that nothing newer replaces; the others are the old selves of those above.
        *({name: getattr(version_1, name)} for name in ("CuDNNGRU", "CuDNNLSTM")),
    ]


def public_layers(keras: Any) -> dict[str, type]:
    found: dict[str, type] = {}
    for space in namespaces(keras):
        for name, value in (space if isinstance(space, dict) else vars(space)).items():
            if inspect.isclass(value) and issubclass(value, keras.layers.Layer):
                found.setdefault(name, value)
    return found


def layer_class(keras: Any, name: str) -> type:
    found = public_layers(keras).get(name)
    if found is None:
        pytest.skip(f"{keras.api.__name__} {keras.api.__version__} has no {name}")
    return found


def stated_parameters(fact: LayerFact, keras: Any) -> tuple[str, ...] | None:
    return fact.keras3 if keras.is_3 else fact.keras2


def older_than_stated(keras: Any) -> bool:
    return bool(keras.version < STATED[keras.version[0]])


def needs_stated_version(keras: Any) -> None:
    if older_than_stated(keras):
        pytest.skip(
            f"the table states signatures of Keras {STATED[keras.version[0]]}, this is {keras.version}"
        )


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Parameter names after `self`, as the table writes them."""
    names: list[str] = []
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            names.append(name)
    return tuple(names)


def positional(function: Callable[..., Any]) -> list[str]:
    names = parameters(function)
    return list(names[: names.index("*")] if "*" in names else names)


def constructor_parameters(layer: type) -> set[str]:
    """All that the constructor accepts by name, with what `**kwargs` hands to its base classes."""
    return {name for base in layer.__mro__ if "__init__" in vars(base) for name in parameters(base.__init__)}


def application_functions(keras: Any) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(keras.api.applications).items()
        if callable(value) and name[0].isupper() and not isinstance(value, ModuleType)
    }
