"""What a function, a method or a Lambda layer does with the gradient of what it is given (KF206)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER

_NET = """\
def stops(t):
    return tf.stop_gradient(t)


def stops_all(*t):
    return tf.stop_gradient(t[0])


def made():
    return layers.Lambda(tf.argmax)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(4)
        self.second = layers.Dense(4)
        self.layer = {layer}

    def call(self, x):
        x = self.first(x)
        x = {made}
        return self.second(x)

    def helper(self, x, y=None):
        return tf.stop_gradient(x if y is None else y)
"""


def _is_starved(made: str, layer: str = "None") -> bool:
    found = kerasfix.check(HEADER + _NET.format(made=made, layer=layer), select=("KF206",))
    assert all("first" in each.message for each in found)
    return bool(found)


@pytest.mark.parametrize(
    ("layer", "is_starved"),
    [
        pytest.param("layers.Lambda(lambda t: tf.argmax(t))", True, id="a lambda"),
        pytest.param("layers.Lambda(tf.argmax)", True, id="a function of TensorFlow"),
        pytest.param("layers.Lambda(function=tf.argmax)", True, id="the same by keyword"),
        pytest.param("layers.Lambda(tf.square)", False, id="a function with a gradient"),
        pytest.param("layers.Lambda(stops)", True, id="a function of the program"),
        pytest.param("layers.Lambda(stops_all)", False, id="a function of any arguments"),
        pytest.param("layers.Lambda(lambda t, mask=None: tf.argmax(t))", False, id="a lambda of several"),
        pytest.param("layers.Lambda(functions['argmax'])", False, id="who knows which function"),
        pytest.param("made()", True, id="made by a function"),
        pytest.param(
            "layers.Lambda(tf.argmax) if hard else layers.Lambda(tf.square)", False, id="one of two"
        ),
    ],
)
@pytest.mark.parametrize("made", ["self.layer(x)", "self.layer(self.layer(x))"])
def test_a_lambda_layer_does_what_its_function_does(layer: str, made: str, *, is_starved: bool) -> None:
    assert _is_starved(made, layer) is is_starved


def test_a_lambda_layer_of_a_partial_is_not_followed() -> None:
    before = "import functools\n\nArgmax = functools.partial(layers.Lambda, tf.argmax)\n\n\n"
    text = HEADER + before + _NET.format(made="self.layer(x)", layer="Argmax()")
    assert kerasfix.check(text, select=("KF206",)) == []


@pytest.mark.parametrize(
    ("made", "is_starved"),
    [
        pytest.param("self.helper(x)", True, id="by position"),
        pytest.param("self.helper(x=x)", True, id="by keyword"),
        pytest.param("self.helper(0, y=x)", True, id="by another keyword"),
        pytest.param("self.helper(*[x])", False, id="with a star"),
        pytest.param("self.helper(**{'x': x})", False, id="with two stars"),
        pytest.param("x.astype('int32')", True, id="whole numbers"),
        pytest.param("x.astype(dtype=tf.int32)", True, id="whole numbers by keyword"),
        pytest.param("x.astype('float16')", False, id="other numbers"),
        pytest.param("x.astype(kind)", False, id="who knows which numbers"),
        pytest.param("x > 3", True, id="a comparison"),
        pytest.param("x == None", False, id="a comparison with None"),
        pytest.param("x is other", False, id="which object it is"),
        pytest.param("x // 2", True, id="a rounding division"),
        pytest.param("x / 2", False, id="a division"),
    ],
)
def test_an_operation_or_a_helper_lets_nothing_through(made: str, *, is_starved: bool) -> None:
    assert _is_starved(made) is is_starved
