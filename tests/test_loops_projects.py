"""Loops whose models, classes and steps stand in several files (KF301-KF303)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop_variants import assert_files_are_settled

_MODELS = """\
from tensorflow import keras
from tensorflow.keras import layers


def make_generator():
    model = keras.Sequential()
    model.add(layers.Dense(64))
    model.add(layers.BatchNormalization())
    return model


def make_discriminator():
    return keras.Sequential([layers.Dense(64), layers.Dropout(0.3), layers.Dense(1)])


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)
"""
PROJECTS: dict[str, dict[str, str]] = {
    "models that are made in another file": {
        "models.py": _MODELS,
        "train.py": """\
import tensorflow as tf
from models import make_discriminator, make_generator

generator = make_generator()
discriminator = make_discriminator()


@tf.function
def train_step(images):
    noise = tf.random.normal([16, 100])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        fake = generator(noise<<, training=True>>)
        real_output = discriminator(images<<, training=True>>)
        fake_output = discriminator(fake<<, training=True>>)
        gen_loss, disc_loss = losses(real_output, fake_output)
    g_grads = gen_tape.gradient(gen_loss, generator.trainable_variables)
    d_grads = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    g_opt.apply_gradients(zip(g_grads, generator.trainable_variables))
    d_opt.apply_gradients(zip(d_grads, discriminator.trainable_variables))
""",
    },
    "a Trainer and a script that makes it": {
        "models.py": _MODELS,
        "trainer.py": """\
import tensorflow as tf


class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer

    def compute_loss(self, x, y<<, training=False>>):
        return tf.reduce_mean((self.model(x<<, training=training>>) - y) ** 2)

    @tf.function
    def train_step(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y<<, training=True>>)
        grads = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.model.trainable_variables))

    def test_step(self, x, y):
        return self.compute_loss(x, y)
""",
        "main.py": """\
import tensorflow as tf

import models
from trainer import Trainer

trainer = Trainer(models.Net(), optimizer=tf.keras.optimizers.Adam())
for x, y in load():
    trainer.train_step(x, y)
""",
    },
    "a Trainer of which one model depends on the flag and one is not in sight": {
        "models.py": _MODELS,
        "trainer.py": """\
import tensorflow as tf
from tensorflow import keras


class Trainer:
    def __init__(self, model):
        self.model = model

    def train_step(self, x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, self.model(x))
        grads = tape.gradient(loss, self.model.trainable_variables)
        optimizer.apply_gradients(zip(grads, self.model.trainable_variables))
""",
        "main.py": """\
import sys

from models import Net
from trainer import Trainer

for model in (Net(), sys.argv[1]):
    Trainer(load(model)).train_step(x, y)
""",
    },
    "a step and a model that meet only where they are handed over": {
        "models.py": _MODELS,
        "steps.py": """\
import tensorflow as tf


@tf.function
def train_step(model, optimizer, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x<<, training=True>>) - y) ** 2)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))


def evaluate(model, ds):
    return [model(x) for x, _ in ds]
""",
        "main.py": """\
import tensorflow as tf
from models import Net
from steps import evaluate, train_step

net = Net()
for x, y in load():
    train_step(net, tf.keras.optimizers.Adam(), x, y)
evaluate(net, load())
""",
    },
    "a loss function of another file that an evaluation uses too": {
        "models.py": _MODELS,
        "losses.py": """\
import tensorflow as tf


def compute_loss(model, x, y<<, training=False>>):
    return tf.reduce_mean((model(x<<, training=training>>) - y) ** 2)
""",
        "train.py": """\
import tensorflow as tf
from losses import compute_loss
from models import Net

net = Net()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = compute_loss(net, x, y<<, training=True>>)
    return tape.gradient(loss, net.trainable_variables)
""",
        "test.py": """\
from losses import compute_loss
from train import net

print(compute_loss(net, x, y))
""",
    },
    "a class of another file with a step of its own here": {
        "models.py": _MODELS,
        "gan.py": """\
import tensorflow as tf
from models import Net


class Mine(Net):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x<<, training=True>>))
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}
""",
    },
    "a model of a module": {
        "models.py": _MODELS + "\n\nnet = Net()\n",
        "train.py": """\
import tensorflow as tf
import models


def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((models.net(x<<, training=True>>) - y) ** 2)
    return tape.gradient(loss, models.net.trainable_variables)
""",
    },
    "heirs of a Trainer": {
        "models.py": _MODELS,
        "trainer.py": """\
import tensorflow as tf
from models import Net


class Base:
    def __init__(self, net):
        self.net = net

    def loss(self, x):
        raise NotImplementedError

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.loss(x)
        return tape.gradient(loss, self.net.trainable_variables)


class First(Base):
    def __init__(self):
        super().__init__(Net())

    def loss(self, x):
        return tf.reduce_sum(self.net(x))


class Second(Base):
    def __init__(self):
        super().__init__(net=Net())

    def loss(self, x):
        return tf.reduce_sum(self.net(x) ** 2)
""",
    },
    "a default of True that an evaluation of another file relies on": {
        "models.py": _MODELS.replace("training=None", "training=True"),
        "evaluate.py": """\
import tensorflow as tf
from models import Net

net = Net()


def evaluate(test_ds):
    for x, y in test_ds:
        accuracy.update_state(y, net(x<<, training=False>>))
""",
    },
}
# Findings that are left.
_SAID = {"a Trainer of which one model depends on the flag and one is not in sight": 1}


@pytest.mark.parametrize("why", PROJECTS)
def test_a_project_is_settled_in_one_run(why: str, tmp_path: Path) -> None:
    assert_files_are_settled(tmp_path, PROJECTS[why], _SAID.get(why, 0))
