"""What a run tells the formats that are no text for people: findings and problems as entries of one kind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Finding, Severity
from kerasfix.output.formats import Asked
from kerasfix.output.views import Place, View
from kerasfix.plan import Plan

#: The codes of problems, beside those of the rules: a place that Python names, or anything else.
INVALID_SYNTAX = "invalid-syntax"
FILE_ERROR = "file-error"
_STDIN = "-"
_START = Place(1, 1)
_HALF = re.compile("[\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding, or a problem in the shape of one.

    Attributes:
        path: The file as it was given.
        code: The rule, or the kind of problem.
        message: What is wrong, in one sentence.
        start: Where it begins.
        end: The place behind its last character.
        finding: The finding; None for a problem.
        view: The file that a finding is in.
    """

    path: Path
    code: str
    severity: Severity
    message: str
    start: Place
    end: Place
    finding: Finding | None = None
    view: View | None = None

    @property
    def hint(self) -> str:
        """What the fix does, or else how to mend it by hand; may be empty."""
        if self.finding is None or self.view is None:
            return ""
        fix = self.finding.fix
        sentence = self.finding.help if fix is None else f"{fix.message}. {fix.effect}".rstrip(" .")
        return text(self.view.said(sentence))


@dataclass(frozen=True, slots=True)
class Told:
    """A run that is over.

    Attributes:
        parts: What is left in each file, and what kept kerasfix from its work on one, in their order.
        is_nameless: Whether the source is standard input that was given no name.
        exit_code: What the command is about to return.
    """

    parts: Sequence[tuple[FileReport, Plan] | Problem]
    is_nameless: bool = False
    exit_code: int = 0

    def views(self) -> Iterator[View]:
        """The files that were looked at, as they are now."""
        for part in self.parts:
            if not isinstance(part, Problem):
                yield View(*part)

    def entries(self) -> Iterator[Entry]:
        for part in self.parts:
            if isinstance(part, Problem):
                yield problem_entry(part)
            else:
                yield from finding_entries(View(*part), part[1])

    def absolute(self, path: Path) -> str:
        """The absolute path as text."""
        return _STDIN if self.is_nameless else name(os.path.abspath(path))

    def shown(self, path: Path) -> str:
        """The path as it was given, as text."""
        return _STDIN if self.is_nameless else name(path.as_posix())


class Document:
    """A format that can only be written once all is known.

    Args:
        asked: What to know of the run.
        written: Makes the text of it.
    """

    talk = None

    def __init__(self, asked: Asked, written: Callable[[Told], str]) -> None:
        self._asked = asked
        self._written = written
        self._parts: list[tuple[FileReport, Plan] | Problem] = []

    def file(self, report: FileReport, plan: Plan) -> None:
        self._parts.append((report, plan))

    def problem(self, problem: Problem) -> None:
        self._parts.append(problem)

    def finish(self, exit_code: int) -> None:
        told = Told(self._parts, self._asked.is_nameless, exit_code)
        _write(self._asked.stream, self._written(told))


def finding_entries(view: View, plan: Plan) -> Iterator[Entry]:
    for finding in plan.left:
        start, end = view.place(finding.start), view.place(finding.end)
        message = text(view.said(finding.message))
        yield Entry(view.report.path, finding.code, finding.severity, message, start, end, finding, view)


def problem_entry(problem: Problem) -> Entry:
    place = _START
    if problem.line is not None:
        place = Place(problem.line, max(problem.column or 1, 1), problem.cell)
    code = FILE_ERROR if problem.line is None else INVALID_SYNTAX
    return Entry(problem.path, code, Severity.ERROR, text(problem.reason), place, place)


def name(path: str) -> str:
    """A path as text; bytes of it that are no text are replaced, because no document can say them."""
    return os.fsencode(path).decode("utf-8", "replace")


def text(sentence: str) -> str:
    """A sentence without the halves of characters that a string of somebody's code may hold."""
    return _HALF.sub("\ufffd", sentence)


def _write(stream: TextIO, content: str) -> None:
    # A locale that has no such character gets a question mark, not a crash.
    encoding = stream.encoding or "utf-8"
    stream.write(content.encode(encoding, "replace").decode(encoding))
