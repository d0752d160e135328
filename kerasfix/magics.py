"""What stands in the cells of a notebook and is no Python: magics, shell lines, `?help`.

It is masked by something of the same length that is Python and does nothing, so that no position moves. A
line is masked only if the cell cannot be parsed otherwise: `7 % 3` over two lines, or a text with a `!` in
it, is Python.
"""

from __future__ import annotations

import ast
import re
import warnings

# Cell magics whose body is Python all the same; the body of any other one is another language, or a file.
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "heat"})
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# `%cd x`, `!pip install x`, `?model`, `model??`, `files = !ls`, `out = %timeit f()`.
_MAGIC = re.compile(r"[ \t]*(?:[%!?].*|[^#'\"]*\?{1,2}[ \t]*|[\w.,\[\] \t]+=[ \t]*[%!].*)$")
_ASSIGNED = re.compile(r"[^=]*=[ \t]*")


def masked(text: str) -> tuple[str, str, int]:
    """A cell as Python of the same length; else as comments, with what is wrong with it and in which line."""
    found = _CELL_MAGIC.match(text)
    if found is not None and found[1] not in _PYTHON_CELLS:
        return blank(text), "", 1
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
            return blank(text), f"syntax error: {error.msg}", error.lineno or 1
        left -= 1
        number = magic
        lines[number] = _mask(lines[number])
        while _continues(text, number) and number + 1 < len(lines):
            # A shell line that goes on in the next one.
            number += 1
            lines[number] = blank(lines[number])


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
    return indent + "0" + ("#" + rest[2:] if len(rest) > 1 else "") + ending


def blank(text: str) -> str:
    """A text as comments of the same length."""
    return "\n".join("#" + line[1:] if line.strip() else line for line in text.split("\n"))
