"""Breaks models of published packages that train as they should, and asks `--verify` which version is worse.

    python -m benchmarks.differential                            thirty classes
    python -m benchmarks.differential --classes 5 --seed 1       a few others
    python -m benchmarks.differential --package kgcnn==4.0.2     of one package

In `call` of a class that verification can drive, one layer is made to read an older tensor, a result is
dropped, or the flag is True by default. (A flag that is not handed on is made good by the context in which
Keras 3 calls layers, so that nothing is worse for it.) Verification sees original and broken class, each in
its package, without any configuration: it has to call the broken one worse than the original, the original
proved beside the broken one, and the original the same as itself. Where the arguments that it found do not
lead to the line that is broken, it has to say so; that is counted, and the class does not count as driven.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.chains.cases import Finder as ChainFinder
from benchmarks.packages import check_pinned, python_files, wheel
from benchmarks.restore.cases import Finder as FlagFinder
from benchmarks.restore.cases import Kind as FlagKind
from benchmarks.restore.library import Library
from benchmarks.restore.surgery import Cut, cut
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target

PACKAGES = (
    "keras-hub==0.32.0",
    "kgcnn==4.0.2",
    "tfts==0.0.23",
    "medicai==0.0.4",
    "keras-bio==0.1.0",
    "kerasfactory==0.1.1",
    "keras-cv==0.9.0",
)
_WANTED = 30
# What kind of break, what was compared with what -> what it has to be called.
_EXPECTED = {
    "original, broken": VerdictKind.WORSE,
    "broken, original": VerdictKind.PROVED,
    "original, original": VerdictKind.UNCHANGED,
}


@dataclass(frozen=True, slots=True)
class Break:
    """One break of one class.

    Attributes:
        kind: "chain" or "flag".
        path: The file, below the package.
        line: Of what is broken.
    """

    kind: str
    path: Path
    class_name: str
    line: int
    cuts: tuple[Cut, ...]


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option("--package", "packages", multiple=True, metavar="NAME==VERSION", help="Only this package.")
@click.option("--classes", default=_WANTED, metavar="N", show_default=True, help="How many are driven.")
@click.option("--seed", default=0, metavar="S", help="Which classes, and which break of each.")
@click.option(
    "--timeout", default=40.0, metavar="SECONDS", show_default=True, help="For one run of one version."
)
def main(packages: tuple[str, ...], classes: int, seed: int, timeout: float) -> None:
    check_pinned(packages)
    console = Console() if sys.stdout.isatty() else Console(width=150)
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-differential-"))
    told = Table(title="verification without configuration")
    for column in ("class", "broken", "line", *_EXPECTED, "seconds"):
        told.add_column(column)
    wrong: list[str] = []
    not_driven: Counter[str] = Counter()
    driven = 0
    try:
        breaks = [each for package in packages or PACKAGES for each in _breaks(package, workplace, seed)]
        random.Random(seed).shuffle(breaks)
        with Session(Path(sys.executable), device="cpu", timeout=timeout) as session:
            for folder, each in breaks:
                if driven >= classes:
                    break
                begin = time.perf_counter()
                found = _verdicts(session, folder, each)
                if isinstance(found, str):
                    not_driven[found] += 1
                    continue
                driven += 1
                seconds = f"{time.perf_counter() - begin:.1f}"
                verdicts = [found[what].verdict.value for what in _EXPECTED]
                told.add_row(each.class_name, each.kind, f"{each.path}:{each.line}", *verdicts, seconds)
                wrong += [
                    f"{each.path}:{each.line} {each.class_name}: {what} is {found[what].verdict.value}: "
                    + "; ".join(found[what].reasons)
                    for what, expected in _EXPECTED.items()
                    if found[what].verdict is not expected
                ]
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    console.print(told)
    console.print(f"{driven} classes driven; {dict(not_driven)}")
    for sentence in wrong:
        console.print(f"failed: {sentence}", style="red", markup=False, soft_wrap=True)
    if wrong or driven < classes:
        sys.exit(1)


def _breaks(package: str, workplace: Path, seed: int) -> Iterator[tuple[Path, Break]]:
    """One break of every class of a package that has any, with the folder that the package lies in."""
    folder = workplace / package
    shutil.unpack_archive(wheel(package), folder, "zip")
    library = Library({path.relative_to(folder): path.read_bytes() for path in python_files(folder)})
    of_class: dict[tuple[Path, str], list[Break]] = {}
    for case in ChainFinder(package, library).cases():
        name, _, method = case.name.partition(".")
        if method == "call" and not case.builder:
            found = of_class.setdefault((case.path, name), [])
            found.append(Break("chain", case.path, name, case.line, (case.cut,)))
    for flag in FlagFinder(package, library, library).cases():
        if flag.kind is FlagKind.DEFAULT:
            found = of_class.setdefault((flag.path, flag.class_name), [])
            found.append(Break("flag", flag.path, flag.class_name, flag.line, flag.cuts))
    drawn = random.Random(seed)
    for each in of_class.values():
        yield folder, drawn.choice(each)


def _verdicts(session: Session, folder: Path, each: Break) -> dict[str, ModelReport] | str:
    """What verification says of the class and its broken version; or why it cannot say anything."""
    path = folder / each.path
    data = path.read_bytes()
    original, broken = data.decode("utf-8"), cut(data, each.cuts).decode("utf-8")
    target = Target(path, each.class_name, 1)

    def compared(before: str, after: str) -> ModelReport:
        changed = _changed_lines(before, after)
        return session.compare(target, before, after, outputs_must_match=False, changed=changed)

    same = compared(original, original)
    if same.verdict is VerdictKind.NOT_VERIFIED or same.after is None:
        return "not driven"
    if each.kind == "flag" and not any(layer.trained_in("fit") for layer in same.after.sensitive.values()):
        return "driven with arguments that leave nothing to the flag"
    found = (compared(original, broken), compared(broken, original), same)
    if VerdictKind.NOT_REACHED in [each.verdict for each in found]:
        return "driven, and told that what is broken is not reached"
    return dict(zip(_EXPECTED, found, strict=True))


def _changed_lines(before: str, after: str) -> list[tuple[int, int]]:
    """From the first to the last line that differs, in the text of the second."""
    if before == after:
        return []
    old, new = before.splitlines(), after.splitlines()
    first = _same(old, new)
    same_end = _same(old[first:][::-1], new[first:][::-1])
    return [(first + 1, max(first + 1, len(new) - same_end))]


def _same(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


if __name__ == "__main__":
    main()
