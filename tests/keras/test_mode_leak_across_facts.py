"""A mode of one layer's own leaks into and out of methods and layers under Keras 3 (KF110).

Out of a layer of one's own it leaks even where that layer is given the flag as it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nets import (
    AS_IT_SHOULD,
    fit,
    from_3_10,
    layer,
    model,
    model_with,
    normalization,
    phases_that_train,
    predict,
    trained,
    trains,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]

Build = Callable[[Any], Any]


def test_a_constant_crosses_into_a_helper_method_and_out_of_one(keras: Any) -> None:
    def into(self, x, training=None):
        return self.then(self.norm(x, training=False))

    def out_of(self, x, training=None):
        return self.normalize(self.first(x))

    helpers = {
        "then": lambda self, x: self.normalize(x),
        "first": lambda self, x: self.norm(x, training=False),
    }
    for call in (into, out_of):
        net = model(keras, call, **helpers)
        net.norm = normalization(keras)
        fit(net)
        assert trained(net.normalize) is not keras.is_3


def inner_no_flag(self, x):
    return self.normalize(x)


def inner_bare(self, x, training=None):
    return self.normalize(x)


def inner_robust(self, x, training=None):
    return self.normalize(x, training=training)


@pytest.mark.parametrize("passed", [True, False], ids=["given training", "bare"])
@pytest.mark.parametrize("inner", [inner_no_flag, inner_bare, inner_robust], ids=lambda call: call.__name__)
def test_a_constant_crosses_into_a_block_that_is_called_bare(keras: Any, inner: Any, passed: bool) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        x = self.norm(x, training=False)
        return self.block(x, training=training) if passed else self.block(x)

    net = model_with(keras, call, norm=normalization, block=lambda keras: layer(keras, inner))
    fit(net)
    assert trained(net.block.normalize) is (passed or not keras.is_3)


def block_takes(self, x, training=None):
    return self.normalize(x, training=self.constant)


def block_lacks(self, x):
    return self.normalize(x, training=self.constant)


def fixed(call: Any, constant: bool) -> Build:
    def build(keras: Any) -> Any:
        net = layer(keras, call)
        net.constant = constant
        return net

    return build


def in_sequential(build: Build) -> Build:
    return lambda keras: keras.api.Sequential([build(keras)])


def in_functional(build: Build) -> Build:
    def make(keras: Any) -> Any:
        inputs = keras.api.Input((4,))
        return keras.api.Model(inputs, build(keras)(inputs))

    return make


def two_levels(build: Build) -> Build:
    def make(keras: Any) -> Any:
        outer = layer(keras, lambda self, x, training=None: self.inner(x, training=training))
        outer.inner = build(keras)
        return outer

    return make


def itself(build: Build) -> Build:
    return build


def passes_to_block(self, x, training=None):
    return self.normalize(self.block(x, training=training))


def bare_block(self, x, training=None):
    return self.normalize(self.block(x))


@pytest.mark.parametrize("around", [itself, two_levels, in_sequential, in_functional])
@pytest.mark.parametrize("block", [block_takes, block_lacks], ids=lambda call: call.__name__)
@pytest.mark.parametrize("outer", [passes_to_block, bare_block], ids=lambda call: call.__name__)
@pytest.mark.parametrize(("constant", "phase"), [(False, fit), (True, predict)], ids=["fit", "predict"])
def test_a_constant_leaks_out_of_a_block_even_where_the_block_is_given_the_flag(
    keras: Any, around: Any, block: Any, outer: Any, constant: bool, phase: Any
) -> None:
    from_3_10(keras)
    build = around(fixed(block, constant))
    leaks = trains(lambda keras: model_with(keras, outer, block=build), keras, phase) is constant
    assert leaks is keras.is_3


def test_sequential_and_functional_models_give_each_of_their_own_layers_the_flag_again(keras: Any) -> None:
    for make in ("sequential", "functional"):
        block, normalize = fixed(block_takes, False)(keras), normalization(keras)
        inputs = keras.api.Input((4,))
        net = (
            keras.api.Sequential([block, normalize])
            if make == "sequential"
            else keras.api.Model(inputs, normalize(block(inputs)))
        )
        fit(net)
        assert trained(normalize)
        assert not trained(block.normalize)


def test_the_flag_at_the_last_layer_of_a_block_keeps_its_constant_in(keras: Any) -> None:
    def inner(self, x, training=None):
        return self.drop(self.normalize(x, training=False), training=training)

    def build(keras: Any) -> Any:
        return model_with(keras, passes_to_block, block=lambda keras: layer(keras, inner))

    assert phases_that_train(build, keras) == AS_IT_SHOULD
