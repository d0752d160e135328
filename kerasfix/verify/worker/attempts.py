"""What is tried next: a queue in which what brought an attempt farther goes first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from .depth import Failure, progress

Arguments = dict[str, Any]

# One place in the order of what an error led to, against one in the order of what was planned.
_STEP = 0.4
_FIRST = -100.0


class Attempts:
    """Arguments to be tried, each once."""

    def __init__(self, planned: Iterable[Arguments]) -> None:
        self._heap: list[tuple[float, int, Arguments, Failure | None]] = []
        self._count = 0
        self._tried: list[Arguments] = []
        self._cost = 0.0
        self._before: Failure | None = None
        for place, arguments in enumerate(planned):
            self._push(float(place), arguments, None)

    def take(self) -> Arguments | None:
        """The next that was not tried yet; None if there is none."""
        while self._heap:
            self._cost, _, arguments, self._before = heapq.heappop(self._heap)
            if arguments not in self._tried:
                self._tried.append(arguments)
                return arguments
        return None

    @property
    def number(self) -> int:
        """How many were taken."""
        return len(self._tried)

    def failed(self, failure: Failure, better: Iterable[Arguments]) -> None:
        """The last one did, and this is what it led to, the likeliest first."""
        cost = max(self._cost, 0.0) + progress(self._before, failure)
        for place, arguments in enumerate(better, 1):
            self._push(cost + _STEP * place, arguments, failure)

    def first(self, better: Iterable[Arguments]) -> None:
        """Before all others."""
        for place, arguments in enumerate(better):
            self._push(_FIRST + place, arguments, None)

    def _push(self, cost: float, arguments: Arguments, failure: Failure | None) -> None:
        self._count += 1
        heapq.heappush(self._heap, (cost, self._count, arguments, failure))
