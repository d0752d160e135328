"""White space between arguments and between parameters, as the author lays it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import libcst as cst

from kerasfix.source import Edit, Source

_Element = TypeVar("_Element", cst.Arg, cst.Param)
_TIGHT_COMMA = re.compile(r",(?=[^\s)\]}])")
_SPACED_COMMA = re.compile(r", ")
_CLOSING = re.compile(r"[\])},\s]*(->[^#]*)?:?\s*(#.*)?")
_OPENED = re.compile(r"[\w\])]\($", re.MULTILINE)
_HANGING = re.compile(r"\w\([^()\n]*[^(\s],$", re.MULTILINE)
_NOT_TAB = re.compile(r"[^\t]")
# The line lengths that people set their formatters to; a file has the first one that nearly all lines keep.
_LIMITS = (80, 88, 100, 120)
_NEARLY_ALL = 0.995


@dataclass(frozen=True, slots=True)
class Layout:
    """How to write one more argument or parameter.

    Attributes:
        comma: What separates two of them on one line: "," or ", ".
        wrapped: None to stay on the line; else the indentation of a new line of its own.
    """

    comma: str
    wrapped: str | None = None


def fitting(
    source: Source,
    text: str,
    indentation: str,
    make: Callable[[Layout], tuple[Edit, ...]],
    make_block: Callable[[bool], tuple[Edit, ...]] | None = None,
) -> tuple[Edit, ...]:
    """The edits that `make` makes on one line if that is not too long for the file, else on more.

    Args:
        source: The file.
        text: The function around the edits; it shows how the author writes commas.
        indentation: What stands before a wrapped line.
        make: Makes the edits in a layout.
        make_block: Makes them by breaking the brackets as black does, with a line for each element or not;
            None if that cannot be done here.
    """
    layout = Layout(_comma(text))
    edits = make(layout)
    limit = _line_limit(source.text)
    if limit is None or all(_stays_within(source, edit, limit) for edit in edits):
        return edits
    if make_block is not None and _has_blocks(source.text):
        for exploded in (False, True):
            broken = make_block(exploded)
            if broken and all(_stays_within(source, edit, limit) for edit in broken):
                return broken
    wrapped = make(replace(layout, wrapped=indentation))
    if all(_ends_line(source, edit) and _stays_within(source, edit, limit) for edit in wrapped):
        return wrapped
    return edits


def indentation_below(source: Source, offset: int) -> str:
    """The white space that puts something below the character at `offset`; tabs stay tabs."""
    position = source.position(offset)
    return _NOT_TAB.sub(" ", source.line(position.line)[: position.column - 1])


def appended(
    elements: Sequence[_Element], new: _Element, opening: cst.BaseParenthesizableWhitespace, layout: Layout
) -> list[_Element]:
    """`elements` with `new` behind them.

    Args:
        elements: The arguments of a call or the parameters of a function.
        new: What to add.
        opening: The white space behind the opening bracket.
        layout: How to write it, where the elements do not show it themselves.
    """
    if not elements:
        return [new]
    *others, last = elements
    after = "whitespace_after_arg" if isinstance(last, cst.Arg) else "whitespace_after_param"
    gap = _gap(elements, opening, layout)
    if isinstance(last.comma, cst.Comma):
        # A trailing comma stays one, and so does what follows it; a comment stays with its element.
        behind = last.comma.whitespace_after
        if isinstance(gap, cst.ParenthesizedWhitespace) and isinstance(behind, cst.ParenthesizedWhitespace):
            gap = gap.with_changes(first_line=behind.first_line, empty_lines=behind.empty_lines)
            behind = behind.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
        new = new.with_changes(comma=last.comma.with_changes(whitespace_after=behind))
        return [*others, last.with_changes(comma=last.comma.with_changes(whitespace_after=gap)), new]
    behind = getattr(last, after)
    if isinstance(gap, cst.ParenthesizedWhitespace) and isinstance(behind, cst.ParenthesizedWhitespace):
        gap = gap.with_changes(first_line=behind.first_line, empty_lines=behind.empty_lines)
        behind = behind.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    new = new.with_changes(**{after: behind})
    last = last.with_changes(**{after: cst.SimpleWhitespace(""), "comma": cst.Comma(whitespace_after=gap)})
    return [*others, last, new]


def _gap(
    elements: Sequence[_Element], opening: cst.BaseParenthesizableWhitespace, layout: Layout
) -> cst.BaseParenthesizableWhitespace:
    shown = _have_own_lines(elements)
    if isinstance(opening, cst.ParenthesizedWhitespace) and (layout.wrapped is not None or shown):
        return cst.ParenthesizedWhitespace(indent=opening.indent, last_line=opening.last_line)
    if shown and len(elements) > 2:
        # The first one stands behind the bracket, each of the others below it. One break alone shows nothing.
        below = elements[0].comma
        assert isinstance(below, cst.Comma)
        assert isinstance(below.whitespace_after, cst.ParenthesizedWhitespace)
        return below.whitespace_after.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    if layout.wrapped is not None:
        return cst.ParenthesizedWhitespace(indent=False, last_line=cst.SimpleWhitespace(layout.wrapped))
    return cst.SimpleWhitespace(layout.comma[1:])


def _have_own_lines(elements: Sequence[_Element]) -> bool:
    """Whether a line break follows each element; one alone shows it by a trailing comma only."""
    commas = [each.comma for each in elements if isinstance(each.comma, cst.Comma)]
    return bool(commas) and all(
        isinstance(comma.whitespace_after, cst.ParenthesizedWhitespace) for comma in commas
    )


def _comma(text: str) -> str:
    tight = len(_TIGHT_COMMA.findall(text))
    return "," if tight > len(_SPACED_COMMA.findall(text)) else ", "


@lru_cache(maxsize=4)
def _line_limit(text: str) -> int | None:
    lengths = [len(line) for line in _with_line_feeds(text).split("\n")]
    for limit in _LIMITS:
        if sum(length <= limit for length in lengths) >= _NEARLY_ALL * len(lengths):
            return limit
    return None


@lru_cache(maxsize=4)
def _has_blocks(text: str) -> bool:
    """Whether the file breaks lines behind the opening bracket, rather than below what follows it."""
    text = _with_line_feeds(text)
    return len(_OPENED.findall(text)) > len(_HANGING.findall(text))


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _stays_within(source: Source, edit: Edit, limit: int) -> bool:
    """Whether no line of an edit gets longer than `limit`; one that was is none of our business."""
    first = source.position(edit.start)
    last = source.position(edit.end)
    if len(source.line(first.line)) > limit:
        return True
    head = source.line(first.line)[: first.column - 1]
    tail = source.line(last.line)[last.column - 1 :]
    return all(len(line) <= limit for line in (head + edit.content + tail).splitlines())


def _ends_line(source: Source, edit: Edit) -> bool:
    """Whether nothing but closing brackets follows an edit; a line that goes on is not broken well here."""
    last = source.position(edit.end)
    return _CLOSING.fullmatch(source.line(last.line)[last.column - 1 :]) is not None
