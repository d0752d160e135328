"""What says that a constant was meant, and that a parameter is a flag: conditions, frozen layers, names."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.findings import Finding
from kerasfix.rules.base import HEADER

_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        {}
"""
_DROP = "self.drop(x, training=True)"


@pytest.mark.parametrize(
    ("body", "is_meant"),
    [
        pytest.param(f"if training:\n            return {_DROP}\n        return x", True, id="if training"),
        pytest.param(
            f"if training:\n            return x\n        return {_DROP}", False, id="if not training"
        ),
        pytest.param(
            f"if x is None:\n            return x\n        else:\n            return {_DROP}",
            False,
            id="else",
        ),
        pytest.param(f"return {_DROP} if training is True else x", True, id="training is True"),
        pytest.param(f"return x if large else {_DROP}", False, id="something else"),
        pytest.param(f"return x if sampling else {_DROP}", True, id="a word that says it"),
        pytest.param(f"return self.drop(x) if large else {_DROP}", True, id="called in two ways"),
        pytest.param(f"return tf.cond(training, lambda: {_DROP}, lambda: x)", True, id="cond"),
        pytest.param(f"return tf.cond(training, lambda: x, lambda: {_DROP})", False, id="the other of cond"),
        pytest.param(
            f"return tf.cond(large, lambda: {_DROP}, lambda: x)", False, id="cond of something else"
        ),
        pytest.param(
            f"return tf.cond(pred=training, true_fn=lambda: {_DROP}, false_fn=lambda: x)",
            True,
            id="cond by name",
        ),
        pytest.param(f"return tf.cond(training, lambda: {_DROP})", False, id="cond of one"),
        pytest.param(
            f"y = tf.cond(training, lambda: x, lambda: -x)\n        return y + {_DROP}",
            False,
            id="beside a cond",
        ),
        pytest.param(
            f"return K.in_train_phase(lambda: {_DROP}, x, training=training)", True, id="in_train_phase"
        ),
        pytest.param(
            f"return K.in_train_phase(lambda: {_DROP}, x, training)", True, id="the same by position"
        ),
        pytest.param(f"return K.in_train_phase(lambda: {_DROP}, x)", True, id="the same without the flag"),
        pytest.param(f"return K.in_train_phase(x, lambda: {_DROP})", False, id="the other of in_train_phase"),
    ],
)
def test_a_condition_says_whether_a_constant_was_meant(body: str, *, is_meant: bool) -> None:
    # Nothing but this is returned, or all of it would look like Monte Carlo dropout.
    found = kerasfix.check(HEADER + _NET.format(body), select=("KF106",))
    assert (found == []) is is_meant


_BASE = """\
base = keras.applications.ResNet50()
{}i = keras.Input((4,))
m = keras.Model(i, base(i, training=False))
"""


def _of_base(settings: str) -> str:
    """What is said of a backbone in inference mode: nothing, that it is thawed, or that it learns."""
    found = kerasfix.check(HEADER + _BASE.format(settings), select=("KF109",))
    return "".join("thawed" if "once it is thawed" in each.message else "learns" for each in found)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("", "learns", id="nothing"),
        pytest.param("base.trainable = True\n", "thawed", id="trainable"),
        pytest.param("base.trainable = False\n", "", id="frozen"),
        pytest.param("base.trainable = settings.learns\n", "", id="who knows"),
        pytest.param("freeze(base)\n", "", id="by a function"),
        pytest.param("base.freeze()\n", "", id="by a method"),
        pytest.param("for each in base.layers:\n    each.trainable = False\n", "", id="layer by layer"),
        pytest.param(
            "for each in base.layers[:-3]:\n    each.trainable = False\n", "thawed", id="but for three"
        ),
        pytest.param(
            "for i, each in enumerate(base.layers):\n    each.trainable = False\n", "", id="counted"
        ),
        pytest.param(
            "for each in reversed(base.layers):\n    each.trainable = False\n", "", id="from the end"
        ),
        pytest.param(
            "for each in base._flatten_layers():\n    each.trainable = False\n", "", id="all inside"
        ),
        pytest.param(
            "base.trainable = False\nfor each in list(base.layers)[-2:]:\n    each.trainable = True\n",
            "thawed",
            id="but for two",
        ),
        pytest.param(
            "base.trainable = False\nbase.get_layer('head').trainable = True\n",
            "thawed",
            id="but for one by name",
        ),
        pytest.param(
            "base.trainable = False\nbase.layers[-1].trainable = True\n", "thawed", id="but for the last"
        ),
        pytest.param(
            "base.trainable = False\nfor each in other.layers:\n    each.trainable = True\n",
            "",
            id="another one is thawed",
        ),
        pytest.param(
            "for each in base.layers:\n    if isinstance(each, layers.BatchNormalization):\n"
            "        each.trainable = False\n",
            "",
            id="just what matters",
        ),
        pytest.param("for self.now in base.layers:\n    base.trainable = True\n", "thawed", id="no variable"),
    ],
)
def test_what_is_done_to_trainable_is_followed(settings: str, expected: str) -> None:
    assert _of_base(settings) == expected


_OTHER = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, is_training=False):
        {}
        return x

    def helper(self, x, is_training=False):
        return self.drop(x, training=is_training)

    def plain(self, x):
        return x
"""
_USED = "x = self.drop(x, training=is_training)\n        {}"


def _flags(body: str) -> list[Finding]:
    return kerasfix.check(HEADER + _OTHER.format(body), select=("KF105",))


@pytest.mark.parametrize(
    ("body", "is_flag"),
    [
        pytest.param("x = self.drop(x, training=is_training)", True, id="a layer gets it"),
        pytest.param("x = self.helper(x, is_training)", True, id="a helper hands it on"),
        pytest.param("x = self.helper(*parts, is_training)", False, id="who knows as what"),
        pytest.param("x = self.plain(x, is_training)", False, id="a helper that takes none"),
        pytest.param("x = other(x, is_training)", False, id="something else gets it"),
        pytest.param("x = other(x, {'mode': is_training})", False, id="something else gets it in a dict"),
        pytest.param("x = tf.cond(is_training, lambda: self.drop(x), lambda: x)", True, id="it chooses"),
    ],
)
def test_a_parameter_is_the_flag_if_something_treats_it_so(body: str, *, is_flag: bool) -> None:
    assert bool(_flags(body)) is is_flag


@pytest.mark.parametrize(
    "more",
    [
        "try:\n            f()\n        except OSError as is_training:\n            pass",
        "match x:\n            case [is_training]:\n                pass",
        "match x:\n            case [*is_training]:\n                pass",
        "match x:\n            case {**is_training}:\n                pass",
        "import is_training",
        "import modes as is_training",
        "from modes import is_training",
    ],
)
def test_a_parameter_that_is_bound_anew_keeps_its_name(more: str) -> None:
    [found] = _flags(_USED.format(more))
    assert found.fix is None
    assert "`is_training` is bound in a way that is not followed" in found.help


@pytest.mark.parametrize(
    "more",
    [
        "try:\n            f()\n        except OSError as training:\n            pass",
        "match x:\n            case {**training}:\n                pass",
        "match x:\n            case [*training]:\n                pass",
        "from modes import training",
        "import training.modes",
    ],
)
def test_a_parameter_takes_no_name_that_is_taken(more: str) -> None:
    [found] = _flags(_USED.format(more))
    assert found.fix is None
    assert "uses the name `training` for something else" in found.help
