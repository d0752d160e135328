"""The modules of a run, and what the names that they import from each other stand for.

Modules are found by their files, as Python would find them, and only when a name leads there. So one given
file costs the modules that its bases and layers come from, and a tree is read once.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.library import Library
from kerasfix.analysis.places import Places
from kerasfix.analysis.scope import (
    EITHER,
    IN_PROJECT,
    Function,
    Imported,
    Scope,
    alternatives,
    either,
    is_in_project,
    missing,
)
from kerasfix.keras.layers import LayerFact
from kerasfix.keras.names import canonical
from kerasfix.source import Source
from kerasfix.syntax import of_kind

_MAX_STEPS = 30
_BACKEND = re.compile(r"""KERAS_BACKEND["'\])]*\s*[=,]\s*["'](\w+)["']""")


class Project:
    """Modules that know each other.

    Args:
        sources: The texts that are looked at, by absolute path; a text that is no file goes by "".
        library: The texts of modules that these import.
        layers: Layer classes of other packages by their dotted names, besides those that the tables know.
        places: Where modules are; found out from the sources alone if left out.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        library: Library | None = None,
        layers: Mapping[str, LayerFact] | None = None,
        places: Places | None = None,
    ) -> None:
        self._library = library or Library()
        self.layers: Mapping[str, LayerFact] = layers or {}
        self.given: list[Module] = [Module(source, self, given=True) for source in sources.values()]
        self._modules: dict[str, Module | None] = {module.file: module for module in self.given}
        self._names: dict[tuple[str, str], str] = {}
        self._speaking: dict[ClassInfo, dict[Module, None]] = {}
        self._places = places or Places(module.file for module in self.given)

    @classmethod
    def of(cls, source: Source) -> Project:
        """The project of a single text."""
        return cls({source.file: source})

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """The classes of the given modules, each with its subclasses among them."""
        found = [info for module in self.given for info in module.classes]
        for info in found:
            for base in info.bases:
                if isinstance(base, ClassInfo) and info not in base.subclasses:
                    base.subclasses.append(info)
        return found

    @cached_property
    def keras_classes(self) -> list[ClassInfo]:
        return [info for info in self.classes if info.kind is not None]

    @cached_property
    def backends(self) -> frozenset[str]:
        """The backends on which the given modules say that Keras runs."""
        return frozenset(match for each in self.given for match in _BACKEND.findall(each.source.text))

    def methods(self) -> Iterator[Method]:
        """The methods of the given modules' Keras classes and of all that shares `self` with them."""
        family = dict.fromkeys(each for info in self.keras_classes for each in info.family)
        for info in family:
            yield from info.methods.values()

    @cached_property
    def handing_on(self) -> dict[Function, list[Method]]:
        """For each decorator of the project, the given methods below it that hand on `training`."""
        methods = [
            method
            for info in self.keras_classes
            for method in info.methods.values()
            if method.node.decorator_list
            and method.takes("training")
            and any(
                node.arg == "training" and isinstance(node.value, ast.Name) and node.value.id == "training"
                for node in of_kind(method.node, ast.keyword)
            )
        ]
        found: dict[Function, list[Method]] = {}
        for method in methods:
            for decorator in method.node.decorator_list:
                name = decorator.func if isinstance(decorator, ast.Call) else decorator
                function = self.function_named(name, method.owner.scope)
                if function is not None:
                    found.setdefault(function[0], []).append(method)
        return found

    @property
    def loaded(self) -> list[str]:
        """The files of the modules that were read because something given imports them."""
        return [file for file, module in self._modules.items() if module is not None and not module.given]

    def speaking(self, info: ClassInfo) -> dict[Module, None]:
        """The given modules that name a class or an heir of it, or hold one."""
        if info not in self._speaking:
            found: dict[Module, None] = {}
            for each in (info, *info.descendants):
                found.update(dict.fromkeys(self.saying(each.name)))
                if each.module.given:
                    found[each.module] = None
            self._speaking[info] = found
        return self._speaking[info]

    def saying(self, word: str) -> Sequence[Module]:
        """The given modules in which a word occurs."""
        return self._saying.get(word, ())

    @cached_property
    def _saying(self) -> dict[str, list[Module]]:
        found: dict[str, list[Module]] = {}
        for module in self.given:
            for word in module.words:
                found.setdefault(word, []).append(module)
        return found

    def may_meet(self, module: Module, info: ClassInfo) -> bool:
        """Whether an instance of a class can have got into a module: it speaks of the class, or somebody does
        who speaks of the module too.
        """
        if module.speaks_of(info):
            return True
        stem = os.path.splitext(os.path.basename(module.file))[0]
        speaking, saying = self.speaking(info), self.saying(stem)
        if len(saying) < len(speaking):
            return any(each in speaking for each in saying)
        return any(stem in each.words for each in speaking)

    def class_named(self, node: ast.expr, scope: Scope, steps: int = 8) -> ClassInfo | None:
        """The class of the project that a name stands for, if it can be only one."""
        if isinstance(node, ast.Name):
            binding = scope.value(node.id)
            if isinstance(binding, ast.ClassDef):
                module = self.module_of(scope)
                return module.class_of_node.get(binding) if module is not None else None
            if isinstance(binding, ast.Name) and steps:
                return self.class_named(binding, scope, steps - 1)
        dotted = scope.dotted(node)
        return self.class_at(dotted) if dotted is not None else None

    def module_of(self, scope: Scope) -> Module | None:
        """The module that a scope is in."""
        home = scope.root.home
        return self._modules.get(home.file) if home is not None else None

    def class_at(self, name: str) -> ClassInfo | None:
        """The class that `resolve` named."""
        definition = self.definition(name)
        if definition is None or not isinstance(definition[1], ast.ClassDef):
            return None
        return definition[0].class_of_node.get(definition[1])

    def function_named(self, node: ast.expr, scope: Scope) -> tuple[Function, Scope] | None:
        """The function of the project that a name stands for, with the scope that it is written in."""
        if isinstance(node, ast.Name):
            binding = scope.value(node.id)
            if isinstance(binding, Function):
                return binding, scope.root
        dotted = scope.dotted(node)
        definition = self.definition(dotted) if dotted is not None else None
        if definition is None or not isinstance(definition[1], Function):
            return None
        return definition[1], definition[0].scope

    def resolve(self, dotted: str, importer: Module) -> str:
        """What a dotted name stands for in a module: the name of Keras or of another package, or
        `file:PATH|NAME` for what is written in the project.
        """
        if dotted.startswith(EITHER):
            return either(self.resolve(each, importer) for each in alternatives(dotted))
        if not is_in_project(dotted):
            known = canonical(dotted)
            if known == "keras" or known.startswith("keras."):
                return known
        key = ("" if is_in_project(dotted) else importer.file, dotted)
        if key not in self._names:
            self._names[key] = canonical(dotted)  # where imports go round in circles
            self._names[key] = self._resolve(dotted, importer)
        return self._names[key]

    def module_named(self, dotted: str, importer: Module) -> Module | None:
        """The module of the project that a module imports under a name."""
        found = self._start(dotted, importer)
        if found is None:
            return None
        here, steps = found
        for step in steps:
            member = self._member(here, step, last=False)
            if member is None or not is_in_project(member) or not member.endswith("|"):
                return None
            here = member[len(IN_PROJECT) : -1]
        return self._module(here)

    def definition(self, name: str) -> tuple[Module, ast.AST] | None:
        """What `resolve` named, if it is bound once: a class, a function, an expression."""
        if not is_in_project(name):
            return None
        path, _, inner = name[len(IN_PROJECT) :].rpartition("|")
        module = self._module(path)
        if module is None or not inner or "." in inner:
            return None
        binding = module.scope.bindings.get(inner, [])
        return (module, binding[0]) if len(binding) == 1 and isinstance(binding[0], ast.AST) else None

    def _resolve(self, dotted: str, importer: Module) -> str:
        if is_in_project(dotted):
            place, _, inner = dotted.rpartition("|")
            steps = [step for step in inner.split(".") if step]
            here = place[len(IN_PROJECT) :]
            if steps and not inner.startswith("."):
                # Something of a class or a function.
                return dotted
        else:
            found = self._start(dotted, importer)
            if found is None:
                return canonical(dotted)
            here, steps = found
        for index, step in enumerate(steps[:_MAX_STEPS]):
            member = self._member(here, step, last=index + 1 == len(steps))
            if member is None:
                return dotted
            if member.endswith("|"):
                here = member[len(IN_PROJECT) : -1]
                continue
            rest = steps[index + 1 :]
            return self.resolve(".".join([member, *rest]), importer) if rest else member
        return f"{IN_PROJECT}{here}|"

    def _start(self, dotted: str, importer: Module) -> tuple[str, list[str]] | None:
        """The file or folder where the search begins, and the names that are left."""
        return self._places.start(dotted, importer.file) if importer.file else None

    def _member(self, place: str, name: str, *, last: bool) -> str | None:
        """What `name` is in a module or folder; None if that cannot be told.

        On the way to something else it is a module where there is one; at the end, what `__init__` calls so.
        """
        is_file = place.endswith(".py")
        inner = self._places.inside(place, name)
        if is_file and (last or inner is None):
            module = self._module(place)
            if module is None:
                return None
            found = self._bound(module, name)
            if found is not None:
                return found
        if inner is not None:
            return f"{IN_PROJECT}{inner}|"
        return missing(f"{IN_PROJECT}{place}|", name) if is_file else None

    def _bound(self, module: Module, name: str) -> str | None:
        """What a module binds `name` to; None if it does not, itself or by a star import."""
        scope = module.scope
        bindings = scope.bindings.get(name)
        if not bindings:
            return scope.dotted(ast.Name(name, ast.Load()))
        here = f"{IN_PROJECT}{module.file}|{name}"
        names: set[str] = set()
        for binding in bindings:
            if isinstance(binding, Imported):
                names.add(self.resolve(binding.dotted, module))
            elif isinstance(binding, ast.Name) and binding.id != name:
                names.add(self._bound(module, binding.id) or here)
            elif isinstance(binding, ast.Attribute):
                names.add(scope.dotted(binding) or here)
            else:
                names.add(here)
        return here if here in names else either(names)

    def _module(self, path: str) -> Module | None:
        if path not in self._modules:
            self._modules[path] = None
            self._modules[path] = self._load(path)
        return self._modules[path]

    def _load(self, path: str) -> Module | None:
        """A module that was not given; None if it is not to be read."""
        source = self._library.source(path)
        return Module(source, self, given=False) if source is not None else None
