"""Layers that are made in `call`: which of them are made anew each time, and which can move (KF205)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.findings import Finding
from kerasfix.rules.base import HEADER

_NET = """\
class Net(keras.Model):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate
        {init}

    def call(self, x, training=None):
        {call}

    def other(self, x):
        {other}
"""
_PLAIN = "return layers.Dropout(0.1)(x)"


def _found(call: str = _PLAIN, init: str = "pass", other: str = "pass") -> list[Finding]:
    return kerasfix.check(HEADER + _NET.format(call=call, init=init, other=other), select=("KF205",))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(_PLAIN, id="called at once"),
        pytest.param("drop = layers.Dropout(0.1)\n        return drop(x)", id="called by a name"),
        pytest.param("return layers.Dropout(self.rate)(x)", id="made of what the constructor sets"),
    ],
)
def test_a_layer_that_can_move_is_moved(call: str) -> None:
    [found] = _found(call)
    assert found.fix is not None


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(
            "drop = layers.Dropout(0.1)\n        if a:\n            drop = layers.Dense(2)\n"
            "        return drop(x)",
            id="a name with two layers",
        ),
        pytest.param(
            "drop = layers.Dropout(0.1)\n        keep(drop)\n        return drop(x)", id="kept by others"
        ),
        pytest.param(
            "try:\n            return layers.Dropout(0.1)(x)\n        except ValueError:\n"
            "            return x",
            id="made if all goes well",
        ),
        pytest.param("return self.made or layers.Dropout(0.1)(x)", id="made if there is none"),
        pytest.param(f"if not self.built:\n            {_PLAIN}\n        return x", id="made once"),
        pytest.param(
            f"if self.made is not None:\n            return self.made(x)\n        {_PLAIN}",
            id="made but for once",
        ),
    ],
)
def test_a_layer_that_may_be_made_once_is_left_alone(call: str) -> None:
    assert _found(call) == []


def test_a_call_that_only_builds_a_graph_makes_its_layers_once() -> None:
    assert _found(init="self.outputs = self.call(keras.Input((4,)))") == []
    assert _found(init="self.outputs = base.call(keras.Input((4,)))") != []


@pytest.mark.parametrize(
    ("init", "can_move"),
    [
        ("self(keras.Input((4,)))", False),
        ("self.build((None, 4))", False),
        ("if rate:\n            return", False),
        ("log(rate)", True),
        ("base.build((None, 4))", True),
    ],
)
def test_a_constructor_that_runs_the_model_takes_no_more_layers(init: str, *, can_move: bool) -> None:
    [found] = _found(init=init)
    assert (found.fix is not None) is can_move
    assert ("returns early, or calls the model itself" in found.help) is not can_move


@pytest.mark.parametrize(
    ("call", "other", "why"),
    [
        ("return layers.Dropout((r := 0.1))(x)", "pass", "its arguments do more than say what it is"),
        ("return layers.Dropout(self.rate)(x)", "self.rate = 0.2", "`self.rate` may not be set yet"),
        (
            "if a:\n            x = layers.Dropout(self.rate)(x)\n        return x",
            "pass",
            "`self.rate` may have no fitting value",
        ),
        ("for _ in range(3):\n            x = layers.Dropout(0.1)(x)\n        return x", "pass", "in a loop"),
        ("rate = 0.2\n        return layers.Dropout(rate)(x)", "pass", "it is made from `rate`"),
    ],
)
def test_what_means_something_else_in_the_constructor_stays(call: str, other: str, why: str) -> None:
    [found] = _found(call, other=other)
    assert found.fix is None
    assert why in found.help
