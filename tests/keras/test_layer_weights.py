"""Which layers have weights, and which keep a random state: the table against the Keras that is installed."""

from __future__ import annotations

from typing import Any

import pytest
from installed import FACTS, layer_class, on_each_keras
from layer_setups import INPUTS, setup_of
from test_layer_effects import MEASURED

from kerasfix.keras.attributes import TAKEN
from kerasfix.keras.layers import Effect
from kerasfix.keras.weights import has_seed, has_weights

pytestmark = pytest.mark.keras

OWN = [name for name in MEASURED if FACTS[name].effect is not Effect.WRAPS]


def built(keras: Any, name: str, **more: Any) -> Any:
    setup = setup_of(name)
    layer = setup.build(layer_class(keras, name), keras.layers, **more)
    layer(*(INPUTS[each]() for each in setup.inputs))
    return layer


@on_each_keras(OWN)
def test_a_layer_has_weights_if_the_table_says_so(keras: Any, name: str) -> None:
    arguments = setup_of(name).arguments
    given = frozenset(arguments(keras.layers) if callable(arguments) else arguments)
    assert has_weights(name, given) is bool(built(keras, name).weights)


@pytest.mark.parametrize("name", [name for name in MEASURED if FACTS[name].effect is Effect.WRAPS])
def test_of_a_layer_around_others_the_table_says_nothing(name: str) -> None:
    assert has_weights(name) is None


@pytest.mark.parametrize("use_scale", [True, False])
def test_attention_has_a_weight_if_it_is_asked_for(keras: Any, use_scale: bool) -> None:
    more = {"use_scale": True} if use_scale else {}
    assert has_weights("Attention", frozenset(more)) is bool(built(keras, "Attention", **more).weights)


def test_normalization_has_weights_if_it_is_to_learn_its_mean(keras: Any) -> None:
    layer = keras.layers.Normalization()
    layer.build((None, 4))
    assert has_weights("Normalization") is bool(layer.weights) is True


@pytest.mark.parametrize("name", [name for name in OWN if FACTS[name].keras3 is not None])
def test_a_layer_of_keras_3_keeps_a_seed_if_the_table_says_so(keras_3: Any, name: str) -> None:
    layer = built(keras_3, name)
    if not layer.weights:
        assert has_seed(name) is bool(layer.variables)


@pytest.mark.parametrize("kind", ["Model", "Layer"])
def test_the_table_has_every_public_attribute_of_models_and_layers(keras: Any, kind: str) -> None:
    base = keras.api.Model if kind == "Model" else keras.layers.Layer

    class Own(base):  # type: ignore[misc,valid-type]
        def call(self, x: Any) -> Any:
            return x

    own = Own()
    own(INPUTS["vectors"]())
    if kind == "Model":
        own.compile("sgd", "mse")
    assert {name for name in dir(own) if not name.startswith("_")} <= TAKEN
