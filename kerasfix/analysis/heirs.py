"""What a class, known by its text alone, has against a method of its base class gaining a parameter."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

from kerasfix.analysis.sites import FLAG
from kerasfix.syntax import walk


def objections_of(info: ast.ClassDef, bases: set[str], method: str, file: str) -> Iterator[str]:
    """Overrides of a method, attributes of its name, and calls of it that do not pass the flag.

    Args:
        info: The class.
        bases: Names by which it may call its base class.
        method: The method of the base class, or an attribute of it that is called.
        file: Where the class is written.
    """
    name = os.path.basename(file)
    for item in info.body:
        if method != "call" and isinstance(item, ast.FunctionDef) and item.name == method:
            yield f"`{method}` is overridden in {info.name} ({name}:{item.lineno})"
    passed = {id(node.func) for node in walk(info) if isinstance(node, ast.Call) and _passes_flag(node)}
    for node in walk(info):
        if not isinstance(node, ast.Attribute) or node.attr != method:
            continue
        if isinstance(node.ctx, ast.Store):
            yield f"{info.name} ({name}:{node.lineno}) sets `{ast.unparse(node)}`"
        elif _is_own(node.value, bases) and id(node) not in passed:
            yield f"{info.name} ({name}:{node.lineno}) calls `{ast.unparse(node)}` without the flag"


def _is_own(owner: ast.expr, bases: set[str]) -> bool:
    """Whether something is the instance itself, or its base class."""
    match owner:
        case ast.Name(id=name):
            return name == "self" or name in bases
        case ast.Attribute(attr=name):
            return name in bases
        case ast.Call(func=ast.Name(id="super")):
            return True
    return False


def _passes_flag(call: ast.Call) -> bool:
    # `**kwargs` may look as if it did; Keras 3 puts no flag into it.
    return any(keyword.arg == FLAG for keyword in call.keywords)
