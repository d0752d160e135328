"""Other modules of a project that call a function or a class of one."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kerasfix.source import Source, SourceError
from kerasfix.syntax import walk
from kerasfix.verify.modules import ImportNode, imports_of
from kerasfix.verify.names import dotted_name
from kerasfix.verify.near import files_near

_MOST_FILES = 6
_LARGEST_FILE = 400_000


def callers_near(path: Path) -> Callable[[str], Iterable[tuple[str, ast.Module]]]:
    """Finds files beside one that call something of it, by name; each with its place."""
    known: dict[str, list[tuple[str, ast.Module]]] = {}

    def find(name: str) -> list[tuple[str, ast.Module]]:
        if name not in known:
            known[name] = list(_find(path.absolute(), name))[:_MOST_FILES]
        return known[name]

    return find


def _find(path: Path, name: str) -> Iterator[tuple[str, ast.Module]]:
    called = re.compile(rf"\b{re.escape(name)}\s*\(")
    for file in files_near(path):
        if file == path:
            continue
        try:
            text = file.read_text("utf-8") if file.stat().st_size < _LARGEST_FILE else ""
            tree = Source(text).tree if called.search(text) else None
        except (OSError, ValueError, SourceError):
            continue
        if tree is not None and _imports(tree, name):
            yield os.path.realpath(file), tree


def _imports(tree: ast.Module, name: str) -> bool:
    """Whether a module imports something by its name, or a module of which it reads that."""
    items = [item for each in tree.body if isinstance(each, ImportNode) for item in imports_of(each)]
    if any(item.member in (name, "*") for item in items):
        return True
    bound = {item.bound for item in items}
    return any(
        isinstance(each, ast.Attribute)
        and each.attr == name
        and (dotted_name(each) or "").partition(".")[0] in bound
        for each in walk(tree)
    )
