"""Trainers that are given their model: by whom they are made, and what else sets their attributes (KF301)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop_variants import Loop, assert_files_are_settled, assert_is_settled

_NET = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


"""
_TRAINER = """\
class Trainer:
    def __init__(self, model):
        {sets}

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.model(x{edit}))
        grads = tape.gradient(loss, self.model.trainable_variables)
        optimizer.apply_gradients(zip(grads, self.model.trainable_variables))


"""
_EDIT = "<<, training=True>>"
_SAID = (("KF301", "loss = tf.reduce_mean(self.model(x))"),)


def _known(made: str, sets: str = "self.model = model") -> Loop:
    return Loop("", _NET + _TRAINER.format(sets=sets, edit=_EDIT) + made)


def _not_known(made: str, sets: str = "self.model = model") -> Loop:
    return Loop("", _NET + _TRAINER.format(sets=sets, edit="") + made, said=_SAID)


_HEIR = "class Heir(Trainer):\n    def __init__(self):\n        {}\n\n\nHeir().step(x)\n"
KNOWN = {
    "by a call": _known("Trainer(Net()).step(x)\n"),
    "by several calls": _known("Trainer(Net()).step(x)\nTrainer(model=Net()).step(x)\n"),
    "one or none": _known("net = None\nif ready:\n    net = Net()\nTrainer(net).step(x)\n"),
    "by an heir": _known(_HEIR.format("super().__init__(Net())")),
    "by an heir of an heir": _known(
        "class Middle(Trainer):\n    def __init__(self):\n        super().__init__(Net())\n\n\n"
        + _HEIR.format("super().__init__()").replace("(Trainer)", "(Middle)")
    ),
    "it is asked for its class": _known(
        "one = Trainer(Net())\nassert isinstance(one, Trainer)\none.step(x)\n"
    ),
    "with an annotation": _known("Trainer(Net()).step(x)\n", sets="self.model: keras.Model = model"),
    "something else is set elsewhere": _known("one = Trainer(Net())\none.name = 'one'\none.step(x)\n"),
}
NOT_KNOWN = {
    "by nobody": _not_known("make('Trainer').step(x)\n"),
    "by an heir that names its base": _not_known(_HEIR.format("Trainer.__init__(self, Net())")),
    "by somebody who is given the class": _not_known("Trainer(Net()).step(x)\nrun(Trainer)\n"),
    "by somebody who is given a list": _not_known("Trainer(Net()).step(x)\nall_of = [Trainer]\n"),
    "by somebody who asks for the class": _not_known(
        "Trainer(Net()).step(x)\n\n\ndef trainer():\n    return Trainer\n"
    ),
    "another model is set from outside": _not_known(
        "one = Trainer(Net())\none.model = load()\none.step(x)\n"
    ),
    "two attributes at once": _not_known("Trainer(Net()).step(x)\n", sets="self.old = self.model = model"),
    "in a loop": _not_known("Trainer(Net()).step(x)\n", sets="for self.model in model:\n            pass"),
}


@pytest.mark.parametrize("loop", [pytest.param(each, id=why) for why, each in KNOWN.items()])
def test_a_trainer_trains_what_it_is_given(loop: Loop) -> None:
    assert_is_settled(loop)


@pytest.mark.parametrize("loop", [pytest.param(each, id=why) for why, each in NOT_KNOWN.items()])
def test_what_a_trainer_may_be_given_by_others_is_not_known(loop: Loop) -> None:
    assert_is_settled(loop)


_CALLED = """\
{before}

class Holder:
    def __init__(self, net):
        self.net = net

    def run(self):
        return 1


holder = Holder(Net())


def step(x, net=None):
    with tf.GradientTape() as tape:
        loss = {loss}
    optimizer.apply(tape.gradient(loss, {model}.trainable_variables), {model}.trainable_variables)
"""


@pytest.mark.parametrize(
    ("model", "is_known"),
    [
        pytest.param("holder.net", True, id="the attribute of an object"),
        pytest.param("holder.other", False, id="an attribute that nothing sets"),
        pytest.param("make()", None, id="what is made there"),
    ],
)
def test_a_model_that_is_held_by_an_object(model: str, *, is_known: bool | None) -> None:
    edit = _EDIT if is_known else ""
    loss = f"tf.reduce_mean({model}(x{edit})) + holder.run()"
    said = (("KF301", f"loss = {loss}"),) if is_known is False else ()
    assert_is_settled(Loop("", _NET + _CALLED.format(before="", model=model, loss=loss), said=said))


_IN_A_FILE = (_NET + _TRAINER.format(sets="self.model = model", edit="{}")).rstrip() + "\n"


@pytest.mark.parametrize(
    ("main", "is_known"),
    [
        pytest.param("from net import Net, Trainer\n\nTrainer(Net()).step(1)\n", True, id="by its name"),
        pytest.param("from net import Net, Trainer as T\n\nT(Net()).step(1)\n", False, id="by another name"),
        pytest.param("import net\n\nnet.Trainer(net.Net()).step(1)\n", True, id="by that of its module"),
        pytest.param("from net import *\n\nTrainer(Net()).step(1)\n", True, id="by that of all"),
    ],
)
def test_a_trainer_that_is_made_in_another_file(tmp_path: Path, main: str, *, is_known: bool) -> None:
    net = _IN_A_FILE.replace("{}", _EDIT if is_known else "")
    assert_files_are_settled(tmp_path, {"net.py": net, "main.py": main}, said=int(not is_known))
