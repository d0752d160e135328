"""A flag that did not arrive does after the repair: fit() trains with it, evaluate() and predict() do not."""

from __future__ import annotations

from typing import Any

import pytest
from nets import BATCH, Phase, evaluate, fit, from_3_10, predict, trained

import kerasfix
from kerasfix.analysis.decorators import hidden_by
from kerasfix.analysis.project import Project
from kerasfix.codemods.decorators import add_wraps
from kerasfix.source import Source, apply_edits

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

MODEL = """\
import keras
from keras import layers


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.normalize = layers.BatchNormalization()

    def call(self, x, is_training={default}):
        return self.normalize(x, training=is_training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.drop = layers.Dropout(0.5)
        self.dense = layers.Dense(4)

    def call(self, x, is_training={default}):
        return self.dense(self.dropped(self.block(x, is_training=is_training), is_training))

    def dropped(self, x, is_training):
        return self.drop(x, training=is_training)


net = Net()


def run(model, x, training):
    return model(x, is_training=training)
{use}"""
USE = "\n\nrun(net, None, True)\n"

DECORATED = """\
import keras
from keras import layers


def logged(fn):
    def inner(*args, **kwargs):
        return fn(*args, **kwargs)

    return inner


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.normalize = layers.BatchNormalization()
        self.dense = layers.Dense(4)

    @logged
    def call(self, x, training=None):
        return self.dense(self.normalize(x, training=training))
"""


def _executed(text: str, keras: Any) -> dict[str, Any]:
    """What a program defines, run with one Keras or the other."""
    name = keras.api.__name__
    text = text.replace("from keras import", f"from {name} import").replace(
        "import keras\n", f"import {name} as keras\n"
    )
    found: dict[str, Any] = {}
    exec(compile(text, "repaired.py", "exec"), found)
    return found


def _repaired(default: str) -> str:
    # The call at the end says whose instance `run` gets; it is not to run here.
    text = kerasfix.fix(MODEL.format(default=default, use=USE)).text
    assert "is_training" not in text
    return text.removesuffix(USE)


each_driven_phase = pytest.mark.parametrize(
    "phase", [fit, evaluate, predict], ids=lambda phase: phase.__name__
)
each_default = pytest.mark.parametrize("default", ["None", "False", "True"])


@each_driven_phase
@each_default
def test_a_renamed_flag_trains_in_fit_and_nowhere_else(keras: Any, phase: Phase, default: str) -> None:
    net = _executed(_repaired(default), keras)["net"]
    phase(net)
    assert trained(net.block.normalize) is (phase is fit)


@each_default
def test_before_it_trained_as_its_default_said(keras_3: Any, default: str) -> None:
    from_3_10(keras_3)
    for phase in (fit, predict):
        net = _executed(MODEL.format(default=default, use=""), keras_3)["net"]
        phase(net)
        assert trained(net.block.normalize) is (default == "True")


def test_the_calls_by_hand_do_what_they_did(keras: Any) -> None:
    for text in (MODEL.format(default="False", use=""), _repaired("False")):
        made = _executed(text, keras)
        first, second = (made["run"](made["net"], BATCH, False) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert not trained(made["net"].block.normalize)
        first, second = (made["run"](made["net"], BATCH, True) for _ in range(2))
        assert np.any(np.asarray(first) != np.asarray(second))
        assert trained(made["net"].block.normalize)


@each_driven_phase
def test_behind_wraps_the_flag_arrives(keras: Any, phase: Phase) -> None:
    source = Source(DECORATED)
    [info] = Project.of(source).keras_classes
    hidden = hidden_by(info.methods["call"])
    assert hidden is not None
    assert hidden.in_sight
    net = _executed(apply_edits(DECORATED, add_wraps(hidden)), keras)["Net"]()
    phase(net)
    assert trained(net.normalize) is (phase is fit)


def test_without_wraps_it_did_not(keras_3: Any) -> None:
    from_3_10(keras_3)
    net = _executed(DECORATED, keras_3)["Net"]()
    fit(net)
    assert not trained(net.normalize)
