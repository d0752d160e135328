"""How findings leave the program: as text while a run goes on, or as one document at its end."""

from __future__ import annotations

from typing import Protocol, TextIO

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Finding
from kerasfix.output import text
from kerasfix.output.chain import ASCII, UNICODE
from kerasfix.output.console import Printer
from kerasfix.output.views import View
from kerasfix.plan import Plan


class Format(Protocol):
    """What is told of files and problems in the order of the run, and makes something to read of it."""

    def file(self, report: FileReport, plan: Plan) -> None:
        """What is left in a file; offsets count in the text of the plan."""

    def problem(self, problem: Problem) -> None:
        """Something that kept kerasfix from its work on one file."""

    def finish(self) -> None:
        """Nothing more comes."""


class Text:
    """For people: a block a finding, and how many there are.

    Args:
        out: Where to.
        tried: Whether suggestions were tried and those that are proved written.
    """

    def __init__(self, out: Printer, *, tried: bool) -> None:
        self._out = out
        self._tried = tried
        self._findings: list[Finding] = []
        self._files = 0
        self._files_with_faults = 0
        self._has_problem = False

    def file(self, report: FileReport, plan: Plan) -> None:
        self._findings += plan.left
        self._files += 1
        self._files_with_faults += bool(plan.left)
        view = View(report, plan)
        strokes = UNICODE if self._out.is_terminal else ASCII
        for finding in plan.left:
            self._out.lines(text.finding_lines(view, finding, strokes))

    def problem(self, problem: Problem) -> None:
        # Its line goes to standard error, whatever the format.
        self._has_problem = True

    def finish(self) -> None:
        if self._files or not self._has_problem:
            files = self._files_with_faults or self._files
            self._out.lines(text.summary_lines(self._findings, files, tried=self._tried))


class Json:
    """For programs: an array in the shape of ruff's.

    Args:
        out: Where to.
        is_nameless: Whether the source is standard input that was given no name.
    """

    def __init__(self, out: TextIO, *, is_nameless: bool) -> None:
        self._out = out
        self._is_nameless = is_nameless
        self._told: list[tuple[FileReport, Plan] | Problem] = []

    def file(self, report: FileReport, plan: Plan) -> None:
        self._told.append((report, plan))

    def problem(self, problem: Problem) -> None:
        self._told.append(problem)

    def finish(self) -> None:
        from kerasfix.output.as_json import document

        self._out.write(document(self._told, is_nameless=self._is_nameless))
