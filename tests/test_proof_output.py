"""The table of a verified model: before and after side by side, what is wrong first."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kerasfix.output.console import Printer, Table
from kerasfix.output.proof import flag_rows, proof_lines, proof_rows
from kerasfix.output.text import unseen_lines
from kerasfix.verify.report import Argument, ModelReport, SensitiveLayer, VerdictKind
from tests.reports import FLAGS, MENDED, NORMS, RAISED, model, observation


def shown(report: ModelReport) -> list[str]:
    stream = io.StringIO()
    Printer(stream, is_file=True).lines(proof_lines(report))
    return stream.getvalue().splitlines()


def test_what_another_class_gave_is_said_to_be_from_its_run() -> None:
    given = replace(model(), arguments=(Argument("plan", "(7, 8)", "run of Holder"),))
    assert shown(given)[1].startswith("  run as Net(plan=(7, 8) as in a run of Holder) on")


def test_before_and_after_stand_side_by_side() -> None:
    assert shown(model()) == [
        "Net (net.py:3): proved  [Keras 3.15.1, tensorflow, CPU, 1.5 s]",
        "  run as Net(units=16 by guess) on (4, 28, 28, 1) float32 as in the code",
        "                        before                                                       after",
        "  no gradient           2 of 4 variables: conv1/kernel, conv1/bias, lost on line 12  "
        "none of 4 variables",
        "  not reached           2 of 5 layers: conv1, leaky1, lost on line 12                "
        "none of 5 layers",
        "  training received in  fit  evaluate predict call tape                              "
        "fit  evaluate predict call tape",
        "  drop (Dropout)        True False    False   True True                              "
        "True False    False   None True",
    ]


def test_what_is_long_goes_on_below_in_its_own_column() -> None:
    lines = shown(model(RAISED))
    start = lines[2].index("before")
    end = lines[2].index("after")
    row = next(number for number, line in enumerate(lines) if line.startswith("  raised"))
    assert lines[row][end:] == "nothing"
    assert lines[row + 1][:start].strip() == ""
    assert " ".join(line[start:end].strip() for line in lines[row : row + 2]) == f"{RAISED.raised} (line 25)"
    assert max(map(len, lines)) <= 130


def test_lines_that_no_run_reached_are_named_at_the_end() -> None:
    def told(made: ModelReport, *, written: bool = True) -> list[str]:
        return ["".join(text for text, _ in line) for line in unseen_lines([made], written=written)]

    seen = observation(changed_lines=(5, 7, 9), changed_lines_reached=(7,))
    assert told(model(after=seen)) == ["Changed, and reached by no run: Net (lines 5, 9)"]
    assert told(model(after=seen), written=False) == ["Reached by no run: Net (lines 5, 9)"]
    assert told(model(after=seen, verdict=VerdictKind.WORSE)) == []
    assert told(model(after=replace(seen, changed_lines_reached=(5, 7, 9)))) == []


@pytest.mark.parametrize(
    ("before", "after", "labels"),
    [
        # A row of fine things comes after one that is wrong in either version.
        (observation(layers_not_reached=("drop",)), MENDED, ["not reached", "no gradient"]),
        (MENDED, observation({**NORMS, "conv1/bias": None}), ["no gradient", "not reached"]),
        (
            observation(zero_gradient=("conv1/bias",), not_moved=("conv1/bias", "conv2/kernel")),
            MENDED,
            ["gradient all zero", "not moved by fit", "no gradient", "not reached"],
        ),
        (RAISED, RAISED, ["raised"]),
        (
            observation(errors={"fit": "ValueError: x"}, raised="ValueError: x", raised_in="fit"),
            observation(errors={"evaluate": "TypeError: y"}),
            ["raised", "raised in evaluate", "no gradient", "not reached"],
        ),
    ],
)
def test_what_is_wrong_comes_first(before: object, after: object, labels: list[str]) -> None:
    assert [row.label for row in proof_rows(model(before, after))] == labels  # type: ignore[arg-type]


def test_a_variable_that_did_not_move_is_told_once() -> None:
    seen = observation(zero_gradient=("conv1/bias",), not_moved=("conv1/bias", "conv2/kernel"))
    cells = {row.label: row.before[0] for row in proof_rows(model(seen, MENDED))}
    assert cells["gradient all zero"] == "conv1/bias"
    assert cells["not moved by fit"] == "conv2/kernel"


def test_layers_whose_flags_differ_come_first() -> None:
    steady = SensitiveLayer("BatchNormalization", "state", FLAGS)
    before = observation(sensitive={"bn": steady, "drop": SensitiveLayer("Dropout", "random", {})})
    after = observation(sensitive={"bn": steady, "drop": SensitiveLayer("Dropout", "random", FLAGS)})
    rows = flag_rows(model(before, after))
    assert [row.path for row in rows] == ["drop", "bn"]
    assert rows[0].before["fit"] == "-"
    assert rows[0].after["fit"] == "True"


def test_several_values_of_the_flag_are_all_told() -> None:
    seen = observation(sensitive={"drop": SensitiveLayer("Dropout", "random", {"fit": (True, None)})})
    assert flag_rows(model(seen, seen))[0].before["fit"] == "True/None"


def test_the_columns_are_the_phases_in_which_a_layer_was_called() -> None:
    seen = observation(
        sensitive={"drop": SensitiveLayer("Dropout", "random", {"train_step": True, "tape": None})}
    )
    lines = [line.split() for line in shown(model(seen, seen))]
    assert lines[-2:] == [
        ["training", "received", "in", "tape", "train_step", "tape", "train_step"],
        ["drop", "(Dropout)", "None", "True", "None", "True"],
    ]


def test_a_model_that_did_not_run_has_reasons_and_no_table() -> None:
    reason = "not verified: its constructor needs an argument: units"
    assert shown(model(None, None, VerdictKind.NOT_VERIFIED, reasons=(reason,))) == [
        "Net (net.py:3): not verified  [Keras 3.15.1, tensorflow, CPU, 1.5 s]",
        "  its constructor needs an argument: units",
    ]


def test_notes_of_both_versions_are_told_once() -> None:
    seen = observation(notes=("its own train_step did not run; Keras' own did",))
    assert shown(model(seen, seen))[-1] == "  note: its own train_step did not run; Keras' own did"


def test_a_terminal_gets_the_same_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    Printer(stream).lines(proof_lines(model()))
    text = stream.getvalue()
    assert "\x1b[31m2 of 4 variables: conv1/kernel, conv1/bias, lost on line 12" in text
    assert "\x1b[32mnone of 4 variables" in text


def test_square_brackets_of_the_user_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    Printer(stream).lines([Table(("a",), [(("blocks[0] [bold]", ""),)])])
    assert "blocks[0] [bold]" in stream.getvalue()


def test_a_pipe_loads_no_rich() -> None:
    program = (
        "import sys\n"
        "from kerasfix.output.console import standard_output\n"
        "from kerasfix.output.proof import proof_lines\n"
        "from tests.reports import model\n"
        "standard_output().lines(proof_lines(model()))\n"
        "assert not {'rich', 'jinja2', 'pygal'} & set(sys.modules)\n"
    )
    folder = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "none of 4 variables" in done.stdout
