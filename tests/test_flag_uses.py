"""What a method does with its flag."""

from __future__ import annotations

import textwrap

import pytest

from kerasfix.analysis.flag_uses import Use, flag_uses
from kerasfix.analysis.program import Program
from kerasfix.source import Source

_PROGRAM = """\
import keras
import tensorflow as tf
from keras import layers


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        {block}
        return self.drop(x, training=training)


class Net(keras.Model):
    def __init__(self, given):
        super().__init__()
        self.drop = layers.Dropout(0.1)
        self.dense = layers.Dense(1)
        self.flip = layers.RandomFlip()
        self.wrapped = layers.Wrapper(given)
        self.block = Block()
        self.given = given

    def helper(self, x, training=None):
        {helper}
        return self.drop(x, training=training)

    def other(self, x, flag=None):
        return x

    def call(self, x, training=False):
{call}
"""


def _uses(call: str, helper: str = "pass", block: str = "pass") -> set[Use]:
    text = _PROGRAM.format(call=textwrap.indent(call, " " * 8), helper=helper, block=block)
    program = Program.of(Source(text))
    [info] = [each for each in program.module.classes if each.name == "Net"]
    return flag_uses(info.methods["call"], program.flow)


@pytest.mark.parametrize(
    "call",
    [
        "return self.drop(x, training=training)",
        "return self.drop(x, training)",
        "return self.dense(x, training=training)",
        "return self.block(x, training=training)",
        "return self.helper(x, training=training)",
        "return self.drop(x, training=training and x)",
    ],
)
def test_a_layer_or_helper_that_takes_the_flag(call: str) -> None:
    assert _uses(call) == {Use.LAYER}


@pytest.mark.parametrize(
    "call",
    [
        "if training:\n    return x",
        "if training and x:\n    return x",
        "if not training:\n    return x",
        "return x if training else -x",
        "return x if not training else -x",
        "while training or x:\n    return x",
        "y = not training",
    ],
)
def test_a_test_for_truth(call: str) -> None:
    assert _uses(call) == {Use.BRANCH}


def test_an_augmentation_layer() -> None:
    assert _uses("return self.flip(x, training=training)") == {Use.AUGMENTS}


@pytest.mark.parametrize(
    "call",
    [
        "return self.given(x, training=training)",
        "return tf.nn.batch_norm(x, training=training or None)",
        "return self.wrapped(x, training=training)",
    ],
)
def test_something_that_cannot_be_seen(call: str) -> None:
    assert _uses(call) == {Use.FOREIGN}


@pytest.mark.parametrize(
    "test", ["training is None", "training == False", "None is training", "training in x"]
)
def test_a_comparison(test: str) -> None:
    assert _uses(f"if {test}:\n    return x") == {Use.COMPARED}


@pytest.mark.parametrize(
    "call",
    [
        "return tf.cond(training, x, x)",
        "return x * training",
        "flag = training",
        "return self.given(x, is_training=training)",
        "return self.other(x, flag=training)",
        "return x if x else training",
        "return [training]",
        "self.drop(x * training)",
    ],
)
def test_anything_else(call: str) -> None:
    assert Use.OTHER in _uses(call)


def test_a_flag_that_is_not_read_has_no_use() -> None:
    assert _uses("training = True\nreturn x") == set()


def test_all_uses_of_a_method_are_told() -> None:
    call = "if training:\n    x = self.flip(x, training=training)\nreturn self.drop(x, training=training)"
    assert _uses(call) == {Use.BRANCH, Use.AUGMENTS, Use.LAYER}


def test_the_helper_s_uses_are_those_of_its_caller() -> None:
    call = "return self.helper(x, training=training)"
    assert _uses(call, helper="assert training is None") == {Use.LAYER, Use.COMPARED}


def test_the_uses_of_a_layer_of_the_module_are_those_of_its_caller() -> None:
    call = "return self.block(x, training=training)"
    assert _uses(call, block="x = x * training") == {Use.LAYER, Use.OTHER}


def test_helpers_that_call_each_other_end() -> None:
    call = "return self.helper(x, training=training)"
    assert _uses(call, helper="self.call(x, training=training)") == {Use.LAYER}
