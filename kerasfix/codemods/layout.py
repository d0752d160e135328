"""White space between arguments and between parameters, as the author lays it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import libcst as cst

_Element = TypeVar("_Element", cst.Arg, cst.Param)


def appended(
    elements: Sequence[_Element], new: _Element, opening: cst.BaseParenthesizableWhitespace, comma: str
) -> list[_Element]:
    """`elements` with `new` behind them.

    Args:
        elements: The arguments of a call or the parameters of a function.
        new: What to add.
        opening: The white space behind the opening bracket; a line break there gives `new` its own line.
        comma: What separates two elements on one line: "," or ", ".
    """
    if not elements:
        return [new]
    *others, last = elements
    after = "whitespace_after_arg" if isinstance(last, cst.Arg) else "whitespace_after_param"
    gap = _gap(opening, comma)
    if isinstance(last.comma, cst.Comma):
        # A trailing comma stays one, and so does what follows it; a comment stays with its element.
        behind = last.comma.whitespace_after
        if isinstance(gap, cst.ParenthesizedWhitespace) and isinstance(behind, cst.ParenthesizedWhitespace):
            gap = gap.with_changes(first_line=behind.first_line, empty_lines=behind.empty_lines)
            behind = behind.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
        new = new.with_changes(comma=last.comma.with_changes(whitespace_after=behind))
        return [*others, last.with_changes(comma=last.comma.with_changes(whitespace_after=gap)), new]
    new = new.with_changes(**{after: getattr(last, after)})
    last = last.with_changes(**{after: cst.SimpleWhitespace(""), "comma": cst.Comma(whitespace_after=gap)})
    return [*others, last, new]


def _gap(opening: cst.BaseParenthesizableWhitespace, comma: str) -> cst.BaseParenthesizableWhitespace:
    if isinstance(opening, cst.ParenthesizedWhitespace):
        return cst.ParenthesizedWhitespace(indent=opening.indent, last_line=opening.last_line)
    return cst.SimpleWhitespace(comma[1:])
