"""A file as people see it once a plan is made: the places of its text, by cell and line in a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from kerasfix.engine import FileReport
from kerasfix.notebook import Rows
from kerasfix.plan import Plan
from kerasfix.source import Position, Source

# "line 7" in a sentence about this file; "line 7 of train.py" is about another one.
_LINE = re.compile(r"\bline (\d+)(?! of )")
_LINES = re.compile(r"\blines ((?:\d+, )*\d+ and \d+)(?! of )")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Attributes:
        line: The line, from 1; of a notebook, in its cell.
        column: The column in characters, from 1.
        cell: Of a notebook, the number of the cell among all cells, from 1.
    """

    line: int
    column: int
    cell: int | None = None

    def __str__(self) -> str:
        return f"{'' if self.cell is None else f'cell {self.cell}:'}{self.line}:{self.column}"


class View:
    """The text of a file after a plan.

    Args:
        report: The file.
        plan: What was done, or nothing.
    """

    def __init__(self, report: FileReport, plan: Plan) -> None:
        self.report = report
        self._plan = plan

    @property
    def has_findings(self) -> bool:
        """Whether anything is left in it."""
        return bool(self._plan.left)

    @cached_property
    def _rows(self) -> Rows | None:
        return self.report.notebook.after(self._plan.edits) if self.report.notebook is not None else None

    @cached_property
    def source(self) -> Source:
        """The text; of a notebook, with the magics that stand in it."""
        if self._rows is not None:
            return Source(self._rows.text, self.report.source.file)
        if self._plan.text == self.report.text:
            return self.report.source
        return Source(self._plan.text, self.report.source.file)

    def place(self, offset: int) -> Place:
        """The place of a character of the text."""
        position = self.source.position(offset)
        if self._rows is None:
            return Place(position.line, position.column)
        number, start = self._rows.cell_at(offset)
        return Place(position.line - self.source.position(start).line + 1, position.column, number)

    def place_of_line(self, line: int) -> Place:
        """The begin of a line of the text."""
        return self.place(self.source.line_starts[min(line, len(self.source.line_starts)) - 1])

    def position(self, offset: int) -> Position:
        """The place of a character as a position in its file or its cell."""
        place = self.place(offset)
        return Position(place.line, place.column)

    def said(self, sentence: str) -> str:
        """A sentence with the lines of this file that it names, told by cell in a notebook."""
        if self._rows is None:
            return sentence
        sentence = _LINES.sub(lambda found: re.sub(r"\d+", self._spelled, found[1]), sentence)
        return _LINE.sub(lambda found: self._spelled(re.match(r"\d+", found[1])), sentence)

    def _spelled(self, number: re.Match[str] | None) -> str:
        assert number is not None
        place = self.place_of_line(int(number.group()))
        return f"line {place.line} of cell {place.cell}"
