"""A layer that is made in `call`: a run proves that it is the model's own after the fix, and trains."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.keras

NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, x):
        x = layers.Dense(4)(x)
        return self.out(layers.Flatten()(x))
"""
HEADERS = {
    "keras": "import keras\nfrom keras import layers\n\n\n",
    "tf_keras": "import tf_keras as keras\nfrom tf_keras import layers\n\n\n",
}


@pytest.mark.parametrize("package", list(HEADERS))
def test_the_fix_is_proved_and_written(package: str, kerasfix: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    if package == "tf_keras":
        pytest.importorskip("tf_keras")
    (tmp_path / "net.py").write_text(HEADERS[package] + NET)
    answer = kerasfix(
        *("--apply", "--verify", "--device", "cpu", "--python", sys.executable),
        *("--report", "out.json", "net.py"),
    )
    text = (tmp_path / "net.py").read_text()
    assert "self.dense = layers.Dense(4)" in text, answer
    assert "x = self.dense(x)" in text
    [model] = json.loads((tmp_path / "out.json").read_text())["models"]
    assert model["verdict"] == "proved"
    assert "2 trainable variables of dense belong to the model now, and get a gradient" in model["reasons"]
    assert "the same inputs gave other outputs at every call; now they give the same" in model["reasons"]
    assert model["before"]["trainable"] == ["out/kernel", "out/bias"]
    assert set(model["after"]["trainable"]) == {"out/kernel", "out/bias", "dense/kernel", "dense/bias"}
    assert model["after"]["missing_gradient"] == model["after"]["not_moved"] == []


def test_where_its_output_is_lost_it_is_not_proved(kerasfix: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    text = HEADERS["keras"] + NET.replace(
        "x = layers.Dense(4)(x)", "y = layers.Dense(4)(x)\n        print(y.shape)"
    )
    (tmp_path / "net.py").write_text(text)
    kerasfix(
        "--apply", "--verify", "--device", "cpu", "--select", "KF205", "--python", sys.executable, "net.py"
    )
    assert (tmp_path / "net.py").read_text() == text
