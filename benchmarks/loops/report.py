"""What came of the cases, as tables, and whether it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.loops.callee import Callee
from benchmarks.loops.sources import Trained
from benchmarks.loops.trial import Outcome, Trial, Verdict

# In percent of the cases whose class is known.
TARGET = 95.0


def percent(outcomes: Sequence[Outcome]) -> float:
    count = sum(each.verdict is Verdict.RESTORED for each in outcomes)
    return 100 * count / len(outcomes) if outcomes else 100.0


def of(outcomes: Iterable[Outcome], *callees: Callee) -> list[Outcome]:
    """The cases in which one of these is called that is trained there, as far as one can say."""
    return [each for each in outcomes if each.case.callee in callees and each.case.trained is not Trained.NO]


def untrained(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The cases in which a layer or model is called that is not trained there: not to be restored."""
    return [
        each for each in outcomes if each.case.callee is not Callee.METHOD and each.case.trained is Trained.NO
    ]


def methods(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.case.callee is Callee.METHOD]


_MODELS = (Callee.KNOWN, Callee.ELSEWHERE, Callee.WITHOUT, Callee.UNKNOWN)


def _groups(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    return {
        **{callee.value: of(outcomes, callee) for callee in _MODELS},
        "not trained there": untrained(outcomes),
        "a function or method": methods(outcomes),
    }


def shortfalls(outcomes: Sequence[Outcome], trials: Sequence[Trial]) -> list[str]:
    """A sentence for each target that is missed."""
    found = []
    share = percent(of(outcomes, Callee.KNOWN))
    if share < TARGET:
        found.append(f"{share:.1f} % restored where the class is known, at least {TARGET:g} % wanted")
    found += [
        f"{each.place}: edited, and not trained there: {each.new}"
        for trial in trials
        for each in trial.edited
        if each.trained is Trained.NO
    ]
    return found


def by_package(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> Table:
    """Restored of all, per package and what is called; and what is done to it as published."""
    table = Table(
        title="restored of all, and what is done to the package as published",
        caption="class known: and a layer with a mode is in it; edits: to calls in loops that said no mode; "
        "untrained: such calls of layers and models in sight that are not trained there",
    )
    table.add_column("")
    for name in _groups([]):
        table.add_column(name, justify="right")
    for name in ("all", "findings", "edits", "untrained"):
        table.add_column(name, justify="right")
    for trial in trials:
        here = [each for each in outcomes if each.case.package == trial.package]
        published = (len(trial.findings), len(trial.edited), trial.untrained)
        table.add_row(trial.package, *_shares(here), *(str(each or "") for each in published))
    totals = (
        sum(len(trial.findings) for trial in trials),
        sum(len(trial.edited) for trial in trials),
        sum(trial.untrained for trial in trials),
    )
    table.add_section()
    table.add_row("all", *_shares(outcomes), *map(str, totals), style="bold")
    return table


def _shares(outcomes: Sequence[Outcome]) -> list[str]:
    groups = [*_groups(outcomes).values(), outcomes]
    return [
        f"{sum(each.verdict is Verdict.RESTORED for each in group)} of {len(group)}" if group else ""
        for group in groups
    ]


def summary(outcomes: Sequence[Outcome]) -> Table:
    """What came of the cases, by what is called."""
    table = Table(title="kerasfix --apply, without suggestions")
    table.add_column("what is called")
    for name in ("cases", *(verdict.value for verdict in Verdict), "same bytes", "restored %"):
        table.add_column(name, justify="right")
    models = ("all layers and models", of(outcomes, *_MODELS))
    for name, group in (*_groups(outcomes).items(), models, ("all", outcomes)):
        counts = Counter(each.verdict for each in group)
        table.add_row(
            name,
            str(len(group)),
            *(str(counts[verdict]) for verdict in Verdict),
            str(sum(each.is_same_text for each in group)),
            f"{percent(group):.1f}",
            style="bold" if name.startswith("all") else None,
        )
    return table


def print_failures(console: Console, outcomes: Iterable[Outcome]) -> None:
    """Print every case that was not restored, and what kerasfix says of it."""
    for outcome in outcomes:
        if outcome.verdict is Verdict.RESTORED:
            continue
        case = outcome.case
        what = f"{case.callee.value}, {case.trained.value}, {case.where.value}"
        head = f"{case.place} {case.text} [{what}]: {outcome.verdict.value}"
        for sentence in (head, *(f"    {each}" for each in outcome.said), outcome.difference):
            if sentence:
                console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def print_edits(console: Console, trials: Iterable[Trial]) -> None:
    """Print what is found in the packages as published, and what is changed there."""
    for trial in trials:
        for finding in trial.findings:
            place = f"{trial.package} {finding.path.as_posix()}:{finding.line}"
            text = f"{place}: {finding.code} ({finding.fix}) {finding.message} {finding.note}".strip()
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        for edit in trial.edits:
            console.print(f"{trial.package} {edit}", markup=False, highlight=False, soft_wrap=True)
