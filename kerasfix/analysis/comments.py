"""What comments say of the code that they stand by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.source import Source


def beside(source: Source, statement: ast.stmt | ast.expr) -> Iterator[str]:
    """The comments on the lines of a statement, and above it up to the next empty line."""
    for number in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
        yield source.line(number).partition("#")[2]
    above = statement.lineno - 1
    while above > 0 and source.line(above).strip():
        yield source.line(above).partition("#")[2]
        above -= 1


def naming(source: Source, node: ast.stmt, name: str) -> Iterator[str]:
    """The comments within a class or a function that say a name."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        _, sign, text = source.line(number).partition("#")
        if sign and word.search(text):
            yield text
