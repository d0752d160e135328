"""What would mend a broken chain, and what is told of a read of an older tensor by where it stands."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from kerasfix.analysis.dataflow import Step
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse, LostChain

# Parameters that go along with the tensors and are read by every layer.
_NO_TENSOR = re.compile(r"^training$|(?:^|_)masks?\d*$", re.IGNORECASE)
# Layers and functions that bring several tensors together: an older one among them is a skip.
_JOINS = re.compile(
    r"(?:^|[._])(?:add|concat|concatenate|average|maximum|minimum|multiply|stack)", re.IGNORECASE
)
# Longer expressions are cut in messages.
_SHORT = 40
# More ways than these are none.
MOST_REPAIRS = 3


@dataclass(frozen=True, eq=False)
class Repair:
    """Places that read older tensors, and are to read the lost output.

    Attributes:
        places: A variable each, or an element of one (`inputs["query"]`).
        why: What speaks for it, in one sentence.
    """

    places: tuple[ast.expr, ...]
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
            overwritten, a row of numbers, a single reader. An output that nobody reads may be a head that is
            not used.
    """

    chain: LostChain
    read: ast.Name
    repairs: tuple[Repair, ...]
    is_overwritten: bool
    is_likely: bool


def writers(use: LayerUse, chain: LostChain) -> list[Step]:
    """The statements after the lost output that write over it, not in the next round of a loop."""
    end = chain.end.step
    steps = [each.step for each in use.data_flow.overwriting(chain.end)]
    return [step for step in steps if step is not None and end is not None and step.order > end.order]


def is_older(use: LayerUse, read: ast.Name, chain: LostChain) -> bool:
    """Whether a read sees nothing but tensors that the lost chain was made from."""
    seen = use.data_flow.reaching[read]
    if not seen or (_NO_TENSOR.search(read.id) and not _is_consumed(use, read)):
        return False
    return use.origins(chain.sources).hold_all(seen)


def _is_consumed(use: LayerUse, read: ast.Name) -> bool:
    """Whether a read is what a layer works on, whatever its name says: `self.embed(mask)`."""
    return any(call.consumed is read for call in use.calls(use.data_flow.step_of(read)))


def is_again(use: LayerUse, call: LayerCall, other: LayerCall) -> bool:
    """Whether a call is one of the same layer on the same tensor."""
    if call.text != other.text or call.consumed is None or other.consumed is None:
        return call.text == other.text
    reaching = use.data_flow.reaching
    return reaching[call.consumed] == reaching[other.consumed]


def is_skip(use: LayerUse, read: ast.Name) -> bool:
    """Whether a read is one of several tensors that are brought together, not what a layer works on."""
    around = use.call_around(read)
    if around is None:
        return True
    given = around.args[0] if around.args else None
    return isinstance(given, ast.List | ast.Tuple) or _JOINS.search(ast.unparse(around.func)) is not None


def place_of(use: LayerUse, read: ast.Name, chain: LostChain) -> ast.expr:
    """What the lost output takes the place of: the variable, or the element that the chain took of it too."""
    node = use.parent(read)
    if not isinstance(node, ast.Subscript) or node.value is not read:
        return read
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node
    text = ast.unparse(node)
    taken = (part for call in chain.calls for part in call.node.args)
    return node if any(ast.unparse(part) == text for part in taken) else read


def consumer(use: LayerUse, read: ast.Name) -> str:
    """What consumes a tensor, for messages: what the innermost call around a read calls, or all of a sum."""
    around = use.call_around(read)
    if around is None:
        node: ast.AST = read
        while isinstance(parent := use.parent(node), ast.expr):
            node = parent
        text = ast.unparse(node)
        return text if len(text) <= _SHORT else f"{text[: _SHORT - 3]}..."
    func = around.func
    return f"{ast.unparse(func.func)}(...)" if isinstance(func, ast.Call) else ast.unparse(func)
