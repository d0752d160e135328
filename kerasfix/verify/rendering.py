"""The text of a sliced module: what is kept stands on its lines, all other lines are empty."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from kerasfix.source import Source
from kerasfix.verify.modules import Module

_NEWLINE = re.compile(r"\r\n|\r|\n")


def render(module: Module, kept: Mapping[int, set[str]]) -> str:
    """Write the definitions that are kept, each with the names of it that are needed."""
    lines = [""] * len(module.source.line_starts)
    for index, definition in enumerate(module.definitions):
        node = definition.node
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if index not in kept and not future:
            continue
        text = _import_text(node, definition.binds if future else kept[index])
        first, segment = _segment(module.source, node)
        for offset, line in enumerate(_NEWLINE.split(text or segment)):
            place = first - 1 + offset
            lines[place] = f"{lines[place]}; {line}" if lines[place] else line
    return "\n".join(lines)


def _segment(source: Source, node: ast.stmt) -> tuple[int, str]:
    """The first line of a statement with its decorators, and its text."""
    first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    # What stood before on the line may be gone, so the first line starts at its own column 0.
    start = source.span(node)[0] if first == node.lineno else source.line_starts[first - 1]
    return first, source.text[start : source.span(node)[1]]


def _import_text(node: ast.stmt, needed: set[str]) -> str | None:
    """An import with only its needed names: one that is missing and not needed is no obstacle."""
    if isinstance(node, ast.Import):
        used = [item for item in node.names if (item.asname or item.name.partition(".")[0]) in needed]
        return ast.unparse(ast.Import(names=used))
    if not isinstance(node, ast.ImportFrom):
        return None
    if node.names[0].name == "*" and "*" not in needed:
        # All of a module of the project is more than was sliced of it.
        aliases = [ast.alias(name) for name in sorted(needed)]
    else:
        aliases = [item for item in node.names if (item.asname or item.name) in needed]
    return ast.unparse(ast.ImportFrom(module=node.module, names=aliases, level=node.level))
