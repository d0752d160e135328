"""Brackets that are broken as black and ruff break them: contents on lines of their own, one level deeper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst

_Element = TypeVar("_Element", cst.Arg, cst.Param)


@dataclass(frozen=True, slots=True)
class Block:
    """How to break a pair of brackets.

    Attributes:
        outer: The white space before the line that opens them.
        inner: The white space before their contents.
        exploded: Whether each element has a line of its own, with a comma behind the last one.
    """

    outer: str
    inner: str
    exploded: bool = False


def break_call(call: cst.Call, block: Block) -> cst.Call:
    """Break the brackets of a call that stands on one line."""
    return call.with_changes(
        args=_elements(call.args, "whitespace_after_arg", block),
        whitespace_before_args=_line(block.inner),
    )


def break_signature(function: cst.FunctionDef, block: Block) -> cst.FunctionDef | None:
    """Break the brackets of a signature that stands on one line; None for one with `*` or `/`."""
    parameters = function.params
    plain = parameters.with_changes(params=(), star_kwarg=None)
    if not cst.Parameters().deep_equals(plain):
        return None
    rest = parameters.star_kwarg
    named = [*parameters.params, *([rest] if rest is not None else [])]
    broken = _elements(named, "whitespace_after_param", block)
    return function.with_changes(
        params=parameters.with_changes(
            params=broken[: len(parameters.params)], star_kwarg=broken[-1] if rest is not None else None
        ),
        whitespace_before_params=_line(block.inner),
    )


def _elements(elements: Sequence[_Element], after: str, block: Block) -> list[_Element]:
    gap = _line(block.inner) if block.exploded else cst.SimpleWhitespace(" ")
    found: list[_Element] = []
    for each in elements:
        end = _line(block.outer) if each is elements[-1] else gap
        if each is elements[-1] and not block.exploded:
            found.append(each.with_changes(**{after: end, "comma": cst.MaybeSentinel.DEFAULT}))
        else:
            changes = {after: cst.SimpleWhitespace(""), "comma": cst.Comma(whitespace_after=end)}
            found.append(each.with_changes(**changes))
    return found


def _line(indentation: str) -> cst.ParenthesizedWhitespace:
    return cst.ParenthesizedWhitespace(indent=False, last_line=cst.SimpleWhitespace(indentation))
