"""Small models for the tests of Keras' own behaviour, and the ways to run them.

A model "trains" here when its BatchNormalization really moved its averages, whatever value of the flag
anybody claims to have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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


def output_of_fit(model: Any) -> Any:
    """What the model gave in the one step that `fit` took, before its weights changed."""
    import tensorflow as tf

    seen = []

    def loss(targets: Any, outputs: Any) -> Any:
        seen.append(np.asarray(outputs))
        return tf.reduce_mean(outputs)

    model.compile("sgd", loss, run_eagerly=True)
    model.fit(BATCH, np.zeros((8, 1)), batch_size=8, epochs=1, shuffle=False, verbose=0)
    return seen[-1]


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

# The phases that say it all: evaluate is as predict, and a tape as a bare call.
TELLING: tuple[Phase, ...] = (fit, predict, bare_call, call_in_training)

# Where a model trains that gets the flag as it should, and one that gets it from its caller but not from fit.
AS_IT_SHOULD: frozenset[Phase] = frozenset({fit, call_in_training})
WHEN_TOLD: frozenset[Phase] = frozenset({call_in_training})
ALWAYS: frozenset[Phase] = frozenset(TELLING)
NEVER: frozenset[Phase] = frozenset()


def phases_that_train(build: Callable[[Any], Any], keras: Any) -> frozenset[Phase]:
    return frozenset(phase for phase in TELLING if trains(build, keras, phase))


def phases_that_drop(build: Callable[[Any], Any], keras: Any) -> frozenset[Phase]:
    return frozenset(phase for phase in TELLING if unlike_inference(build, keras, phase))


def trained(normalization: Any) -> bool:
    """Whether a BatchNormalization ran in training mode since it was made; BATCH's mean is far from 0."""
    return bool(np.any(normalization.moving_mean.numpy() != 0.0))


def trains(build: Callable[[Any], Any], keras: Any, phase: Phase) -> bool:
    model = build(keras)
    phase(model)
    return trained(model.normalize)


def unlike_inference(build: Callable[[Any], Any], keras: Any, phase: Phase) -> bool:
    """Whether a model gives something else in `phase` than in inference: its dropout, of any kind, ran."""
    model = build(keras)
    inference = np.asarray(model(BATCH, training=False))
    output = output_of_fit(model) if phase is fit else phase(model)
    return not np.allclose(inference, np.asarray(output), rtol=1e-4, atol=1e-6)


def from_3_10(keras: Any) -> None:
    if keras.is_3 and keras.version < (3, 10):
        pytest.skip("Keras 3.10 changed how the flag is inherited (pull request 21204)")


# --- Models, one for each way to write `call` -------------------------------------------------------------


def model(keras: Any, call: Callable[..., Any] | None, *, base: type | None = None, **methods: Any) -> Any:
    """An instance of a subclassed Model with that `call`, Dropout and BatchNormalization.

    `methods` are further methods of the class; without `call` it has that of its base class.
    """

    class Net(base or keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.project = keras.layers.Dense(4)
            self.drop = keras.layers.Dropout(0.5)
            self.normalize = keras.layers.BatchNormalization()

    for name, method in {"call": call, **methods}.items():
        if method is not None:
            setattr(Net, name, method)
    return Net()


def layer(keras: Any, call: Callable[..., Any] | None, **methods: Any) -> Any:
    """The same as a subclassed Layer."""
    return model(keras, call, base=keras.layers.Layer, **methods)


def model_with(keras: Any, call: Callable[..., Any], **parts: Callable[[Any], Any]) -> Any:
    """The same with further layers, each made by a function of the Keras."""
    net = model(keras, call)
    for name, part in parts.items():
        setattr(net, name, part(keras))
    return net


def normalization(keras: Any) -> Any:
    return keras.layers.BatchNormalization()


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


def functional(keras: Any, build: Any) -> Any:
    """A functional model; `build` makes its output of its input."""
    inputs = keras.api.Input((4,))
    return keras.api.Model(inputs, build(inputs))


def saved_and_loaded(keras: Any, model: Any, folder: Path) -> Any:
    model.save(str(folder / "model.keras"))
    return keras.api.models.load_model(str(folder / "model.keras"))
