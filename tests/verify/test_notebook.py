"""Classes in a notebook are verified like those in a file, and no cell is run."""

from __future__ import annotations

import json
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


# A class that becomes two lines longer, and below it one whose fix is not reached as a whole.
GROWING = CHAIN.replace("Chain", "Growing").replace("y = self.one(x)", "y = layers.Dense(4)(x)")
LATER = """\
class Later(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        if x is None:
            return self.drop(x)
        return self.drop(x)
"""


def test_reports_count_in_cells(tmp_path: Path, kerasfix: Run) -> None:
    pytest.importorskip("keras")
    pytest.importorskip("jinja2")
    cells = ["%matplotlib inline\n" + IMPORTS, CHAIN, GROWING, "!ls\n" + LATER]
    (tmp_path / "a.ipynb").write_bytes(dumped(*(code(lines(each)) for each in cells)))
    reports = ("--report", "out.json", "--report", "out.html")
    done = kerasfix(
        "--verify", "--suggestions", "--python", sys.executable, "--device", "cpu", *reports, "a.ipynb"
    )
    models = json.loads((tmp_path / "out.json").read_text("utf-8"))["models"]
    told = {each["class_name"]: each for each in models}
    assert {name: (each["cell"], each["line"]) for name, each in told.items()} == {
        "Chain": (2, 1),
        "Growing": (3, 1),
        "Later": (4, 2),
    }, done.stdout + done.stderr
    trace = told["Chain"]["traces"][0]
    assert (trace["layer"], trace["made_cell"], trace["made_line"]) == ("one", 2, 4)
    assert (trace["lost_cell"], trace["lost_line"]) == (2, 9)
    [chain] = told["Chain"]["chains"]
    assert (chain["lost"][0]["line"], chain["line"]) == (8, 9)
    later = told["Later"]
    assert (later["after"]["changed_cells"], later["after"]["changed_lines"]) == ([4, 4], [9, 10])
    assert (later["after"]["changed_cells_reached"], later["after"]["changed_lines_reached"]) == ([4], [10])
    said = "not reached by this run: line 9 of cell 4 of the patched file"
    assert said in later["reasons"]
    page = (tmp_path / "out.html").read_text("utf-8")
    for each in ("a.ipynb:cell 2:1", "a.ipynb:cell 4:2", said, "lost on line 9 of cell 2", ">4 of cell 2<"):
        assert each in page
    assert "Later (line 9 of cell 4)" in done.stdout
