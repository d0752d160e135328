"""By which variables a gradient is taken, however a program lists them (KF301)."""

from __future__ import annotations

import textwrap

import pytest

from tests.loop_variants import Loop, assert_is_settled

_NET = """\
import itertools

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


a, b, c = Net(), Net(), Net()
"""
_STEP = """\


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean({calls})
    return tape.gradient(loss, {variables})
"""
_BOTH = "a(x<<, training=True>>) + b(x<<, training=True>>) - c(x)"
_ONE = "a(x<<, training=True>>) + b(x) - c(x)"


def _step(variables: str, calls: str = _BOTH, before: str = "") -> str:
    return _NET + textwrap.dedent(before) + _STEP.format(calls=calls, variables=variables)


LISTED = {
    "one list after the other": "[*a.trainable_variables, *b.trainable_variables]",
    "a dict, which gives a dict of gradients": '{"a": a.trainable_variables, "b": b.trainable_variables}',
    "a chain of both": "list(itertools.chain(a.trainable_variables, b.trainable_variables))",
    "a sum of lists": "sum([m.trainable_variables for m in (a, b)], [])",
    "each variable of each model": "[v for m in (a, b) for v in m.trainable_variables]",
    "the tensors of its variables": "[v.value for m in (a, b) for v in m.trainable_variables]",
    "one or the other": "a.trainable_variables if warm else b.trainable_variables",
    "those of one or the other": "(a if warm else b).trainable_variables",
    "one where the other has none": "a.trainable_variables or b.trainable_variables",
}


@pytest.mark.parametrize("variables", [pytest.param(each, id=why) for why, each in LISTED.items()])
def test_all_models_whose_variables_are_listed_are_trained(variables: str) -> None:
    assert_is_settled(Loop("", _step(variables)))


MADE_BEFORE = {
    "a list that is written anew with more in it": """\
        variables = a.trainable_variables
        variables = variables + b.trainable_variables
        """,
    "a list that grows": """\
        variables = []
        variables += a.trainable_variables
        variables += b.trainable_variables
        """,
    "a list of which another name is used": """\
        both = [a.trainable_variables, b.trainable_variables]
        variables = both
        """,
    "a function that gives them": """\
        def of(first, second):
            return first.trainable_variables + second.trainable_variables


        variables = of(a, b)
        """,
}


@pytest.mark.parametrize("before", [pytest.param(each, id=why) for why, each in MADE_BEFORE.items()])
def test_a_list_of_variables_is_followed_to_where_it_is_made(before: str) -> None:
    assert_is_settled(Loop("", _step("variables", before=before)))


PARTS = {
    "some of its variables": "[v for v in a.trainable_variables if 'kernel' in v.name]",
    "the first of its variables": "a.trainable_variables[:2]",
    "a layer that it is asked for": "a.get_layer('head').trainable_variables",
    "its last layer": "a.layers[-1].trainable_variables",
    "a layer that is an attribute of it": "a.dense.trainable_variables",
}


@pytest.mark.parametrize("variables", [pytest.param(each, id=why) for why, each in PARTS.items()])
def test_a_model_of_which_a_part_is_trained_gets_the_flag_only_if_asked(variables: str) -> None:
    assert_is_settled(Loop("", _step(variables, _ONE), offered=True))


OTHERS = {
    "what is computed": "weight * 2",
    "those of what an operator makes": "(first or second).trainable_variables",
    "nothing of a model": "[weight, bias]",
    "what is not in sight": "variables_of_nobody",
    "an attribute of something else": "settings.variables_to_train",
    "what another package gives": "tf.compat.v1.trainable_variables()",
}


@pytest.mark.parametrize("variables", [pytest.param(each, id=why) for why, each in OTHERS.items()])
def test_a_gradient_by_something_else_trains_no_model(variables: str) -> None:
    assert_is_settled(Loop("", _step(variables, "a(x) + b(x) - c(x)")))


LOOPS = (
    Loop(
        "a helper that is given the list",
        _NET
        + """\
def update(tape, loss, variables):
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(a(x<<, training=True>>) - c(x))
    update(tape, loss, a.trainable_variables)
""",
    ),
    Loop(
        "two lists that grow, and two rows",
        _NET
        + """\
first, second = [], []
for each in (a, b):
    first += each.trainable_variables
second += c.trainable_variables


def step(x):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(a(x<<, training=True>>) + b(x<<, training=True>>) - c(x<<, training=True>>))
    for model, optimizer in ((a, sgd), (b, adam)):
        tape.gradient(loss, model.trainable_variables)
        tape.gradient(loss, model.trainable_weights)
    return tape.gradient(loss, first), tape.gradient(loss, second)
""",
    ),
    Loop(
        "rows that do not fit",
        _NET
        + """\
def step(x, rows):
    for model, (name, *_) in (a, ("a",)), (b, ("b",)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(a(x<<, training=True>>) + b(x<<, training=True>>) - c(x))
        tape.gradient(loss, model.trainable_variables)
    for model, name in (c, "c", 1), *rows:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(c(x))
        tape.gradient(loss, model.trainable_variables)
""",
    ),
    Loop(
        "models that are gone through in a list which is made elsewhere",
        _NET
        + """\
models = make_models(a, b)


def step(x):
    for each in models:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(a(x) + b(x) - c(x))
        tape.gradient(loss, each.trainable_variables)
""",
    ),
    Loop(
        "models that are gone through in a list with a name",
        _NET
        + """\
models = [a, b]


def step(x):
    for each in models:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(a(x<<, training=True>>) + b(x<<, training=True>>) - c(x))
        grads = tape.gradient(loss, each.trainable_variables)
        optimizer.apply_gradients(zip(grads, each.trainable_variables))
""",
    ),
    Loop(
        "rows of models and optimizers",
        _NET
        + """\
def step(x):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(a(x<<, training=True>>) + b(x<<, training=True>>) - c(x))
    for (model, optimizer) in ((a, sgd), (b, adam)):
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
""",
    ),
    Loop(
        "the optimizer is given a function that lists them",
        _NET
        + """\
def step(x):
    optimizer.minimize(lambda: tf.reduce_mean(a(x<<, training=True>>) - c(x)), lambda: a.trainable_variables)
""",
    ),
    Loop(
        "a class that keeps the list",
        _NET
        + """\
class Trainer:
    def __init__(self, first, second):
        self.first = Net()
        self.second = Net()
        self.fixed = Net()
        self.learned = self.first.trainable_variables + self.second.trainable_variables
        self.shown = self.fixed.trainable_variables

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.first(x<<, training=True>>) + self.second(x<<, training=True>>) + self.fixed(x)
        return tape.gradient(loss, self.learned)
""",
    ),
    Loop(
        "a class that has a property for the list, inherited",
        _NET
        + """\
class Base:
    def __init__(self):
        self.first = Net()
        self.fixed = Net()

    @property
    def learned(self):
        return self.first.trainable_variables

    @property
    def shown(self):
        return self.fixed.trainable_variables


class Trainer(Base):
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.first(x<<, training=True>>) + self.fixed(x)
        return tape.gradient(loss, self.learned)
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in LOOPS])
def test_the_models_are_found_behind_loops_and_classes(loop: Loop) -> None:
    assert_is_settled(loop)
