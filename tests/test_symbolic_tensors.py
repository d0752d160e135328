"""Which values are tensors of a functional model: a constant flag says something else on those (KF109)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER

_GRAPH = """\
i = keras.Input((4,))
j = keras.Input((4,))
{before}o = layers.Dropout(0.5)({given}, training=True)
m = keras.Model([i, j], o)
"""


def _lines(text: str) -> list[str]:
    """The lines with a constant that a functional model gives."""
    text = HEADER + text
    found = kerasfix.check(text, select=("KF109",))
    return [text[each.start :].partition("\n")[0] for each in found]


def _is_tensor(before: str, given: str) -> bool:
    return _lines(_GRAPH.format(before=before, given=given)) != []


TENSORS = {
    "its negative": ("", "-i"),
    "what is computed with it": ("", "2 * i"),
    "a part of it": ("", "i[:, 0]"),
    "what is named on the way": ("", "(h := i)"),
    "one or the other": ("", "i if first else j"),
    "one that there may be": ("h = None\nif first:\n    h = i\n", "h"),
    "one of a dict": ("all_of = {'a': i}\n", "all_of['a']"),
    "those of a dict": ("all_of = {'a': i}\n", "layers.Concatenate()(list(all_of.values()))"),
    "one made of each": ("", "layers.Concatenate()([layers.Dense(3)(x) for x in (i, j)])"),
    "all of a list, unpacked": ("both = [i, j]\n", "layers.Concatenate()([*both])"),
    "the output of another model": ("base = keras.applications.VGG16()\n", "base.output"),
    "a list that is filled": ("xs = []\nxs.append(i)\nxs.append(j)\n", "layers.Concatenate()(xs)"),
    "a sum that grows": ("h = i\nh += j\n", "h"),
    "one of two that are named together": ("h, k = i, data\n", "h"),
    "one with an annotation": ("h: object = layers.Dense(3)(i)\n", "h"),
    "one of a loop over a list": ("for h in [i, j]:\n    pass\n", "h"),
}
OTHERS = {
    "data or a tensor": ("", "i if first else data"),
    "the other of two that are named together": ("h, k = i, data\n", "k"),
    "the output of what is not known": ("", "holder.output"),
    "its shape": ("h = i.get_shape()\n", "h"),
    "its length": ("h = len(i)\n", "h"),
    "an object that is given one": ("class Holder:\n    pass\n\n\nh = Holder(i)\n", "h"),
    "a layer that is given one": ("h = layers.Lambda(i)\n", "h"),
    "what a file holds": ("with open(i) as h:\n    pass\n", "h"),
    "what an import brings": ("from data import h\n", "h"),
}


@pytest.mark.parametrize(("before", "given"), [pytest.param(*each, id=why) for why, each in TENSORS.items()])
def test_what_is_made_of_a_tensor_is_one(before: str, given: str) -> None:
    assert _is_tensor(before, given)


@pytest.mark.parametrize(("before", "given"), [pytest.param(*each, id=why) for why, each in OTHERS.items()])
def test_what_may_be_something_else_is_none(before: str, given: str) -> None:
    assert not _is_tensor(before, given)


_BLOCK = "def block(y, x=None):\n    return layers.Dropout(0.5)(x, training=True)\n\n\n"
_CLASS = """\
class Builder:
    def block(self, x):
        return layers.Dropout(0.5)(x, training=True)


class Model{bases}:
    def build_graph(self):
        i = keras.Input((4,))
        return keras.Model(i, self.block(i))
"""
_ITSELF = """\
def block(x, n):
    x = layers.Dropout(0.5)(x, training=True)
    return block(x, n - 1) if n else x


"""


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        pytest.param(
            _BLOCK + "i = keras.Input((4,))\nm = keras.Model(i, block(3, x=i))\n", True, id="by name"
        ),
        pytest.param(
            _BLOCK + "i = keras.Input((4,))\nm = keras.Model(i, block(i))\n", False, id="not that one"
        ),
        pytest.param(_BLOCK + "block(3, x=data)\n", False, id="data"),
        pytest.param(
            _ITSELF + "i = keras.Input((4,))\nm = keras.Model(i, block(i, 3))\n", True, id="by itself"
        ),
        pytest.param(_ITSELF + "block(data, 3)\n", False, id="data, by itself"),
        pytest.param(_CLASS.format(bases="(Builder)"), True, id="an inherited method"),
        pytest.param(_CLASS.format(bases=""), False, id="a method of another class"),
    ],
)
def test_a_parameter_is_a_tensor_if_a_call_gives_one(text: str, *, is_found: bool) -> None:
    assert bool(_lines(text)) is is_found


_OUTER = "j = keras.Input((4,))\nm = keras.Model(j, inner(j, training=True))\n"


@pytest.mark.parametrize(
    ("inner", "is_found"),
    [
        pytest.param(
            "i = keras.Input((4,))\ninner = keras.Model(i, layers.Dropout(0.5)(i))\n", True, id="one"
        ),
        pytest.param(
            "i = keras.Input((4,))\nh = layers.Dense(4)(layers.Dropout(0.5)(i))\nh = layers.Dense(3)(h)\n"
            "inner = keras.Model(inputs=i, outputs=h)\n",
            True,
            id="further down, by keyword",
        ),
        pytest.param(
            "i = keras.Input((4,))\nh = layers.Dense(4)(i)\nfor _ in range(3):\n    h = layers.ReLU()(h)\n"
            "inner = keras.Model(i, h)\n",
            False,
            id="none that depends on the flag",
        ),
        pytest.param("inner = keras.models.load_model('saved')\n", False, id="none in sight"),
    ],
)
def test_a_model_in_a_model_is_looked_into(inner: str, *, is_found: bool) -> None:
    assert bool(_lines(inner + _OUTER)) is is_found
