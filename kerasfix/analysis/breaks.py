"""Broken chains: a lost output, and the read of an older tensor that should have been of it.

Which of the reads was meant is told by what stands there: the statement that overwrites the lost name, and if
nothing does, whoever reads an older tensor afterwards.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kerasfix.analysis.dataflow import Step
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse, LostChain
from kerasfix.analysis.repairs import (
    MOST_REPAIRS,
    Break,
    Repair,
    consumer,
    is_again,
    is_older,
    is_skip,
    place_of,
    writers,
)
from kerasfix.analysis.unread import unread
from kerasfix.analysis.values import BuiltinLayer


def breaks_in(use: LayerUse) -> Iterator[Break]:
    """The broken chains of a frame."""
    for chain in use.lost_chains():
        found = _overwritten(use, chain) or unread(use, chain)
        if found is not None:
            yield found


def _overwritten(use: LayerUse, chain: LostChain) -> Break | None:
    steps = writers(use, chain)
    older = [found for step in steps if (found := _older_reads(use, step, chain))]
    if not older:
        return None
    if len(older) < len(steps):
        # Somewhere something else was made of the name, so that all of it may be meant.
        return Break(chain, older[0][0], (), is_overwritten=True, is_likely=True)
    repairs = _ways(use, chain, older[0]) if len(older) == 1 else [_everywhere(use, chain, older)]
    return Break(chain, older[0][0], tuple(repairs[:MOST_REPAIRS]), is_overwritten=True, is_likely=True)


def _everywhere(use: LayerUse, chain: LostChain, older: Sequence[Sequence[ast.Name]]) -> Repair:
    places = tuple(place_of(use, reads[0], chain) for reads in older)
    return Repair(places, "the way goes on from there")


def _ways(use: LayerUse, chain: LostChain, reads: Sequence[ast.Name]) -> list[Repair]:
    """The repairs of one statement that reads older tensors, the most likely one first."""
    single = [Repair((place_of(use, read, chain),), _reason(use, read)) for read in reads]
    same = [read for read in reads if _is_beside(use, read, reads[0])]
    if len(same) < 2:
        return single
    why = f"`{consumer(use, reads[0])}` gets one tensor in several places"
    together = Repair(tuple(place_of(use, read, chain) for read in same), why)
    first, *others = single
    return [together, first, *others] if _attends(use, reads[0]) else [first, together, *others]


def _attends(use: LayerUse, read: ast.Name) -> bool:
    """Whether a read is of an attention of Keras, to which people give one tensor twice."""
    around = use.call_around(read)
    return any(
        call.node is around
        and call.values
        and all(isinstance(each, BuiltinLayer) and "Attention" in each.fact.name for each in call.values)
        for call in use.calls(use.data_flow.step_of(read))
    )


def _older_reads(use: LayerUse, step: Step, chain: LostChain) -> list[ast.Name]:
    """The reads in a statement that see a tensor which the lost chain was made from, the likeliest first."""
    if not isinstance(step.value, ast.Call | ast.BinOp):
        return []
    found = [read for read in use.tensors(step) if is_older(use, read, chain)]
    again = {call.node for call in use.calls(step) if is_again(use, call, chain.calls[-1])}
    # The same layer on the same tensor once more is another fault, or none.
    found = [read for read in found if use.call_around(read) not in again]
    order = {read: index for index, read in enumerate(step.reads)}
    return sorted(found, key=lambda read: (is_skip(use, read), order[read]))


def _is_beside(use: LayerUse, read: ast.Name, other: ast.Name) -> bool:
    """Whether two reads of one variable are arguments of one call: `self.attention(x, x)`."""
    around = use.call_around(read)
    return around is not None and read.id == other.id and around is use.call_around(other)


def _reason(use: LayerUse, read: ast.Name) -> str:
    what = consumer(use, read)
    return f"it is joined in `{what}`" if is_skip(use, read) else f"`{what}` goes on from there"


def called_elsewhere(calls: Mapping[tuple[str, str], Sequence[LayerCall]], chain: LostChain) -> set[str]:
    """The layers of a lost chain that are called in other places of their class too."""
    owner = chain.use.frame.owner_name
    own = Counter(call.text for call in chain.calls)
    return {call.name for call in chain.calls if len(calls[owner, call.text]) > own[call.text]}
