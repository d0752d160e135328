"""Small models for the tests of Keras' own behaviour, and the ways to run them.

A model "trains" here when its BatchNormalization really moved its averages, whatever value of the flag
anybody claims to have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

np = pytest.importorskip("numpy")

BATCH = np.random.default_rng(0).uniform(1.0, 2.0, (8, 4)).astype("float32")
TARGETS = np.zeros((8, 4), "float32")
IMAGES = np.random.default_rng(1).uniform(0.0, 255.0, (8, 6, 6, 3)).astype("float32")

Phase = Callable[[Any], Any]


def fit(model: Any) -> None:
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(BATCH, TARGETS, batch_size=8, epochs=1, verbose=0)


def evaluate(model: Any) -> None:
    model.compile("sgd", "mse", run_eagerly=True)
    model.evaluate(BATCH, TARGETS, batch_size=8, verbose=0)


def predict(model: Any) -> Any:
    model.compile("sgd", "mse", run_eagerly=True)
    return model.predict(BATCH, batch_size=8, verbose=0)


def bare_call(model: Any) -> Any:
    return model(BATCH)


def call_in_training(model: Any) -> Any:
    return model(BATCH, training=True)


def tape(model: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as recorded:
        loss = tf.reduce_mean(model(BATCH))
    return recorded.gradient(loss, model.trainable_variables)


PHASES: tuple[Phase, ...] = (fit, evaluate, predict, bare_call, call_in_training, tape)
each_phase = pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)


def trained(normalization: Any) -> bool:
    """Whether a BatchNormalization ran in training mode since it was made; BATCH's mean is far from 0."""
    return bool(np.any(normalization.moving_mean.numpy() != 0.0))


def trains(build: Callable[[Any], Any], keras: Any, phase: Phase) -> bool:
    model = build(keras)
    phase(model)
    return trained(model.normalize)


def from_3_10(keras: Any) -> None:
    if keras.is_3 and keras.version < (3, 10):
        pytest.skip("Keras 3.10 changed how the flag is inherited (pull request 21204)")


# --- Models, one for each way to write `call` -------------------------------------------------------------


def model(keras: Any, call: Callable[..., Any], *, base: type | None = None, **methods: Any) -> Any:
    """An instance of a subclassed Model with that `call`, Dropout and BatchNormalization.

    `methods` are further methods of the class.
    """

    class Net(base or keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.project = keras.layers.Dense(4)
            self.drop = keras.layers.Dropout(0.5)
            self.normalize = keras.layers.BatchNormalization()

    for name, method in {"call": call, **methods}.items():
        setattr(Net, name, method)
    return Net()


def without_flag(keras: Any) -> Any:
    def call(self, x):
        return self.normalize(self.project(x))

    return model(keras, call)


def robust(keras: Any) -> Any:
    def call(self, x, training=None):
        return self.normalize(self.project(x), training=training)

    return model(keras, call)


def default_false(keras: Any) -> Any:
    def call(self, x, training=False):
        return self.normalize(self.project(x), training=training)

    return model(keras, call)


def default_true(keras: Any) -> Any:
    def call(self, x, training=True):
        return self.normalize(self.project(x), training=training)

    return model(keras, call)


def no_default(keras: Any) -> Any:
    def call(self, x, training):
        return self.normalize(self.project(x), training=training)

    return model(keras, call)


def nested(keras: Any, inner: Any, call: Callable[..., Any]) -> Any:
    """A model around another one, which stands for it when it is asked what trained."""

    class Outer(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        @property
        def normalize(self) -> Any:
            return self.inner.normalize

    Outer.call = call
    return Outer()
