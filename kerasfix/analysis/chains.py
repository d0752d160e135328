"""The way that tensors take from a variable to the output, as a row of layers: what a finding shows."""

from __future__ import annotations

import ast

from kerasfix.analysis.dataflow import Definition, Step
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse
from kerasfix.syntax import walk

# Who reads more than this looks into the source.
_MOST_LAYERS = 12


def way_on(use: LayerUse, read: ast.Name) -> tuple[list[LayerCall], str]:
    """The layers that a value goes through from one read of it on, and where that ends.

    Returns:
        The layer calls, and "return" or the variable that is not followed further.
    """
    found: list[LayerCall] = []
    seen: set[Definition] = set()
    while len(found) < _MOST_LAYERS:
        step = use.data_flow.step_of(read)
        found += _around(use, step, read)
        if isinstance(step.node, ast.Return):
            return found, "return"
        definition = next(iter(step.definitions.values()), None)
        if definition is None or definition in seen:
            return found, read.id
        seen.add(definition)
        readers = [
            each for each in use.data_flow.readers(definition) if use.data_flow.step_of(each) is not step
        ]
        if not readers:
            return found, definition.name
        # One way of several; what matters is where the break is.
        read = min(readers, key=lambda each: _rank(use, each))
    return found, read.id


def _rank(use: LayerUse, read: ast.Name) -> tuple[bool, int]:
    """The next layer before what only looks (`print(x.shape)`), and the order of the source."""
    step = use.data_flow.step_of(read)
    return not (use.calls(step) or step.definitions or isinstance(step.node, ast.Return)), step.order


def _around(use: LayerUse, step: Step, read: ast.Name) -> list[LayerCall]:
    """The layer calls of a statement that a read goes into, the innermost first."""
    return [call for call in use.calls(step) if any(node is read for node in walk(call.node))][::-1]
