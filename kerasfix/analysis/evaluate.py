"""What an expression makes: the layers of a list, of a builder function, of a functional model.

Nothing runs. Expressions are followed through names, attributes and functions as far as the source shows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kerasfix.analysis.annotations import classes_named
from kerasfix.analysis.constructions import Constructions
from kerasfix.analysis.index import ClassInfo, Kind
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import (
    Added,
    Binding,
    Function,
    Parameter,
    Scope,
    comprehension_scope,
    function_scope,
    named_parameters,
)
from kerasfix.analysis.standing import seen_from
from kerasfix.analysis.values import (
    NOTHING,
    UNKNOWN,
    BuiltinLayer,
    Container,
    Stack,
    Unknown,
    UserLayer,
    Value,
    elements,
    frozen,
    is_layer,
)
from kerasfix.keras import names
from kerasfix.keras.layers import APPLICATIONS, Effect, LayerFact, fact
from kerasfix.syntax import children, own_nodes

_MAX_STEPS = 28
_SAME_ELEMENTS = frozenset({"list", "tuple", "reversed", "sorted"})
_APPLICATIONS = "keras.applications."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands.

    Attributes:
        scope: The innermost scope around it.
        info: The class whose `self` it sees; None outside of methods.
        self_name: What that `self` is called.
        steps: How many more steps to follow.
    """

    scope: Scope
    info: ClassInfo | None = None
    self_name: str | None = None
    steps: int = _MAX_STEPS


class Evaluator:
    """Evaluates expressions of a project.

    Args:
        project: The modules.
        attribute_values: What an attribute of an instance of a class can be.
    """

    def __init__(self, project: Project, attribute_values: Callable[[ClassInfo, str], list[Value]]) -> None:
        self._project = project
        self._attribute_values = attribute_values
        self._sites = Constructions(project)
        # Names that are being followed.
        self._following: set[tuple[int, ClassInfo | None]] = set()
        # The layers that builders call, by the steps that were left to find them.
        self._built: dict[tuple[Function, int], list[Value]] = {}

    def evaluate(self, node: ast.expr, place: Place) -> list[Value]:
        """All that an expression can be; nothing for an element of an empty list."""
        if place.steps == 0:
            return [UNKNOWN]
        inner = replace(place, steps=place.steps - 1)

        def again(each: ast.expr) -> list[Value]:
            return self.evaluate(each, inner)

        match node:
            case ast.Constant(value=None):
                return [NOTHING]
            case ast.Call():
                return self._made_by(node, inner)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                place.info is not None and owner == place.self_name
            ):
                return self._attribute_values(place.info, name)
            case ast.Subscript(value=value, slice=ast.Slice()):
                return again(value)
            case ast.Subscript(value=value):
                return [element for each in again(value) for element in elements(each)]
            case ast.Name(id=name):
                values = self._named(place.scope.lookup(name), inner)
                return [frozen(each) for each in values] if place.scope.is_frozen(name) else values
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [Container(tuple(value for part in parts for value in again(part)))]
            case ast.Dict(values=parts):
                return [Container(tuple(value for part in parts for value in again(part)))]
            case ast.ListComp(elt=element) | ast.DictComp(value=element) | ast.GeneratorExp(elt=element):
                within = replace(inner, scope=comprehension_scope(node, place.scope))
                return [Container(tuple(self.evaluate(element, within)))]
            case ast.IfExp(body=body, orelse=orelse):
                return [*again(body), *again(orelse)]
            case ast.BoolOp(op=ast.Or(), values=[first, second]):
                # `norm or layers.BatchNormalization()`
                return [*again(first), *again(second)]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                parts_made = [*again(left), *again(right)]
                if all(isinstance(part, Container) for part in parts_made):
                    return parts_made
        return [UNKNOWN]

    def graph(self, outputs: ast.expr, place: Place) -> list[Value]:
        """The layers that a functional model is made of, told by the expression of its outputs."""
        found: dict[Value, None] = {}
        seen: set[int] = set()
        waiting: list[ast.AST] = [outputs]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            match node:
                case ast.Name(id=name):
                    bindings = seen_from(node, place.scope).lookup(name)
                    waiting += [each for each in bindings if isinstance(each, ast.expr)]
                case ast.Call():
                    called = self.evaluate(node.func, place)
                    if all(isinstance(value, Unknown) for value in called):
                        called = self._layers_of_builder(node, place)
                    found.update(dict.fromkeys(called))
                    waiting += [*node.args, *(keyword.value for keyword in node.keywords)]
                case ast.Attribute(value=ast.Name() as model, attr="output" | "outputs"):
                    # `layers.Dense(10)(base.output)`: all of the base is below it.
                    found.update((each, None) for each in self.evaluate(model, place) if is_layer(each))
                case ast.Lambda() | ast.Attribute(value=ast.Name()):
                    pass
                case _:
                    waiting += children(node)
        return list(found)

    def _layers_of_builder(self, call: ast.Call, place: Place) -> list[Value]:
        """The layers that a function calls which takes a tensor and gives one back."""
        found = self._project.function_named(call.func, place.scope)
        if found is None or place.steps <= 1:
            return []
        function, scope = found
        inner = Place(function_scope(function, scope), steps=place.steps // 2)
        key = function, inner.steps
        if key in self._built:
            return self._built[key]
        layers: list[Value] = []
        self._built[key] = layers
        for node in own_nodes(function.body):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Call | ast.Name):
                called = [value for value in self.evaluate(node.func, inner) if is_layer(value)]
                if not called and isinstance(node.func, ast.Name):
                    # A builder of a block, called by that of a group of blocks.
                    called = self._layers_of_builder(node, inner)
                layers += called
        return layers

    def _named(self, bindings: list[Binding], place: Place) -> list[Value]:
        """What a name can be, given all that it is ever bound to."""
        key = id(bindings), place.info
        if key in self._following:
            # `x = x[0]`, ten times: every way through them would be gone, and none would tell more.
            return [UNKNOWN]
        self._following.add(key)
        try:
            return self._bound(bindings, place)
        finally:
            self._following.discard(key)

    def _bound(self, bindings: list[Binding], place: Place) -> list[Value]:
        values: list[Value] = []
        for binding in bindings:
            if isinstance(binding, Added):
                values.append(Stack(tuple(self.evaluate(binding.call.args[0], place)), binding.call))
            elif isinstance(binding, Parameter):
                values += self._parameter(binding, place)
            elif isinstance(binding, ast.expr):
                values += self.evaluate(binding, place)
            else:
                return [UNKNOWN]
        return values or [UNKNOWN]

    def _parameter(self, parameter: Parameter, place: Place) -> list[Value]:
        """What a parameter is, by its annotation, else by its default."""
        # Both are read where the function is written.
        outside = replace(place, scope=place.scope.root, info=None)
        if parameter.annotation is not None:
            found = [
                value
                for option in classes_named(parameter.annotation)
                for value in self._instance(ast.Call(option, [], []), outside)
            ]
            if found:
                return found
        if parameter.default is None or isinstance(parameter.default, ast.Constant):
            return [UNKNOWN]
        values = self.evaluate(parameter.default, outside)
        return [*values, UNKNOWN] if self._sites.give(place.info, parameter) else values

    def _instance(self, call: ast.Call, place: Place) -> list[Value]:
        """The layer that a call of a class makes; nothing if it is no class of layers."""
        scope = place.scope
        info = self._project.class_named(call.func, scope)
        if info is not None:
            return [UserLayer(info, call)] if info.kind is not None else []
        dotted = scope.dotted(call.func)
        if dotted is None:
            return []
        if dotted == names.SEQUENTIAL:
            given = [each for value in self._layer_arguments(call, place) for each in elements(value)]
            return [Stack(tuple(given), call)]
        if dotted == names.MODEL:
            return self._functional(call, place)
        if dotted.startswith(_APPLICATIONS) and dotted.rpartition(".")[2] in APPLICATIONS:
            return [_application(dotted.rpartition(".")[2], call)]
        layer = self._project.layers.get(dotted) or layer_fact(dotted)
        if layer is None:
            return []
        inner = tuple(self._layer_arguments(call, place)) if _takes_layers(layer) else ()
        return [BuiltinLayer(layer, call, inner)]

    def _functional(self, call: ast.Call, place: Place) -> list[Value]:
        outputs = next((each.value for each in call.keywords if each.arg in ("outputs", "output")), None)
        outputs = outputs or (call.args[1] if len(call.args) > 1 else None)
        if outputs is None:
            return []
        return [Stack(tuple(self.graph(outputs, place)), call, "Model")]

    def _made_by(self, call: ast.Call, place: Place) -> list[Value]:
        """What a call gives, if it gives a layer."""
        found = self._instance(call, place)
        if found:
            return found
        if isinstance(call.func, ast.Name):
            binding = place.scope.value(call.func.id)
            match binding:
                case ast.Call(func=func, args=[layer, *first], keywords=keywords):
                    # `BatchNorm = functools.partial(layers.BatchNormalization, momentum=0.9)`
                    if place.scope.dotted(func) == "functools.partial":
                        whole = ast.Call(layer, [*first, *call.args], [*keywords, *call.keywords])
                        return self._instance(ast.copy_location(whole, call), place) or [UNKNOWN]
            if isinstance(binding, Parameter) and isinstance(binding.default, ast.Name | ast.Attribute):
                # `norm=layers.BatchNormalization` in the signature, and `norm()` in the body.
                outside = replace(place, scope=place.scope.root, info=None)
                made = self._instance(replace_function(call, binding.default), outside) or [UNKNOWN]
                return [*made, UNKNOWN] if self._sites.give(place.info, binding) else made
            if call.func.id in _SAME_ELEMENTS and not place.scope.lookup(call.func.id):
                return self.evaluate(call.args[0], place) if call.args else [UNKNOWN]
        return self._returned(call, place)

    def _returned(self, call: ast.Call, place: Place) -> list[Value]:
        """What a function or a method of the project returns."""
        match call.func:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                place.info is not None and owner == place.self_name
            ):
                # A subclass may make something else.
                versions = dict.fromkeys(each.find(name) for each in (place.info, *place.info.descendants))
                values: list[Value] = []
                for method in versions:
                    if method is None:
                        return [UNKNOWN]
                    inner = Place(method.owner.scope, place.info, method.self_name, place.steps)
                    values += self._results(method.node, method.positional[1:], call, place, inner)
                return values
        found = self._project.function_named(call.func, place.scope)
        if found is None:
            return [UNKNOWN]
        function, outer = found
        inner = Place(outer, steps=place.steps)
        return self._results(function, named_parameters(function), call, place, inner)

    def _results(
        self, function: Function, parameters: list[ast.arg], call: ast.Call, place: Place, inner: Place
    ) -> list[Value]:
        """What a function returns for a call of it.

        Args:
            function: The function.
            parameters: Those that the arguments go to.
            call: The call.
            place: Where the call stands.
            inner: Where the function is written.
        """
        if function.decorator_list or place.steps <= 1:
            return [UNKNOWN]
        scope = function_scope(function, inner.scope)
        for parameter, argument in _arguments(call, parameters):
            # A class that is handed in: `self.make_layer(Block, 64)`. Of anything else nothing is known.
            is_here = inner.scope.root is place.scope.root and self._is_class(argument, inner.scope)
            if len(scope.bindings[parameter]) == 1:
                scope.bindings[parameter] = [argument if is_here else None]
        if any(isinstance(each, ast.Starred) for each in call.args) or any(
            keyword.arg is None for keyword in call.keywords
        ):
            scope.bindings.update({each.arg: [None] for each in parameters})
        inside = replace(inner, scope=scope, steps=place.steps // 2)
        values: list[Value] = []
        for node in own_nodes(function.body):
            if isinstance(node, ast.Return) and node.value is not None:
                values += self.evaluate(node.value, inside)
            elif isinstance(node, ast.Yield | ast.YieldFrom):
                return [UNKNOWN]
        return values or [UNKNOWN]

    def _is_class(self, node: ast.expr, scope: Scope) -> bool:
        if not isinstance(node, ast.Name | ast.Attribute):
            return False
        return self._project.class_named(node, scope) is not None or (
            names.layer_name(scope.dotted(node)) is not None
        )

    def _layer_arguments(self, call: ast.Call, place: Place) -> list[Value]:
        """The values of the arguments that can be layers: the first one, or `layer=`, `layers=`, `cell=`."""
        given = call.args[:1] or [
            keyword.value for keyword in call.keywords if keyword.arg in ("layer", "layers", "cell", "cells")
        ]
        return [value for argument in given for value in self.evaluate(argument, place)]

    def stack_of(self, info: ClassInfo) -> Stack | None:
        """The layers of a class that is made of layers in its constructor and has no `call` of its own: a
        subclass of Sequential, or a model that is built functionally.
        """
        constructor = info.find("__init__")
        if info.kind is not Kind.MODEL or info.is_open or constructor is None:
            return None
        place = Place(constructor.scope, info, constructor.self_name)
        layers: list[Value] = []
        calls = [node for node in own_nodes(constructor.node.body) if isinstance(node, ast.Call)]
        for call in calls:
            match call.func:
                case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                    if names.SEQUENTIAL in info.outside_bases:
                        given = self._layer_arguments(call, place)
                        layers += [each for value in given for each in elements(value)]
                    else:
                        layers += self._functional(call, place)
                case ast.Attribute(value=ast.Name(id=owner), attr="add") if owner == constructor.self_name:
                    layers += [
                        value for argument in call.args[:1] for value in self.evaluate(argument, place)
                    ]
        return Stack(tuple(layers), calls[0], info.name) if layers else None


def layer_fact(dotted: str) -> LayerFact | None:
    """What is known of a layer class of Keras, or of a package of which there is a table."""
    name = names.layer_name(dotted)
    if name is not None:
        return fact(name)
    if dotted.startswith(names.PACKAGES):
        from kerasfix.keras.packages import package_layer

        return package_layer(dotted)
    return None


def _application(name: str, call: ast.Call) -> Stack:
    known = fact("BatchNormalization")
    assert known is not None
    layers = (BuiltinLayer(known, call),) if APPLICATIONS[name] is Effect.UPDATES_STATE else ()
    return Stack(layers, call, name)


def _takes_layers(layer: LayerFact) -> bool:
    return layer.effect is Effect.WRAPS or layer.name == "SpectralNormalization"


def _arguments(call: ast.Call, parameters: list[ast.arg]) -> Iterator[tuple[str, ast.expr]]:
    """The arguments of a call by the names of the parameters that they go to."""
    yield from ((parameter.arg, each) for parameter, each in zip(parameters, call.args, strict=False))
    known = {parameter.arg for parameter in parameters}
    yield from (
        (each.arg, each.value) for each in call.keywords if each.arg is not None and each.arg in known
    )


def replace_function(call: ast.Call, function: ast.expr) -> ast.Call:
    """The same call of another function."""
    return ast.copy_location(ast.Call(function, call.args, call.keywords), call)
