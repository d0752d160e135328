"""Which attribute holds which layer.

Every assignment to an attribute is evaluated as far as the source shows it. What an attribute can hold is
a list of values: it may be a layer in one branch and a lambda in the other, and then no edit may treat it
as a layer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.evaluate import Evaluator, Place
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Added, Scope
from kerasfix.analysis.values import MISSING, UNKNOWN, BuiltinLayer, Container, Stack, Value, frozen
from kerasfix.keras.layers import INHERITED_LAYERS, fact
from kerasfix.syntax import of_kind, own_nodes


@dataclass(slots=True)
class Attribute:
    """All that one attribute of `self` can hold, and the statements that put it there."""

    values: list[Value] = field(default_factory=list)
    made_at: list[ast.stmt] = field(default_factory=list)


class LayerIndex:
    """The layers of the classes of a project, evaluated on demand."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._own: dict[ClassInfo, dict[str, Attribute]] = {}
        self._shared: dict[ClassInfo, dict[str, Attribute]] = {}
        self._set_outside: dict[Module, frozenset[str]] = {}
        self._frozen: dict[ClassInfo, dict[str, bool]] = {}
        self._together: dict[tuple[ClassInfo, str], dict[str, list[Value]]] = {}
        self._reading: set[ClassInfo] = set()
        self.evaluator = Evaluator(project, self._attribute_values)

    def attributes(self, info: ClassInfo) -> dict[str, Attribute]:
        """The attributes of `self` in an instance of `info`, with those that its ancestors assign."""
        if info not in self._shared:
            merged: dict[str, Attribute] = {}
            for each in info.ancestors:
                for name, attribute in self._own_attributes(each).items():
                    here = merged.setdefault(name, Attribute())
                    here.values += attribute.values
                    here.made_at += attribute.made_at
            for name, layer in _inherited(info):
                merged.setdefault(name, Attribute()).values.append(layer)
            for name in self._frozen_names(info) & merged.keys():
                merged[name].values[:] = [frozen(value) for value in merged[name].values]
            for module in self._about(info):
                for name in self.set_from_outside(module) & merged.keys():
                    # What is put in where an element is expected is unknown as well.
                    merged[name].values += [UNKNOWN, Container((UNKNOWN,))]
            self._shared[info] = merged
        return self._shared[info]

    def _about(self, info: ClassInfo) -> list[Module]:
        """The modules in which an instance of a class may be changed from outside."""
        return list({**dict.fromkeys(each.module for each in info.ancestors), **self.project.speaking(info)})

    def set_from_outside(self, module: Module) -> frozenset[str]:
        """Attributes that a module sets on something other than `self`, or puts something into."""
        if module not in self._set_outside:
            self._set_outside[module] = frozenset(_set_on_others(module.source.tree))
        return self._set_outside[module]

    def values_of(self, node: ast.expr, method: Method, scope: Scope) -> list[Value]:
        """What an expression inside a method can be: `self.bn`, `self.blocks[i]`, a local alias.

        Args:
            node: The expression, usually what is called.
            method: The method that it stands in.
            scope: The innermost function scope around it.

        Returns:
            What it is in an instance of any class in which the method runs.
        """
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == method.self_name:
                return self._of_receivers(method).get(name) or [UNKNOWN]
        found: dict[Value, None] = {}
        for info in method.receivers:
            found.update(dict.fromkeys(self.values_in(node, info, method, scope)))
        # An abstract class leaves to its subclasses what they assign.
        known = [value for value in found if value is not MISSING]
        return known or [UNKNOWN]

    def _of_receivers(self, method: Method) -> dict[str, list[Value]]:
        """What each attribute can be in an instance of any class in which a method runs."""
        key = (method.owner, method.name)
        if key not in self._together:
            found: dict[str, dict[Value, None]] = {}
            for info in method.receivers:
                for name, attribute in self.attributes(info).items():
                    found.setdefault(name, {}).update(dict.fromkeys(attribute.values))
            self._together[key] = {name: list(values) for name, values in found.items()}
        return self._together[key]

    def values_in(self, node: ast.expr, info: ClassInfo, method: Method, scope: Scope) -> list[Value]:
        """What an expression inside a method can be in an instance of just the class `info`."""
        return self.evaluator.evaluate(node, Place(scope, info, method.self_name))

    def values_outside(self, node: ast.expr, scope: Scope) -> list[Value]:
        """What an expression outside of all classes can be."""
        return self.evaluator.evaluate(node, Place(scope))

    def _frozen_names(self, info: ClassInfo) -> set[str]:
        """Attributes whose `trainable` the class and its ancestors set to False, and to nothing else."""
        found: dict[str, bool] = {}
        for each in info.ancestors:
            if each not in self._frozen:
                self._frozen[each] = _trainable_set(each)
            for name, is_frozen in self._frozen[each].items():
                found[name] = found.get(name, True) and is_frozen
        return {name for name, is_frozen in found.items() if is_frozen}

    def _own_attributes(self, info: ClassInfo) -> dict[str, Attribute]:
        if info not in self._own:
            found = self._own[info] = {}
            self._reading.add(info)
            for name, value, statement, method in _assignments(info):
                attribute = found.setdefault(name, Attribute())
                scope = method.scope if method else info.scope
                self_name = method.self_name if method else None
                if value is None:
                    attribute.values.append(UNKNOWN)
                else:
                    attribute.values += self.evaluator.evaluate(value, Place(scope, info, self_name))
                attribute.made_at.append(statement)
            for name, added, method in _grown(info):
                found.setdefault(name, Attribute()).values += self._growth(added, info, method)
            self._reading.discard(info)
        return self._own[info]

    def _growth(self, added: ast.expr | Added, info: ClassInfo, method: Method) -> list[Value]:
        """What an attribute is besides, once something was put into it."""
        node = added.call.args[0] if isinstance(added, Added) else added
        values = self.evaluator.evaluate(node, Place(method.scope, info, method.self_name))
        return [Stack(tuple(values), added.call)] if isinstance(added, Added) else values

    def _attribute_values(self, info: ClassInfo, name: str) -> list[Value]:
        # Asked while the class itself is being read (`self.a = self.b`): what is known so far.
        known = self._own[info] if info in self._reading else self.attributes(info)
        attribute = known.get(name)
        return list(attribute.values) if attribute and attribute.values else [MISSING]


def _set_on_others(tree: ast.Module) -> Iterator[str]:
    """The attributes in `net.drop = f`, `setattr(net, "drop", f)`, `net.ls.append(f)`, `net.ls[0] = f`."""
    for node in of_kind(tree, ast.Attribute, ast.Call, ast.Subscript):
        match node:
            case ast.Attribute(value=owner, attr=name, ctx=ast.Store()) if not _is_self(owner):
                yield name
            case ast.Call(func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(name)), _]):
                if not _is_self(owner):
                    yield name
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=owner, attr=name), attr="append" | "extend" | "insert" | "add"
                )
            ) if not _is_self(owner):
                yield name
            case ast.Subscript(value=ast.Attribute(value=owner, attr=name), ctx=ast.Store()):
                if not _is_self(owner):
                    yield name


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


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
        for node in of_kind(method.node, *_STORING):
            for target, value in _stores(node):
                for name, part in _self_targets(target, value, method.self_name):
                    assert isinstance(node, ast.stmt)
                    yield name, part if node in own else None, node, method


_STORING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.Expr)


def _stores(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            yield target, value
        case ast.AugAssign(target=target, op=ast.Add(), value=ast.List() | ast.ListComp() as value):
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
        for node in of_kind(method.node, ast.Call, ast.Assign):
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


def _inherited(info: ClassInfo) -> Iterator[tuple[str, Value]]:
    """The layers that the layer of Keras below a class keeps in itself."""
    for base in info.builtin_bases:
        for name, made in INHERITED_LAYERS.get(base, {}).items():
            known = fact(made)
            assert known is not None
            yield name, BuiltinLayer(known, ast.Call(ast.Name(made, ast.Load()), [], []))


def _trainable_set(info: ClassInfo) -> dict[str, bool]:
    """Attributes whose `trainable` a class sets, and whether it sets it to False each time."""
    found: dict[str, bool] = {}
    if "trainable" in info.module.words:
        for method in info.methods.values():
            for node in own_nodes(method.node.body):
                for target, is_frozen in _set_trainable(node):
                    for name, _ in _self_targets(target, None, method.self_name):
                        found[name] = found.get(name, True) and is_frozen
    return found


def _set_trainable(node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """What a statement freezes (True) or thaws: `base.trainable = False`, or a loop over all its layers."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=target, attr="trainable")], value=value):
            yield target, isinstance(value, ast.Constant) and value.value is False
        case ast.For(
            target=ast.Name(id=layer),
            iter=ast.Attribute(value=target, attr="layers"),
            body=[
                ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=name), attr="trainable")],
                    value=ast.Constant(value=False),
                )
            ],
        ) if name == layer:
            yield target, True
