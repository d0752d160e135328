"""What a name holds at a place in the code of a module, where the same name is given one value after another.

A script, and a notebook even more so, makes one `model` after the other and trains each. Code of the module
itself runs from top to bottom, so that a value that was given further down is not there yet, and one that was
given before the last one is gone.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from dataclasses import replace

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.index import Module
from kerasfix.analysis.scope import Added, Binding, Function, Scope


def standing(name: str, node: ast.Name, spot: Spot) -> Scope:
    """The names that are seen at a place, where one of them has only the values that a read of it can see.

    Args:
        name: The name.
        node: The read.
        spot: Where that stands; in functions, which run whenever they are called, all values count.
    """
    bindings, body = spot.scope.lookup(name), spot.module.source.tree.body
    lines = [_line(each) for each in bindings]
    index = bisect_right([each.lineno for each in body], node.lineno) - 1
    if len(bindings) < 2 or None in lines or spot.scope is not spot.module.scope or index < 0:
        return spot.scope
    here = body[index]
    # The last value that is given whatever happens; all that is made of it below may be there too.
    given = [each.lineno for each in body[:index] if _gives(each, name)]
    if not given or not here.lineno <= node.lineno <= (here.end_lineno or here.lineno):
        return spot.scope
    end = here.end_lineno or here.lineno
    seen = [
        each
        for each, line in zip(bindings, lines, strict=True)
        if line is not None and given[-1] <= line <= end
    ]
    return replace(spot.scope, parent=spot.scope, bindings={name: seen}, star_imports=[])


def seen_from(read: ast.Name, scope: Scope) -> Scope:
    """The names that a read sees, for somebody who came to it through the scope of a function, or of none.

    A script makes one model after the other of `inputs` and `outputs`.
    """
    root = scope.root
    module = root.home
    if not isinstance(module, Module) or scope.lookup(read.id) is not root.bindings.get(read.id):
        return scope
    body = module.source.tree.body
    index = bisect_right([each.lineno for each in body], read.lineno) - 1
    if index < 0 or isinstance(body[index], Function | ast.ClassDef):
        return scope
    return standing(read.id, read, Spot(module, root))


def _line(binding: Binding) -> int | None:
    node = binding.call if isinstance(binding, Added) else binding
    return node.lineno if isinstance(node, ast.AST) and hasattr(node, "lineno") else None


def _gives(statement: ast.stmt, name: str) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == name for target in statement.targets
    )
