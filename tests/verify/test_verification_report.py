"""The report file."""

from __future__ import annotations

import json

from kerasfix.verify.report import (
    SCHEMA_VERSION,
    ModelReport,
    Observation,
    SensitiveLayer,
    VerdictKind,
    VerificationReport,
)

OBSERVATION = Observation(
    losses={"fit": (1.0, float("nan"))},
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


def test_outputs_stay_out_of_the_report() -> None:
    assert "outputs" not in REPORT.to_json()["before"]
