"""`--add-noqa`: a comment at each line with a finding, so that only new ones are heard of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from kerasfix.analysis.silencers import OWN_CODE, Silencers
from kerasfix.engine import FileReport, Problem
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


def silenced(report: FileReport) -> Plan | Problem:
    """The plan that silences all findings of a file; it does nothing if there are none."""
    edits = noqa_edits(report.source, report.findings)
    text = apply_edits(report.text, edits)
    try:
        is_changed = bool(edits) and ast.dump(Source(text).tree) != ast.dump(report.source.tree)
    except RecursionError:
        return Problem(report.path, "left as it is, because it is nested too deeply to compare")
    if is_changed:
        return Problem(report.path, "left as it is, because a comment would change what it says")
    return Plan(report.text, text, edits, (), ())
