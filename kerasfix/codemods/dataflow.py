"""Edits that mend a broken chain: read another variable, keep a result."""

from __future__ import annotations

import ast
import re

from kerasfix.source import Edit, Source
from kerasfix.syntax import walk

_EQUALS = re.compile(r"\s*=(?!=)\s*")


def read_instead(source: Source, place: ast.expr, name: str) -> tuple[Edit, ...]:
    """Make a place that reads a variable, or an element of one, read another one."""
    start, end = source.span(place)
    return (Edit(start, end, name, source.file),)


def keep_result(source: Source, statement: ast.Expr, name: str, style: ast.AST) -> tuple[Edit, ...]:
    """Turn the statement `f(x)` into `name = f(x)`."""
    start, _ = source.span(statement)
    return (Edit(start, start, f"{name}{equals_style(source, style)}", source.file),)


def assign_before(
    source: Source, statement: ast.stmt, name: str, value: str, style: ast.AST
) -> tuple[Edit, ...]:
    """Put the statement `name = value` on a line of its own before another statement."""
    start, _ = source.span(statement)
    line_start = source.line_starts[statement.lineno - 1]
    indent = source.text[line_start:start]
    text = f"{indent}{name}{equals_style(source, style)}{value}{source.newline}"
    return (Edit(line_start, line_start, text, source.file),)


def equals_style(source: Source, root: ast.AST) -> str:
    """How most assignments below `root` are spaced: "=" or " = "."""
    tight = spaced = 0
    for node in walk(root):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.expr):
            _, end = source.span(node.targets[0])
            match = _EQUALS.match(source.text, end)
            if match is not None:
                tight += match.group() == "="
                spaced += match.group() != "="
    return "=" if tight > spaced else " = "
