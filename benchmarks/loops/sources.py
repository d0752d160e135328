"""What a tape trains, by what its gradients are taken by in the same function."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterable, Iterator

_SOURCES = {"trainable_variables", "trainable_weights", "variables", "weights"}
_MAY_BE_VARIABLES = ("var", "weight", "param")
_MAX_STEPS = 3


class Trained(enum.Enum):
    """Whether the tapes around a call train what is called."""

    YES = "trained by its tape"
    NO = "its tape trains something else"
    UNCLEAR = "what its tape trains is said elsewhere"


def sources(block: ast.With | ast.AsyncWith, scope: ast.AST) -> set[str] | None:
    """The things by whose variables the gradients of a tape are taken: `self.generator`; None if not known.

    Args:
        scope: The function around it, or the module.
    """
    tapes = {ast.unparse(item.optional_vars) for item in block.items if item.optional_vars is not None}
    end = min(
        (
            node.lineno
            for node in ast.walk(scope)
            if isinstance(node, ast.With | ast.AsyncWith) and node.lineno > (block.end_lineno or 0)
            for item in node.items
            if item.optional_vars is not None and ast.unparse(item.optional_vars) in tapes
        ),
        default=None,
    )
    found: set[str] = set()
    known = False
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or node.lineno < block.lineno or (end and node.lineno >= end):
            continue
        by = _by(node, tapes)
        if by is None:
            continue
        here = _owners(by, scope, _MAX_STEPS)
        if here is None:
            return None
        found |= here
        known = True
    return found if known else None


def is_trained(callee: ast.expr, tapes: Iterable[set[str] | None]) -> Trained:
    """Whether one of the tapes around a call trains what is called."""
    around = list(tapes)
    if any(is_named_in(callee, names) for names in around if names is not None):
        return Trained.YES
    return Trained.UNCLEAR if None in around or not around else Trained.NO


def mentioned(scope: ast.AST) -> set[str]:
    """The things whose variables are spoken of in a function or module."""
    return set(_said(scope))


def is_named_in(callee: ast.expr, names: set[str]) -> bool:
    """Whether a called thing, or what it is part of, is one of these."""
    node: ast.expr | None = callee
    while node is not None:
        if ast.unparse(node) in names:
            return True
        match node:
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Call(func=value):
                node = value
            case _:
                node = None
    return False


def _by(call: ast.Call, tapes: set[str]) -> ast.expr | None:
    """By what a call takes gradients, if it does."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    match call.func:
        case ast.Attribute(value=tape, attr="gradient" | "jacobian") if ast.unparse(tape) in tapes:
            return given.get("sources") or (call.args[1] if len(call.args) > 1 else None)
        case ast.Attribute(attr="minimize") if "tape" in given and ast.unparse(given["tape"]) in tapes:
            return given.get("var_list") or (call.args[1] if len(call.args) > 1 else None)
    return None


def _owners(node: ast.expr, scope: ast.AST, steps: int) -> set[str] | None:
    found = set(_said(node))
    if found:
        return found
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and steps:
            for value in _assigned(scope, name.id):
                found |= _owners(value, scope, steps - 1) or set()
    if found:
        return found
    text = ast.unparse(node).lower()
    return None if any(word in text for word in _MAY_BE_VARIABLES) else set()


def _said(scope: ast.AST) -> Iterator[str]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Attribute) and node.attr in _SOURCES:
            yield ast.unparse(node.value)


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
                yield value
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="append" | "extend")):
                yield from node.args if owner == name else ()
