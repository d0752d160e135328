"""Findings, problems and summaries for people: one block a finding, with the line it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasfix.diff import unified_diff
from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.output.chain import ASCII, Strokes, chain_lines
from kerasfix.output.console import Line
from kerasfix.output.views import View
from kerasfix.plan import Plan
from kerasfix.source import SourceError

if TYPE_CHECKING:
    from kerasfix.verify.report import ModelReport

#: How a code is shown.
SEVERITY_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "bold cyan",
}
_DIFF_STYLES = {"-": "red", "+": "green", "@": "cyan"}


def finding_lines(view: View, finding: Finding, strokes: Strokes = ASCII) -> Iterator[Line]:
    """`path:line:column: CODE message`, the line it is about, and how to fix it."""
    yield [
        (f"{view.report.path.as_posix()}:{view.place(finding.start)}: ", "bold"),
        (finding.code, SEVERITY_STYLES[finding.severity]),
        (f" {view.said(finding.message)}", ""),
    ]
    yield from _frame(view, finding)
    if finding.chain is not None:
        yield from chain_lines(finding.chain, strokes)
    if finding.fix is not None:
        yield from _fix_lines("fix", finding.fix, view)
    for other in finding.others:
        yield from _fix_lines("or" if finding.fix is not None else "perhaps", other, view)
    if finding.help:
        yield [("  note: ", "bold"), (view.said(finding.help), "")]


def _fix_lines(word: str, fix: Fix, view: View) -> Iterator[Line]:
    text = f"{fix.message}. {fix.effect}".rstrip(" .")
    yield [(f"  {word}", "bold"), (f" ({fix.applicability.value}): ", "bold"), (view.said(text), "")]
    if fix.applicability is Applicability.SUGGESTION:
        yield from fix_diff(view, fix)


def problem_line(problem: Problem) -> Line:
    place = problem.path.as_posix() + (f":cell {problem.cell}" if problem.cell is not None else "")
    place += f":{problem.line}" if problem.line is not None else ""
    return [(f"{place}: ", "bold"), ("error: ", "bold red"), (problem.reason, "")]


def summary_lines(findings: Sequence[Finding], files: int, *, tried: bool) -> Iterator[Line]:
    """How many faults there are, and what can be done about them."""
    if not findings:
        yield [("No faults found" if files else "No Python files found", "bold green")]
        return
    yield [(f"{counted(len(findings), 'fault')} in {counted(files, 'file')}", "bold")]
    by_class = Counter(each.fix.applicability for each in findings if each.fix is not None)
    written = by_class[Applicability.SAFE] + by_class[Applicability.REPAIR]
    suggestions = by_class[Applicability.SUGGESTION]
    if written:
        yield [(f"  {written} to fix with --apply (--diff shows how)", "")]
    if suggestions:
        more = "" if tried else "--apply --verify writes what a run proves, "
        yield [(f"  {counted(suggestions, 'suggestion')}: {more}--apply --suggestions writes all", "")]
    by_hand = len(findings) - written - suggestions
    if by_hand:
        yield [(f"  {by_hand} to settle by hand", "")]


def applied_lines(report: FileReport, plan: Plan) -> Iterator[Line]:
    """`Fixed dcgan.py: KF102 (2), KF104`, and what runs differently from now on."""
    counts = Counter(each.code for each in plan.applied)
    listed = ", ".join(f"{code} ({count})" if count > 1 else code for code, count in sorted(counts.items()))
    yield [
        ("Fixed ", "bold green"),
        (f"{report.path.as_posix()}: ", "bold"),
        (listed or "what a fix elsewhere needs", ""),
    ]
    effects, notes = [], []
    for each, rounds in zip(plan.applied, plan.rounds, strict=True):
        # What a sentence says of lines, it says of the text in which the fault was found.
        view = View(report, plan, rounds)
        if each.fix and each.fix.effect:
            effects.append((each.code, view.said(each.fix.effect)))
        if each.help:
            notes.append((each.code, view.said(each.help)))
    for code, sentence in sorted(dict.fromkeys([*effects, *notes]), key=lambda pair: pair[0]):
        yield [(f"  {code}: ", "bold"), (sentence, "")]


def silenced_line(counts: Sequence[int]) -> str:
    """How many comments were written, file by file."""
    if not counts:
        return "No faults to silence"
    return f"Silenced {counted(sum(counts), 'line')} in {counted(len(counts), 'file')}"


def left_out_lines(path: Path, left: Sequence[Finding]) -> Iterator[Line]:
    """What a diff does not show although there is a fix for it."""
    count = sum(each.fix is not None for each in left)
    if count:
        text = (
            f"{counted(count, 'fix', 'fixes')} left out; --suggestions shows all, --verify what a run proves"
        )
        yield [(f"{path.as_posix()}: ", "bold"), (text, "")]


def unseen_lines(models: Sequence[ModelReport], *, written: bool) -> Iterator[Line]:
    """What a verification could not settle, so that a clean end is not read as more than it is."""
    unknown = [model.class_name for model in models if model.verdict == "not-verified"]
    if unknown:
        what = "Written without verification" if written else "Not verified"
        yield [(f"{what}: ", "bold yellow"), (", ".join(unknown), "")]
    from kerasfix.verify.places import told_lines
    from kerasfix.verify.verdict import MOST_NAMES

    untried = [
        f"{model.class_name} ({told_lines(lines, MOST_NAMES)})"
        for model in models
        if model.verdict != "worse" and model.after is not None and (lines := model.after.unreached_lines)
    ]
    if untried:
        what = "Changed, and reached by no run" if written else "Reached by no run"
        yield [(f"{what}: ", "bold yellow"), (", ".join(untried), "")]
    for model in models:
        missing = model.after.missing_gradient if model.after is not None else ()
        if missing and model.verdict != "not-verified":
            names = ", ".join(missing[:6]) + (" and more" if len(missing) > 6 else "")
            yield [
                ("Still without a gradient ", "bold yellow"),
                (f"in {model.class_name}: {names}; either not meant to be trained, or lost", ""),
            ]


def _frame(view: View, finding: Finding) -> Iterator[Line]:
    source = view.source
    start = source.position(finding.start)
    text = source.line(start.line)
    end = source.position(finding.end)
    width = end.column - start.column if end.line == start.line else len(text) - start.column + 1
    # Tabs stay tabs, so that the marks stand below what they mark.
    indent = "".join("\t" if character == "\t" else " " for character in text[: start.column - 1])
    number = str(view.place(finding.start).line)
    yield [(f"  {number} | ", "blue"), (text, "")]
    yield [(f"  {' ' * len(number)} | ", "blue"), (indent + "^" * max(width, 1), "bold red")]


def fix_diff(view: View, fix: Fix) -> Iterator[Line]:
    """What a fix changes in one file, as a small diff; of a notebook, cell by cell."""
    file = view.report.source.file
    try:
        changes = [*view.changes([edit for edit in fix.edits if edit.file == file])]
    except SourceError as error:
        yield [("    ", ""), (f"It cannot be made: {error.reason}", "")]
        return
    for number, text, edits in changes:
        if number is not None:
            yield [("    ", ""), (f"cell {number}", "bold")]
        # Its header is not shown.
        for line in unified_diff("", text, edits).splitlines()[2:]:
            yield [("    ", ""), (line, _DIFF_STYLES.get(line[:1], ""))]
    others = {edit.file for edit in fix.edits} - {file}
    if others:
        yield [("    and changes in ", ""), (counted(len(others), "other file"), "")]


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 fault`, `2 faults`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
