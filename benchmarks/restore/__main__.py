"""Breaks correct classes of published packages, and counts how many kerasfix brings back.

    python -m benchmarks.restore                                 all kinds of breaks, all packages below
    python -m benchmarks.restore --kind pass --limit 0           every case of one kind
    python -m benchmarks.restore --package spektral==1.3.1       other packages than those below
    python -m benchmarks.restore --show-failures 5 --seed 1      and cases that did not come back

A class is taken if its author passes the training flag correctly. It is broken by cutting text, without any
code of kerasfix: one pass of the flag is dropped, or all of them with the parameter, or the default becomes
True, or a keyword becomes positional. kerasfix then runs as a process over a copy of the whole package. A
case is restored if all files are the original again, compared as syntax trees. The original is the package
after defaults of False became None in the classes that are taken, and kerasfix settled what it finds itself;
only calls that the author wrote are broken.
"""

from __future__ import annotations

import gc
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from benchmarks.packages import check_pinned
from benchmarks.restore import report
from benchmarks.restore.cases import Case, Kind
from benchmarks.restore.trial import Outcome, Trial, batches

PACKAGES = (
    "keras-hub==0.32.0",
    "tf-models-official==2.20.0",
    "transformers==4.44.2",
    "tfimm==0.2.14",
    "malaya-speech==1.3.0.2",
    "bayesflow==2.1.0",
    "tensorflowasr==3.1.1",
    "tfts==0.0.23",
    "keras-bio==0.1.0",
    "kerasfactory==0.1.1",
    "medicai==0.0.4",
    "keras-cv==0.9.0",
    "deepctr==0.9.4",
    "rasa==3.6.20",
    "tensorflow-addons==0.23.0",
    "kgcnn==4.0.2",
)


class Stage:
    """All packages, settled and tried with the same options of kerasfix."""

    def __init__(self, packages: Sequence[str], workplace: Path, *options: str) -> None:
        self.outcomes: list[Outcome] = []
        self.excluded: Counter[tuple[str, str]] = Counter()
        self.found: Counter[Kind] = Counter()
        self.trials = [Trial(package, workplace / package, options) for package in packages]

    def run(self, kinds: Sequence[Kind], limit: int, seed: int, *, alone: bool) -> None:
        """Settle the packages, find the cases, draw `limit` of each kind, and try them."""
        cases: list[Case] = []
        for trial in self.trials:
            finder = trial.settle()
            cases += [case for case in finder.cases() if case.kind in kinds]
            self.excluded += finder.excluded
            del finder
            gc.collect()
        self.found.update(case.kind for case in cases)
        drawn = draw(cases, limit, seed)
        for trial in self.trials:
            of_package = [case for case in drawn if case.package == trial.package]
            for batch in batches(of_package, alone=alone):
                self.outcomes += trial.run(batch)

    @property
    def problems(self) -> list[str]:
        return [f"{trial.package}: {problem}" for trial in self.trials for problem in trial.problems]


def draw(cases: Sequence[Case], limit: int, seed: int) -> list[Case]:
    """At most `limit` cases of each kind: one of every file in random order, then another one, and so on."""
    if not limit:
        return list(cases)
    shuffled = list(cases)
    random.Random(seed).shuffle(shuffled)
    ranks: Counter[tuple[str, Path, Kind]] = Counter()
    ranked: dict[Kind, list[tuple[int, int, Case]]] = {}
    for number, case in enumerate(shuffled):
        key = case.package, case.path, case.kind
        ranked.setdefault(case.kind, []).append((ranks[key], number, case))
        ranks[key] += 1
    return [case for each in ranked.values() for *_, case in sorted(each)[:limit]]


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in Kind]),
    help="Only this kind of break.",
)
@click.option("--package", "packages", multiple=True, metavar="NAME==VERSION", help="Only this package.")
@click.option("--limit", default=500, metavar="N", show_default=True, help="Cases of each kind; 0: all.")
@click.option("--show-failures", default=0, metavar="N", help="Print N cases that did not come back.")
@click.option("--seed", default=0, metavar="S", help="Which cases are drawn, and which failures shown.")
@click.option(
    "--alone", is_flag=True, help="A run of kerasfix for each case: to check that sharing does no harm."
)
def main(
    kinds: tuple[str, ...],
    packages: tuple[str, ...],
    limit: int,
    show_failures: int,
    seed: int,
    alone: bool,
) -> None:
    check_pinned(packages)
    gc.disable()  # trees by the hundred, each walked by every collection
    # A pipe has no width; tables that a person reads later need some.
    console = Console() if sys.stdout.isatty() else Console(width=150)
    wanted = [Kind(kind) for kind in kinds] or list(Kind)
    begin = time.perf_counter()
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-restore-"))
    try:
        plain = Stage(packages or PACKAGES, workplace / "plain")
        plain.run(wanted, limit, seed, alone=alone)
        stages = [plain]
        if Kind.DEFAULT in wanted:
            # True for None is often a suggestion: whether it was meant, only the author knows.
            stages.append(Stage(packages or PACKAGES, workplace / "suggestions", "--suggestions"))
            stages[-1].run([Kind.DEFAULT], limit, seed, alone=alone)
        console.print(report.exclusions(plain.excluded))
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    counted = [each for each in plain.outcomes if each.case.kind is not Kind.DEFAULT] + [
        each for stage in stages[1:] for each in stage.outcomes
    ]
    without = [each for each in plain.outcomes if each.case.kind is Kind.DEFAULT]
    console.print(report.by_package(counted))
    console.print(report.reasons(counted))
    report.print_failures(console, counted, show_failures, seed)
    if without:
        console.print(report.summary("default: --apply alone, for information", without))
    console.print(report.summary("kerasfix --apply; default: with --suggestions", counted))
    found = ", ".join(f"{kind.value} {count}" for kind, count in plain.found.items())
    console.print(f"cases there are: {found}", soft_wrap=True)
    console.print(report.normalised(counted), markup=False, soft_wrap=True)
    runs = sum(trial.runs for stage in stages for trial in stage.trials)
    spent = sum(trial.seconds for stage in stages for trial in stage.trials)
    console.print(f"{time.perf_counter() - begin:.0f} s, of which {spent:.0f} s in {runs} runs of kerasfix")
    failures = [*report.shortfalls(counted), *(problem for stage in stages for problem in stage.problems)]
    for failure in failures:
        console.print(f"failed: {failure}", style="red", markup=False, soft_wrap=True)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
