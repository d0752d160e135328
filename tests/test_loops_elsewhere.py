"""Loops whose models, optimizers or helpers are made by what is not in sight."""

from __future__ import annotations

from kerasfix.engine import Engine, allow_up_to
from kerasfix.finder import Finder
from kerasfix.findings import Applicability
from kerasfix.plan import make_plan
from kerasfix.selection import Selection

ENGINE = Engine(Finder(Selection(("KF3",))))
NET = """\
import tensorflow as tf

net = tf.keras.Sequential([tf.keras.layers.Dense(4), tf.keras.layers.Dropout(0.5)])


"""


def fixed(text: str) -> str:
    allowed = allow_up_to(Applicability.SAFE, Applicability.REPAIR)
    return make_plan(text, ENGINE.check_source, allowed).text


def test_an_optimizer_written_elsewhere_is_given_the_tape_and_the_variables() -> None:
    before = NET + (
        "def step(optimizer, x):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = tf.reduce_sum(net(x))\n"
        "    optimizer.minimize_with_tape(tape, loss, net.trainable_variables)\n"
    )
    assert fixed(before) == before.replace("net(x)", "net(x, training=True)")


def test_tensorflow_under_its_old_name() -> None:
    before = NET.replace("tensorflow as", "tensorflow.compat.v2 as") + (
        "def step(x):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = tf.reduce_sum(net(x))\n"
        "    return tape.gradient(loss, net.trainable_variables)\n"
    )
    assert fixed(before) == before.replace("net(x)", "net(x, training=True)")


def test_a_model_from_another_package_that_is_given_the_flag_besides() -> None:
    before = (
        "import tensorflow as tf\nfrom elsewhere import make_net\nfrom tensorflow import keras\n\n\n"
        "def step(net, real, fake):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = net(real, training=True) - net(fake)\n"
        "    return tape.gradient(loss, net.trainable_variables)\n\n\n"
        "step(make_net(), 1, 2)\n"
    )
    assert fixed(before) == before.replace("net(fake)", "net(fake, training=True)")


def test_without_the_flag_elsewhere_it_may_be_anything() -> None:
    before = (
        "import tensorflow as tf\nfrom elsewhere import make_net\nfrom tensorflow import keras\n\n\n"
        "def step(net, real):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = tf.reduce_sum(net(real))\n"
        "    return tape.gradient(loss, net.trainable_variables)\n\n\n"
        "step(make_net(), 1)\n"
    )
    assert fixed(before) == before


def test_a_function_that_trains_the_model_besides_says_so_again() -> None:
    """Nobody else can want the one call to train and the other not."""
    before = NET + (
        "class Trainer:\n"
        "    def loss_of(self, real, fake):\n"
        "        return tf.reduce_mean(net(real, training=True) - net(fake))\n"
        "\n"
        "    def step(self, real, fake):\n"
        "        with tf.GradientTape() as tape:\n"
        "            loss = self.loss_of(real, fake)\n"
        "        return tape.gradient(loss, net.trainable_variables)\n\n\n"
        "def look(trainer, real):\n"
        "    return trainer.loss_of(real, real)\n"
    )
    assert fixed(before) == before.replace("net(fake)", "net(fake, training=True)")


def test_a_step_against_the_model_trains_nothing() -> None:
    """Virtual adversarial training looks for a direction with a tape of its own, and stops the gradient."""
    before = NET + (
        "def direction(x, d):\n"
        "    with tf.GradientTape() as tape:\n"
        "        tape.watch(d)\n"
        "        distance = tf.reduce_sum(net(x + d))\n"
        "    grad = tape.gradient(distance, d)\n"
        "    return tf.stop_gradient(grad)\n\n\n"
        "def step(x, d):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = tf.reduce_sum(net(x + direction(x, d), training=True))\n"
        "    return tape.gradient(loss, net.trainable_variables)\n"
    )
    assert fixed(before) == before


def test_a_gradient_penalty_trains() -> None:
    before = NET + (
        "def penalty(x):\n"
        "    with tf.GradientTape() as tape:\n"
        "        tape.watch(x)\n"
        "        score = net(x)\n"
        "    grad = tape.gradient(score, x)\n"
        "    return tf.reduce_mean(tf.norm(grad, axis=1) - 1.0)\n\n\n"
        "def step(x):\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = penalty(x)\n"
        "    return tape.gradient(loss, net.trainable_variables)\n"
    )
    assert fixed(before) == before.replace("net(x)", "net(x, training=True)")
