"""`--output-format concise`: one line a finding, `path:line:column: CODE message`, as ruff has it.

For editors, `grep` and `cut`: a line is a line whatever the file is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Applicability, Finding
from kerasfix.output import text
from kerasfix.output.console import Line, Printer
from kerasfix.output.formats import Asked
from kerasfix.output.told import Entry, Told, finding_entries, problem_entry
from kerasfix.output.views import View
from kerasfix.plan import Plan

# What would end the line, or move the cursor of a terminal.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Concise:
    """A line a finding, as soon as it is known.

    Args:
        asked: What to know of the run.
    """

    talk = None

    def __init__(self, asked: Asked) -> None:
        self._out = Printer(asked.stream, is_file=asked.is_file)
        self._told = Told((), asked.is_nameless)
        self._findings: list[Finding] = []
        self._files = 0
        self._problems = 0

    def file(self, report: FileReport, plan: Plan) -> None:
        self._files += 1
        self._findings += plan.left
        for entry in finding_entries(View(report, plan), plan):
            self._out.line(*self._line(entry))

    def problem(self, problem: Problem) -> None:
        self._problems += 1
        self._out.line(*self._line(problem_entry(problem)))

    def finish(self, exit_code: int) -> None:
        if self._files or not self._problems:
            self._out.lines(_summary(self._findings, self._files))

    def _line(self, entry: Entry) -> Line:
        # Ruff has a colon behind what is no rule.
        colon = "" if entry.finding is not None else ":"
        return [
            (f"{on_one_line(self._told.shown(entry.path))}:{entry.start}: ", "bold"),
            (f"{entry.code}{colon}", text.SEVERITY_STYLES[entry.severity]),
            (f" {on_one_line(entry.message)}", ""),
        ]


make = Concise


def on_one_line(sentence: str) -> str:
    """A text with its control characters spelled as Python spells them."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), sentence)


def _summary(findings: list[Finding], files: int) -> Iterator[Line]:
    if not findings:
        yield from text.summary_lines((), files, tried=False)
        return
    yield [(f"Found {text.counted(len(findings), 'fault')}.", "bold")]
    classes = [each.fix.applicability for each in findings if each.fix is not None]
    suggestions = classes.count(Applicability.SUGGESTION)
    written = len(classes) - suggestions
    asked = f"{text.counted(suggestions, 'suggestion')} with `--apply --suggestions`"
    if written:
        yield [(f"{written} fixable with `--apply`{f' ({asked})' if suggestions else ''}.", "")]
    elif suggestions:
        yield [(f"{asked}.", "")]
