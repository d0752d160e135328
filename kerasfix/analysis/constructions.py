"""Where classes are made, as far as the given modules show it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Parameter
from kerasfix.syntax import of_kind


class Constructions:
    """The calls that make the classes of a project.

    Args:
        project: The modules.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._calls: dict[ClassInfo, list[ast.Call]] = {}

    def give(self, info: ClassInfo | None, parameter: Parameter) -> bool:
        """Whether somebody makes a class with an argument for a parameter of its constructor."""
        return info is not None and any(_gives(call, parameter) for call in self._of(info))

    def _of(self, info: ClassInfo) -> list[ast.Call]:
        if info not in self._calls:
            self._calls[info] = list(self._find(info))
        return self._calls[info]

    def _find(self, info: ClassInfo) -> Iterator[ast.Call]:
        """The calls of the class and of its heirs, and those by `super().__init__` in heirs."""
        wanted = {info, *info.descendants}
        for heir in info.descendants:
            constructor = heir.methods.get("__init__")
            for node in of_kind(constructor.node, ast.Call) if constructor is not None else ():
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Call(), attr="__init__")):
                        yield node
        for module in self._project.given:
            for node in of_kind(module.source.tree, ast.Call) if module.speaks_of(info) else ():
                match node:
                    case ast.Call(func=ast.Name() | ast.Attribute() as func):
                        if self._project.class_named(func, module.scope) in wanted:
                            yield node


def _gives(call: ast.Call, parameter: Parameter) -> bool:
    if any(keyword.arg in (parameter.name, None) for keyword in call.keywords):
        return True
    return len(call.args) > parameter.position or any(isinstance(each, ast.Starred) for each in call.args)
