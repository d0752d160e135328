"""A loop of one's own trains in training mode after the repair, however its model is defined (KF301).

Seen by what depends on the mode: whether the moving statistics of BatchNormalization move, and whether
Dropout drops.
"""

from __future__ import annotations

from typing import Any

import pytest

import kerasfix

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

MODELS = {
    "Sequential": """\
model = keras.Sequential(
    [keras.layers.Dense(16), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
)
""",
    "functional": """\
inputs = keras.Input((4,))
x = keras.layers.Dense(16)(inputs)
x = keras.layers.BatchNormalization()(x)
model = keras.Model(inputs, keras.layers.Dropout(0.5)(x))
""",
    "subclass": """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(16)
        self.bn = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.bn(self.dense(x), training=training)
        return self.drop(x, training=training)


model = Net()
""",
}
LOOP = """\
import keras
import tensorflow as tf

{model}optimizer = keras.optimizers.SGD(0.01)


{decorator}def train_step(x, y):
    with tf.GradientTape() as tape:
        outputs = model(x{flag})
        loss = tf.reduce_mean((outputs - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return outputs


def evaluate(x):
    return model(x)
"""
STEP = """\
import keras
import tensorflow as tf


class Trained(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x{training})
            loss = tf.reduce_mean((outputs - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {{"zeros": tf.reduce_mean(tf.cast(outputs == 0, tf.float32))}}

    def test_step(self, data):
        x, y = data
        outputs = self(x{testing})
        return {{"zeros": tf.reduce_mean(tf.cast(outputs == 0, tf.float32))}}


inputs = keras.Input((4,))
x = keras.layers.Dense(16)(inputs)
x = keras.layers.BatchNormalization()(x)
model = Trained(inputs, keras.layers.Dropout(0.5)(x))
"""


def _run(text: str, keras: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "program"}
    name = keras.api.__name__
    exec(text.replace("import keras\n", f"import {name} as keras\n"), namespace)
    return namespace


def _moving_mean(model: Any) -> Any:
    [layer] = [each for each in model.layers if type(each).__name__ == "BatchNormalization"]
    return layer.moving_mean.numpy()


class _Seen:
    """What a call did: whether Dropout dropped, and whether the moving statistics moved."""

    def __init__(self, model: Any, call: Any, *arguments: Any, **keywords: Any) -> None:
        before = _moving_mean(model)
        outputs = np.asarray(call(*arguments, **keywords))
        self.drops = bool((outputs == 0).mean() > 0.2)
        self.moves = not np.array_equal(before, _moving_mean(model))

    @property
    def trains(self) -> bool:
        assert self.drops == self.moves
        return self.drops


@pytest.fixture
def data() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    inputs = (3 + 2 * random.normal(size=(32, 4))).astype("float32")
    return inputs, random.normal(size=(32, 16)).astype("float32")


@pytest.mark.parametrize("decorator", ["", "@tf.function\n"], ids=["eager", "tf.function"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_loop_trains_in_training_mode_after_the_repair(
    kind: str, decorator: str, keras: Any, data: tuple[Any, Any]
) -> None:
    inputs, targets = data
    text = LOOP.format(model=MODELS[kind], decorator=decorator, flag="")
    fixed = kerasfix.fix(text, select=["KF301", "KF302", "KF303"]).text
    assert fixed == LOOP.format(model=MODELS[kind], decorator=decorator, flag=", training=True")

    for program, trains in ((text, False), (fixed, True)):
        space = _run(program, keras)
        model = space["model"]
        model(inputs)
        assert not _Seen(model, model, inputs).trains
        assert _Seen(model, model, inputs, training=True).trains
        assert _Seen(model, space["train_step"], inputs, targets).trains is trains
        assert not _Seen(model, space["evaluate"], inputs).trains


def test_a_train_step_trains_in_training_mode_after_the_repair(keras: Any, data: tuple[Any, Any]) -> None:
    inputs, targets = data
    text = STEP.format(training="", testing="")
    fixed = kerasfix.fix(text, select=["KF301", "KF302", "KF303"]).text
    assert fixed == STEP.format(training=", training=True", testing=", training=False")

    for program, trains in ((text, False), (fixed, True)):
        model = _run(program, keras)["model"]
        model.compile(optimizer="sgd")
        before = _moving_mean(model)
        history = model.fit(inputs, targets, epochs=1, batch_size=32, verbose=0).history
        assert (history["zeros"][0] > 0.2) is trains
        assert (not np.array_equal(before, _moving_mean(model))) is trains
        before = _moving_mean(model)
        assert model.evaluate(inputs, targets, verbose=0, return_dict=True)["zeros"] == 0
        assert np.array_equal(before, _moving_mean(model))
