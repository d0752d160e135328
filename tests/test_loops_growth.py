"""Reading loops takes time in proportion to the program: counted are nodes and calls, not seconds (KF301)."""

from __future__ import annotations

import pytest

from kerasfix.analysis.loops.holders import Holders
from kerasfix.analysis.loops.walk import Walk
from kerasfix.analysis.program import Program
from kerasfix.source import Source

_HEAD = """\
import tensorflow as tf
from tensorflow import keras

net = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(1)])

"""
_TAPE = """
def step_{n}(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(x))
    return tape.gradient(loss, net.trainable_variables)

"""
_DEEP = """
def f_{n}(x):
    return f_{next}(x) + f_{next}(x)

"""


def _tapes(size: int) -> str:
    return _HEAD + "".join(_TAPE.format(n=n) for n in range(size))


def _one_function_with_tapes(size: int) -> str:
    tape = _TAPE.replace("def step_{n}(x):\n", "").replace("return ", "grads = ")
    return _HEAD + "def run(x):\n" + "".join(tape for _ in range(size))


def _deep_calls(size: int) -> str:
    """Each function calls the next one twice: 2**size ways to the model."""
    deep = "".join(_DEEP.format(n=n, next=n + 1) for n in range(size))
    last = f"\ndef f_{size}(x):\n    return net(x)\n\n"
    return _HEAD + deep + last + _TAPE.format(n=0).replace("net(x)", "f_0(x)")


def _wide_calls(size: int) -> str:
    """A tape in which each of many functions is called by each tape of a few."""
    helpers = "".join(f"\ndef h_{n}(x):\n    return net(x) + {n}\n\n" for n in range(size))
    calls = " + ".join(f"h_{n}(x)" for n in range(size))
    return _HEAD + helpers + _TAPE.format(n=0).replace("net(x)", calls)


def _rings(size: int) -> str:
    """Functions that call each other in rings."""
    rings = "".join(
        f"\ndef r_{n}(x):\n    return r_{(n + 1) % size}(x) + r_{(n + 7) % size}(x) + net(x)\n\n"
        for n in range(size)
    )
    return _HEAD + rings + _TAPE.format(n=0).replace("net(x)", "r_0(x)")


def _work(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The nodes that are visited in what tapes run, and the questions what a thing is."""
    count = 0

    def counting(function: object) -> object:
        def counted(*arguments: object, **keywords: object) -> object:
            nonlocal count
            count += 1
            return function(*arguments, **keywords)  # type: ignore[operator]

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(Walk, "_visit", counting(Walk._visit))
        patch.setattr(Holders, "values", counting(Holders.values))
        patch.setattr(Holders, "holder", counting(Holders.holder))
        program = Program.of(Source(text))
        assert program.loops.trained(program.module)
    return count


@pytest.mark.parametrize("shape", [_tapes, _one_function_with_tapes, _wide_calls, _rings])
def test_twice_the_program_is_about_twice_the_work(shape: object, monkeypatch: pytest.MonkeyPatch) -> None:
    once, twice = (_work(shape(size), monkeypatch) for size in (100, 200))  # type: ignore[operator]
    assert twice <= 2.6 * once


def test_two_thousand_tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (_work(_tapes(size), monkeypatch) for size in (200, 2000))
    assert large <= 11 * small


def test_ways_through_functions_are_not_all_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    shallow, deep = (_work(_deep_calls(size), monkeypatch) for size in (4, 10))
    assert deep <= 4 * shallow
