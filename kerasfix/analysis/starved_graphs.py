"""Layers of functional models that no gradient reaches."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.blockers import Blocker
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.gradient_paths import GradientPaths
from kerasfix.analysis.insides import Insides
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse
from kerasfix.analysis.program import Program
from kerasfix.analysis.starved import Starved
from kerasfix.analysis.trained import (
    NOT_TRAINED,
    RUNS_ONLY,
    STOPPED_ON_PURPOSE,
    is_trained,
    words_of,
)
from kerasfix.analysis.values import BuiltinLayer, Nothing, Stack, UserLayer
from kerasfix.keras import names
from kerasfix.keras.gradients import Kind
from kerasfix.syntax import own_nodes

_TRAINS = frozenset({"fit", "compile", "train_on_batch", "GradientTape", "fit_generator"})
# What may take a layer out of a model, or bring its weights from elsewhere.
_SHARES = frozenset({"get_layer", "load_weights", "set_weights", "load_model"})


class StarvedGraphs:
    """The starved layers of the functional models of one module.

    Args:
        program: The module.
        insides: What its functions do.
    """

    def __init__(self, program: Program, insides: Insides) -> None:
        self._program = program
        self._insides = insides

    def find(self) -> Iterator[Starved]:
        """The starved layers frame by frame; nothing in modules that only build, and may only run."""
        words = self._program.module.words
        if not words & _TRAINS or words & _SHARES:
            return
        for use in self._program.layer_uses:
            if use.builds and not words_of(use.frame.name) & RUNS_ONLY:
                yield from self._in(use)

    def _in(self, use: LayerUse) -> Iterator[Starved]:
        frame = use.frame
        paths = self._insides.paths(frame, frozenset(_outputs(frame)))
        groups: dict[Blocker, list[str]] = {}
        for calls in self._by_layer(frame).values():
            blocker = self._blocker(calls, use, paths)
            if blocker is not None:
                groups.setdefault(blocker, []).append(calls[0].name)
        for blocker, layers in groups.items():
            found = tuple(dict.fromkeys(layers))
            yield Starved(blocker, found, frame.owner_name, frame.name, is_all=False, builds=True)

    def _by_layer(self, frame: Frame) -> dict[ast.Call, list[LayerCall]]:
        """The calls of each layer, in the order of the source, by where it is made."""
        found: dict[ast.Call, list[LayerCall]] = {}
        calls = self._insides.layer_calls(frame).values()
        for call in sorted(
            calls, key=lambda each: (each.node.end_lineno or 0, each.node.end_col_offset or 0)
        ):
            for value in call.values:
                if isinstance(value, BuiltinLayer | UserLayer | Stack):
                    found.setdefault(value.call, []).append(call)
        return found

    def _blocker(self, calls: list[LayerCall], use: LayerUse, paths: GradientPaths) -> Blocker | None:
        """What starves a layer, if something does and nobody meant it to."""
        found: list[Blocker] = []
        for call in calls:
            values = [value for value in call.values if not isinstance(value, Nothing)]
            if not all(is_trained(value) for value in values) or use.has_effect(call):
                return None
            if not _is_only_called(call, calls, use.frame) or words_of(call.name) & NOT_TRAINED:
                return None
            reach = paths.of(call.node)
            if not reach.is_starved:
                return None
            found += [reach.blocked] if reach.blocked is not None else []
        first = min(found, key=lambda each: each.place)
        if first.kind is Kind.STOPS:
            line = self._program.source.line(first.node.lineno)
            if "#" in line or words_of(line) & STOPPED_ON_PURPOSE:
                return None
        return first


def _outputs(frame: Frame) -> Iterator[ast.AST]:
    """The outputs of the functional models that a frame makes."""
    for node in own_nodes(frame.node.body):
        if isinstance(node, ast.Call) and frame.scope.dotted(node.func) == names.MODEL:
            yield from node.args[1:2]
            yield from (each.value for each in node.keywords if each.arg == "outputs")


def _is_only_called(call: LayerCall, calls: list[LayerCall], frame: Frame) -> bool:
    """Whether a layer is made to be called on the spot, or has a name that is only called."""
    func = call.node.func
    if isinstance(func, ast.Call):
        return True
    if not isinstance(func, ast.Name) or func.id in frame.flow.captured:
        return False
    funcs = {each.node.func for each in calls}
    definitions = [*frame.flow.reaching.get(func, ())]
    return bool(definitions) and all(
        read in funcs for definition in definitions for read in frame.flow.readers(definition)
    )
