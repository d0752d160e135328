"""Subclasses of Keras' own layers whose `call` ends in `super().call(...)` (KF111)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from nets import (
    AS_IT_SHOULD,
    NEVER,
    WHEN_TOLD,
    bare_call,
    from_3_10,
    output_of_fit,
    phases_that_drop,
)

pytestmark = pytest.mark.keras


class Forms:
    """`call` for each built-in layer, with the parameter names that Keras 3 needs to find its `build`."""

    class Plain:  # Dropout, BatchNormalization, Dense
        def lacks(self, inputs):
            return super(type(self), self).call(inputs)

        def drops(self, inputs, training=None):
            return super(type(self), self).call(inputs)

        def hands_on(self, inputs, **kwargs):
            return super(type(self), self).call(inputs, **kwargs)

        def passes(self, inputs, training=None):
            return super(type(self), self).call(inputs, training=training)

    class Recurrent:
        def lacks(self, sequences, initial_state=None, mask=None):
            return super(type(self), self).call(sequences, initial_state=initial_state, mask=mask)

        def drops(self, sequences, initial_state=None, mask=None, training=None):
            return super(type(self), self).call(sequences, initial_state=initial_state, mask=mask)

        def hands_on(self, sequences, initial_state=None, **kwargs):
            return super(type(self), self).call(sequences, initial_state=initial_state, **kwargs)

        def passes(self, sequences, initial_state=None, mask=None, training=None):
            return super(type(self), self).call(
                sequences, initial_state=initial_state, mask=mask, training=training
            )

    class Cell:
        def lacks(self, inputs, states):
            return super(type(self), self).call(inputs, states)

        def drops(self, inputs, states, training=None):
            return super(type(self), self).call(inputs, states)

        def hands_on(self, inputs, states, **kwargs):
            return super(type(self), self).call(inputs, states, **kwargs)

        def passes(self, inputs, states, training=None):
            return super(type(self), self).call(inputs, states, training=training)

    class Attention:
        def lacks(self, query, value, key=None):
            return super(type(self), self).call(query, value, key=key)

        def drops(self, query, value, key=None, training=None):
            return super(type(self), self).call(query, value, key=key)

        def hands_on(self, query, value, key=None, **kwargs):
            return super(type(self), self).call(query, value, key=key, **kwargs)

        def passes(self, query, value, key=None, training=None):
            return super(type(self), self).call(query, value, key=key, training=training)


BUILT_IN: dict[str, tuple[type, dict[str, Any]]] = {
    "Dropout": (Forms.Plain, {"rate": 0.5}),
    "BatchNormalization": (Forms.Plain, {}),
    "LSTM": (Forms.Recurrent, {"units": 3, "dropout": 0.5}),
    "GRUCell": (Forms.Cell, {"units": 3, "dropout": 0.5}),
    "MultiHeadAttention": (Forms.Attention, {"num_heads": 2, "key_dim": 3, "dropout": 0.5}),
}


def subclass(keras: Any, name: str, call: Any) -> Any:
    _, arguments = BUILT_IN.get(name, (Forms.Plain, {"units": 3}))
    return type("Own", (getattr(keras.layers, name),), {"call": call})(**arguments)


def around(keras: Any, name: str, call: Any, *, takes: bool, passes: bool) -> Any:
    """A model with that layer in the middle, on sequences of two steps."""
    own = subclass(keras, name, call)

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.steps, self.project = keras.layers.Reshape((2, 2)), keras.layers.Dense(4)
            self.own = keras.layers.RNN(own) if name == "GRUCell" else own

        def run(self, x: Any, **flag: Any) -> Any:
            x = self.project(self.steps(x))
            inputs = (x, x) if name == "MultiHeadAttention" else (x,)
            return self.own(*inputs, **flag)

    def call_takes(self: Any, x: Any, training: bool | None = None) -> Any:
        return self.run(x, training=training) if passes else self.run(x)

    def call_lacks(self: Any, x: Any) -> Any:
        return self.run(x)

    Net.call = call_takes if takes else call_lacks
    return Net()


def dropping(keras: Any, name: str, call: Any, *, takes: bool = True, passes: bool = True) -> Any:
    return phases_that_drop(
        lambda keras: around(keras, name, call, takes=takes, passes=takes and passes), keras
    )


each_layer = pytest.mark.parametrize("name", BUILT_IN)


@each_layer
@pytest.mark.parametrize("form", ["lacks", "drops", "hands_on"])
def test_a_subclass_that_does_not_name_and_pass_the_flag_never_drops_under_keras_3(
    keras: Any, name: str, form: str
) -> None:
    from_3_10(keras)
    call = getattr(BUILT_IN[name][0], form)
    # Keras 2 puts the flag into **kwargs, and into layers that call others themselves; a plain Dropout or
    # BatchNormalization that is reached by super().call() gets the None of its signature.
    saved_by_2 = form == "hands_on" or name not in ("Dropout", "BatchNormalization")
    expected = NEVER if keras.is_3 or not saved_by_2 else AS_IT_SHOULD
    assert dropping(keras, name, call) == expected


@each_layer
@pytest.mark.parametrize("passed", [True, False], ids=["given training", "bare"])
def test_a_subclass_that_names_and_passes_the_flag_is_as_the_built_in_layer(
    keras: Any, name: str, passed: bool
) -> None:
    call = BUILT_IN[name][0].passes  # type: ignore[attr-defined]
    assert dropping(keras, name, call, passes=passed) == AS_IT_SHOULD


@each_layer
def test_a_subclass_that_passes_the_flag_inside_a_model_without_it_drops_when_told(
    keras: Any, name: str
) -> None:
    from_3_10(keras)
    call = BUILT_IN[name][0].passes  # type: ignore[attr-defined]
    assert dropping(keras, name, call, takes=False) == (WHEN_TOLD if keras.is_3 else AS_IT_SHOULD)


@pytest.mark.parametrize("form", ["drops", "passes", "hands_on"])
def test_a_subclass_of_a_layer_that_ignores_the_flag_must_not_pass_it_under_keras_2(
    keras: Any, form: str
) -> None:
    call = getattr(Forms.Plain, form)
    refused = form != "drops" and not keras.is_3
    with pytest.raises(TypeError, match="'training'") if refused else contextlib.nullcontext():
        output_of_fit(around(keras, "Dense", call, takes=True, passes=True))


@pytest.mark.parametrize("name", ["LSTM", "MultiHeadAttention"])
def test_keras_3_finds_build_by_the_names_of_the_inputs(keras: Any, name: str) -> None:
    """A rename of these parameters would break the class; a flag beside them does not."""

    def call(self, inputs, other=None, training=None):
        inputs = (inputs, inputs) if name == "MultiHeadAttention" else (inputs,)
        return super(type(self), self).call(*inputs, training=training)

    with pytest.raises(ValueError, match="`_shape` suffix") if keras.is_3 else contextlib.nullcontext():
        bare_call(around(keras, name, call, takes=True, passes=True))
