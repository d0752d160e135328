"""The report says what a model was made and fed with, and where that is from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verify_models import HEADER

from kerasfix.verify.given import spelled
from kerasfix.verify.report import ModelReport
from kerasfix.verify.session import Session, Target
from kerasfix.verify.settings import ModelSettings

NET = HEADER + (
    "class Net(keras.Model):\n    def __init__(self, units, rate, act='relu', sizes=(2, 2)):\n"
    "        super().__init__()\n        self.a = layers.Dense(units, activation=act)\n"
    "        self.drop = layers.Dropout(rate)\n\n"
    "    def call(self, x):\n        return self.drop(self.a(x))\n"
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("relu", "'relu'"),
        ([1, {"$tuple": [2, 3]}], "[1, (2, 3)]"),
        ({"$tuple": [2]}, "(2,)"),
        ({"$name": "layers.ReLU"}, "layers.ReLU"),
        ({"$call": "Config", "positional": [1], "named": {"a": {"$name": "b"}}}, "Config(1, a=b)"),
        ({"$settings": {}}, "an object that has every setting"),
        ({"a": [1]}, "{'a': [1]}"),
    ],
)
def test_values_are_spelled_as_python_does(value: Any, text: str) -> None:
    assert spelled(value) == text


def given(report: ModelReport) -> tuple[dict[str, tuple[str, str]], list[tuple[tuple[int, ...], str]]]:
    arguments = {each.name: (each.value, each.source) for each in report.arguments}
    return arguments, [(each.shape, each.source) for each in report.inputs]


@pytest.mark.keras
def test_what_is_guessed_is_told_as_that(compare: Callable[..., ModelReport]) -> None:
    assert given(compare(NET)) == ({"units": ("16", "guess"), "rate": ("0.1", "guess")}, [((4, 16), "guess")])


@pytest.mark.keras
def test_what_stands_in_the_code_is_told_apart(compare: Callable[..., ModelReport]) -> None:
    arguments, inputs = given(
        compare(NET + "\nnet = Net(7, rate=make(), sizes=(3, 1))\nnet.build((None, 5))\n")
    )
    assert arguments == {"units": ("7", "site"), "rate": ("0.1", "guess"), "sizes": ("(3, 1)", "site")}
    assert inputs == [((4, 5), "code")]


@pytest.mark.keras
def test_what_is_configured_is_told_as_that(tmp_path: Path) -> None:
    settings = ModelSettings({"units": 3}, (9,))
    with Session(Path(sys.executable), device="cpu", timeout=60, models={"Net": settings}) as session:
        report = session.compare(Target(tmp_path / "net.py", "Net", 1), NET, NET)
    arguments, inputs = given(report)
    assert arguments == {"units": ("3", "configuration"), "rate": ("0.1", "guess")}
    assert inputs == [((4, 9), "configuration")]
