"""Which calls are calls of Keras layers, for certain, that are made for nothing but their output."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from benchmarks.restore.knowledge import Is, Knowledge, keras_class, own_attribute, site_kind
from benchmarks.restore.library import ClassInfo, Function, Module

# Layers that are called for more than what they return.
_BUILTIN_EFFECTS = {"ActivityRegularization", "DenseFeatures"}
_EFFECTS = {"add_loss", "add_metric", "add_update", "assign", "assign_add", "assign_sub", "update_state"}
# Bases that say nothing about what a call does.
_HARMLESS_BASES = {"object", "abc.ABC", "typing.Generic"}


@dataclass(frozen=True, eq=False)
class Site:
    """A layer call.

    Attributes:
        name: What is called: `self.conv1`, or the class of a layer that is made in the call.
        is_made: Whether the layer is made there, to be called once.
        has_effect: Whether it may be called for more than its output.
    """

    call: ast.Call
    name: str
    is_made: bool
    has_effect: bool

    @property
    def consumed(self) -> ast.expr | None:
        return self.call.args[0] if self.call.args else None


class Layers:
    """Tells the layer calls in the functions of one library."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._effects: dict[ClassInfo, bool] = {}

    def site(
        self, module: Module, info: ClassInfo | None, method: Function, node: ast.expr | None
    ) -> Site | None:
        """The layer call that an expression is, if it surely is one.

        Args:
            info: The Keras class that the function is a method of, if it is one.
        """
        match node:
            case ast.Call(func=ast.Call(func=made)):
                target = self.knowledge.target(module, made)
                if not self._is_layer(target):
                    return None
                return Site(node, ast.unparse(made), True, self._has_effect(target))
            case ast.Call(func=func) if info is not None and _is_own(func, method):
                values = [
                    value
                    for value in self.knowledge.values(info, method, func)
                    if value.kind is not Is.NOTHING
                ]
                if site_kind(values) is Is.UNKNOWN or not all(self._is_layer(each.target) for each in values):
                    return None
                effect = any(self._has_effect(each.target) for each in values)
                return Site(node, ast.unparse(func), False, effect)
        return None

    def _is_layer(self, target: ClassInfo | str | None) -> bool:
        if isinstance(target, ClassInfo):
            return self.knowledge.is_keras(target)
        # What a list of values gives is the bare name of the class; what a name stands for, a dotted one.
        return target is not None and ("." not in target or keras_class(target) is not None)

    def _has_effect(self, target: ClassInfo | str | None) -> bool:
        if not isinstance(target, ClassInfo):
            return target is None or target.rpartition(".")[2] in _BUILTIN_EFFECTS
        if target not in self._effects:
            self._effects[target] = self._class_has_effect(target)
        return self._effects[target]

    def _class_has_effect(self, info: ClassInfo) -> bool:
        for each in self.knowledge.ancestors(info):
            if isinstance(each, ClassInfo):
                if any(_acts(name, method) for name, method in each.methods.items()):
                    return True
            elif each is None or not (keras_class(each) or each in _HARMLESS_BASES):
                return True  # nobody can say what its base does
        return False


def _acts(name: str, method: Function) -> bool:
    return name != "__init__" and any(
        isinstance(node, ast.Attribute)
        and (node.attr in _EFFECTS or (name == "call" and isinstance(node.ctx, ast.Store)))
        for node in ast.walk(method)
    )


def _is_own(func: ast.expr, method: Function) -> bool:
    """Whether it is `self.name` or `self.name[i]`."""
    inner = func.value if isinstance(func, ast.Subscript) else func
    return own_attribute(inner, method) is not None
