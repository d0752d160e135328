"""Code that evaluates a model or uses it, and trains nothing there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.calls import Call
from kerasfix.analysis.index import Kind, Module
from kerasfix.analysis.loops.holders import Context
from kerasfix.analysis.loops.need import Need, given_flag, passes_flag
from kerasfix.analysis.loops.trained import Loops
from kerasfix.analysis.scope import Function
from kerasfix.analysis.trained import RUNS_ONLY, words_of
from kerasfix.analysis.training import is_true
from kerasfix.analysis.values import Value
from kerasfix.syntax import own_nodes, walk

# Methods that Keras calls for a batch of `evaluate` and of `predict`.
EVALUATION_STEPS = frozenset({"test_step", "predict_step"})
# Methods in which a layer is called with the flag of who calls them, or to be built.
_INSIDE = frozenset({"call", "__call__", "build", "__init__", "train_step"}) | EVALUATION_STEPS
_EVALUATES = RUNS_ONLY | {"eval", "val", "valid", "validate", "validation", "testing", "tests"}
_HELD_OUT = frozenset({"val", "valid", "validation", "test", "eval", "evaluation", "dev", "holdout"})
_MEASURES = frozenset({"update_state", "result"})
# A word of somebody who drops on purpose while predicting.
_ON_PURPOSE = re.compile(r"monte|\bmc|bayes|uncertain|stochastic|dropout|ensemble|epistemic", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Used:
    """A call of a model where it is not trained.

    Attributes:
        call: The call, and where it stands.
        values: What is called.
        need: What the flag means to it.
        trains: Whether it is told to run in training mode.
    """

    call: Call
    values: list[Value]
    need: Need
    trains: bool = False


class Evaluations:
    """The calls of models in evaluation and inference code.

    Args:
        loops: The loops of the project.
    """

    def __init__(self, loops: Loops) -> None:
        self._loops = loops

    def in_steps(self, module: Module) -> Iterator[Used]:
        """The calls in `test_step` and `predict_step` that give no flag, or True."""
        for call in self._loops.calls(module):
            method = call.spot.method
            if (
                method is not None
                and call.spot.function is method.node
                and method.name in EVALUATION_STEPS
                and method.owner.role is Kind.MODEL
            ):
                used = self._used(call)
                if used is not None:
                    yield used

    def in_functions(self, module: Module) -> Iterator[Used]:
        """The calls outside of what Keras calls that evaluate or use a model in training mode."""
        trained = {each.call for each in self._loops.trained(module)}
        for call in self._loops.calls(module):
            method = call.spot.method
            if call.node in trained or (method is not None and method.name in _INSIDE):
                continue
            used = self._used(call)
            if used is None or self._loops.is_recorded(call):
                continue
            if used.trains:
                if _measures(call) and not _is_on_purpose(call):
                    yield used
            elif used.need is Need.RELIES and _evaluates(call):
                yield used

    def _used(self, call: Call) -> Used | None:
        if not isinstance(call.node.func, ast.Name | ast.Attribute | ast.Subscript):
            return None
        trains = is_true(given_flag(call.node))
        if not trains and passes_flag(call.node, ()):
            return None
        values = self._loops.holders.values(call.node.func, Context(call.spot))
        need = self._loops.needs.of(values)
        if need not in (Need.YES, Need.RELIES) or (not trains and passes_flag(call.node, values)):
            return None
        return Used(call, values, need, trains)


def _evaluates(call: Call) -> bool:
    """Whether what stands around a call says that it evaluates a model, or uses one."""
    function = call.spot.function
    if function is not None and words_of(function.name) & _EVALUATES:
        return True
    return _is_over_held_out_data(call) or (function is not None and _has_metrics(function.body, call))


def _measures(call: Call) -> bool:
    """Whether a call's result is measured on data that is held out."""
    function = call.spot.function
    if function is None:
        return _is_over_held_out_data(call)
    named = words_of(function.name) & (_HELD_OUT | {"evaluate", "validate"})
    return (bool(named) or _is_over_held_out_data(call)) and _has_metrics(function.body, call)


def _has_metrics(body: list[ast.stmt], call: Call) -> bool:
    nodes = list(own_nodes(body))
    takes_gradients = any(isinstance(node, ast.Attribute) and node.attr == "gradient" for node in nodes)
    return not takes_gradients and any(
        isinstance(node, ast.Attribute) and node.attr in _MEASURES for node in nodes
    )


def _is_over_held_out_data(call: Call) -> bool:
    """Whether a call stands in a loop such as `for x, y in val_ds`."""
    around = call.spot.function or call.spot.module.source.tree
    return any(
        isinstance(node, ast.For)
        and node.lineno <= call.node.lineno <= (node.end_lineno or 0)
        and words_of(ast.unparse(node.iter)) & _HELD_OUT
        for node in own_nodes(around.body)
    )


def _is_on_purpose(call: Call) -> bool:
    """Whether a name or a comment says that Dropout is meant to drop there."""
    function = call.spot.function
    source = call.spot.module.source
    text = source.segment(function) if isinstance(function, Function) else source.line(call.node.lineno)
    if _ON_PURPOSE.search(text):
        return True
    # The same input many times, for a distribution of outputs.
    nodes = walk(function) if function is not None else ()
    return any(
        isinstance(node, ast.For | ast.ListComp)
        and any(isinstance(each, ast.Name) and each.id == "range" for each in walk(node))
        and call.node in set(walk(node))
        for node in nodes
    )
