"""Calls of a model inside a gradient tape."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.scope import Function, Scope, function_scope
from kerasfix.analysis.sites import FLAG
from kerasfix.keras import names


def bare_calls_in_tapes(module: Module, info: ClassInfo) -> Iterator[tuple[Function | None, ast.Call]]:
    """Calls of an instance of `info`, by its name and without a flag, in a `tf.GradientTape` block.

    Yields:
        The function around the call (None at module level), and the call.
    """
    for function, scope, node in _withs(module.source.tree.body, None, module.scope):
        if not any(_is_tape(item, scope) for item in node.items):
            continue
        for statement in node.body:
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and _is_bare_call_of(call, info, module, scope):
                    yield function, call


def _withs(
    body: list[ast.stmt], function: Function | None, scope: Scope
) -> Iterator[tuple[Function | None, Scope, ast.With]]:
    for statement in body:
        if isinstance(statement, Function):
            yield from _withs(statement.body, statement, function_scope(statement, scope))
            continue
        if isinstance(statement, ast.With):
            yield function, scope, statement
        for name in ("body", "orelse", "finalbody", "handlers"):
            for child in getattr(statement, name, ()):
                inner = child.body if isinstance(child, ast.ExceptHandler) else [child]
                yield from _withs(inner, function, scope)


def _is_tape(item: ast.withitem, scope: Scope) -> bool:
    made = item.context_expr
    return isinstance(made, ast.Call) and scope.dotted(made.func) == names.GRADIENT_TAPE


def _is_bare_call_of(call: ast.Call, info: ClassInfo, module: Module, scope: Scope) -> bool:
    if not isinstance(call.func, ast.Name) or len(call.args) != 1:
        return False
    if any(keyword.arg in (FLAG, None) for keyword in call.keywords) or isinstance(call.args[0], ast.Starred):
        return False
    made = scope.value(call.func.id)
    return isinstance(made, ast.Call) and module.class_named(made.func, scope) is info
