"""What became of the classes, by half."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

DEVELOPED, HELD_OUT = "developed", "held-out"
_STAGES = {
    "import": "load",
    "class": "load",
    "keras": "load",
    "constructor": "construct",
    "init": "construct",
    "inputs": "probe",
    "probe": "probe",
    "call": "call",
    "internal": "internal",
}
_PASSED = "driven"


@dataclass(frozen=True)
class Run:
    """One class.

    Attributes:
        stage: Where it failed, "driven" if it reached a verdict.
        reason: Why it failed, in one line.
        memory: MiB at most; None if it did not live to say.
    """

    package: str
    module: str
    name: str
    half: str
    stage: str
    reason: str
    seconds: float
    memory: float | None

    @staticmethod
    def of(line: dict[str, Any], half: str) -> Run:
        stage, reason = _fate(line)
        memory = (line["result"] or {}).get("peak_mb")
        return Run(
            line["package"], line["module"], line["class"], half, stage, reason, line["seconds"], memory
        )


def _fate(line: dict[str, Any]) -> tuple[str, str]:
    result = line["result"]
    if result is None:
        stage = _STAGES.get(line["phase"], "train")
        return stage, f"{line['ending']} in {line['phase'] or 'the beginning'}"
    if result["outcome"] == "refused":
        return _STAGES.get(result["what"], result["what"]), result["reason"]
    seen = result["observation"]
    if seen["raised_in"] in ("import", "init", "call") and not seen.get("trainable"):
        return _STAGES[seen["raised_in"]], seen["raised"]
    failed = [f"{phase}: {text}" for phase, text in seen["errors"].items() if phase in ("tape", "fit")]
    return ("train", failed[0]) if failed else (_PASSED, "")


def show(console: Console, runs: list[Run], *, failures: bool) -> None:
    table = Table("half", *("classes", "driven", "share", "s median", "s p95", "MiB median", "MiB p95"))
    stages = [stage for stage, _ in Counter(run.stage for run in runs).most_common() if stage != _PASSED]
    for stage in stages:
        table.add_column(stage)
    for column in table.columns[1:]:
        column.justify = "right"
    for half in (DEVELOPED, HELD_OUT):
        if chosen := [run for run in runs if run.half == half]:
            table.add_row(half, *_row(chosen), *_counts(chosen, stages))
    console.print(table)
    _show_packages(console, runs)
    if failures:
        _show_failures(console, [run for run in runs if run.half == DEVELOPED and run.stage != _PASSED])


def _row(runs: list[Run]) -> list[str]:
    driven = sum(run.stage == _PASSED for run in runs)
    seconds = [run.seconds for run in runs]
    memory = [run.memory for run in runs if run.memory] or [0.0]
    numbers = [statistics.median(seconds), _p95(seconds), statistics.median(memory), _p95(memory)]
    cells = [f"{numbers[0]:.1f}", f"{numbers[1]:.1f}", f"{numbers[2]:.0f}", f"{numbers[3]:.0f}"]
    return [str(len(runs)), str(driven), f"{100 * driven / len(runs):.0f} %", *cells]


def _counts(runs: list[Run], stages: list[str]) -> list[str]:
    return [str(sum(run.stage == stage for run in runs)) for stage in stages]


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _show_packages(console: Console, runs: list[Run]) -> None:
    table = Table("package", "developed", "held-out")
    for package in dict.fromkeys(run.package for run in runs):
        cells = []
        for half in (DEVELOPED, HELD_OUT):
            chosen = [run for run in runs if run.package == package and run.half == half]
            cells.append(f"{sum(run.stage == _PASSED for run in chosen)} of {len(chosen)}")
        table.add_row(package, *cells)
    console.print(table)


def _show_failures(console: Console, runs: list[Run]) -> None:
    for run in sorted(runs, key=lambda run: (run.stage, re.sub(r"\d+", "0", run.reason))):
        text = f"{run.stage} {run.module}.{run.name} ({run.seconds:.0f} s): {run.reason}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)
