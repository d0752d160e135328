"""Subclasses in files that nobody asked to look at: who would keep calling a method without its new flag.

A method that gains `training=None` must be handed the flag by every caller, or from Keras 3.10 the None
blocks what its layers would have inherited. What was not given is not rewritten, so a class that has such a
caller there is left alone. Nothing is read until a fix would add a parameter.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from kerasfix.analysis.index import ClassInfo, Module, is_known_base
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import IN_PROJECT, Scope, is_in_project, module_scope
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.threads import OTHER_FLAG_NAMES, Objections
from kerasfix.source import Source, SourceError, decode
from kerasfix.workspace import WorkspaceError, read

# Too many bases do no harm, too few do: whatever stands between `class` and the colon may be one.
_CLASS = re.compile(rb"^[ \t]*class[ \t\\\r\n]+([\w\x80-\xff]+)[ \t\\\r\n]*\(([^:]*):", re.MULTILINE)
_NAME = re.compile(rb"[\w\x80-\xff]+")
# A keyword that may be a flag which somebody renames.
_FLAG = re.compile(rb"\b(?:%s)\s*=" % "|".join(sorted(OTHER_FLAG_NAMES)).encode())


class Neighbours:
    """The files that may hold subclasses of a project's classes.

    Args:
        paths: The files, those of the project among them or not; taken once, when somebody first asks.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = paths
        self._skipped: list[Path] = []
        self._classes: dict[Path, list[tuple[ast.ClassDef, set[str]]]] = {}

    def of(self, project: Project) -> Objections:
        """The objections of what is no part of a project, and of classes in it whose bases are unknown."""
        return _Outside(self, project)

    def against(self, info: ClassInfo, method: str, known: Mapping[str, Module]) -> Iterator[str]:
        """What classes by the name of an heir have against a change of a method."""
        for node, place in self.subclasses(info.name, method, info.module.file):
            module = known.get(str(place))
            if module is None or _may_inherit(module, node, info):
                yield from _objections(node, self._descendants(info.name), method, place)

    def passing(self, keyword: str, but: Container[str]) -> Iterator[str]:
        """The calls that pass a keyword argument, in all files but some: of what, cannot be told there."""
        for place, data in self._data.items():
            if str(place) in but or keyword.encode() not in data:
                continue
            try:
                tree = Source(decode(data)[0]).tree
            except SourceError:
                yield f"{place.name}, which cannot be read, says `{keyword}`"
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and any(each.arg == keyword for each in node.keywords):
                    yield f"`{ast.unparse(node.func)}` gets a `{keyword}` ({place.name}:{node.lineno})"

    def importing(self, name: str, file: str, project: Project, but: Container[str]) -> bool:
        """Whether a file, other than some, says `name` and imports the module that is written in `file`."""
        place = Path(file)
        stem = place.parent.name if place.stem == "__init__" else place.stem
        words = name.encode(), stem.encode()
        patterns = [re.compile(rb"\b%s\b" % re.escape(word)) for word in words]
        for path, known in {**self._data, **dict.fromkeys(self._skipped)}.items():
            if str(path) in but:
                continue
            data = known if known is not None else _bytes(path)
            says = all(word in data for word in words) and all(each.search(data) for each in patterns)
            if says and _imports(data, path, file, stem, project):
                return True
        return False

    def subclasses(self, class_name: str, method: str, but: str) -> Iterator[tuple[ast.ClassDef, Path]]:
        """The classes that, by their names, inherit from a class and call or override a method of it.

        Args:
            class_name: The class; subclasses are found by its name.
            method: The method that would gain a parameter, or pass it on explicitly.
            but: The file of the class itself, which is not looked at.
        """
        names = self._descendants(class_name)
        wanted = [name.encode() for name in names]
        calls = (f".{method}(".encode(), f"def {method}(".encode())
        for place, data in self._data.items():
            # Most files are dismissed by their bytes; `.call(` is rare.
            if str(place) == but or not any(name in data for name in wanted):
                continue
            if calls[0] not in data and (method == "call" or calls[1] not in data):
                continue
            for info, bases in self._classes_of(place, data):
                if bases & names:
                    yield info, place

    @cached_property
    def _data(self) -> dict[Path, bytes]:
        found = {}
        for path in self._paths:
            data = _bytes(path)
            real = Path(os.path.realpath(path))
            if b"class" in data or _FLAG.search(data):
                found[real] = data
            else:
                # Seldom asked for again.
                self._skipped.append(real)
        return found

    @cached_property
    def _subclasses(self) -> dict[str, set[str]]:
        """Base name -> names of its subclasses, by a search over the bytes of all files."""
        found: dict[str, set[str]] = {}
        for data in self._data.values():
            for match in _CLASS.finditer(data):
                for base in _NAME.findall(match[2]):
                    found.setdefault(base.decode("utf-8", "replace"), set()).add(
                        match[1].decode("utf-8", "replace")
                    )
        return found

    def _descendants(self, class_name: str) -> set[str]:
        names = {class_name}
        waiting = [class_name]
        while waiting:
            new = self._subclasses.get(waiting.pop(), set()) - names
            names |= new
            waiting += new
        return names

    def _classes_of(self, path: Path, data: bytes) -> list[tuple[ast.ClassDef, set[str]]]:
        """The classes of a file with the last names of their bases, import aliases resolved."""
        if path not in self._classes:
            try:
                tree = Source(decode(data)[0]).tree
            except SourceError:
                self._classes[path] = []
                return []
            scope = module_scope(tree)
            self._classes[path] = [
                (node, {name for base in node.bases for name in _base_names(base, scope)})
                for node in ast.walk(tree)
                if isinstance(node, ast.ClassDef)
            ]
        return self._classes[path]


class _Outside:
    """What the files beside a project have against its changes."""

    def __init__(self, neighbours: Neighbours, project: Project) -> None:
        self._neighbours = neighbours
        self._project = project
        self._known = {module.file: module for module in project.given}

    def __call__(self, info: ClassInfo, method: str, renamed: str = "") -> Iterator[str]:
        if renamed:
            yield from self._neighbours.passing(renamed, self._known)
        yield from self._neighbours.against(info, method, self._known)

    def uses(self, function: str, file: str) -> bool:
        return self._neighbours.importing(function, file, self._project, self._known)


def _imports(data: bytes, path: Path, file: str, stem: str, project: Project) -> bool:
    """Whether a program imports what is written in `file`, or something of its name that is not found."""
    try:
        source = Source(decode(data)[0], str(path))
        tree = source.tree
    except SourceError:
        return True
    module = Module(source, project, given=False)
    for node in ast.walk(tree):
        for dotted in _imported(node):
            found = project.resolve(dotted, module)
            if found.startswith(f"{IN_PROJECT}{file}|"):
                return True
            if not is_in_project(found) and stem in dotted.split("."):
                return True
    return False


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, level=level, names=names):
            start = "." * level + (module or "")
            yield start
            dot = "" if start.endswith(".") else "."
            yield from (f"{start}{dot}{alias.name}" for alias in names if alias.name != "*")


def _bytes(path: Path) -> bytes:
    try:
        return read(path).data
    except WorkspaceError:
        return b""


def _may_inherit(module: Module, node: ast.ClassDef, info: ClassInfo) -> bool:
    """Whether a class of the project, told by its name, may be a subclass that it does not know of."""
    return any(
        each.name == node.name
        and each not in info.family
        and any(base is None or not is_known_base(base) for base in each.outside_bases)
        for each in module.classes
    )


def _base_names(base: ast.expr, scope: Scope) -> Iterator[str]:
    if isinstance(base, ast.Subscript):
        base = base.value
    yield (scope.dotted(base) or "").rpartition(".")[2]
    yield ast.unparse(base).rpartition(".")[2]


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
