"""The same files get the same answer, word for word, whatever order Python's sets happen to have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MODEL = """
import keras

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(x, training=training)
"""
# Each helper calls something that nobody knows here and that may be a Net.
TRAIN = (
    """
import tensorflow as tf
from model import Net

def step(nets, x):
    with tf.GradientTape() as tape:
        loss = {calls}
    return tape.gradient(loss, [])

""".format(calls=" + ".join(f"helper_{number}(nets, x)" for number in range(9)))
    + "\n".join(f"def helper_{number}(nets, x):\n    return nets[{number}](x)\n" for number in range(9))
)


def _said(folder: Path, seed: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "kerasfix", "--no-cache", "--output-format", "json", "."],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_an_answer_does_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(TRAIN)
    first, *others = [_said(tmp_path, seed) for seed in ("1", "2", "3")]
    assert all(other == first for other in others)
    # In the order of the source, and not all nine of them: three are enough to go and look.
    [told] = [each for each in first if each["code"] == "KF102"]
    lines = [TRAIN[: TRAIN.index(f"nets[{number}]")].count("\n") + 1 for number in range(3)]
    places = ", ".join(f"line {line} of train.py" for line in lines)
    assert f"A call on {places} and 6 more places may rely on the default" in str(told["help"])
