"""What an editor has open: texts with their places, as editors count them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types

from kerasfix.engine import FileReport
from kerasfix.findings import Finding
from kerasfix.notebook import Cells
from kerasfix.source import Edit, Source

# How many units of the client's encoding a text takes: code units of UTF-16, bytes of UTF-8, or characters.
Units = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an editor: a file, or a cell of a notebook.

    Attributes:
        uri: What the client calls it.
        version: Which state of it this is; None if nobody has it open.
        source: What stands in it.
    """

    uri: str
    version: int | None
    source: Source

    def position(self, offset: int, units: Units) -> types.Position:
        """A place as the client counts it: from 0, columns in units of its encoding."""
        place = self.source.position(offset)
        before = self.source.line(place.line)[: place.column - 1]
        return types.Position(place.line - 1, units(before))

    def range(self, start: int, end: int, units: Units) -> types.Range:
        return types.Range(self.position(start, units), self.position(end, units))

    def offset(self, position: types.Position, units: Units) -> int:
        """The character at a place of the client's; of a line that it does not have, the end."""
        if position.line >= len(self.source.line_starts):
            return len(self.source.text)
        line = self.source.line(position.line + 1)
        column = 0
        while column < len(line) and units(line[:column]) < position.character:
            column += 1
        return self.source.line_starts[position.line] + column


@dataclass(frozen=True, slots=True)
class Document:
    """A file or a notebook that is open.

    Attributes:
        path: Its file; one that does not exist yet has a name in the folder of the project.
        texts: The text, or the code cells in their order.
        cells: Of a notebook, the cells as one program.
    """

    path: Path
    texts: tuple[Text, ...]
    cells: Cells | None = None

    @property
    def versions(self) -> tuple[int | None, ...]:
        return tuple(text.version for text in self.texts)

    def at(self, offset: int) -> tuple[Text, int]:
        """The text that a place of the whole program lies in, and the place in that text."""
        if self.cells is None:
            return self.texts[0], offset
        for cell, text in zip(reversed(self.cells.cells), reversed(self.texts), strict=True):
            if cell.start <= offset:
                return text, min(offset - cell.start, len(cell.text))
        return self.texts[0], 0

    def start_of(self, text: Text) -> int:
        """Where a text begins in the whole program."""
        if self.cells is None:
            return 0
        return self.cells.cells[self.texts.index(text)].start

    def span(self, start: int, end: int, units: Units) -> tuple[Text, types.Range]:
        """The text that a part of the program stands in, and its range there."""
        text, first = self.at(start)
        return text, text.range(first, max(first, min(end - start + first, len(text.source.text))), units)


@dataclass(slots=True)
class Checked:
    """What was found in a document.

    Attributes:
        document: The document as it was looked at.
        report: The same as the engine has it; None if it is no Python now.
        findings: The faults.
    """

    document: Document
    report: FileReport | None
    findings: Sequence[Finding] = field(default=())


def text_edits(document: Document, edits: Sequence[Edit], units: Units) -> dict[Text, list[types.TextEdit]]:
    """Edits of a whole program as edits of the texts that it stands in."""
    found: dict[Text, list[types.TextEdit]] = {}
    for edit in edits:
        text, range_ = document.span(edit.start, edit.end, units)
        found.setdefault(text, []).append(types.TextEdit(range_, edit.content))
    return found
