"""From the sliced source to a class, and from the class to an instance."""

from __future__ import annotations
import __future__

import inspect
import linecache
import re
import sys
import traceback
import types
from typing import Any

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


def load_class(source: str, file: str, name: str) -> type:
    """Run the definitions and give the class.

    The code carries the user's file name, so that tracebacks and `inspect.getsource` show the user's lines.
    Annotations are not evaluated: names that only they use may be missing.
    """
    module = types.ModuleType("__kerasfix_model__")
    module.__file__ = file
    sys.modules[module.__name__] = module
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    flags = __future__.annotations.compiler_flag
    code = compile(source, file, "exec", flags=flags, dont_inherit=True)
    try:
        exec(code, module.__dict__)
    except ImportError as error:
        raise Refused(
            "import", f"its file imports something that this Python does not have: {error}"
        ) from error
    cls = module.__dict__.get(name)
    if not isinstance(cls, type):
        raise Refused("import", f"{name} is not a class after its file's definitions have run")
    return cls


def required_arguments(cls: type) -> list[str]:
    """The constructor's parameters that have no default."""
    try:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    except (TypeError, ValueError):
        return []
    named = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return [item.name for item in parameters if item.default is item.empty and item.kind in named]


def one_line(error: BaseException) -> str:
    """Like "ValueError: what went wrong", without colours and without what Keras wraps around it."""
    text = _ANSI.sub("", str(error)).strip()
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


def line_of(error: BaseException, file: str) -> int | None:
    """The innermost line of the user's file in the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def construct(cls: type, arguments: dict[str, Any]) -> Any:
    return cls(**arguments)
