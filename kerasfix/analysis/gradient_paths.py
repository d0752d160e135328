"""The ways that a value takes through a function, and whether a gradient finds back along any of them.

A way ends where the value leaves: it is returned, stored, handed to something unknown. Whatever is not known
counts as a way on which a gradient passes, so that a value is called blocked only if it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.blockers import Blocker, blocker_of, looks, method_blocker, name_of, operator_blocker
from kerasfix.analysis.dataflow import Definition
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.scope import Scope
from kerasfix.keras.gradients import LOOKING_ATTRIBUTES, Kind
from kerasfix.syntax import own_nodes, parents_in

# What these compute depends on all that they are given, smoothly, if `blockers` does not know better.
_PASSING = ("tensorflow.", "keras.ops.", "keras.backend.", "keras.activations.", "keras.losses.", "jax.")
_PASSING_BUILTINS = frozenset(
    {"abs", "enumerate", "list", "max", "min", "reversed", "sum", "tuple", "dict", "zip", "set"}
)
# But for what keeps its arguments, or has a gradient of its own.
_NOT_PASSING = ("tensorflow.custom_gradient", "tensorflow.recompute_grad", "tensorflow.Variable")


@dataclass(slots=True)
class Reach:
    """Where the ways of a value lead.

    Attributes:
        escapes: Whether it gets somewhere that is not followed, with its gradient.
        returns: Whether it gets to the end of the function with its gradient.
        blocked: The operations behind which it gets to the end without, the first one of each way.
    """

    escapes: bool = False
    returns: bool = False
    blocked: dict[Blocker, None] = field(default_factory=dict)

    @property
    def is_starved(self) -> bool:
        return bool(self.blocked) and not self.escapes and not self.returns


# What a call does with one of its arguments: None if it is not known.
Inside = Callable[[ast.Call, ast.expr], "Reach | None"]


class GradientPaths:
    """The ways through one frame.

    Args:
        frame: The function.
        layer_calls: The calls of layers in it, which let gradients through.
        inside: Tells what the functions of the project do with an argument.
        ends: Where a value has to get to: the loss of a tape, the outputs of a functional model.
        nowhere_else: Whether only these count: what is returned, stored or handed to something unknown is
            then followed no further.
    """

    def __init__(
        self,
        frame: Frame,
        layer_calls: Iterable[ast.Call],
        inside: Inside,
        ends: frozenset[ast.AST] = frozenset(),
        *,
        nowhere_else: bool = False,
    ) -> None:
        self._frame = frame
        self._flow = frame.flow
        self._layer_calls = frozenset(layer_calls)
        self._inside = inside
        self._ends = ends
        self._nowhere_else = nowhere_else
        self._blockers: dict[ast.AST, Blocker | None] = {}

    @property
    def _scope(self) -> Scope:
        return self._frame.scope

    @cached_property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        return parents_in(self._frame.node)

    def of_parameter(self, name: str) -> Reach:
        """The ways of what a parameter is given."""
        definition = self._flow.parameters.get(name)
        reach = Reach()
        if definition is None:
            reach.escapes = True
        else:
            self._run(reach, [(each, None) for each in self._readers(definition, None, reach)])
        return reach

    def of(self, node: ast.expr, blocker: Blocker | None = None) -> Reach:
        """The ways of what an expression makes, which may be blocked from the start."""
        reach = Reach()
        self._run(reach, [(node, blocker)])
        return reach

    def _run(self, reach: Reach, waiting: list[tuple[ast.AST, Blocker | None]]) -> None:
        seen: set[tuple[ast.AST, Blocker | None]] = set()
        while waiting and not reach.escapes:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                waiting += self._next(*place, reach)

    def _next(
        self, node: ast.AST, blocker: Blocker | None, reach: Reach
    ) -> list[tuple[ast.AST, Blocker | None]]:
        """Where a value goes from one expression."""
        if node in self._ends:
            _arrive(reach, blocker)
            return []
        parent = self._parents[node]
        if isinstance(parent, ast.stmt):
            return [(each, blocker) for each in self._statement(parent, node, blocker, reach)]
        match parent:
            case ast.Call(func=func) if func is node:
                return [(parent, blocker)]
            case ast.Call():
                return self._argument(parent, node, blocker, reach)
            case ast.keyword():
                call = self._parents[parent]
                if isinstance(call, ast.Call):
                    return self._argument(call, parent, blocker, reach)
            case ast.Attribute(attr=name):
                return self._attribute(parent, name, blocker)
            case ast.Compare(ops=operators):
                if any(isinstance(each, ast.Is | ast.IsNot | ast.In | ast.NotIn) for each in operators):
                    return []
                return [(parent, blocker or self._blocker(parent))]
            case ast.BinOp():
                return [(parent, blocker or self._blocker(parent))]
            case ast.UnaryOp(op=operator):
                return [] if isinstance(operator, ast.Not) else [(parent, blocker)]
            case ast.IfExp(test=test):
                return [] if test is node else [(parent, blocker)]
            case ast.FormattedValue() | ast.JoinedStr():
                return []
            case ast.comprehension(ifs=conditions) if node in conditions:
                return []
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                _arrive(reach, blocker)
                return []
            case (
                ast.Subscript()
                | ast.Slice()
                | ast.BoolOp()
                | ast.Tuple()
                | ast.List()
                | ast.Set()
                | ast.Dict()
                | ast.Starred()
                | ast.ListComp()
                | ast.SetComp()
                | ast.GeneratorExp()
                | ast.DictComp()
            ):
                return [(parent, blocker)]
        # A loop variable of a comprehension, a walrus, a lambda.
        reach.escapes |= blocker is None
        return []

    def _blocker(self, node: ast.expr) -> Blocker | None:
        """What an operator does, the same object whenever it is asked."""
        return self._kept(node, lambda: operator_blocker(node))

    def _kept(self, node: ast.AST, find: Callable[[], Blocker | None]) -> Blocker | None:
        if node not in self._blockers:
            self._blockers[node] = find()
        return self._blockers[node]

    def _attribute(
        self, node: ast.Attribute, name: str, blocker: Blocker | None
    ) -> list[tuple[ast.AST, Blocker | None]]:
        if name in LOOKING_ATTRIBUTES:
            return []
        call = self._parents[node]
        if isinstance(call, ast.Call) and call.func is node:
            return [(call, blocker or self._kept(call, lambda: method_blocker(call, self._scope)))]
        return [(node, blocker)]

    def _argument(
        self, call: ast.Call, node: ast.AST, blocker: Blocker | None, reach: Reach
    ) -> list[tuple[ast.AST, Blocker | None]]:
        if call in self._layer_calls and self._inside_of(call, node) is None:
            return [(call, blocker)]
        if looks(call, self._scope):
            return []
        own = self._kept(call, lambda: blocker_of(call, node, self._scope))
        if own is not None and _is_straight_through(own, call):
            # The way around it is the point.
            reach.escapes |= blocker is None
            return []
        if own is not None or blocker is not None:
            return [(call, blocker or own)]
        inside = self._inside_of(call, node)
        if inside is not None:
            reach.escapes |= inside.escapes
            found: list[tuple[ast.AST, Blocker | None]] = [(call, each) for each in inside.blocked]
            return [*found, (call, None)] if inside.returns else found
        dotted = name_of(call.func, self._scope) or ""
        passes = dotted.startswith(_PASSING) and not dotted.startswith(_NOT_PASSING)
        if not passes and dotted.removeprefix("builtins.") not in _PASSING_BUILTINS:
            reach.escapes |= not self._nowhere_else or isinstance(self._parents[call], ast.Expr)
        return [(call, None)]

    def _inside_of(self, call: ast.Call, node: ast.AST) -> Reach | None:
        value = node.value if isinstance(node, ast.keyword) else node
        return self._inside(call, value) if isinstance(value, ast.expr) else None

    def _statement(
        self, statement: ast.stmt, node: ast.AST, blocker: Blocker | None, reach: Reach
    ) -> list[ast.AST]:
        """The reads of what a statement makes of a value."""
        step = self._flow.steps.get(statement)
        match statement:
            case ast.Return():
                if not self._nowhere_else:
                    _arrive(reach, blocker)
                return []
            case ast.If() | ast.While() | ast.Assert() | ast.Raise() | ast.Expr() | ast.Delete():
                return []
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.For() if step is not None:
                if any(_is_place(target) for target in _targets(statement)):
                    # `self.feature = x`, `outs[k] = x`
                    reach.escapes |= blocker is None
                definitions = step.definitions.values()
                return [read for each in definitions for read in self._readers(each, blocker, reach)]
        reach.escapes |= blocker is None
        return []

    def _readers(self, definition: Definition, blocker: Blocker | None, reach: Reach) -> list[ast.AST]:
        if definition.name in self._flow.captured or (
            definition in self._flow.leaving and not self._nowhere_else
        ):
            reach.escapes |= blocker is None
        return list(self._flow.readers(definition))


def _arrive(reach: Reach, blocker: Blocker | None) -> None:
    if blocker is None:
        reach.returns = True
    else:
        reach.blocked[blocker] = None


def _is_straight_through(blocker: Blocker, call: ast.Call) -> bool:
    """`x + tf.stop_gradient(q - x)`: what stops the gradient of a difference is part of an estimator."""
    return blocker.kind is Kind.STOPS and any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) for node in own_nodes(call.args)
    )


def _targets(statement: ast.stmt) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]  # type: ignore[attr-defined]


def _is_place(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_is_place(each) for each in target.elts)
    return not isinstance(target, ast.Name | ast.Starred)
