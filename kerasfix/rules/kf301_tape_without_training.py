"""# tape-without-training (KF301)

## What it does
Finds calls of a model whose gradients are taken, in a loop of your own, that do not pass `training=True`.

## Why it is bad
Only `fit()` sets the mode by itself. A plain `model(x)` in a `tf.GradientTape` runs in inference mode,
however well its `call` is written: Dropout drops nothing, and BatchNormalization uses its moving statistics
and never updates them. The loss goes down all the same, so that nobody notices.

## Example
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)

Use instead:

    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)

## Fix safety
A repair: the model runs in training mode afterwards. What counts as trained is told by the variables that the
gradient is taken by, not by names, so that a target network, a teacher, a feature extractor or the other
network of a GAN are left as they are, and so is what is called where the gradient is stopped.
A function between the tape and the model that is called elsewhere too, or may be, gets the parameter
`training=False` and hands it on, and the tape passes True: nothing changes for whoever else calls it. Where
it cannot take one (`**kwargs`, an `input_signature`, a decorator that may not hand it on, a method that is
overridden), nothing is edited. Where only some of a model's variables are trained, it is a suggestion.
A model is followed to where it is made or handed over: functions, constructors, loss objects, other files.
One that is not in sight is only mentioned, in a loop that moves its variables, unless it is given the flag
elsewhere: it may be a function that takes no `training`.
Under JAX, it is the call of `stateless_call` whose variables are differentiated; under PyTorch, the calls
that a loss was made of on which `backward()` is called.

## References
- https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/
- Measured with Keras 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`,
  `tests/keras/test_loop_repairs.py`
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.analysis.program import Program
from kerasfix.findings import Finding
from kerasfix.rules.base import Case, Rule
from kerasfix.rules.loops import trained_finding

_RULE = ("KF301", "tape-without-training")


def check(program: Program) -> Iterator[Finding]:
    for trained in program.loops.trained(program.module):
        if not trained.is_step:
            found = trained_finding(program, _RULE, trained)
            if found is not None:
                yield found


_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)


"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "A model in a tape",
            _NET
            + """\
net = Net()
optimizer = keras.optimizers.Adam()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((y - net(x)) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
""",
            _NET
            + """\
net = Net()
optimizer = keras.optimizers.Adam()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((y - net(x, training=True)) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
""",
        ),
        Case(
            "Two layers that depend on it, in a tape at the top of a file",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.bn(x, training=training), training=training)


net = Net()
optimizer = keras.optimizers.Adam()
for x, y in data:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x) - y) ** 2)
    gradients = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.bn(x, training=training), training=training)


net = Net()
optimizer = keras.optimizers.Adam()
for x, y in data:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x, training=True) - y) ** 2)
    gradients = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
""",
        ),
        Case(
            "Found, but not edited: what is trained is not in sight",
            """\
from tensorflow import keras
import tensorflow as tf


def train(net, data, optimizer):
    for x, y in data:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x) - y) ** 2)
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables))
""",
        ),
    ),
    valid=(
        Case(
            "What is called in a tape of another model's variables",
            _NET
            + """\
net = Net()
teacher = Net()


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((teacher(x) - net(x, training=True)) ** 2)
    return tape.gradient(loss, net.trainable_variables)
""",
        ),
        Case(
            "A call with one argument too many is meant to give the flag, and about to (KF101)",
            _NET.replace(", training=None", "").replace(", training=training", "")
            + """\
net = Net()


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x, True) ** 2)
    return tape.gradient(loss, net.trainable_variables)
""",
        ),
        Case(
            "A model without such layers, in a script that gives its name to another one further down",
            _NET
            + """\
net = keras.Sequential([layers.Dense(1)])
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(net(x) ** 2)
gradients = tape.gradient(loss, net.trainable_variables)
net = Net()
net.compile("adam", "mse")
""",
        ),
    ),
)
