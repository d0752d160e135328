"""Code that evaluates a model or uses it, and trains nothing there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.calls import Call
from kerasfix.analysis.index import ClassInfo, Kind, Module
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
_SAYS_TRUE = re.compile(r"training\s*=\s*True")
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
        self._seen: dict[ast.AST, _Around] = {}

    def in_steps(self, module: Module) -> Iterator[Used]:
        """The calls in `test_step` and `predict_step` that give no flag, or True."""
        if not EVALUATION_STEPS & module.words:
            return
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
        relies = self._loops.may_meet(module, self._relying)
        if not relies and not _SAYS_TRUE.search(module.source.text):
            return
        trained: set[ast.Call] | None = None
        for call in self._loops.calls(module):
            if not self._may_be_wrong(call, relies=relies):
                continue
            if trained is None:
                trained = {each.call for each in self._loops.trained(module)}
            used = self._used(call) if call.node not in trained else None
            if used is None or self._loops.is_recorded(call):
                continue
            if used.trains:
                if not _is_on_purpose(call):
                    yield used
            elif used.need is Need.RELIES:
                yield used

    def _may_be_wrong(self, call: Call, *, relies: bool) -> bool:
        """Whether a call stands in evaluation code, told without asking what it calls."""
        method = call.spot.method
        if method is not None and method.name in _INSIDE:
            return False
        given = given_flag(call.node)
        if given is not None:
            return is_true(given) and self._around(call).measures(call)
        return relies and self._around(call).evaluates(call)

    @cached_property
    def _relying(self) -> list[ClassInfo]:
        """The classes whose bare calls run in training mode."""
        return [info for info in self._loops.classes if self._loops.needs.trains_by_default(info)]

    def _around(self, call: Call) -> _Around:
        root = call.spot.function or call.spot.module.source.tree
        if root not in self._seen:
            self._seen[root] = _Around(root)
        return self._seen[root]

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


class _Around:
    """What the function around a call, or the module, says of it.

    Args:
        root: The function or the module.
    """

    def __init__(self, root: Function | ast.Module) -> None:
        self._root = root
        self._name = words_of(root.name) if isinstance(root, Function) else set()

    def evaluates(self, call: Call) -> bool:
        """Whether it says that a call evaluates a model, or uses one."""
        is_named = bool(self._name & _EVALUATES)
        return is_named or self._is_over_held_out_data(call) or (bool(self._name) and self._has_metrics)

    def measures(self, call: Call) -> bool:
        """Whether a call's result is measured on data that is held out."""
        if isinstance(self._root, ast.Module):
            return self._is_over_held_out_data(call)
        named = self._name & (_HELD_OUT | {"evaluate", "validate"})
        return (bool(named) or self._is_over_held_out_data(call)) and self._has_metrics

    @cached_property
    def _has_metrics(self) -> bool:
        names = {node.attr for node in own_nodes(self._root.body) if isinstance(node, ast.Attribute)}
        return "gradient" not in names and bool(names & _MEASURES)

    def _is_over_held_out_data(self, call: Call) -> bool:
        """Whether a call stands in a loop such as `for x, y in val_ds`."""
        return any(first <= call.node.lineno <= last for first, last in self._loops)

    @cached_property
    def _loops(self) -> list[tuple[int, int]]:
        """The lines of loops over held-out data."""
        return [
            (node.lineno, node.end_lineno or 0)
            for node in own_nodes(self._root.body)
            if isinstance(node, ast.For) and words_of(ast.unparse(node.iter)) & _HELD_OUT
        ]


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
