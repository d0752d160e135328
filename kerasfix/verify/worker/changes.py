"""Changes to one of several inputs, or to all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from .candidates import Array, Spec
from .guesses import BATCH, STEPS, WIDTH

_TAILS = {0: (), 1: (WIDTH,), 2: (STEPS, WIDTH), 3: (32, 32, 3), 4: (8, 16, 16, 3)}


def with_item(spec: Spec, index: int, array: Array) -> Spec:
    return replace(spec, items=(*spec.items[:index], array, *spec.items[index + 1 :]))


def each(spec: Spec, change: Callable[[Array], Array | None]) -> Iterator[Spec]:
    """The change made to all inputs, then to each alone."""
    changed = [change(item) or item for item in spec.items]
    if len(changed) > 1:
        for index, item in enumerate(changed):
            if item != spec.items[index]:
                yield with_item(spec, index, item)
    yield replace(spec, items=tuple(changed))


def reshaped(item: Array, rank: int) -> Array | None:
    if not 0 < rank < 6 or rank == len(item.shape):
        return None
    tail = _TAILS[rank - 1]
    if tail and len(item.shape) > 1 and item.shape[-1] > 3 and item.dtype == "float32" and rank != 4:
        tail = (*tail[:-1], item.shape[-1])
    return replace(item, shape=(BATCH, *tail))
