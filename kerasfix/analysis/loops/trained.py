"""The calls whose model is trained by what records them, in all loops of a project."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call, Spot
from kerasfix.analysis.index import ClassInfo, Kind, Module
from kerasfix.analysis.instances import Instances
from kerasfix.analysis.loops.backward import backward_runs
from kerasfix.analysis.loops.holders import Context, Holder, Holders
from kerasfix.analysis.loops.need import Need, Needs, given_flag, passes_flag
from kerasfix.analysis.loops.settlement import Settlement, settle
from kerasfix.analysis.loops.sources import Sources
from kerasfix.analysis.loops.walk import Run, Step, Walk
from kerasfix.analysis.scope import Function, default_values, named_parameters
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.trained import NOT_TRAINED, words_of
from kerasfix.analysis.training import TrainingFlow, is_true
from kerasfix.analysis.values import Value
from kerasfix.syntax import own_nodes

# What changes variables by their gradients.
_APPLIES = frozenset({"apply_gradients", "apply", "minimize", "assign_sub", "assign_add"})
_RECORDS = frozenset({"GradientTape", "minimize", "value_and_grad", "grad", "backward"})
STEP = "train_step"


@dataclass(eq=False, slots=True)
class TrainedCall:
    """A call of something whose variables a gradient is taken by.

    Attributes:
        call: The call.
        model: What is called.
        context: Where it stands, on the first way to it.
        values: What it can be.
        whole: Whether all of it is trained, not a part.
        is_source: Whether the gradient is taken by the variables of just that, not of what it belongs to.
        is_applied: Whether the function that takes the gradient also moves variables by it.
        is_step: Whether Keras calls it for a batch of `fit`.
        ways: For each function on the way to it from where gradients are taken, the steps into it.
        direct: The calls on the way that stand where the gradients are taken.
        hands_on: Whether it is a call of a function that hands the flag on to the model.
        roots: The functions that take the gradient, each with the spot of its body; None stands for the file.
    """

    call: ast.Call
    model: ast.expr
    context: Context
    values: list[Value]
    whole: bool
    is_source: bool
    is_applied: bool
    is_step: bool
    ways: dict[Function, dict[ast.Call, Step]] = field(default_factory=dict)
    direct: set[ast.Call] = field(default_factory=set)
    hands_on: bool = False
    roots: dict[Function | None, Spot] = field(default_factory=dict)

    @property
    def spot(self) -> Spot:
        return self.context.spot

    @property
    def text(self) -> str:
        return ast.unparse(self.model)


class Loops:
    """The loops of a project.

    Args:
        flow: Its layers and classes.
        instances: What its expressions can be.
        callers: Who calls its functions.
    """

    def __init__(self, flow: TrainingFlow, instances: Instances, callers: Callers) -> None:
        self._flow = flow
        self._callers = callers
        self.holders = Holders(flow, instances)
        self.needs = Needs(flow, callers)
        self._sources = Sources(self.holders)
        self._recorded: set[ast.Call] = set()
        self._applied: dict[Function | Module, bool] = {}

    def trained(self, module: Module) -> list[TrainedCall]:
        """The calls in a module of what is trained there, in the order of the source."""
        return self._by_module.get(module, [])

    def calls(self, module: Module) -> list[Call]:
        """All calls of a module."""
        return self._callers.calls(module)

    @property
    def classes(self) -> list[ClassInfo]:
        """The classes of the project that Keras drives."""
        return self._flow.project.keras_classes

    def may_meet(self, module: Module, classes: Iterable[ClassInfo]) -> bool:
        """Whether an instance of one of some classes can have got into a module."""
        return any(self._flow.project.may_meet(module, each) for each in classes)

    def settlement(self, trained: TrainedCall) -> Settlement:
        """How the flag gets to a call from where it is trained."""
        return settle(trained, self._callers)

    def is_recorded(self, call: Call) -> bool:
        """Whether a tape, or what differentiates a function, sees a call, whatever it takes gradients by."""
        _ = self._by_module
        return call.node in self._recorded

    def need(self, trained: TrainedCall) -> Need:
        """What the flag means to the model of a call.

        A model that is not in sight, but is called with the flag elsewhere, needs it: somebody knows it.
        """
        # What has variables is something, though nothing in sight makes it.
        is_elsewhere = not trained.values and trained.is_source
        found = Need.UNKNOWN if is_elsewhere else self.needs.of(trained.values)
        may_need = found is Need.UNKNOWN or (found is Need.NO and self.needs.are_graphs(trained.values))
        if may_need and self._has_flag_elsewhere(trained):
            return Need.YES
        return found

    def _has_flag_elsewhere(self, trained: TrainedCall) -> bool:
        holder = self.holders.holder(trained.model, trained.context)
        name = getattr(trained.model, "attr", None) or getattr(trained.model, "id", None)
        return any(
            call.name == name
            and call.keyword(FLAG) is not None
            and self.holders.holder(call.node.func, Context(call.spot)) == holder
            for call in self._callers.calls(trained.spot.module)
        )

    @cached_property
    def _by_module(self) -> dict[Module, list[TrainedCall]]:
        found: dict[ast.Call, TrainedCall] = {}
        for module in self._flow.project.given:
            if _RECORDS & module.words:
                for spot, body in self._roots(module):
                    for run in self._runs(spot, body):
                        self._recorded.add(run.call)
                        self._see(run, spot, found)
        grouped: dict[Module, list[TrainedCall]] = {}
        for each in found.values():
            grouped.setdefault(each.spot.module, []).append(each)
        for calls in grouped.values():
            calls.sort(key=lambda each: (each.call.lineno, each.call.col_offset))
        return grouped

    def _roots(self, module: Module) -> Iterator[tuple[Spot, list[ast.stmt]]]:
        """The functions that take gradients, and the module itself."""
        yield Spot(module, module.scope), module.source.tree.body
        for function, spot in self.holders.spots(module).items():
            yield spot, function.body

    def _runs(self, spot: Spot, body: list[ast.stmt]) -> Iterator[Run]:
        if not any(_may_record(statement) for statement in body):
            return
        context = Context(spot)
        yield from Walk(body, context, self.holders, self._sources).runs
        yield from backward_runs(body, context, self.holders, self._sources)

    def _see(self, run: Run, root: Spot, found: dict[ast.Call, TrainedCall]) -> None:
        holder = self.holders.holder(run.model, run.context)
        trained = self._is_trained(run, holder) if holder is not None else None
        if trained is None:
            return
        values = self.holders.values(run.model, run.context)
        call, context, way = run.call, run.context, run.way
        while way and not way[-1].handed and self._hands_on(call, context):
            # The call of a function whose `training` goes on to the model.
            call, context, way = way[-1].node, way[-1].context, way[:-1]
        if passes_flag(call, values if call is run.call and run.model is call.func else ()):
            return
        known = found.get(call)
        if known is None:
            is_step = root.method is not None and root.method.name == STEP and _is_of_model(root)
            is_source = any(each.holder == holder for one in run.recordings for each in one.sources)
            is_applied = self._applies(root)
            known = found[call] = TrainedCall(
                call, run.model, context, values, trained, is_source, is_applied, is_step
            )
            known.hands_on = call is not run.call
        known.whole = known.whole or trained
        known.roots.setdefault(root.function, root)
        known.direct.add(way[0].node if way else call)
        for step in way:
            known.ways.setdefault(step.function, {})[step.node] = step

    def _applies(self, root: Spot) -> bool:
        body = root.function.body if root.function is not None else root.module.source.tree.body
        place = root.function or root.module
        if place not in self._applied:
            self._applied[place] = any(
                isinstance(node, ast.Attribute) and node.attr in _APPLIES for node in own_nodes(body)
            )
        return self._applied[place]

    def _hands_on(self, call: ast.Call, context: Context) -> bool:
        """Whether a call gives as the flag what its function gets, and the function was given none."""
        value = given_flag(call)
        function = context.spot.function
        if not isinstance(value, ast.Name) or value.id != FLAG or function is None:
            return False
        return (
            any(each.arg == FLAG for each in named_parameters(function))
            and (function, FLAG) not in context.given
            and not is_true(default_values(function).get(FLAG))
        )

    def _is_trained(self, run: Run, holder: Holder) -> bool | None:
        """Whether all of what is called is trained (True) or a part of it (False); None if nothing is."""
        answers: set[bool] = set()
        stopped = [number for number, each in enumerate(run.recordings) if each.is_stopped]
        within = run.recordings[stopped[-1] :] if stopped else run.recordings
        for source in (each for recording in within for each in recording.sources):
            if holder.is_within(source.holder):
                # What a name says of a part of the model: `self.teacher`, `self.target_net`.
                steps = holder.path[len(source.holder.path) :]
                answers |= {source.whole} if not words_of(*steps) & NOT_TRAINED else set()
            elif source.holder.is_within(holder):
                answers.add(False)
        return max(answers) if answers else None


def _may_record(statement: ast.stmt) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in _RECORDS)
        or (isinstance(node, ast.Name) and node.id in _RECORDS)
        for node in own_nodes([statement])
    )


def _is_of_model(spot: Spot) -> bool:
    return spot.method is not None and spot.method.owner.role is Kind.MODEL
