"""Layers that are made where they are called: in `call`, and in the methods that run in it.

A layer that is made only once is none of them: under `if self.dense is None`, `hasattr`, `self.built`, or in
a method that is called under such a condition; nor what a class makes that builds a functional model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.sites import NOT_FORWARD
from kerasfix.analysis.threads import Threads
from kerasfix.analysis.unused import is_functional, is_layer_class
from kerasfix.analysis.values import BuiltinLayer, Stack, UserLayer
from kerasfix.syntax import of_kind, own_nodes, parents_in, walk

_ONCE = re.compile(
    r"\bhasattr\b|\bgetattr\b|\bis (?:not )?None\b|\bnot self\.|\bnot in self\.|built|build|init|first|cache",
    re.IGNORECASE,
)
_LOOPS = ast.For | ast.AsyncFor | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, eq=False)
class CreatedLayer:
    """A layer that is made and called in one run of a method.

    Attributes:
        making: The call that makes it.
        method: The method.
        value: The layer.
        statement: The assignment to a variable; None for a layer that is called as soon as it is made.
        reads: The reads of that variable, each of which calls it.
        is_repeated: Whether it stands in a loop, so that one run makes several.
        is_conditional: Whether there are runs that do not make it.
    """

    making: ast.Call
    method: Method
    value: BuiltinLayer | UserLayer | Stack
    statement: ast.Assign | None
    reads: tuple[ast.Name, ...]
    is_repeated: bool
    is_conditional: bool

    @property
    def variable(self) -> str:
        return self.reads[0].id if self.reads else ""


class CreatedLayers:
    """The layers that the classes of a project make at every call.

    Args:
        layers: All its layers.
        threads: Which methods run in `call`.
    """

    def __init__(self, layers: LayerIndex, threads: Threads) -> None:
        self._layers = layers
        self._threads = threads
        self._every_call: dict[Method, bool] = {}

    def of(self, info: ClassInfo) -> Iterator[CreatedLayer]:
        """The layers that a class makes at every call, in the order of the source."""
        if info.role is None:
            return
        made = {method: list(self._makings(method)) for method in info.methods.values()}
        if not any(made.values()):
            return
        if any(is_functional(each) or _builds_by_call(each) for each in info.family):
            return
        for method, makings in made.items():
            if makings and self._runs_at_every_call(method):
                yield from self._in(method, makings)

    def _makings(self, method: Method) -> Iterator[ast.Call]:
        """The calls that make a layer which is called at once, or is named to be called."""
        if method.name in NOT_FORWARD:
            return
        for node in own_nodes(method.node.body):
            match node:
                case ast.Call(func=ast.Call() as making):
                    pass
                case ast.Assign(targets=[ast.Name()], value=ast.Call() as making):
                    pass
                case _:
                    continue
            if is_layer_class(making.func, method.scope, self._layers):
                yield making

    def _runs_at_every_call(self, method: Method) -> bool:
        """Whether a method is `call`, or is called from there under no condition that holds once."""
        if method not in self._every_call:
            self._every_call[method] = False  # where methods call each other
            self._every_call[method] = method.name == "call" or (
                method.name not in NOT_FORWARD
                and self._threads.runs_in_call(method)
                and any(
                    not _is_once(site.call, site.method) and self._runs_at_every_call(site.method)
                    for site in self._threads.callers(method)
                )
            )
        return self._every_call[method]

    def _in(self, method: Method, makings: list[ast.Call]) -> Iterator[CreatedLayer]:
        parents = parents_in(method.node)
        for node in makings:
            value = next(iter(self._layers.values_of(node, method, method.scope)), None)
            if not isinstance(value, BuiltinLayer | UserLayer | Stack) or _is_once(node, method):
                continue
            above = list(_above(node, parents))
            is_repeated = any(isinstance(each, _LOOPS) for each in above)
            is_conditional = any(isinstance(each, ast.If | ast.IfExp | ast.match_case) for each in above)
            how = is_repeated, is_conditional
            match parents[node]:
                case ast.Assign(targets=[ast.Name(id=name)]) as statement:
                    reads = _calls_of(name, method, parents)
                    if reads:
                        yield CreatedLayer(node, method, value, statement, tuple(reads), *how)
                case _:
                    yield CreatedLayer(node, method, value, None, (), *how)


def _calls_of(name: str, method: Method, parents: dict[ast.AST, ast.AST]) -> list[ast.Name]:
    """The reads of a variable, if it is bound once and all that happens to it is to be called."""
    if len(method.scope.bindings.get(name, ())) != 1:
        return []
    reads = [
        node for node in of_kind(method.node, ast.Name) if node.id == name and isinstance(node.ctx, ast.Load)
    ]
    calls = [node for node in reads if getattr(parents[node], "func", None) is node]
    return calls if len(calls) == len(reads) else []


def _builds_by_call(info: ClassInfo) -> bool:
    """Whether a constructor uses `call` to build a graph, once."""
    constructor = info.methods.get("__init__")
    if constructor is None:
        return False
    for node in of_kind(constructor.node, ast.Call):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="call")):
                if owner == constructor.self_name:
                    return True
    return False


def _is_once(node: ast.AST, method: Method) -> bool:
    """Whether something runs under a condition that looks as if it held only once."""
    parents = parents_in(method.node)
    for each in _above(node, parents):
        if isinstance(each, ast.If | ast.IfExp | ast.While) and _ONCE.search(ast.unparse(each.test)):
            return True
        if isinstance(each, ast.BoolOp | ast.Try):
            return True
    return any(
        isinstance(each, ast.If)
        and isinstance(each.body[-1], ast.Return)
        and _ONCE.search(ast.unparse(each.test))
        and "self" in ast.unparse(each.test)
        for each in method.node.body
        if not any(child is node for child in walk(each))
    )


def hindrances(created: CreatedLayer) -> Iterator[str]:
    """Why a layer cannot be made in the constructor of its class, with the same arguments."""
    method, info = created.method, created.method.owner
    constructor = info.methods.get("__init__")
    if method.name != "call":
        yield f"`{method.name}` may be called several times, and one layer would be shared then"
    if created.is_repeated:
        yield "it stands in a loop, and one layer would be shared then"
    if constructor is None or constructor.self_name is None:
        yield f"{info.name} has no constructor of its own"
        return
    if constructor.self_name != method.self_name or not _is_plain(constructor):
        yield f"the constructor of {info.name} returns early, or calls the model itself"
    yield from _unknown_names(created, constructor)


def _is_plain(constructor: Method) -> bool:
    """Whether something may be added at the end of a constructor, in time for every call."""
    is_set_up = False
    for node in own_nodes(constructor.node.body):
        match node:
            case ast.Return() | ast.Raise() | ast.Yield() | ast.YieldFrom():
                return False
            case ast.Call(func=ast.Attribute(attr="__init__")):
                is_set_up = True
            case ast.Call(func=ast.Name(id=name)) if name == constructor.self_name:
                return False
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="call" | "build")):
                if name == constructor.self_name:
                    return False
    return is_set_up


def _unknown_names(created: CreatedLayer, constructor: Method) -> Iterator[str]:
    """What the arguments of a layer say that means nothing, or something else, in the constructor."""
    method = created.method
    known = _known_attributes(constructor)
    for node in walk(created.making):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attr) if owner == method.self_name:
                if attr not in known:
                    yield f"`{owner}.{attr}` may not be set yet in the constructor, or be another value"
                elif created.is_conditional:
                    yield f"`{owner}.{attr}` may have no fitting value where the condition does not hold"
            case ast.NamedExpr() | ast.Await():
                yield "its arguments do more than say what it is"
    owners = {each.value for each in walk(created.making) if isinstance(each, ast.Attribute)}
    local = method.scope.bindings.keys() | constructor.scope.bindings.keys()
    for node in walk(created.making):
        is_self = node in owners and getattr(node, "id", None) == method.self_name
        if isinstance(node, ast.Name) and node.id in local and not is_self:
            yield f"it is made from `{node.id}`, which is not the same thing in the constructor"


def _known_attributes(constructor: Method) -> set[str]:
    """The attributes that a constructor sets whatever happens, and that nothing else in the class sets."""
    found = {
        target.attr
        for statement in constructor.node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Attribute)
    }
    elsewhere = {
        node.attr
        for info in constructor.owner.family
        for method in info.methods.values()
        if method is not constructor
        for node in of_kind(method.node, ast.Attribute)
        if not isinstance(node.ctx, ast.Load)
    }
    return found - elsewhere


def names_taken(info: ClassInfo) -> set[str]:
    """The attributes that a class, its ancestors and its heirs have, as far as they are in sight."""
    return {
        name
        for each in info.family
        for name in (
            *each.methods,
            *(node.attr for node in of_kind(each.node, ast.Attribute)),
            *(
                node.id
                for statement in each.node.body
                for node in own_nodes([statement])
                if isinstance(node, ast.Name)
            ),
        )
    }


def _above(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in parents:
        node = parents[node]
        yield node
