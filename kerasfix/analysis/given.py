"""What the definitions of a frame give their names: the expressions that values come from."""

from __future__ import annotations

import ast

from kerasfix.analysis.definitions import Definition
from kerasfix.analysis.frames import Frame
from kerasfix.syntax import own_nodes


def given_values(frame: Frame) -> dict[Definition, ast.expr]:
    """What each definition of a frame gives; a list that starts empty holds what is appended to it."""
    grown = _grown(frame)
    return {
        each: grown.get(each.name, value) if _is_empty(value) else value
        for each in frame.flow.definitions()
        if (value := given_value(each)) is not None
    }


def given_value(definition: Definition) -> ast.expr | None:
    """What a definition gives to its name, or what it is an element of."""
    match definition.step.node if definition.step is not None else None:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target, value:
                    case ast.Tuple(elts=elements), ast.Tuple(elts=values) if len(elements) == len(values):
                        for element, part in zip(elements, values, strict=True):
                            if isinstance(element, ast.Name) and element.id == definition.name:
                                return part
            return value
        case ast.AnnAssign(value=value):
            return value
        case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
            return ast.BinOp(target, op, value)
        case ast.For(iter=iterated):
            return iterated
    return None


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.List) and not value.elts


def _grown(frame: Frame) -> dict[str, ast.expr]:
    """What lists of a frame are given one by one: `outs.append(x)`."""
    found: dict[str, list[ast.expr]] = {}
    for node in own_nodes(frame.node.body):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[given]):
                found.setdefault(name, []).append(given)
    return {name: ast.List(given, ast.Load()) for name, given in found.items()}
