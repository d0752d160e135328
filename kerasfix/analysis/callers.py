"""Who calls a function of the project: all calls of it, or that there may be others."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.calls import Call, calls_in
from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Function, Imported
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.threads import Objections
from kerasfix.syntax import walk


@dataclass(slots=True)
class _Names:
    """A module's calls and reads, by the last name of what is called or read."""

    calls: dict[str | None, list[Call]] = field(default_factory=dict)
    attributes: dict[str, list[ast.Attribute]] = field(default_factory=dict)
    variables: dict[str, list[ast.Name]] = field(default_factory=dict)
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
        reads: list[ast.expr] = [*names.attributes.get(function.name, [])]
        if method is None:
            reads += names.variables.get(function.name, [])
        for node in reads:
            if node not in called and (method is not None or self._is(node, function, module)):
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
            for node in walk(module.source.tree):
                if isinstance(node, ast.Attribute):
                    names.attributes.setdefault(node.attr, []).append(node)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names.variables.setdefault(node.id, []).append(node)
            for bound, bindings in module.scope.bindings.items():
                last = {each.dotted.rpartition(".")[2] for each in bindings if isinstance(each, Imported)}
                names.renamed |= last - {bound}
        return self._names[module]
