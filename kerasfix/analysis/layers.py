"""Which attribute holds which layer.

Every assignment to an attribute is evaluated as far as the source shows it. What an attribute can hold is
a list of values: it may be a layer in one branch and a lambda in the other, and then no edit may treat it
as a layer.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.scope import Added, Binding, Scope, own_nodes
from kerasfix.keras import names
from kerasfix.keras.layers import Effect, LayerFact, fact

_MAX_STEPS = 12


@dataclass(frozen=True, eq=False)
class BuiltinLayer:
    """An instance of a layer class that Keras ships; `inner` are the layers that it is given to wrap."""

    fact: LayerFact
    call: ast.Call
    inner: tuple[Value, ...] = ()

    @property
    def class_name(self) -> str:
        return self.fact.name


@dataclass(frozen=True, eq=False)
class UserLayer:
    """An instance of a Keras class of this module."""

    info: ClassInfo
    call: ast.Call

    @property
    def class_name(self) -> str:
        return self.info.name


@dataclass(frozen=True, eq=False)
class Stack:
    """A `keras.Sequential`, with the layers of it that are in sight."""

    layers: tuple[Value, ...]
    call: ast.Call
    class_name: str = "Sequential"


@dataclass(frozen=True, eq=False)
class Container:
    """A list, tuple or dict of values; `complete` if nothing else can be in it."""

    elements: tuple[Value, ...]
    complete: bool = True


@dataclass(frozen=True, eq=False)
class Nothing:
    """The constant None: an attribute that holds no layer in this branch."""


@dataclass(frozen=True, eq=False)
class Unknown:
    """Anything that kerasfix cannot see through: a parameter, a lambda, a layer of another package."""


Value = BuiltinLayer | UserLayer | Stack | Container | Nothing | Unknown
_Evaluate = Callable[[ast.expr], list[Value]]
UNKNOWN = Unknown()
NOTHING = Nothing()


@dataclass(slots=True)
class Attribute:
    """All that one attribute of `self` can hold, and the statements that put it there."""

    values: list[Value] = field(default_factory=list)
    made_at: list[ast.stmt] = field(default_factory=list)


class LayerIndex:
    """The layers of a module's classes, evaluated on demand."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._own: dict[ClassInfo, dict[str, Attribute]] = {}
        self._shared: dict[ClassInfo, dict[str, Attribute]] = {}

    def attributes(self, info: ClassInfo) -> dict[str, Attribute]:
        """The attributes of `self` in `info`, with those that its family in the module assigns too."""
        if info not in self._shared:
            merged: dict[str, Attribute] = {}
            for each in info.family:
                for name, attribute in self._own_attributes(each).items():
                    here = merged.setdefault(name, Attribute())
                    here.values += attribute.values
                    here.made_at += attribute.made_at
            for name in self._set_from_outside & merged.keys():
                merged[name].values.append(UNKNOWN)
            self._shared[info] = merged
        return self._shared[info]

    @cached_property
    def _set_from_outside(self) -> set[str]:
        """Attributes that some code sets on something other than `self` (`net.drop = lambda x: x`)."""
        return {
            node.attr
            for node in ast.walk(self.module.source.tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        }

    def values_of(self, node: ast.expr, method: Method, scope: Scope) -> list[Value]:
        """What an expression inside a method can be: `self.bn`, `self.blocks[i]`, a local alias.

        Args:
            node: The expression, usually what is called.
            method: The method that it stands in.
            scope: The innermost function scope around it.
        """
        return self._evaluate(node, method.owner, method.self_name, scope, _MAX_STEPS)

    def values_outside(self, node: ast.expr, scope: Scope) -> list[Value]:
        """What an expression outside of all classes can be."""
        return self._evaluate(node, None, None, scope, _MAX_STEPS)

    def _own_attributes(self, info: ClassInfo) -> dict[str, Attribute]:
        if info not in self._own:
            found = self._own[info] = {}
            for name, value, statement, method in _assignments(info):
                attribute = found.setdefault(name, Attribute())
                scope = method.scope if method else info.scope
                self_name = method.self_name if method else None
                if value is None:
                    attribute.values.append(UNKNOWN)
                else:
                    attribute.values += self._evaluate(value, info, self_name, scope, _MAX_STEPS)
                attribute.made_at.append(statement)
            for name, added, method in _grown(info):
                found.setdefault(name, Attribute()).values += self._growth(added, info, method)
        return self._own[info]

    def _growth(self, added: ast.expr | Added, info: ClassInfo, method: Method) -> list[Value]:
        """What an attribute is besides, once something was put into it."""
        node = added.call.args[0] if isinstance(added, Added) else added
        values = self._evaluate(node, info, method.self_name, method.scope, _MAX_STEPS)
        return [Stack(tuple(values), added.call)] if isinstance(added, Added) else values

    def _evaluate(
        self, node: ast.expr, info: ClassInfo | None, self_name: str | None, scope: Scope, steps: int
    ) -> list[Value]:
        if steps == 0:
            return [UNKNOWN]

        def again(each: ast.expr) -> list[Value]:
            return self._evaluate(each, info, self_name, scope, steps - 1)

        match node:
            case ast.Constant(value=None):
                return [NOTHING]
            case ast.Call():
                return self._made_by(node, scope, again)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if info and owner == self_name:
                return self._attribute_values(info, name)
            case ast.Subscript(value=value, slice=ast.Slice()):
                return again(value)
            case ast.Subscript(value=value):
                return [element for each in again(value) for element in _elements(each)]
            case ast.Name(id=name):
                return self._named(scope.lookup(name), again)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [_container([again(element) for element in elements])]
            case ast.Dict(values=elements):
                return [_container([again(element) for element in elements])]
            case ast.ListComp(elt=element) | ast.DictComp(value=element) | ast.GeneratorExp(elt=element):
                return [Container(tuple(again(element)))]
            case ast.IfExp(body=body, orelse=orelse):
                return [*again(body), *again(orelse)]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                parts = [*again(left), *again(right)]
                if all(isinstance(part, Container) for part in parts):
                    return parts
        return [UNKNOWN]

    def _named(self, bindings: list[Binding], again: _Evaluate) -> list[Value]:
        """What a name can be, given all that it is ever bound to."""
        values: list[Value] = []
        for binding in bindings:
            if isinstance(binding, Added):
                values.append(Stack(tuple(again(binding.call.args[0])), binding.call))
            elif isinstance(binding, ast.expr):
                values += again(binding)
            else:
                return [UNKNOWN]
        return values or [UNKNOWN]

    def _attribute_values(self, info: ClassInfo, name: str) -> list[Value]:
        if info in self._shared:
            attribute = self._shared[info].get(name)
        elif info in self._own:
            # Asked while the class itself is being read (`self.a = self.b`): what is known so far.
            attribute = self._own[info].get(name)
        else:
            attribute = self.attributes(info).get(name)
        return list(attribute.values) if attribute and attribute.values else [UNKNOWN]

    def _made_by(self, call: ast.Call, scope: Scope, again: _Evaluate) -> list[Value]:
        """What a call makes, if it makes a layer."""
        info = self.module.class_named(call.func, scope)
        if info is not None:
            return [UserLayer(info, call)] if info.kind is not None else [UNKNOWN]
        dotted = scope.dotted(call.func)
        if dotted == names.SEQUENTIAL:
            given = [element for each in _layer_arguments(call, again) for element in _elements(each)]
            return [Stack(tuple(given), call)]
        name = names.layer_name(dotted)
        layer = fact(name) if name is not None else None
        if layer is not None:
            inner = tuple(_layer_arguments(call, again)) if _takes_layers(layer) else ()
            return [BuiltinLayer(layer, call, inner)]
        if dotted is None and isinstance(call.func, ast.Name) and call.func.id in ("list", "tuple"):
            return again(call.args[0]) if call.args and not scope.lookup(call.func.id) else [UNKNOWN]
        return [UNKNOWN]


def _takes_layers(layer: LayerFact) -> bool:
    return layer.effect is Effect.WRAPS or layer.name == "SpectralNormalization"


def _layer_arguments(call: ast.Call, again: _Evaluate) -> list[Value]:
    """The values of the arguments that can be layers: the first one, or `layer=`, `layers=`, `cell=`."""
    given = call.args[:1] or [
        keyword.value for keyword in call.keywords if keyword.arg in ("layer", "layers", "cell", "cells")
    ]
    return [value for argument in given for value in again(argument)]


def _container(parts: list[list[Value]]) -> Container:
    return Container(tuple(value for part in parts for value in part))


def _elements(value: Value) -> Iterator[Value]:
    """What an element of a value can be; an element of something unknown is unknown."""
    if isinstance(value, Container):
        yield from value.elements
        if not value.complete:
            yield UNKNOWN
    elif not isinstance(value, Nothing):
        yield UNKNOWN


def _assignments(
    info: ClassInfo,
) -> Iterator[tuple[str, ast.expr | None, ast.stmt, Method | None]]:
    """Each `self.name = value` of a class as (name, value, statement, method), class variables included.

    The value is None where it is not one expression (`self.a, self.b = made()`, a loop variable), or where a
    nested function sets it at some other time.
    """
    for statement in info.node.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value, statement, None
    for method in info.methods.values():
        own = set(own_nodes(method.node.body))
        for node in ast.walk(method.node):
            for target, value in _stores(node):
                for name, part in _self_targets(target, value, method.self_name):
                    assert isinstance(node, ast.stmt)
                    yield name, part if node in own else None, node, method


def _stores(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            yield target, value
        case ast.AugAssign(target=target) | ast.For(target=target):
            yield target, None
        case ast.Expr(
            value=ast.Call(func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(name)), value])
        ):
            yield ast.Attribute(owner, name, ast.Store()), value


def _self_targets(
    target: ast.expr, value: ast.expr | None, self_name: str | None
) -> Iterator[tuple[str, ast.expr | None]]:
    match target:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == self_name:
            yield name, value
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            values: list[ast.expr | None] = [None] * len(targets)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                values = list(value.elts)
            for each, part in zip(targets, values, strict=True):
                yield from _self_targets(each, part, self_name)


def _grown(info: ClassInfo) -> Iterator[tuple[str, ast.expr | Added, Method]]:
    """What is put into attributes: `self.name.append(value)`, `self.name[key] = value`, and their like."""
    for method in info.methods.values():
        for node in ast.walk(method.node):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner), attr=name))):
                    if owner == method.self_name:
                        yield from ((name, added, method) for added in _put_in_by(node))
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        match target:
                            case ast.Subscript(value=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                                if owner == method.self_name:
                                    yield name, ast.List([value], ast.Load()), method


def _put_in_by(call: ast.Call) -> Iterator[ast.expr | Added]:
    assert isinstance(call.func, ast.Attribute)
    match call.func.attr, call.args:
        case "append", [value]:
            yield ast.List([value], ast.Load())
        case "insert", [_, value]:
            yield ast.List([value], ast.Load())
        case "extend", [values]:
            yield values
        case "add", [_]:
            yield Added(call)
        case (("update" | "setdefault"), _):
            # A dict that grows so can hold anything.
            yield ast.List([ast.Constant(...)], ast.Load())


def is_layer(value: Value) -> bool:
    """Whether a call of this value may be given `training=`: a layer, or no call at all."""
    return not isinstance(value, Unknown | Container)


def flat(value: Value) -> Iterator[Value]:
    if isinstance(value, Container):
        for element in value.elements:
            yield from flat(element)
    else:
        yield value
