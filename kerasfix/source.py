"""A source text with its positions, and edits on it.

Three ways to count columns meet here: `ast` counts UTF-8 bytes, people and editors count characters,
and edits are spans of the text as a whole. Everything inside kerasfix is an offset in characters;
the other two are made at the borders.
"""

from __future__ import annotations

import ast
import codecs
import contextlib
import io
import re
import sys
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

# Python ends lines at these three and nowhere else; str.splitlines knows eight more.
# What an edit is written in; an encoding that spells it otherwise (UTF-7) is no good for edits.
_ASCII = "".join(map(chr, range(32, 127)))
_NEWLINE = re.compile(r"\r\n|\r|\n")


class SourceError(Exception):
    """A file that cannot be read as Python; says where and why in one line."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, order=True, slots=True)
class Edit:
    """Replace the characters `start:end` of a source text by `content`.

    `file` is the `Source.file` of that text.
    """

    start: int
    end: int
    content: str
    file: str = ""

    def touches(self, other: Edit) -> bool:
        """Whether the two cannot both be made: they share text, or insert at the same place."""
        if self.file != other.file:
            return False
        if self.start == self.end == other.start == other.end:
            return True
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text: 1-based line, 1-based column in characters."""

    line: int
    column: int


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all `edits` made; they must not touch each other."""
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits):
        if edit.start < done:
            raise ValueError(f"edits overlap at character {edit.start}")
        pieces += (text[done : edit.start], edit.content)
        done = edit.end
    pieces.append(text[done:])
    return "".join(pieces)


def moved(place: int, edits: Iterable[Edit]) -> int:
    """Where the begin of a part of a text lies once edits are made."""
    return place + sum(
        len(edit.content) - (edit.end - edit.start)
        for edit in edits
        if edit.end <= place and edit.start < place
    )


class Source:
    """One Python text, parsed at most once.

    Args:
        text: The program, without a byte order mark, newlines as they are in the file.
        file: The absolute path of the file; "" for a text that is none.
        cells: Of a notebook, where its cells begin in the text. People run them one by one, look at what they
            give, and run them again or leave them out.

    Attributes:
        rounds: The edits that led here, round by round, each counted in the text that the one before left.
    """

    def __init__(self, text: str, file: str = "", cells: Sequence[int] = ()) -> None:
        self.text = text
        self.file = file
        self.cells = cells
        self.rounds: tuple[Sequence[Edit], ...] = ()

    def edited(self, edits: Sequence[Edit]) -> Source:
        """The source with edits made in it."""
        cells = [moved(start, edits) for start in self.cells]
        new = Source(apply_edits(self.text, edits), self.file, cells)
        new.rounds = (*self.rounds, edits)
        return new

    def cell_of(self, node: ast.stmt) -> int | None:
        """Which cell of a notebook a statement stands in, by its place among the cells; else None."""
        return bisect_right(self.cells, self.line_starts[node.lineno - 1]) if self.cells else None

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    @property
    def data(self) -> bytes:
        """The text as bytes, whatever characters are in it."""
        return self.text.encode("utf-8", "surrogatepass")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree.

        Raises:
            SourceError: if the text is not a Python program for this interpreter.
        """
        try:
            with warnings.catch_warnings():
                # An invalid escape in the user's file is the user's business, not our output's.
                warnings.simplefilter("ignore")
                return ast.parse(self.text)
        except SyntaxError as error:
            newer = "" if "too many" in str(error.msg) else self._for_newer(error.lineno)
            reason = f"syntax error: {error.msg}{newer}"
            raise SourceError(reason, error.lineno, error.offset) from None
        except ValueError as error:
            raise SourceError(f"not Python: {error}") from None
        except RecursionError:
            raise SourceError("nested too deeply to parse") from None
        except MemoryError:
            # Python's parser says it for both.
            raise SourceError("nested too deeply to parse, or too large for the memory") from None

    def _for_newer(self, line: int | None) -> str:
        from kerasfix.newer import needs

        known = line is not None and 1 <= line <= len(self.line_starts)
        version = needs(self.line(line)) if known and line is not None else ""
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return f" (for Python {version} or newer; kerasfix runs on {here} here)" if version else ""

    @cached_property
    def newline(self) -> str:
        """The line ending of this text: that of its first line, or a line feed."""
        match = _NEWLINE.search(self.text)
        return match.group() if match else "\n"

    def line(self, number: int) -> str:
        """Line `number` (1-based) without its ending."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def offset(self, line: int, utf8_column: int) -> int:
        """The character offset of a place that `ast` names (1-based line, 0-based UTF-8 column)."""
        start = self.line_starts[line - 1]
        prefix = self.text[start : start + utf8_column]
        if prefix.isascii():
            return start + utf8_column
        encoded = prefix.encode("utf-8", "surrogatepass")[:utf8_column]
        return start + len(encoded.decode("utf-8", "surrogatepass"))

    def position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> tuple[int, int]:
        """The character offsets `(start, end)` of a node of `tree`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def segment(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> str:
        start, end = self.span(node)
        return self.text[start:end]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes became text, so that the way back gives the same bytes."""

    name: str
    bom: bytes = b""

    def encode(self, text: str) -> bytes:
        return self.bom + text.encode(self.name)


def size_of(sources: Mapping[str, Source]) -> int:
    """How much text there is, in characters."""
    return sum(len(source.text) for source in sources.values())


def decode(data: bytes) -> tuple[str, Encoding]:
    """Read bytes as Python would: byte order mark, then coding cookie, then UTF-8.

    Raises:
        SourceError: for binary files, unknown encodings, bytes that the encoding does not allow, and
            encodings that would not give the same bytes back.
    """
    if b"\0" in data:
        raise SourceError("binary file (contains a null byte)")
    second_line = data.find(b"\n") + 1
    if not data.startswith(codecs.BOM_UTF8) and b"coding" not in data[: data.find(b"\n", second_line)]:
        # Nearly every file has no cookie in its first two lines. What is UTF-8 gives the same bytes back.
        with contextlib.suppress(UnicodeError):
            return data.decode("utf-8"), Encoding("utf-8")
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise SourceError(str(error.msg)) from None
    encoding = Encoding("utf-8" if bom else name, bom)
    body = data[len(bom) :]
    try:
        text = body.decode(encoding.name)
        if encoding.encode(text) != data or _ASCII.encode(encoding.name) != _ASCII.encode("ascii"):
            raise SourceError(f"does not survive a round trip through {encoding.name}")
    except UnicodeError as error:
        raise SourceError(f"not valid {encoding.name}: {error}") from None
    except LookupError as error:
        raise SourceError(f"unknown encoding: {error}") from None
    return text, encoding
