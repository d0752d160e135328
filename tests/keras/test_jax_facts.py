"""On JAX a subclassed Model's bare layers never train in fit, however its `call` is written (KF103).

Runs where jax is installed, in a process of its own: a process has one backend.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.keras

IN_FIT = {"fit", "call_in_training"}
WHEN_TOLD = {"call_in_training"}
NEVER: set[str] = set()

EXPECTED = {
    "bare": WHEN_TOLD,
    "takes": WHEN_TOLD,
    "keyword_arguments": WHEN_TOLD,
    "block called bare": WHEN_TOLD,
    "behind_given": WHEN_TOLD,  # what a sibling is given helps the others on TensorFlow only
    "default_true_bare": WHEN_TOLD | {"bare_call"},
    "other_name": NEVER,
    "behind_false": NEVER,
    "behind_true": WHEN_TOLD | {"bare_call"},  # in fit and predict no mode leaks, and none arrives
    "constant_true": IN_FIT | {"predict", "bare_call"},
    "passes": IN_FIT,
    "default_false": IN_FIT,
    "default_true": IN_FIT | {"bare_call"},
    "behind_false_given": IN_FIT,
    "block given the flag": IN_FIT,
    "block without the flag given it": IN_FIT,
    "block in Sequential": IN_FIT,
    "block in a functional model": IN_FIT,
}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    for name in ("jax", "keras", "numpy"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__).with_name("on_jax.py")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["backend"] == "jax"
    if not (3, 10) <= tuple(map(int, said["version"].split(".")[:2])) <= (3, 15):
        pytest.skip("Keras 3.10 and 3.16 changed how the flag is inherited (pull requests 21204, 23364)")
    return said["trained"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", EXPECTED)
def test_where_a_model_trains_on_jax(measured: dict[str, Any], name: str) -> None:
    assert set(measured[name]) == EXPECTED[name]


def test_every_model_is_held_to_something(measured: dict[str, Any]) -> None:
    assert measured.keys() == EXPECTED.keys()
