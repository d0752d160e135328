"""From the sliced source to a class, and from the class to an instance."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from .program import Program

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WRAPPED = re.compile(
    r"^(?:Exception|Error) encountered(?: when calling .*?)?[.:]\s*\n+(.*?)(?:\n\s*\n|$)", re.DOTALL
)
_PARAGRAPH = re.compile(r"\n\s*\n")
_ERROR_LINE = re.compile(r"^\s*\w+(?:Error|Exception): ", re.MULTILINE)
# Names of graph nodes and kernels in TensorFlow's messages, of traced functions in JAX'.
_GRAPH_NOISE = re.compile(
    r"\{\{.*?\}\}|\[Op:\w+\]( name:.*)?$|The error occurred while tracing the function [\s\S]*"
)
_LONGEST_MESSAGE = 300


class Refused(Exception):
    """The model cannot be driven; `settings` are the lines of configuration that would help."""

    def __init__(self, what: str, reason: str, settings: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.what = what
        self.reason = reason
        self.settings = settings


def load_class(program: Program, place: str, name: str) -> type:
    """Run the definitions and give the class.

    The code carries the user's file names, so that tracebacks and `inspect.getsource` show the user's lines.
    Annotations are not evaluated: names that only they use may be missing.

    Raises:
        Refused: if it needs what is not there.
    """
    cls = program.class_named(place, name)
    if cls is None and (reason := program.reason_for(name, place)) is not None:
        raise Refused("import", _said(reason))
    if not isinstance(cls, type):
        raise Refused("import", f"{name} is not a class after its file's definitions have run")
    return cls


def refuse_what_is_lacking(program: Program, messages: Iterable[str]) -> None:
    """A model that raises for want of what is not in its slice has not shown anything.

    Raises:
        Refused: if one of the messages says so.
    """
    for message in messages:
        reason = program.lacking(message)
        if reason is not None:
            raise Refused("import", _said(reason))


def _said(reason: str) -> str:
    if reason.startswith("it needs"):
        return reason
    return f"it imports something that this Python does not have: {reason}"


def one_line(error: BaseException) -> str:
    """Like "ValueError: what went wrong", without colours and without what Keras wraps around it."""
    # A `KeyError` shows what it holds as code: not so what is told in several lines.
    told = [item for item in error.args[:1] if isinstance(error, KeyError) and "\n" in str(item)]
    text = _ANSI.sub("", str(told[0] if told else error)).strip()
    # While shapes are inferred (Keras 3) or a graph is traced (Keras 2), what matters stands at the end.
    text = text.rpartition("Error encountered:")[2].strip() or text
    if "in user code:" in text:
        text = _PARAGRAPH.split(_ERROR_LINE.split(text)[-1].strip())[0]
    wrapped = _WRAPPED.search(text)
    if wrapped:
        text = wrapped.group(1)
    line = " ".join(_GRAPH_NOISE.sub("", text).split())
    if len(line) > _LONGEST_MESSAGE:
        line = line[: _LONGEST_MESSAGE - 1] + "…"
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def lines_of(error: BaseException, files: Sequence[str]) -> dict[str, Any]:
    """Where the user's code raised.

    Args:
        files: Those of the project's modules, that of the class first.

    Returns:
        "raised_line", the innermost line of the class's file in the traceback, and "raised_at" as `file:line`
        if another module of the project was further in.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    own = [frame.lineno for frame in frames if frame.filename == files[0]]
    is_elsewhere = bool(frames) and frames[-1].filename != files[0]
    return {
        "raised_line": own[-1] if own else None,
        "raised_at": f"{frames[-1].filename}:{frames[-1].lineno}" if is_elsewhere else None,
    }
