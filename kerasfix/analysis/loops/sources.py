"""Of which models an expression lists the variables: the sources of a gradient."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.index import Method
from kerasfix.analysis.loops.holders import Context, Holder, Holders
from kerasfix.analysis.scope import Binding
from kerasfix.syntax import own_nodes

# `model.trainable_variables` and its like.
VARIABLES = frozenset({"trainable_variables", "trainable_weights", "variables", "weights"})
_COLLECTING = frozenset({"list", "tuple", "sum", "set", "chain", "flatten", "zip", "sorted", "filter"})
_MAX_STEPS = 8


@dataclass(frozen=True, slots=True)
class Source:
    """Variables whose gradient is taken.

    Attributes:
        holder: The model that they belong to.
        whole: Whether they are all that it can train.
    """

    holder: Holder
    whole: bool = True


class Sources:
    """Reads lists of variables.

    Args:
        holders: Tells the models apart.
    """

    def __init__(self, holders: Holders) -> None:
        self._holders = holders
        self._rows: dict[ast.AST, dict[str, list[ast.expr]]] = {}
        self._grown: dict[ast.AST, dict[str, list[ast.expr]]] = {}

    def of(self, node: ast.expr, context: Context, steps: int = _MAX_STEPS) -> list[Source]:
        """The models of which an expression lists variables."""
        if steps == 0:
            return []
        match node:
            case ast.Attribute(value=owner, attr=name) if name in VARIABLES:
                return self._of_model(owner, context, whole=True)
            case ast.Subscript(value=value):
                found = self.of(value, context, steps - 1)
                # Of a loop variable, each element is meant.
                return found if _is_each(node) else [Source(each.holder, whole=False) for each in found]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._all([left, right], context, steps)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return self._all(parts, context, steps)
            case ast.Dict(values=parts) | ast.BoolOp(values=parts):
                return self._all(parts, context, steps)
            case ast.Starred(value=value):
                return self.of(value, context, steps)
            case ast.IfExp(body=body, orelse=orelse):
                return self._all([body, orelse], context, steps)
            case ast.ListComp(generators=loops) | ast.GeneratorExp(generators=loops):
                return self._of_loops(node, loops, context, steps)
            case ast.Lambda(body=body):
                return self.of(body, context, steps - 1)
            case ast.Name(id=name):
                return self._of_variable(name, context, steps)
            case ast.Attribute(value=ast.Name(), attr=name):
                return self._of_attribute(node, name, context, steps)
            case ast.Call():
                return self._of_call(node, context, steps)
        return []

    def _all(self, nodes: list[ast.expr], context: Context, steps: int) -> list[Source]:
        return [found for each in nodes for found in self.of(each, context, steps - 1)]

    def _of_model(self, owner: ast.expr, context: Context, *, whole: bool) -> list[Source]:
        """The model itself, or the one that a layer is taken out of (`model.layers[-1]`)."""
        several = self._each_of(owner, context)
        if several:
            return [found for each in several for found in self._of_model(each, context, whole=whole)]
        holder = self._holders.holder(owner, context)
        if holder is not None:
            return [Source(holder, whole)]
        match owner:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner) | ast.Call(func=inner):
                return self._of_model(inner, context, whole=False)
            case ast.IfExp(body=body, orelse=orelse):
                either = (body, orelse)
                return [found for each in either for found in self._of_model(each, context, whole=whole)]
        return []

    def _each_of(self, owner: ast.expr, context: Context) -> list[ast.expr]:
        """The models that a loop variable stands for: those of a list that is written out."""
        if not isinstance(owner, ast.Name):
            return []
        scope = context.spot.scope
        match scope.value(owner.id):
            case ast.Subscript(value=ast.List(elts=parts) | ast.Tuple(elts=parts)) as bound if _is_each(
                bound
            ):
                return parts
            case ast.Subscript(value=ast.Name(id=name)) as bound if _is_each(bound):
                match scope.value(name):
                    case ast.List(elts=parts) | ast.Tuple(elts=parts):
                        return parts
            case None:
                return self._in_rows(owner.id, context.spot)
        return []

    def _in_rows(self, name: str, spot: Spot) -> list[ast.expr]:
        """`for model, loss in ((a, loss_a), (b, loss_b))`"""
        root = spot.function or spot.module.source.tree
        if root not in self._rows:
            self._rows[root] = dict(_rows(root.body))
        return self._rows[root].get(name, [])

    def _of_loops(
        self,
        node: ast.ListComp | ast.GeneratorExp,
        loops: list[ast.comprehension],
        context: Context,
        steps: int,
    ) -> list[Source]:
        """`[v for v in model.trainable_variables]`, `[m.trainable_variables for m in (g, d)]`"""
        inner = context.inside(node)
        found = self.of(node.elt, inner, steps - 1)
        for number, loop in enumerate(loops):
            found += self.of(loop.iter, inner if number else context, steps - 1)
        is_all = not any(loop.ifs for loop in loops)
        return [Source(each.holder, each.whole and is_all) for each in found]

    def _of_variable(self, name: str, context: Context, steps: int) -> list[Source]:
        given = self._holders.given(name, context)
        if given is not None:
            return self.of(given.node, given.context, steps - 1)
        bindings: list[Binding] = context.spot.scope.lookup(name)
        values = [each for each in bindings if isinstance(each, ast.expr)]
        if None in bindings:
            values += self._added(name, context.spot)
        return self._all(values, context, steps)

    def _added(self, name: str, spot: Spot) -> list[ast.expr]:
        """What `name += more` adds, in the functions around a place and the module."""
        found: list[ast.expr] = []
        for root in (*(function for function, _ in spot.functions), spot.module.source.tree):
            if root not in self._grown:
                grown = self._grown[root] = {}
                for node in own_nodes(root.body):
                    match node:
                        case ast.AugAssign(target=ast.Name(id=target), op=ast.Add(), value=value):
                            grown.setdefault(target, []).append(value)
            found += self._grown[root].get(name, [])
        return found

    def _of_attribute(self, node: ast.Attribute, name: str, context: Context, steps: int) -> list[Source]:
        """What `self.variables_of_generator` was set to, or what a property of that name gives."""
        method = context.spot.method
        if method is None or not (isinstance(node.value, ast.Name) and node.value.id == method.self_name):
            return []
        found: list[Source] = []
        for info in method.owner.ancestors:
            for each in info.methods.values():
                inner = Context(self._holders.spots(info.module)[each.node], context.given)
                for value in _set_by(each, name):
                    found += self.of(value, inner, steps - 1)
        return found

    def _of_call(self, call: ast.Call, context: Context, steps: int) -> list[Source]:
        func = call.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", None)
        if name in _COLLECTING:
            return self._all(call.args, context, steps)
        followed = self._holders.follow(call, context)
        if followed is None:
            return []
        return [
            source
            for node in own_nodes(followed.function.body)
            if isinstance(node, ast.Return) and node.value is not None
            for source in self.of(node.value, followed.context, steps - 1)
        ]


def _rows(body: list[ast.stmt]) -> Iterator[tuple[str, list[ast.expr]]]:
    """The variables of loops over rows that are written out, with what they are in each row."""
    for node in own_nodes(body):
        match node:
            case ast.For(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows) | ast.List(elts=rows)):
                columns = [each.elts for each in rows if isinstance(each, ast.Tuple | ast.List)]
                if len(columns) == len(rows) and all(len(each) == len(names) for each in columns):
                    for position, target in enumerate(names):
                        if isinstance(target, ast.Name):
                            yield target.id, [each[position] for each in columns]


def _is_each(node: ast.Subscript) -> bool:
    """Whether it stands for each element of something: what a loop variable is bound to, not written so."""
    return not hasattr(node, "lineno")


def _set_by(method: Method, name: str) -> Iterator[ast.expr]:
    """What a method gives to an attribute; what it returns if it is a property of that name."""
    for node in own_nodes(method.node.body):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=owner), attr=attr)], value=value):
                if attr == name and owner == method.self_name:
                    yield value
            case ast.Return(value=ast.expr() as value) if method.name == name:
                yield value
