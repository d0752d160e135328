"""Layers that no gradient reaches: all that is made of their outputs goes through an operation without."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.blockers import Blocker
from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.index import Kind as Role
from kerasfix.analysis.insides import Insides
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse
from kerasfix.analysis.mentions import Mentions
from kerasfix.analysis.program import Program
from kerasfix.analysis.trained import (
    NOT_TRAINED,
    RUNS_ONLY,
    STOPPED_ON_PURPOSE,
    is_trained,
    may_have_weights,
    words_of,
)
from kerasfix.analysis.values import BuiltinLayer, Nothing, Stack, UserLayer, flat
from kerasfix.keras.gradients import Kind
from kerasfix.syntax import of_kind

# How models are trained without a gradient, and how with one.
_EVOLVES = frozenset({"set_weights", "population", "mutate", "mutation", "crossover", "evolution"})
_TRAINS = frozenset({"fit", "compile", "GradientTape", "train_step", "minimize"})


@dataclass(frozen=True, eq=False)
class Starved:
    """Layers that are starved by one operation.

    Attributes:
        blocker: The operation.
        layers: The attributes of the layers.
        owner: The class that has them.
        method: The method that calls the first of them.
        is_all: Whether no layer with weights is left that the class could train.
        builds: Whether they are layers of a functional model.
        source: Of a tape, the model; of a loss function, the parameter that holds the prediction.
    """

    blocker: Blocker
    layers: tuple[str, ...]
    owner: str
    method: str
    is_all: bool
    source: str = ""
    builds: bool = False


class StarvedLayers:
    """The starved layers of the classes of one module.

    Args:
        program: The module.
        insides: What its functions do.
    """

    def __init__(self, program: Program, insides: Insides) -> None:
        self._program = program
        self._insides = insides
        self._attributes_of: dict[ClassInfo, dict[ast.Call, set[str]]] = {}
        self._others_of: dict[ClassInfo, frozenset[ast.Call] | None] = {}

    def find(self) -> Iterator[Starved]:
        """The starved layers of all classes, by the operations that starve them."""
        groups: dict[Blocker, list[tuple[ast.Call, LayerCall, LayerUse]]] = {}
        for made, calls in self._calls.items():
            blocker = self._blocker(made, calls)
            if blocker is not None:
                groups.setdefault(blocker, []).append((made, *calls[0]))
        starved = {made for group in groups.values() for made, _, _ in group}
        for blocker, group in groups.items():
            group.sort(key=lambda each: (each[1].node.end_lineno or 0, each[1].node.end_col_offset or 0))
            use = group[0][2]
            method = use.frame.method
            assert method is not None
            names = [name for made, _, each in group for name in sorted(self._attributes(made, each))]
            yield Starved(
                blocker,
                tuple(dict.fromkeys(names)),
                method.owner.name,
                method.name,
                is_all=self._is_certain(method.owner, blocker) and self._are_all(method.owner, starved),
            )

    @cached_property
    def _calls(self) -> dict[ast.Call, list[tuple[LayerCall, LayerUse]]]:
        """The calls of each layer that has weights to train, by where the layer is made."""
        found: dict[ast.Call, list[tuple[LayerCall, LayerUse]]] = {}
        for use in self._program.layer_uses:
            if use.builds or use.frame.method is None or not use.frame.is_method:
                continue
            for call in self._insides.layer_calls(use.frame).values():
                for value in call.values:
                    if isinstance(value, BuiltinLayer | UserLayer | Stack):
                        found.setdefault(value.call, []).append((call, use))
        return found

    def _blocker(self, made: ast.Call, calls: list[tuple[LayerCall, LayerUse]]) -> Blocker | None:
        """What starves a layer, if something does and nobody meant it to."""
        found: list[Blocker] = []
        for call, use in calls:
            if not all(is_trained(value) for value in call.values if not isinstance(value, Nothing)):
                return None
            if use.has_effect(call):
                return None
            reach = self._insides.paths(use.frame).of(call.node)
            if not reach.is_starved:
                return None
            found += [reach.blocked] if reach.blocked is not None else []
        first = min(found, key=lambda each: each.place)
        if any(self._is_meant(made, use, first) for _, use in calls):
            return None
        return first if all(self._is_only_called(made, use) for _, use in calls) else None

    def _is_meant(self, made: ast.Call, use: LayerUse, blocker: Blocker) -> bool:
        """Whether a layer is one that no gradient trains on purpose, or a method one that only runs."""
        method = use.frame.method
        assert method is not None
        names = [method.owner.name, method.name, *self._attributes(made, use)]
        if words_of(*names) & NOT_TRAINED:
            return True
        if blocker.kind is Kind.STOPS:
            return bool(words_of(*names, *self._lines_at(blocker.node)) & STOPPED_ON_PURPOSE)
        words = self._program.module.words
        is_evolved = bool(words & _EVOLVES) and not words & _TRAINS
        return is_evolved or bool(words_of(method.owner.name, method.name) & RUNS_ONLY)

    def _lines_at(self, node: ast.expr) -> list[str]:
        """The lines on which an operation stands; with a comment, which says that it is meant."""
        source = self._program.source
        lines = [source.line(number) for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)]
        above = source.line(node.lineno - 1) if node.lineno > 1 else ""
        if above.lstrip().startswith("#") or any("#" in line for line in lines):
            return ["detached"]
        return [line.replace(".detach(", "(") for line in lines]

    def _is_only_called(self, made: ast.Call, use: LayerUse) -> bool:
        """Whether a call runs in training, and nothing is done with the layer but to call it."""
        method = use.frame.method
        assert method is not None
        if any(info.is_open for info in method.owner.family):
            return False
        attributes = self._attributes(made, use)
        return (
            bool(attributes)
            and self._program.threads.runs_in_call(method)
            and all(self._mentions.are_calls(name, method.owner) for name in attributes)
        )

    @cached_property
    def _mentions(self) -> Mentions:
        uses = [use for use in self._program.layer_uses if not use.builds]
        calls = {call for use in uses for call in self._insides.layer_calls(use.frame)}
        return Mentions(self._program.module, calls)

    def _attributes(self, made: ast.Call, use: LayerUse) -> set[str]:
        """The attributes of `self` that hold a layer."""
        method = use.frame.method
        assert method is not None
        return {name for info in method.receivers for name in self._held(info).get(made, ())}

    def _held(self, info: ClassInfo) -> dict[ast.Call, set[str]]:
        """The attributes that hold each layer of a class, by where it is made."""
        if info not in self._attributes_of:
            found = self._attributes_of[info] = {}
            for name, attribute in self._program.flow.layers.attributes(info).items():
                for each in (one for value in attribute.values for one in flat(value)):
                    if isinstance(each, BuiltinLayer | UserLayer | Stack):
                        found.setdefault(each.call, set()).add(name)
        return self._attributes_of[info]

    def _is_certain(self, info: ClassInfo, blocker: Blocker) -> bool:
        return info.kind is Role.MODEL and blocker.kind is not Kind.STOPS

    def _are_all(self, info: ClassInfo, starved: set[ast.Call]) -> bool:
        """Whether a class has no other layer that could have weights, and none of its own."""
        if info not in self._others_of:
            self._others_of[info] = self._trainable(info)
        trainable = self._others_of[info]
        return trainable is not None and trainable <= starved

    def _trainable(self, info: ClassInfo) -> frozenset[ast.Call] | None:
        """Where all layers of a class are made that could have weights; None if it has others."""
        for each in info.ancestors:
            for method in each.methods.values():
                for node in of_kind(method.node, ast.Attribute):
                    if node.attr in ("add_weight", "Variable"):
                        return None
        attributes = self._program.flow.layers.attributes(info).values()
        values = [each for one in attributes for value in one.values for each in flat(value)]
        return frozenset(
            value.call
            for value in values
            if isinstance(value, BuiltinLayer | UserLayer | Stack) and may_have_weights(value)
        )
