"""Edits that take statements away, and the imports that nothing needs afterwards."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence

from kerasfix.analysis.index import Module
from kerasfix.analysis.scope import Imported
from kerasfix.codemods import CannotEdit
from kerasfix.source import Edit, Source
from kerasfix.syntax import walk

# Somebody wants it there, read or not; a comment for kerasfix alone is about something else.
_WANTED = re.compile(r"noqa(?!\s*:\s*KF\d+(?:[\s,]+KF\d+)*\s*(?:#|$))", re.IGNORECASE)
_BODIES = ("body", "orelse", "finalbody")
_IMPORTS = ast.Import | ast.ImportFrom


def remove_statements(source: Source, statements: Collection[ast.stmt]) -> list[Edit]:
    """Take statements away, each with its line and the comment behind it; where nothing is left, `pass` is.

    Raises:
        CannotEdit: if a statement stands where it cannot be told what belongs to it.
    """
    edits = []
    for body, is_module in _bodies(source.tree):
        gone = [each for each in body if each in statements]
        rest = [each for each in body if each not in statements]
        if gone and not rest and not is_module:
            start, end = source.span(gone[0])
            edits.append(Edit(start, end, "pass", source.file))
            del gone[0]
        edits += [_removal(source, first, last, body) for first, last in _runs(gone, body)]
    return edits


def _runs(gone: list[ast.stmt], body: list[ast.stmt]) -> list[tuple[ast.stmt, ast.stmt]]:
    """The first and the last of those that follow each other on one line."""
    found: list[tuple[ast.stmt, ast.stmt]] = []
    for each in gone:
        before = body[body.index(each) - 1]
        if found and found[-1][1] is before and before.end_lineno == each.lineno:
            found[-1] = found[-1][0], each
        else:
            found.append((each, each))
    return found


def remove_imports(
    module: Module, names: Collection[str], unread: Collection[ast.AST]
) -> tuple[list[Edit], list[ast.stmt]]:
    """Take the imports of names away that nothing reads any more.

    Args:
        module: The module.
        names: The names.
        unread: Nodes that go away, with all that is below them.

    Returns:
        Edits that take names out of imports that stay, and imports that go away as a whole.
    """
    gone = {below for each in unread for below in walk(each)}
    read = {
        node.id for node in walk(module.source.tree) if isinstance(node, ast.Name) and node not in gone
    } | _exported(module.source.tree)
    free = {name for name in names if name not in read and not _is_taken_elsewhere(module, name)}
    edits: list[Edit] = []
    whole: list[ast.stmt] = []
    bound = [node for node in walk(module.source.tree) if isinstance(node, _IMPORTS)]
    for name in sorted(free):
        places = [(node, alias) for node in bound for alias in node.names if _binds(node, alias, name)]
        if len(places) != 1 or module.file.endswith("__init__.py"):
            continue
        node, alias = places[0]
        if _WANTED.search(module.source.line(node.end_lineno or node.lineno)):
            continue
        if len(node.names) == 1:
            whole.append(node)
        else:
            edits += _alias_removal(module.source, node, alias)
    return edits, whole


def base_name(node: ast.expr) -> str | None:
    """The variable that a dotted expression begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _bodies(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], bool]]:
    for node in walk(tree):
        for name in _BODIES:
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                yield body, node is tree


def _removal(source: Source, head: ast.stmt, tail: ast.stmt, body: Sequence[ast.stmt]) -> Edit:
    """Take what stands from one statement to another away."""
    (start, _), (_, end) = source.span(head), source.span(tail)
    assert tail.end_lineno is not None
    after = tail.end_lineno
    first = source.line_starts[head.lineno - 1]
    last = source.line_starts[after] if after < len(source.line_starts) else len(source.text)
    before, behind = source.text[first:start], source.text[end:last].strip("; \t\r\n")
    index, following = body.index(head), body.index(tail) + 1
    if following < len(body) and body[following].lineno == after:
        # `K.set_learning_phase(0); x = 1`
        return Edit(start, source.span(body[following])[0], "", source.file)
    if index and body[index - 1].end_lineno == head.lineno:
        # `x = 1; K.set_learning_phase(0)`
        return Edit(source.span(body[index - 1])[1], end, "", source.file)
    goes_on = head.lineno > 1 and source.line(head.lineno - 1).rstrip().endswith("\\")
    if before.strip() or goes_on or (behind and not behind.startswith("#")):
        raise CannotEdit("it shares its line with something else")
    return Edit(first, _after_blanks(source, head.lineno, after), "", source.file)


def _after_blanks(source: Source, number: int, after: int) -> int:
    """Where what goes away ends: with it go the blank lines below that would stand beside those above."""
    count = len(source.line_starts)

    def is_blank(line: int) -> bool:
        return line <= count and not source.line(line).strip()

    above = below = 0
    while number - above > 1 and is_blank(number - above - 1):
        above += 1
    while after + below < count and is_blank(after + below + 1):
        below += 1
    opens_block = number > 1 and not above and source.line(number - 1).rstrip().endswith(":")
    is_first = number - above <= 1 or opens_block
    end = after + (below if is_first else min(above, below))
    return source.line_starts[end] if end < count else len(source.text)


def _binds(node: ast.Import | ast.ImportFrom, alias: ast.alias, name: str) -> bool:
    if alias.asname is not None or isinstance(node, ast.ImportFrom):
        return (alias.asname or alias.name) == name
    # `import tensorflow.keras` binds `tensorflow`, which `import tensorflow` may have bound as well.
    return alias.name == name


def _exported(tree: ast.Module) -> set[str]:
    """The names in `__all__`."""
    found: set[str] = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(each, ast.Name) and each.id == "__all__" for each in targets):
            found |= {
                each.value
                for each in walk(node)
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
    return found


def _is_taken_elsewhere(module: Module, name: str) -> bool:
    """Whether another module of the project takes a name from here."""
    project = module.project
    return any(
        isinstance(binding, Imported)
        and binding.dotted.endswith(f".{name}")
        and project.module_named(binding.dotted.rpartition(".")[0], other) is module
        for other in project.given
        if other is not module and name in other.words
        for bindings in other.scope.bindings.values()
        for binding in bindings
    )


def _alias_removal(source: Source, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> list[Edit]:
    """Take one name out of an import of several; nothing where a comment stands in between."""
    index = node.names.index(alias)
    if index + 1 < len(node.names):
        start, end = _start(source, alias), _start(source, node.names[index + 1])
    else:
        start, end = _end(source, node.names[index - 1]), _end(source, alias)
    return [] if "#" in source.text[start:end] else [Edit(start, end, "", source.file)]


def _start(source: Source, alias: ast.alias) -> int:
    return source.offset(alias.lineno, alias.col_offset)


def _end(source: Source, alias: ast.alias) -> int:
    assert alias.end_lineno is not None
    assert alias.end_col_offset is not None
    return source.offset(alias.end_lineno, alias.end_col_offset)
