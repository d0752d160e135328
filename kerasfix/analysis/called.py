"""Which attribute of `self` something that is called comes from, on whatever way it got there."""

from __future__ import annotations

import ast

from kerasfix.analysis.definitions import Step
from kerasfix.analysis.frames import Frame

# What hands on the elements of what it is given.
_KEEPS_ELEMENTS = frozenset({"list", "reversed", "sorted", "tuple"})
_OF_DICT = frozenset({"values", "copy"})


def attribute_behind(func: ast.expr, frame: Frame) -> str | None:
    """The attribute that holds what is called, alone or with others; None if it is not held, or not in sight.

    `norms` for `self.norms[i]`, for `norm` in `for conv, norm in zip(self.convs, self.norms)`, and for
    `norm = self.norms[0]`.
    """
    return _attribute(func, frame, frozenset())


def _attribute(node: ast.expr | None, frame: Frame, above: frozenset[Step]) -> str | None:
    """The same, on the way from some statements, none of which is gone through twice."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == frame.self_name:
            return name
        case ast.Subscript(value=inner):
            return _attribute(inner, frame, above)
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _OF_DICT:
            return _attribute(inner, frame, above)
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _KEEPS_ELEMENTS:
            return _attribute(inner, frame, above)
        case ast.Name(id=name):
            seen = [each.step for each in frame.flow.reaching.get(node, ())]
            steps = [step for step in seen if step is not None and step not in above]
            found = {_attribute(_held(step, name), frame, above | {step}) for step in steps}
            return found.pop() if len(found) == 1 and len(steps) == len(seen) else None
    return None


def _held(step: Step, name: str) -> ast.expr | None:
    """What a statement gives to a variable, or what it runs over with it."""
    match step.node:
        case ast.Assign(targets=[ast.Name()], value=value):
            return value
        case ast.For(target=target, iter=over):
            return _part(target, over, name)
    return None


def _part(target: ast.expr, over: ast.expr, name: str) -> ast.expr | None:
    """What a variable of a loop runs over: for `b` in `for i, (a, b) in enumerate(zip(x, y))` it is `y`."""
    match target, over:
        case ast.Name(id=own), _:
            return over if own == name else None
        case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Name(id="enumerate"), args=[each, *_]):
            return _part(inner, each, name)
        case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Attribute(value=each, attr="items")):
            return _part(inner, each, name)
        case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=given):
            pairs = zip(targets, given, strict=False)
            return next((part for one, each in pairs if (part := _part(one, each, name)) is not None), None)
    return None
