"""Layers that are called for what they do besides returning a tensor: losses, records, checks, prints.

Whether Keras' own layers do, a table says. A class that somebody wrote does if something in it may: a
statement that is a call says so, for it is there for its effect; and so does a `call` that has nothing to
give back but what it was given.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from kerasfix.analysis.dataflow import DataFlow
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import BuiltinLayer, Container, Stack, UserLayer, Value, is_layer
from kerasfix.keras.layers import Effect
from kerasfix.syntax import own_nodes

# What only looks at a tensor; many a layer prints a shape and is there for its output.
_LOOKERS = frozenset({"print", "tensorflow.print"})
_CHECKS = ("tensorflow.debugging.",)
_LOGS = re.compile(r"(?:^|[._])log(?:ging|ger)?\.\w+$")
# What people call functions that look at something, or tell Keras of a mask.
_CHECKS_SAY = re.compile(r"(?:^|_)(?:assert|check|ensure|validate|verify|warn)|set_keras_mask$|^set_shape$")


class Effects:
    """The effects of the layers of a project.

    Args:
        flow: Its classes and layers.
    """

    def __init__(self, flow: TrainingFlow) -> None:
        self._flow = flow
        self._layers = flow.layers
        self._classes: dict[ClassInfo, bool] = {}
        self._acting: dict[ClassInfo, bool] = {}

    def of_any(self, values: Iterable[Value]) -> bool:
        """Whether calling any of several values may do more than return a tensor."""
        return any(self._of(value) for value in values)

    def _of(self, value: Value) -> bool:
        match value:
            case BuiltinLayer(fact=known, inner=inner):
                return known.effect is Effect.UNKNOWN or _regularizes(value) or self.of_any(inner)
            case UserLayer(info=info):
                return self._of_class(info)
            case Stack(layers=parts) | Container(elements=parts):
                return self.of_any(parts)
        return False

    def _of_class(self, info: ClassInfo) -> bool:
        if info not in self._classes:
            call = info.find("call")
            is_idle = call is not None and _gives_nothing_new(call)
            self._classes[info] = info.is_open or is_idle or self._class_acts(info)
        return self._classes[info]

    def _class_acts(self, info: ClassInfo) -> bool:
        """Whether something that a class runs, or a layer in it, does something for certain."""
        if info not in self._acting:
            self._acting[info] = False  # while it is looked at, for a class that has itself as a layer
            call = info.find("call")
            methods = self._flow.reachable(call) if call is not None else []
            self._acting[info] = any(
                self._acts(node, method) for method in methods for node in own_nodes(method.node.body)
            ) or any(
                self._inner_acts(value)
                for attribute in self._layers.attributes(info).values()
                for value in attribute.values
            )
        return self._acting[info]

    def _inner_acts(self, value: Value) -> bool:
        match value:
            case BuiltinLayer(inner=inner):
                return _regularizes(value) or any(self._inner_acts(each) for each in inner)
            case UserLayer(info=info):
                return self._class_acts(info)
            case Stack(layers=parts) | Container(elements=parts):
                return any(self._inner_acts(each) for each in parts)
        return False

    def _acts(self, node: ast.AST, method: Method) -> bool:
        """Whether a statement is there for what it does: a call that is no layer's, a value that is kept."""
        match node:
            case ast.Expr(value=ast.Call(func=func)):
                dotted = func.id if isinstance(func, ast.Name) else method.scope.dotted(func) or ""
                if dotted in _LOOKERS or dotted.startswith(_CHECKS) or _is_of_local(func, method):
                    return False
                if _LOGS.search(dotted or ast.unparse(func)):
                    return False
                if _CHECKS_SAY.search(dotted.rpartition(".")[2] or getattr(func, "attr", "")):
                    return False
                if isinstance(func, ast.Attribute) and method.owner.find(func.attr) is not None:
                    # What a method of its own does is looked at by itself.
                    return False
                values = self._layers.values_of(func, method, method.scope)
                return not values or not all(is_layer(each) for each in values)
            case ast.Attribute(ctx=ast.Store()):
                return True
            case ast.Subscript(value=owner, ctx=ast.Store()):
                return isinstance(owner, ast.Attribute)
        return False


def _regularizes(layer: BuiltinLayer) -> bool:
    """Whether a call of a layer of Keras adds a loss: `Dense(4, activity_regularizer="l2")`."""
    return layer.fact.name == "ActivityRegularization" or any(
        keyword.arg == "activity_regularizer" and ast.unparse(keyword.value) != "None"
        for keyword in layer.call.keywords
    )


def _is_of_local(func: ast.expr, method: Method) -> bool:
    """Whether a method of something is called that the function made itself: `outputs.append(x)`."""
    match func:
        case ast.Attribute(value=ast.Name(id=name)):
            stores = (node for node in own_nodes(method.node.body) if isinstance(node, ast.Name))
            return any(node.id == name and isinstance(node.ctx, ast.Store) for node in stores)
    return False


def _gives_nothing_new(call: Method) -> bool:
    """Whether a `call` returns nothing, or just what it was given: there is no output to lose."""
    nodes = list(own_nodes(call.node.body))
    flow = DataFlow(call.node)
    given = {*flow.parameters.values()}
    for node in nodes:
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        seen = flow.reaching.get(node.value, frozenset()) if isinstance(node.value, ast.Name) else frozenset()
        if not seen or not seen <= given:
            return False
    return True
