"""Of which classes of the project the thing that a call calls can be an instance.

A variable is followed to what it is bound to, a parameter to what the function is called with, a name of
another module of the project to what that module says.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.calls import Call, Spot, calls_in
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
from kerasfix.analysis.threads import Objections
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import BuiltinLayer, Nothing, UserLayer, Value
from kerasfix.keras import names

_MAX_STEPS = 8
# What gives back what it is given, as far as calls of it go.
_SAME = frozenset({"tensorflow.function", "functools.partial"})
# Where models come from that were saved, or copied.
_MODELS = "keras.models."
_OF_KERAS = frozenset({"compiled_loss", "compute_loss", "compute_metrics", "add_loss", "loss", "loss_fn"})
# Methods of optimizers, tapes, tensors, metrics and containers, which run no model.
_NO_MODEL = frozenset(
    [
        "append",
        "add",
        "apply",
        "apply_gradients",
        "assign",
        "assign_add",
        "assign_sub",
        "astype",
        "backward",
        "batch",
        "copy",
        "detach",
        "enumerate",
        "eval",
        "extend",
        "format",
        "gather",
        "get",
        "get_shape",
        "get_weights",
        "gradient",
        "items",
        "jacobian",
        "join",
        "keys",
        "log",
        "loss",
        "loss_fn",
        "map",
        "mean",
        "minimize",
        "numpy",
        "optimizer",
        "pop",
        "print",
        "prob",
        "read",
        "reshape",
        "reset_state",
        "reset_states",
        "result",
        "run",
        "sample",
        "save",
        "save_weights",
        "set_weights",
        "shape",
        "shuffle",
        "split",
        "stack",
        "start_tape",
        "stop_recording",
        "sum",
        "summary",
        "take",
        "trace",
        "train",
        "update",
        "update_state",
        "values",
        "view",
        "watch",
        "write",
        "zero_grad",
        "zip",
        "compute_loss",
        "log_prob",
        "entropy",
        "kl_divergence",
        "step",
    ]
)


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


_NO_ONE = Who(frozenset(), True)
_ANYONE = Who(frozenset(), False)


class Instances:
    """Tells of a project's calls whose instances they call.

    Args:
        flow: The layers and classes of the project.
        objections: Knows of files that are not looked at.
    """

    def __init__(self, flow: TrainingFlow, objections: Objections) -> None:
        self._flow = flow
        self._objections = objections
        self._project = flow.project
        self._calls: dict[Module, list[Call]] = {}
        self._callers: dict[Function, list[Call] | None] = {}
        # Parameters and variables that are being followed.
        self._asking: set[tuple[Function, str]] = set()
        self._following: set[int] = set()

    def calls(self, module: Module) -> list[Call]:
        if module not in self._calls:
            self._calls[module] = list(calls_in(module))
        return self._calls[module]

    def is_call_of(self, call: ast.Call, wanted: set[ClassInfo], spot: Spot) -> bool | None:
        """Whether what is called is an instance of one of `wanted`; None if it may be."""
        who = self.called(call.func, spot)
        if who.classes & wanted:
            return True if who.complete else None
        return False if who.complete else None

    def called(self, func: ast.expr, spot: Spot) -> Who:
        """What the thing that is called can be; methods and functions are no one."""
        if spot.narrowed:
            classes = spot.narrowed.get(ast.unparse(func))
            found = [self._project.class_named(each, spot.scope) for each in classes or ()]
            if found and None not in found:
                known = {heir for each in found if each is not None for heir in (each, *each.descendants)}
                return Who(frozenset(known), True)
        return self._who(func, spot, _MAX_STEPS)

    def _who(self, node: ast.expr, spot: Spot, steps: int) -> Who:
        if steps == 0:
            return _ANYONE
        method = spot.method
        match node:
            case ast.Name(id=name) if method is not None and name == method.self_name:
                return Who(frozenset({method.owner, *method.owner.descendants}), True)
            case ast.Attribute(attr="__call__", value=value):
                return self._who(value, spot, steps - 1)
            case ast.Attribute(attr=name) if name.startswith("__"):
                return _NO_ONE
            case ast.Attribute(attr="call", value=value) if self._is_plain_call(node, spot):
                return Who(self._who(value, spot, steps - 1).classes, False)
            case ast.Attribute(value=ast.Name(id=owner)) if method is not None and owner == method.self_name:
                return self._of_self(node, method, spot)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                return _NO_ONE
            case ast.Attribute():
                return self._of_object(node, spot, steps)
            case ast.Name():
                return self._named(node, spot, steps)
            case ast.Call():
                return self._made(node, spot, steps)
            case ast.Lambda() | ast.Constant():
                return _NO_ONE
        return _of_values(self._values(node, spot))

    def _is_plain_call(self, node: ast.Attribute, spot: Spot) -> bool:
        """Whether `something.call` is not `self.call`, `super().call` or a function of a module."""
        own = spot.method is not None and called_methods(node, spot.method)
        return not own and spot.scope.dotted(node) is None

    def _values(self, node: ast.expr, spot: Spot) -> list[Value]:
        if spot.method is not None:
            return self._flow.layers.values_of(node, spot.method, spot.scope)
        return self._flow.layers.evaluator.evaluate(node, Place(spot.scope))

    def _of_self(self, node: ast.Attribute, method: Method, spot: Spot) -> Who:
        if called_methods(node, method) or (method.owner.kind is not None and node.attr in _OF_KERAS):
            return _NO_ONE
        who = _of_values(self._values(node, spot))
        return _NO_ONE if who == _ANYONE and node.attr in _NO_MODEL else who

    def _of_object(self, node: ast.Attribute, spot: Spot, steps: int) -> Who:
        """`models.g`, `trainer.net`: what is held by something else."""
        dotted = spot.scope.dotted(node)
        if dotted is not None and not (is_in_project(dotted) and self._project.definition(dotted) is None):
            return self._defined(dotted, steps)
        holder = self._who(node.value, spot, steps - 1)
        if holder.classes and holder.complete:
            found = [self._held(info, node.attr) for info in holder.classes]
            if None not in found:
                return _union(who for who in found if who is not None)
        return _NO_ONE if node.attr in _NO_MODEL else _ANYONE

    def _held(self, info: ClassInfo, name: str) -> Who | None:
        """What the attribute of an instance is; None if nothing in sight says it."""
        if info.find(name) is not None:
            return _NO_ONE
        attribute = self._flow.layers.attributes(info).get(name)
        return _of_values(attribute.values) if attribute is not None and attribute.values else None

    def _named(self, node: ast.Name, spot: Spot, steps: int) -> Who:
        values = _of_values(self._values(node, spot))
        if values.complete:
            return values
        bindings = spot.scope.lookup(node.id)
        if not bindings:
            dotted = spot.scope.dotted(node)
            if dotted is not None:
                return self._defined(dotted, steps)
            return _NO_ONE if hasattr(builtins, node.id) else _ANYONE
        if id(bindings) in self._following:
            # `net = tf.function(net)` is what `net` is besides.
            return _NO_ONE
        self._following.add(id(bindings))
        try:
            return _union(self._bound(binding, node.id, spot, steps - 1) for binding in bindings)
        finally:
            self._following.remove(id(bindings))

    def _bound(self, binding: Binding, name: str, spot: Spot, steps: int) -> Who:
        if isinstance(binding, Imported):
            return self._defined(spot.scope.resolve(binding.dotted), steps)
        if isinstance(binding, Parameter):
            return self._parameter(name, spot, steps)
        if isinstance(binding, ast.ClassDef | Function):
            return _NO_ONE
        if isinstance(binding, ast.expr):
            return self._who(binding, spot, steps)
        return _ANYONE

    def _defined(self, dotted: str, steps: int) -> Who:
        """What a name of a module stands for."""
        if not is_in_project(dotted):
            return _NO_ONE
        found = self._project.definition(dotted)
        if found is None or steps <= 0:
            return _ANYONE
        module, node = found
        if isinstance(node, ast.expr):
            return self._who(node, Spot(module, module.scope), steps - 1)
        return _NO_ONE

    def _made(self, call: ast.Call, spot: Spot, steps: int) -> Who:
        """What a call gives."""
        made = self._project.class_named(call.func, spot.scope)
        if made is not None:
            return Who(frozenset({made}), True)
        dotted = spot.scope.dotted(call.func)
        if dotted in _SAME and call.args:
            return self._who(call.args[0], spot, steps - 1)
        who = _of_values(self._values(call, spot))
        if who != _ANYONE or dotted is None or is_in_project(dotted):
            return who
        return _ANYONE if dotted in (names.SEQUENTIAL, names.MODEL) or dotted.startswith(_MODELS) else _NO_ONE

    def _parameter(self, name: str, spot: Spot, steps: int) -> Who:
        """What a parameter is, as far as all calls of its function are in sight."""
        scope: Scope | None = spot.scope
        while scope is not None and name not in scope.bindings:
            scope = scope.parent
        function = next((function for function, inner in spot.functions if inner is scope), None)
        if function is None or not all(is_transparent(each, spot.scope) for each in function.decorator_list):
            return _ANYONE
        callers = self._callers_of(function, spot)
        if not callers or (function, name) in self._asking:
            return _ANYONE if not callers else _NO_ONE
        self._asking.add((function, name))
        try:
            return _union(self._handed(name, function, call, steps) for call in callers)
        finally:
            self._asking.remove((function, name))

    def _handed(self, name: str, function: Function, call: Call, steps: int) -> Who:
        """What one call hands over as a parameter."""
        keyword = call.keyword(name)
        if keyword is not None:
            return self._who(keyword.value, call.spot, steps - 1)
        positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if self._methods.get(function) is not None:
            positional = positional[1:]
        if call.has_star or call.has_double_star:
            return _ANYONE
        if name in positional and positional.index(name) < len(call.node.args):
            return self._who(call.node.args[positional.index(name)], call.spot, steps - 1)
        default = default_values(function).get(name)
        return _NO_ONE if isinstance(default, ast.Constant) else _ANYONE

    @cached_property
    def _methods(self) -> dict[Function, Method]:
        return {method.node: method for info in self._project.classes for method in info.methods.values()}

    def _callers_of(self, function: Function, spot: Spot) -> list[Call] | None:
        """The calls of a function; None if it is used in another way too."""
        if function not in self._callers:
            found: list[Call] | None = []
            if self._objections.uses(function.name, spot.module.file):
                found = None
            for module in self._project.given:
                if function.name in module.words:
                    here = self._callers_in(module, function)
                    found = None if here is None or found is None else found + here
            self._callers[function] = found
        return self._callers[function]

    def _callers_in(self, module: Module, function: Function) -> list[Call] | None:
        method = self._methods.get(function)
        found: list[Call] = []
        called: set[int] = set()
        for call in self.calls(module):
            if call.name != function.name:
                continue
            called.add(id(call.node.func))
            if method is None:
                target = self._project.function_named(call.node.func, call.spot.scope)
                if target is not None and target[0] is function:
                    found.append(call)
            elif call.spot.method and method in called_methods(call.node.func, call.spot.method):
                found.append(call)
            elif isinstance(call.node.func, ast.Attribute) and call.spot.scope.dotted(call.node.func) is None:
                return None
        return None if self._is_used_otherwise(module, function, called) else found

    def _is_used_otherwise(self, module: Module, function: Function, called: set[int]) -> bool:
        """Whether a module hands a function on, or calls it by another name."""
        method = self._methods.get(function)
        end = f".{function.name}"
        for bound, bindings in module.scope.bindings.items():
            imported = [each.dotted for each in bindings if isinstance(each, Imported)]
            if bound != function.name and any(dotted.endswith(end) for dotted in imported):
                return True
        for node in module.reads.get(function.name, ()):
            if id(node) in called:
                continue
            if isinstance(node, ast.Attribute):
                if method is not None or self._is(node, function, module):
                    return True
            elif method is None and self._is(node, function, module):
                return True
        return False

    def _is(self, node: ast.expr, function: Function, module: Module) -> bool:
        """Whether a name, at module level, can stand for a function."""
        if isinstance(node, ast.Name) and function in module.scope.lookup(node.id):
            return True
        found = self._project.function_named(node, module.scope)
        return found is not None and found[0] is function


def _of_values(values: Iterable[Value]) -> Who:
    found = list(values)
    classes = frozenset(value.info for value in found if isinstance(value, UserLayer))
    return Who(classes, all(isinstance(value, UserLayer | BuiltinLayer | Nothing) for value in found))


def _union(parts: Iterable[Who]) -> Who:
    found = list(parts)
    classes = frozenset(info for part in found for info in part.classes)
    return Who(classes, all(part.complete for part in found))
