"""Who calls a function of the project: all calls of it, or that there may be others."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.calls import Call, calls_in
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Function, Imported
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.threads import Objections
from kerasfix.syntax import of_kind

_HANDING_ON = (ast.Call, ast.Assign, ast.Return, ast.Dict, ast.List, ast.Tuple)


@dataclass(slots=True)
class _Names:
    """A module's calls, by the last name of what is called."""

    calls: dict[str | None, list[Call]] = field(default_factory=dict)
    # Last names of what is imported under another one.
    renamed: set[str] = field(default_factory=set)


class Callers:
    """The calls of a project.

    Args:
        project: The modules.
        objections: Knows of files that are not looked at.
    """

    def __init__(self, project: Project, objections: Objections) -> None:
        self._project = project
        self._objections = objections
        self._calls: dict[Module, list[Call]] = {}
        self._names: dict[Module, _Names] = {}
        self._found: dict[Function, list[Call] | None] = {}
        self._made: dict[ClassInfo, list[Call] | None] = {}
        self._given_on: dict[Module, list[ast.expr]] = {}

    def calls(self, module: Module) -> list[Call]:
        """All calls of a module."""
        if module not in self._calls:
            self._calls[module] = list(calls_in(module))
        return self._calls[module]

    def is_method(self, function: Function) -> bool:
        return function in self._methods

    def of(self, function: Function, module: Module) -> list[Call] | None:
        """The calls of a function that `module` defines; None if it is used in another way too."""
        if function not in self._found:
            found: list[Call] | None = []
            if self._objections.uses(function.name, module.file):
                found = None
            for each in self._project.given:
                if found is not None and function.name in each.words:
                    here = self._in_module(each, function)
                    found = None if here is None else found + here
            self._found[function] = found
        return self._found[function]

    def constructions(self, info: ClassInfo) -> list[Call] | None:
        """The calls by which a class, or an heir with the same constructor, is made; None if there may be
        others.
        """
        if info not in self._made:
            self._made[info] = self._constructions(info)
        return self._made[info]

    def _constructions(self, info: ClassInfo) -> list[Call] | None:
        constructor = info.find("__init__")
        heirs = [each for each in info.descendants if each.find("__init__") is not constructor]
        wanted = {info, *info.descendants}.difference(heirs)
        if any(self._objections.uses(each.name, each.module.file) for each in wanted):
            return None
        found: list[Call] = []
        for module in self._project.given:
            if not any(each.name in module.words for each in (info, *info.descendants)):
                continue
            names = self._names_of(module)
            if names.renamed & {each.name for each in wanted}:
                return None
            for each in wanted:
                made = [
                    call
                    for call in names.calls.get(each.name, [])
                    if self._project.class_named(call.node.func, call.spot.scope) is each
                ]
                found += made
                if self._is_handed_on(each, module, {call.node.func for call in made}):
                    return None
            for call in names.calls.get("__init__", []):
                method = call.spot.method
                if method is None or method.owner not in heirs or not _goes_to(method, constructor):
                    continue
                if not isinstance(call.node.func, ast.Attribute) or not isinstance(
                    call.node.func.value, ast.Call
                ):
                    # `Base.__init__(self, x)`
                    return None
                found.append(call)
        return found

    def _is_handed_on(self, info: ClassInfo, module: Module, made: set[ast.expr]) -> bool:
        """Whether a class is put somewhere, from where it may be made."""
        for node in self._handing_on(module):
            for each in of_kind(node, ast.Name):
                if each.id == info.name and each not in made:
                    return True
        return False

    def _handing_on(self, module: Module) -> list[ast.expr]:
        """What a module assigns, returns and gives to functions, where that is no call itself."""
        if module not in self._given_on:
            found: list[ast.expr] = []
            for node in of_kind(module.source.tree, *_HANDING_ON):
                match node:
                    case ast.Call(func=ast.Name(id="isinstance" | "issubclass" | "super" | "cast")):
                        continue
                    case ast.Call(args=args, keywords=keywords):
                        found += [
                            each for each in (*args, *(one.value for one in keywords)) if _is_name(each)
                        ]
                    case ast.Assign(value=value) | ast.Return(value=ast.expr() as value):
                        found += [value] if _is_name(value) else []
                    case ast.Dict(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                        found += [each for each in values if _is_name(each)]
            self._given_on[module] = found
        return self._given_on[module]

    def named(self, function: Function, module: Module) -> list[Call]:
        """The calls by name of a function that `module` defines, in that module."""
        return [
            call
            for call in self._names_of(module).calls.get(function.name, [])
            if (target := self._project.function_named(call.node.func, call.spot.scope)) is not None
            and target[0] is function
        ]

    @cached_property
    def _methods(self) -> dict[Function, Method]:
        return {method.node: method for info in self._project.classes for method in info.methods.values()}

    def _in_module(self, module: Module, function: Function) -> list[Call] | None:
        method = self._methods.get(function)
        names = self._names_of(module)
        if function.name in names.renamed:
            return None
        found: list[Call] = []
        called: set[ast.expr] = set()
        for call in names.calls.get(function.name, []):
            func, spot = call.node.func, call.spot
            called.add(func)
            if method is None:
                target = self._project.function_named(func, spot.scope)
                if target is not None and target[0] is function:
                    found.append(call)
            elif spot.method and method in called_methods(func, spot.method):
                found.append(call)
            elif isinstance(func, ast.Attribute) and spot.scope.dotted(func) is None:
                return None
        for node in module.reads.get(function.name, ()):
            if node in called or (method is not None and isinstance(node, ast.Name)):
                continue
            if method is not None or self._is(node, function, module):
                return None
        return found

    def _is(self, node: ast.expr, function: Function, module: Module) -> bool:
        """Whether a name, at module level, can stand for a function."""
        if isinstance(node, ast.Name) and function in module.scope.lookup(node.id):
            return True
        found = self._project.function_named(node, module.scope)
        return found is not None and found[0] is function

    def _names_of(self, module: Module) -> _Names:
        if module not in self._names:
            names = self._names[module] = _Names()
            for call in self.calls(module):
                names.calls.setdefault(call.name, []).append(call)
            for bound, bindings in module.scope.bindings.items():
                last = {each.dotted.rpartition(".")[2] for each in bindings if isinstance(each, Imported)}
                names.renamed |= last - {bound}
        return self._names[module]


def _goes_to(method: Method, constructor: Method | None) -> bool:
    """Whether `super().__init__` in a method is a constructor."""
    above = [each.methods["__init__"] for each in method.owner.ancestors[1:] if "__init__" in each.methods]
    return bool(above) and above[0] is constructor


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)
