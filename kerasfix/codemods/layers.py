"""Edits that call a layer where it belongs, and that move one from `call` into the constructor."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kerasfix.analysis.created import CreatedLayer
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.dataflow import equals_style
from kerasfix.source import Edit, Source
from kerasfix.syntax import walk


def call_instead(source: Source, call: ast.Call, name: str) -> tuple[Edit, ...]:
    """Make a call `self.old(...)` one of `self.name(...)`."""
    start, end = _attribute_span(source, call)
    return (Edit(start, end, name, source.file),)


def call_around(source: Source, inner: ast.Call, model: ast.Call, name: str) -> tuple[Edit, ...]:
    """Put a call of a layer, with the other arguments that a model for it has, around another call."""
    start, end = source.span(inner)
    return (
        Edit(start, start, f"{_called(source, model, name)}(", source.file),
        Edit(end, end, f"{_rest(source, model)})", source.file),
    )


def call_after(
    source: Source, statement: ast.stmt, model: ast.Call, name: str, variable: str, style: ast.AST
) -> tuple[Edit, ...]:
    """Add the statement `variable = self.name(variable)`, or a copy of the one above with another layer.

    Args:
        source: The program.
        statement: The one above.
        model: The call of a sibling that the new one is to look like.
        name: The attribute of the layer.
        variable: What to read and assign; empty for a copy.
        style: What the spaces around `=` are to be like.
    """
    if variable:
        called = f"{_called(source, model, name)}({variable}{_rest(source, model)})"
        text = f"{variable}{equals_style(source, style)}{called}"
    else:
        start, end = source.span(statement)
        first, last = _attribute_span(source, model)
        text = f"{source.text[start:first]}{name}{source.text[last:end]}"
    return (lines_after(source, statement, [text]),)


def lines_after(source: Source, statement: ast.stmt, lines: Sequence[str]) -> Edit:
    """Lines behind a statement that has its own lines for itself.

    Raises:
        CannotEdit: if it shares them with another one.
    """
    assert statement.end_lineno is not None
    start, end = source.span(statement)
    line_start = source.line_starts[statement.lineno - 1]
    indent = source.text[line_start:start]
    last = source.line(statement.end_lineno)
    behind = source.text[end : source.line_starts[statement.end_lineno - 1] + len(last)].strip()
    if indent.strip() or (behind and not behind.startswith("#")):
        raise CannotEdit("its statement shares a line with another one")
    at = source.line_starts[statement.end_lineno - 1] + len(last)
    # A new page begins in front of that statement alone; Python counts the indent from there.
    indent = indent.rpartition("\f")[2]
    return Edit(at, at, "".join(f"{source.newline}{indent}{line}" for line in lines), source.file)


def _attribute_span(source: Source, call: ast.Call) -> tuple[int, int]:
    assert isinstance(call.func, ast.Attribute)
    _, end = source.span(call.func)
    return end - len(call.func.attr), end


def _called(source: Source, model: ast.Call, name: str) -> str:
    start, _ = source.span(model.func)
    first, _ = _attribute_span(source, model)
    return source.text[start:first] + name


def _rest(source: Source, model: ast.Call) -> str:
    """The arguments of a call but for the first one."""
    others: list[ast.expr | ast.keyword] = [*model.args[1:], *model.keywords]
    if any(isinstance(node, ast.Call | ast.NamedExpr) for other in others for node in walk(other)):
        raise CannotEdit("the call of its sibling has arguments that may be meant for it alone")
    return "".join(f", {source.segment(other)}" for other in others)


def moved(
    source: Source, created: CreatedLayer, name: str, constructor: ast.FunctionDef | ast.AsyncFunctionDef
) -> tuple[str, tuple[Edit, ...]]:
    """Make what is called a layer that the constructor holds.

    Returns:
        The line that belongs at the end of the constructor, and the edits where the layer is called.

    Raises:
        CannotEdit: if the text cannot be moved as it stands.
    """
    owner = created.method.self_name
    text = source.segment(created.making)
    line = source.line(created.making.lineno)
    indent = line[: len(line) - len(line.lstrip())]
    if "\n" in text and len(indent) != constructor.body[-1].col_offset:
        raise CannotEdit("it is written over several lines, at another depth than the constructor")
    assigned = f"{owner}.{name}{equals_style(source, constructor)}{text}"
    if created.statement is None:
        start, end = source.span(created.making)
        return assigned, (Edit(start, end, f"{owner}.{name}", source.file),)
    reads = [source.span(read) for read in created.reads]
    return assigned, (
        _without(source, created.statement, created.method.node),
        *(Edit(start, end, f"{owner}.{name}", source.file) for start, end in reads),
    )


def _without(source: Source, statement: ast.stmt, root: ast.AST) -> Edit:
    """Take out a statement with its lines."""
    assert statement.end_lineno is not None
    first, last = statement.lineno, statement.end_lineno
    starts = [*source.line_starts, len(source.text)]
    start, end = starts[first - 1], starts[last]
    if source.text[start:end].strip() != source.segment(statement):
        raise CannotEdit("there is something else on its lines")
    for node in walk(root):
        if any(getattr(node, name, None) == [statement] for name in ("body", "orelse", "finalbody")):
            raise CannotEdit("it is the only statement of its block")
    return Edit(start, end, "", source.file)
