"""From what a failed call says to inputs that would not fail in that way."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from .candidates import LARGEST, Array, Spec
from .documented import spoken_shapes
from .guesses import BATCH, STEPS, WIDTH

_TAILS = {0: (), 1: (WIDTH,), 2: (STEPS, WIDTH), 3: (32, 32, 3), 4: (8, 16, 16, 3)}
_INTEGERS = re.compile(
    r"float32 (?:is )?not in (?:the )?list of allowed values: \S*int|must be (?:an |of type )?integer|"
    r"indices.*int32|"
    r"`?indices`? must be|expected.*int32.*(?:got|found|but).*float|integer dtype|"
    r"Tidx|DataType float32 not in list.*int|invalid dtype.*float32|cannot be cast.*int|should be integer|"
    r"of float is not in the list of allowed values: u?int"
)
_FLOATS = re.compile(
    r"(?:u?int\d+|bool) (?:is )?not in (?:the )?list of allowed values: \S*float|"
    r"expected to be a \w+ tensor but is a (?:int32|bool) tensor|"
    r"conflicts with expected type|must be of the same type|same dtype|have the same dtype|dtype.*mismatch|"
    r"(?:tf\.)?(?:int32|bool) (?:!=|and) (?:tf\.)?float|float32 (?:!=|and) (?:tf\.)?(?:int32|bool)"
)
_RANK = (
    re.compile(r"expected (?:min_)?ndim=(?P<want>\d+), found ndim=(?P<have>\d+)"),
    re.compile(r"must (?:be|have)(?: at least)? rank (?P<want>\d+) but is rank (?P<have>\d+)"),
    re.compile(r"must be(?: at least)? rank (?P<want>\d+),? but is rank (?P<have>\d+)"),
    re.compile(r"not enough values to unpack \(expected (?P<want>\d+), got (?P<have>\d+)\)"),
    re.compile(r"too many values to unpack \(expected (?P<want>\d+)\)"),
    re.compile(r"expects a vector of size (?P<have>\d+)\. But input\(1\) is a vector of size (?P<want>\d+)"),
    re.compile(r"[Ii]nput has only (?P<have>\d+) dims"),
    re.compile(r"(?:expected|expects|requires?|must be)\D{0,60}?(?P<want>[2-5])-?[dD]\b"),
    re.compile(r"(?:expect(?:ed|s)?|must have|should have|rank)\D{0,40}?(?P<want>[2-5]) ?(?:dim|axes|rank)"),
    re.compile(r"(?:rank|ndim|dimensions?)\D{0,25}(?P<want>[2-5])\b"),
)
_ONE_MORE = re.compile(
    r"(?:tuple|list) index out of range|out of bounds|out of range|slice index|too many indices|Index out of "
    r"range using input dim|axis.*must be in the range|cannot reshape|at least|Expected concatenating dim"
)
_NO_TENSOR = re.compile(
    r"Only integers, slices|as a Python `?bool|scalar|interpreted as an integer|as an index"
)
_LISTS = re.compile(
    r"[Ii]terating over|not iterable|len is not well defined|must be (?:called on )?a (?:list|tuple)|"
    r"list of (?!allowed)|"
    r"list or tuple|multiple inputs|[2-5](?: or [2-5])? inputs?\b"
)
_NUMBER_OF_INPUTS = re.compile(r"([2-5])(?: or [2-5])?(?: \w+){0,2} (?:inputs?|tensors)\b")
_AXIS = re.compile(r"expected axis (-?\d+) of input shape to have value (\d+)")
_PAIRS = (
    re.compile(r"Dimensions must be equal, but are (\d+) and (\d+)"),
    re.compile(r"Dimension must be (\d+) but is (\d+)"),
    re.compile(r"In\[0\]: \[(?:\d+,)*(\d+)\], In\[1\]: \[(?:\d+,)*?(\d+),\d+\]"),
    re.compile(r"last dimension (?:must|should) be (\d+)\D+(\d+)"),
    re.compile(r"Dimension (?:size|value)?\D{0,20}(\d+) (?:and|!=|vs\.?) (\d+)"),
    re.compile(r"(\d+) (?:!=|and|vs\.?|does not (?:match|equal)|vs) (\d+)"),
    re.compile(r"[Ee]xpected\D{0,60}?(\d+)\D{1,40}(?:got|but|received|found)\D{0,40}?(\d+)"),
)
_NAMED = re.compile(
    r"Tensor' object has no attribute '(?:items|keys|values|get|pop|update|copy)'|"
    r"argument of type '\w*Tensor'|must be a (?:dict|mapping)|expected a (?:dict|mapping)"
)
_ANY_NAME = "inputs"
_MOST_WORDS = 8
_MOST_LISTED = 12
_ASCENDING = re.compile(r"ids are not increasing|(?:must|should) be sorted|not sorted|non-decreasing")
_ONE_SAMPLE = re.compile(r"batch (?:size|dimension)\D{0,20}\b(?:one|1)\b", re.IGNORECASE)
_BELOW = re.compile(r"(?:is|are) not in \[0, (\d+)\)")
_WORDS = ("two", "three", "four", "five")
_NUMBER_WORDS = re.compile(r"\b(?:two|three|four|five)\b", re.IGNORECASE)
_SHAPE = re.compile(r"[\[(]((?:(?:None|\?|\d+),? ?)+)[\])]")
_DIVISIBLE = re.compile(r"divisible by\D{0,40}?(\d+)")


def steered(spec: Spec, message: str, words: Sequence[str] = ()) -> list[Spec]:
    """New candidates that an error message speaks of, the likeliest first.

    Args:
        words: What an input may be called.
    """
    found = list(_dictionary(spec, message, words))
    message = _NUMBER_WORDS.sub(lambda match: str(2 + _WORDS.index(match.group(0).lower())), message)
    for steer in (
        _whole,
        _sparse,
        _other_numbers,
        _spoken,
        _other_keys,
        _other_dtypes,
        _other_axis,
        _other_rank,
        _broadcast,
        _other_size,
        _matching,
    ):
        found += steer(spec, message)
    sensible = [item for item in found if item != spec and all(_is_sensible(one.shape) for one in item.items)]
    return list(dict.fromkeys(sensible))


def _with(spec: Spec, index: int, array: Array) -> Spec:
    return replace(spec, items=(*spec.items[:index], array, *spec.items[index + 1 :]))


def _each(spec: Spec, change: Callable[[Array], Array | None]) -> Iterator[Spec]:
    """The change made to all inputs, then to each alone."""
    changed = [change(item) or item for item in spec.items]
    if len(changed) > 1:
        for index, item in enumerate(changed):
            if item != spec.items[index]:
                yield _with(spec, index, item)
    yield replace(spec, items=tuple(changed))


def _dictionary(spec: Spec, message: str, words: Sequence[str]) -> Iterator[Spec]:
    """The tensor by the names that the model was constructed with; by any name, if there are none."""
    if spec.kind == "one" and _NAMED.search(message):
        for names in dict.fromkeys((tuple(dict.fromkeys(words))[:_MOST_WORDS], (_ANY_NAME,))):
            for item in dict.fromkeys((spec.items[0], Array((BATCH,), "int32", 2))):
                yield replace(spec, kind="dict", items=tuple(replace(item, name=name) for name in names))


def _other_numbers(spec: Spec, message: str) -> Iterator[Spec]:
    """Integers that ascend, or that are small enough; a batch of one."""
    if _ONE_SAMPLE.search(message):
        yield replace(spec, items=tuple(replace(i, shape=(1, *i.shape[1:])) for i in spec.items))
    if _ASCENDING.search(message):
        yield from _each(
            spec,
            lambda item: replace(item, ordered=True) if "int" in item.dtype and not item.ordered else None,
        )
    if (match := _BELOW.search(message)) and int(match.group(1)) > 0:
        high = int(match.group(1))
        yield from _each(
            spec,
            lambda item: replace(item, high=high) if item.high is not None and item.high > high else None,
        )


def _other_keys(spec: Spec, message: str) -> Iterator[Spec]:
    """A dictionary or a list instead of a tensor, or one with more in it."""
    model = spec.items[0] if spec.items else Array((BATCH, WIDTH))
    if match := re.match(r"KeyError: '(\w+)'", message):
        names = [item.name for item in spec.items] if spec.kind == "dict" else []
        if match.group(1) not in names:
            old = spec.items if spec.kind == "dict" and names != [_ANY_NAME] else ()
            yield replace(spec, kind="dict", items=(*old, replace(model, name=match.group(1))))
    if spec.kind == "dict" and (match := re.match(r"KeyError\W*'(\w+)'", message)):
        # A name of ours that the model looks up in vain.
        rest = tuple(item for item in spec.items if item.name != match.group(1))
        yield from [replace(spec, items=rest)] if 0 < len(rest) < len(spec.items) else []
    if spec.kind == "args" and _NO_TENSOR.search(message):
        for item in reversed(spec.items[1:]):
            rest = tuple(other for other in spec.items if other is not item)
            yield replace(spec, items=rest, constants=(*spec.constants, (item.name or "", 1)))
    match = re.search(r"missing (?:a required argument|\d+ required.*?):? '(\w+)'", message)
    names = [item.name for item in spec.items]
    if match and spec.kind in ("one", "args") and match.group(1) not in names:
        yield replace(spec, kind="args", items=(*spec.items, replace(model, name=match.group(1))))
    match = re.search(r"values to unpack \(expected (\d)", message)
    if match and spec.kind == "one" and int(match.group(1)) < 5 and len(model.shape) != int(match.group(1)):
        yield Spec("list", (model,) * int(match.group(1)), spec.constants)
    elif spec.kind == "one" and _LISTS.search(message):
        yield from _lists(spec, model, _how_many(message))
    elif spec.kind == "list" and (many := _how_many(message)) > len(spec.items):
        yield Spec("list", (*spec.items, *(model,) * (many - len(spec.items))), spec.constants)
    match = re.search(r"slice index (\d+) of dimension 0 out of bounds", message)
    if match and spec.kind == "one" and BATCH <= int(match.group(1)) < _MOST_LISTED:
        yield from _lists(spec, model, int(match.group(1)) + 1)
    if spec.kind in ("list", "one") and re.search(r"list index out of range", message):
        yield Spec("list", (*spec.items, model), spec.constants)
    if spec.kind == "args" and (_LISTS.search(message) or "list index out of range" in message):
        yield from _listed(spec)
    if spec.kind in ("list", "tuple") and re.search(
        r"expects 1 input\(s\)|[Cc]annot convert|not a (?:valid )?tensor|ragged", message
    ):
        yield Spec("one", spec.items[:1], spec.constants)


def _listed(spec: Spec) -> Iterator[Spec]:
    """Two for one of the arguments, as recurrent layers take their states."""
    for index, item in list(enumerate(spec.items))[::-1]:
        if item.name and not item.listed:
            pair = (replace(item, listed=True),) * 2
            yield replace(spec, items=(*spec.items[:index], *pair, *spec.items[index + 1 :]))


def _how_many(message: str) -> int:
    match = _NUMBER_OF_INPUTS.search(message)
    return max(2, int(match.group(1))) if match else 2


def _lists(spec: Spec, model: Array, many: int) -> Iterator[Spec]:
    """The tensor as often as asked for; then others, for what takes several seldom takes any."""
    rows = [model, *(replace(model, shape=(BATCH, *tail)) for tail in ((STEPS, WIDTH), (1, WIDTH), (WIDTH,)))]
    for row in dict.fromkeys(rows if model.dtype == "float32" else rows[:1]):
        yield Spec("list", (row,) * many, spec.constants)


def _other_dtypes(spec: Spec, message: str) -> Iterator[Spec]:
    if re.search(r"int64.*int32|int32.*int64", message):
        yield from _each(spec, lambda item: replace(item, dtype="int64") if item.dtype == "int32" else None)
    if _INTEGERS.search(message):
        yield from _each(
            spec, lambda item: replace(item, dtype="int32", high=2) if item.dtype == "float32" else None
        )
    if _FLOATS.search(message):
        yield from _each(
            spec, lambda item: replace(item, dtype="float32", high=None) if item.dtype != "float32" else None
        )


def _sparse(spec: Spec, message: str) -> Iterator[Spec]:
    if re.search(r"SparseTensor|\bis not sparse\b", message):
        square = (BATCH, BATCH)
        found = list(_each(spec, lambda item: replace(item, sparse=True, shape=square)))
        # What comes later is more often the sparse one.
        yield from reversed(found[:-1] or found)


def _spoken(spec: Spec, message: str) -> Iterator[Spec]:
    shapes = [shape for shape in spoken_shapes(message) if len(shape) < 6]
    if len(shapes) == len(spec.items):
        yield replace(spec, items=tuple(replace(i, shape=shape) for i, shape in zip(spec.items, shapes)))
    if shapes:
        yield from _each(spec, lambda item: replace(item, shape=shapes[0]))


def _other_axis(spec: Spec, message: str) -> Iterator[Spec]:
    if match := _AXIS.search(message):
        axis, size = int(match.group(1)), int(match.group(2))

        def change(item: Array) -> Array | None:
            if not -len(item.shape) < axis < len(item.shape) or axis == 0:
                return None
            shape = list(item.shape)
            shape[axis] = size
            return replace(item, shape=tuple(shape))

        yield from _each(spec, change)


def _other_rank(spec: Spec, message: str) -> Iterator[Spec]:
    for pattern in _RANK:
        if match := pattern.search(message):
            groups = match.groupdict()
            have = int(groups["have"]) if groups.get("have") else None
            want = int(groups["want"]) if groups.get("want") else (have or 0) + 1
            yield from _of_rank(spec, want, have)
            return
    if _ONE_MORE.search(message):
        yield from _each(spec, lambda item: _reshaped(item, len(item.shape) + 1))


def _of_rank(spec: Spec, want: int, have: int | None) -> Iterator[Spec]:
    def change(item: Array) -> Array | None:
        return _reshaped(item, want) if have is None or len(item.shape) == have else None

    yield from _each(spec, change)
    if have is not None:
        # What is short of an axis may be the layer's input, of which the model's has one more or less.
        yield from _each(spec, lambda item: _reshaped(item, len(item.shape) + want - have))


def _wider(item: Array, shape: tuple[int, ...], axis: int | None = None) -> Array | None:
    """With one more axis, of size 1, if it is the tensor of that shape: a mask over what has a width."""
    if item.shape != shape:
        return None
    place = len(shape) if axis is None else axis
    return replace(item, shape=(*shape[:place], 1, *shape[place:]))


def _reshaped_if(item: Array, have: int, want: int) -> Array | None:
    return _reshaped(item, want) if len(item.shape) == have else None


def _reshaped(item: Array, rank: int) -> Array | None:
    if not 0 < rank < 6 or rank == len(item.shape):
        return None
    tail = _TAILS[rank - 1]
    if tail and len(item.shape) > 1 and item.shape[-1] > 3 and item.dtype == "float32" and rank != 4:
        tail = (*tail[:-1], item.shape[-1])
    return replace(item, shape=(BATCH, *tail))


def _other_size(spec: Spec, message: str) -> Iterator[Spec]:
    for pattern in _PAIRS:
        for match in list(pattern.finditer(message))[:2]:
            first, second = int(match.group(1)), int(match.group(2))
            if first != second:
                yield from _exchanged(spec, first, second)
                yield from _exchanged(spec, second, first)
    yield from _flattened(spec, message)
    if divided := _DIVISIBLE.search(message):
        divisor = max(1, int(divided.group(1)))
        yield from _each(
            spec,
            lambda item: replace(
                item, shape=(item.shape[0], *(math.ceil(size / divisor) * divisor for size in item.shape[1:]))
            ),
        )
    if re.search(
        r"[Nn]egative dimension|should be (?:larger|greater|at least)|too small|<= 0|zero size", message
    ):
        yield from _each(
            spec,
            lambda item: replace(item, shape=(BATCH, *(2 * n if n > 3 else n for n in item.shape[1:]))),
        )


def _flattened(spec: Spec, message: str) -> Iterator[Spec]:
    """One number for each sample, where several have become samples of their own: 64 are 16 times 4."""
    for match in itertools.islice(_PAIRS[0].finditer(message), 1):
        large, small = sorted((int(match.group(1)), int(match.group(2))))[::-1]
        for index, item in enumerate(spec.items):
            if small == BATCH and len(item.shape) == 2 and item.shape[1] * small == large:
                yield _with(spec, index, replace(item, shape=(BATCH, 1)))
                yield _with(spec, index, replace(item, shape=(BATCH,)))


def _exchanged(spec: Spec, old: int, new: int) -> Iterator[Spec]:
    for index, item in enumerate(spec.items):
        for axis in range(len(item.shape) - 1, 0, -1):
            if item.shape[axis] == old and new > 0:
                shape = (*item.shape[:axis], new, *item.shape[axis + 1 :])
                yield _with(spec, index, replace(item, shape=shape))


def _disagreeing(message: str) -> list[list[int]]:
    """The shapes that a message says do not go together, 0 for a size that is not known."""
    if not re.search(r"[Ii]ncompat|match|[Dd]im|broadcast|concat|shape|equal", message):
        return []
    return [
        [int(size) if size.isdigit() else 0 for size in re.findall(r"\w+|\?", text)]
        for text in _SHAPE.findall(message)[:3]
    ]


def _broadcast(spec: Spec, message: str) -> Iterator[Spec]:
    """One axis more for what is short of one, as a mask is; one number a sample for what has one too many."""
    shapes = _disagreeing(message)
    if len(shapes) < 2 or abs(len(shapes[0]) - len(shapes[1])) != 1:
        return
    few = tuple(shapes[0] if len(shapes[0]) < len(shapes[1]) else shapes[1])
    yield from _each(spec, partial(_wider, shape=few))
    yield from _each(spec, lambda item: replace(item, shape=(BATCH,)) if "int" in item.dtype else None)
    yield from _each(spec, partial(_wider, shape=few, axis=1))


def _matching(spec: Spec, message: str) -> Iterator[Spec]:
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
            yield from _each(spec, partial(_reshaped_if, have=have, want=want))


def _whole(spec: Spec, message: str) -> Iterator[Spec]:
    """As many elements as a reshape asks for."""
    match = re.search(r"total size of the tensor must be unchanged.*?target_shape=\(([\d, ]+)\)", message)
    if match:
        size = math.prod(int(number) for number in re.findall(r"\d+", match.group(1)))
        yield from _each(spec, lambda item: replace(item, shape=(item.shape[0], size)))
    match = re.search(r"tensor with (\d+) (?:values|elements), but the requested shape .*? (\d+)", message)
    if match:
        have, want = int(match.group(1)), int(match.group(2))
        for index, item in enumerate(spec.items):
            if have and item.shape[-1] * want % have == 0:
                last = item.shape[-1] * want // have
                yield _with(spec, index, replace(item, shape=(*item.shape[:-1], last)))


def _is_sensible(shape: tuple[int, ...]) -> bool:
    return 0 < math.prod(shape[1:]) <= LARGEST
