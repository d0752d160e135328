"""Edits that let Keras see through a decorator: `functools.wraps`, and the import that it needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from itertools import takewhile

from kerasfix.analysis.decorators import Hidden
from kerasfix.analysis.scope import Function, Scope
from kerasfix.codemods import CannotEdit
from kerasfix.source import Edit, Source
from kerasfix.syntax import walk

_MODULE = "functools"
_NAME = "wraps"


def add_wraps(hidden: Hidden) -> tuple[Edit, ...]:
    """Put `@functools.wraps` above the functions that hide a method, and import it where nothing does.

    Raises:
        CannotEdit: if there is no line of its own for the import, or if its name stands for something else.
    """
    source = hidden.module.source
    name = _known_as(hidden)
    edits = [] if name else [_import(source, hidden.module.scope, hidden.scope)]
    text = f"@{name or f'{_MODULE}.{_NAME}'}({hidden.original})"
    for inner in hidden.inners:
        start, indentation = _line_above(source, inner)
        edits.append(Edit(start, start, f"{indentation}{text}{source.newline}", source.file))
    return tuple(sorted(edits))


def _known_as(hidden: Hidden) -> str | None:
    """How the file calls `functools.wraps` already, where all of `hidden.inners` stand."""
    first = min(inner.lineno for inner in hidden.inners)
    for node in walk(hidden.module.source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno < first:
            for name in _spellings(node):
                if hidden.scope.dotted(_expression(name)) == f"{_MODULE}.{_NAME}":
                    return name
    return None


def _spellings(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """How `functools.wraps` can be written, given an import."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            if alias.name == _MODULE:
                yield f"{alias.asname or _MODULE}.{_NAME}"
        elif node.module == _MODULE and alias.name == _NAME and not node.level:
            yield alias.asname or _NAME


def _expression(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body


def _line_above(source: Source, function: Function) -> tuple[int, str]:
    """Where the first line of a function, with its decorators, starts, and its indentation."""
    line = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    start = source.line_starts[line - 1]
    text = source.line(line)
    indentation = text[: len(text) - len(text.lstrip())]
    return start, indentation


def _import(source: Source, module: Scope, inner: Scope) -> Edit:
    """The line `import functools`, where an author would have put it."""
    if any(scope.lookup(_MODULE) for scope in (module, inner)):
        raise CannotEdit(f"the name `{_MODULE}` stands for something else here")
    body = source.tree.body
    head = _head(body)
    rest = body[len(head) :]
    imports = []
    for statement in rest:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.append(statement)
        elif isinstance(statement, Function | ast.ClassDef):
            break
    standard = [each for each in imports if _is_standard(each)]
    plain = [each for each in standard if isinstance(each, ast.Import)]
    after = [each for each in plain if each.names[0].name < _MODULE]
    text = f"import {_MODULE}{source.newline}"
    if after:
        return _below(source, after[-1], text)
    if standard:
        return _above(source, standard[0], text, head)
    if imports:
        return _above(source, imports[0], text + source.newline, head)
    return _above(source, rest[0], text + 2 * source.newline, head)


def _head(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that must stay first: the docstring and what is imported from `__future__`."""

    def stays(statement: ast.stmt) -> bool:
        match statement:
            case ast.ImportFrom(module="__future__"):
                return True
            case ast.Expr(value=ast.Constant(value=str())):
                return statement is body[0]
        return False

    return [*takewhile(stays, body)]


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    name = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
    return name.partition(".")[0] in sys.stdlib_module_names and not getattr(node, "level", 0)


def _below(source: Source, statement: ast.stmt, text: str) -> Edit:
    assert statement.end_lineno is not None
    line = statement.end_lineno
    if line >= len(source.line_starts):
        raise CannotEdit("the file ends with its imports")
    start = source.line_starts[line]
    return Edit(start, start, text, source.file)


def _above(source: Source, statement: ast.stmt, text: str, head: list[ast.stmt]) -> Edit:
    """A line before a statement and the comments that belong to it."""
    decorators = getattr(statement, "decorator_list", [])
    line = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    if head and head[-1].end_lineno == line:
        raise CannotEdit("the first statement shares a line with what must stay before it")
    first = line
    while first > 1 and source.line(first - 1).startswith("#"):
        first -= 1
    # Comments that the file begins with are about the file.
    start = source.line_starts[(line if first == 1 else first) - 1]
    return Edit(start, start, text, source.file)
