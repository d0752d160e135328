"""Breaks chains of layers in published packages, and counts how many kerasfix finds and mends.

    python -m benchmarks.chains                                  all kinds of breaks, all packages
    python -m benchmarks.chains --kind drop --limit 0            every case of one kind
    python -m benchmarks.chains --package spektral==1.3.1        another package
    python -m benchmarks.chains --show-failures 5 --seed 1       and cases that were not restored

In a method that calls layers, or a function that builds a model, one layer is made to read an older tensor
than the fresh one, a result is dropped, or the sibling of a layer is called. This is done by cutting text,
without any code of kerasfix, which then runs as a process over a copy of the whole package: a case is
detected if something is found in the function that was not found before, and restored if the syntax tree of
the class or function is the original's after `--apply --suggestions`.
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

from benchmarks.chains import report
from benchmarks.chains.cases import Case, Kind
from benchmarks.chains.trial import Outcome, Trial, batches
from benchmarks.packages import check_pinned, kerasfix
from benchmarks.restore.__main__ import PACKAGES as CLASSES
from benchmarks.restore.report import exclusions

# Many functions that build models, besides.
PACKAGES = (
    *CLASSES,
    "spektral==1.3.1",
    "tensorflowtts==1.8",
    "keras-unet-collection==0.1.13",
    "stellargraph==1.2.1",
    "opennmt-tf==2.32.0",
    "larq-zoo==2.4.0",
)
_LIMIT = 650


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in Kind]),
    help="Only this kind of break.",
)
@click.option("--package", "packages", multiple=True, metavar="NAME==VERSION", help="Only this package.")
@click.option("--limit", default=_LIMIT, metavar="N", show_default=True, help="Cases of each kind; 0: all.")
@click.option("--show-failures", default=0, metavar="N", help="Print N cases that were not restored.")
@click.option("--seed", default=0, metavar="S", help="Which cases are drawn, and which failures shown.")
def main(
    kinds: tuple[str, ...], packages: tuple[str, ...], limit: int, show_failures: int, seed: int
) -> None:
    check_pinned(packages)
    gc.disable()  # trees by the hundred, each walked by every collection
    # A pipe has no width; tables that a person reads later need some.
    console = Console() if sys.stdout.isatty() else Console(width=150)
    wanted = [Kind(kind) for kind in kinds] or list(Kind)
    begin = time.perf_counter()
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-chains-"))
    try:
        codes = _codes(workplace)
        if "KF204" not in codes and Kind.SIBLING in wanted:
            wanted.remove(Kind.SIBLING)
            console.print("sibling: skipped, there is no KF204 yet")
        trials = [Trial(package, workplace / package, codes) for package in packages or PACKAGES]
        outcomes, excluded = _run(trials, wanted, limit, seed)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    console.print(exclusions(excluded))
    console.print(report.by_package(outcomes))
    console.print(report.reasons(outcomes))
    report.print_failures(console, outcomes, show_failures, seed)
    console.print(report.summary(outcomes))
    spent = sum(trial.seconds for trial in trials)
    runs = sum(trial.runs for trial in trials)
    console.print(f"{time.perf_counter() - begin:.0f} s, of which {spent:.0f} s in {runs} runs of kerasfix")
    full = not (kinds or packages) and not 0 < limit < _LIMIT
    failures = report.shortfalls(outcomes, full=full)
    failures += [f"{trial.package}: {problem}" for trial in trials for problem in trial.problems]
    for failure in failures:
        console.print(f"failed: {failure}", style="red", markup=False, soft_wrap=True)
    if failures:
        sys.exit(1)


def _run(
    trials: Sequence[Trial], wanted: Sequence[Kind], limit: int, seed: int
) -> tuple[list[Outcome], Counter[tuple[str, str]]]:
    """Find the cases, draw `limit` of each kind, and try them."""
    cases: list[Case] = []
    excluded: Counter[tuple[str, str]] = Counter()
    for trial in trials:
        finder = trial.unpack()
        for case in finder.cases():
            if trial.is_faulty(case):
                excluded["function", "kerasfix finds something in it as published"] += 1
            elif case.kind in wanted:
                cases.append(case)
        excluded += finder.excluded
        del finder
        gc.collect()
    drawn = draw(cases, limit, seed)
    outcomes: list[Outcome] = []
    for trial in trials:
        for batch in batches(case for case in drawn if case.package == trial.package):
            outcomes += trial.run(batch)
    return outcomes, excluded


def draw(cases: Sequence[Case], limit: int, seed: int) -> list[Case]:
    """At most `limit` cases of each kind: one of every function, then another, and so on."""
    if not limit:
        return list(cases)
    shuffled = list(cases)
    random.Random(seed).shuffle(shuffled)
    ranks: Counter[tuple[str, Path, tuple[int, ...], Kind]] = Counter()
    ranked: dict[Kind, list[tuple[int, int, Case]]] = {}
    for number, case in enumerate(shuffled):
        key = case.package, case.path, case.statement, case.kind
        ranked.setdefault(case.kind, []).append((ranks[key], number, case))
        ranks[key] += 1
    return [case for each in ranked.values() for *_, case in sorted(each, key=lambda one: one[:2])[:limit]]


def _codes(workplace: Path) -> str:
    """The rules that find broken chains, as far as there are such rules."""
    known = []
    for code in ("KF201", "KF202", "KF204"):
        process = kerasfix(workplace, "--select", code)
        if process.status == 0:
            known.append(code)
    return ",".join(known)


if __name__ == "__main__":
    main()
