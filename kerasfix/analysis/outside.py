"""What the files beside a project have against its changes, found by their texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from kerasfix.analysis.bystanders import Bystander
from kerasfix.analysis.heirs import objections_of
from kerasfix.analysis.index import ClassInfo, Module, is_known_base
from kerasfix.analysis.neighbours import Neighbours
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import IN_PROJECT, is_in_project
from kerasfix.source import Source
from kerasfix.syntax import of_kind


class Outside:
    """What the files beside a project have against its changes."""

    def __init__(
        self, neighbours: Neighbours, project: Project, run: Collection[str], beside: Mapping[str, bytes]
    ) -> None:
        self._neighbours = neighbours
        self._project = project
        self._known = {module.file: module for module in project.given}
        self._run = run
        self._beside = beside
        self._saying_word: dict[str, list[Bystander]] = {}
        self._speaking_of: dict[str, dict[Bystander, None]] = {}
        self._heirs_of: dict[str, set[str]] = {}

    def __call__(self, info: ClassInfo, method: str, renamed: str = "") -> Iterator[str]:
        if renamed:
            yield from self._passing(renamed)
        for node, place in self._subclasses(info.name, method, info.module.file):
            module = self._known.get(str(place))
            if module is None or _may_inherit(module, node, info):
                yield from objections_of(node, self._descendants(info.name), method, str(place))
        if method != "call" and info.find(method) is not None:
            yield from self._users(info, method)

    def uses(self, function: str, file: str) -> bool:
        """Whether a file says `function` and imports the module that is written in `file`."""
        place = Path(file)
        stem = place.parent.name if place.stem == "__init__" else place.stem
        words = (function.encode(), stem.encode())
        return any(each.says(*words) and self._imports(each, file, stem) for each in self._outside)

    def mentions(self, info: ClassInfo, names: frozenset[str]) -> bool:
        return any(True for _ in self._meeting(info, names))

    def calls(self, info: ClassInfo, name: str) -> bool:
        call = re.compile(rb"(\bself)?\s*\.\s*" + re.escape(name.encode()) + rb"\s*\(")
        heirs = {each.encode() for each in self._descendants(info.name)}
        for each in self._meeting(info, frozenset({name})):
            owners = {match[1] for match in call.finditer(each.data)}
            # `self` is of another class, unless one of the file's is an heir.
            if None in owners or (owners and not each.base_names.isdisjoint(heirs)):
                return True
        return False

    @cached_property
    def _outside(self) -> list[Bystander]:
        """The files that are no part of the project."""
        self._neighbours.asked += 1
        found = self._neighbours.around(self._run, self._known)
        beside = ((file, data) for file, data in self._beside.items() if file not in self._known)
        return found + [Bystander(Path(file), data) for file, data in beside]

    def _saying(self, word: str) -> list[Bystander]:
        """The files that say a word, in the order of all."""
        if word not in self._saying_word:
            wanted = word.encode()
            self._saying_word[word] = [
                *(each for each in self._outside if each.says(wanted)),
                *map(self._neighbours.module, self._project.saying(word)),
            ]
        return self._saying_word[word]

    def _passing(self, keyword: str) -> Iterator[str]:
        """The calls that pass a keyword argument: of what, cannot be told there."""
        for each in self._outside:
            if keyword.encode() not in each.data:
                continue
            tree = each.tree
            if tree is None:
                yield f"{each.path.name}, which cannot be read, says `{keyword}`"
                continue
            for node in of_kind(tree, ast.Call):
                if any(one.arg == keyword for one in node.keywords):
                    yield f"`{ast.unparse(node.func)}` gets a `{keyword}` ({each.path.name}:{node.lineno})"

    def _users(self, info: ClassInfo, method: str) -> Iterator[str]:
        """Uses of a helper method in files that may meet its class."""
        for each in self._meeting(info, frozenset({method})):
            tree = each.tree
            for node in of_kind(tree, ast.Attribute) if tree is not None else ():
                match node:
                    case ast.Attribute(value=ast.Name(id="self")):
                        pass
                    case ast.Attribute(attr=name) if name == method:
                        yield f"`{ast.unparse(node)}` ({each.path.name}:{node.lineno}) may be it"

    def _meeting(self, info: ClassInfo, names: frozenset[str]) -> Iterator[Bystander]:
        """The files that say one of some names and may meet an instance of a class."""
        wanted = {name.encode() for name in names}
        for each in self._outside:
            if not any(each.says(word) for word in wanted):
                continue
            # Who never names the class may be handed an instance by somebody who names both.
            speaking = self._speaking(info.name)
            stem = each.path.stem.encode()
            if each in speaking or any(other.says(stem) for other in speaking):
                yield each

    def _speaking(self, class_name: str) -> dict[Bystander, None]:
        """The files that name a class or an heir of it."""
        if class_name not in self._speaking_of:
            saying = (each for name in self._descendants(class_name) for each in self._saying(name))
            self._speaking_of[class_name] = dict.fromkeys(saying)
        return self._speaking_of[class_name]

    def _subclasses(self, class_name: str, method: str, but: str) -> Iterator[tuple[ast.ClassDef, Path]]:
        """The classes that, by their names, inherit from a class and call or override a method of it.

        Args:
            class_name: The class; subclasses are found by its name.
            method: The method that would gain a parameter, or pass it on explicitly.
            but: The file of the class itself, which is not looked at.
        """
        names = self._descendants(class_name)
        speaking = self._speaking(class_name)
        for each in self._saying(method):
            if str(each.path) == but or each not in speaking:
                continue
            for info, bases in each.classes:
                if bases & names:
                    yield info, each.path

    def _heirs(self, base: str) -> set[str]:
        """The names of what may be a subclass of a class, by its name."""
        if base not in self._heirs_of:
            self._heirs_of[base] = {
                heir for each in self._saying(base) for one, heir in each.heirs if one == base
            }
        return self._heirs_of[base]

    def _descendants(self, class_name: str) -> set[str]:
        names = {class_name}
        waiting = [class_name]
        while waiting:
            new = self._heirs(waiting.pop()) - names
            names |= new
            waiting += new
        return names

    def _imports(self, bystander: Bystander, file: str, stem: str) -> bool:
        """Whether a file imports what is written in `file`, or something of its name that is not found."""
        module = Module(Source("", str(bystander.path)), self._project, given=False)
        for dotted in bystander.imported:
            found = self._project.resolve(dotted, module)
            if found.startswith(f"{IN_PROJECT}{file}|"):
                return True
            if not is_in_project(found) and stem in dotted.split("."):
                return True
        return False


def _may_inherit(module: Module, node: ast.ClassDef, info: ClassInfo) -> bool:
    """Whether a class of the project, told by its name, may be a subclass that it does not know of."""
    return any(
        each.name == node.name
        and each not in info.family
        and any(base is None or not is_known_base(base) for base in each.outside_bases)
        for each in module.classes
    )
