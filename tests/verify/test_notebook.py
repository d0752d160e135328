"""Classes in a notebook are verified like those in a file, and no cell is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.test_notebooks import IMPORTS, code, dumped, lines

pytestmark = pytest.mark.keras

CHAIN = """\
class Chain(keras.Model):
    def __init__(self):
        super().__init__()
        self.one = layers.Dense(4)
        self.two = layers.Dense(4)

    def call(self, x):
        y = self.one(x)
        y = self.two(x)
        return y
"""


def test_a_suggestion_in_a_cell_is_proved_and_written(tmp_path: Path, kerasfix: Run) -> None:
    pytest.importorskip("keras")
    run_me_not = "%cd /\n!touch ran\nopen('ran', 'w').write('')\nraise SystemExit"
    cells = [code("%matplotlib inline\n" + IMPORTS), code(run_me_not), code(lines(CHAIN))]
    (tmp_path / "a.ipynb").write_bytes(dumped(*cells))
    done = kerasfix("--apply", "--verify", "--python", sys.executable, "--device", "cpu", "a.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Chain (a.ipynb:cell 3:1): proved" in done.stdout
    assert "lost on line 9 of cell 3" in done.stdout
    expected = [*cells[:2], code(lines(CHAIN.replace("self.two(x)", "self.two(y)")))]
    assert (tmp_path / "a.ipynb").read_bytes() == dumped(*expected)
    assert not (tmp_path / "ran").exists()
