"""Where a class without `training` still gets the flag, and where it does not (KF101)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from nets import (
    AS_IT_SHOULD,
    BATCH,
    WHEN_TOLD,
    fit,
    from_3_10,
    layer,
    model,
    nested,
    phases_that_drop,
    phases_that_train,
    trained,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]


def no_flag(self, x):
    return self.normalize(self.project(x))


def bare(self, x, training=None):
    return self.normalize(self.project(x))


def robust(self, x, training=None):
    return self.normalize(self.project(x), training=training)


def outer_without_flag(self, x):
    return self.inner(x)


def outer_bare(self, x, training=None):
    return self.inner(x)


def outer_robust(self, x, training=None):
    return self.inner(x, training=training)


each_call = pytest.mark.parametrize("call", [no_flag, bare, robust], ids=lambda call: call.__name__)
each_outer = pytest.mark.parametrize(
    "outer", [outer_without_flag, outer_bare, outer_robust], ids=lambda call: call.__name__
)


@pytest.mark.parametrize("make", [layer, model], ids=["layer", "model"])
@each_outer
@each_call
def test_the_outermost_model_decides_whether_fit_trains_what_is_in_it(
    keras: Any, make: Any, outer: Any, call: Any
) -> None:
    from_3_10(keras)
    lost = keras.is_3 and outer is outer_without_flag
    assert phases_that_train(lambda keras: nested(keras, make(keras, call), outer), keras) == (
        WHEN_TOLD if lost else AS_IT_SHOULD
    )


def wrapped(keras: Any, call: Any) -> Any:
    class Own(keras.layers.Wrapper):  # type: ignore[misc]
        def __init__(self, layer: Any) -> None:
            super().__init__(layer)
            self.normalize = layer
            self.project = keras.layers.Dense(4)

    Own.call = call
    return Own(keras.layers.BatchNormalization())


@each_outer
@each_call
def test_a_wrapper_of_ones_own_is_as_a_layer_of_ones_own(keras: Any, outer: Any, call: Any) -> None:
    from_3_10(keras)
    lost = keras.is_3 and outer is outer_without_flag
    assert phases_that_train(lambda keras: nested(keras, wrapped(keras, call), outer), keras) == (
        WHEN_TOLD if lost else AS_IT_SHOULD
    )


@each_call
@pytest.mark.parametrize("container", ["Sequential", "functional model", "TimeDistributed"])
def test_keras_own_containers_hand_the_flag_to_a_layer_that_does_not_take_it(
    keras: Any, container: str, call: Any
) -> None:
    from_3_10(keras)
    own, layers = layer(keras, call), keras.layers
    if container == "functional model":
        inputs = keras.api.Input((4,))
        net = keras.api.Model(inputs, own(inputs))
    else:
        steps = [layers.Reshape((2, 2)), layers.TimeDistributed(own), layers.Flatten(), layers.Dense(4)]
        net = keras.api.Sequential([own] if container == "Sequential" else steps)
    fit(net)
    assert trained(own.normalize)


# --- Recurrent cells --------------------------------------------------------------------------------------


def cell_without_flag(self, inputs, states):
    h = self.drop(self.project(inputs)) + states[0]
    return h, [h]


def cell_bare(self, inputs, states, training=None):
    h = self.drop(self.project(inputs)) + states[0]
    return h, [h]


def cell_robust(self, inputs, states, training=None):
    h = self.drop(self.project(inputs), training=training) + states[0]
    return h, [h]


def recurrent(keras: Any, cell_call: Any, outer: Any) -> Any:
    cell = layer(keras, cell_call)
    cell.state_size = cell.output_size = 4
    steps = [keras.layers.Reshape((2, 2)), keras.layers.RNN(cell)]
    return nested(keras, keras.api.Sequential(steps), outer)


@each_outer
@pytest.mark.parametrize("cell", [cell_without_flag, cell_bare, cell_robust], ids=lambda call: call.__name__)
def test_a_cell_of_ones_own_gets_the_flag_that_its_rnn_gets(keras: Any, cell: Any, outer: Any) -> None:
    from_3_10(keras)
    lost = keras.is_3 and outer is outer_without_flag
    assert phases_that_drop(lambda keras: recurrent(keras, cell, outer), keras) == (
        WHEN_TOLD if lost else AS_IT_SHOULD
    )


# --- Models that Keras runs itself, with a `call` of one's own --------------------------------------------


def loops(self, x):
    for each in self.layers:
        x = each(x)
    return x


def takes_and_loops(self, x, training=None):
    for each in self.layers:
        x = each(x)
    return x


def passes_and_loops(self, x, training=None):
    for each in self.layers:
        x = each(x, training=training)
    return x


def calls_super(self, x):
    return super(type(self), self).call(x)


def passes_to_super(self, x, training=None, mask=None):
    return super(type(self), self).call(x, training=training)


def sequential(keras: Any, call: Any) -> Any:
    methods = {} if call is None else {"call": call}
    own = type("Own", (keras.api.Sequential,), methods)
    return own([keras.layers.Dense(4), keras.layers.Dropout(0.5)])


def functional(keras: Any, call: Any) -> Any:
    class Own(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            inputs = keras.api.Input((4,))
            outputs = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(inputs))
            super().__init__(inputs=inputs, outputs=outputs)

    if call is not None:
        Own.call = call
    return Own()


@pytest.mark.parametrize(
    ("build", "call", "under_3"),
    [
        (sequential, None, AS_IT_SHOULD),
        (sequential, loops, WHEN_TOLD),
        (sequential, takes_and_loops, AS_IT_SHOULD),
        (sequential, passes_and_loops, AS_IT_SHOULD),
        (sequential, calls_super, frozenset()),
        (sequential, passes_to_super, AS_IT_SHOULD),
        (functional, None, AS_IT_SHOULD),
        (functional, calls_super, frozenset()),
        (functional, passes_to_super, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_subclass_of_sequential_or_built_functionally_loses_the_flag_by_its_own_call_only(
    keras: Any, build: Callable[..., Any], call: Any, under_3: Any
) -> None:
    from_3_10(keras)
    assert phases_that_drop(functools.partial(build, call=call), keras) == (
        under_3 if keras.is_3 else AS_IT_SHOULD
    )


# --- Class decorators -------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["saving", "utils"])
@pytest.mark.parametrize("call", [no_flag, robust], ids=lambda call: call.__name__)
def test_a_registered_class_is_as_an_undecorated_one(keras: Any, namespace: str, call: Any) -> None:
    from_3_10(keras)
    register = getattr(keras.api, namespace).register_keras_serializable(package=call.__name__)

    def build(keras: Any) -> Any:
        return register(type(model(keras, call)))()

    lost = keras.is_3 and call is no_flag
    assert phases_that_train(build, keras) == (WHEN_TOLD if lost else AS_IT_SHOULD)


def test_a_block_in_a_list_is_as_a_block_in_an_attribute(keras: Any) -> None:
    blocks = [layer(keras, call) for call in (no_flag, bare, robust)]

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x, training=training)
        return x

    net = model(keras, call)
    net.blocks = blocks
    net(BATCH, training=True)
    assert [trained(block.normalize) for block in blocks] == [True, True, True]
