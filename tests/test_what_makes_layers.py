"""Who makes a layer: builders that are handed classes, constructors that others call (KF101, KF103)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER
from tests.loop_variants import Loop, assert_is_settled

_NET = """\
class Net(keras.Model):
    def __init__(self{parameter}):
        super().__init__()
        {made}

    def call(self, x, training=None):
        return self.d(x)
"""


def _is_given_the_flag(before: str, made: str, parameter: str = "") -> bool:
    text = HEADER + before + _NET.format(parameter=parameter, made=made.replace("\n", "\n        "))
    fixed = kerasfix.fix(text, select=("KF103",)).text
    assert fixed in (text, text.replace("self.d(x)", "self.d(x, training=training)"))
    return fixed != text


_OF_KIND = "def made(rate, kind=layers.Dropout):\n    return kind(rate)\n\n\n"
_BLOCK = "def block(x, n=0):\n    return layers.Dropout(0.1)(x) if n == 0 else block(x, n - 1)\n\n\n"
MADE = {
    "a class that is the default of a builder": (_OF_KIND, "self.d = made(0.1)"),
    "a class that a builder is given by keyword": (_OF_KIND, "self.d = made(0.1, kind=layers.GaussianNoise)"),
    "a builder that is given who knows what": (
        "def made(rate=0.1, name=None):\n    return layers.Dropout(rate)\n\n\n",
        "self.d = made(**settings)",
    ),
    "a partial class": (
        "import functools\n\nDrop = functools.partial(layers.Dropout, rate=0.1)\n\n\n",
        "self.d = Drop()",
    ),
    "a list of layers and another one": (
        "",
        "both = [layers.Dropout(0.1)] + [layers.Dropout(0.2)]\nself.d = both[0]",
    ),
    "a graph of a builder that calls itself": (
        _BLOCK,
        "i = keras.Input((4,))\nself.d = keras.Model(i, block(i, 3))",
    ),
    "a graph of a builder of groups of blocks": (
        _BLOCK + "def group(x):\n    for _ in range(3):\n        x = block(x)\n    return x\n\n\n",
        "i = keras.Input((4,))\nself.d = keras.Model(i, group(i))",
    ),
    "a model that builds its graph among other things": (
        """\
class Graph(keras.Model):
    def __init__(self):
        i = keras.Input((4,))
        log.info("building")
        registry.add(layers.Dense(1))
        super().__init__(i, layers.Dropout(0.1)(i))


""",
        "self.d = Graph()",
    ),
}
NOT_KNOWN = {
    "a class that may be another one": (_OF_KIND, "self.d = made(*settings)"),
    "a class that is another one": (_OF_KIND, "self.d = made(0.1, kind=chosen)"),
    "what a function makes of a class": ("Drop = quiet(layers.Dropout)\n\n\n", "self.d = Drop()"),
    "what a decorator makes of a builder": (
        "@quiet\ndef made():\n    return layers.Dropout(0.1)\n\n\n",
        "self.d = made()",
    ),
    "what a builder yields": (
        "def made():\n    yield layers.Dropout(0.1)\n    return layers.Dropout(0.2)\n\n\n",
        "self.d = made()",
    ),
    "a builder that calls itself": (
        "def made(n):\n    return layers.Dropout(0.1) if n == 0 else made(n - 1)\n\n\n",
        "self.d = made(3)",
    ),
    "a list of layers and what is not in sight": (
        "",
        "both = [layers.Dropout(0.1)] + more()\nself.d = both[0]",
    ),
    "a model without a graph": ("", "self.d = keras.Model(name='later')"),
}


@pytest.mark.parametrize(("before", "made"), [pytest.param(*each, id=why) for why, each in MADE.items()])
def test_a_layer_is_known_however_it_is_made(before: str, made: str) -> None:
    assert _is_given_the_flag(before, made)


@pytest.mark.parametrize(("before", "made"), [pytest.param(*each, id=why) for why, each in NOT_KNOWN.items()])
def test_what_may_be_another_layer_is_left_alone(before: str, made: str) -> None:
    assert not _is_given_the_flag(before, made)


@pytest.mark.parametrize(
    ("annotation", "is_known"),
    [
        pytest.param("layers.Dropout", True, id="the class"),
        pytest.param("layers.Dropout | None", True, id="the class or None"),
        pytest.param("None | layers.Dropout", True, id="None or the class"),
        pytest.param("'layers.Dropout | None'", True, id="a text"),
        pytest.param("Optional[layers.Dropout]", True, id="Optional"),
        pytest.param("typing.Optional['layers.Dropout']", True, id="Optional of a text"),
        pytest.param("'a Dropout layer'", False, id="a text that is no annotation"),
        pytest.param("list[layers.Dropout]", False, id="a list"),
    ],
)
def test_a_parameter_is_what_its_annotation_says(annotation: str, *, is_known: bool) -> None:
    before = "import typing\nfrom typing import Optional\n\n\n"
    assert _is_given_the_flag(before, "self.d = drop", f", drop: {annotation} = None") is is_known


_NORMS = """\
class Block(keras.layers.Layer):
    def __init__(self, units, norm=layers.BatchNormalization):
        super().__init__()
        self.norm = norm()

    def call(self, x):
        return self.norm(x)


"""
_HEIR = "class Heir(Block):\n    def __init__(self):\n        super().__init__({arguments})\n"


@pytest.mark.parametrize(
    ("made", "is_found"),
    [
        pytest.param("block = Block(4)\n", True, id="the default"),
        pytest.param("block = Block(4, norm=chosen)\n", False, id="a keyword"),
        pytest.param("block = Block(4, chosen)\n", False, id="by position"),
        pytest.param("block = Block(*settings)\n", False, id="a star"),
        pytest.param("block = Block(**settings)\n", False, id="two stars"),
        pytest.param(_HEIR.format(arguments="4"), True, id="an heir takes the default"),
        pytest.param(_HEIR.format(arguments="4, chosen"), False, id="an heir gives another one"),
        pytest.param(
            "class Heir(Block):\n    pass\n\n\nheir = Heir(4, chosen)\n", False, id="an heir is given it"
        ),
    ],
)
def test_a_default_counts_if_nobody_gives_something_else(made: str, *, is_found: bool) -> None:
    found = kerasfix.check(HEADER + _NORMS + made, select=("KF101",))
    assert [each.owner for each in found] == ["Block"] * is_found


def test_a_layer_of_a_graph_is_known_though_its_settings_are_not() -> None:
    loop = """\
inputs = keras.Input((4,))
settings = load()
net = keras.Model(inputs, layers.Dense(settings.units)(inputs))


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x))
    optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
"""
    assert_is_settled(Loop("", HEADER + loop))
