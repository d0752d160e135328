"""Layer outputs that nothing reads before they are gone, and who could have meant to read them.

Whoever consumes an older tensor afterwards may have. It is likely if numbers say that it comes next, or if
nobody else does anything with that tensor; not if names say that the output is a head or a way of its own.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from kerasfix.analysis.dataflow import Step
from kerasfix.analysis.heads import cannot_follow, is_side_way, may_be_meant, stand_beside
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse, LostChain
from kerasfix.analysis.repairs import MOST_REPAIRS, Break, Repair, is_again, is_older, writers

_NUMBER = re.compile(r"(\d+)")
# Functions that say something about a tensor.
_LOOKS = frozenset({"argmax", "argmin", "int_shape", "ndim", "rank", "shape", "shape_list", "size"})
# So many statements after an output are asked whether they meant it.
_NEAR = 200


@dataclass(frozen=True, eq=False)
class _Reader:
    """A call that consumes an older tensor.

    Attributes:
        call: The call.
        read: The tensor.
        is_alone: Whether the tensor is all that the call works on; else it is joined with others.
        is_used: Whether something is made of what the call gives.
        is_next: Whether a row of numbers says that it comes next.
    """

    call: LayerCall
    read: ast.Name
    is_alone: bool
    is_used: bool
    is_next: bool


def unread(use: LayerUse, chain: LostChain) -> Break | None:
    """The break at a lost output that nothing reads before it is gone, if somebody could have."""
    end = chain.end.step
    if end is None or chain.end.name.startswith("_") or not _is_tensor(use, end.value):
        return None
    # A row of numbers speaks; else the order of the source.
    readers = sorted(_readers(use, chain, end), key=lambda each: (not each.is_alone, not each.is_next))
    if not readers:
        return None
    first = readers[0]
    # Elsewhere the lost name may have no value.
    bound = [each for each in readers if use.is_in_block_of(each.call.node, end.node)]
    repairs = tuple(_repair(chain, each) for each in bound[:MOST_REPAIRS])
    is_likely = first.is_alone and _is_likely(use, chain, readers)
    return Break(chain, first.read, repairs, is_overwritten=False, is_likely=is_likely)


def _repair(chain: LostChain, reader: _Reader) -> Repair:
    name, last = reader.call.name, chain.calls[-1].name
    if reader.is_next:
        return Repair((reader.read,), f"`{name}` follows `{last}`")
    return Repair((reader.read,), f"`{name}` comes after it")


def _is_likely(use: LayerUse, chain: LostChain, readers: list[_Reader]) -> bool:
    """Whether the first of some readers was meant to read the lost output."""
    reader, last = readers[0], chain.calls[-1]
    targets = use.data_flow.step_of(reader.read).definitions
    beside = stand_beside(last.name, reader.call.name) or (
        not reader.is_next and any(stand_beside(chain.end.name, name) for name in targets)
    )
    if beside or is_side_way(chain) or cannot_follow(last, reader.call):
        return False
    if len([each for each in readers if each.is_used and each.is_alone]) > 1:
        # Several go on from the older tensor, side by side: so may the lost one.
        return False
    # An activation makes probabilities of logits; a layer of a model that is built is there to be part of it.
    return reader.is_next or reader.call.is_activation or use.builds or not may_be_meant(chain)


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


def _readers(use: LayerUse, chain: LostChain, end: Step) -> list[_Reader]:
    """The calls after an output, and before it is gone, that consume what it was made from."""
    found: list[_Reader] = []
    gone = [step.order for step in (*use.deletes, *writers(use, chain)) if step.order > end.order]
    stop = min(gone, default=None)
    for step in use.after(end, _NEAR):
        if stop is not None and step.order > stop:
            break
        is_used = not step.definitions or not use.lost >= {*step.definitions.values()}
        for call in use.building_calls(step):
            if any(is_again(use, call, other) for other in chain.calls):
                continue
            is_next = _is_next(chain, call, step)
            if call.consumed is not None:
                if is_older(use, call.consumed, chain):
                    found.append(_Reader(call, call.consumed, True, is_used, is_next))
                continue
            joined = [read for read in _joined(call) if use.data_flow.reaching[read] <= chain.sources]
            found += [_Reader(call, read, False, is_used, is_next) for read in joined]
    return found


def _joined(call: LayerCall) -> list[ast.Name]:
    """The variables in a sum that a layer is given: `self.norm(x + attention)`."""
    match call.node.args:
        case [ast.BinOp(left=left, right=right), *_]:
            return [each for each in (left, right) if isinstance(each, ast.Name)]
    return []


def _is_next(chain: LostChain, call: LayerCall, step: Step) -> bool:
    """Whether a row of numbers says that a call comes next: `conv1`, `conv2`, or `x1 = ...`, `x2 = ...`."""
    if follows(chain.calls[-1].name, call.name):
        return True
    return any(follows(chain.end.name, name) for name in step.definitions)


def follows(first: str, second: str) -> bool:
    """Whether two names are neighbours in a numbered row: conv1 and conv2, block_2a and block_3a."""
    old, new = _NUMBER.split(first), _NUMBER.split(second)
    if len(old) != len(new):
        return False
    changes = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    if len(changes) != 1 or not all(part.isdecimal() for part in changes[0]):
        return False
    return int(changes[0][1]) == int(changes[0][0]) + 1
