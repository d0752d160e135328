"""Rewrites of one call: add a keyword argument, turn positional arguments into keywords, swap a name."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from kerasfix.codemods import CannotEdit


def add_keyword(call: cst.Call, name: str, value: str, comma: str) -> cst.Call:
    """Add `name=value` behind the last argument, laid out as the arguments before it are.

    Args:
        call: The call; it must not have the keyword already.
        name: The keyword.
        value: The source of its value.
        comma: What to write between two arguments on one line: "," or ", ".
    """
    if any(argument.keyword and argument.keyword.value == name for argument in call.args):
        raise CannotEdit(f"already has {name}=")
    new = _keyword(name, value, call)
    if not call.args:
        return call.with_changes(args=[new])
    *others, last = call.args
    if isinstance(last.comma, cst.Comma):
        # A trailing comma stays one: the new argument gets the same line break behind it.
        between = _between_lines(call, last) or last.comma.with_changes(whitespace_after=_space(comma))
        new = new.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
        return call.with_changes(args=[*others, last.with_changes(comma=between), new])
    between = _between_lines(call, last) or cst.Comma(whitespace_after=_space(comma))
    new = new.with_changes(whitespace_after_arg=last.whitespace_after_arg)
    last = last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*others, last, new])


def name_arguments(call: cst.Call, names: Mapping[int, str]) -> cst.Call:
    """Turn the positional arguments at the given positions into keywords."""
    equal = _equal_style(call)
    arguments = list(call.args)
    for position, name in names.items():
        argument = arguments[position]
        if argument.keyword is not None or argument.star:
            raise CannotEdit("not a positional argument")
        arguments[position] = argument.with_changes(keyword=cst.Name(name), equal=equal)
    return call.with_changes(args=arguments)


def _keyword(name: str, value: str, call: cst.Call) -> cst.Arg:
    return cst.Arg(keyword=cst.Name(name), equal=_equal_style(call), value=cst.parse_expression(value))


def _equal_style(call: cst.Call) -> cst.AssignEqual:
    """The author's spacing around `=`, taken from a keyword of this call; none without one."""
    for argument in call.args:
        if isinstance(argument.equal, cst.AssignEqual):
            return argument.equal
    return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _between_lines(call: cst.Call, last: cst.Arg) -> cst.Comma | None:
    """A comma with a line break, if every argument has a line of its own."""
    first_gap = call.whitespace_before_args
    if not isinstance(first_gap, cst.ParenthesizedWhitespace):
        return None
    gap = cst.ParenthesizedWhitespace(
        first_line=cst.TrailingWhitespace(), indent=first_gap.indent, last_line=first_gap.last_line
    )
    if isinstance(last.comma, cst.Comma) and isinstance(
        last.comma.whitespace_after, cst.ParenthesizedWhitespace
    ):
        # A comment behind the last argument stays with it.
        gap = gap.with_changes(
            first_line=last.comma.whitespace_after.first_line,
            empty_lines=last.comma.whitespace_after.empty_lines,
        )
    return cst.Comma(whitespace_after=gap)


def _space(comma: str) -> cst.SimpleWhitespace:
    return cst.SimpleWhitespace(comma[1:])
