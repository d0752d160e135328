"""The report file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import pytest

from kerasfix.run import _save
from kerasfix.verify.report import (
    SCHEMA_VERSION,
    Argument,
    InputArray,
    LayerCall,
    ModelReport,
    Observation,
    SensitiveLayer,
    Trace,
    VerdictKind,
    VerificationReport,
    layer_of,
)

OBSERVATION = Observation(
    losses={"fit": (1.0, float("nan"))},
    gradient_norms={"a/kernel": None, "a/bias": 0.5},
    calls=(LayerCall("a", (-1, None), True),),
    seconds={"fit": 0.25},
    outputs=(1.0,),
    sensitive={"drop": SensitiveLayer("Dropout", "random", {"fit": (True, None)})},
)
REPORT = ModelReport(
    "a.py",
    "Net",
    3,
    "python",
    "3.15.1",
    "tensorflow",
    "CPU",
    OBSERVATION,
    None,
    VerdictKind.PROVED,
    ("x",),
    1.5,
)


def test_the_report_is_plain_json() -> None:
    data = json.loads(VerificationReport([REPORT]).dumps())
    assert data["schema_version"] == SCHEMA_VERSION
    model = data["models"][0]
    assert model["verdict"] == "proved"
    assert model["after"] is None
    assert model["before"]["losses"] == {"fit": [1.0, None]}
    assert model["before"]["sensitive"]["drop"]["received"] == {"fit": [True, None]}


def test_the_way_the_norms_and_the_times_are_in_it() -> None:
    data = json.loads(VerificationReport([REPORT], 3.25).dumps())
    seen = data["models"][0]["before"]
    assert seen["gradient_norms"] == {"a/kernel": None, "a/bias": 0.5}
    assert seen["calls"] == [{"layer": "a", "reads": [-1, None], "is_output": True, "is_lost": False}]
    assert seen["seconds"] == {"fit": 0.25}
    assert data["import_seconds"] == 3.25


@pytest.mark.parametrize(
    "cls",
    [VerificationReport, ModelReport, Observation, LayerCall, SensitiveLayer, Trace, Argument, InputArray],
)
def test_every_key_is_in_the_documentation(cls: type) -> None:
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    names = {item.name for item in dataclasses.fields(cls)} - {"outputs"}
    assert not [name for name in names if f"`{name}`" not in page]


@pytest.mark.parametrize(
    ("variable", "layer"),
    [("a/kernel", "a"), ("a.b[0]/kernel", "a.b[0]"), ("scale", ""), ("ab/kernel", ""), ("a/b/c/w", "a/b")],
)
def test_a_variable_belongs_to_the_layer_with_the_longest_path(variable: str, layer: str) -> None:
    assert layer_of(variable, ["a", "a.b[0]", "a/b"]) == layer


def test_half_a_character_in_a_message_does_not_lose_the_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    _save(cast(Any, None), path, json.dumps(["\ud800é"], ensure_ascii=False))
    assert json.loads(path.read_text("utf-8")) == ["\ud800é"]


def test_outputs_stay_out_of_the_report() -> None:
    assert "outputs" not in REPORT.to_json()["before"]
