"""A file as people see it once a plan is made: the places of its text, by cell and line in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kerasfix.engine import FileReport
from kerasfix.notebook import Notebook, Rows
from kerasfix.plan import Plan
from kerasfix.source import Edit, Position, Source

if TYPE_CHECKING:
    from kerasfix.analysis.silencers import Silencers


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
        rounds: The edits of the plan, if they were made one round after the other.
    """

    def __init__(
        self, report: FileReport, plan: Plan, rounds: Sequence[Sequence[Edit]] | None = None
    ) -> None:
        self.report = report
        self._plan = plan
        self._rounds = [plan.edits] if rounds is None else rounds

    @staticmethod
    def on_the_way(report: FileReport, source: Source) -> View:
        """A file as a plan that is being made has left it so far."""
        return View(report, Plan(report.text, source.text, (), (), ()), source.rounds)

    @property
    def has_findings(self) -> bool:
        """Whether anything is left in it."""
        return bool(self._plan.left)

    @cached_property
    def _rows(self) -> Rows | None:
        return self.report.notebook.after(*self._rounds) if self.report.notebook is not None else None

    def changes(self, edits: Sequence[Edit]) -> Iterator[tuple[int | None, str, Sequence[Edit]]]:
        """What edits of the text change: each cell with its number and text, or else the file as a whole.

        Raises:
            SourceError: if they would change what is no Python in a notebook.
        """
        if self._rows is None:
            yield None, self.source.text, sorted(edits)
            return
        for cell, here in self._rows.cells.by_cell(edits):
            yield cell.number, cell.text, here

    @cached_property
    def source(self) -> Source:
        """The text; of a notebook, with the magics that stand in it."""
        if self._rows is not None:
            return Source(self._rows.text, self.report.source.file)
        if self._plan.text == self.report.text:
            return self.report.source
        return Source(self._plan.text, self.report.source.file)

    @cached_property
    def book(self) -> Notebook | None:
        """The notebook as its file is after the plan; None for any other file."""
        if isinstance(self.report.notebook, Notebook):
            return Notebook(self.report.encoded(self._plan))
        return None

    def in_book(self, book: Notebook, start: int, end: int) -> tuple[Position, Position]:
        """Where a part of the text stands in the file of a notebook, whose lines are not the cells'."""
        assert self._rows is not None
        # The last character tells the end: behind it the string may end, and the next one be in another line.
        first, last = (
            book.span(number, offset - begin)
            for offset in (start, max(start, end - 1))
            for number, begin in [self._rows.cell_at(offset)]
        )
        return book.file.position(first[0]), book.file.position(last[end > start])

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

    @cached_property
    def _silencers(self) -> Silencers:
        from kerasfix.analysis.silencers import Silencers

        return Silencers(Source(self._plan.text, self.report.source.file))

    def comment_row(self, offset: int) -> int:
        """The line whose end is the place for a comment that silences what begins at an offset."""
        return self.place_of_line(self._silencers.row_for(offset)).line

    def position(self, offset: int) -> Position:
        """The place of a character as a position in its file or its cell."""
        place = self.place(offset)
        return Position(place.line, place.column)

    def said(self, sentence: str) -> str:
        """A sentence with the lines of this file that it names, told by cell in a notebook."""
        return sentence if self._rows is None else self._rows.said(sentence)
