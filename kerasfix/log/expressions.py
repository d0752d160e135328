"""What an expression of the source says about names and numbers of layers."""

from __future__ import annotations

import ast
import re

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.scope import Scope
from kerasfix.syntax import walk


def is_main(test: ast.expr) -> bool:
    return "__name__" in ast.unparse(test)


def rounds_of(iterated: ast.expr, scope: Scope) -> int | None:
    """How often a loop runs, if the source says it."""
    match iterated:
        case ast.Call(func=ast.Name(id="range"), args=[count]):
            if isinstance(count, ast.Name):
                known = scope.value(count.id)
                count = known if isinstance(known, ast.Constant) else count
            if isinstance(count, ast.Constant) and isinstance(count.value, int):
                return count.value
        case ast.Call(func=ast.Name(id="enumerate" | "reversed"), args=[inner]):
            return rounds_of(inner, scope)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return None if any(isinstance(part, ast.Starred) for part in parts) else len(parts)
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def name_of_class(info: ClassInfo, given: ast.expr | None) -> ast.expr | None:
    """The name that a class gives itself: what it hands to `super().__init__`, or sets as `_name`."""
    constructor = info.find("__init__")
    if constructor is None:
        return given
    for node in walk(constructor.node):
        match node:
            case ast.Call(func=ast.Attribute(attr="__init__")):
                own = keyword(node, "name")
                if isinstance(own, ast.Name):
                    # A parameter that is handed on.
                    return given or constructor.default(own.id)
                if own is not None:
                    return own
            case ast.Assign(targets=[ast.Attribute(attr="_name")], value=value):
                return value
    return given


def pattern_of(node: ast.expr) -> re.Pattern[str]:
    """What a computed name looks like: `f"conv_{i}"`, `name + "_bn"`."""
    return re.compile(_expression(node), re.DOTALL)


def _expression(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(_expression(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _expression(left) + _expression(right)
    return ".+"
