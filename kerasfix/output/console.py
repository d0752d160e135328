"""Lines of styled text, in colour on a terminal and plain in a pipe.

rich is loaded only for a terminal: a pipe gets its lines without waiting for it.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# A piece of a line and its style in rich's words ("bold red"), or "".
Piece = tuple[str, str]
Line = list[Piece]

# What would end a line, or give orders to a terminal: a name of a file can hold anything.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

# A column of a table in a pipe is no wider: what is longer goes on in the next line.
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below their headings; all rows have as many cells as there are headings."""

    head: tuple[str, ...]
    rows: Sequence[tuple[Piece, ...]]


class Printer:
    """Writes lines to one stream.

    Args:
        stream: Where to.
        is_file: Whether that ends in a file, which gets no colour whatever people want on their screens.
    """

    def __init__(self, stream: TextIO, *, is_file: bool = False) -> None:
        self._stream = stream
        self._console = _console(stream) if not is_file and _wants_colour(stream) else None

    @property
    def is_terminal(self) -> bool:
        """Whether people look at it, and it can show more than ASCII."""
        return self._console is not None and "utf" in (self._stream.encoding or "").lower()

    def lines(self, lines: Iterable[Line | Table]) -> None:
        for line in lines:
            if isinstance(line, Table):
                self.table(line)
            else:
                self.line(*line)

    def table(self, table: Table) -> None:
        if self._console is None:
            for text in _aligned(table):
                self.line((text, ""))
            return
        from rich.padding import Padding
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(*table.head, box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for row in table.rows:
            drawn.add_row(*(Text(text, style) for text, style in row))
        self._console.print(Padding(drawn, (0, 0, 0, 2), expand=False))

    def line(self, *pieces: Piece) -> None:
        if self._console is None:
            text = spelled("".join(text for text, _ in pieces))
            encoding = self._stream.encoding or "utf-8"
            # A terminal that cannot show a character of the user's code gets a question mark, not a crash.
            self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            return
        from rich.text import Text

        self._console.print(
            Text.assemble(*((spelled(text), style) for text, style in pieces)), soft_wrap=True
        )

    def prompt(self, text: str) -> None:
        """Ask something, and stay on the line."""
        self._stream.write(text)
        self._stream.flush()


def spelled(text: str) -> str:
    """A text with its control characters, tabs aside, spelled as Python spells them."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _aligned(table: Table) -> Iterator[str]:
    """The lines of a table in plain text."""
    rows = [[_wrapped(text) for text in table.head]]
    rows += [[_wrapped(text) for text, _ in row] for row in table.rows]
    widths = [max(len(line) for cell in column for line in cell) for column in zip(*rows, strict=True)]
    for row in rows:
        for parts in zip_longest(*row, fillvalue=""):
            cells = (part.ljust(width) for part, width in zip(parts, widths, strict=True))
            yield ("  " + "  ".join(cells)).rstrip()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDEST) or [""]


def _wants_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, force_terminal=bool(os.environ.get("FORCE_COLOR")) or None)


def standard_output() -> Printer:
    return Printer(sys.stdout)


def standard_error() -> Printer:
    return Printer(sys.stderr)
