"""Takes `training=True` out of published training loops, and counts what kerasfix puts back.

    python -m benchmarks.loops                                   all packages below
    python -m benchmarks.loops --package spektral==1.3.1         another package
    python -m benchmarks.loops --failures                        and every case that was not restored
    python -m benchmarks.loops --print-edits                     and what is done to the packages as published

One call at a time that stands in a gradient tape, in a `train_step` method, or in a function that one of
these calls, loses its `training=True`. This is done by cutting text, without any code of kerasfix, which then
runs as a process over a copy of the whole package: a case is restored if the file is the author's again,
compared as a syntax tree. And in the packages as they were published, no call may gain the flag whose
function does not mention the variables of what is called.
"""

from __future__ import annotations

import gc
import hashlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from rich.console import Console

from benchmarks.loops import report
from benchmarks.loops.trial import Outcome, Trial, batches
from benchmarks.packages import check_pinned

# Keras itself is not among them: its own modules do not import it as its users do.
PACKAGES = (
    "tf-models-official==2.20.0",
    "adapt==0.4.5",
    "tf-agents==0.19.0",
    "ydata-synthetic==1.3.2",
    "adversarial-robustness-toolbox==1.20.1",
    "tensor-optix==1.17.9",
    "aeon==1.6.0",
    "graphgallery==0.7.2",
    "indoxgen-tensor==0.1.0",
    "keras-cv==0.9.0",
    "transformers-keras==0.5.1",
    "ml4h==0.1.4",
    "at-gan==0.13.9",
    "biggan==1.0.0a1",
    "dcgan-implementation==0.1.0",
    "polus==0.1.8",
    "tensorflow-privacy==0.9.0",
    "tensorflow-graphics==2021.12.3",
    "tfimm==0.2.14",
    "hanlp==2.1.7",
    "kecam==1.4.3",
    "multiple-annotators-segmentation==0.1.0.2",
    "opennmt-tf==2.32.0",
    "tensorflowasr==3.1.1",
    "tfaip==1.2.6",
    "tfts==0.0.23",
    "bayesflow==1.1.6",
    "d2l==1.0.3",
    "ddsp==3.7.0",
    "deepchem==2.8.0",
    "deepconsensus==1.2.0",
    "fairlearn==0.15.0",
    "gpflux==0.4.5",
    "recommenders==1.2.1",
    "tensorflow-addons==0.23.0",
    "tensorflow-compression==2.14.1",
    "tensorflow-ranking==0.5.5",
    "tensorflow-recommenders==0.7.7",
    "tensorflow-similarity==0.17.1",
    # Nothing to take out in these, but loops that have to be left as they are.
    "bellman==0.1.0",
    "deepxde==1.15.0",
    "headliner==1.0.2",
    "m3gnet==0.2.4",
    "model-compression-toolkit==2.6.1",
    "neural-structured-learning==1.4.0",
    "nobrainer==1.2.1",
    "stellargraph==1.2.1",
    "tensorflow-model-remediation==0.1.7.1",
    "tf2rl==0.1.11",
    "tf-keras-vis==0.8.7",
    "xplique==2.0.2",
)
# These have no wheel.
SOURCES = ("ludwig==0.4.1", "pyod==1.1.3", "tsgm==0.1.0")


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option("--package", "packages", multiple=True, metavar="NAME==VERSION", help="Only this package.")
@click.option("--half", type=click.Choice(["0", "1"]), help="Only one half of the packages.")
@click.option("--failures", is_flag=True, help="Print every case that was not restored.")
@click.option("--print-edits", is_flag=True, help="Print findings and edits in the packages as published.")
def main(packages: tuple[str, ...], half: str | None, failures: bool, print_edits: bool) -> None:
    check_pinned(packages)
    gc.disable()  # trees by the hundred, each walked by every collection
    # A pipe has no width; tables that a person reads later need some.
    console = Console() if sys.stdout.isatty() else Console(width=170)
    wanted = [each for each in packages or (*PACKAGES, *SOURCES) if half is None or half_of(each) == half]
    begin = time.perf_counter()
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-loops-"))
    try:
        trials = [Trial(package, workplace / package, package in SOURCES) for package in wanted]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is done by processes
            outcomes = [outcome for found in pool.map(_run, trials) for outcome in found]
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    if print_edits:
        report.print_edits(console, trials)
    if failures:
        report.print_failures(console, outcomes)
    console.print(report.by_package(trials, outcomes))
    for name in ("0", "1") if half is None and not packages else ():
        of_half = [each for each in outcomes if half_of(each.case.package) == name]
        console.print(f"half {name} of the packages")
        console.print(report.summary(of_half))
    console.print(report.summary(outcomes))
    spent = sum(trial.seconds for trial in trials)
    runs = sum(trial.runs for trial in trials)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    console.print(
        f"{time.perf_counter() - begin:.0f} s; {spent:.0f} s in {runs} runs of kerasfix, which took "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor time"
    )
    shortfalls = report.shortfalls(outcomes, trials)
    shortfalls += [f"{trial.package}: {problem}" for trial in trials for problem in trial.problems]
    for shortfall in shortfalls:
        console.print(f"failed: {shortfall}", style="red", markup=False, soft_wrap=True)
    if shortfalls:
        sys.exit(1)


def _run(trial: Trial) -> Sequence[Outcome]:
    found = [outcome for batch in batches(trial.cases()) for outcome in trial.run(batch)]
    shutil.rmtree(trial.copy)
    gc.collect()
    return found


def half_of(package: str) -> str:
    """Rules are tried on one half of the packages and judged by the other."""
    return str(hashlib.sha256(package.partition("==")[0].encode()).digest()[0] % 2)


if __name__ == "__main__":
    main()
