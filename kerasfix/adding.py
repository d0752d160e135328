"""`--add-noqa`: a comment at each line with a finding, so that only new ones are heard of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from kerasfix.analysis.silencers import OWN_CODE, Silencers
from kerasfix.engine import FileReport, Problem, write_plan
from kerasfix.findings import Finding
from kerasfix.plan import Plan
from kerasfix.source import Edit, Source, apply_edits


def noqa_edits(source: Source, findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """Edits that silence findings: one more code in a `noqa` that is there, else a comment."""
    silencers = Silencers(source)
    rows: dict[int, set[str]] = {}
    for finding in findings:
        if finding.code != OWN_CODE:
            rows.setdefault(silencers.row_for(finding.start), set()).add(finding.code)
    return tuple(_edit(source, silencers, row, sorted(codes)) for row, codes in sorted(rows.items()))


def _edit(source: Source, silencers: Silencers, row: int, codes: Sequence[str]) -> Edit:
    listed = ", ".join(codes)
    for each in silencers.all:
        if each.row == row and each.is_noqa and each.codes:
            end = each.codes[-1].end
            return Edit(end, end, f", {listed}", source.file)
    end = source.line_starts[row - 1] + len(source.line(row).rstrip())
    return Edit(end, end, f"  # noqa: {listed}", source.file)


def add_noqa(reports: Iterable[FileReport | Problem]) -> Iterator[Problem | int]:
    """Silence all findings in their files.

    Yields:
        For each file how many lines got a comment, or why none did.
    """
    for report in reports:
        if isinstance(report, Problem):
            yield report
            continue
        edits = noqa_edits(report.source, report.findings)
        if not edits:
            continue
        text = apply_edits(report.text, edits)
        if ast.dump(Source(text).tree) != ast.dump(report.source.tree):
            yield Problem(report.path, "left as it is, because a comment would change what it says")
            continue
        problem = write_plan(report, Plan(report.text, text, edits, (), ()))
        yield len(edits) if problem is None else problem
