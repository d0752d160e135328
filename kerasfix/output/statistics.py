"""How many findings there are of each rule."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Applicability, Finding
from kerasfix.output.console import Line, Printer
from kerasfix.plan import Plan

# What --apply writes without more ado.
_WRITTEN = (Applicability.SAFE, Applicability.REPAIR)


def statistics_lines(findings: Sequence[Finding]) -> Iterator[Line]:
    """Number, code and name of each rule, the most frequent first; a star for those with fixes."""
    counts = _counts(findings)
    if not counts:
        yield [("No faults found", "bold green")]
        return
    fixable = _fixable(findings)
    width = len(str(counts[0][1]))
    for (code, name), count in counts:
        star = " " if not fixable[code] else "*" if fixable[code] == count else "-"
        yield [(f"{count:>{width}}  ", ""), (code, "bold"), (f"  [{star}] {name}", "")]
    if fixable:
        yield [("[*] --apply writes the fixes, [-] some of them", "")]


def statistics_document(findings: Sequence[Finding]) -> str:
    """The same as JSON, in the shape of ruff's."""
    fixable = _fixable(findings)
    entries = [
        {
            "code": code,
            "name": name,
            "count": count,
            "fixable": fixable[code] == count,
            "fixable_count": fixable[code],
        }
        for (code, name), count in _counts(findings)
    ]
    return json.dumps(entries, indent=2) + "\n"


class Statistics:
    """Counts what it is told, and nothing more.

    Args:
        out: Where to.
        as_json: Whether for programs.
        is_file: Whether that is a file, and so has no colours.
    """

    def __init__(self, out: TextIO, *, as_json: bool, is_file: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._is_file = is_file
        self._findings: list[Finding] = []

    @property
    def talk(self) -> None:
        """It has no room for what was done."""

    def file(self, report: FileReport, plan: Plan) -> None:
        self._findings += plan.left

    def problem(self, problem: Problem) -> None:
        # Its line goes to standard error.
        return

    def finish(self, exit_code: int) -> None:
        if self._as_json:
            self._out.write(statistics_document(self._findings))
        else:
            Printer(self._out, is_file=self._is_file).lines(statistics_lines(self._findings))


def _counts(findings: Sequence[Finding]) -> list[tuple[tuple[str, str], int]]:
    counts = Counter((each.code, each.name) for each in findings)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _fixable(findings: Sequence[Finding]) -> Counter[str]:
    return Counter(each.code for each in findings if each.fix and each.fix.applicability in _WRITTEN)
