"""Breaks, as plain cuts in the bytes of a file: an argument, a parameter, a default is taken out or replaced.

Nothing is shared with kerasfix' own edits: positions come from `ast`, the text between them is read here.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.restore.knowledge import FLAG, positional
from benchmarks.restore.library import Function, Module

_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """What stands between two offsets gives way to something else, often to nothing."""

    start: int
    end: int
    new: bytes = b""


def cut(data: bytes, cuts: Sequence[Cut]) -> bytes:
    for each in sorted(cuts, reverse=True):
        data = data[: each.start] + each.new + data[each.end :]
    return data


def without_argument(module: Module, call: ast.Call, keyword: ast.keyword) -> Cut:
    """The cut that takes one keyword argument out of a call."""
    given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    spans = sorted((module.start(each), module.end(each)) for each in given)
    return _without(module.data, spans, spans.index((module.start(keyword), module.end(keyword))))


def as_positional(module: Module, call: ast.Call, keyword: ast.keyword) -> Cut | None:
    """The cut that takes the name from a keyword argument, if it is the first behind the positional ones."""
    if keyword is not call.keywords[0] or module.data[module.start(keyword) :][:9] != b"training=":
        return None
    if any(module.start(argument) > module.start(keyword) for argument in call.args):
        return None
    return Cut(module.start(keyword), module.start(keyword.value))


def with_default(module: Module, method: Function, new: bytes) -> Cut:
    """The cut that gives the flag another default."""
    default = default_of(method)
    assert default is not None
    return Cut(module.start(default), module.end(default), new)


def without_parameter(module: Module, method: Function) -> Cut:
    """The cut that takes the flag out of a signature, with a `*` that stood only for it."""
    arguments = method.args
    parameters = [*positional(method), arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    spans = []
    for parameter in parameters:
        if parameter is not None:
            default = default_of(method, parameter.arg)
            spans.append((module.start(parameter), module.end(default if default is not None else parameter)))
    at = [parameter.arg for parameter in parameters if parameter is not None].index(FLAG)
    alone = arguments.vararg is None and [each.arg for each in arguments.kwonlyargs] == [FLAG]
    return _without(module.data, spans, at, with_marker=alone)


def is_written_plainly(module: Module, keyword: ast.keyword) -> bool:
    return module.data[module.start(keyword) : module.end(keyword)].split() in (
        [b"training=training"],
        [b"training", b"=", b"training"],
    )


def default_of(method: Function, name: str = FLAG) -> ast.expr | None:
    arguments = positional(method)
    defaults: list[ast.expr | None] = [None] * (len(arguments) - len(method.args.defaults))
    pairs = [
        *zip(arguments, [*defaults, *method.args.defaults], strict=True),
        *zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True),
    ]
    return next((default for argument, default in pairs if argument.arg == name), None)


def _without(data: bytes, spans: list[tuple[int, int]], at: int, *, with_marker: bool = False) -> Cut:
    """The cut that takes one element out of a list with commas.

    Args:
        spans: Where the elements start and end, in order.
        at: Which one goes.
        with_marker: Whether the `*` before it goes too.
    """
    start, end = spans[at]
    before = _commas(data, spans[at - 1][1], start) if at else []
    line = data.rfind(b"\n", 0, start) + 1
    last = _line_end(data, end)
    if before and before[-1] < line and not data[line:start].strip() and not with_marker:
        # It has its lines to itself, and a comma of its own: they go, as a person would delete them.
        tail = data[end:last].partition(b"#")[0].strip()
        if tail == b",":
            return Cut(line, last)
    if before:
        return Cut(before[0 if with_marker else -1], end)
    if at + 1 < len(spans):
        return Cut(start, spans[at + 1][0])
    # The only one: a comma behind it goes with it.
    behind = len(data[end:]) - len(data[end:].lstrip(_BLANK))
    return Cut(start, end + behind + 1 if data[end + behind : end + behind + 1] == b"," else end)


def _line_end(data: bytes, offset: int) -> int:
    found = data.find(b"\n", offset)
    return len(data) if found < 0 else found + 1


def _commas(data: bytes, start: int, end: int) -> list[int]:
    """Where commas stand between two elements, outside of comments."""
    found, in_comment = [], False
    for offset in range(start, end):
        match data[offset : offset + 1]:
            case b"#":
                in_comment = True
            case b"\n":
                in_comment = False
            case b"," if not in_comment:
                found.append(offset)
    return found
