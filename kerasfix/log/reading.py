"""Reading a log: however big it is, whatever else stands in it, and however its lines were wrapped.

Colours, progress bars and the time at the start of a line are taken out; what cannot be decoded becomes a
question mark. The text goes through a window: a log of gigabytes needs no more memory than a small one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from kerasfix.log.messages import MESSAGES, Message, Topic, Variable, variables_in

_CHUNK = 1 << 20
# A message may reach this far behind its first word, and its traceback this far before it.
_REACH = 1 << 19
_BEFORE = 1 << 16
_AFTER = 2_000
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_LINE_ENDS = re.compile(r"\r\n?")
_TIME = re.compile(
    r"^[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[+-]\d\d:?\d\d|Z)?[\])]? *", re.M
)
# In a traceback Python shows the line that raises: these are the words in the source of Keras, not a message.
_QUOTED_SOURCE = re.compile(
    r"(?:\braise\s+\w+|\bwarn(?:ing)?)\(\s*[rf]*[\"'](?:[^\"'\n]{0,60}[\"']\s*[rf]*[\"'])?$"
)
_TRACEBACK = "Traceback (most recent call last)"
_FRAME = re.compile(
    r"File \"(?P<file>[^\"\n]+)\", line (?P<line>\d+), in (?P<function>[\w<>.]+)[ *]*\n"
    r"(?:[ \t]*(?P<code>\S[^\n]*))?"
    # IPython's way: `File ~/net.py:27, in Net.call(self, x, training)`
    r"|File (?P<file_2>[^\n\"]+?):(?P<line_2>\d+), in (?P<function_2>[\w<>.]+)\("
)
_CLASSES = re.compile(r"Exception encountered when calling (?:layer '[^']*' \(type (\w+)\)|([A-Za-z_]\w*)\.)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a traceback.

    Attributes:
        file: As the log has it, a path on the machine where the program ran.
        line: From 1.
        function: Its name, `<module>` outside of functions.
        code: The line of the source that Python shows with it; empty if it shows none.
    """

    file: str
    line: int
    function: str
    code: str


@dataclass
class Said:
    """A message in a log, once however often it is repeated.

    Attributes:
        message: Which one.
        text: As it stands there, on one line, shortened.
        variables: The variables that it names.
        layer: The layer that it names.
        callee: The function that refused an argument.
        classes: The classes whose calls it came through, the innermost first.
        frames: The traceback that led to it, the innermost last.
        count: How often it stands there.
    """

    message: Message
    text: str
    variables: tuple[Variable, ...] = ()
    layer: str = ""
    callee: str = ""
    classes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    count: int = 1

    @property
    def key(self) -> tuple[object, ...]:
        """What two messages have in common that are one."""
        return self.message.words, self.variables, self.layer, self.callee, self.classes


def read_log(stream: BinaryIO) -> list[Said]:
    """All messages of Keras in a log, in the order in which they first stand there."""
    collected = _Collected()
    for text in _texts(stream):
        collected.take(text)
    collected.end()
    return [said for _, said in sorted(collected.found.values(), key=lambda pair: pair[0])]


def _texts(stream: BinaryIO) -> Iterator[str]:
    """The text of a log in pieces of whole lines, without what only a terminal needs."""
    data = stream.read(_CHUNK)
    name = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    decoder = codecs.getincrementaldecoder(name)("replace")
    rest = ""
    while data:
        text = rest + decoder.decode(data)
        # A colour, or a time, must not be cut in two.
        end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        if end == 0 and len(text) > 4 * _CHUNK:
            end = len(text)
        yield _clean(text[:end])
        rest = text[end:]
        data = stream.read(_CHUNK)
    yield _clean(rest + decoder.decode(b"", True))


def _clean(text: str) -> str:
    text = _ESCAPES.sub("", text.replace("\b", "").replace("\0", ""))
    return _TIME.sub("", _LINE_ENDS.sub("\n", text))


@dataclass
class _Collected:
    """The messages found so far, and the end of the text, in which one may have begun."""

    found: dict[tuple[object, ...], tuple[int, Said]] = field(default_factory=dict)
    _window: str = ""
    _begin: int = 0
    _last: dict[str, int] = field(default_factory=dict)

    def take(self, text: str) -> None:
        """Look through some more text; what begins near its end waits for what follows."""
        self._window += text
        if len(self._window) > _REACH + _CHUNK:
            self._look(len(self._window) - _REACH)
            cut = max(len(self._window) - _REACH - _BEFORE, 0)
            self._window = self._window[cut:]
            self._begin += cut

    def end(self) -> None:
        self._look(len(self._window))

    def _look(self, until: int) -> None:
        squeezed = "".join(self._window.split())
        for message in MESSAGES:
            if message.sign not in squeezed:
                continue
            for match in message.pattern.finditer(self._window):
                place = self._begin + match.start()
                if match.start() >= until or place <= self._last.get(message.words, -1):
                    continue
                self._last[message.words] = place
                before = self._window[max(match.start() - _BEFORE, 0) : match.start()]
                if _QUOTED_SOURCE.search(before[-200:]) or _is_part(message, match, before):
                    continue
                after = self._window[match.end() : match.end() + _AFTER]
                self._add(place, _said(message, match, before, after))

    def _add(self, place: int, said: Said) -> None:
        first, known = self.found.setdefault(said.key, (place, said))
        if known is not said:
            known.count += 1
            known.frames = known.frames or said.frames
            self.found[said.key] = (min(first, place), known)


def _is_part(message: Message, match: re.Match[str], before: str) -> bool:
    """Whether a shorter message is a part of a longer one that is in the table as well."""
    return message.words.startswith("{g}ot an unexpected") and bool(
        re.search(r"[\w.<>]\(\)\s*$", before[-80:])
    )


def _said(message: Message, match: re.Match[str], before: str, after: str) -> Said:
    groups = match.groupdict()
    is_error = message.topic is not Topic.SOME_GRADIENTS
    close = before[-_AFTER:]
    start = close.rfind(_TRACEBACK)
    names = _CLASSES.findall(close[max(start, 0) :]) if is_error else []
    classes = dict.fromkeys(first or second for first, second in reversed(names))
    line = match.group().rstrip() + ("" if "variables" in groups else after.partition("\n")[0])
    return Said(
        message,
        _one_line(line),
        variables_in(groups.get("variables") or ""),
        groups.get("layer") or "",
        groups.get("callee") or "",
        tuple(classes),
        _frames(before) if is_error else (),
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."


def _frames(before: str) -> tuple[Frame, ...]:
    """The frames of the traceback that ends with the message."""
    start = before.rfind(_TRACEBACK)
    if start < 0:
        return ()
    matches = list(_FRAME.finditer(before, start))
    if not matches or len(before) - matches[-1].end() > _AFTER:
        # Another one, that came to its end long before.
        return ()
    return tuple(_frame(each) for each in matches)


def _frame(match: re.Match[str]) -> Frame:
    file, line = match["file"] or match["file_2"], match["line"] or match["line_2"]
    function = match["function"] or match["function_2"]
    return Frame(file, int(line), function.rpartition(".")[2], (match["code"] or "").strip())
