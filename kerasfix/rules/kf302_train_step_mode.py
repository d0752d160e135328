"""# train-step-mode (KF302)

## What it does
Finds a `train_step` of a model that calls `self(x)`, or a model in it, without `training=True`, and a
`test_step` or `predict_step` that calls one without `training=False`.

## Why it is bad
`fit()` hands the mode to `call` only through the `train_step` that Keras wrote. One of your own has to say
it: a plain `self(x)` in it runs in inference mode under Keras 3 and Keras 2 alike, so that Dropout drops
nothing and BatchNormalization never updates its statistics. In a `test_step` a plain call is right
as long as the default of `training` is None or False, and wrong if it is True.

## Example
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x))

Use instead:

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))

## Fix safety
A repair in a `train_step`: what is trained runs in training mode afterwards. Only what the gradient is taken
by is changed; the other network of a GAN, a teacher and a target network are left as they are. In a
`test_step` it is safe where it only says what happens anyway, and a repair where the default of the model's
`training` is True. A `training=True` in a `test_step` is a suggestion: somebody may want to measure with
Dropout.

## References
- https://keras.io/guides/custom_train_step_in_tensorflow/
- Measured with Keras 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`,
  `tests/keras/test_loop_repairs.py`
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.analysis.program import Program
from kerasfix.findings import Finding
from kerasfix.rules.base import Case, Rule
from kerasfix.rules.loops import trained_finding, used_finding

_RULE = ("KF302", "train-step-mode")


def check(program: Program) -> Iterator[Finding]:
    for trained in program.loops.trained(program.module):
        if trained.is_step:
            found = trained_finding(program, _RULE, trained)
            if found is not None:
                yield found
    for used in program.evaluations.in_steps(program.module):
        yield used_finding(program, _RULE, used)


_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)

"""
_STEP = """\
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}
"""
_GAN = """\
class GAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([layers.Dense(8), layers.BatchNormalization()])
        self.discriminator = keras.Sequential([layers.Dense(8), layers.Dropout(0.3), layers.Dense(1)])

    def train_step(self, real):
        noise = tf.random.normal((4, 16))
        fake = self.generator(noise)
        with tf.GradientTape() as tape:
"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The model itself, in a tape",
            _NET
            + """\
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x))
"""
            + _STEP,
            _NET
            + """\
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
"""
            + _STEP,
        ),
        Case(
            "The two networks of a GAN, each in the tape that takes its gradients",
            _GAN
            + """\
            real_score = self.discriminator(real)
            fake_score = self.discriminator(fake)
            d_loss = tf.reduce_mean(fake_score) - tf.reduce_mean(real_score)
        d_grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(d_grads, self.discriminator.trainable_weights))
        with tf.GradientTape() as tape:
            score = self.discriminator(self.generator(noise))
            g_loss = -tf.reduce_mean(score)
        g_grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(g_grads, self.generator.trainable_weights))
""",
            _GAN
            + """\
            real_score = self.discriminator(real, training=True)
            fake_score = self.discriminator(fake, training=True)
            d_loss = tf.reduce_mean(fake_score) - tf.reduce_mean(real_score)
        d_grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(d_grads, self.discriminator.trainable_weights))
        with tf.GradientTape() as tape:
            score = self.discriminator(self.generator(noise, training=True))
            g_loss = -tf.reduce_mean(score)
        g_grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(g_grads, self.generator.trainable_weights))
""",
        ),
        Case(
            "A test_step says what happens anyway",
            _NET
            + """\
    def test_step(self, data):
        x, y = data
        return {"loss": self.compute_loss(x, y, self(x))}
""",
            _NET
            + """\
    def test_step(self, data):
        x, y = data
        return {"loss": self.compute_loss(x, y, self(x, training=False))}
""",
        ),
        Case(
            "A test_step copied from the train_step",
            _NET
            + """\
    def test_step(self, data):
        x, y = data
        return {"loss": self.compute_loss(x, y, self(x, training=True))}
""",
            _NET
            + """\
    def test_step(self, data):
        x, y = data
        return {"loss": self.compute_loss(x, y, self(x, training=False))}
""",
        ),
    ),
    valid=(
        Case(
            "The flag is passed",
            _NET
            + """\
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
"""
            + _STEP,
        ),
        Case(
            "A model that does not depend on the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x))
"""
            + _STEP,
        ),
        Case(
            "A teacher among the layers of the model",
            """\
class Distiller(keras.Model):
    def __init__(self):
        super().__init__()
        self.teacher = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
        self.student = keras.Sequential([layers.Dense(4)])

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.teacher(x) - self.student(x)) ** 2)
"""
            + _STEP,
        ),
    ),
)
