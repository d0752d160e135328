"""What another repair than the author's code is: a word for each sort."""

from __future__ import annotations

import ast

from benchmarks.chains.cases import Kind


def other_repair(kind: Kind, original: ast.AST, broken: ast.AST, found: ast.AST) -> str:
    """Which repair was made, told from the names that changed their places."""
    names = [_names(tree) for tree in (original, broken, found)]
    if kind is Kind.DROP:
        if len(names[0]) == len(names[2]):
            return "the result is given to another variable"
        return "a read was changed, and the result is dropped still"
    if not len(names[0]) == len(names[1]) == len(names[2]):
        return "statements were added, or taken away"
    site = [at for at, (one, other) in enumerate(zip(names[0], names[1], strict=True)) if one != other]
    changed = [at for at, (one, other) in enumerate(zip(names[1], names[2], strict=True)) if one != other]
    if not changed:
        return "something else than names was changed"
    if set(changed) == set(site):
        return "the read that was broken gets another tensor"
    if set(changed) > set(site):
        return "the read that was broken, and others besides"
    return "a read before the break" if changed[0] < site[0] else "a read behind the break"


def _names(tree: ast.AST) -> list[str]:
    """The names and attributes of a tree, in the order of the source."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
    nodes.sort(key=lambda node: (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset))
    return [node.id if isinstance(node, ast.Name) else node.attr for node in nodes]
