"""A layer that is called for what it does, not for its output, loses nothing (KF202)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER

_WATCH = """\
class Watch(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = {inner}

    def call(self, x):
        {body}
        return x * 2

    def note(self, x):
        {note}


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.watch = Watch()
        self.dense = layers.Dense(3)

    def call(self, x):
        self.watch(x)
        return self.dense(x)
"""
_NOTE = """\
class Note(keras.layers.Layer):
    def call(self, x):
        {}
        return x + 1


"""


def _is_lost(body: str = "pass", inner: str = "None", note: str = "return x", before: str = "") -> bool:
    """Whether the output of the layer counts as lost."""
    text = HEADER + before + _WATCH.format(body=body, inner=inner, note=note)
    found = kerasfix.check(text, select=("KF202",))
    return "self.watch(x)" in [text[each.start : each.end] for each in found]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("self.add_loss(tf.reduce_sum(x))", id="a loss"),
        pytest.param("self.seen = x", id="an attribute"),
        pytest.param("self.seen['a'] = x", id="an element of an attribute"),
        pytest.param("self.seen.append(x)", id="a list that it has"),
        pytest.param("registry.record(x)", id="who knows what"),
    ],
)
def test_a_layer_that_keeps_something_has_an_effect(body: str) -> None:
    assert not _is_lost(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("print(x)", id="print"),
        pytest.param("tf.print(x)", id="print of a graph"),
        pytest.param("tf.debugging.assert_all_finite(x, 'no number')", id="an assertion of TensorFlow"),
        pytest.param("logging.info(x)", id="a log"),
        pytest.param("self.logger.debug(x)", id="a log of its own"),
        pytest.param("check_shape(x)", id="a check"),
        pytest.param("self.checker.validate(x)", id="a check by an object"),
        pytest.param("seen = []\n        seen.append(x)", id="a list that it makes"),
        pytest.param("seen = {}\n        seen['a'] = x", id="a dict that it makes"),
    ],
)
def test_a_layer_that_only_looks_has_none(body: str) -> None:
    assert _is_lost(body)


def test_a_method_of_its_own_counts_by_what_it_does() -> None:
    assert _is_lost("self.note(x)")
    assert not _is_lost("self.note(x)", note="self.seen = x")


@pytest.mark.parametrize(
    ("inner", "is_lost"),
    [
        pytest.param("layers.Dense(3)", True, id="a layer"),
        pytest.param(
            "layers.Dense(3, activity_regularizer=None)", True, id="a layer that regularizes nothing"
        ),
        pytest.param("layers.Dense(3, activity_regularizer='l2')", False, id="a layer that regularizes"),
        pytest.param("layers.ActivityRegularization(0.1)", False, id="one that is there for it"),
        pytest.param("keras.Sequential([layers.ActivityRegularization(0.1)])", False, id="one in a stack"),
        pytest.param(
            "layers.TimeDistributed(layers.ActivityRegularization(0.1))", False, id="one in a wrapper"
        ),
        pytest.param("Watch()", True, id="one of the same class"),
        pytest.param("Idle()", True, id="one of another class"),
        pytest.param("Note()", False, id="one of another class, with a loss"),
    ],
)
def test_a_layer_does_what_its_layers_do(inner: str, *, is_lost: bool) -> None:
    before = _NOTE.format("self.add_loss(x)") + _NOTE.format("pass").replace("Note", "Idle")
    assert _is_lost("y = self.inner(x)", inner, before=before) is is_lost


@pytest.mark.parametrize(
    ("made", "is_lost"),
    [
        ("layers.Dense(3)", True),
        ("layers.Dense(3, activity_regularizer='l2')", False),
        ("layers.TimeDistributed(layers.Dense(3))", True),
        ("layers.TimeDistributed(layers.ActivityRegularization(0.1))", False),
        ("keras.Sequential([layers.Dense(3), layers.ActivityRegularization(0.1)])", False),
    ],
)
def test_layers_of_keras_have_the_effects_that_are_known(made: str, *, is_lost: bool) -> None:
    text = HEADER + _WATCH.format(body="pass", inner="None", note="pass").replace("= Watch()", f"= {made}")
    assert bool(kerasfix.check(text, select=("KF202",))) is is_lost
