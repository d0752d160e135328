"""By what a model is known where a loop calls it: a variable, or an attribute of one.

The same model has another name in each function that it is handed to. Where calls are followed, what a
parameter was given says which variable of the caller it is.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.instances import Instances
from kerasfix.analysis.loops.arguments import attributes_set, given_to_each, is_static
from kerasfix.analysis.loops.need import given_flag
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import (
    Binding,
    Function,
    Imported,
    Scope,
    comprehension_scope,
    is_in_project,
)
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import UNKNOWN, UserLayer, Value

_MAX_STEPS = 8
# What gives back a function that does the same.
_PARTIAL = "functools.partial"
_WRAPPERS = frozenset({"tensorflow.function", "jax.jit", "jax.checkpoint", _PARTIAL})
# `strategy.run(step, args=(x, y))` calls `step(x, y)`, once on each device.
_RUNS = frozenset({"run", "experimental_run_v2", "experimental_run"})
# What Keras calls itself; what happens in there is not for the caller to see.
_OF_KERAS = frozenset({"call", "__call__", "build", "fit", "evaluate", "predict", "__init__"})


@dataclass(frozen=True, slots=True)
class Holder:
    """A variable, or an attribute of what it holds.

    Attributes:
        root: The function, class or file that the variable belongs to, and its name.
        path: The attributes on the way from there.
    """

    root: tuple[object, str]
    path: tuple[str, ...] = ()

    def at(self, step: str) -> Holder:
        return Holder(self.root, (*self.path, step))

    def is_within(self, other: Holder) -> bool:
        """Whether it is the other, or an attribute of it."""
        return self.root == other.root and self.path[: len(other.path)] == other.path


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression stands, on a way through calls.

    Attributes:
        spot: The place.
        given: What the parameters of the functions on the way were given, by function and name.
    """

    spot: Spot
    given: Mapping[tuple[Function, str], Given] = field(default_factory=dict)

    def inside(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Context:
        scope = comprehension_scope(node, self.spot.scope)
        return replace(self, spot=replace(self.spot, scope=scope))


@dataclass(frozen=True, slots=True)
class Given:
    """An expression, and where it stands."""

    node: ast.expr
    context: Context


@dataclass(frozen=True, slots=True)
class Followed:
    """A function of the project that a call runs, with what its parameters are given."""

    function: Function
    context: Context


class Holders:
    """Tells variables apart.

    Args:
        flow: The layers and classes of the project.
        instances: What its expressions can be.
    """

    def __init__(self, flow: TrainingFlow, instances: Instances) -> None:
        self._flow = flow
        self._project: Project = flow.project
        self._instances = instances

    def spots(self, module: Module) -> Mapping[Function, Spot]:
        """The functions of a module, each with the spot of its body."""
        return self._instances.spots(module)

    # --- Which variable -----------------------------------------------------------------------------------

    def holder(self, node: ast.expr, context: Context, steps: int = _MAX_STEPS) -> Holder | None:
        """What an expression is known by; None if it is no variable."""
        match node:
            case ast.Name(id=name) if steps:
                return self._variable(name, context, steps)
            case ast.Attribute(value=value, attr=name):
                found = self._of_module(node, context) or self._handed(value, name, context, steps)
                inner = found or self.holder(value, context, steps)
                return inner if found is not None or inner is None else inner.at(name)
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                inner = self.holder(value, context, steps)
                return inner.at(f"[{key!r}]") if inner is not None else None
            case ast.Call(func=func, args=[first, *_]) if context.spot.scope.dotted(func) in _WRAPPERS:
                # `functools.partial(model, training=True)` has said it.
                return self.holder(first, context, steps - 1) if given_flag(node) is None else None
        return None

    def _variable(self, name: str, context: Context, steps: int) -> Holder | None:
        spot = context.spot
        given = self.given(name, context)
        if given is not None:
            return self.holder(given.node, given.context, steps - 1)
        if spot.method is not None and name == spot.method.self_name:
            return Holder((spot.method.owner.ancestors[-1].node, "self"))
        function, bindings = _bound(name, spot)
        alias = _alias(bindings)
        if alias is not None:
            found = self.holder(alias, context, steps - 1)
            if found is not None:
                return found
        if function is not None:
            return Holder((function, name))
        if not bindings:
            return None
        if len(bindings) == 1 and isinstance(bindings[0], Imported):
            return self._defined(spot.scope.resolve(bindings[0].dotted))
        return Holder((spot.module.file, name)) if spot.scope.root.bindings.get(name) is bindings else None

    def _handed(self, owner: ast.expr, name: str, context: Context, steps: int) -> Holder | None:
        """What an object was given for an attribute where it was made: `criterion = Loss(net)`."""
        if steps <= 0:
            return None
        if isinstance(owner, ast.Name):
            given = self.given(owner.id, context)
            if given is not None:
                return self._handed(given.node, name, given.context, steps - 1)
            made = context.spot.scope.value(owner.id)
            context = self._where_bound(owner.id, context)
        else:
            made = owner
        if not isinstance(made, ast.Call):
            return None
        info = self._project.class_named(made.func, context.spot.scope)
        constructor = info.find("__init__") if info is not None and info.role is None else None
        if constructor is None:
            return None
        values = [value for target, value in attributes_set(constructor) if target == name]
        match values:
            case [ast.Name(id=parameter)] if constructor.scope.bindings.get(parameter) != []:
                return self._argument_of(made, constructor, parameter, context, steps)
        return None

    def _argument_of(
        self, call: ast.Call, constructor: Method, parameter: str, context: Context, steps: int
    ) -> Holder | None:
        for keyword in call.keywords:
            if keyword.arg == parameter:
                return self.holder(keyword.value, context, steps - 1)
        if parameter in constructor.parameters and not any(
            isinstance(each, ast.Starred) for each in call.args
        ):
            position = constructor.parameters.index(parameter)
            if position < len(call.args):
                return self.holder(call.args[position], context, steps - 1)
        return None

    def _where_bound(self, name: str, context: Context) -> Context:
        """The function or the module that binds a name."""
        spot = context.spot
        function, _ = _bound(name, spot)
        if function is spot.function:
            return context
        if function is None:
            return replace(context, spot=Spot(spot.module, spot.module.scope))
        inner = self.spots(spot.module).get(function)
        return replace(context, spot=inner) if inner is not None else context

    def _of_module(self, node: ast.Attribute, context: Context) -> Holder | None:
        """`models.generator`, where `models` is a module of the project."""
        dotted = context.spot.scope.dotted(node)
        return self._defined(dotted) if dotted is not None else None

    def _defined(self, dotted: str) -> Holder | None:
        found = self._project.definition(dotted) if is_in_project(dotted) else None
        return Holder((found[0].file, dotted.rpartition("|")[2])) if found is not None else None

    def given(self, name: str, context: Context) -> Given | None:
        """What a parameter is on this way."""
        function, _ = _bound(name, context.spot)
        return context.given.get((function, name)) if function is not None else None

    # --- What it is ---------------------------------------------------------------------------------------

    def values(self, node: ast.expr, context: Context, steps: int = _MAX_STEPS) -> list[Value]:
        """The layers and models that an expression can be, on this way."""
        match node:
            case ast.Name(id=name) if steps:
                given = self.given(name, context)
                if given is not None:
                    return self.values(given.node, given.context, steps - 1)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if steps:
                given = self.given(name, context)
                if given is not None and not self._is_self(name, context):
                    return self._held(self.values(given.node, given.context, steps - 1), attr)
        return self._instances.values_at(node, context.spot)

    def _is_self(self, name: str, context: Context) -> bool:
        return context.spot.method is not None and name == context.spot.method.self_name

    def _held(self, owners: Sequence[Value], attr: str) -> list[Value]:
        found: list[Value] = []
        for owner in owners:
            attribute = (
                self._flow.layers.attributes(owner.info).get(attr) if isinstance(owner, UserLayer) else None
            )
            found += attribute.values if attribute is not None and attribute.values else [UNKNOWN]
        return found or [UNKNOWN]

    # --- What is called -----------------------------------------------------------------------------------

    def follow(self, call: ast.Call, context: Context) -> Followed | None:
        """The one function of the project that a call runs; None for models and for what is elsewhere."""
        match call:
            case ast.Call(func=ast.Attribute(attr=name), args=[function, *rest]) if name in _RUNS:
                found = self.function(function, context)
                if found is not None:
                    return self._bind(found, *given_to_each(call, rest), context)
        found = self.function(call.func, context)
        return self._bind(found, call.args, call.keywords, context) if found is not None else None

    def is_run_elsewhere(self, call: ast.Call) -> bool:
        """Whether a call hands its function over, as `strategy.run(step, args=(x,))` does."""
        return isinstance(call.func, ast.Attribute) and call.func.attr in _RUNS

    def function(self, node: ast.expr, context: Context, steps: int = _MAX_STEPS) -> _Function | None:
        """The function of the project that an expression is."""
        spot = context.spot
        match node:
            case ast.Name(id=name) if steps:
                given = self.given(name, context)
                if given is not None:
                    return self.function(given.node, given.context, steps - 1)
                _, bindings = _bound(name, spot)
                match bindings:
                    case [ast.FunctionDef() | ast.AsyncFunctionDef() as function]:
                        inner = self.spots(spot.module).get(function)
                        return _Function(function, inner, None) if inner is not None else None
                    case [ast.Call() as wrapper]:
                        found = self._wrapped(wrapper, self._where_bound(name, context), steps)
                        if found is not None:
                            return found
            case ast.Attribute(attr=name) if name in _OF_KERAS:
                return None
            case ast.Attribute(value=owner, attr=name):
                method = self._method(node, owner, name, context)
                if method is not None:
                    around = spot.method
                    if isinstance(owner, ast.Call) and around is not None:
                        # `super().step(x)`
                        owner = ast.Name(around.self_name or "", ast.Load())
                    inner = self.spots(method.owner.module).get(method.node)
                    return _Function(method.node, inner, owner) if inner is not None else None
            case ast.Call():
                return self._wrapped(node, context, steps)
        return self._elsewhere(node, spot) or self._instance(node, context)

    def _wrapped(self, wrapper: ast.Call, context: Context, steps: int) -> _Function | None:
        """The function in `tf.function(step)`, and in `functools.partial(step, model)`."""
        dotted = context.spot.scope.dotted(wrapper.func)
        if dotted not in _WRAPPERS or not wrapper.args:
            return None
        found = self.function(wrapper.args[0], context, steps - 1)
        if found is None or dotted != _PARTIAL:
            return found
        return replace(found, before=(*found.before, (wrapper.args[1:], wrapper.keywords, context)))

    def _instance(self, node: ast.expr, context: Context) -> _Function | None:
        """The `__call__` of an object that is no layer: `criterion(x, y)`."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        values = self.values(node, context)
        if not values or not all(isinstance(each, UserLayer) and each.info.role is None for each in values):
            return None
        found = {each.info.find("__call__") for each in values if isinstance(each, UserLayer)}
        method = found.pop() if len(found) == 1 else None
        inner = self.spots(method.owner.module).get(method.node) if method is not None else None
        return _Function(method.node, inner, node) if method is not None and inner is not None else None

    def _method(self, node: ast.Attribute, owner: ast.expr, name: str, context: Context) -> Method | None:
        if context.spot.method is not None:
            own = called_methods(node, context.spot.method)
            if own:
                return own[0] if len(own) == 1 else None
        values = self.values(owner, context)
        found = {value.info.find(name) if isinstance(value, UserLayer) else None for value in values}
        return found.pop() if len(found) == 1 else None

    def _elsewhere(self, node: ast.expr, spot: Spot) -> _Function | None:
        dotted = spot.scope.dotted(node) if isinstance(node, ast.Name | ast.Attribute) else None
        definition = self._project.definition(dotted) if dotted and is_in_project(dotted) else None
        if definition is None or not isinstance(definition[1], Function):
            return None
        inner = self.spots(definition[0]).get(definition[1])
        return _Function(definition[1], inner, None) if inner is not None else None

    def _bind(
        self, found: _Function, args: Sequence[ast.expr], keywords: Sequence[ast.keyword], context: Context
    ) -> Followed:
        """What the parameters of a function get."""
        function = found.function
        given = dict(context.given)
        positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if found.owner is not None and positional and not is_static(function):
            given[function, positional.pop(0)] = Given(found.owner, context)
        for values, named, place in (*found.before, (args, keywords, context)):
            for value in values:
                if isinstance(value, ast.Starred) or not positional:
                    positional.clear()
                    break
                given[function, positional.pop(0)] = Given(value, place)
            for keyword in named:
                if keyword.arg is not None:
                    given[function, keyword.arg] = Given(keyword.value, place)
        return Followed(function, Context(found.spot, given))


@dataclass(frozen=True, slots=True)
class _Function:
    """A function, the spot of its body, and what it is called on if it is a method.

    `before` is what `functools.partial` gives it, and where that stands.
    """

    function: Function
    spot: Spot
    owner: ast.expr | None
    before: tuple[tuple[Sequence[ast.expr], Sequence[ast.keyword], Context], ...] = ()


def _bound(name: str, spot: Spot) -> tuple[Function | None, list[Binding]]:
    """The function that binds a name, if one does, and all that it is bound to there."""
    scope: Scope | None = spot.scope
    while scope is not None and name not in scope.bindings:
        scope = scope.parent
    if scope is None:
        return None, []
    function = next((function for function, inner in spot.functions if inner is scope), None)
    return function, scope.bindings[name]


def _alias(bindings: Sequence[Binding]) -> ast.expr | None:
    """What a variable is another name of."""
    match bindings:
        case [ast.Name() | ast.Attribute() | ast.Subscript() as other]:
            return other
        case [ast.Call(args=[ast.Name() | ast.Attribute(), *_]) as call]:
            # `fast = tf.function(model)`
            return call
    return None
