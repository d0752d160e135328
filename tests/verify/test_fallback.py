"""Keras 2 takes over where only Keras 3 refuses a class."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from verify_models import model

from kerasfix.verify.choice import Installed, Kind
from kerasfix.verify.fallback import kind_instead, why_not_on_keras_3
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target
from kerasfix.verify.settings import Wish

BOTH = Installed({"keras": "3.9.0", "tf_keras": "2.19.0", "tensorflow": "2.19.0"})
# What people wrote for Keras 2: a number handed on by its place.
POSITIONAL = model(
    "self.a = Inner()\nself.b = layers.Dense(2)",
    "y = self.a(x, 3)\nreturn self.b(x)",
    header="import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\n\n"
    "class Inner(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
    "        self.d = layers.Dense(4)\n\n    def call(self, x, times):\n"
    "        return self.d(x) * times\n\n\n",
)


@pytest.mark.parametrize(
    "message",
    [
        "ValueError: Only input tensors may be passed as positional arguments. The following argument value",
        "ValueError: Argument `name` must be a string and cannot contain character `/`. Received: name=a/b",
        "ValueError: Unrecognized keyword arguments passed to LSTM: {'time_major': False}",
        "AttributeError: module 'keras.api.layers' has no attribute 'experimental'",
    ],
)
def test_messages_of_keras_3_alone(message: str) -> None:
    assert why_not_on_keras_3(["something else", message]) == message


def test_other_messages_are_no_reason() -> None:
    assert why_not_on_keras_3(["none of 24 input shapes ran; (4, 16) raised ZeroDivisionError"]) is None


def test_keras_2_takes_over_only_where_nothing_else_is_asked_for() -> None:
    there = Kind("tf_keras", "tensorflow", legacy=True, renamed=True)
    assert kind_instead(Kind(), Wish(), BOTH) == there
    assert kind_instead(Kind(), Wish(keras=3), BOTH) is None
    assert kind_instead(Kind(), Wish(backend="tensorflow"), BOTH) is None
    assert kind_instead(Kind(backend="jax"), Wish(), BOTH) is None
    assert kind_instead(there, Wish(), BOTH) is None
    assert kind_instead(Kind(), Wish(), Installed({"keras": "3.9.0", "tensorflow": "2.19.0"})) is None


@pytest.mark.keras
def test_the_report_says_why_a_class_ran_on_keras_2(compare: Callable[..., ModelReport]) -> None:
    pytest.importorskip("tf_keras")
    report = compare(
        POSITIONAL, POSITIONAL.replace("self.b(x)", "self.b(y)"), claims=["a"], outputs_must_match=False
    )
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert str(report.keras_version).startswith("2.")
    assert "run on Keras 2, because Keras 3 refuses it" in report.reasons[-1]
    assert "positional" in report.reasons[-1]


@pytest.mark.keras
def test_who_asks_for_keras_3_gets_its_refusal(tmp_path: Path) -> None:
    with Session(Path(sys.executable), device="cpu", timeout=60, wish=Wish(keras=3)) as session:
        report = session.compare(Target(tmp_path / "net.py", "Net", 1), POSITIONAL, POSITIONAL)
    assert str(report.keras_version).startswith("3.")
    assert not any("Keras 2" in reason for reason in report.reasons)
