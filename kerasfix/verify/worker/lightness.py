"""Instances that are only looked at are kept small: a cap on their weights, and smaller arguments."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

from .guesses import IMAGE, MISSING, WIDTH

#: Float32 elements: with gradients and an optimizer's moments, half a gigabyte.
MOST_WEIGHTS = 30_000_000
# From here on a number counts as large; what is smaller may be a count that the code relies on.
_LARGE = 8
_SHRINK = 8

# Weights, gradients and two moments of an optimizer, in bytes; the half as much again is for all else.
_BYTES_IN_TRAINING = 24

Arguments = dict[str, Any]


class TooHeavy(Exception):
    """An instance would have more weights than are allowed."""


class Scale:
    """Counts the elements of the weights that are made; one for each process, because it changes Keras.

    Attributes:
        limit: How many elements one instance may have; None for any number.
        exceeded: Whether an instance has ever been stopped.
    """

    def __init__(self, keras: Any) -> None:
        self.limit: int | None = None
        self.exceeded = False
        self._count = 0
        if hasattr(keras, "Variable"):
            self._watch(keras.Variable, "__init__", 1)
        else:
            self._watch(keras.layers.Layer, "add_weight", 1)

    def reset(self) -> None:
        """From here on another instance is weighed."""
        self._count = 0

    def _watch(self, owner: Any, name: str, place: int) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def weighed(instance: Any, *args: Any, **kwargs: Any) -> Any:
            shape = kwargs.get("shape", args[place] if len(args) > place else None)
            self._add(_elements(shape))
            return original(instance, *args, **kwargs)

        setattr(owner, name, weighed)

    def _add(self, elements: int) -> None:
        self._count += elements
        if self.limit is not None and self._count > self.limit:
            self.exceeded = True
            raise TooHeavy(f"it has more than {self.limit:,} weights with these arguments")


def most_weights(memory_mb: int | None) -> int | None:
    """How many elements can be trained in so much memory; None for any number."""
    return None if memory_mb is None else max(MOST_WEIGHTS, memory_mb * 2**20 // _BYTES_IN_TRAINING)


def _elements(shape: Any) -> int:
    try:
        return math.prod(int(size) for size in shape)
    except (TypeError, ValueError):
        # A single number, or a size that is not known yet.
        return 1


def lighter(
    arguments: Arguments, defaults: Arguments, guess: Callable[[str], Any], fixed: Arguments
) -> Iterator[Arguments]:
    """The same arguments with smaller sizes: those that the names speak of, then a part of each.

    Args:
        defaults: Parameter -> its default; only of those that have one.
        guess: Gives the value that a name speaks of.
        fixed: Arguments that must stay as they are.
    """
    values = {name: value for name, value in {**defaults, **arguments}.items() if name not in fixed}
    small = {name: _by_guess(value, guess(name)) for name, value in values.items()}
    yield {**arguments, **{name: value for name, value in small.items() if value is not MISSING}}
    part = {name: _part_of(value) for name, value in values.items()}
    yield {**arguments, **{name: value for name, value in part.items() if value is not MISSING}}


def _by_guess(value: Any, guessed: Any) -> Any:
    if value is None:
        # A configuration that is made when none is given, and then at its full size.
        return guessed if isinstance(guessed, dict) and "$call" in guessed else MISSING
    # Of pixels there must be enough for the strides.
    small = IMAGE if isinstance(guessed, dict) and "$tuple" in guessed else WIDTH
    return _resized(value, lambda size: guessed if _is_size(guessed) else min(size, small))


def _part_of(value: Any) -> Any:
    return _resized(value, lambda size: max(1, size // _SHRINK))


def _resized(value: Any, change: Callable[[int], int]) -> Any:
    """A size, or several, changed where they are large; MISSING if there is nothing to change."""
    if _is_size(value):
        return min(value, change(value)) if value >= _LARGE else MISSING
    items = value["$tuple"] if isinstance(value, dict) and set(value) == {"$tuple"} else value
    if not isinstance(items, (list, tuple)) or not any(_is_size(item) and item >= _LARGE for item in items):
        return MISSING
    made = [min(item, change(item)) if _is_size(item) and item >= _LARGE else item for item in items]
    return made if isinstance(value, list) else {"$tuple": made}


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
