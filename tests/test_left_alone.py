"""Faults that are found and left alone because of how they are written, and what is said of it."""

from __future__ import annotations

import pytest

import kerasfix

_INIT = """\
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(.5)

"""
_PAIRS = """\
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(3, 3)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(3, 3)
        self.bn2 = layers.BatchNormalization()

    def call(self, x, training=None):
        x = self.conv1(x)
        x = self.bn1(x, {argument})
        x = keras.ops.relu(x)
        x = self.conv2(x)
        return keras.ops.relu(x)
"""
CASES = {
    "KF109 the layer of that name comes later": (
        """\
import keras
i = keras.Input((4,))
m = keras.Model(i, keras.layers.Dropout(.5)(i, training=True))


class AlwaysTrainingDropout(keras.layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)
""",
        "the name `AlwaysTrainingDropout` is taken",
    ),
    "KF109 the name of what would be imported is taken": (
        """\
from keras import Input, Model
from keras.layers import Dropout
register_keras_serializable = None
i = Input((4,))
m = Model(i, Dropout(.5)(i, training=True))
""",
        "the name `register_keras_serializable` is taken",
    ),
    "KF111 two statements on the line of the flag": (
        _INIT
        + """\
    def call(self, x, **kwargs):
        x = self.bn(x); training = kwargs.get("training")
        return self.drop(x, training=training)
""",
        "line 12 holds more than the flag",
    ),
    "KF203 the sibling is called with what may be for it alone": (
        _PAIRS.format(argument="training=bool(training)"),
        "the call of its sibling has arguments that may be meant for it alone",
    ),
    "KF205 two statements on the last line of the constructor": (
        _INIT[:-1]
        + """\
        self.dense = layers.Dense(3); self.size = 3

    def call(self, x, training=None):
        return layers.Dense(3)(self.dense(x))
""",
        "its statement shares a line with another one",
    ),
    "KF205 several lines, at another depth": (
        _INIT
        + """\
    def call(self, x, training=None):
        with keras.name_scope("a"):
            x = layers.Dense(
                3)(x)
        return self.drop(x, training=training)
""",
        "it is written over several lines, at another depth than the constructor",
    ),
    "KF205 two statements on the line of the layer": (
        _INIT
        + """\
    def call(self, x, training=None):
        last = layers.Dense(3); x = self.bn(x, training=training)
        return last(x)
""",
        "there is something else on its lines",
    ),
    "KF205 the only statement of its block": (
        _INIT
        + """\
    def call(self, x, training=None):
        if self.size:
            last = layers.Dense(3)
        return last(x)
""",
        "it is the only statement of its block",
    ),
}


@pytest.mark.parametrize("why", CASES)
def test_what_cannot_be_written_is_left_alone(why: str) -> None:
    text, reason = CASES[why]
    [finding] = [each for each in kerasfix.check(text) if each.code == why[:5]]
    assert finding.fix is None
    assert finding.help.endswith(f"eft alone, because {reason}")


def test_what_is_for_it_alone_can_be_told() -> None:
    text = _PAIRS.format(argument="training=training")
    [finding] = [each for each in kerasfix.check(text) if each.code == "KF203"]
    assert finding.fix is not None
