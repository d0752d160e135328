"""Every call of a module with the place that it stands in, be it a method, a function or neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.scope import Function, Scope, comprehension_scope, function_scope
from kerasfix.syntax import own_nodes, reversed_children


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a statement or an expression stands.

    Attributes:
        module: The module.
        scope: The names that are seen there.
        function: The innermost function around it, lambdas aside; None at module level.
        method: The method around it.
        functions: All functions around it with their scopes, the innermost first.
        narrowed: What an `isinstance` around it says of expressions, as the text of each and its classes.
    """

    module: Module
    scope: Scope
    function: Function | None = None
    method: Method | None = None
    functions: tuple[tuple[Function, Scope], ...] = ()
    narrowed: Mapping[str, tuple[ast.expr, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call in a module."""

    node: ast.Call
    spot: Spot

    @property
    def name(self) -> str | None:
        """The last name of what is called."""
        func = self.node.func
        if isinstance(func, ast.Attribute):
            return func.attr
        return func.id if isinstance(func, ast.Name) else None

    def keyword(self, name: str) -> ast.keyword | None:
        return next((keyword for keyword in self.node.keywords if keyword.arg == name), None)

    @property
    def has_star(self) -> bool:
        return any(isinstance(argument, ast.Starred) for argument in self.node.args)

    @property
    def has_double_star(self) -> bool:
        return any(keyword.arg is None for keyword in self.node.keywords)


def function_spot(function: Function, outside: Spot, method: Method | None) -> Spot:
    """The spot of a function's body."""
    scope = method.scope if method is not None else function_scope(function, outside.scope)
    around = ((function, scope), *outside.functions)
    return Spot(outside.module, scope, function, method or outside.method, around)


# What may be seen from elsewhere than where it stands.
_TURNS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.If, ast.IfExp),
    *(ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp),
)


def calls_in(module: Module) -> Iterator[Call]:
    """The calls of a module, those at module level and in classes of any kind among them."""
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    waiting: list[tuple[list[ast.AST], Spot]] = [
        (reversed_children(module.source.tree), Spot(module, module.scope))
    ]
    while waiting:
        nodes, spot = waiting.pop()
        while nodes:
            node = nodes.pop()
            if isinstance(node, _TURNS) and (inside := _inside(node, spot, methods)):
                waiting.append((nodes, spot))
                waiting += inside[::-1]
                break
            if isinstance(node, ast.Call):
                yield Call(node, spot)
            nodes += reversed_children(node)


def _inside(
    node: ast.AST, spot: Spot, methods: Mapping[Function, Method]
) -> list[tuple[list[ast.AST], Spot]]:
    """What is in a node, each part with its spot; nothing if all of it is where the node is."""
    if isinstance(node, Function | ast.Lambda):
        return _of_function(node, spot, methods)
    if isinstance(node, ast.If | ast.IfExp):
        return _of_condition(node, spot)
    assert isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp)
    return [(reversed_children(node), replace(spot, scope=comprehension_scope(node, spot.scope)))]


def _of_function(
    node: Function | ast.Lambda, spot: Spot, methods: Mapping[Function, Method]
) -> list[tuple[list[ast.AST], Spot]]:
    """What is in a function; its decorators and defaults are read outside of it."""
    outside: list[ast.AST] = [
        *node.args.defaults,
        *(each for each in node.args.kw_defaults if each is not None),
    ]
    if isinstance(node, ast.Lambda):
        inner = replace(spot, scope=function_scope(node, spot.scope))
        return [(outside[::-1], spot), ([node.body], inner)]
    inner = function_spot(node, spot, methods.get(node))
    outside += node.decorator_list
    return [(outside[::-1], spot), ([*node.body[::-1]], inner)]


def _of_condition(node: ast.If | ast.IfExp, spot: Spot) -> list[tuple[list[ast.AST], Spot]]:
    known = dict(_narrowed_by(node.test))
    if not known:
        return []
    inner = replace(spot, narrowed={**spot.narrowed, **known})
    body: list[ast.AST] = [*node.body] if isinstance(node.body, list) else [node.body]
    orelse: list[ast.AST] = [*node.orelse] if isinstance(node.orelse, list) else [node.orelse]
    return [([node.test], spot), (body[::-1], inner), (orelse[::-1], spot)]


def _narrowed_by(test: ast.expr) -> Iterator[tuple[str, tuple[ast.expr, ...]]]:
    """What a condition that holds says of the classes of expressions."""
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[asked, ast.Tuple(elts=classes)]):
            yield ast.unparse(asked), tuple(classes)
        case ast.Call(func=ast.Name(id="isinstance"), args=[asked, one]):
            yield ast.unparse(asked), (one,)
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _narrowed_by(value)


def spots_of(module: Module) -> dict[Function, Spot]:
    """The functions of a module, at any depth, each with the spot of its body."""
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    found: dict[Function, Spot] = {}
    waiting: list[tuple[list[ast.stmt], Spot]] = [(module.source.tree.body, Spot(module, module.scope))]
    while waiting:
        body, spot = waiting.pop()
        for node in own_nodes(body):
            if isinstance(node, ast.ClassDef):
                waiting.append((node.body, replace(spot, method=None)))
            elif isinstance(node, Function):
                found[node] = function_spot(node, spot, methods.get(node))
                waiting.append((node.body, found[node]))
    return found
