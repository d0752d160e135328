"""Where the layers that fix a mode are put, and how what they are made of is spelled (KF109)."""

from __future__ import annotations

import pytest

import kerasfix

# What it is about, the program, what is in the mended one.
MENDED = [
    (
        "tabs, and Windows line ends",
        """\
import keras
from keras import layers
def f():
\ti = keras.Input((4,))
\treturn keras.Model(i, layers.Dropout(.5)(i,training=True))
""".replace("\n", "\r\n"),
        '''\
layers


@keras.utils.register_keras_serializable()
class AlwaysTrainingDropout(layers.Dropout):
\t"""A Dropout that stays in training mode, whatever `fit` and `predict` ask for."""

\tdef call(self, inputs, training=None):
\t\treturn super().call(inputs, training=True)


def f():
'''.replace("\n", "\r\n"),
    ),
    (
        "a cell of a notebook, and two spaces",
        """\
# %%
import tensorflow as tf
from tensorflow.keras import layers, Input, Model

# %%
i = Input((4,))
x = layers.Dropout(.5)(i, training=True)
m = Model(i, x)

# %%
def g():
  pass
""",
        '''\
# %%


@tf.keras.utils.register_keras_serializable()
class AlwaysTrainingDropout(layers.Dropout):
  """A Dropout that stays in training mode, whatever `fit` and `predict` ask for."""

  def call(self, inputs, training=None):
    return super().call(inputs, training=True)


''',
    ),
    (
        "an alias that is made by an assignment",
        """\
import tensorflow as tf
L = tf.keras.layers
i = tf.keras.Input((4,))
m = tf.keras.Model(i, L.Dropout(.5)(i, training=True))
""",
        """\
@tf.keras.utils.register_keras_serializable()
class AlwaysTrainingDropout(tf.keras.layers.Dropout):
""",
    ),
    (
        "two kinds of Keras in one file: the layer's own is used",
        """\
import tensorflow as tf
from keras.layers import Dropout, Input
from keras.models import Model
i = Input((4,))
m = Model(i, Dropout(.5)(i, training=True))
""",
        """\
from keras.models import Model
from keras.utils import register_keras_serializable


@register_keras_serializable()
class AlwaysTrainingDropout(Dropout):
""",
    ),
    (
        "a block at the top of the module",
        """\
from keras import Input, Model, layers

if __name__ == '__main__':
    i = Input((4,))
    m = Model(i, layers.GaussianNoise(.5)(inputs=i, training=True))
""",
        """\
    return super().call(inputs, training=True)


if __name__ == '__main__':
    i = Input((4,))
    m = Model(i, AlwaysTrainingGaussianNoise(.5)(inputs=i))
""",
    ),
    (
        "a layer of that name that is there already",
        """\
import keras


class AlwaysTrainingDropout(keras.layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


i = keras.Input((4,))
m = keras.Model(i, keras.layers.Dropout(.5)(i, training=True))
""",
        """\
import keras


class AlwaysTrainingDropout(keras.layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


i = keras.Input((4,))
m = keras.Model(i, AlwaysTrainingDropout(.5)(i))
""",
    ),
    (
        "a backbone that an attribute holds, imported in the function",
        """\
import tensorflow as tf


class Builder:
    def __init__(self):
        self.base = None

    def build(self):
        from tensorflow.keras.applications import ResNet50
        self.base = ResNet50(include_top=False)
        i = tf.keras.Input((9, 9, 3))
        return tf.keras.Model(i, self.base(i, training=False))
""",
        "tf.keras.Model(i, AlwaysInference(self.base)(i))",
    ),
    (
        "a decorated function that the layer is in",
        """\
from keras import Input, Model, layers


# What it makes.
@cached
@checked
def f():
    i = Input((4,))
    return Model(i, layers.Dropout(.5)(i, training=True))
""",
        """\
        return super().call(inputs, training=True)


# What it makes.
@cached
@checked
def f():
    i = Input((4,))
    return Model(i, AlwaysTrainingDropout(.5)(i))
""",
    ),
    (
        "star imports, the last but one of Keras",
        """\
from keras import Input, Model
from keras.layers import *
from os.path import *


def f():
    i = Input((4,))
    return Model(i, Dropout(.5)(i, training=True))
""",
        """\
class AlwaysTrainingDropout(Dropout):
""",
    ),
]
# Why it is left alone, the program, what the finding says.
LEFT_ALONE = [
    (
        "Keras is imported late on purpose",
        """\
import numpy as np


def f():
    from tensorflow import keras
    i = keras.Input((4,))
    return keras.Model(i, keras.layers.Dropout(.5)(i, training=True))
""",
        "Keras is not imported before it",
    ),
    (
        "the name is taken",
        """\
import keras
AlwaysTrainingDropout = 3
i = keras.Input((4,))
m = keras.Model(i, keras.layers.Dropout(.5)(i, training=True))
""",
        "the name `AlwaysTrainingDropout` is taken",
    ),
    (
        "either Keras",
        """\
try:
    from tensorflow import keras
except ImportError:
    import keras
i = keras.Input((4,))
m = keras.Model(i, keras.layers.Dropout(.5)(i, training=True))
""",
        "from which Keras",
    ),
    (
        "a mask that BatchNormalization reads",
        """\
from keras import Input, Model, layers
i = Input((4,))
x = layers.Embedding(4, 4, mask_zero=True)(i)
m = Model(i, layers.BatchNormalization()(x, training=True))
""",
        "a mask may reach it",
    ),
    (
        "a backbone that gets a mask",
        """\
import keras
i = keras.Input((4,))
b = keras.applications.ResNet50(include_top=False)
m = keras.Model(i, b(i, training=False, mask=None))
""",
        "more than its input",
    ),
]


@pytest.mark.parametrize(
    ("program", "piece"), [each[1:] for each in MENDED], ids=[each[0] for each in MENDED]
)
def test_mended(program: str, piece: str) -> None:
    fixed = kerasfix.fix(program, applicability=tuple(kerasfix.Applicability)).text
    assert piece in fixed
    assert fixed.count("class Always") == 1
    assert kerasfix.fix(fixed, applicability=tuple(kerasfix.Applicability)).text == fixed


@pytest.mark.parametrize(
    ("program", "reason"), [each[1:] for each in LEFT_ALONE], ids=[each[0] for each in LEFT_ALONE]
)
def test_left_alone(program: str, reason: str) -> None:
    (finding,) = kerasfix.check(program)
    assert finding.fix is None
    assert reason in finding.help


def test_a_page_break_is_no_part_of_an_indent() -> None:
    text = """\
import keras


class Config:
\f    rate = 0.5


inputs = keras.Input((8,))
outputs = keras.layers.Dropout(0.5)(inputs, training=True)
model = keras.Model(inputs, outputs)
"""
    fixed = kerasfix.fix(text, applicability=tuple(kerasfix.Applicability)).text
    assert "    def call(self, inputs, training=None):\n        return super()" in fixed
