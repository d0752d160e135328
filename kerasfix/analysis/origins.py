"""What some values were made from: asked definition by definition, and worked out no further than that."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from kerasfix.analysis.dataflow import DataFlow, Definition
from kerasfix.analysis.definitions import Step

# Nobody takes up a tensor from so far back, and a long way is not gone back from each layer of it.
_FARTHEST = 2000


class Origins:
    """Some definitions, and all that they were made from.

    Args:
        flow: Their data flow.
        sources: The definitions.
        tensors: The reads of a statement that may be of tensors.
    """

    def __init__(
        self,
        flow: DataFlow,
        sources: Iterable[Definition],
        tensors: Callable[[Step], list[ast.Name]],
    ) -> None:
        self._flow = flow
        self._tensors = tensors
        self._found: set[Definition] = set()
        # Those that were not looked behind yet, the latest in the source first.
        self._waiting: list[tuple[int, int, Definition]] = []
        self._add(sources)

    def hold_all(self, definitions: Iterable[Definition]) -> bool:
        """Whether all definitions are among them.

        The latest is asked first: what one question finds counts for the next one, and in a loop it may find
        more than that would. A set has another order in every run.
        """
        return all(map(self.hold, sorted(definitions, key=lambda each: (-_place(each), each.name))))

    def hold(self, definition: Definition) -> bool:
        """Whether a definition is one of them, or another name of such for certain (`residual = x`)."""
        if self._is_among(definition):
            return True
        step = definition.step
        if step is None or not definition.whole or not isinstance(step.value, ast.Name):
            # `user, movie = inputs` names parts of it.
            return False
        seen = self._flow.reaching[step.value]
        is_before = all(each is not definition and _place(each) < _place(definition) for each in seen)
        return bool(seen) and is_before and self.hold_all(seen)

    def _is_among(self, definition: Definition) -> bool:
        """What is made from a value stands behind it, so nothing is looked for in front of the definition."""
        place = _place(definition)
        while definition not in self._found and self._waiting and -self._waiting[0][0] >= place:
            if len(self._found) > _FARTHEST:
                break
            step = heappop(self._waiting)[2].step
            if step is not None:
                self._add(self._flow.seen_by(self._tensors(step)))
        return definition in self._found

    def _add(self, definitions: Iterable[Definition]) -> None:
        for each in definitions:
            if each not in self._found:
                self._found.add(each)
                heappush(self._waiting, (-_place(each), len(self._found), each))


def _place(definition: Definition) -> int:
    """Its place in the source; parameters stand before everything."""
    return definition.step.order if definition.step is not None else -1
