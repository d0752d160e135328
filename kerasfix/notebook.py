"""A Jupyter notebook as one Python source, and the way back into its cells.

The code cells are joined in their order, each followed by a line feed. What is no Python (magics, shell
lines, `?help`) is masked by something of the same length that is, so that no position moves. An edit goes
back into the strings of its cell, and all other bytes of the file stay as they are.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kerasfix.ipynb import Written, code_cells, content_of, decoded, language, lines_of
from kerasfix.magics import as_written, blank, masked
from kerasfix.source import Edit, Position, Source, SourceError, apply_edits, moved

# "line 7" in a sentence about this file; "line 7 of train.py" is about another one, and so may be
# `File "train.py", line 7`.
_LINE = re.compile(r"(?<!\", )\bline (\d+)(?! of )")
_LINES = re.compile(r"\blines ((?:\d+, )*\d+ and \d+)(?! of )")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        number: Its place among all cells, from 1.
        start: Where it begins in the joined text.
        text: What is written in it.
        masked: The same as Python.
        problem: Why it is no Python; empty if it is.
        problem_line: Where, from 1.
    """

    number: int
    start: int
    text: str
    masked: str
    problem: str = ""
    problem_line: int = 1

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def written(self, python: str) -> str:
        """Code of the joined text as it stands in this cell."""
        return as_written(python, self.masked, self.text)


class Cells:
    """The code cells of a notebook.

    Args:
        texts: What is written in them, each under its number.
        is_python: Whether that is Python.

    Attributes:
        text: The cells as one Python program.
        shown: The same with the magics that stand in it.
        cells: The cells.
        is_python: Whether they are Python.
    """

    def __init__(self, texts: Iterable[tuple[int, str]], *, is_python: bool = True) -> None:
        self.is_python = is_python
        self.cells: list[Cell] = []
        start = 0
        for number, text in texts:
            python, problem, line = masked(text) if is_python else (blank(text), "", 1)
            self.cells.append(Cell(number, start, text, python, problem, line))
            start += len(text) + 1
        self.text = "".join(f"{cell.masked}\n" for cell in self.cells)
        self.shown = "".join(f"{cell.text}\n" for cell in self.cells)

    @property
    def starts(self) -> list[int]:
        """Where the cells begin in the joined text."""
        return [cell.start for cell in self.cells]

    def broken(self) -> list[tuple[int, int, str]]:
        """The cells that are no Python, each with the line and the reason; they are left as they are."""
        return [(cell.number, cell.problem_line, cell.problem) for cell in self.cells if cell.problem]

    def after(self, *rounds: Sequence[Edit]) -> Rows:
        """Where the cells lie in the joined text once edits are made, one round of them after the other."""
        text, starts = self.shown, self.starts
        for edits in rounds:
            text, starts = apply_edits(text, edits), [moved(start, edits) for start in starts]
        return Rows(text, starts, [cell.number for cell in self.cells])

    def by_cell(self, edits: Sequence[Edit]) -> Iterator[tuple[Cell, list[Edit]]]:
        """The cells that edits change, each with the edits as they count in its own text.

        Raises:
            SourceError: if an edit reaches over the end of a cell, or into what is no Python.
        """
        found: dict[int, list[Edit]] = {}
        for edit in sorted(edits):
            index = bisect_right(self.starts, edit.start) - 1
            cell = self.cells[index]
            # The line feed behind a cell is not written in it.
            end = min(edit.end, cell.end) if edit.end == cell.end + 1 else edit.end
            start = min(edit.start, cell.end)
            start, end = start - cell.start, end - cell.start
            if end > len(cell.text) or cell.written(cell.masked[start:end]) != cell.text[start:end]:
                raise SourceError(f"a fix would change what is no Python in cell {cell.number}")
            found.setdefault(index, []).append(Edit(start, end, cell.written(edit.content)))
        for index, here in found.items():
            yield self.cells[index], here


class Notebook(Cells):
    """A notebook as it was read.

    Args:
        data: The bytes of the file.

    Attributes:
        file: The text of the file, which is JSON.

    Raises:
        NotANotebook: if the file is broken, or of a format or version that is not supported.
    """

    def __init__(self, data: bytes) -> None:
        text, self._encoding = decoded(data)
        content = content_of(text)
        self.file = Source(text)
        self._written = {each.number: each for each in code_cells(self.file.text, content["cells"])}
        super().__init__(
            ((number, each.text) for number, each in self._written.items()),
            is_python=language(content) in ("", "python", "ipython"),
        )

    def encode(self, edits: Sequence[Edit]) -> bytes:
        """The file with edits of the joined text made in its cells.

        Raises:
            SourceError: as `by_cell` does.
        """
        return self._encoding.encode(apply_edits(self.file.text, self.written(edits)))

    def written(self, edits: Sequence[Edit]) -> list[Edit]:
        """Edits of the joined text as edits of the text of the file, which replace whole strings of it.

        Raises:
            SourceError: as `by_cell` does.
        """
        changes: list[Edit] = []
        for cell, here in self.by_cell(edits):
            changes += self._rewritten(self._written[cell.number], apply_edits(cell.text, here))
        return changes

    def span(self, number: int, offset: int) -> tuple[int, int]:
        """Where a character of a cell stands in the text of the file; behind the last one, its last quote."""
        literals = self._written[number].literals
        for literal in literals:
            if offset < len(literal.value):
                return literal.span(self.file.text, offset)
            offset -= len(literal.value)
        return literals[-1].end - 1, literals[-1].end - 1

    def position(self, number: int, line: int) -> Position:
        """Where a line of a cell begins in the file."""
        starts = Source(self._written[number].text).line_starts
        return self.file.position(self.span(number, starts[min(line, len(starts)) - 1])[0])

    def _rewritten(self, cell: Written, text: str) -> list[Edit]:
        """The strings of a cell, as few of them as can be, so that they say a new text."""
        old = [each.value for each in cell.literals]
        new = lines_of(text) if cell.is_list else [text]
        if not old:
            return []
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        if head == len(old) == len(new):
            return []
        separator = self._separator(cell)
        gone, came = cell.literals[head : len(old) - tail], new[head : len(new) - tail]
        written = separator.join(self._dumped(cell, each) for each in came)
        if gone and came:
            return [Edit(gone[0].start, gone[-1].end, written)]
        if came:
            # In front of what follows, or behind the last one.
            if head < len(old):
                return [Edit(cell.literals[head].start, cell.literals[head].start, written + separator)]
            return [Edit(cell.literals[-1].end, cell.literals[-1].end, separator + written)]
        if head:
            return [Edit(cell.literals[head - 1].end, gone[-1].end, "")]
        end = cell.literals[len(gone)].start if tail else gone[-1].end
        return [Edit(gone[0].start, end, "")]

    def _separator(self, cell: Written) -> str:
        if len(cell.literals) > 1:
            return self.file.text[cell.literals[0].end : cell.literals[1].start]
        before = self.file.text[: cell.literals[0].start]
        space = before[len(before.rstrip(" \t\r\n")) :]
        return f",{space}" if space else ", "

    def _dumped(self, cell: Written, text: str) -> str:
        raw = self.file.text[cell.literals[0].start : cell.literals[-1].end]
        is_escaped = "\\u" in raw or self.file.text.isascii()
        return json.dumps(text, ensure_ascii=is_escaped)


@dataclass(frozen=True)
class Rows:
    """The joined text as people see it, and where its cells begin.

    Attributes:
        text: The text, magics and all.
        starts: The offset of each cell.
        numbers: The number of each cell in the notebook.
    """

    text: str
    starts: list[int]
    numbers: list[int]

    @cached_property
    def source(self) -> Source:
        """The text with its lines."""
        return Source(self.text)

    @cached_property
    def cells(self) -> Cells:
        """The cells as they are now."""
        ends = [*(start - 1 for start in self.starts[1:]), len(self.text) - 1]
        texts = (self.text[start:end] for start, end in zip(self.starts, ends, strict=True))
        return Cells(zip(self.numbers, texts, strict=True))

    def cell_at(self, offset: int) -> tuple[int, int]:
        """The number of the cell that an offset lies in, and the offset of its begin."""
        index = max(bisect_right(self.starts, offset) - 1, 0)
        return (self.numbers[index], self.starts[index]) if self.starts else (1, 0)

    def in_cell(self, line: int) -> tuple[int, int]:
        """The number of the cell that a line of the joined text stands in, and which line of it that is."""
        starts = self.source.line_starts
        number, start = self.cell_at(starts[min(line, len(starts)) - 1])
        return number, min(line, len(starts)) - self.source.position(start).line + 1

    def said(self, sentence: str) -> str:
        """A sentence about the notebook in which lines are told by cell; those of other files stay."""
        sentence = _LINES.sub(lambda found: re.sub(r"\d+", self._spelled, found[1]), sentence)
        return _LINE.sub(lambda found: self._spelled(re.match(r"\d+", found[1])), sentence)

    def _spelled(self, number: re.Match[str] | None) -> str:
        assert number is not None
        cell, line = self.in_cell(int(number.group()))
        return f"line {line} of cell {cell}"
