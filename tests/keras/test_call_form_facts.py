"""What Keras says to a flag by position (KF104) or without a default, and what default True does (KF102)."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from nets import (
    ALWAYS,
    AS_IT_SHOULD,
    BATCH,
    bare_call,
    call_in_training,
    fit,
    from_3_10,
    layer,
    model,
    nested,
    phases_that_train,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning"),
]

POSITIONAL_FLAG = (
    "Only input tensors may be passed as positional arguments. The following argument value should be "
    "passed as a keyword argument: True (of type <class 'bool'>)"
)


def raising(keras: Any, error: type[Exception], text: str) -> Any:
    """An error under Keras 3 only."""
    return pytest.raises(error, match=re.escape(text)) if keras.is_3 else contextlib.nullcontext()


# --- By position (KF104) ----------------------------------------------------------------------------------


def robust(self, x, training=None):
    return self.normalize(self.project(x), training=training)


def sequential(keras: Any) -> Any:
    return keras.api.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])


CALLEES = {
    "BatchNormalization": lambda keras: keras.layers.BatchNormalization(),
    "Dropout": lambda keras: keras.layers.Dropout(0.5),
    "a layer of one's own": lambda keras: layer(keras, robust),
    "a subclassed model": lambda keras: model(keras, robust),
    "a Sequential model": sequential,
}


@pytest.mark.parametrize("callee", CALLEES)
def test_a_positional_flag_raises_this_under_keras_3(keras: Any, callee: str) -> None:
    with raising(keras, ValueError, POSITIONAL_FLAG):
        CALLEES[callee](keras)(BATCH, True)


def test_a_positional_flag_inside_a_model_stops_fit_under_keras_3(keras: Any) -> None:
    def call(self, x, training=None):
        return self.normalize(x, training)

    with raising(keras, ValueError, "Only input tensors may be passed as positional arguments"):
        fit(model(keras, call))


def test_a_positional_flag_collides_in_a_functional_model_under_keras_3(keras: Any) -> None:
    inputs = keras.api.Input((4,))
    net = keras.api.Model(inputs, keras.layers.Dense(4)(inputs))
    with raising(keras, TypeError, "Functional.call() got multiple values for argument 'training'"):
        net(BATCH, True)


def takes_mask(self, x, mask=None, training=None):
    return x


@pytest.mark.parametrize("flag", [{}, {"training": True}], ids=["alone", "with the flag"])
def test_a_positional_none_for_the_mask_collides_under_keras_3(keras: Any, flag: Any) -> None:
    with raising(keras, TypeError, "got multiple values for argument 'mask'"):
        layer(keras, takes_mask)(BATCH, None, **flag)


def test_a_mask_may_stand_by_position_where_it_is_a_tensor_and_by_keyword_always(keras: Any) -> None:
    own = layer(keras, takes_mask)
    mask = BATCH[:, 0] > 1.5
    for given, named in (((mask,), {}), ((), {"mask": mask}), ((), {"mask": None})):
        assert own(BATCH, *given, **named, training=True) is not None


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_a_recurrent_layer_takes_a_positional_none(keras: Any, name: str) -> None:
    getattr(keras.layers, name)(3)(BATCH[:, :, None], None)


# --- `.call(...)` and what is no layer --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "refuses"),
    [
        ("Dense", {"units": 2}, "Keras 2"),
        ("Conv1D", {"filters": 2, "kernel_size": 1}, "both"),
        ("LeakyReLU", {}, "both"),
        ("Dropout", {"rate": 0.5}, "neither"),
        ("BatchNormalization", {}, "neither"),
    ],
)
def test_the_method_call_takes_the_flag_only_if_it_names_it(
    keras: Any, name: str, arguments: dict[str, Any], refuses: str
) -> None:
    own = getattr(keras.layers, name)(**arguments)
    inputs = keras.api.backend.constant(BATCH[:, :, None]) if not keras.is_3 else BATCH[:, :, None]
    own(inputs)
    refused = refuses == "both" or (refuses == "Keras 2" and not keras.is_3)
    expected = pytest.raises(TypeError, match="'training'") if refused else contextlib.nullcontext()
    with expected:
        own.call(keras.api.ops.convert_to_tensor(inputs) if keras.is_3 else inputs, training=True)


# --- Without a default, and True (KF102) ------------------------------------------------------------------


def no_default(self, x, training):
    return self.normalize(self.project(x), training=training)


MISSING = "missing a required argument: 'training'"


def passes(self, x, training=None):
    return self.inner(x, training=training)


def bare(self, x, training=None):
    return self.inner(x)


def test_without_a_default_a_bare_call_raises_this_under_keras_3(keras: Any) -> None:
    with raising(keras, TypeError, MISSING):
        model(keras, no_default)(BATCH)


@pytest.mark.parametrize("outer", [passes, bare], ids=lambda call: call.__name__)
def test_without_a_default_a_layer_must_be_given_the_flag_under_keras_3(keras: Any, outer: Any) -> None:
    net = nested(keras, layer(keras, no_default), outer)
    with raising(keras, TypeError, MISSING) if outer is bare else contextlib.nullcontext():
        call_in_training(net)


def test_without_a_default_a_layer_fits_no_container_under_keras_3(keras: Any) -> None:
    from_3_10(keras)
    with raising(keras, ValueError, "can only have a single required positional argument"):
        fit(keras.api.Sequential([layer(keras, no_default)]))
    inputs = keras.api.Input((4,))
    with raising(keras, TypeError, MISSING):
        fit(keras.api.Model(inputs, layer(keras, no_default)(inputs)))


def default_true(self, x, training=True):
    return self.normalize(self.project(x), training=training)


def lacks(self, x):
    return self.inner(x)


@pytest.mark.parametrize(
    ("outer", "under_3", "under_2"),
    [
        (None, AS_IT_SHOULD | {bare_call}, AS_IT_SHOULD | {bare_call}),
        (passes, AS_IT_SHOULD, AS_IT_SHOULD | {bare_call}),  # Keras 2 takes the None as "not given"
        (bare, AS_IT_SHOULD | {bare_call}, AS_IT_SHOULD | {bare_call}),
        (lacks, ALWAYS, AS_IT_SHOULD | {bare_call}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_default_true_trains_wherever_no_flag_is_given(
    keras: Any, outer: Any, under_3: Any, under_2: Any
) -> None:
    from_3_10(keras)

    def build(keras: Any) -> Any:
        inner = model(keras, default_true)
        return inner if outer is None else nested(keras, inner, outer)

    assert phases_that_train(build, keras) == (under_3 if keras.is_3 else under_2)
