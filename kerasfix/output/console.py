"""Lines of styled text, in colour on a terminal and plain in a pipe.

rich is loaded only for a terminal: a pipe gets its lines without waiting for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# A piece of a line and its style in rich's words ("bold red"), or "".
Piece = tuple[str, str]
Line = list[Piece]


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

    def lines(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self.line(*line)

    def line(self, *pieces: Piece) -> None:
        if self._console is None:
            text = "".join(text for text, _ in pieces)
            encoding = self._stream.encoding or "utf-8"
            # A terminal that cannot show a character of the user's code gets a question mark, not a crash.
            self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            return
        from rich.text import Text

        self._console.print(Text.assemble(*pieces), soft_wrap=True)


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
