"""Comments that silence findings: `noqa: KF103`, `kerasfix: ignore[KF103] reason`, `kerasfix: ignore-file`.

Comments are told by the tokenizer, so that a string which says "noqa" is a string. A text without the words
is not even tokenized.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from kerasfix.source import Edit, Source

_WORDS = ("noqa", "kerasfix", "NOQA", "NoQA", "Noqa")
# The code of the rule that reports unused ones; a comment that names it is never reported.
OWN_CODE = "KF000"
_OURS = re.compile(r"KF\d*", re.IGNORECASE)
# As ruff reads it: a colon with nothing behind it that is a code makes it no silencer at all.
_NOQA = re.compile(
    r"#\s*(?i:noqa)(?:(?P<colon>\s*:\s*)(?P<codes>{code}(?:(?:\s*,\s*|\s+){code})*)?|(?![\w:-]))".format(
        code=r"(?:[A-Z]+\d+|(?i:KF\d+))(?![\w-])"
    )
)
_IGNORE = re.compile(r"#\s*kerasfix\s*:\s*(?P<word>ignore-file|ignore)\b(?!-)\s*(?:\[(?P<codes>[^\]#]*)\])?")
_CODE = re.compile(r"[^\s,]+")
_SPACE = " \t\f"


class Reach(Enum):
    """What a silencer is written for."""

    LINE = "line"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Code:
    """A code that a silencer names, and where."""

    text: str
    start: int
    end: int

    @property
    def is_ours(self) -> bool:
        """Whether it is kerasfix' to judge; `# noqa: F401` serves another tool."""
        return _OURS.fullmatch(self.text) is not None

    def covers(self, code: str) -> bool:
        return code.startswith(self.text.upper())


@dataclass(frozen=True, slots=True)
class Silencer:
    """One comment that silences, or a part of one.

    Attributes:
        reach: How far it goes.
        row: The line that it stands in, from 1.
        codes: The codes that it names; none for all.
        start: The offset of its `#`.
        end: The offset behind it, its reason included.
        is_noqa: Whether other tools read it too.
        counts: Whether it stands where it has an effect.
    """

    reach: Reach
    row: int
    codes: tuple[Code, ...]
    start: int
    end: int
    is_noqa: bool
    counts: bool = True

    @property
    def names_own_code(self) -> bool:
        return any(each.text.upper() == OWN_CODE for each in self.codes)


@dataclass(frozen=True, slots=True)
class Unused:
    """A silencer, or some of its codes, that silenced nothing.

    Attributes:
        silencer: The comment.
        codes: The codes of it that are too much.
        is_whole: Whether nothing of it is left without them.
    """

    silencer: Silencer
    codes: tuple[Code, ...]
    is_whole: bool


class Silencers:
    """The silencers of one text, and what they silenced.

    Args:
        source: The text.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._used: set[tuple[Silencer, Code | None]] = set()
        # Until somebody says which rules ran, no silencer can be called useless.
        self._ran: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset({OWN_CODE})

    def settle(self, ran: Iterable[str], known: Iterable[str]) -> None:
        """Tell it that all findings were shown to `silence`.

        Args:
            ran: The codes of the rules that looked at the text.
            known: The codes of all rules there are.
        """
        self._ran, self._known = frozenset(ran), frozenset(known) - {OWN_CODE}

    @cached_property
    def all(self) -> tuple[Silencer, ...]:
        """The silencers, in the order of the text."""
        if not any(word in self._source.text for word in _WORDS):
            return ()
        return tuple(self._read())

    def silence(self, code: str, start: int) -> bool:
        """Whether a finding that begins at an offset is silenced; whatever does so is used from now on."""
        if not self.all:
            return False
        rows = {self._source.position(start).line, *self._lines.rows_for(start)}
        is_silenced = False
        for each in self.all:
            if not each.counts or (each.reach is Reach.LINE and each.row not in rows):
                continue
            if not each.codes:
                self._used.add((each, None))
                is_silenced = True
            for named in each.codes:
                if named.covers(code):
                    self._used.add((each, named))
                    is_silenced = True
        return is_silenced

    def unused(self) -> Iterator[Unused]:
        """The silencers that silenced nothing, as far as the rules that ran can tell."""
        for each in self.all:
            if each.names_own_code:
                continue
            if each.codes:
                useless = tuple(self._useless(each))
                if useless:
                    yield Unused(each, useless, is_whole=len(useless) == len(each.codes))
            # One without codes may be for another tool; only what is kerasfix' alone can be judged.
            elif not each.is_noqa and self._known <= self._ran and (each, None) not in self._used:
                yield Unused(each, (), is_whole=True)

    def exists(self, code: Code) -> bool:
        """Whether there is a rule that a code stands for."""
        return any(code.covers(each) for each in self._known)

    def _useless(self, silencer: Silencer) -> Iterator[Code]:
        seen: set[str] = set()
        for named in silencer.codes:
            is_repeated = named.text.upper() in seen
            seen.add(named.text.upper())
            if silencer.is_noqa and not named.is_ours:
                continue
            is_judged = {code for code in self._known if named.covers(code)} <= self._ran
            if is_judged and (is_repeated or (silencer, named) not in self._used):
                yield named

    def row_for(self, start: int) -> int:
        """The line whose end is the place for a comment about what begins at an offset, from 1."""
        return self._lines.rows_for(start)[0]

    def removed(self, unused: Unused) -> tuple[Edit, ...]:
        """Edits that take away what is unused, with the space that it leaves behind."""
        silencer, source = unused.silencer, self._source
        if not unused.is_whole:
            return tuple(self._without(silencer.codes, frozenset(unused.codes)))
        line_start = source.line_starts[silencer.row - 1]
        line_end = line_start + len(source.line(silencer.row))
        before = source.text[line_start : silencer.start]
        after = source.text[silencer.end : line_end]
        rest = after.lstrip(_SPACE)
        if rest:
            # A `type: ignore` goes on; what is no comment by itself becomes one.
            end = line_end - len(rest)
            return (Edit(silencer.start, end, "" if rest.startswith("#") else "# ", source.file),)
        if before.strip(_SPACE):
            kept = len(before.rstrip(_SPACE))
            return (Edit(line_start + kept, line_end, "", source.file),)
        # A line of its own goes with its ending, the last line of a text with the one before it.
        if silencer.row < len(source.line_starts):
            return (Edit(line_start, source.line_starts[silencer.row], "", source.file),)
        return (Edit(line_start, line_end, "", source.file),)

    def _without(self, codes: tuple[Code, ...], gone: frozenset[Code]) -> Iterator[Edit]:
        """Edits that take codes out of a list, each with the comma that led to it."""
        first_kept = next(index for index, each in enumerate(codes) if each not in gone)
        if first_kept:
            yield Edit(codes[0].start, codes[first_kept].start, "", self._source.file)
        for before, each in zip(codes[first_kept:], codes[first_kept + 1 :], strict=False):
            if each in gone:
                yield Edit(before.end, each.end, "", self._source.file)

    @cached_property
    def _lines(self) -> _Lines:
        return _Lines(self._source)

    def _read(self) -> Iterator[Silencer]:
        for row, column, text in self._lines.comments:
            start = self._source.line_starts[row - 1] + column
            for found in _NOQA.finditer(text):
                if found["colon"] is None or found["codes"] is not None:
                    codes = _codes(found, start)
                    yield Silencer(
                        Reach.LINE, row, codes, start + found.start(), start + found.end(), is_noqa=True
                    )
            for found in _IGNORE.finditer(text):
                codes = _codes(found, start)
                if found["codes"] is not None and not codes:
                    # Empty brackets name nothing, and so silence nothing.
                    continue
                reach = Reach.FILE if found["word"] == "ignore-file" else Reach.LINE
                # Up to the next comment in the same line all is its reason.
                reason = text.find("#", found.end())
                end = len(text.rstrip()) if reason < 0 else reason
                counts = reach is Reach.LINE or row < self._lines.first_code
                yield Silencer(
                    reach, row, codes, start + found.start(), start + end, is_noqa=False, counts=counts
                )


def _codes(found: re.Match[str], start: int) -> tuple[Code, ...]:
    if found["codes"] is None:
        return ()
    first = start + found.start("codes")
    return tuple(
        Code(each.group(), first + each.start(), first + each.end())
        for each in _CODE.finditer(found["codes"])
    )


class _Lines:
    """What the tokenizer knows of the lines of a text.

    Attributes:
        comments: Row (from 1), column and text of each comment.
        first_code: The row of the first statement; the text of a module's documentation is none.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.comments: list[tuple[int, int, str]] = []
        self.first_code = len(source.line_starts) + 1
        # Rows that end in the middle of a string, and the last row of the statement that a row is part of.
        self._inside: set[int] = set()
        self._last: dict[int, int] = {}
        self._learn()

    def rows_for(self, start: int) -> tuple[int, int]:
        """Two rows where a comment is about what begins at an offset: the first line that can have one, and
        the last line of the statement.
        """
        row = self._source.position(start).line
        last = self._last.get(row, row)
        commented = {row for row, _, _ in self.comments}
        place = row
        while place < last and (
            place in self._inside
            or (place not in commented and self._source.line(place).rstrip(_SPACE).endswith("\\"))
        ):
            place += 1
        return place, last

    def _learn(self) -> None:
        begin: int | None = None
        strings: list[int] = []
        is_first, is_text_alone = True, True
        for token in _tokens(self._source):
            name = tokenize.tok_name[token.type]
            row, end = token.start[0], token.end[0]
            if name == "COMMENT":
                self.comments.append((row, token.start[1], token.string))
                continue
            if name in ("NL", "ENCODING", "INDENT", "DEDENT", "ENDMARKER"):
                continue
            begin = row if begin is None else begin
            if name == "NEWLINE":
                self._last.update(dict.fromkeys(range(begin, end + 1), row))
                if is_first and not is_text_alone:
                    self.first_code = min(self.first_code, begin)
                is_first, begin, is_text_alone = is_first and is_text_alone, None, True
                continue
            is_text_alone = is_text_alone and name == "STRING"
            if name.endswith("STRING_START"):
                strings.append(row)
            elif name.endswith("STRING_END"):
                self._inside.update(range(strings.pop(), end))
            elif name == "STRING":
                self._inside.update(range(row, end))
        if is_first and begin is not None and not is_text_alone:
            self.first_code = min(self.first_code, begin)


def _tokens(source: Source) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a text; what comes behind something that is none is left out."""
    rows = iter(range(1, len(source.line_starts) + 1))

    def readline() -> str:
        number = next(rows, None)
        if number is None:
            return ""
        line = source.line(number)
        # Whatever ends a line in the file, the tokenizer is to see one ending.
        return f"{line}\n" if number < len(source.line_starts) else line

    read: Callable[[], str] = readline
    try:
        yield from tokenize.generate_tokens(read)
    except (tokenize.TokenError, SyntaxError):
        return
