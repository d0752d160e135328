"""Where a value goes from one place of a function: one step, and what it does to a gradient.

A way ends where the value leaves: it is returned, stored, handed to something unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kerasfix.analysis.blockers import Blocker, blocker_of, looks, method_blocker, name_of, operator_blocker
from kerasfix.analysis.definitions import Definition, Held, Merge
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.scope import Scope
from kerasfix.keras.gradients import LOOKING_ATTRIBUTES, Kind
from kerasfix.syntax import own_nodes

# What these compute depends on all that they are given, smoothly, if `blockers` does not know better.
_PASSING = ("tensorflow.", "keras.ops.", "keras.backend.", "keras.activations.", "keras.losses.", "jax.")
_PASSING_BUILTINS = frozenset(
    {"abs", "enumerate", "list", "max", "min", "reversed", "sum", "tuple", "dict", "zip", "set"}
)
# But for what keeps its arguments, or has a gradient of its own.
_NOT_PASSING = ("tensorflow.custom_gradient", "tensorflow.recompute_grad", "tensorflow.Variable")


# A place that a value can be at: an expression, or what a name holds.
Place = ast.AST | Held


@dataclass(slots=True)
class Reach:
    """Where the ways of a value lead.

    Attributes:
        escapes: Whether it gets somewhere that is not followed, with its gradient.
        returns: Whether it gets to the end of the function with its gradient.
        blocked: An operation behind which it gets to the end without: the first one in the source.
        arrives: Whether it gets to the end at all.
    """

    escapes: bool = False
    returns: bool = False
    blocked: Blocker | None = None
    arrives: bool = False

    @property
    def is_starved(self) -> bool:
        return self.blocked is not None and not self.escapes and not self.returns


@dataclass(slots=True)
class Onward:
    """One step.

    Attributes:
        to: The next places, each with the operation on the way there that lets no gradient back, if any.
        escapes: Whether the value gets somewhere that is not followed.
        arrives: Whether it has got to the end.
    """

    to: list[tuple[Place, Blocker | None]] = field(default_factory=list)
    escapes: bool = False
    arrives: bool = False


_NOWHERE = Onward()
_AWAY = Onward(escapes=True)
_THERE = Onward(arrives=True)
# What a call does with one of its arguments: None if it is not known.
Inside = Callable[[ast.Call, ast.expr], "Reach | None"]


class Steps:
    """The steps of one frame.

    Args:
        frame: The function.
        parents: What each of its nodes is a part of.
        layer_calls: The calls of layers in it, which let gradients through.
        inside: Tells what the functions of the project do with an argument.
        ends: Where a value has to get to: the loss of a tape, the outputs of a functional model.
        nowhere_else: Whether only these count: what is returned, stored or handed to something unknown is
            then followed no further.
    """

    def __init__(
        self,
        frame: Frame,
        parents: dict[ast.AST, ast.AST],
        layer_calls: Iterable[ast.Call],
        inside: Inside,
        ends: frozenset[ast.AST] = frozenset(),
        *,
        nowhere_else: bool = False,
    ) -> None:
        self._frame = frame
        self._flow = frame.flow
        self._parents = parents
        self._layer_calls = frozenset(layer_calls)
        self._inside = inside
        self._ends = ends
        self._nowhere_else = nowhere_else
        self._blockers: dict[ast.AST, Blocker | None] = {}

    @property
    def _scope(self) -> Scope:
        return self._frame.scope

    def parameter(self, name: str) -> Definition | None:
        """What a parameter is given."""
        return self._flow.parameters.get(name)

    def after(self, place: Place) -> Onward:
        """Where a value goes from a place."""
        if isinstance(place, Definition | Merge):
            return self._from_name(place)
        if place in self._ends:
            return _THERE
        parent = self._parents[place]
        if isinstance(parent, ast.stmt):
            return self._statement(parent)
        match parent:
            case ast.Call(func=func) if func is place:
                return _to(parent)
            case ast.Call():
                return self._argument(parent, place)
            case ast.keyword():
                call = self._parents[parent]
                if isinstance(call, ast.Call):
                    return self._argument(call, parent)
            case ast.Attribute():
                return self._attribute(parent)
            case ast.Compare() | ast.BinOp():
                return self._operator(parent)
            case ast.UnaryOp(op=operator):
                return _NOWHERE if isinstance(operator, ast.Not) else _to(parent)
            case ast.IfExp(test=test):
                return _NOWHERE if test is place else _to(parent)
            case ast.FormattedValue() | ast.JoinedStr():
                return _NOWHERE
            case ast.comprehension(ifs=conditions) if place in conditions:
                return _NOWHERE
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                return _THERE
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
                return _to(parent)
        # A loop variable of a comprehension, a walrus, a lambda.
        return _AWAY

    def _from_name(self, held: Held) -> Onward:
        reads, merges = self._flow.seen_at(held)
        onward = Onward([*((read, None) for read in reads), *((merge, None) for merge in merges)])
        if isinstance(held, Definition):
            leaves = held in self._flow.leaving and not self._nowhere_else
            onward.escapes = leaves or held.name in self._flow.captured
        return onward

    def _operator(self, node: ast.Compare | ast.BinOp) -> Onward:
        """A comparison that asks what something is (`x is None`) does not look at its numbers."""
        operators = node.ops if isinstance(node, ast.Compare) else []
        if any(isinstance(each, ast.Is | ast.IsNot | ast.In | ast.NotIn) for each in operators):
            return _NOWHERE
        return _to(node, self._kept(node, lambda: operator_blocker(node)))

    def _kept(self, node: ast.AST, find: Callable[[], Blocker | None]) -> Blocker | None:
        """What an operation does, the same object whenever it is asked."""
        if node not in self._blockers:
            self._blockers[node] = find()
        return self._blockers[node]

    def _attribute(self, node: ast.Attribute) -> Onward:
        if node.attr in LOOKING_ATTRIBUTES:
            return _NOWHERE
        call = self._parents[node]
        if isinstance(call, ast.Call) and call.func is node:
            return _to(call, self._kept(call, lambda: method_blocker(call, self._scope)))
        return _to(node)

    def _argument(self, call: ast.Call, node: ast.AST) -> Onward:
        inside = self._inside_of(call, node)
        if inside is None and call in self._layer_calls:
            return _to(call)
        if looks(call, self._scope):
            return _NOWHERE
        own = self._kept(call, lambda: blocker_of(call, node, self._scope))
        if own is not None:
            # The way around a straight-through estimator is its point.
            return _AWAY if _is_straight_through(own, call) else _to(call, own)
        if inside is not None:
            onward = Onward(escapes=inside.escapes)
            if inside.blocked is not None:
                onward.to.append((call, inside.blocked))
            if inside.returns or inside.escapes:
                # Where it escapes to is not known; it may come back.
                onward.to.append((call, None))
            return onward
        onward = _to(call)
        dotted = name_of(call.func, self._scope) or ""
        passes = dotted.startswith(_PASSING) and not dotted.startswith(_NOT_PASSING)
        if not passes and dotted.removeprefix("builtins.") not in _PASSING_BUILTINS:
            onward.escapes = not self._nowhere_else or isinstance(self._parents[call], ast.Expr)
        return onward

    def _inside_of(self, call: ast.Call, node: ast.AST) -> Reach | None:
        value = node.value if isinstance(node, ast.keyword) else node
        return self._inside(call, value) if isinstance(value, ast.expr) else None

    def _statement(self, statement: ast.stmt) -> Onward:
        """What a statement names, stores or returns."""
        step = self._flow.steps.get(statement)
        match statement:
            case ast.Return():
                return _NOWHERE if self._nowhere_else else _THERE
            case ast.If() | ast.While() | ast.Assert() | ast.Raise() | ast.Expr() | ast.Delete():
                return _NOWHERE
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.For() if step is not None:
                onward = Onward([(each, None) for each in step.definitions.values()])
                # `self.feature = x`, `outs[k] = x`
                onward.escapes = any(_is_place(target) for target in _targets(statement))
                return onward
        return _AWAY


def _to(place: Place, blocker: Blocker | None = None) -> Onward:
    return Onward([(place, blocker)])


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
