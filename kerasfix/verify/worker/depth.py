"""How far a call came before it raised: which of two failures is the nearer miss."""

from __future__ import annotations

import itertools
import linecache
import os
import re
import traceback
from dataclasses import dataclass, field
from types import CodeType

from .load import one_line

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_FRAMEWORKS = tuple(
    os.sep + part + os.sep for part in ("keras", "tf_keras", "tensorflow", "torch", "jax", "jaxlib", "numpy")
)
_LIBRARIES = os.sep + "site-packages"

# What comes of a change is tried before all else if the change brought the call farther, and late if it
# changed nothing: then it was made to the wrong input.
_FARTHER = -1.0
_NO_CHANGE = 3.0
_OTHER_NUMBERS = 0.2
_NUMBERS = re.compile(r"\d+")
_MOST_LINES = 60

Depth = tuple[int, ...]


@dataclass(frozen=True)
class Failure:
    """What an attempt raised.

    Attributes:
        depth: The lines of the user's code that were running, the outermost first: of two calls that take
            the same way, the one that came farther down has the greater.
        texts: What was running there, the innermost first.
    """

    message: str
    depth: Depth
    texts: tuple[str, ...] = field(default=(), compare=False)

    @staticmethod
    def of(error: BaseException) -> Failure:
        return Failure(one_line(error), depth_of(error), texts_of(error))


def progress(before: Failure | None, now: Failure) -> float:
    """What to add to the costs of what comes of an attempt that failed after another had."""
    if before is None:
        return 0.0
    if now.message == before.message:
        return _NO_CHANGE
    if now.depth > before.depth:
        return _FARTHER
    if _NUMBERS.sub("", now.message) == _NUMBERS.sub("", before.message):
        # The one size follows the other, and may do so for ever.
        return _OTHER_NUMBERS
    return _FARTHER if now.depth == before.depth else 0.0


def depth_of(error: BaseException) -> Depth:
    """The lines of code that is neither ours nor a framework's, the outermost first."""
    frames = traceback.walk_tb(error.__traceback__)
    return tuple(line for frame, line in frames if _is_users(frame.f_code.co_filename))


def texts_of(error: BaseException) -> tuple[str, ...]:
    """The user's code that was running, the innermost first.

    For each line the expression, if Python says which it was, what its names were bound to, and the line.
    """
    found: list[list[str]] = []
    trace = error.__traceback__
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        if _is_users(code.co_filename):
            whole = linecache.getline(code.co_filename, line).strip()
            narrow = _text_at(code, trace.tb_lasti) or whole
            found.append([narrow, *_bindings(code, line, narrow), whole])
        trace = trace.tb_next
    return tuple(dict.fromkeys(text for texts in reversed(found) for text in texts if text))


def _bindings(code: CodeType, line: int, text: str) -> list[str]:
    """What the lines above say that the names of an expression are."""
    first = max(code.co_firstlineno, line - _MOST_LINES)
    above = [linecache.getline(code.co_filename, number).strip() for number in range(line - 1, first, -1)]
    found = []
    for name in dict.fromkeys(re.findall(r"(?<![.\w])[A-Za-z_]\w*", text)):
        bound = (
            match for each in above if (match := re.match(rf"(?:{name} =|for\b.*\b{name}\b.* in) (.+)", each))
        )
        found += [match.group(1) for match in itertools.islice(bound, 1)]
    return found


def _text_at(code: CodeType, instruction: int) -> str:
    """The expression that an instruction belongs to; empty before Python 3.11."""
    places = list(code.co_positions()) if hasattr(code, "co_positions") else []
    first, last, start, end = places[instruction // 2] if places else (None, None, None, None)
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(code.co_filename, number) for number in range(first, last + 1)]
    # The columns count bytes.
    lines[-1] = lines[-1].encode()[:end].decode(errors="replace")
    lines[0] = lines[0].encode()[start:].decode(errors="replace")
    return "".join(lines).strip()


def _is_users(file: str) -> bool:
    if file.startswith((_HERE, "<frozen")):
        return False
    return not any(_LIBRARIES + part in file for part in _FRAMEWORKS)
