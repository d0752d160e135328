"""Subclasses in other files: who would keep calling a method without the flag that it gains.

A method that gains `training=None` must be handed the flag by every caller, or from Keras 3.10 the None
blocks what its layers would have inherited. Callers in other files are not rewritten yet, so a class that
has such a caller is left alone. Nothing is read until a fix would add a parameter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from kerasfix.analysis.sites import FLAG
from kerasfix.source import Source, SourceError, decode
from kerasfix.workspace import WorkspaceError, read

_CLASS = re.compile(rb"^[ \t]*class[ \t]+(\w+)[ \t]*\(([^)]*)\)", re.MULTILINE)
_LAST_NAME = re.compile(rb"(\w+)\s*$")


class Neighbours:
    """The other files that may hold subclasses.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._trees: dict[Path, ast.Module | None] = {}

    def objections(self, path: Path, class_name: str, method: str) -> Iterator[str]:
        """Why a method of a class must not gain the flag, as ends of "left alone, because".

        Args:
            path: The file of the class itself, which is not looked at.
            class_name: The class; subclasses are found by its name, whatever way it was imported.
            method: The method that would gain a parameter.
        """
        names = {class_name}
        waiting = [class_name]
        while waiting:
            for name, place in self._subclasses.get(waiting.pop(), ()):
                if place == path or name in names:
                    continue
                names.add(name)
                waiting.append(name)
                for info in self._classes(place, name):
                    yield from _objections(info, names, method, place)

    @cached_property
    def _subclasses(self) -> dict[str, list[tuple[str, Path]]]:
        """Base name -> its subclasses and their files, by a byte search over all files."""
        found: dict[str, list[tuple[str, Path]]] = {}
        for path in self._paths:
            try:
                data = read(path).data
            except WorkspaceError:
                continue
            for match in _CLASS.finditer(data):
                for base in match[2].split(b","):
                    last = _LAST_NAME.search(base)
                    if last is not None and b"=" not in base:
                        found.setdefault(last[1].decode(), []).append((match[1].decode(), path))
        return found

    def _classes(self, path: Path, name: str) -> Iterator[ast.ClassDef]:
        if path not in self._trees:
            try:
                self._trees[path] = Source(decode(read(path).data)[0]).tree
            except (SourceError, WorkspaceError):
                self._trees[path] = None
        tree = self._trees[path]
        if tree is not None:
            yield from (
                node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name
            )


def _objections(info: ast.ClassDef, bases: set[str], method: str, path: Path) -> Iterator[str]:
    for item in info.body:
        if method != "call" and isinstance(item, ast.FunctionDef) and item.name == method:
            yield f"`{method}` is overridden in {info.name} ({path.name}:{item.lineno})"
    for node in ast.walk(info):
        if isinstance(node, ast.Call) and _calls(node.func, bases, method) and not _passes_flag(node):
            yield f"{info.name} ({path.name}:{node.lineno}) calls `{ast.unparse(node.func)}` without the flag"


def _calls(func: ast.expr, bases: set[str], method: str) -> bool:
    match func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return name == method and (owner == "self" or owner in bases)
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
            return name == method
    return False


def _passes_flag(call: ast.Call) -> bool:
    return any(keyword.arg in (FLAG, None) for keyword in call.keywords)
