"""How models and functions get to where a tape sees them called: objects, wrappers, strategies (KF301)."""

from __future__ import annotations

import pytest

from tests.loop_variants import Loop, assert_is_settled

_NET = """\
import functools

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


net, other = Net(), Net()
strategy = tf.distribute.MirroredStrategy()


"""
_STEP = """\


def step(x, y):
    with tf.GradientTape() as tape:
        loss = {loss}
    return tape.gradient(loss, net.trainable_variables)
"""


def _step(before: str, loss: str) -> str:
    return _NET + before + _STEP.format(loss=loss)


_CRITERION = """\
class Criterion:
    def __init__(self, weight=1.0, model=None):
        settings.weight = weight
        self.weight = weight
        self.model{annotation} = model

    def __call__(self, x, y{takes}):
        return self.weight * loss_fn(y, self.model(x{passes}))


"""
_EDIT = "<<, training=True>>"


def _criterion(made: str, edit: str = _EDIT, annotation: str = "") -> str:
    takes, passes = edit.replace("True", "False"), edit.replace("True", "training")
    made = _CRITERION.format(takes=takes, passes=passes, annotation=annotation) + made
    return _step(made, f"criterion(x, y{edit})")


OBJECTS = (
    Loop("the model is given by position", _criterion("criterion = Criterion(2.0, net)\n")),
    Loop("the model is given by keyword", _criterion("criterion = Criterion(weight=2.0, model=net)\n")),
    Loop(
        "the attribute is annotated",
        _criterion("criterion = Criterion(model=net)\n", annotation=": keras.Model"),
    ),
    Loop("another model is given", _criterion("criterion = Criterion(model=other)\n", edit="")),
    Loop("no model is given", _criterion("criterion = Criterion()\n", edit="")),
    Loop("who knows which is given", _criterion("criterion = Criterion(*parts)\n", edit="")),
    Loop(
        "objects that are made of each other",
        _criterion(
            "criterion = Criterion(model=second.model)\nsecond = Criterion(model=criterion.model)\n", edit=""
        ),
    ),
    Loop(
        "a method of an object that is made where it is called",
        _step(
            "class Criterion:\n"
            "    def __init__(self, model):\n"
            "        self.model = model\n"
            "\n"
            "    def loss(self, x, y<<, training=False>>):\n"
            "        return loss_fn(y, self.model(x<<, training=training>>))\n",
            "Criterion(net).loss(x, y<<, training=True>>)",
        ),
    ),
    Loop(
        "a function that gets an object with the model",
        _NET
        + """\
class Agent:
    def __init__(self):
        self.net = Net()
        self.old = Net()


def loss_of(agent, x, y):
    return loss_fn(y, agent.net(x<<, training=True>>)) + agent.old(x)


agent = Agent()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(agent, x, y)
    return tape.gradient(loss, agent.net.trainable_variables)
""",
    ),
    Loop(
        "a function that gets an object which nobody knows",
        _NET
        + """\
def loss_of(agent, x, y):
    return loss_fn(y, agent.net(x))


agent = make_agent()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(agent, x, y)
    optimizer.apply_gradients(
        zip(tape.gradient(loss, agent.net.trainable_variables), agent.net.trainable_variables)
    )
""",
        said=(("KF301", "return loss_fn(y, agent.net(x))"),),
    ),
    Loop(
        "the version of a base class, which a subclass calls",
        _NET
        + """\
class Base:
    def __init__(self):
        self.net = Net()
        self.old = Net()

    def loss(self, x):
        return tf.reduce_mean(self.net(x<<, training=True>>)) + tf.reduce_mean(self.old(x))


class Trainer(Base):
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = super().loss(x)
        return tape.gradient(loss, self.net.trainable_variables)


Trainer().step(x)
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in OBJECTS])
def test_a_model_is_known_by_what_holds_it(loop: Loop) -> None:
    assert_is_settled(loop)


_FORWARD = """\
def forward(model, x):
    return model(x<<, training=True>>)


def of_net(x):
    return net(x<<, training=True>>)


"""
_FORWARD_ONLY, _OF_NET = (part.rstrip() + "\n" for part in _FORWARD.rstrip().split("\n\n\n"))
# What is wrapped may be called by others too.
_SHARED, _OF_NET_SHARED = (
    text.replace("x):", "x<<, training=False>>):").replace("training=True", "training=training")
    for text in (_FORWARD_ONLY, _OF_NET)
)
WRAPPED = (
    Loop(
        "a model that was told to train before",
        _step("fast = functools.partial(net, training=True)\n", "fast(x)"),
    ),
    Loop("a model as a graph function", _step("fast = tf.function(net)\n", "fast(x<<, training=True>>)")),
    Loop(
        "a function as a graph function",
        _step(_OF_NET_SHARED + "\n\nfast = tf.function(of_net)\n", f"fast(x{_EDIT})"),
    ),
    Loop(
        "a function that is wrapped where it is called",
        _step(_OF_NET_SHARED, f"tf.function(of_net)(x{_EDIT})"),
    ),
    Loop(
        "a function that was given the model before",
        _step(_SHARED + "\n\nfast = functools.partial(forward, net)\n", f"fast(x{_EDIT})"),
    ),
    Loop(
        "a function that was given the model before, by keyword",
        _step(_SHARED + "\n\nfast = functools.partial(forward, model=net)\n", f"fast(x=x{_EDIT})"),
    ),
    Loop(
        "a function that was given another model before",
        _step(_FORWARD_ONLY.replace(_EDIT, "") + "\n\nfast = functools.partial(forward, other)\n", "fast(x)"),
    ),
    Loop(
        "a function that was given the model by the function around",
        _NET
        + _SHARED
        + """\


def make_step(model):
    fast = functools.partial(forward, model)

    def step(x):
        with tf.GradientTape() as tape:
            loss = fast(x<<, training=True>>)
        return tape.gradient(loss, model.trainable_variables)

    return step


step = make_step(net)
""",
    ),
    Loop(
        "a function of a list", _step(_OF_NET.replace(_EDIT, "") + "\n\nall_of = [of_net]\n", "all_of[0](x)")
    ),
    Loop("a function that is given all of a list", _step(_FORWARD_ONLY.replace(_EDIT, ""), "forward(*both)")),
    Loop("a function that is given too much", _step(_FORWARD_ONLY, "forward(net, x, y)")),
    Loop("a function that is given who knows what", _step(_FORWARD_ONLY, "forward(net, **options)")),
    Loop("each replica runs it", _step(_FORWARD_ONLY, "strategy.run(forward, args=(net, x))")),
    Loop("each replica runs it, given by position", _step(_FORWARD_ONLY, "strategy.run(forward, (net, x))")),
    Loop(
        "each replica runs it, given by name",
        _step(_FORWARD_ONLY, 'strategy.run(forward, kwargs={"model": net, "x": x})'),
    ),
    Loop(
        "each replica runs what nobody knows", _step(_OF_NET.replace(_EDIT, ""), "strategy.run(given, (x,))")
    ),
    Loop(
        "a method with the name by which strategies run functions",
        _NET
        + """\
class Trainer:
    def run(self, x):
        return net(x<<, training=True>>)

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.run(x)
        return tape.gradient(loss, net.trainable_variables)
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in WRAPPED])
def test_a_function_is_followed_through_what_runs_it(loop: Loop) -> None:
    assert_is_settled(loop)
