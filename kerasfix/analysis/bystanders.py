"""One file that nobody asked to look at, or one seen as its text alone: its words, bases and imports.

Each is found out when somebody first asks, most of it by a search over the bytes. Too many bases or imports
do no harm, too few do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from kerasfix.analysis.scope import Scope, module_scope
from kerasfix.analysis.threads import OTHER_FLAG_NAMES
from kerasfix.source import Source, SourceError, decode
from kerasfix.syntax import of_kind
from kerasfix.workspace import WorkspaceError, read

# Whatever stands between `class` and the colon may be a base.
_CLASS = re.compile(rb"^[ \t]*class[ \t\\\r\n]+([\w\x80-\xff]+)[ \t\\\r\n]*\(([^:]*):", re.MULTILINE)
_ALIAS = re.compile(rb"\b([\w\x80-\xff]+)[ \t]+as[ \t]+([\w\x80-\xff]+)")
_ASSIGNED = re.compile(rb"^([A-Z]\w*)[ \t]*=[ \t]*(\w[^\r\n]*)$", re.MULTILINE)
_NAME = re.compile(rb"[\w\x80-\xff]+")
# A keyword that may be a flag which somebody renames.
_FLAG = re.compile(rb"\b(?:%s)\s*=" % "|".join(sorted(OTHER_FLAG_NAMES)).encode())
_IMPORT = re.compile(
    rb"\bfrom[ \t]*([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|(?:[^\\\r\n]|\\\r?\n|\\)*)"
    rb"|\bimport[ \t]+((?:[^\\\r\n]|\\\r?\n|\\)*)"
)
_DOTTED = re.compile(rb"[\w.]+")


class Bystander:
    """One file.

    Args:
        path: Its path.
        data: Its bytes, if they are at hand.
    """

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path = path
        self._given = data
        if data is None:
            data = self.data
            # Others are seldom asked for again.
            self._given = data if b"class" in data or _FLAG.search(data) else None

    @property
    def data(self) -> bytes:
        """The bytes; none of a file that cannot be read."""
        if self._given is not None:
            return self._given
        try:
            return read(self.path).data
        except WorkspaceError:
            return b""

    def says(self, *words: bytes) -> bool:
        """Whether all of some words occur in the file."""
        # Few files say any of them, and to look for a word is far quicker than to list all.
        if self._given is not None and any(word not in self._given for word in words):
            return False
        return all(word in self.words for word in words)

    @cached_property
    def words(self) -> frozenset[bytes]:
        """All words of the file."""
        return frozenset(_NAME.findall(self.data))

    @property
    def tree(self) -> ast.Module | None:
        """The program; None if it cannot be read."""
        try:
            return Source(decode(self.data)[0]).tree
        except SourceError:
            return None

    @cached_property
    def heirs(self) -> list[tuple[str, str]]:
        """What may be a base of a class, and the class; by another name of either, too."""
        data = self.data
        found = []
        others = {alias: name for name, alias in _ALIAS.findall(data)}
        for name, bases in _CLASS.findall(data):
            for base in _NAME.findall(bases):
                found += [(each, name) for each in {base, others.get(base, base)}]
        for name, value in _ASSIGNED.findall(data):
            # `Base = Old if legacy else New`: another name of each.
            found += [(each, name) for each in _NAME.findall(value)]
        return [(base.decode("utf-8", "replace"), heir.decode("utf-8", "replace")) for base, heir in found]

    @cached_property
    def base_names(self) -> frozenset[bytes]:
        """What may be the name of a base class of a class in it."""
        return frozenset(base for _, bases in _CLASS.findall(self.data) for base in _NAME.findall(bases))

    @cached_property
    def classes(self) -> list[tuple[ast.ClassDef, set[str]]]:
        """The classes with the last names of their bases, import aliases resolved."""
        tree = self.tree
        if tree is None:
            return []
        scope = module_scope(tree)
        return [
            (node, {name for base in node.bases for name in _last_names(base, scope)})
            for node in of_kind(tree, ast.ClassDef)
        ]

    @cached_property
    def imported(self) -> frozenset[str]:
        """The dotted names that it may import."""
        return frozenset(name.decode("utf-8", "replace") for name in self._imported())

    def _imported(self) -> Iterator[bytes]:
        for start, names, modules in _IMPORT.findall(self.data):
            if modules:
                yield from _DOTTED.findall(modules)
                continue
            yield start
            dot = b"" if start.endswith(b".") else b"."
            yield from (start + dot + name for name in _NAME.findall(names))


def _last_names(base: ast.expr, scope: Scope) -> Iterator[str]:
    if isinstance(base, ast.Subscript):
        base = base.value
    yield (scope.dotted(base) or "").rpartition(".")[2]
    yield ast.unparse(base).rpartition(".")[2]
