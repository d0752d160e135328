"""Parse a piece of source with LibCST, change it, and say the change as edits on the whole text."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from typing import TypeVar

import libcst as cst

from kerasfix.codemods import CannotEdit
from kerasfix.source import Edit, Source

_Node = TypeVar("_Node", bound=cst.CSTNode)


def edit_call(source: Source, node: ast.Call, change: Callable[[cst.Call], cst.Call]) -> tuple[Edit, ...]:
    """The edits that `change` makes to one call.

    Raises:
        CannotEdit: if the call does not survive the round trip through LibCST.
    """
    start, end = source.span(node)
    # In brackets, a call that goes on over line ends needs none of its own.
    segment = f"({source.text[start:end]})"
    start -= 1
    try:
        call = cst.parse_expression(segment, _config(source))
    except cst.ParserSyntaxError as error:
        raise CannotEdit(f"LibCST does not parse it: {error.message}") from None
    if not isinstance(call, cst.Call):
        raise CannotEdit("it is not a call")
    return _difference(source, start, segment, call, change(call))


def edit_signature(
    source: Source,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    change: Callable[[cst.FunctionDef], cst.FunctionDef],
) -> tuple[Edit, ...]:
    """The edits that `change` makes to the signature of a function; its body is not read.

    Raises:
        CannotEdit: if the signature does not survive the round trip through LibCST.
    """
    start = source.offset(node.lineno, node.col_offset)
    segment = source.text[start : _signature_end(source, start)] + " pass"
    try:
        function = cst.parse_statement(segment, _config(source))
    except cst.ParserSyntaxError as error:
        raise CannotEdit(f"LibCST does not parse it: {error.message}") from None
    if not isinstance(function, cst.FunctionDef):
        raise CannotEdit("it is not a function")
    return _difference(source, start, segment, function, change(function))


def _signature_end(source: Source, start: int) -> int:
    """Where the colon of a function's signature ends: the first one outside of all brackets."""
    depth = 0
    rest = Source(source.text[start:])
    try:
        for token in tokenize.generate_tokens(io.StringIO(rest.text).readline):
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
                if token.string == ":" and depth == 0:
                    return start + rest.line_starts[token.end[0] - 1] + token.end[1]
    except (tokenize.TokenError, SyntaxError) as error:
        raise CannotEdit(f"its signature cannot be read: {error}") from None
    raise CannotEdit("its signature has no end")


def _config(source: Source) -> cst.PartialParserConfig:
    return cst.PartialParserConfig(default_newline=source.newline)


def _difference(source: Source, start: int, segment: str, before: _Node, after: _Node) -> tuple[Edit, ...]:
    """What changed between two nodes, as the fewest insertions and replacements of their tokens' text."""
    module = cst.Module(body=[], default_newline=source.newline)
    if module.code_for_node(before).rstrip("\r\n") != segment:
        raise CannotEdit("LibCST does not give it back as it was written")
    new = module.code_for_node(after).rstrip("\r\n")
    return shortest_edit(source, start, segment, new)


def shortest_edit(source: Source, start: int, old: str, new: str) -> tuple[Edit, ...]:
    """One edit without the text that `old`, at `start`, and `new` share at both ends, if any.

    It begins and ends between words: `f(x, train)` becomes `f(x, training=train)` by `training=`, not by
    `ing=train`, so that another edit may rename the word beside it.
    """
    if old == new:
        return ()
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    while _splits_word(old, head) or _splits_word(new, head):
        head -= 1
    limit -= head
    tail = next((i for i in range(limit) if old[-1 - i] != new[-1 - i]), limit)
    while _splits_word(old, len(old) - tail) or _splits_word(new, len(new) - tail):
        tail -= 1
    return (Edit(start + head, start + len(old) - tail, new[head : len(new) - tail], source.file),)


def _splits_word(text: str, index: int) -> bool:
    return 0 < index < len(text) and all(
        each.isalnum() or each == "_" for each in text[index - 1 : index + 1]
    )
