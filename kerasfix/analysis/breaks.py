"""Broken chains: a lost output, the read that should have been of it, and what would mend it.

A lost chain is a fault where something after it consumes the older tensor that the chain began with. Which
of the reads was meant is told by what stands there: the statement that overwrites the lost name, the next
layer in a numbered row, the next one at all.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kerasfix.analysis.called import attribute_behind
from kerasfix.analysis.dataflow import Definition, Step
from kerasfix.analysis.heads import may_be_meant, stand_beside
from kerasfix.analysis.lost import LayerCall, LayerUse, LostChain
from kerasfix.syntax import own_nodes, walk

_NUMBER = re.compile(r"(\d+)")
# Parameters that go along with the tensors and are read by every layer.
_NO_TENSOR = re.compile(r"^training$|(?:^|_)masks?\d*$", re.IGNORECASE)
# Layers and functions that bring several tensors together: an older one among them is a skip.
_JOINS = re.compile(
    r"(?:^|[._])(?:add|concat|concatenate|average|maximum|minimum|multiply|stack)", re.IGNORECASE
)
# Functions that say something about a tensor.
_LOOKS = frozenset({"argmax", "argmin", "int_shape", "ndim", "rank", "shape", "shape_list", "size"})
# More ways than these are none.
_MOST_REPAIRS = 3
# So many statements after an output, of those that read an older tensor, are asked whether they meant it.
_NEAR = 100


@dataclass(frozen=True, eq=False)
class Repair:
    """Reads of older tensors that become reads of the lost output.

    Attributes:
        reads: The reads.
        why: What speaks for it, in one sentence.
    """

    reads: tuple[ast.Name, ...]
    why: str


@dataclass(frozen=True, eq=False)
class Break:
    """A broken chain.

    Attributes:
        chain: What is lost.
        read: The read of an older tensor that is the fault, or the most likely one.
        repairs: What would mend it, the most likely one first; none where the variable may not be bound.
        is_overwritten: Whether something else takes the place of the lost output in its variable.
        is_likely: Whether something says that the way on was meant to lead through it: the variable that is
            overwritten, or a row of numbers. An output that nobody reads may be a head that is not used.
    """

    chain: LostChain
    read: ast.Name
    repairs: tuple[Repair, ...]
    is_overwritten: bool
    is_likely: bool


def breaks_in(use: LayerUse) -> Iterator[Break]:
    """The broken chains of a frame."""
    for chain in use.lost_chains():
        found = _overwritten(use, chain) or _unread(use, chain)
        if found is not None:
            yield found


def _writers(use: LayerUse, chain: LostChain) -> list[Step]:
    """The statements after the lost output that write over it, not in the next round of a loop."""
    end = chain.end.step
    steps = [each.step for each in use.data_flow.overwriting(chain.end)]
    return [step for step in steps if step is not None and end is not None and step.order > end.order]


def _overwritten(use: LayerUse, chain: LostChain) -> Break | None:
    writers = _writers(use, chain)
    older = [found for step in writers if (found := _older_reads(use, step, chain))]
    if not older:
        return None
    if len(older) < len(writers):
        # Somewhere something else was made of the name, so that all of it may be meant.
        return Break(chain, older[0][0], (), is_overwritten=True, is_likely=True)
    first = Repair(tuple(reads[0] for reads in older), "the way goes on from there")
    others: list[Repair] = []
    if len(older) == 1:
        [reads] = older
        same = [read for read in reads if _is_beside(use, read, reads[0])]
        if len(same) > 1:
            others.append(
                Repair(tuple(same), f"`{consumer(use, reads[0])}` gets one tensor in several places")
            )
        others += [Repair((read,), _reason(use, read)) for read in reads[1:]]
        first = Repair((reads[0],), _reason(use, reads[0]))
    repairs = (first, *others[: _MOST_REPAIRS - 1])
    return Break(chain, first.reads[0], repairs, is_overwritten=True, is_likely=True)


def _older_reads(use: LayerUse, step: Step, chain: LostChain) -> list[ast.Name]:
    """The reads in a statement that see a tensor which the lost chain was made from, the likeliest first."""
    if not isinstance(step.value, ast.Call | ast.BinOp):
        return []
    last = chain.calls[-1]
    found = [read for read in use.tensors(step) if _is_older(use, read, chain)]
    again = {call.node for call in use.calls(step) if _is_again(use, call, last)}
    # The same layer on the same tensor once more is another fault, or none.
    found = [read for read in found if use.call_around(read) not in again]
    order = {read: index for index, read in enumerate(step.reads)}
    return sorted(found, key=lambda read: (_is_skip(use, read), order[read]))


def _is_again(use: LayerUse, call: LayerCall, other: LayerCall) -> bool:
    """Whether a call is one of the same layer on the same tensor."""
    if call.text != other.text or call.consumed is None or other.consumed is None:
        return call.text == other.text
    reaching = use.data_flow.reaching
    return reaching[call.consumed] == reaching[other.consumed]


def _is_older(use: LayerUse, read: ast.Name, chain: LostChain) -> bool:
    seen = use.data_flow.reaching[read]
    if not seen or (_NO_TENSOR.search(read.id) and not _is_consumed(use, read)):
        return False
    return seen <= chain.origins


def _is_consumed(use: LayerUse, read: ast.Name) -> bool:
    """Whether a read is what a layer works on, whatever its name says: `self.embed(mask)`."""
    return any(call.consumed is read for call in use.calls(use.data_flow.step_of(read)))


def _is_skip(use: LayerUse, read: ast.Name) -> bool:
    """Whether a read is one of several tensors that are brought together, not what a layer works on."""
    around = use.call_around(read)
    if around is None:
        return True
    given = around.args[0] if around.args else None
    return isinstance(given, ast.List | ast.Tuple) or _JOINS.search(ast.unparse(around.func)) is not None


def _is_beside(use: LayerUse, read: ast.Name, other: ast.Name) -> bool:
    """Whether two reads of one variable are arguments of one call: `self.attention(x, x)`."""
    around = use.call_around(read)
    return around is not None and read.id == other.id and around is use.call_around(other)


def _reason(use: LayerUse, read: ast.Name) -> str:
    what = consumer(use, read)
    return f"it is joined in `{what}`" if _is_skip(use, read) else f"`{what}` goes on from there"


def consumer(use: LayerUse, read: ast.Name) -> str:
    """What consumes a tensor, for messages: what the innermost call around a read calls."""
    around = use.call_around(read)
    if around is None:
        return read.id
    func = around.func
    return f"{ast.unparse(func.func)}(...)" if isinstance(func, ast.Call) else ast.unparse(func)


def called_elsewhere(calls: Mapping[tuple[str, str], Sequence[LayerCall]], chain: LostChain) -> set[str]:
    """The layers of a lost chain that are called in other places of their class too."""
    owner = chain.use.frame.owner_name
    own = Counter(call.text for call in chain.calls)
    return {call.name for call in chain.calls if len(calls[owner, call.text]) > own[call.text]}


# --- An output that nothing reads before it is gone -------------------------------------------------------


def _unread(use: LayerUse, chain: LostChain) -> Break | None:
    end = chain.end.step
    if end is None or chain.end.name.startswith("_") or not _is_tensor(use, end.value):
        return None
    later = _later_readers(use, chain, end)
    if not later:
        return None
    last = chain.calls[-1].name
    # A row of numbers speaks; else the order of the source.
    ranked = sorted(later, key=lambda call: not _is_next(use, chain, call))
    repairs = []
    for call in ranked[:_MOST_REPAIRS]:
        read = call.consumed
        assert read is not None
        # Elsewhere the lost name may have no value.
        if use.is_in_block_of(call.node, end.node):
            is_next = _is_next(use, chain, call)
            why = f"`{call.name}` follows `{last}`" if is_next else f"`{call.name}` comes after it"
            repairs.append(Repair((read,), why))
    first = ranked[0].consumed
    assert first is not None
    is_likely = _is_next(use, chain, ranked[0]) or not _may_be_meant(use, chain, ranked[0], len(later))
    return Break(chain, first, tuple(repairs), is_overwritten=False, is_likely=is_likely)


def _may_be_meant(use: LayerUse, chain: LostChain, reader: LayerCall, readers: int) -> bool:
    """Whether an output may be unread on purpose: the layer that could read it works beside it."""
    assert reader.consumed is not None
    targets = use.data_flow.step_of(reader.consumed).definitions
    if any(stand_beside(chain.end.name, name) for name in targets):
        return True
    if stand_beside(chain.calls[-1].name, reader.name):
        return True
    if reader.is_activation:
        # It makes probabilities of logits.
        return False
    # A layer of a model that is built is there to be part of it.
    return not (use.builds and readers == 1) and may_be_meant(chain)


def _is_tensor(use: LayerUse, value: ast.expr | None) -> bool:
    """Whether a value is what a layer returns, or is computed from that: no shape, no index."""
    if isinstance(value, ast.BinOp):
        return True
    if not isinstance(value, ast.Call):
        return False
    if use.is_layer_call(value):
        return True
    func = value.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name not in _LOOKS and bool(value.args)


def _is_next(use: LayerUse, chain: LostChain, call: LayerCall) -> bool:
    """Whether a row of numbers says that a call comes next: `conv1`, `conv2`, or `x1 = ...`, `x2 = ...`."""
    read = call.consumed
    assert read is not None
    names = use.data_flow.step_of(read).definitions
    return follows(chain.calls[-1].name, call.name) or any(follows(chain.end.name, name) for name in names)


def _later_readers(use: LayerUse, chain: LostChain, end: Step) -> list[LayerCall]:
    """The later layer calls on what the chain began with; none if the name is deleted before."""
    found: list[LayerCall] = []
    gone = [step.order for step in (*use.deletes, *_writers(use, chain)) if step.order > end.order]
    stop = min(gone, default=None)
    readers = use.readers(chain.origins)
    first = bisect_right(readers, end.order, key=lambda step: step.order)
    for step in readers[first : first + _NEAR]:
        if stop is not None and step.order > stop:
            break
        for call in use.calls(step):
            read = call.consumed
            if (
                read is not None
                and use.data_flow.reaching[read]
                and use.data_flow.reaching[read] <= chain.origins
                and not any(_is_again(use, call, other) for other in chain.calls)
            ):
                found.append(call)
    return found


def follows(first: str, second: str) -> bool:
    """Whether two names are neighbours in a numbered row: conv1 and conv2, block_2a and block_3a."""
    old, new = _NUMBER.split(first), _NUMBER.split(second)
    if len(old) != len(new):
        return False
    changes = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    if len(changes) != 1 or not all(part.isdecimal() for part in changes[0]):
        return False
    return int(changes[0][1]) == int(changes[0][0]) + 1


# --- Loops ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LostRounds:
    """A loop that gives every round the same tensor: only the last result is left.

    Attributes:
        loop: The loop.
        call: The call of the layer that changes from round to round.
        definition: The variable that is written over in each round.
        layers: The attribute that the loop runs over, if there is one.
    """

    loop: ast.For
    call: LayerCall
    definition: Definition
    layers: tuple[str, ...]


def lost_rounds(use: LayerUse) -> Iterator[LostRounds]:
    """`for layer in self.stack: x = layer(inputs)`: all results but the last are thrown away."""
    for head in use.in_order:
        loop = head.node
        if not isinstance(loop, ast.For) or _leaves_early(loop):
            continue
        for node in loop.body:
            step = use.data_flow.steps.get(node)
            if step is None or step.value is None or len(step.definitions) != 1:
                continue
            (definition,) = step.definitions.values()
            call = _changing_call(use, step, loop)
            if call is None or call.consumed is None or not use.data_flow.readers(definition):
                continue
            if _reads_in(use, loop, definition.name) or not _is_from_outside(use, call.consumed, loop):
                continue
            held = attribute_behind(call.node.func, use.frame)
            yield LostRounds(loop, call, definition, (held,) if held is not None else ())


def _leaves_early(loop: ast.For) -> bool:
    return any(isinstance(node, ast.Break | ast.Return | ast.Continue) for node in walk(loop))


def _changing_call(use: LayerUse, step: Step, loop: ast.For) -> LayerCall | None:
    """The call, in a statement of a loop, of a layer that changes from round to round."""
    targets = _names([loop.target])
    return next((call for call in use.calls(step) if _names([call.node.func]) & targets), None)


def _names(roots: Sequence[ast.AST]) -> set[str]:
    return {node.id for node in own_nodes(roots) if isinstance(node, ast.Name)}


def _reads_in(use: LayerUse, loop: ast.For, name: str) -> bool:
    """Whether the rounds of a loop use a variable, for more than to print its shape."""
    return any(
        read.id == name and not use.is_look(step)
        for step in use.in_order
        if loop in step.loops or step.node is loop
        for read in step.reads
    )


def _is_from_outside(use: LayerUse, read: ast.Name, loop: ast.For) -> bool:
    return all(
        each.step is None or loop not in (*each.step.loops, each.step.node)
        for each in use.data_flow.reaching[read]
    )
