"""However a layer got where it is, and however it is called: if it needs the flag, it gets it."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER

_CALL = "    def call(self, x, training=None):\n        return {call}(x)\n"
_CLASS = "class Net(keras.Model):\n    def __init__(self{parameters}):\n        super().__init__()\n"


def _program(before: str, made: str, call: str, parameters: str = "") -> str:
    """A model that makes something in its constructor and calls it."""
    body = "".join(f"        {line}\n" for line in made.splitlines())
    return HEADER + before + _CLASS.format(parameters=parameters) + body + "\n" + _CALL.format(call=call)


def _is_mended(text: str, call: str) -> bool:
    fixed = kerasfix.fix(text).text
    return fixed == text.replace(f"{call}(x)", f"{call}(x, training=training)")


@pytest.mark.parametrize(
    ("made", "call"),
    [
        pytest.param("self.d = layers.Dropout(0.5)", "self.d", id="an attribute"),
        pytest.param("self.ls = [layers.Dropout(0.5)]", "self.ls[0]", id="a list"),
        pytest.param("self.ls = (layers.Dropout(0.5),)", "self.ls[0]", id="a tuple"),
        pytest.param("self.ls = {'a': layers.Dropout(0.5)}", "self.ls['a']", id="a dict"),
        pytest.param("self.ls = [layers.Dropout(r) for r in (0.1, 0.2)]", "self.ls[1]", id="a comprehension"),
        pytest.param("self.ls = []\nself.ls.append(layers.Dropout(0.5))", "self.ls[0]", id="append"),
        pytest.param("self.ls = []\nself.ls += [layers.Dropout(0.5)]", "self.ls[0]", id="+="),
        pytest.param("setattr(self, 'd', layers.Dropout(0.5))", "self.d", id="setattr with a literal name"),
        pytest.param("self.d = keras.Sequential([layers.Dropout(0.5)])", "self.d", id="Sequential"),
        pytest.param(
            "self.d = keras.Sequential()\nself.d.add(layers.Dropout(0.5))", "self.d", id="Sequential.add"
        ),
        pytest.param(
            "i = keras.Input((4,))\no = layers.Dropout(0.5)(layers.Dense(3)(i))\nself.d = keras.Model(i, o)",
            "self.d",
            id="a functional model",
        ),
        pytest.param(
            "i = keras.Input((4,))\nx = layers.Dense(3)(i)\nx = layers.BatchNormalization()(x)\n"
            "self.d = keras.Model(inputs=i, outputs=[x, i])",
            "self.d",
            id="a functional model with two outputs",
        ),
        pytest.param("self.d = keras.applications.ResNet50(weights=None)", "self.d", id="an application"),
        pytest.param("self.d = layers.TimeDistributed(layers.Dropout(0.5))", "self.d", id="a wrapper"),
        pytest.param("self.d = layers.RNN(Cell())", "self.d", id="an RNN of a cell of its own"),
        pytest.param(
            "self.d = None\nif True:\n    self.d = layers.Dropout(0.5)", "self.d", id="None or a layer"
        ),
        pytest.param("self.d = made()", "self.d", id="a builder function"),
        pytest.param("self.d = stack(layers.Dropout)", "self.d", id="a function that is handed a class"),
        pytest.param("self.d = self.make()", "self.d", id="a builder method"),
        pytest.param("self.d = Gated(layers.Dropout(0.5)).inner", "self.e", id="unknown"),
    ],
)
def test_where_layers_live(made: str, call: str) -> None:
    before = (
        "def made():\n    net = keras.Sequential()\n    net.add(layers.Dropout(0.5))\n    return net\n\n\n"
        "def stack(kind):\n    return keras.Sequential([kind(0.1)])\n\n\n"
        "class Cell(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
        "        self.d = layers.Dropout(0.5)\n\n"
        "    def call(self, x, states, training=None):\n"
        "        return self.d(x, training=training), states\n\n\n"
    )
    text = _program(before, made, call)
    text += "\n    def make(self):\n        return keras.Sequential([layers.Dropout(0.5)])\n"
    assert _is_mended(text, call) is (call != "self.e")


@pytest.mark.parametrize(
    ("parameters", "made", "mended"),
    [
        (", d: layers.Dropout", "self.d = d", True),
        (", d: layers.Dropout | None = None", "self.d = d", True),
        (", d: 'layers.Dropout'", "self.d = d", True),
        (", d=layers.Dropout(0.5)", "self.d = d", True),
        (", norm=layers.BatchNormalization", "self.d = norm()", True),
        (", d=None", "self.d = d or layers.Dropout(0.5)", False),
        (", d", "self.d = d", False),
        (", d: layers.Layer", "self.d = d", False),
        (", d=tf.nn.relu", "self.d = d", False),
    ],
)
def test_layers_that_are_handed_to_the_constructor(parameters: str, made: str, mended: bool) -> None:
    assert _is_mended(_program("", made, "self.d", parameters), "self.d") is mended


@pytest.mark.parametrize(
    ("made", "mended"),
    [
        ("self.d = keras.applications.ResNet50()\nself.d.trainable = False", False),
        ("base = keras.applications.ResNet50()\nbase.trainable = False\nself.d = base", False),
        ("self.d = layers.BatchNormalization()\nself.d.trainable = False", False),
        (
            "self.d = keras.applications.ResNet50()\nfor l in self.d.layers:\n    l.trainable = False",
            False,
        ),
        ("self.d = keras.applications.VGG16()", False),
        ("self.d = keras.applications.ResNet50()\nself.d.trainable = True", True),
        ("self.d = layers.Dropout(0.5)\nself.d.trainable = False", True),
    ],
)
def test_what_is_frozen_does_not_need_the_flag(made: str, mended: bool) -> None:
    assert _is_mended(_program("", made, "self.d"), "self.d") is mended


@pytest.mark.parametrize(
    ("module", "made", "mended"),
    [
        ("import keras_hub", "keras_hub.layers.TransformerEncoder(4, 2, dropout=0.1)", True),
        ("import keras_hub", "keras_hub.layers.TransformerEncoder(4, 2)", False),
        ("from keras_nlp.layers import FNetEncoder", "FNetEncoder(4, dropout=0.1)", True),
        ("from keras_cv import layers as cv", "cv.DropPath(0.1)", True),
        ("import tensorflow_addons as tfa", "tfa.layers.StochasticDepth()", True),
        ("import somebody as s", "s.layers.Dropout(0.5)", False),
    ],
)
def test_layers_of_other_packages(module: str, made: str, mended: bool) -> None:
    text = _program(module + "\n\n\n", f"self.d = {made}", "self.d")
    assert _is_mended(text, "self.d") is mended


MODEL = """\
class Sub({base}):
    def __init__(self):
        {made}


"""


@pytest.mark.parametrize(
    ("base", "made", "mended"),
    [
        ("keras.Sequential", "super().__init__([layers.Dropout(0.5)])", True),
        ("keras.Sequential", "super().__init__()\n        self.add(layers.Dropout(0.5))", True),
        ("keras.Sequential", "super().__init__([layers.Dense(3)])", False),
        (
            "keras.Model",
            "i = keras.Input((4,))\n        super().__init__(inputs=i, outputs=layers.Dropout(0.5)(i))",
            True,
        ),
        ("keras.Model", "i = keras.Input((4,))\n        super().__init__(i, layers.Dense(5)(i))", False),
        ("layers.Dropout", "super().__init__(0.5)", True),
        ("layers.Wrapper", "super().__init__(layers.Dropout(0.5))", False),
    ],
)
def test_classes_without_a_call_of_their_own(base: str, made: str, mended: bool) -> None:
    text = _program(MODEL.format(base=base, made=made), "self.d = Sub()", "self.d")
    assert _is_mended(text, "self.d") is mended


BODIES = [
    ("nested in another call", "return self.e(self.bn(x))", "return self.e(self.bn(x, training=training))"),
    (
        "in a loop over a list",
        "for l in self.ls:\n            x = l(x)\n        return x",
        "for l in self.ls:\n            x = l(x, training=training)\n        return x",
    ),
    (
        "through enumerate and zip",
        "for i, (l, m) in enumerate(zip(self.ls, self.ls)):\n            x = l(x) + m(x)\n        return x",
        "for i, (l, m) in enumerate(zip(self.ls, self.ls)):\n"
        "            x = l(x, training=training) + m(x, training=training)\n        return x",
    ),
    (
        "by an alias",
        "bn = self.bn\n        return bn(x)",
        "bn = self.bn\n        return bn(x, training=training)",
    ),
    (
        "in a comprehension",
        "return [l(x) for l in self.ls]",
        "return [l(x, training=training) for l in self.ls]",
    ),
    ("by index", "return self.ls[len(x)](x)", "return self.ls[len(x)](x, training=training)"),
    (
        "in a lambda for tf.cond",
        "return tf.cond(x > 0, lambda: self.bn(x), lambda: x)",
        "return tf.cond(x > 0, lambda: self.bn(x, training=training), lambda: x)",
    ),
    (
        "in a nested function",
        "def f(y):\n            return self.bn(y)\n\n        return f(x)",
        "def f(y):\n            return self.bn(y, training=training)\n\n        return f(x)",
    ),
    (
        "under a condition on the flag, which stays",
        "if training:\n            x = self.bn(x)\n        return x",
        "if training:\n            x = self.bn(x, training=training)\n        return x",
    ),
]


@pytest.mark.parametrize(("body", "mended"), [each[1:] for each in BODIES], ids=[each[0] for each in BODIES])
def test_however_it_is_called(body: str, mended: str) -> None:
    body, mended = (
        body.replace("{0}", "self.bn"),
        mended.replace("{0}", "self.bn").replace("self.d(", "self.e("),
    )
    made = "self.bn = layers.BatchNormalization()\n        self.e = layers.Dense(3)\n"
    made += "        self.ls = [layers.Dropout(0.1), layers.Dense(3)]\n"
    text = HEADER + _CLASS.format(parameters="") + f"        {made}\n"
    text += "    def call(self, x, training=None):\n        "
    assert kerasfix.fix(text + body + "\n").text == text + mended + "\n"


def test_a_list_with_something_that_takes_no_flag_is_left_alone() -> None:
    text = _program("", "self.ls = [layers.Dropout(0.1), tf.nn.relu]", "self.ls[0]")
    assert kerasfix.fix(text).text == text


@pytest.mark.parametrize(
    ("layer", "body", "says_so"),
    [
        ("Dropout(0.5)", "x = self.layer(x)", True),
        ("Dropout(0.5)", "x = self.layer(x)\n            x = x + 1.0", False),
        ("Dropout(0.5)", "x = self.layer(x)\n        else:\n            x = x + 1.0", False),
        ("BatchNormalization()", "x = self.layer(x)", False),
    ],
)
def test_a_condition_that_does_what_the_flag_does_is_said_to_be_needless(
    layer: str, body: str, says_so: bool
) -> None:
    text = f"""\
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = layers.{layer}

    def call(self, x, training=None):
        if training:
            {body}
        return x
"""
    [finding] = kerasfix.check(text)
    assert finding.code == "KF103"
    assert ("no longer needed" in finding.help) is says_so
