"""The file of a notebook: which strings of its JSON hold the code, and where their characters stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kerasfix.source import Encoding, SourceError

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
# How a string of JSON says one character: two halves of one belong together, as Python reads them.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)


class NotANotebook(SourceError):
    """A notebook that is none, or not one of ours; says why in one line."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string of the file: its offsets there, quotes included, and what it says."""

    start: int
    end: int
    value: str

    def span(self, text: str, index: int) -> tuple[int, int]:
        """Where a character of what it says stands in the file, and where that ends."""
        start, end = self.start, self.start + 1
        for _ in range(index + 1):
            found = _CHARACTER.match(text, end)
            assert found is not None
            start, end = found.span()
        return start, end


@dataclass(frozen=True, slots=True)
class Written:
    """The strings of the file that a cell is written in; in a list they are one a line."""

    number: int
    literals: tuple[Literal, ...]
    is_list: bool

    @property
    def text(self) -> str:
        return "".join(each.value for each in self.literals)


def decoded(data: bytes) -> tuple[str, Encoding]:
    """The text of a file, and the way back to its bytes."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotANotebook(f"not a notebook: not valid utf-8: {error}") from None
    if b"\0" in data:
        raise NotANotebook("not a notebook: contains a null byte")
    bom = b"\xef\xbb\xbf"
    text = data.removeprefix(bom).decode("utf-8")
    return text, Encoding("utf-8", bom if data.startswith(bom) else b"")


def content_of(text: str) -> dict[str, Any]:
    """What the JSON of a file says, if it is a notebook."""
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


def language(content: dict[str, Any]) -> str:
    """The language that a notebook says it is in, in lower case; empty if it does not say."""
    metadata = content.get("metadata")
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        part = metadata.get(place) if isinstance(metadata, dict) else None
        if isinstance(part, dict) and isinstance(part.get(key), str):
            return str(part[key]).lower()
    return ""


def code_cells(text: str, cells: list[Any]) -> Iterator[Written]:
    """The code cells of a file, in their order."""
    members = dict(_members(text, _begin(text, 0)))
    for number, (cell, start) in enumerate(zip(cells, _elements(text, members["cells"]), strict=True), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, str) and "source" in cell:
            # Empty ones too, so that a fix that takes a cell's last line leaves as many cells as there were.
            place = dict(_members(text, start))["source"]
            yield Written(number, (_literal(text, place),), False)
        elif isinstance(source, list) and all(isinstance(each, str) for each in source):
            place = dict(_members(text, start))["source"]
            yield Written(number, tuple(_literal(text, each) for each in _elements(text, place)), True)
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


def _literal(text: str, at: int) -> Literal:
    value, end = _DECODER.raw_decode(text, at)
    return Literal(at, end, value)


def lines_of(text: str) -> list[str]:
    """The lines of a cell as notebooks keep them: all but the last one end with a line feed."""
    lines = text.split("\n")
    kept = [f"{line}\n" for line in lines[:-1]]
    return [*kept, lines[-1]] if lines[-1] else kept
