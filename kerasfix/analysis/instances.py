"""Which layers and models an expression can stand for, wherever it is in a project.

A variable is followed to what it is bound to, a parameter to what the function is called with, a name of
another module of the project to what that module says.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call, Spot, spots_of
from kerasfix.analysis.decorators import is_transparent
from kerasfix.analysis.evaluate import Place
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.scope import (
    Binding,
    Function,
    Imported,
    Parameter,
    Scope,
    default_values,
    is_in_project,
)
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.standing import standing
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import (
    NOTHING,
    OTHER,
    UNKNOWN,
    BuiltinLayer,
    Nothing,
    Stack,
    UserLayer,
    Value,
    flat,
    frozen,
    is_layer,
)
from kerasfix.keras import names
from kerasfix.syntax import own_nodes

_MAX_STEPS = 8
# What gives back what it is given, as far as calls of it go.
_SAME = frozenset({"tensorflow.function", "functools.partial"})
# Where models come from that were saved, or copied.
_MODELS = "keras.models."
_OF_KERAS = frozenset({"compiled_loss", "compute_loss", "compute_metrics", "add_loss", "loss", "loss_fn"})
# Methods of optimizers, tapes, tensors, metrics and containers, which run no model.
_RUN_NO_MODEL = """
    append add apply apply_gradients assign assign_add assign_sub astype backward batch copy detach
    enumerate eval extend format gather get get_shape get_weights gradient items jacobian join keys log
    loss loss_fn map mean minimize numpy optimizer pop print prob read reshape reset_state reset_states
    result run sample save save_weights set_weights shape shuffle split stack start_tape stop_recording
    sum summary take trace train update update_state values view watch write zero_grad zip compute_loss
    log_prob entropy kl_divergence step
"""
_NO_MODEL = frozenset(_RUN_NO_MODEL.split())


@dataclass(frozen=True, slots=True)
class Who:
    """What a thing can be an instance of.

    Attributes:
        classes: Classes of the project.
        complete: Whether it can be nothing else that matters: nothing that a call of it could run these
            classes through.
    """

    classes: frozenset[ClassInfo]
    complete: bool

    def is_one_of(self, wanted: set[ClassInfo]) -> bool | None:
        """Whether it is an instance of one of `wanted`; None if it may be."""
        if self.classes & wanted:
            return True if self.complete else None
        return False if self.complete else None


# What is no layer and no model for certain.
_NO_LAYER: list[Value] = []
_ANYTHING: list[Value] = [UNKNOWN]


class Instances:
    """Tells of a project's calls whose instances they call.

    Args:
        flow: The layers and classes of the project.
        callers: Who calls its functions.
    """

    def __init__(self, flow: TrainingFlow, callers: Callers) -> None:
        self._flow = flow
        self._project = flow.project
        self._callers = callers
        self._known: dict[ast.expr, Who] = {}
        # Parameters and variables that are being followed.
        self._asking: set[tuple[Function, str]] = set()
        self._following: set[tuple[int, ...]] = set()
        # Attributes that are being followed, with their classes.
        self._held_by: set[tuple[ClassInfo, str]] = set()
        self._spots: dict[Module, dict[Function, Spot]] = {}

    def values_at(self, node: ast.expr, spot: Spot) -> list[Value]:
        """The layers and models that an expression can be; nothing if it is none for certain."""
        if spot.narrowed:
            classes = spot.narrowed.get(ast.unparse(node))
            found = [self._project.class_named(each, spot.scope) for each in classes or ()]
            if found and None not in found:
                return [value for each in found if each is not None for value in _instances_of(each)]
        return self._find(node, spot, _MAX_STEPS)

    def called_at(self, call: ast.Call, spot: Spot) -> Who:
        """What is called, for somebody who may know less of the place than `Callers.calls` does."""
        return _who(self.values_at(call.func, spot))

    def called(self, func: ast.expr, spot: Spot) -> Who:
        """What is called in one of `Callers.calls` can be; methods and functions are no one."""
        if func not in self._known:
            self._known[func] = _who(self.values_at(func, spot))
        return self._known[func]

    def _find(self, node: ast.expr, spot: Spot, steps: int) -> list[Value]:
        if steps == 0:
            return _ANYTHING
        method = spot.method
        match node:
            case ast.Name(id=name) if method is not None and name == method.self_name:
                return _instances_of(method.owner)
            case ast.Attribute(attr="__call__", value=value):
                return self._find(value, spot, steps - 1)
            case ast.Attribute(attr=name) if name.startswith("__"):
                return _NO_LAYER
            case ast.Attribute(attr="call", value=value) if self._is_plain_call(node, spot):
                return [*self._find(value, spot, steps - 1), UNKNOWN]
            case ast.Attribute(value=ast.Name(id=owner)) if method is not None and owner == method.self_name:
                return self._of_self(node, method, spot)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                return _NO_LAYER
            case ast.Attribute():
                return self._of_object(node, spot, steps)
            case ast.Name():
                return self._named(node, spot, steps)
            case ast.Call():
                return self._made(node, spot, steps)
            case ast.Lambda() | ast.Constant():
                return _NO_LAYER
        return self._values(node, spot)

    def _is_plain_call(self, node: ast.Attribute, spot: Spot) -> bool:
        """Whether `something.call` is not `self.call`, `super().call` or a function of a module."""
        own = spot.method is not None and called_methods(node, spot.method)
        return not own and spot.scope.dotted(node) is None

    def _values(self, node: ast.expr, spot: Spot) -> list[Value]:
        if spot.method is not None:
            return self._flow.layers.values_of(node, spot.method, spot.scope)
        return self._flow.layers.evaluator.evaluate(node, Place(spot.scope))

    def _of_self(self, node: ast.Attribute, method: Method, spot: Spot) -> list[Value]:
        if called_methods(node, method) or (method.owner.kind is not None and node.attr in _OF_KERAS):
            return _NO_LAYER
        values = self._values(node, spot)
        if UNKNOWN in values:
            given = self._given_to_constructor(method.owner, node.attr)
            values = given if given is not None else values
        return _NO_LAYER if _is_unknown(values) and node.attr in _NO_MODEL else values

    def _given_to_constructor(self, info: ClassInfo, name: str) -> list[Value] | None:
        """What an attribute is that constructors set to what they are given; None if it is set elsewhere."""
        attribute = self._flow.layers.attributes(info).get(name)
        if attribute is None or (info, name) in self._held_by:
            return None
        if any(name in self._flow.layers.set_from_outside(each) for each in self._project.speaking(info)):
            return None
        found: list[Value] = []
        self._held_by.add((info, name))
        try:
            for statement in attribute.made_at:
                method = self._constructor_with(info, statement)
                if method is None or not isinstance(statement, ast.Assign | ast.AnnAssign):
                    return None
                match statement:
                    case (
                        ast.Assign(targets=[ast.Attribute(attr=attr)], value=value)
                        | ast.AnnAssign(target=ast.Attribute(attr=attr), value=ast.expr() as value)
                    ) if attr == name:
                        spot = self.spots(method.owner.module)[method.node]
                        found += self._find(value, spot, _MAX_STEPS // 2)
                    case _:
                        return None
        finally:
            self._held_by.discard((info, name))
        return list(dict.fromkeys(found))

    def _constructor_with(self, info: ClassInfo, statement: ast.stmt) -> Method | None:
        constructors = [each.methods["__init__"] for each in info.ancestors if "__init__" in each.methods]
        return next((each for each in constructors if statement in set(own_nodes(each.node.body))), None)

    def spots(self, module: Module) -> Mapping[Function, Spot]:
        """The functions of a module, each with the spot of its body."""
        if module not in self._spots:
            self._spots[module] = spots_of(module)
        return self._spots[module]

    def _of_object(self, node: ast.Attribute, spot: Spot, steps: int) -> list[Value]:
        """`models.g`, `trainer.net`: what is held by something else."""
        dotted = spot.scope.dotted(node)
        if dotted is not None and not (is_in_project(dotted) and self._project.definition(dotted) is None):
            return self._defined(dotted, steps)
        holder = _who(self._find(node.value, spot, steps - 1))
        if holder.classes and holder.complete:
            found = [self._held(info, node.attr) for info in holder.classes]
            if None not in found:
                return _union(values for values in found if values is not None)
        return _NO_LAYER if node.attr in _NO_MODEL else _ANYTHING

    def _held(self, info: ClassInfo, name: str) -> list[Value] | None:
        """What the attribute of an instance is; None if nothing in sight says it."""
        if info.find(name) is not None:
            return _NO_LAYER
        attribute = self._flow.layers.attributes(info).get(name)
        values = attribute.values if attribute is not None else []
        if UNKNOWN in values:
            given = self._given_to_constructor(info, name)
            values = given if given is not None else values
        return values or None

    def _named(self, node: ast.Name, spot: Spot, steps: int) -> list[Value]:
        bindings = spot.scope.lookup(node.id)
        if not bindings:
            dotted = spot.scope.dotted(node)
            if dotted is not None:
                return self._defined(dotted, steps)
            return _NO_LAYER if hasattr(builtins, node.id) else _ANYTHING
        scope = standing(node.id, node, spot)
        bindings = scope.lookup(node.id)
        if not all(isinstance(binding, Imported | ast.ClassDef | Function) for binding in bindings):
            values = self._values(node, replace(spot, scope=scope))
            if all(is_layer(value) for value in values):
                return values
        key = tuple(map(id, bindings))
        if key in self._following:
            # `net = tf.function(net)` is what `net` is besides.
            return _NO_LAYER
        self._following.add(key)
        try:
            found = _any_of(
                [
                    self._bound(binding, node.id, spot, steps - 1)
                    for binding in bindings
                    if len(bindings) == 1 or not _is_of_itself(binding, node.id)
                ]
            )
        finally:
            self._following.remove(key)
        return [frozen(each) for each in found] if spot.scope.is_frozen(node.id) else found

    def _bound(self, binding: Binding, name: str, spot: Spot, steps: int) -> list[Value]:
        if isinstance(binding, Imported):
            return self._defined(spot.scope.resolve(binding.dotted), steps)
        if isinstance(binding, Parameter):
            return self._parameter(name, spot, steps)
        if isinstance(binding, ast.ClassDef | Function):
            return _NO_LAYER
        if isinstance(binding, ast.expr):
            return self._find(binding, spot, steps)
        return _ANYTHING

    def _defined(self, dotted: str, steps: int) -> list[Value]:
        """What a name of a module stands for."""
        if not is_in_project(dotted):
            return _NO_LAYER
        found = self._project.definition(dotted)
        if found is None or steps <= 0:
            return _ANYTHING
        module, node = found
        if isinstance(node, ast.expr):
            return self._find(node, Spot(module, module.scope), steps - 1)
        return _NO_LAYER

    def _made(self, call: ast.Call, spot: Spot, steps: int) -> list[Value]:
        """What a call gives."""
        made = self._project.class_named(call.func, spot.scope)
        if made is not None:
            return [UserLayer(made, call)]
        dotted = spot.scope.dotted(call.func)
        if dotted in _SAME and call.args:
            return self._find(call.args[0], spot, steps - 1)
        values = self._values(call, spot)
        if not _is_unknown(values) or dotted is None or is_in_project(dotted):
            return values
        is_model = dotted in (names.SEQUENTIAL, names.MODEL) or dotted.startswith(_MODELS)
        return _ANYTHING if is_model else _NO_LAYER

    def _parameter(self, name: str, spot: Spot, steps: int) -> list[Value]:
        """What a parameter is, as far as all calls of its function are in sight."""
        scope: Scope | None = spot.scope
        while scope is not None and name not in scope.bindings:
            scope = scope.parent
        function = next((function for function, inner in spot.functions if inner is scope), None)
        if function is None or not all(is_transparent(each, spot.scope) for each in function.decorator_list):
            return _ANYTHING
        if function.name == "__init__" and spot.method is not None and spot.method.node is function:
            callers = self._callers.constructions(spot.method.owner)
        else:
            callers = self._callers.of(function, spot.module)
        if not callers or (function, name) in self._asking:
            # Where a function hands its own parameter on to itself, that says nothing new.
            return _ANYTHING if not callers else [NOTHING]
        self._asking.add((function, name))
        try:
            return _any_of([self._handed(name, function, call, steps) for call in callers])
        finally:
            self._asking.remove((function, name))

    def _handed(self, name: str, function: Function, call: Call, steps: int) -> list[Value]:
        """What one call hands over as a parameter."""
        keyword = call.keyword(name)
        if keyword is not None:
            return self._find(keyword.value, call.spot, steps - 1)
        positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if self._callers.is_method(function):
            positional = positional[1:]
        if call.has_star or call.has_double_star:
            return _ANYTHING
        if name in positional and positional.index(name) < len(call.node.args):
            return self._find(call.node.args[positional.index(name)], call.spot, steps - 1)
        default = default_values(function).get(name)
        return [NOTHING] if isinstance(default, ast.Constant) else _ANYTHING


def _instances_of(info: ClassInfo) -> list[Value]:
    """An instance of a class, or of one that inherits from it, made nobody knows where."""
    made = ast.Call(ast.Name(info.name, ast.Load()), [], [])
    return [UserLayer(each, made) for each in (info, *info.descendants)]


def _is_unknown(values: list[Value]) -> bool:
    """Whether something is not known at all."""
    return bool(values) and not any(is_layer(value) for value in values)


def _who(values: Iterable[Value]) -> Who:
    found = [each for each in values if each is not OTHER]
    classes = frozenset(value.info for value in found if isinstance(value, UserLayer))
    return Who(classes, all(_runs_nothing_else(value) for value in found))


def _runs_nothing_else(value: Value) -> bool:
    """Whether a call of something runs no class of the project but the one that it is an instance of."""
    match value:
        case UserLayer() | BuiltinLayer() | Nothing():
            return True
        case Stack(layers=layers):
            inner = [each for layer in layers for each in flat(layer)]
            return all(not isinstance(each, UserLayer) and _runs_nothing_else(each) for each in inner)
    return False


def _any_of(parts: list[list[Value]]) -> list[Value]:
    """All that one thing can be, where each part is what it is in one case."""
    found = _union(parts)
    has_layer = any(not isinstance(each, Nothing) for each in found)
    return [*found, OTHER] if has_layer and not all(parts) else found


def _is_of_itself(binding: Binding, name: str) -> bool:
    """Whether it says nothing new: `net = tf.function(net)`, `net = None`."""
    if isinstance(binding, ast.Constant):
        return True
    return isinstance(binding, ast.Call) and any(
        isinstance(each, ast.Name) and each.id == name for each in binding.args
    )


def _union(parts: Iterable[list[Value]]) -> list[Value]:
    return list(dict.fromkeys(value for part in parts for value in part))
