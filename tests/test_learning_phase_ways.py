"""KF304: the ways of a setting through a program, and what is said where the phase is asked for."""

from __future__ import annotations

import pytest

import kerasfix
from tests.test_learning_phase import HEAD, doubts, findings, governed, hows


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "class Trainer:\n    def __init__(self):\n        K.set_learning_phase(1)\n\n\n"
            "Trainer()\nmodel(x)\n",
            {3: [7]},
            id="a constructor sets it",
        ),
        pytest.param(
            "def start():\n    K.set_learning_phase(1)\n    if broken:\n        raise OSError\n\n\n"
            "start()\nmodel(x)\n",
            {2: [8]},
            id="who raises does not come back",
        ),
        pytest.param(
            "try:\n    try:\n        K.set_learning_phase(1)\n        f = load()\n"
            "    except OSError:\n        f = 1\n"
            "except KeyError:\n    model(x)\nmodel(x)\n",
            {3: []},
            id="a try in a try",
        ),
        pytest.param(
            "K.set_learning_phase(1)\n\n\ndef show(x: Annotated[int, model(1)]):\n    pass\n\n\nmodel(x)\n",
            {1: [8]},
            id="a call in an annotation",
        ),
        pytest.param(
            "if __name__ == '__main__':\n    K.set_learning_phase(1)\n    model(x)\n",
            {2: [3]},
            id="in the main part",
        ),
    ],
)
def test_ways_through_functions(body: str, expected: dict[int, list[int]]) -> None:
    assert governed(body) == expected


_DENSE = "dense = layers.Dense(2)\n"
_DEFAULT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def build(self, shape):
        self.drop(self.example(shape))

    def call(self, x, training={}):
        return self.drop(x, training=training)


net = Net()
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_DENSE + "K.set_learning_phase(1)\ndense(x)\n", id="a layer that does not ask"),
        pytest.param(
            "from other import block\ni = keras.Input((4,))\nK.set_learning_phase(1)\no = block(i)\n",
            id="what builds a graph",
        ),
        pytest.param("if a:\n    K.set_learning_phase(0)\nmodel(x)\n", id="off, which it is by itself"),
        pytest.param(
            "if a:\n    K.set_learning_phase(0)\n" + _DEFAULT.format("None") + "net(x)\n",
            id="a model that is off",
        ),
        pytest.param(_DEFAULT.format("None") + "K.set_learning_phase(1)\n", id="what is called to be built"),
    ],
)
def test_what_needs_no_doubt(body: str) -> None:
    assert not doubts(body)


def test_a_model_that_trains_by_itself_is_turned_off_only_behind_a_setting() -> None:
    body = _DEFAULT.format("True") + "if a:\n    K.set_learning_phase(0)\nnet(x)\n"
    assert "`net(x)` in line 21 may run before it is set, too" in doubts(body)


def test_the_main_part_of_a_script_is_no_condition() -> None:
    assert hows("if __name__ == '__main__':\n    K.set_learning_phase(1)\n    model(x)\n") == ["repair"]
    assert hows("if main == '__main__':\n    K.set_learning_phase(1)\n    model(x)\n") == [None]


def test_a_setting_that_is_handed_over_is_said() -> None:
    [found] = findings(HEAD + "callbacks.append(K.set_learning_phase)\n")
    assert found.fix is None
    assert found.help == "Pass `training=` to the layers and models where they are called"


_ASKS = "def noise(x, training=None):\n    {}\n    return x\n"


@pytest.mark.parametrize(
    ("asks", "fixed"),
    [
        (
            "training = K.learning_phase() if training is None else training",
            "False if training is None else training",
        ),
        (
            "training = training if training is not None else K.learning_phase()",
            "training if training is not None else False",
        ),
        ("if training is None:\n        training = K.learning_phase()", "training = False"),
        ("if K.learning_phase():\n        x = x + 1", "if training:"),
        ("if K.learning_phase() == 1:\n        x = x + 1", "if training:"),
    ],
)
def test_where_the_flag_is_at_hand_it_is_used(asks: str, fixed: str) -> None:
    [found] = findings(HEAD + _ASKS.format(asks))
    assert found.fix is not None
    text = kerasfix.fix(
        HEAD + _ASKS.format(asks), select=("KF304",), applicability=tuple(kerasfix.Applicability)
    ).text
    assert fixed in text
    assert "learning_phase" not in text


@pytest.mark.parametrize(
    "asks",
    [
        "x = x * K.learning_phase()",
        "if quiet:\n        training = K.learning_phase()",
        "training = training if training is not quiet else K.learning_phase()",
        "training = K.learning_phase() if quiet else training",
        "training = quiet if training is None else K.learning_phase()",
        "if 1 == K.learning_phase():\n        x = x + 1",
        "if K.learning_phase() == 2:\n        x = x + 1",
        "while K.learning_phase():\n        x = x + 1",
    ],
)
def test_where_it_is_asked_for_something_else_nothing_is_written(asks: str) -> None:
    [found] = findings(HEAD + _ASKS.format(asks))
    assert found.fix is None
    assert "Use the parameter `training`" in found.help
