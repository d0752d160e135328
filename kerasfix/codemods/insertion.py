"""Edits that put a small class before a statement of a module, and spell what it is made of."""

from __future__ import annotations

import ast
import re

from kerasfix.analysis.index import Module
from kerasfix.analysis.scope import Function, Scope
from kerasfix.analysis.spelling import full_name, root
from kerasfix.codemods import CannotEdit
from kerasfix.source import Edit, Source

# A comment that begins a notebook cell belongs to the cell, not to the statement below it.
_CELL = re.compile(r"#\s*(?:%%|In\[)")


def spelled(module: Module, before: ast.stmt, dotted: str) -> tuple[str, tuple[Edit, ...]]:
    """How to write a dotted name before a statement of the module, with an import if it takes one.

    Raises:
        CannotEdit: if no import of that Keras stands before the statement, or if the name is taken.
    """
    steps = dotted.split(".")
    imports = [
        node
        for node in module.source.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno < before.lineno
    ]
    here = _imported(imports, module.scope)
    for count in range(len(steps), 0, -1):
        name = here.get(".".join(steps[:count]))
        if name is not None:
            return ".".join([name, *steps[count:]]), ()
    parent, _, leaf = dotted.rpartition(".")
    if any(isinstance(node, ast.ImportFrom) and _is_star(node, parent) for node in imports):
        return leaf, ()
    if module.scope.lookup(leaf):
        raise CannotEdit(f"the name `{leaf}` is taken")
    of_keras = [node for node in imports if _is_of(node, parent)]
    if not of_keras:
        # Who imports Keras inside of functions does not want to wait for it before.
        raise CannotEdit("Keras is not imported before it, at the top of the module")
    last = of_keras[-1].end_lineno
    assert last is not None
    at = module.source.line_starts[last]
    return leaf, (Edit(at, at, f"from {parent} import {leaf}{module.source.newline}", module.file),)


def class_before(source: Source, statement: ast.stmt, lines: list[str]) -> Edit:
    """Put a class, given as lines that are indented by tabs, before a statement at the top of a module.

    It goes above the comments that stand on the statement, and above the statements of the same paragraph,
    with two empty lines around it.
    """
    first = _first_line(source, statement)
    if not isinstance(statement, Function | ast.ClassDef):
        body = source.tree.body
        for above in body[: body.index(statement)][::-1]:
            if above.end_lineno != first - 1 or isinstance(above, ast.Import | ast.ImportFrom):
                break
            first = _first_line(source, above)
    empty = 0
    while first - empty > 1 and not source.line(first - empty - 1).strip():
        empty += 1
    at = source.line_starts[first - 1]
    unit = _indent_unit(source)
    newline = source.newline
    text = newline.join(line.replace("\t", unit) for line in lines) + newline
    missing = 2 - empty if first - empty > 1 else 0
    return Edit(at, at, newline * max(0, missing) + text + newline * 2, source.file)


def _is_of(node: ast.Import | ast.ImportFrom, dotted: str) -> bool:
    """Whether something of the Keras that `dotted` is from is imported."""
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and root(node.module or "") == root(dotted)
    return any(root(alias.name) == root(dotted) for alias in node.names)


def _is_star(node: ast.ImportFrom, module: str) -> bool:
    return node.module == module and node.names[0].name == "*"


def _first_line(source: Source, statement: ast.stmt) -> int:
    """The line that a statement begins on, with its decorators and the comments right above it."""
    first = statement.lineno
    if isinstance(statement, Function | ast.ClassDef) and statement.decorator_list:
        first = statement.decorator_list[0].lineno
    while first > 1 and _is_comment(source.line(first - 1)):
        first -= 1
    return first


def _is_comment(line: str) -> bool:
    return line.startswith("#") and not _CELL.match(line)


def _indent_unit(source: Source) -> str:
    """One step of indentation, as the first block of the file has it."""
    for node in source.tree.body:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body[0].lineno > node.lineno:
            # Python counts the indent from a page break on.
            return source.line(body[0].lineno)[: body[0].col_offset].rpartition("\f")[2]
    return "    "


def _imported(imports: list[ast.Import | ast.ImportFrom], scope: Scope) -> dict[str, str]:
    """Dotted name -> the name that it goes by in the module, and by nothing else."""
    found: dict[str, str] = {}
    for node in imports:
        for alias in (each for each in node.names if each.name != "*"):
            name = alias.asname or alias.name.partition(".")[0]
            dotted = full_name(ast.Name(name, ast.Load()), scope)
            if dotted is not None:
                found.setdefault(dotted, name)
    return found
