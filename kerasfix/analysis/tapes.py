"""Calls that train a model and give it no flag: what relies on a default of True."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import Nothing, Unknown, UserLayer
from kerasfix.analysis.scope import Function, Scope, function_scope
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.training import TrainingFlow
from kerasfix.keras import names


@dataclass(slots=True)
class Relying:
    """Calls in gradient tapes and `train_step` methods that pass no flag.

    Attributes:
        sure: Calls of an instance of the class, each with the function around it (None at module level).
        doubtful: Lines of calls of something that may be one.
    """

    sure: list[tuple[Function | None, ast.Call]] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a statement stands."""

    scope: Scope
    function: Function | None = None
    method: Method | None = None


def relying_on_default(flow: TrainingFlow, info: ClassInfo) -> Relying:
    """The calls of the module that run `info` in training mode only because its default says so."""
    found = Relying()
    seen: set[ast.Call] = set()
    for place, body in _training_blocks(flow):
        for node in (node for statement in body for node in ast.walk(statement)):
            if not isinstance(node, ast.Call) or node in seen or _passes_flag(node, info):
                continue
            seen.add(node)
            answer = _is_call_of(node.func, info, place, flow)
            if answer:
                found.sure.append((place.function, node))
            elif answer is None:
                found.doubtful.append(node.lineno)
    return found


def _training_blocks(flow: TrainingFlow) -> Iterator[tuple[_Place, list[ast.stmt]]]:
    module = flow.module
    for info in module.keras_classes:
        step = info.methods.get("train_step")
        if step is not None:
            yield _Place(step.scope, step.node, step), step.node.body
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    waiting = [(_Place(module.scope), module.source.tree.body)]
    while waiting:
        place, body = waiting.pop()
        for statement in body:
            if isinstance(statement, Function):
                method = methods.get(statement, place.method)
                scope = function_scope(statement, place.scope)
                waiting.append((_Place(scope, statement, method), statement.body))
                continue
            if isinstance(statement, ast.With) and any(
                _is_tape(item, place.scope) for item in statement.items
            ):
                yield place, statement.body
            for name in ("body", "orelse", "finalbody", "handlers"):
                for child in getattr(statement, name, ()):
                    inner = child.body if isinstance(child, ast.ExceptHandler) else [child]
                    waiting.append((place, inner))


def _is_tape(item: ast.withitem, scope: Scope) -> bool:
    made = item.context_expr
    return isinstance(made, ast.Call) and scope.dotted(made.func) == names.GRADIENT_TAPE


def _passes_flag(call: ast.Call, info: ClassInfo) -> bool:
    if any(keyword.arg in (FLAG, None) for keyword in call.keywords):
        return True
    method = info.find("call")
    parameters = method.parameters if method is not None else ()
    position = parameters.index(FLAG) if FLAG in parameters else len(call.args)
    return len(call.args) > position or any(isinstance(each, ast.Starred) for each in call.args)


def _is_call_of(func: ast.expr, info: ClassInfo, place: _Place, flow: TrainingFlow) -> bool | None:
    """Whether something that is called is an instance of `info`; None if it may be."""
    method = place.method
    match func:
        case ast.Name(id=name) if method is not None and name == method.self_name:
            return method.owner in info.family
        case ast.Name():
            return _is_instance(func, info, place, flow)
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if method and owner == method.self_name:
            if method.owner.find(name) is not None:
                return False
            values = flow.layers.values_of(func, method, place.scope)
            if any(isinstance(value, UserLayer) and value.info is info for value in values):
                return all(isinstance(value, UserLayer | Nothing) for value in values) or None
            return None if any(isinstance(value, Unknown) for value in values) else False
    return False


def _is_instance(name: ast.Name, info: ClassInfo, place: _Place, flow: TrainingFlow) -> bool | None:
    """Whether a variable holds an instance of `info`; None if its value is not known."""
    bindings = place.scope.lookup(name.id)
    answers: set[bool | None] = set()
    for binding in bindings:
        if isinstance(binding, ast.Call):
            made = flow.module.class_named(binding.func, place.scope)
            known = made is not None or place.scope.dotted(binding.func) is not None
            answers.add(made is info if known else None)
        elif binding is None or isinstance(binding, ast.expr):
            answers.add(None)
        else:
            answers.add(False)
    if answers == {True}:
        return True
    return None if answers - {False} else False
