"""Sizes that a failed call says do not go together, put right in the inputs."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from .candidates import Array, Spec
from .changes import each, reshaped, with_item
from .guesses import BATCH

_LONGEST = 2048
_PAIRS = (
    re.compile(r"Dimensions must be equal, but are (\d+) and (\d+)"),
    re.compile(r"Dimension must be (\d+) but is (\d+)"),
    re.compile(r"In\[0\]: \[(?:\d+,)*(\d+)\], In\[1\]: \[(?:\d+,)*?(\d+),\d+\]"),
    re.compile(r"last dimension (?:must|should) be (\d+)\D+(\d+)"),
    re.compile(r"Dimension (?:size|value)?\D{0,20}(\d+) (?:and|!=|vs\.?) (\d+)"),
    re.compile(r"(\d+) (?:!=|and|vs\.?|does not (?:match|equal)|vs) (\d+)"),
    re.compile(r"[Ee]xpected\D{0,60}?(\d+)\D{1,40}(?:got|but|received|found)\D{0,40}?(\d+)"),
)
_SHAPE = re.compile(r"[\[(]((?:(?:None|\?|\d+),? ?)+)[\])]")
# A pyramid of feature maps: how many of them, and how large the least is.
_HIGHEST = 6
_SMALLEST = 8
# Besides the patches of an image: one for its class, one for its teacher.
_MOST_TOKENS = 3
_DIVISIBLE = re.compile(r"divisible by\D{0,40}?(\d+)")


def other_size(spec: Spec, message: str) -> Iterator[Spec]:
    yield from _pyramids(spec, message)
    yield from _patches(spec, message)
    for pattern in _PAIRS:
        for match in list(pattern.finditer(message))[:2]:
            first, second = int(match.group(1)), int(match.group(2))
            if first != second:
                yield from _exchanged(spec, first, second)
                yield from _exchanged(spec, second, first)
    yield from _flattened(spec, message)
    if divided := _DIVISIBLE.search(message):
        divisor = max(1, int(divided.group(1)))
        yield from each(
            spec,
            lambda item: replace(
                item, shape=(item.shape[0], *(math.ceil(size / divisor) * divisor for size in item.shape[1:]))
            ),
        )
    if re.search(
        r"[Nn]egative dimension|should be (?:larger|greater|at least)|too small|<= 0|zero size", message
    ):
        yield from each(
            spec,
            lambda item: replace(item, shape=(BATCH, *(2 * n if n > 3 else n for n in item.shape[1:]))),
        )


def _flattened(spec: Spec, message: str) -> Iterator[Spec]:
    """One number for each sample, where several have become samples of their own: 64 are 16 times 4."""
    for match in itertools.islice(_PAIRS[0].finditer(message), 1):
        large, small = sorted((int(match.group(1)), int(match.group(2))))[::-1]
        for index, item in enumerate(spec.items):
            if small == BATCH and len(item.shape) == 2 and item.shape[1] * small == large:
                yield with_item(spec, index, replace(item, shape=(BATCH, 1)))
                yield with_item(spec, index, replace(item, shape=(BATCH,)))


def _pyramids(spec: Spec, message: str) -> Iterator[Spec]:
    """Feature maps of which each is half as large as the one before, or twice: one was found to be so."""
    maps = [index for index, item in enumerate(spec.items) if len(item.shape) == 4]
    pairs = [match.groups() for pattern in _PAIRS for match in pattern.finditer(message)]
    if len(shapes := _disagreeing(message)) > 1:
        pairs += zip(reversed(shapes[0]), reversed(shapes[1]))
    if not 1 < len(maps) <= _HIGHEST or not any(_is_double(int(one), int(other)) for one, other in pairs):
        return
    for order in (maps[::-1], maps):
        items = list(spec.items)
        for step, index in enumerate(order):
            size = _SMALLEST << step
            items[index] = replace(items[index], shape=(BATCH, size, size, items[index].shape[-1]))
        yield replace(spec, items=tuple(items))


def _patches(spec: Spec, message: str) -> Iterator[Spec]:
    """Images with as many patches as there are places for: 65 and 3137 are 8 and 56 squared, and 1 more."""
    for match in itertools.islice(_PAIRS[0].finditer(message), 1):
        pair = int(match.group(1)), int(match.group(2))
        for one, other, more in itertools.product(pair, pair, range(_MOST_TOKENS)):
            sides = math.isqrt(max(one - more, 0)), math.isqrt(max(other - more, 0))
            if one == other or min(sides) < 2 or [side * side + more for side in sides] != [one, other]:
                continue
            for index, item in enumerate(spec.items):
                height, width = item.shape[1:3] if len(item.shape) == 4 else (1, 0)
                if height == width and height * sides[1] % sides[0] == 0:
                    side = height * sides[1] // sides[0]
                    yield with_item(spec, index, replace(item, shape=(BATCH, side, side, item.shape[3])))


def _is_double(one: int, other: int) -> bool:
    return max(one, other) == 2 * min(one, other) > 0


def _exchanged(spec: Spec, old: int, new: int) -> Iterator[Spec]:
    for index, item in enumerate(spec.items):
        if item.shape == (old, old):
            # Every node with every other, and no samples.
            yield with_item(spec, index, replace(item, shape=(new, new)))
        if len(item.shape) == 4 and item.shape[1:3] == (old, old) and new > 0:
            yield with_item(spec, index, replace(item, shape=(item.shape[0], new, new, item.shape[3])))
    for index, item in enumerate(spec.items):
        for axis in range(len(item.shape) - 1, 0, -1):
            if item.shape[axis] == old and new > 0:
                shape = (*item.shape[:axis], new, *item.shape[axis + 1 :])
                yield with_item(spec, index, replace(item, shape=shape))


def _disagreeing(message: str) -> list[list[int]]:
    """The shapes that a message says do not go together, 0 for a size that is not known."""
    if not re.search(r"[Ii]ncompat|match|[Dd]im|broadcast|concat|shape|equal", message):
        return []
    return [
        [int(size) if size.isdigit() else 0 for size in re.findall(r"\w+|\?", text)]
        for text in _SHAPE.findall(message)[:3]
    ]


def broadcast(spec: Spec, message: str) -> Iterator[Spec]:
    """One axis more for what is short of one, as a mask is; one number a sample for what has one too many."""
    shapes = _disagreeing(message)
    if len(shapes) < 2 or abs(len(shapes[0]) - len(shapes[1])) != 1:
        return
    few = tuple(shapes[0] if len(shapes[0]) < len(shapes[1]) else shapes[1])
    yield from each(spec, partial(_wider, shape=few))
    yield from each(spec, lambda item: replace(item, shape=(BATCH,)) if "int" in item.dtype else None)
    yield from each(spec, partial(_wider, shape=few, axis=1))


def matching(spec: Spec, message: str) -> Iterator[Spec]:
    """Two shapes that should have agreed: sizes of the one put into the other, axis by axis."""
    shapes = _disagreeing(message)
    if len(shapes) < 2:
        return
    for one, other in ((shapes[0], shapes[1]), (shapes[1], shapes[0])):
        for left, right in list(zip(reversed(one), reversed(other)))[:4]:
            if left != right and left > 0 and right > 0:
                yield from list(_exchanged(spec, left, right))[:4]
    if len(shapes[0]) != len(shapes[1]):
        ranks = (len(shapes[0]), len(shapes[1]))
        for have, want in (ranks, ranks[::-1]):
            yield from each(spec, partial(_reshaped_if, have=have, want=want))


def whole(spec: Spec, message: str) -> Iterator[Spec]:
    """As many elements as a reshape asks for."""
    match = re.search(r"total size of the tensor must be unchanged.*?target_shape=\(([\d, ]+)\)", message)
    if match:
        size = math.prod(int(number) for number in re.findall(r"\d+", match.group(1)))
        yield from each(spec, lambda item: replace(item, shape=(item.shape[0], size)))
    match = re.search(r"tensor with (\d+) (?:values|elements), but the requested shape .*? (\d+)", message)
    if match:
        have, want = int(match.group(1)), int(match.group(2))
        for index, item in enumerate(spec.items):
            if have and item.shape[-1] * want % have == 0:
                last = item.shape[-1] * want // have
                yield with_item(spec, index, replace(item, shape=(*item.shape[:-1], last)))


def filling(spec: Spec, message: str) -> Iterator[Spec]:
    """One axis of another length, so that a sample holds as much as a reshape divides it into."""
    if match := re.search(r"evenly divisible by (\d+) but is (\d+)", message):
        sample, have = int(match.group(1)), int(match.group(2))
    elif match := re.search(
        r"tensor with (\d+) elements to shape \[\d+,[\d,]+\] \((\d+) elements\)", message
    ):
        have, sample = int(match.group(1)), int(match.group(2)) // BATCH
    else:
        return
    held = [(index, item) for index, item in enumerate(spec.items) if math.prod(item.shape) == have]
    for index, item in held[::-1] if have > sample * BATCH else ():
        # Too much for it: there is an axis that should not be there.
        if (flat := reshaped(item, len(item.shape) - 1)) is not None:
            yield with_item(spec, index, flat)
    for index, item in held if have < sample * BATCH else ():
        for axis in range(1, len(item.shape)):
            rest = math.prod(item.shape[1:]) // item.shape[axis]
            # What follows the input for ever, no input fills.
            if sample % rest == 0 and sample // rest <= _LONGEST:
                shape = (*item.shape[:axis], sample // rest, *item.shape[axis + 1 :])
                yield with_item(spec, index, replace(item, shape=shape))


def _wider(item: Array, shape: tuple[int, ...], axis: int | None = None) -> Array | None:
    """With one more axis, of size 1, if it is the tensor of that shape: a mask over what has a width."""
    if item.shape != shape:
        return None
    place = len(shape) if axis is None else axis
    return replace(item, shape=(*shape[:place], 1, *shape[place:]))


def _reshaped_if(item: Array, have: int, want: int) -> Array | None:
    return reshaped(item, want) if len(item.shape) == have else None
