"""Edits that bring a flag out of `**kwargs` into the signature."""

from __future__ import annotations

from kerasfix.analysis.hidden import Readings
from kerasfix.analysis.index import Method
from kerasfix.analysis.sites import FLAG
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.training import gain_flag
from kerasfix.source import Edit


def name_the_flag(method: Method, found: Readings) -> tuple[Edit, ...]:
    """Name the flag in the signature of a method, and read it from there."""
    source = method.owner.module.source
    edits = list(gain_flag(method, "False" if found.is_off else "None"))
    for read in found.reads:
        if read.statement is None:
            start, end = source.span(read.node)
            edits.append(Edit(start, end, FLAG, source.file))
            continue
        first, last = read.statement.lineno, read.statement.end_lineno
        start, end = source.span(read.statement)
        line = source.text[source.line_starts[first - 1] : start]
        rest = source.line(last or first)[source.position(end).column - 1 :]
        if line.strip() or rest.strip() or len(method.node.body) == 1:
            raise CannotEdit(f"line {first} holds more than the flag")
        after = source.line_starts[last] if last and last < len(source.line_starts) else len(source.text)
        edits.append(Edit(source.line_starts[first - 1], after, "", source.file))
    return tuple(edits)
