"""Uses of a method that are no calls in sight, and so cannot be made to hand the flag over.

A method that gains `training=None` must be handed the flag by everybody who calls it while a layer's context
is open. Who reads it as an attribute of something, takes it as a value, puts something else in its place or
inherits from a class that cannot be told, stands in the way.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.heirs import objections_of
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.scope import Function, Scope
from kerasfix.analysis.sites import NOT_FORWARD
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.values import Unknown, UserLayer
from kerasfix.syntax import children, of_kind, walk

_SIGNATURES = frozenset({"inspect.signature", "inspect.getfullargspec"})


@dataclass(frozen=True, slots=True)
class _Reference:
    """A read of an attribute.

    Attributes:
        node: The attribute; or a name in the body of a class that can be a method of it.
        module: Where it stands.
        scope: The names there.
        info: The class around it.
        method: The method around it.
        holder: The class or the function at the top of the module that it stands in.
        is_built: Whether it is called where nothing but building goes on.
    """

    node: ast.Attribute | ast.Name
    module: Module
    scope: Scope
    info: ClassInfo | None
    method: Method | None
    holder: str
    is_built: bool


class References:
    """The reads of attributes in a project.

    Args:
        flow: Its layers and classes.
    """

    def __init__(self, flow: TrainingFlow) -> None:
        self._flow = flow
        self._linked: dict[tuple[Module, str, Method], bool] = {}
        self._of_module: dict[Module, dict[str, list[_Reference]]] = {}

    def blockers(self, method: Method, followed: set[int]) -> Iterator[str]:
        """Why a method must not get another signature.

        Args:
            method: The method.
            followed: The ids of the expressions that are known to call it.
        """
        yield from self.replaced(method)
        for reference in self._by_name(method.name):
            if reference.is_built or id(reference.node) in followed or not self._may_mean(reference, method):
                continue
            node, module = reference.node, reference.module
            where = "" if module is method.owner.module else f" of {os.path.basename(module.file)}"
            text = ast.unparse(node)
            yield f"line {node.lineno}{where} uses `{text}` in a way that is not followed"
        yield from self._fetched(method)
        yield from self._unknown_heirs(method)

    def replaced(self, method: Method) -> Iterator[str]:
        """Attributes that hide the method, in some instance."""
        layers = self._flow.layers
        for each in method.owner.family:
            if method.name in layers.attributes(each):
                yield f"`{method.name}` is also set as an attribute, in {each.name}"
                return
        for module in self._flow.project.given:
            if method.name in layers.set_from_outside(module) and module.speaks_of(method.owner):
                yield f"`{method.name}` is set from outside, in {os.path.basename(module.file)}"
                return

    def _fetched(self, method: Method) -> Iterator[str]:
        """`getattr(self, name)(x)` that may give the method."""
        if method.name == "call":
            return
        for each in method.owner.family:
            for node, name in self._getattrs.get(each, ()):
                if name in (None, method.name):
                    yield f"line {node.lineno} uses `{ast.unparse(node)}`, which may be it"
                    return

    def _unknown_heirs(self, method: Method) -> Iterator[str]:
        """Classes with a base that cannot be told, and that call or override what may be this method."""
        owner = method.owner
        for info in self._open_classes:
            if info not in owner.family and info.module.speaks_of(owner):
                yield from objections_of(info.node, {owner.name}, method.name, info.module.file)

    @cached_property
    def _open_classes(self) -> list[ClassInfo]:
        return [info for info in self._flow.project.classes if None in info.outside_bases]

    def _may_mean(self, reference: _Reference, method: Method) -> bool:
        """Whether an attribute of the name of a method can be that method.

        `something.call` goes around `__call__` and its context, so it counts wherever it stands;
        `subprocess.call` does not.
        """
        info, node, owner = reference.info, reference.node, method.owner
        if isinstance(node, ast.Name):
            return info is owner
        self_name = reference.method.self_name if reference.method is not None else None
        match node.value:
            case ast.Name(id=name) if name == self_name and info is not None:
                found = {each.find(method.name) for each in (info, *info.descendants)}
                return owner in info.family and (method in found or found == {None})
            case ast.Call(func=ast.Name(id="super")) if info is not None:
                # In a subclass with several bases, super() can lead to a class that this one does not know.
                return info is not owner and any(
                    info in each.ancestors and owner in each.ancestors for each in (info, *info.family)
                )
        named = self._flow.project.class_named(node.value, reference.scope)
        if named is not None:
            return owner in named.family
        if reference.scope.dotted(node) is not None:
            return False
        if (info is None or info.role is None) and reference.holder not in self._used_in_classes:
            # Nobody calls it while a context is open.
            return False
        if reference.method is not None:
            values = self._flow.layers.values_of(node.value, reference.method, reference.scope)
            if not any(isinstance(value, Unknown) for value in values):
                return any(isinstance(value, UserLayer) and owner in value.info.family for value in values)
        return self._is_linked(reference.module, reference.holder, method)

    def _is_linked(self, module: Module, holder: str, method: Method) -> bool:
        """Whether an instance of a class can have got into the hands of a class or function of a module.

        `something.call` stands in many a function that is handed something; there it takes more to tell.
        """
        owner, project = method.owner, self._flow.project
        key = (module, holder, method)
        if key not in self._linked:
            self._linked[key] = (
                module.speaks_of(owner)
                or any(holder in each.words for each in project.speaking(owner))
                or (method.name != "call" and project.may_meet(module, owner))
            )
        return self._linked[key]

    @cached_property
    def _used_in_classes(self) -> frozenset[str]:
        """The names that Keras classes of the project read."""
        return frozenset(
            node.id if isinstance(node, ast.Name) else node.attr
            for info in self._flow.project.classes
            if info.role is not None
            for node in of_kind(info.node, ast.Name, ast.Attribute)
            if isinstance(node.ctx, ast.Load)
        )

    @cached_property
    def _getattrs(self) -> dict[ClassInfo, list[tuple[ast.Call, str | None]]]:
        """`getattr(self, name)` in the methods of each class; None for a name that is worked out."""
        found: dict[ClassInfo, list[tuple[ast.Call, str | None]]] = {}
        for info in self._flow.project.classes:
            if "getattr" not in info.module.words:
                continue
            for method in info.methods.values():
                for node in of_kind(method.node, ast.Call) if method.name not in NOT_FORWARD else ():
                    match node:
                        case ast.Call(
                            func=ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=owner), name, *_])
                        ) if owner == method.self_name:
                            known = str(name.value) if isinstance(name, ast.Constant) else None
                            found.setdefault(info, []).append((node, known))
        return found

    def _by_name(self, name: str) -> Iterator[_Reference]:
        for module in self._flow.project.given:
            if name in module.words:
                yield from self._in_module(module).get(name, ())

    def _in_module(self, module: Module) -> dict[str, list[_Reference]]:
        if module not in self._of_module:
            found = self._of_module[module] = {}
            for reference in _references_in(module, self._wanted & module.words):
                node = reference.node
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                found.setdefault(name, []).append(reference)
        return self._of_module[module]

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(method.name for method in self._flow.project.methods())


def _is_looked_at(
    given: ast.expr, call: ast.Call, scope: Scope, module: Module, wanted: frozenset[str]
) -> bool:
    """Whether a call asks for the signature of a method and does nothing else with it."""
    if not isinstance(given, ast.Attribute) or given.attr not in wanted:
        return False
    if scope.dotted(call.func) in _SIGNATURES:
        return True
    found = module.project.function_named(call.func, scope)
    if found is None:
        return False
    function, outer = found
    place = call.args.index(given)
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if place >= len(names):
        return False
    asked = {
        each.args[0]
        for each in walk(function)
        if isinstance(each, ast.Call) and each.args and outer.dotted(each.func) in _SIGNATURES
    }
    return all(
        each in asked for each in walk(function) if isinstance(each, ast.Name) and each.id == names[place]
    )


def _references_in(module: Module, wanted: frozenset[str]) -> Iterator[_Reference]:
    called: set[int] = set()
    looked_at: set[int] = set()
    classes = module.class_of_node
    waiting: list[tuple[list[ast.AST], _Around]] = [
        ([module.source.tree], _Around(module.scope, None, None, ""))
    ]
    while waiting:
        nodes, around = waiting.pop()
        info, method = around.info, around.method
        while nodes:
            node = nodes.pop()
            if isinstance(node, ast.ClassDef):
                inner = _Around(around.scope, classes.get(node), None, around.holder or node.name)
                waiting += [(nodes, around), (children(node), inner)]
                break
            if isinstance(node, Function):
                own = info.methods.get(node.name) if info is not None and method is None else None
                inside = own if own is not None and own.node is node else method
                is_own = inside is not None and inside.node is node
                scope = inside.scope if inside is not None and is_own else around.scope
                inner = _Around(scope, info, inside, around.holder or node.name)
                waiting += [(nodes, around), (children(node), inner)]
                break
            if isinstance(node, ast.Call):
                called.add(id(node.func))
                looked_at |= {
                    id(given)
                    for given in node.args
                    if _is_looked_at(given, node, around.scope, module, wanted)
                }
            elif id(node) in looked_at:
                continue
            elif isinstance(node, ast.Attribute):
                if node.attr in wanted and isinstance(node.ctx, ast.Load):
                    is_built = method is not None and method.name in NOT_FORWARD and id(node) in called
                    yield _Reference(node, module, around.scope, info, method, around.holder, is_built)
            elif isinstance(node, ast.Name):
                in_class_body = info is not None and method is None
                if node.id in wanted and in_class_body and isinstance(node.ctx, ast.Load):
                    yield _Reference(node, module, around.scope, info, None, around.holder, False)
                continue
            nodes += children(node)


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a part of a module stands.

    Attributes:
        scope: The names that are seen there.
        info: The class around it.
        method: The method around it.
        holder: The name of the outermost class or function around it.
    """

    scope: Scope
    info: ClassInfo | None
    method: Method | None
    holder: str
