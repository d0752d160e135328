"""A Jupyter notebook as one Python source, and the way back into its cells.

The code cells are joined in their order, each followed by a line feed. What is no Python (magics, shell
lines, `?help`) is masked by something of the same length that is, so that no position moves. An edit goes
back into the strings of its cell, and all other bytes of the file stay as they are.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kerasfix.source import Edit, Encoding, SourceError, apply_edits

# Cell magics whose body is Python all the same; the body of any other one is another language, or a file.
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "heat"})
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# `%cd x`, `!pip install x`, `?model`, `model??`, `files = !ls`, `out = %timeit f()`.
_MAGIC = re.compile(r"[ \t]*(?:[%!?].*|[^#'\"]*\?{1,2}[ \t]*|[\w.,\[\] \t]+=[ \t]*[%!].*)$")
_ASSIGNED = re.compile(r"[^=]*=[ \t]*")
_SPACE = re.compile(r"[ \t\r\n]*")
_SILENCING = re.compile(r"noqa|kerasfix", re.IGNORECASE)
_DECODER = json.JSONDecoder()


class NotANotebook(SourceError):
    """A notebook that is none, or not one of ours; says why in one line."""


@dataclass(frozen=True, slots=True)
class _Literal:
    """A string of the file: its offsets there, quotes included, and what it says."""

    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        number: Its place among all cells, from 1.
        start: Where it begins in the joined text.
        text: What is written in it.
        masked: The same as Python.
        literals: The strings of the file that it is written in.
        is_list: Whether they are the elements of a list, one a line.
        problem: Why it is no Python; empty if it is.
        problem_line: Where, from 1.
    """

    number: int
    start: int
    text: str
    masked: str
    literals: tuple[_Literal, ...]
    is_list: bool
    problem: str = ""
    problem_line: int = 1

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Notebook:
    """A notebook as it was read.

    Args:
        data: The bytes of the file.

    Attributes:
        text: The code cells as one Python program.
        shown: The same with the magics that stand in it.
        cells: The code cells.
        is_python: Whether it says that its language is Python, or says nothing.

    Raises:
        NotANotebook: if the file is broken, or of a format or version that is not supported.
    """

    def __init__(self, data: bytes) -> None:
        self._json, self._encoding = _decoded(data)
        content = _content(self._json)
        self.is_python = _language(content) in ("", "python", "ipython")
        self.cells: list[Cell] = []
        start = 0
        for number, literals, is_list in _code_cells(self._json, content["cells"]):
            text = "".join(each.value for each in literals)
            masked, problem, line = _masked(text) if self.is_python else (_blank(text), "", 1)
            self.cells.append(Cell(number, start, text, masked, literals, is_list, problem, line))
            start += len(text) + 1
        self.text = "".join(f"{cell.masked}\n" for cell in self.cells)
        self.shown = "".join(f"{cell.text}\n" for cell in self.cells)

    def broken(self) -> list[tuple[int, int, str]]:
        """The cells that are no Python, each with the line and the reason; they are left as they are."""
        return [(cell.number, cell.problem_line, cell.problem) for cell in self.cells if cell.problem]

    def after(self, edits: Sequence[Edit]) -> Rows:
        """Where the cells lie in the joined text once edits are made."""
        starts = [self._moved(cell.start, edits) for cell in self.cells]
        return Rows(apply_edits(self.shown, edits), starts, [cell.number for cell in self.cells])

    def by_cell(self, edits: Sequence[Edit]) -> Iterator[tuple[Cell, list[Edit]]]:
        """The cells that edits change, each with the edits as they count in its own text.

        Raises:
            SourceError: if an edit reaches over the end of a cell, or into what is no Python.
        """
        found: dict[int, list[Edit]] = {}
        for edit in sorted(edits):
            index = bisect_right([cell.start for cell in self.cells], edit.start) - 1
            cell = self.cells[index]
            # The line feed behind a cell is not written in it.
            end = min(edit.end, cell.end) if edit.end == cell.end + 1 else edit.end
            start = min(edit.start, cell.end)
            if (
                end > cell.end
                or cell.masked[start - cell.start : end - cell.start]
                != (cell.text[start - cell.start : end - cell.start])
            ):
                raise SourceError(f"a fix would change what is no Python in cell {cell.number}")
            found.setdefault(index, []).append(Edit(start - cell.start, end - cell.start, edit.content))
        for index, here in found.items():
            yield self.cells[index], here

    def encode(self, edits: Sequence[Edit]) -> bytes:
        """The file with edits of the joined text made in its cells.

        Raises:
            SourceError: as `by_cell` does.
        """
        changes: list[Edit] = []
        for cell, here in self.by_cell(edits):
            changes += self._rewritten(cell, apply_edits(cell.text, here))
        return self._encoding.encode(apply_edits(self._json, changes))

    def _moved(self, place: int, edits: Sequence[Edit]) -> int:
        return place + sum(
            len(edit.content) - (edit.end - edit.start)
            for edit in edits
            if edit.end <= place and edit.start < place
        )

    def _rewritten(self, cell: Cell, text: str) -> list[Edit]:
        """The strings of a cell, as few of them as can be, so that they say a new text."""
        old = [each.value for each in cell.literals]
        new = _lines(text) if cell.is_list else [text]
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

    def _separator(self, cell: Cell) -> str:
        if len(cell.literals) > 1:
            return self._json[cell.literals[0].end : cell.literals[1].start]
        before = self._json[: cell.literals[0].start]
        space = before[len(before.rstrip(" \t\r\n")) :]
        return f",{space}" if space else ", "

    def _dumped(self, cell: Cell, text: str) -> str:
        raw = self._json[cell.literals[0].start : cell.literals[-1].end]
        is_escaped = "\\u" in raw or self._json.isascii()
        return json.dumps(text, ensure_ascii=is_escaped)


@dataclass(frozen=True, slots=True)
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

    def cell_at(self, offset: int) -> tuple[int, int]:
        """The number of the cell that an offset lies in, and the offset of its begin."""
        index = max(bisect_right(self.starts, offset) - 1, 0)
        return (self.numbers[index], self.starts[index]) if self.starts else (1, 0)


def _decoded(data: bytes) -> tuple[str, Encoding]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotANotebook(f"not a notebook: not valid utf-8: {error}") from None
    if b"\0" in data:
        raise NotANotebook("not a notebook: contains a null byte")
    bom = b"\xef\xbb\xbf"
    text = data.removeprefix(bom).decode("utf-8")
    return text, Encoding("utf-8", bom if data.startswith(bom) else b"")


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotANotebook(f"not a notebook: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise NotANotebook("not a notebook: nested too deeply") from None
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise NotANotebook("not a notebook: it does not say its nbformat")
    if content["nbformat"] < 4:
        raise NotANotebook(
            f"nbformat {content['nbformat']} is not supported; "
            "`jupyter nbconvert --to notebook --nbformat 4` makes a newer one of it"
        )
    if not isinstance(content.get("cells"), list):
        raise NotANotebook("not a notebook: it has no cells")
    return content


def _language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        part = metadata.get(place) if isinstance(metadata, dict) else None
        if isinstance(part, dict) and isinstance(part.get(key), str):
            return str(part[key]).lower()
    return ""


def _code_cells(text: str, cells: list[Any]) -> Iterator[tuple[int, tuple[_Literal, ...], bool]]:
    """The code cells: number, the strings that they are written in, and whether these stand in a list."""
    members = dict(_members(text, _begin(text, 0)))
    for number, (cell, start) in enumerate(zip(cells, _elements(text, members["cells"]), strict=True), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, str) and source:
            place = dict(_members(text, start))["source"]
            yield number, (_literal(text, place),), False
        elif isinstance(source, list) and all(isinstance(each, str) for each in source):
            place = dict(_members(text, start))["source"]
            yield number, tuple(_literal(text, each) for each in _elements(text, place)), True
        elif source:
            raise NotANotebook(f"not a notebook: the source of cell {number} is no text")


def _begin(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The keys of the object that begins at an offset, each with the offset of its value."""
    at = _begin(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        # Behind the colon.
        value = _begin(text, _begin(text, at) + 1)
        yield key, value
        _, at = _DECODER.raw_decode(text, value)
        at = _begin(text, at)
        if text[at] == ",":
            at = _begin(text, at + 1)


def _elements(text: str, at: int) -> Iterator[int]:
    """The offsets of the elements of the list that begins at an offset."""
    at = _begin(text, at + 1)
    while text[at] != "]":
        yield at
        _, at = _DECODER.raw_decode(text, at)
        at = _begin(text, at)
        if text[at] == ",":
            at = _begin(text, at + 1)


def _literal(text: str, at: int) -> _Literal:
    value, end = _DECODER.raw_decode(text, at)
    return _Literal(at, end, value)


def _lines(text: str) -> list[str]:
    """The lines of a cell as notebooks keep them: all but the last one end with a line feed."""
    lines = text.split("\n")
    kept = [f"{line}\n" for line in lines[:-1]]
    return [*kept, lines[-1]] if lines[-1] else kept


def _masked(text: str) -> tuple[str, str, int]:
    """A cell as Python of the same length; else as comments, with what is wrong with it and in which line."""
    found = _CELL_MAGIC.match(text)
    if found is not None and found[1] not in _PYTHON_CELLS:
        return _blank(text), "", 1
    lines = text.split("\n")
    if found is not None:
        number = text[: found.start(1)].count("\n")
        lines[number] = _mask(lines[number])
    left = len(lines)
    while True:
        error = _syntax_error("\n".join(lines))
        if error is None:
            return "\n".join(lines), "", 1
        magic = _magic_at(lines, (error.lineno or 1) - 1)
        if magic is None or left == 0:
            return _blank(text), f"syntax error: {error.msg}", error.lineno or 1
        left -= 1
        number = magic
        lines[number] = _mask(lines[number])
        while _continues(text, number) and number + 1 < len(lines):
            # A shell line that goes on in the next one.
            number += 1
            lines[number] = _blank(lines[number])


def _continues(text: str, number: int) -> bool:
    line = text.split("\n")[number].rstrip("\r")
    return line.endswith("\\")


def _magic_at(lines: list[str], number: int) -> int | None:
    """The line with a magic that an error is about: it stands in that line, or in one shortly before."""
    for each in range(min(number, len(lines) - 1), -1, -1):
        if _MAGIC.match(lines[each].rstrip("\r")) and lines[each].strip():
            return each
        if number - each > 3:
            break
    return None


def _syntax_error(text: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error) or "nested too deeply to parse")
    return None


def _mask(line: str) -> str:
    """A line of the same length that is Python and does nothing."""
    body = line.rstrip("\r")
    ending = line[len(body) :]
    indent = body[: len(body) - len(body.lstrip())]
    assigned = _ASSIGNED.match(body)
    if assigned is not None and body[assigned.end() : assigned.end() + 1] in ("%", "!"):
        indent = assigned.group()
    rest = body[len(indent) :]
    if not rest:
        return line
    return indent + "0" + ("#" + _muted(rest[2:]) if len(rest) > 1 else "") + ending


def _blank(text: str) -> str:
    """A text as comments of the same length."""
    return "\n".join("#" + _muted(line[1:]) if line.strip() else line for line in text.split("\n"))


def _muted(text: str) -> str:
    """A text without the words by which a comment silences: in a shell line they are not for Python."""
    return _SILENCING.sub(lambda found: "#" * len(found.group()), text)
