"""The unified diff of a file, written from its edits.

The edits already say what changed, so nothing has to be compared. Lines end at line feeds only, as git
counts them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from kerasfix.source import Edit

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file"
# What git puts in quotes, and how.
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r", "\a": "\\a", "\b": "\\b"}


@dataclass(slots=True)
class _Change:
    """Lines [start, end) of the old text, counted from 0, become `new`."""

    start: int
    end: int
    new: list[str]


def unified_diff(path: str, text: str, edits: Sequence[Edit]) -> str:
    """The diff of one file, with three lines of context, as `git apply` takes it.

    Args:
        path: The path as it shall stand in the diff, with forward slashes.
        text: The old text.
        edits: Sorted edits on it that do not touch each other.

    Returns:
        The diff; the empty text if nothing changes. Every line ends with a line feed, but lines of the file
        keep the carriage return that they have.
    """
    lines, starts = _split(text)
    changes = _merged(_changes(lines, starts, text, edits))
    if not changes:
        return ""
    out = [f"--- {_name('a/' + path)}\n", f"+++ {_name('b/' + path)}\n"]
    shift = 0
    for hunk in _hunks(changes):
        first = max(hunk[0].start - _CONTEXT, 0)
        last = min(hunk[-1].end + _CONTEXT, len(lines))
        grown = sum(len(change.new) - (change.end - change.start) for change in hunk)
        old, new = last - first, last - first + grown
        out.append(f"@@ -{_range(first, old)} +{_range(first + shift, new)} @@\n")
        out.extend(_body(lines, hunk, first, last))
        shift += grown
    return "".join(out)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    kept = [line + "\n" for line in lines[:-1]]
    return [*kept, lines[-1]] if lines[-1] else kept


@lru_cache(maxsize=1)
def _split(text: str) -> tuple[list[str], list[int]]:
    """The lines of a text and where each begins; a file is asked for them once a finding."""
    lines = _lines(text)
    return lines, [0, *accumulate(len(line) for line in lines)]


def _changes(lines: list[str], starts: list[int], text: str, edits: Sequence[Edit]) -> Iterator[_Change]:
    """Edits as replaced lines; edits that share a line become one change."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in edits:
        low = _line_of(starts, edit.start)
        high = max(_line_of(starts, edit.end - 1 if edit.end > edit.start else edit.end), low) + 1
        if edit.end > edit.start and text[edit.end - 1] == "\n" and not edit.content.endswith("\n"):
            # The line below moves up.
            high += 1
        high = min(high, len(lines))
        if groups and low < groups[-1][1]:
            first, last, group = groups.pop()
            groups.append((first, max(last, high), [*group, edit]))
        else:
            groups.append((low, high, [edit]))
    for low, high, group in groups:
        end = starts[high] if high < len(starts) else len(text)
        yield from _trimmed(low, lines[low:high], _rewritten(text, starts[low], end, group))


def _merged(changes: Iterable[_Change]) -> list[_Change]:
    """Changes of neighbouring lines as one: first all old lines, then all new ones."""
    merged: list[_Change] = []
    for change in changes:
        if merged and merged[-1].end == change.start:
            merged[-1] = _Change(merged[-1].start, change.end, [*merged[-1].new, *change.new])
        else:
            merged.append(change)
    return merged


def _line_of(starts: list[int], offset: int) -> int:
    """The line that holds a character; the end of the text belongs to the last line."""
    return max(min(bisect_right(starts, offset) - 1, len(starts) - 2), 0)


def _rewritten(text: str, start: int, end: int, edits: list[Edit]) -> list[str]:
    pieces: list[str] = []
    done = start
    for edit in edits:
        pieces += (text[done : edit.start], edit.content)
        done = edit.end
    return _lines("".join([*pieces, text[done:end]]))


def _trimmed(start: int, old: list[str], new: list[str]) -> Iterator[_Change]:
    """The change without the lines that are the same at both ends."""
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    limit -= head
    tail = next((i for i in range(limit) if old[-1 - i] != new[-1 - i]), limit)
    if head + tail < max(len(old), len(new)):
        yield _Change(start + head, start + len(old) - tail, new[head : len(new) - tail])


def _hunks(changes: list[_Change]) -> Iterator[list[_Change]]:
    """Changes whose context meets stand in one hunk."""
    hunk: list[_Change] = []
    for change in changes:
        if hunk and change.start - hunk[-1].end > 2 * _CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    yield hunk


def _body(lines: list[str], hunk: list[_Change], first: int, last: int) -> Iterator[str]:
    position = first
    for change in hunk:
        yield from _marked(" ", lines[position : change.start])
        yield from _marked("-", lines[change.start : change.end])
        yield from _marked("+", change.new)
        position = change.end
    yield from _marked(" ", lines[position:last])


def _marked(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield sign + line if line.endswith("\n") else f"{sign}{line}\n{_NO_NEWLINE}\n"


def _range(first: int, count: int) -> str:
    """`start,count` as diff counts: from 1, and an empty range names the line before it."""
    start = first + 1 if count else first
    return f"{start}" if count == 1 else f"{start},{count}"


def _name(path: str) -> str:
    if any(character in _ESCAPES or ord(character) < 32 or ord(character) == 127 for character in path):
        escaped = "".join(_ESCAPES.get(each) or _octal(each) for each in path)
        return f'"{escaped}"'
    # A tab ends a name that has a space in it.
    return f"{path}\t" if " " in path else path


def _octal(character: str) -> str:
    code = ord(character)
    return f"\\{code:03o}" if code < 32 or code == 127 else character
