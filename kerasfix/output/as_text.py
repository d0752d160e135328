"""`--output-format text`: findings for people, a block each, and how many there are."""

from __future__ import annotations

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Finding
from kerasfix.output import text
from kerasfix.output.chain import ASCII, UNICODE
from kerasfix.output.console import Printer
from kerasfix.output.formats import Asked
from kerasfix.output.views import View
from kerasfix.plan import Plan


class Text:
    """For people.

    Args:
        asked: What to know of the run.
    """

    def __init__(self, asked: Asked) -> None:
        self.talk: Printer = Printer(asked.stream, is_file=asked.is_file)
        self._tried = asked.tried
        self._findings: list[Finding] = []
        self._files = 0
        self._files_with_faults = 0
        self._has_problem = False

    def file(self, report: FileReport, plan: Plan) -> None:
        self._findings += plan.left
        self._files += 1
        self._files_with_faults += bool(plan.left)
        view = View(report, plan)
        strokes = UNICODE if self.talk.is_terminal else ASCII
        for finding in plan.left:
            self.talk.lines(text.finding_lines(view, finding, strokes))

    def problem(self, problem: Problem) -> None:
        # Its line goes to standard error, whatever the format.
        self._has_problem = True

    def finish(self, exit_code: int) -> None:
        if self._files or not self._has_problem:
            files = self._files_with_faults or self._files
            self.talk.lines(text.summary_lines(self._findings, files, tried=self._tried))


make = Text
