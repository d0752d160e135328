"""Which calls made what an expression stands for: a model of `keras.applications`, a `Model`, an `Input`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.scope import Scope
from kerasfix.keras import names
from kerasfix.keras.layers import APPLICATIONS
from kerasfix.syntax import own_nodes

MODELS = frozenset({names.MODEL, names.SEQUENTIAL})
_LOADED = frozenset({"keras.models.load_model", "keras.models.clone_model"})


@dataclass(frozen=True, slots=True)
class Made:
    """A call that makes something, and the names at it."""

    call: ast.Call
    scope: Scope

    @property
    def dotted(self) -> str | None:
        return self.scope.dotted(self.call.func)

    @property
    def application(self) -> str | None:
        """The model of `keras.applications` that it makes."""
        name = names.application_name(self.dotted)
        return name if name in APPLICATIONS else None


def made_by(node: ast.expr, scope: Scope, method: Method | None) -> list[Made]:
    """The calls that can have made what an expression stands for; none if it may come from anywhere else."""
    match node:
        case ast.Call():
            return [Made(node, scope)]
        case ast.Name(id=name):
            bindings: list[tuple[object, Scope]] = [(each, scope) for each in scope.lookup(name)]
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if method and owner == method.self_name:
            bindings = [(each, place) for each, place in _assigned(method.owner, name)]
        case _:
            return []
    calls = [Made(each, place) for each, place in bindings if isinstance(each, ast.Call)]
    others = [each for each, _ in bindings if not isinstance(each, ast.Call) and not _is_none(each)]
    return [] if others else calls


def is_model(node: ast.expr, scope: Scope, method: Method | None) -> bool:
    """Whether an expression is a model that is made in sight, or a layer of one."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="get_layer")):
            return is_model(owner, scope, method)
        case ast.Subscript(value=ast.Attribute(value=owner, attr="layers")):
            return is_model(owner, scope, method)
    made = made_by(node, scope, method)
    return bool(made) and all(each.dotted in MODELS | _LOADED or each.application for each in made)


def is_input(node: ast.Attribute, scope: Scope, method: Method | None) -> bool:
    """Whether an attribute of `self` holds an Input, and nothing else."""
    made = made_by(node, scope, method)
    return bool(made) and all(each.dotted == names.INPUT for each in made)


def _is_none(node: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _assigned(info: ClassInfo, name: str) -> Iterator[tuple[ast.expr, Scope]]:
    """What a class and its ancestors in the module assign to one attribute of `self`."""
    for each in info.ancestors:
        for method in each.methods.values():
            for node in own_nodes(method.node.body):
                if isinstance(node, ast.Assign):
                    for target in node.targets:
                        match target:
                            case ast.Attribute(value=ast.Name(id=owner), attr=attr):
                                if owner == method.self_name and attr == name:
                                    yield node.value, method.scope
