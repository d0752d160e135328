"""What stands in the cells of a notebook and is no Python: magics, shell lines, `?help`.

It is masked by something of the same length that is Python and does nothing, so that no position moves. A
line is masked only if the cell cannot be parsed otherwise: `7 % 3` over two lines, or a text with a `!` in
it, is Python. A cell may be indented as a whole, as it was copied out of a function: then a form feed, with
which Python begins to count columns anew, stands at the end of the indent.
"""

from __future__ import annotations

import ast
import re
import warnings

# Cell magics whose body is Python all the same; the body of any other one is another language, or a file.
_PYTHON_CELLS = frozenset(
    [
        *("time", "timeit", "capture", "prun", "debug", "memit", "mprun", "lprun", "heat", "snakeviz"),
        *("scalene", "pyinstrument", "wandb", "ipytest", "opts", "output"),
    ]
)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# `%cd x`, `!pip install x`, `?model`, `model??`, `files = !ls`, `out = %timeit f()`.
_MAGIC = re.compile(r"[ \t\f]*(?:[%!?].*|[^#'\"]*\?{1,2}[ \t]*|[\w.,\[\] \t]+=[ \t]*[%!].*)$")
_BEGINS = re.compile(r"[ \t\f]*[%!]")
# The indent of the first line that says something.
_INDENT = re.compile(r"(?:[ \t]*\r?\n)*([ \t]+)")
# What Python does not count as a part of the indent, nor what stands in front of it.
_ANEW = "\f"
# What Python does not read even in a comment: null bytes, and halves of characters.
_UNREADABLE = re.compile("[\\0\ud800-\udfff]")
_ASSIGNED = re.compile(r"[^=]*=[ \t]*")
_SILENCING = re.compile(r"noqa|kerasfix", re.IGNORECASE)


def masked(text: str) -> tuple[str, str, int]:
    """A cell as Python of the same length; else as comments, with what is wrong with it and in which line."""
    found = _CELL_MAGIC.match(text)
    if found is not None and found[1] not in _PYTHON_CELLS:
        return blank(text), "", 1
    result = _masked(text)
    if result[1] and (moved := _without_indent(text)) != text:
        # IPython takes away the indent of the first line, of all lines that have it.
        other = _masked(moved)
        return result if other[1] else other
    return result


def as_written(python: str, masked: str, text: str) -> str:
    """Code that was made of a masked cell, with the indent that the cell has."""
    at = masked.find(_ANEW)
    return python if at < 0 or _ANEW in text else python.replace(_ANEW, text[at])


def _without_indent(text: str) -> str:
    found = _INDENT.match(text)
    if found is None or _ANEW in text:
        return text
    indent = found[1]
    return "\n".join(
        f"{indent[:-1]}{_ANEW}{line[len(indent) :]}" if line.startswith(indent) else line
        for line in text.split("\n")
    )


def _masked(text: str) -> tuple[str, str, int]:
    found = _CELL_MAGIC.match(text)
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
        number = _mask_from(lines, magic)
        while magic == (error.lineno or 1) - 1 and number < len(lines) and _BEGINS.match(lines[number]):
            # What stands in a row is masked in one go.
            number = _mask_from(lines, number)


def _mask_from(lines: list[str], number: int) -> int:
    """Mask a line, and those that it goes on in; gives the number of the next one."""
    goes_on = lines[number].rstrip("\r").endswith("\\")
    lines[number] = _mask(lines[number])
    number += 1
    while goes_on and number < len(lines):
        # A shell line that goes on in the next one.
        goes_on = lines[number].rstrip("\r").endswith("\\")
        lines[number] = blank(lines[number])
        number += 1
    return number


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


def blank(text: str) -> str:
    """A text as comments of the same length."""
    readable = _UNREADABLE.sub("?", text)
    return "\n".join("#" + _muted(line[1:]) if line.strip() else line for line in readable.split("\n"))


def _muted(text: str) -> str:
    """A text without the words by which a comment silences: in a shell line they are not for Python."""
    return _SILENCING.sub(lambda found: "#" * len(found.group()), text)
