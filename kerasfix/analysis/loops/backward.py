"""Loops on PyTorch: `loss.backward()` takes the gradient of all that the loss was made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerasfix.analysis import definitions
from kerasfix.analysis.dataflow import DataFlow
from kerasfix.analysis.loops.holders import Context, Holders
from kerasfix.analysis.loops.sources import VARIABLES, Source, Sources
from kerasfix.analysis.loops.walk import Recording, Run, Step, Walk, holds_back
from kerasfix.syntax import own_nodes, walk

# What is done with the variables of a model that is trained, and with no other.
_TRAINED_BY = VARIABLES | {"parameters", "named_parameters", "zero_grad"}


def backward_runs(
    body: Sequence[ast.stmt], context: Context, holders: Holders, sources: Sources
) -> Iterator[Run]:
    """The calls that a loss was made of, on which `backward()` is called in the same function."""
    if "torch" not in context.spot.module.words:
        return
    losses = [
        node.func.value
        for node in own_nodes(body)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "backward"
    ]
    if not losses:
        return
    recording = Recording(losses[0], sources=_trained_by(body, context, holders))
    function = context.spot.function or context.spot.module.source.tree
    flow = DataFlow(function)
    seen = _without_gradients(body, context)
    for step in _steps_behind(losses, flow):
        for node in walk(step.node.value) if isinstance(step.node, ast.Assign) else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name | ast.Attribute)
                and node not in seen
            ):
                seen.add(node)
                followed = holders.follow(node, context)
                if followed is None:
                    yield Run(node, node.func, context, (recording,))
                    continue
                into = Step(node, context, followed.function, followed.context)
                yield from Walk(
                    followed.function.body, followed.context, holders, sources, (recording,), (into,)
                ).runs


def _without_gradients(body: Sequence[ast.stmt], context: Context) -> set[ast.Call]:
    """The calls that PyTorch is told to take no gradients of."""
    return {
        each
        for node in own_nodes(body)
        if isinstance(node, ast.With) and any(holds_back(item, context) for item in node.items)
        for statement in node.body
        for each in walk(statement)
        if isinstance(each, ast.Call)
    }


def _trained_by(body: Sequence[ast.stmt], context: Context, holders: Holders) -> list[Source]:
    """The models whose variables a function speaks of, or of whose an optimizer is made elsewhere."""
    found: list[Source] = []
    module = context.spot.module
    nodes = [*own_nodes(body), *own_nodes(module.source.tree.body)]
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in _TRAINED_BY:
            holder = holders.holder(node.value, context)
            if holder is not None:
                found.append(Source(holder))
    return found


def _steps_behind(losses: Sequence[ast.expr], flow: DataFlow) -> list[definitions.Step]:
    """The statements that losses were made by, and all that these were made of."""
    found: dict[definitions.Step, None] = {}
    waiting = [each for loss in losses for each in walk(loss) if isinstance(each, ast.Name)]
    while waiting:
        name = waiting.pop()
        for definition in flow.reaching.get(name, ()):
            if definition.step is not None and definition.step not in found:
                found[definition.step] = None
                waiting += definition.step.reads
    return list(found)
