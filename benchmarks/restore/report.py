"""What came of the cases, as tables, and whether it is enough."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.difference import difference
from benchmarks.restore.cases import CATEGORIES, Kind
from benchmarks.restore.trial import Outcome, Verdict

# The share of the cases that has to come back, in percent.
TARGETS = {Kind.PASS: 99.0, Kind.SIGNATURE: 97.0, Kind.DEFAULT: 99.0, Kind.POSITIONAL: 99.0}
_BROKEN = {
    Kind.PASS: "one layer no longer gets `training=training`",
    Kind.SIGNATURE: "`call` no longer takes the flag, no layer gets it",
    Kind.DEFAULT: "`training=None` became `training=True`",
    Kind.POSITIONAL: "`training=training` became `training`",
}
_REASONS = 25


def percent(outcomes: Sequence[Outcome]) -> float:
    restored = sum(each.verdict is Verdict.RESTORED for each in outcomes)
    return 100 * restored / len(outcomes) if outcomes else 100.0


def shortfalls(outcomes: Sequence[Outcome]) -> list[str]:
    """A sentence for each kind that misses its target, and one for what does not parse."""
    found = []
    for kind, target in TARGETS.items():
        share = percent([each for each in outcomes if each.case.kind is kind])
        if share < target:
            found.append(f"{kind.value}: {share:.1f} % restored, at least {target:g} % wanted")
    unparsable = sum(each.verdict is Verdict.UNPARSABLE for each in outcomes)
    if unparsable:
        found.append(f"{unparsable} files do not parse any more")
    return found


def summary(title: str, outcomes: Sequence[Outcome]) -> Table:
    """Per kind and category: how many cases there were, and what came of them."""
    table = Table(
        title=title,
        caption="category: where one has to look to know that the layer depends on the flag; "
        "distinct: `call` methods that differ; same tree, same bytes: restored in the author's own form",
    )
    table.add_column("broken")
    table.add_column("category")
    for name in (
        "cases",
        "distinct",
        "restored",
        "%",
        "same tree",
        "same bytes",
        *(v.value for v in list(Verdict)[1:]),
    ):
        table.add_column(name, justify="right")
    for kind in Kind:
        of_kind = [each for each in outcomes if each.case.kind is kind]
        for category in CATEGORIES:
            _row(table, kind.value, category, [each for each in of_kind if each.case.category == category])
        _row(table, kind.value, "all", of_kind)
        table.add_section()
    return table


def _row(table: Table, kind: str, category: str, outcomes: Sequence[Outcome]) -> None:
    if outcomes:
        counts = Counter(each.verdict for each in outcomes)
        table.add_row(
            kind,
            category,
            str(len(outcomes)),
            str(len({each.case.shape for each in outcomes})),
            str(counts[Verdict.RESTORED]),
            f"{percent(outcomes):.1f}",
            str(sum(each.is_same_tree for each in outcomes)),
            str(sum(each.is_same_text for each in outcomes)),
            *(str(counts[verdict]) for verdict in list(Verdict)[1:]),
            style="bold" if category == "all" else None,
        )


def by_package(outcomes: Sequence[Outcome]) -> Table:
    """Restored of all, per package and kind."""
    table = Table(title="restored of all, by package")
    table.add_column("")
    for kind in Kind:
        table.add_column(kind.value, justify="right")
    for package in dict.fromkeys(each.case.package for each in outcomes):
        cells = []
        for kind in Kind:
            here = [each for each in outcomes if each.case.package == package and each.case.kind is kind]
            restored = sum(each.verdict is Verdict.RESTORED for each in here)
            cells.append(f"{restored} of {len(here)}" if here else "")
        table.add_row(package, *cells)
    return table


def normalised(outcomes: Sequence[Outcome]) -> str:
    """How often another form than the author's own was expected."""
    signatures = [each.expected for each in outcomes if each.case.kind is Kind.SIGNATURE and each.expected]
    moved = sum(each.moved for each in signatures)
    annotated = sum(each.annotated and not each.moved for each in signatures)
    return (
        "Compared as equal: the place of `training=` among the keywords of a call; bool, bool | None and "
        "Optional[bool]. signature: `training=None` is expected last among the positional parameters, and "
        f"annotated if another parameter is; of {len(signatures)} that were changed, the author has it at "
        f"another place in {moved}, and annotates otherwise in {annotated} more."
    )


def reasons(outcomes: Iterable[Outcome]) -> Table:
    """Why cases did not come back, grouped."""
    table = Table(title="not restored: what kerasfix says")
    for name in ("broken", "verdict", "category"):
        table.add_column(name)
    table.add_column("cases", justify="right")
    table.add_column("reason", overflow="fold")
    groups = Counter(
        (each.case.kind.value, each.verdict.value, each.case.category, each.reason)
        for each in outcomes
        if each.verdict is not Verdict.RESTORED
    )
    for (kind, verdict, category, reason), count in groups.most_common(_REASONS):
        table.add_row(kind, verdict, category, str(count), reason)
    if len(groups) > _REASONS:
        rest = sum(groups.values()) - sum(count for _, count in groups.most_common(_REASONS))
        table.add_row("", "", "", str(rest), f"{len(groups) - _REASONS} other reasons")
    return table


def exclusions(excluded: Counter[tuple[str, str]]) -> Table:
    """What was no case, and why."""
    table = Table(title="no case")
    table.add_column("left out")
    table.add_column("count", justify="right")
    table.add_column("because", overflow="fold")
    for (what, reason), count in sorted(excluded.items(), key=lambda pair: (pair[0][0], -pair[1])):
        table.add_row(what, str(count), reason)
    return table


def print_failures(console: Console, outcomes: Sequence[Outcome], size: int, seed: int) -> None:
    """Print `size` cases that did not come back, drawn at random: the break, and what became of it."""
    failed = [each for each in outcomes if each.verdict is not Verdict.RESTORED]
    for outcome in random.Random(seed).sample(failed, min(size, len(failed))):
        case = outcome.case
        console.rule(f"{case.kind.value}: {outcome.verdict.value}", align="left")
        place = f"{case.package} {case.path.as_posix()}:{case.line} {case.class_name}"
        console.print(place, style="bold", highlight=False, markup=False, soft_wrap=True)
        console.print(f"{_BROKEN[case.kind]}; {case.category}", highlight=False, markup=False)
        console.print(outcome.reason, markup=False, highlight=False, soft_wrap=True)
        if outcome.beside:
            console.print(f"changed too: {outcome.beside}", markup=False, highlight=False, soft_wrap=True)
        original, broken, found = outcome.texts
        console.print(_diff("original", original, "broken", broken), markup=False, highlight=False)
        if found != broken:
            console.print(_diff("original", original, "came back", found), markup=False, highlight=False)


def _diff(one: str, before: bytes, other: str, after: bytes) -> str:
    return difference(one, before, other, after, 2)
