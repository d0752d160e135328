"""Functions between a tape and the model, which others call too (KF301)."""

from __future__ import annotations

import pytest

import kerasfix
from tests.loop_variants import Loop, after, assert_is_settled, before

_HEAD = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)


net = Net()


"""
_STEP = """\


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = compute_loss(x, y<<, training=True>>)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""
_TEST = """\


def test_step(x, y):
    return compute_loss(x, y)
"""
_LEFT = (("KF301", "return loss_fn(y, net(x))"),)
_PLAIN_STEP = _STEP.replace("<<, training=True>>", "")

SHARED = (
    Loop(
        "it takes the flag and does not hand it on",
        _HEAD
        + """\
def compute_loss(x, y, training=False):
    return loss_fn(y, net(x<<, training=training>>))
"""
        + _STEP
        + _TEST,
    ),
    Loop(
        "it is told the flag by position",
        _HEAD
        + """\
def compute_loss(x, y, training=False):
    return loss_fn(y, net(x<<, training=training>>))
"""
        + _STEP.replace("<<, training=True>>", ", True")
        + _TEST,
    ),
    Loop(
        "it takes the flag, True by default, and hands it not on",
        _HEAD
        + """\
def compute_loss(x, y, training=True):
    return loss_fn(y, net(x))
"""
        + _PLAIN_STEP
        + _TEST,
        said=_LEFT,
    ),
    Loop(
        "it takes any arguments",
        _HEAD
        + """\
def compute_loss(x, y, **options):
    return loss_fn(y, net(x))
"""
        + _PLAIN_STEP
        + _TEST,
        said=_LEFT,
    ),
    Loop(
        "it has a signature of inputs",
        _HEAD
        + """\
@tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None, 4])])
def compute_loss(x, y):
    return loss_fn(y, net(x))
"""
        + _PLAIN_STEP
        + _TEST,
        said=_LEFT,
    ),
    Loop(
        "it has a decorator that may not hand the flag on",
        _HEAD
        + """\
@timed
def compute_loss(x, y):
    return loss_fn(y, net(x))
"""
        + _PLAIN_STEP
        + _TEST,
        said=_LEFT,
    ),
    Loop(
        "it is a plain tf.function",
        _HEAD
        + """\
@tf.function
def compute_loss(x, y<<, training=False>>):
    return loss_fn(y, net(x<<, training=training>>))
"""
        + _STEP
        + _TEST,
    ),
    Loop(
        "it is handed to somebody",
        _HEAD
        + """\
def compute_loss(x, y<<, training=False>>):
    return loss_fn(y, net(x<<, training=training>>))
"""
        + _STEP
        + """\


losses = list(map(compute_loss, xs, ys))
""",
    ),
    Loop(
        "a method that an heir overrides",
        _HEAD
        + """\
class Trainer:
    def loss(self, x):
        return tf.reduce_mean(net(x))

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.loss(x)
        optimizer.minimize(loss, net.trainable_variables, tape=tape)

    def test(self, x):
        return self.loss(x)


class Other(Trainer):
    def loss(self, x):
        return super().loss(x) + 1
""",
        said=(("KF301", "return tf.reduce_mean(net(x))"),),
    ),
    Loop(
        "one that only others of the kind call",
        _HEAD
        + """\
def forward(x<<, training=False>>):
    return net(x<<, training=training>>)


def compute_loss(x, y<<, training=False>>):
    return loss_fn(y, forward(x<<, training=training>>))
"""
        + _STEP
        + _TEST,
    ),
    Loop(
        "annotations, and a call over several lines",
        _HEAD
        + """\
def compute_loss(
    x: tf.Tensor,
    y: tf.Tensor,<<
    training: bool = False,>>
) -> tf.Tensor:
    return loss_fn(y, net(x<<, training=training>>))


def train_step(x: tf.Tensor, y: tf.Tensor) -> None:
    with tf.GradientTape() as tape:
        loss = compute_loss(
            x,
            y,<<
            training=True,>>
        )
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""
        + _TEST,
    ),
    Loop(
        "it calls itself",
        _HEAD
        + """\
def compute_loss(x, y, n=3):
    if n:
        return compute_loss(x, y, n - 1)
    return loss_fn(y, net(x<<, training=True>>))
"""
        + _PLAIN_STEP,
    ),
    Loop(
        "a real and a fake batch, in a helper",
        _HEAD
        + """\
def d_loss(real, fake<<, training=False>>):
    loss = tf.reduce_mean(net(fake<<, training=training>>))
    return loss - tf.reduce_mean(net(real<<, training=training>>))


def train_step(real, fake):
    with tf.GradientTape() as tape:
        loss = d_loss(real, fake<<, training=True>>)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))


print(d_loss(a, b))
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in SHARED])
def test_a_function_that_others_call_too(loop: Loop) -> None:
    assert_is_settled(loop)


_RELIES = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=<<True|None>>):
        return self.drop(self.dense(x), training=training)


net = Net()
accuracy = keras.metrics.Accuracy()


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x<<, training=True>>) - y) ** 2)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))


def evaluate(val_ds):
    for x, y in val_ds:
        accuracy.update_state(y, net(x<<, training=False>>))
"""


def test_a_default_of_true_is_settled_with_all_that_relied_on_it() -> None:
    """KF102 makes it None and tells the tape; KF303 tells the evaluation; KF301 has nothing left to say."""
    text = before(_RELIES)
    assert [each.code for each in kerasfix.check(text)] == ["KF102", "KF303"]
    fixed = kerasfix.fix(text).text
    assert fixed == after(_RELIES)
    assert kerasfix.check(fixed) == []
