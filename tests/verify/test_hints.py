"""Shapes that the text speaks of."""

from __future__ import annotations

import pytest

from kerasfix.verify.hints import input_shapes


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("x = keras.Input(shape=(28, 28, 1))", [[28, 28, 1]]),
        ("x = Input((64, 3))", [[64, 3]]),
        ("Dense(3, input_shape=(7,))", [[7]]),
        ("m.build((None, 5))", [[5]]),
        ("N = 9\nx = tf.random.normal([16, N])", [[9]]),
        ("NOISE_DIM=100", [[100]]),
        ("x = np.random.randn(2, 3, 4)", [[3, 4]]),
        ("w = self.add_weight(shape=(3, 3))", []),
        ("x = tf.zeros((n, m))", []),
        ("x = tf.zeros((4, 100000000))", []),
        ("(x, y), _ = tf.keras.datasets.cifar10.load_data()", [[32, 32, 3]]),
        ("mnist.load_data()\nkeras.Input((5,))", [[5], [28, 28, 1], [28, 28], [784]]),
        ("self.load_data()", []),
        ("def broken(:", []),
    ],
)
def test_shapes_without_the_batch(text: str, shapes: list[list[int]]) -> None:
    assert input_shapes(text) == shapes
