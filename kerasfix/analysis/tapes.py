"""Calls that train a model and give it no flag: what relies on a default of True."""

from __future__ import annotations

import ast
import builtins
import os
from dataclasses import dataclass, field

from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.scope import Added, Function, Parameter, Scope, function_scope, own_nodes
from kerasfix.analysis.sites import FLAG, Passed, called_methods
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import Container, Nothing, Stack, Unknown, UserLayer
from kerasfix.keras import names

# What takes gradients, with a tape or without.
_TAKES_GRADIENTS = frozenset(
    {
        "GradientTape",
        "gradient",
        "apply_gradients",
        "minimize",
        "backward",
        "value_and_grad",
        "stateless_call",
    }
)
# Keras calls these itself and passes the flag.
_DRIVEN = frozenset({"call", "fit", "evaluate", "predict", "compile", "build", "__init__"})
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


@dataclass(slots=True)
class Relying:
    """Calls in gradient tapes and `train_step` methods that pass no flag.

    Attributes:
        sure: Calls of an instance of the class, each with its module and the function around it (None at
            module level).
        doubtful: Places of calls of something that may be one: "line 7", "line 7 of train.py".
    """

    sure: list[tuple[Module, Function | None, ast.Call]] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a statement stands."""

    scope: Scope
    function: Function | None = None
    method: Method | None = None


class HandTraining:
    """Where the modules of a project train without `fit`.

    Args:
        flow: The layers and classes of the project.
    """

    def __init__(self, flow: TrainingFlow) -> None:
        self._flow = flow
        self._of_module: dict[Module, list[_Block]] = {}

    def relying_on_default(self, info: ClassInfo) -> Relying:
        """The calls that run `info` in training mode only because its default says so.

        A call of a class that calls `info` without a flag counts as a call of `info`. Looked at are the
        modules of these classes, and those that speak of one of them.
        """
        wanted = self._with_containers(info)
        found = Relying()
        seen: set[ast.Call] = set()
        modules = [
            module for module in self._flow.project.given if any(module.speaks_of(each) for each in wanted)
        ]
        for block in (block for module in modules for block in self._blocks(module)):
            for node in (node for statement in block.body for node in ast.walk(statement)):
                if not isinstance(node, ast.Call) or node in seen or _passes_flag(node, info):
                    continue
                seen.add(node)
                answer = _is_call_of(node.func, wanted, block.place, self._flow)
                if answer and block.is_tape:
                    found.sure.append((block.module, block.place.function, node))
                elif answer or answer is None:
                    found.doubtful.append(place_of(node, block.module, info.module))
        return found

    def _blocks(self, module: Module) -> list[_Block]:
        if module not in self._of_module:
            self._of_module[module] = _training_blocks(module)
        return self._of_module[module]

    def _with_containers(self, info: ClassInfo) -> set[ClassInfo]:
        """`info`, and the classes that call it without a flag, directly or through others."""
        found: set[ClassInfo] = set()
        waiting = [info]
        while waiting:
            each = waiting.pop()
            if each in found:
                continue
            found.add(each)
            for site in self._flow.users(each):
                if site.passed is not Passed.KEYWORD:
                    waiting += site.method.owner.family
        return found


@dataclass(frozen=True, slots=True)
class _Block:
    """Statements that train something; `is_tape` if all of them are recorded for gradients."""

    module: Module
    place: _Place
    body: list[ast.stmt]
    is_tape: bool


def place_of(node: ast.expr, module: Module, seen_from: Module) -> str:
    """The place of a node, for a message about something in the module `seen_from`."""
    where = "" if module is seen_from else f" of {os.path.basename(module.file)}"
    return f"line {node.lineno}{where}"


def _training_blocks(module: Module) -> list[_Block]:
    """Gradient tapes and train steps, and the functions that they are part of or call."""
    blocks = [
        _Block(module, _Place(step.scope, step.node, step), step.node.body, True)
        for info in module.keras_classes
        if (step := info.methods.get("train_step")) is not None
    ]
    functions: dict[str, list[_Block]] = {}
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    waiting = [(_Place(module.scope), module.source.tree.body)]
    while waiting:
        place, body = waiting.pop()
        for statement in body:
            if isinstance(statement, Function):
                inner = _Place(
                    function_scope(statement, place.scope), statement, methods.get(statement, place.method)
                )
                functions.setdefault(statement.name, []).append(_Block(module, inner, statement.body, False))
                waiting.append((inner, statement.body))
                continue
            if isinstance(statement, ast.With) and _opens_tape(statement, place.scope):
                blocks.append(_Block(module, place, statement.body, True))
            for name in ("body", "orelse", "finalbody", "handlers"):
                waiting += [
                    (place, child.body if isinstance(child, ast.ExceptHandler) else [child])
                    for child in getattr(statement, name, ())
                ]
    blocks += [each for group in functions.values() for each in group if _trains(each.body)]
    if _trains(module.source.tree.body):
        blocks.append(
            _Block(module, _Place(module.scope), _outside_of_definitions(module.source.tree.body), False)
        )
    for block in blocks:
        for name in _called_names(block.body):
            blocks += functions.pop(name, [])
    return blocks


def _outside_of_definitions(body: list[ast.stmt]) -> list[ast.stmt]:
    return [statement for statement in body if not isinstance(statement, Function | ast.ClassDef)]


def _trains(body: list[ast.stmt]) -> bool:
    """Whether statements take gradients by hand."""
    return any(isinstance(node, ast.Attribute) and node.attr in _TAKES_GRADIENTS for node in own_nodes(body))


def _called_names(body: list[ast.stmt]) -> set[str]:
    """The names of functions and methods that statements call or hand on."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    } - _DRIVEN


def _opens_tape(node: ast.With, scope: Scope) -> bool:
    made = [item.context_expr for item in node.items]
    made += [
        value
        for each in made
        if isinstance(each, ast.Name)
        for value in scope.lookup(each.id)
        if isinstance(value, ast.expr)
    ]
    return any(isinstance(each, ast.Call) and scope.dotted(each.func) == names.GRADIENT_TAPE for each in made)


def _passes_flag(call: ast.Call, info: ClassInfo) -> bool:
    if any(keyword.arg in (FLAG, None) for keyword in call.keywords):
        return True
    method = info.find("call")
    parameters = method.parameters if method is not None else ()
    position = parameters.index(FLAG) if FLAG in parameters else len(call.args)
    return len(call.args) > position or any(isinstance(each, ast.Starred) for each in call.args)


def _is_call_of(func: ast.expr, wanted: set[ClassInfo], place: _Place, flow: TrainingFlow) -> bool | None:
    """Whether something that is called is an instance of one of `wanted`; None if it may be."""
    method = place.method
    match func:
        case ast.Name(id=name) if method is not None and name == method.self_name:
            return method.owner in wanted
        case ast.Name():
            return _is_instance(func, wanted, place, flow)
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if method and owner == method.self_name:
            if called_methods(func, method) or (method.owner.kind is not None and name in _OF_KERAS):
                return False
            values = flow.layers.values_of(func, method, place.scope)
            if any(isinstance(value, UserLayer) and value.info in wanted for value in values):
                return all(isinstance(value, UserLayer | Nothing) for value in values) or None
            unknown = any(isinstance(value, Unknown | Stack | Container) for value in values)
            return None if unknown and name not in _NO_MODEL else False
        case ast.Attribute(attr=name):
            # `models.g(z)`, `net.call(z)`: a model that is held by something else.
            return False if name in _NO_MODEL or place.scope.dotted(func) is not None else None
        case ast.Subscript():
            return None
    return False


def _is_instance(name: ast.Name, wanted: set[ClassInfo], place: _Place, flow: TrainingFlow) -> bool | None:
    """Whether a variable holds an instance of one of `wanted`; None if its value is not known."""
    answers: set[bool | None] = set()
    bindings = place.scope.lookup(name.id)
    if not bindings and not hasattr(builtins, name.id):
        # The variable of a comprehension, or what a star import brought.
        return None
    for binding in bindings:
        if isinstance(binding, ast.Call):
            answers.add(_makes(binding, wanted, place, flow))
        elif binding is None or isinstance(binding, ast.expr | Added | Parameter):
            answers.add(None)
        else:
            answers.add(False)
    if answers == {True}:
        return True
    return None if answers - {False} else False


def _makes(call: ast.Call, wanted: set[ClassInfo], place: _Place, flow: TrainingFlow) -> bool | None:
    made = flow.project.class_named(call.func, place.scope)
    if made is not None:
        return made in wanted
    dotted = place.scope.dotted(call.func)
    return None if dotted is None or dotted in (names.SEQUENTIAL, names.MODEL) else False
