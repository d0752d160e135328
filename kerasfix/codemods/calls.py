"""Rewrites of one call: add a keyword argument, turn positional arguments into keywords, swap a name."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from kerasfix.codemods import CannotEdit
from kerasfix.codemods.layout import Layout, appended


def add_keyword(call: cst.Call, name: str, value: str, layout: Layout) -> cst.Call:
    """Add `name=value` behind the last argument, before `**kwargs`, laid out as the others are.

    Args:
        call: The call; it must not have the keyword already.
        name: The keyword.
        value: The source of its value.
        layout: Where and how to write it.
    """
    if any(argument.keyword and argument.keyword.value == name for argument in call.args):
        raise CannotEdit(f"already has {name}=")
    new = cst.Arg(keyword=cst.Name(name), equal=_equal_style(call), value=cst.parse_expression(value))
    count = len(call.args)
    while count and call.args[count - 1].star == "**":
        count -= 1
    if count == len(call.args):
        return call.with_changes(args=appended(call.args, new, call.whitespace_before_args, layout))
    # What stands before `**kwargs` is followed as the one before it is, or as it is itself.
    like = call.args[count - 1].comma if count else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return call.with_changes(args=[*call.args[:count], new.with_changes(comma=like), *call.args[count:]])


def drop_keyword(call: cst.Call, name: str) -> cst.Call:
    """Take the keyword argument `name` away, with its comma and what is written behind it."""
    arguments = list(call.args)
    index = next(
        (i for i, argument in enumerate(arguments) if argument.keyword and argument.keyword.value == name),
        None,
    )
    if index is None:
        raise CannotEdit(f"has no {name}=")
    dropped = arguments.pop(index)
    if index == len(arguments) and arguments:
        # The one before becomes the last: it ends as the last one did.
        arguments[-1] = arguments[-1].with_changes(
            comma=dropped.comma, whitespace_after_arg=dropped.whitespace_after_arg
        )
    return call.with_changes(args=arguments)


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


def _equal_style(call: cst.Call) -> cst.AssignEqual:
    """The author's spacing around `=`, taken from a keyword of this call; none without one."""
    for argument in call.args:
        if isinstance(argument.equal, cst.AssignEqual):
            return argument.equal
    return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
