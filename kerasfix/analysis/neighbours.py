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

from kerasfix.analysis.heirs import objections_of
from kerasfix.analysis.index import ClassInfo, Module, is_known_base
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import IN_PROJECT, Scope, is_in_project, module_scope
from kerasfix.analysis.threads import OTHER_FLAG_NAMES, Objections
from kerasfix.source import Source, SourceError, decode
from kerasfix.syntax import walk
from kerasfix.workspace import WorkspaceError, read

# Too many bases do no harm, too few do: whatever stands between `class` and the colon may be one.
_CLASS = re.compile(rb"^[ \t]*class[ \t\\\r\n]+([\w\x80-\xff]+)[ \t\\\r\n]*\(([^:]*):", re.MULTILINE)
_ALIAS = re.compile(rb"\b([\w\x80-\xff]+)[ \t]+as[ \t]+([\w\x80-\xff]+)")
_ASSIGNED = re.compile(rb"^([A-Z]\w*)[ \t]*=[ \t]*(\w[^\r\n]*)$", re.MULTILINE)
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
        self._naming: dict[str, dict[Path, bytes]] = {}
        self._words: dict[Path, frozenset[bytes]] = {}
        self._classes: dict[Path, list[tuple[ast.ClassDef, set[str]]]] = {}

    def of(self, project: Project) -> Objections:
        """The objections of what is no part of a project, and of classes in it whose bases are unknown."""
        return _Outside(self, project)

    def against(self, info: ClassInfo, method: str, known: Mapping[str, Module]) -> Iterator[str]:
        """What classes by the name of an heir have against a change of a method."""
        for node, place in self.subclasses(info.name, method, info.module.file):
            module = known.get(str(place))
            if module is None or _may_inherit(module, node, info):
                yield from objections_of(node, self._descendants(info.name), method, str(place))
        if method != "call" and info.find(method) is not None:
            yield from self.users(info, method, known)

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
            for node in walk(tree):
                if isinstance(node, ast.Call) and any(each.arg == keyword for each in node.keywords):
                    yield f"`{ast.unparse(node.func)}` gets a `{keyword}` ({place.name}:{node.lineno})"

    def importing(self, name: str, file: str, project: Project, but: Container[str]) -> bool:
        """Whether a file, other than some, says `name` and imports the module that is written in `file`."""
        place = Path(file)
        stem = place.parent.name if place.stem == "__init__" else place.stem
        words = {name.encode(), stem.encode()}
        for path in (*self._data, *self._skipped):
            if str(path) in but:
                continue
            # Asked for every function: a file is read again only if its words are those.
            said = self._words.get(path)
            if said is None or words <= said:
                data = self._data[path] if path in self._data else _bytes(path)
                if words <= self._said_in(path, data) and _imports(data, path, file, stem, project):
                    return True
        return False

    def users(self, info: ClassInfo, method: str, known: Mapping[str, Module]) -> Iterator[str]:
        """Uses of a helper method in files that are no part of the project but may meet its class."""
        wanted = method.encode()
        speaking = self._speaking(info.name)
        for place, data in self._everything():
            if str(place) in known or wanted not in self._said_in(place, data):
                continue
            # Who never names the class may be handed an instance by somebody who names both.
            stem = place.stem.encode()
            if place not in speaking and not any(stem in self._said_in(*other) for other in speaking.items()):
                continue
            try:
                tree = Source(decode(data)[0]).tree
            except SourceError:
                continue
            for node in walk(tree):
                match node:
                    case ast.Attribute(value=ast.Name(id="self")):
                        pass
                    case ast.Attribute(attr=name) if name == method:
                        yield f"`{ast.unparse(node)}` ({place.name}:{node.lineno}) may be it"

    def mentioning(self, info: ClassInfo, names: frozenset[str], but: Container[str]) -> Iterator[bytes]:
        """The files, other than some, that say one of some names and may meet an instance of a class."""
        wanted = {name.encode() for name in names}
        speaking = self._speaking(info.name)
        for place, data in self._everything():
            if str(place) in but or wanted.isdisjoint(self._said_in(place, data)):
                continue
            stem = place.stem.encode()
            if place in speaking or any(stem in self._said_in(*other) for other in speaking.items()):
                yield data

    def calling(self, info: ClassInfo, name: str, but: Container[str]) -> bool:
        """Whether a file, other than some, calls an attribute of what may be an instance of a class."""
        call = re.compile(rb"(\bself)?\s*\.\s*" + re.escape(name.encode()) + rb"\s*\(")
        heirs = {each.encode() for each in self._descendants(info.name)}
        for data in self.mentioning(info, frozenset({name}), but):
            owners = {match[1] for match in call.finditer(data)}
            # `self` is of another class, unless one of the file's is an heir.
            bases = {base for match in _CLASS.finditer(data) for base in _NAME.findall(match[2])}
            if None in owners or (owners and not bases.isdisjoint(heirs)):
                return True
        return False

    def _speaking(self, class_name: str) -> dict[Path, bytes]:
        """The files that name a class or an heir of it."""
        if class_name not in self._naming:
            names = [name.encode() for name in self._descendants(class_name)]
            self._naming[class_name] = {
                place: data
                for place, data in self._everything()
                if not self._said_in(place, data).isdisjoint(names)
            }
        return self._naming[class_name]

    def _said_in(self, place: Path, data: bytes) -> frozenset[bytes]:
        """All words of a file."""
        if place not in self._words:
            self._words[place] = frozenset(_NAME.findall(data))
        return self._words[place]

    def _everything(self) -> Iterator[tuple[Path, bytes]]:
        yield from self._data.items()
        yield from ((path, _bytes(path)) for path in self._skipped)

    def subclasses(self, class_name: str, method: str, but: str) -> Iterator[tuple[ast.ClassDef, Path]]:
        """The classes that, by their names, inherit from a class and call or override a method of it.

        Args:
            class_name: The class; subclasses are found by its name.
            method: The method that would gain a parameter, or pass it on explicitly.
            but: The file of the class itself, which is not looked at.
        """
        names = self._descendants(class_name)
        wanted = [name.encode() for name in names]
        for place, data in self._data.items():
            words = self._said_in(place, data)
            if str(place) == but or method.encode() not in words or words.isdisjoint(wanted):
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
            others = {alias: name for name, alias in _ALIAS.findall(data)}
            for match in _CLASS.finditer(data):
                for base in _NAME.findall(match[2]):
                    for name in {base, others.get(base, base)}:
                        heirs = found.setdefault(name.decode("utf-8", "replace"), set())
                        heirs.add(match[1].decode("utf-8", "replace"))
            for match in _ASSIGNED.finditer(data):
                # `Base = Old if legacy else New`: another name of each.
                for name in _NAME.findall(match[2]):
                    found.setdefault(name.decode("utf-8", "replace"), set()).add(match[1].decode())
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
                for node in walk(tree)
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

    def mentions(self, info: ClassInfo, names: frozenset[str]) -> bool:
        return any(True for _ in self._neighbours.mentioning(info, names, self._known))

    def calls(self, info: ClassInfo, name: str) -> bool:
        return self._neighbours.calling(info, name, self._known)


def _imports(data: bytes, path: Path, file: str, stem: str, project: Project) -> bool:
    """Whether a program imports what is written in `file`, or something of its name that is not found."""
    try:
        source = Source(decode(data)[0], str(path))
        tree = source.tree
    except SourceError:
        return True
    module = Module(source, project, given=False)
    for node in walk(tree):
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
