"""Layer outputs that go nowhere: computed, and then no way leads from them to what the method gives back.

A value is useful if a statement that does more than name a value reads it (`return`, `outs.append(x)`,
`self.feature = x`, a condition), or if something useful is made from it. What is left is lost, as long as
making it had no other purpose (a layer that adds a loss is called for that).
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.definitions import Definition, Held, Step
from kerasfix.analysis.effects import Effects
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.functional import Functional
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.origins import Origins
from kerasfix.analysis.scope import Function
from kerasfix.analysis.values import BuiltinLayer, Nothing, Value, is_layer
from kerasfix.syntax import of_kind, own_nodes, parents_in, walk

# Functions of these packages compute and do nothing else, but for those that print or write.
_PURE_PACKAGES = ("tensorflow.", "keras.", "numpy.", "jax.numpy.", "jax.nn.", "torch.")
_NOT_PURE = (
    "tensorflow.print",
    "tensorflow.debugging.",
    "tensorflow.summary.",
    "tensorflow.io.",
    "tensorflow.py_function",
    "tensorflow.numpy_function",
)
# What people call an activation function that they were given.
_ACTIVATION = re.compile(r"(?:\w+_)?(?:act|activ|activation|nonlinearity)(?:_?(?:fn|func|function))?_?\d*")
# What only looks at a tensor does not use it.
_LOOKERS = frozenset({"print", "tensorflow.print", "builtins.print"})


@dataclass(frozen=True, eq=False)
class LostChain:
    """Layer calls whose outputs end, unread, in one definition.

    Attributes:
        end: The definition that nobody reads.
        calls: The lost layer calls, in the order of the source.
        sources: The definitions outside the chain from which it starts (the method's input, usually).
        use: The frame that it is in.
    """

    end: Definition
    calls: tuple[LayerCall, ...]
    sources: frozenset[Definition]
    use: LayerUse = field(repr=False)


class LayerUse:
    """The layer calls of one frame, and which of them are lost.

    Args:
        frame: A method that computes something, or a frame that builds a functional model.
        layers: The layers of its project.
        effects: Which of them are called for more than their output.
        functional: In a frame that builds: tells the calls that build from those that compute.
    """

    def __init__(
        self, frame: Frame, layers: LayerIndex, effects: Effects, functional: Functional | None = None
    ) -> None:
        self.frame = frame
        self.data_flow = frame.flow
        self.layers = layers
        self._effects = effects
        self._functional = functional
        self._tensors: dict[Step, list[ast.Name]] = {}
        self._values: dict[ast.Call, list[Value]] = {}
        self._calls: dict[Step, list[LayerCall]] = {}
        self._origins: dict[frozenset[Definition], Origins] = {}

    @cached_property
    def in_order(self) -> list[Step]:
        """The statements in the order of the source."""
        return sorted(self.data_flow.steps.values(), key=lambda step: step.order)

    @cached_property
    def deletes(self) -> list[Step]:
        """The statements that delete something, in the order of the source."""
        return [step for step in self.in_order if isinstance(step.node, ast.Delete)]

    def call_around(self, read: ast.Name) -> ast.Call | None:
        """The innermost call that a read stands in."""
        node: ast.AST = read
        while not isinstance(node, ast.stmt | ast.Call):
            node = self._parents[node]
        return node if isinstance(node, ast.Call) else None

    def tensors(self, step: Step) -> list[ast.Name]:
        """The reads of a statement that may be of a tensor: not those that say what is called or made."""
        if step not in self._tensors:
            self._tensors[step] = [read for read in step.reads if not self._is_callee(read)]
        return self._tensors[step]

    def parent(self, node: ast.AST) -> ast.AST:
        """What an expression is part of."""
        return self._parents[node]

    def _is_callee(self, read: ast.Name) -> bool:
        """Whether a read is part of what is called: `layers` and `filters` in `layers.Dense(filters)(x)`."""
        node: ast.AST = read
        while not isinstance(node, ast.stmt):
            parent = self._parents[node]
            # `x.reshape(4)` is called on a tensor.
            if (
                isinstance(parent, ast.Call)
                and node is parent.func
                and not (isinstance(node, ast.Attribute) and self.frame.scope.dotted(node) is None)
            ):
                return True
            node = parent
        return False

    def origins(self, sources: frozenset[Definition]) -> Origins:
        """Definitions, and all that they were made from."""
        if sources not in self._origins:
            self._origins[sources] = Origins(self.data_flow, sources, self._given_tensors)
        return self._origins[sources]

    def _given_tensors(self, step: Step) -> list[ast.Name]:
        return [read for read in self.tensors(step) if read.id != self.frame.self_name]

    def after(self, step: Step, most: int) -> list[Step]:
        """The next statements in the source."""
        first = bisect_right(self.in_order, step.order, key=lambda each: each.order)
        return self.in_order[first : first + most]

    def is_in_block_of(self, node: ast.AST, statement: ast.stmt) -> bool:
        """Whether something stands in the block of a statement, or in one below."""
        block = self._blocks.get(statement)
        around: ast.AST | None = node
        while around is not None and self._blocks.get(around) is not block:
            around = self._parents.get(around)
        return around is not None and block is not None

    @cached_property
    def _blocks(self) -> dict[ast.AST, list[ast.stmt]]:
        """The block that each statement is part of."""
        blocks = (
            block
            for node in walk(self.frame.node)
            for name in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(node, name, None), list)
        )
        return {statement: block for block in blocks for statement in block}

    @cached_property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        return parents_in(self.frame.node)

    @property
    def builds(self) -> bool:
        """Whether the frame builds a functional model: what is lost there is no part of it."""
        return self._functional is not None

    def calls(self, step: Step) -> list[LayerCall]:
        """The layer calls of one statement, outermost first; those in nested functions are left out."""
        if step not in self._calls:
            self._calls[step] = [
                LayerCall(node, tuple(values))
                for node in _heads(step.node)
                if isinstance(node, ast.Call) and (values := self._layer_values(node))
            ]
        return self._calls[step]

    def building_calls(self, step: Step) -> list[LayerCall]:
        """The layer calls of one statement; where a model is built, also those of functions that build."""
        found = self.calls(step)
        if not self.builds or step.value is None:
            return found
        known = {call.node for call in found}
        functions = [
            LayerCall(node, ())
            for node in own_nodes([step.value])
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node not in known
            and isinstance(self.frame.scope.value(node.func.id), Function)
        ]
        return [*found, *functions]

    def is_layer_call(self, call: ast.Call) -> bool:
        return bool(self._layer_values(call))

    def has_effect(self, call: LayerCall) -> bool:
        """Whether calling the layer does more than return a tensor."""
        return self._has_effect(call.values)

    def _has_effect(self, values: Sequence[Value]) -> bool:
        # A Lambda does what its function does; in a model that is built, only if its output is used.
        return self._effects.of_any(each for each in values if not (self.builds and _is_lambda(each)))

    def lost_chains(self) -> Iterator[LostChain]:
        """The chains of layer calls that lead nowhere, each with its end."""
        lost = self.lost
        ends = lost.difference(self.data_flow.seen_by(read for step in _steps(lost) for read in step.reads))
        # A set has another order in every run; of two chains that one read breaks, the first is told first.
        for end in sorted(ends, key=lambda each: (each.step.order if each.step else 0, each.name)):
            members = self._ancestors(end, lost)
            calls = [call for step in _steps(members) for call in self.calls(step)]
            if calls:
                calls.sort(key=lambda call: (call.node.end_lineno, call.node.end_col_offset))
                yield LostChain(end, tuple(calls), self._sources(members), self)

    @cached_property
    def lost(self) -> set[Definition]:
        """The definitions that no useful statement reads, directly or through others."""
        definitions = {each for each in self.data_flow.definitions() if self._only_names(each)}
        useful: set[Held] = set()
        waiting = [*self.data_flow.leaving, *self._kept_by_cells]
        useful |= {*waiting}
        for step in self.data_flow.steps.values():
            own = set(step.definitions.values())
            if not self.is_look(step) and not (own and own <= definitions):
                waiting += self.data_flow.seen_by(step.reads, useful)
        while waiting:
            step_or_none = waiting.pop().step
            if step_or_none is not None:
                waiting += self.data_flow.seen_by(step_or_none.reads, useful)
        # `a, b = f(x)`: if one of them is useful, the statement is.
        return {
            each
            for each in definitions
            if each.step is not None and useful.isdisjoint(each.step.definitions.values())
        }

    @cached_property
    def _kept_by_cells(self) -> list[Definition]:
        """What variables of a notebook hold at the end of a cell: people look at it, and try again."""
        source = self.frame.module.source
        if not source.cells or not isinstance(self.frame.node, ast.Module):
            return []

        def cell_of(definition: Definition) -> int | None:
            return None if definition.step is None else source.cell_of(definition.step.node)

        return [
            each
            for each in self.data_flow.definitions()
            if cell_of(each) not in {cell_of(other) for other in self.data_flow.overwriting(each)}
        ]

    def _only_names(self, definition: Definition) -> bool:
        """Whether all that a statement does is to compute a value and name it."""
        step = definition.step
        value = _computed(step)
        if value is None or definition.name in self.data_flow.captured:
            return False
        calls = of_kind(value, ast.Call)
        # `Block(4, name=base.format(1))(x)`: what makes the layer does nothing else.
        made = {node for call in calls if self._layer_values(call) for node in walk(call.func)}
        return all(call in made or self._is_pure(call) for call in calls)

    def _is_pure(self, call: ast.Call) -> bool:
        values = self._layer_values(call)
        if values:
            return not self._has_effect(values)
        if _is_activation(call.func):
            return True
        dotted = self.frame.scope.dotted(call.func)
        return dotted is not None and dotted.startswith(_PURE_PACKAGES) and not dotted.startswith(_NOT_PURE)

    def is_look(self, step: Step) -> bool:
        """`print(x.shape)`, `assert x.shape[-1] == 4`: reads a tensor and does nothing with it."""
        match step.node:
            case ast.Assert():
                return True
            case ast.Expr(value=ast.Call(func=func)):
                name = func.id if isinstance(func, ast.Name) else self.frame.scope.dotted(func)
                return name in _LOOKERS
        return False

    def _layer_values(self, call: ast.Call) -> list[Value]:
        """What is called, if it is a layer in every case; else nothing."""
        if call not in self._values:
            self._values[call] = self._evaluated(call)
        return self._values[call]

    def _evaluated(self, call: ast.Call) -> list[Value]:
        frame = self.frame
        if frame.method is not None:
            values = self.layers.values_of(call.func, frame.method, frame.scope)
        else:
            values = self.layers.values_outside(call.func, frame.scope)
        if not all(is_layer(value) for value in values) or all(isinstance(each, Nothing) for each in values):
            return []
        if self._functional is not None and not self._functional.is_called_on_tensor(call, frame):
            return []
        return values

    def _ancestors(self, end: Definition, lost: set[Definition]) -> set[Definition]:
        """The lost definitions from which `end` is made, itself included."""
        found = {end}
        waiting = [end]
        seen: set[Held] = {end}
        while waiting:
            step = waiting.pop().step
            if step is not None:
                new = lost.intersection(self.data_flow.seen_by(step.reads, seen))
                found |= new
                waiting += new
        return found

    def _sources(self, members: set[Definition]) -> frozenset[Definition]:
        reads = (read for step in _steps(members) for read in self.tensors(step))
        found = self.data_flow.seen_by(reads, set(members))
        return frozenset(each for each in found if each.name != self.frame.self_name)


def _computed(step: Step | None) -> ast.expr | None:
    """What a statement computes to give it to names; not what it adds to a list, which others may hold."""
    match step.node if step is not None else None:
        case ast.AugAssign(target=ast.Name(), value=ast.List() | ast.Tuple() | ast.ListComp()):
            return None
        case ast.AugAssign(target=ast.Name(), value=value):
            return value
    return step.value if step is not None else None


def _is_lambda(value: Value) -> bool:
    return isinstance(value, BuiltinLayer) and value.fact.name == "Lambda"


def _is_activation(func: ast.expr) -> bool:
    """`self.activation(x)`, `act_fn(x)`: whatever it is, it computes and does nothing else."""
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return _ACTIVATION.fullmatch(name) is not None


def _steps(definitions: set[Definition]) -> list[Step]:
    return [each.step for each in definitions if each.step is not None]


def _heads(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions that a statement evaluates itself: of a compound statement only its head."""
    match node:
        case ast.If(test=head) | ast.While(test=head) | ast.Match(subject=head):
            yield from own_nodes([head])
        case ast.For(iter=head) | ast.AsyncFor(iter=head):
            yield from own_nodes([head])
        case ast.With(items=items) | ast.AsyncWith(items=items):
            yield from own_nodes(items)
        case ast.Try() | ast.ClassDef():
            return
        case _ if isinstance(node, Function):
            return
        case _:
            yield from own_nodes([node])
