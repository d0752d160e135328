"""Loops that give every round the same tensor, so that only what the last round makes is left."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kerasfix.analysis.called import attribute_behind
from kerasfix.analysis.dataflow import Definition, Step
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse
from kerasfix.syntax import own_nodes, walk


@dataclass(frozen=True, eq=False)
class LostRounds:
    """A call of a layer that changes from round to round, on a tensor that does not.

    Attributes:
        loop: The loop.
        call: The call.
        read: What it reads.
        name: The variable that each round writes over and that is read behind the loop.
        has_value: Whether the variable has a value before the loop.
        layers: The attributes whose layers the rounds call, as far as they are known.
    """

    loop: ast.For
    call: LayerCall
    read: ast.Name
    name: str
    has_value: bool
    layers: tuple[str, ...]


def lost_rounds(use: LayerUse) -> Iterator[LostRounds]:
    """`for layer in self.stack: x = layer(inputs)`: all results but the last are thrown away."""
    rounds: dict[ast.stmt, list[Step]] = {}
    for step in use.in_order:
        for loop in step.loops:
            rounds.setdefault(loop, []).append(step)
    for loop, inside in rounds.items():
        if isinstance(loop, ast.For) and not _leaves_early(loop):
            yield from _in_loop(use, loop, inside)


def _in_loop(use: LayerUse, loop: ast.For, inside: Sequence[Step]) -> Iterator[LostRounds]:
    if any(step.loops[-1] is not loop for step in inside):
        return
    made = {each for step in inside for each in step.definitions.values()}
    left = [each for each in made if _is_read_behind(use, each, loop)]
    names = {each.name for each in left}
    if len(names) != 1 or any(_goes_on(use, step, made) for step in inside):
        return
    (name,) = names
    way = _way_to(use, left, made)
    targets = _names([loop.target])
    calls = [call for step in inside if step in way for call in use.calls(step)]
    calls = [call for call in calls if _names([call.node.func]) & targets]
    held = dict.fromkeys(attribute_behind(call.node.func, use.frame) for call in calls)
    layers = tuple(each for each in held if each is not None)
    has_value = any(each.kills - made for each in left)
    for call in calls:
        read = call.consumed
        if read is not None and _is_from_outside(use, read, loop):
            yield LostRounds(loop, call, read, name, has_value, layers)


def _leaves_early(loop: ast.For) -> bool:
    return any(isinstance(node, ast.Break | ast.Return | ast.Continue) for node in walk(loop))


def _is_read_behind(use: LayerUse, definition: Definition, loop: ast.For) -> bool:
    steps = (use.data_flow.step_of(read) for read in use.data_flow.readers(definition))
    return any(loop not in step.loops and step.node is not loop for step in steps)


def _goes_on(use: LayerUse, step: Step, made: set[Definition]) -> bool:
    """Whether a statement hands something to the next round, or keeps it elsewhere: `outs.append(x)`."""
    if use.is_look(step):
        return False
    seen = made.intersection(use.data_flow.seen_by(step.reads))
    is_next_round = any(each.step is not None and each.step.order >= step.order for each in seen)
    return is_next_round or bool(seen and step.value is None)


def _way_to(use: LayerUse, ends: Sequence[Definition], made: set[Definition]) -> set[Step]:
    """The statements of a round that its result is made by."""
    found: set[Step] = set()
    waiting = list(ends)
    while waiting:
        step = waiting.pop().step
        if step is not None and step not in found:
            found.add(step)
            waiting += made.intersection(use.data_flow.seen_by(step.reads))
    return found


def _names(roots: Sequence[ast.AST]) -> set[str]:
    return {node.id for node in own_nodes(roots) if isinstance(node, ast.Name)}


def _is_from_outside(use: LayerUse, read: ast.Name, loop: ast.For) -> bool:
    return all(
        each.step is None or loop not in (*each.step.loops, each.step.node)
        for each in use.data_flow.reaching[read]
    )
