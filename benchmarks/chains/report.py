"""What came of the cases, as tables, and whether it is enough."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.chains.cases import CHAINS, Kind
from benchmarks.chains.trial import Outcome, Verdict
from benchmarks.difference import difference

# In percent of the cases; and how many there have to be.
DETECTED, RESTORED = 97.0, 92.0
FEWEST = {"chain": 1000, "drop": 500}
_GROUPS = {
    "chain": CHAINS,
    "drop": (Kind.DROP,),
}
_REASONS = 30


def shortfalls(outcomes: Sequence[Outcome], *, full: bool) -> list[str]:
    """A sentence for each target that is missed.

    Args:
        full: Whether the run was to have as many cases as are wanted.
    """
    found = []
    for group, kinds in _GROUPS.items():
        here = [each for each in outcomes if each.case.kind in kinds]
        if full and len(here) < FEWEST.get(group, 0):
            found.append(f"{group}: {len(here)} cases, at least {FEWEST[group]} wanted")
        for what, share, target in (
            ("detected", _percent_found(here), DETECTED),
            ("restored", _percent_restored(here), RESTORED),
        ):
            if share < target:
                found.append(f"{group}: {share:.1f} % {what}, at least {target:g} % wanted")
    unparsable = sum(each.verdict is Verdict.UNPARSABLE for each in outcomes)
    if unparsable:
        found.append(f"{unparsable} files do not parse any more")
    return found


def _percent_found(outcomes: Sequence[Outcome]) -> float:
    return 100 * sum(each.is_found for each in outcomes) / len(outcomes) if outcomes else 100.0


def _percent_restored(outcomes: Sequence[Outcome]) -> float:
    count = sum(each.verdict is Verdict.RESTORED for each in outcomes)
    return 100 * count / len(outcomes) if outcomes else 100.0


def summary(outcomes: Sequence[Outcome]) -> Table:
    """Per kind, and whether it is a method or a builder: how many cases there were, and what came of them."""
    table = Table(
        title="kerasfix --apply --suggestions",
        caption="input, older: what the layer reads instead; drop: the result is not assigned; "
        "sibling: the layer before it in a numbered row is called; builder: the layer is made in the call",
    )
    table.add_column("broken")
    table.add_column("where")
    for name in ("cases", "detected", "%", *(v.value for v in Verdict)):
        table.add_column(name, justify="right")
    table.add_column("restored %", justify="right")
    for kind in Kind:
        of_kind = [each for each in outcomes if each.case.kind is kind]
        for where, builder in (("method", False), ("builder", True)):
            _row(table, kind.value, where, [each for each in of_kind if each.case.builder is builder])
        table.add_section()
    for group, kinds in _GROUPS.items():
        _row(table, group, "all", [each for each in outcomes if each.case.kind in kinds])
    return table


def _row(table: Table, name: str, where: str, outcomes: Sequence[Outcome]) -> None:
    if outcomes:
        counts = Counter(each.verdict for each in outcomes)
        table.add_row(
            name,
            where,
            str(len(outcomes)),
            str(sum(each.is_found for each in outcomes)),
            f"{_percent_found(outcomes):.1f}",
            *(str(counts[verdict]) for verdict in Verdict),
            f"{_percent_restored(outcomes):.1f}",
            style="bold" if where == "all" else None,
        )


def by_package(outcomes: Sequence[Outcome]) -> Table:
    """Detected, restored and all, per package and kind."""
    table = Table(title="detected and restored of all, by package")
    table.add_column("")
    for kind in Kind:
        table.add_column(kind.value, justify="right")
    for package in dict.fromkeys(each.case.package for each in outcomes):
        cells = []
        for kind in Kind:
            here = [each for each in outcomes if each.case.package == package and each.case.kind is kind]
            found = sum(each.is_found for each in here)
            restored = sum(each.verdict is Verdict.RESTORED for each in here)
            cells.append(f"{found}, {restored} of {len(here)}" if here else "")
        table.add_row(package, *cells)
    return table


def reasons(outcomes: Iterable[Outcome]) -> Table:
    """Why cases were not restored, grouped; for another repair, which."""
    table = Table(title="not restored")
    for name in ("broken", "where", "verdict"):
        table.add_column(name)
    table.add_column("cases", justify="right")
    table.add_column("which", overflow="fold")
    groups = Counter(
        (
            each.case.kind.value,
            "builder" if each.case.builder else "method",
            each.verdict.value,
            each.reason,
        )
        for each in outcomes
        if each.verdict is not Verdict.RESTORED
    )
    for (kind, where, verdict, reason), count in groups.most_common(_REASONS):
        table.add_row(kind, where, verdict, str(count), reason)
    return table


def print_failures(console: Console, outcomes: Sequence[Outcome], size: int, seed: int) -> None:
    """Print `size` cases that were not restored, drawn at random: the break, and what became of it."""
    failed = [each for each in outcomes if each.verdict is not Verdict.RESTORED]
    for outcome in random.Random(seed).sample(failed, min(size, len(failed))):
        case = outcome.case
        console.rule(f"{case.kind.value}: {outcome.verdict.value}", align="left")
        place = f"{case.package} {case.path.as_posix()}:{case.line} {case.name}"
        console.print(place, style="bold", highlight=False, markup=False, soft_wrap=True)
        for sentence in (outcome.reason, *outcome.said):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        original, broken, found = outcome.texts
        console.print(_diff("original", original, "broken", broken), markup=False, highlight=False)
        if found != broken:
            console.print(_diff("original", original, "came back", found), markup=False, highlight=False)


def _diff(one: str, before: bytes, other: str, after: bytes) -> str:
    """Without the head: the place is said already."""
    return difference(one, before, other, after, 4).partition("@@")[2]
