"""From what a failed call says to inputs that would not fail in that way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .agreement import broadcast, filling, matching, other_size, whole
from .candidates import LARGEST, Array, Spec
from .changes import each, reshaped, with_item
from .documented import spoken_shapes
from .guesses import BATCH, STEPS, WIDTH

_INTEGERS = re.compile(
    r"float32 (?:is )?not in (?:the )?list of allowed values: \S*int|must be (?:an |of type )?integer|"
    r"indices.*int32|"
    r"`?indices`? must be|expected.*int32.*(?:got|found|but).*float|integer dtype|"
    r"'Tidx'|DataType float32 not in list.*int|invalid dtype.*float32|cannot be cast.*int|should be integer|"
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
    r"list or tuple|'int' object is not subscriptable|multiple inputs|[2-5](?: or [2-5])? inputs?\b"
)
_NUMBER_OF_INPUTS = re.compile(r"([2-5])(?: or [2-5])?(?: \w+){0,2} (?:inputs?|tensors)\b")
_AXIS = re.compile(
    r"expected axis (-?\d+) of input shape to have value (\d+)(?:,? but received input with shape "
    r"[(\[](?:(?:None|\d+), )*(\d+)[)\]])?"
)
_LAST = re.compile(
    r"(?:final|last) (?:dimension|axis)(?: size)? (?:of|must be|should be|to be|equal to)\D{0,12}?(\d+)"
)
_GOT = re.compile(r"[(\[](?:(?:None|\d+), )+(\d+)[)\]]")
_NAMED = re.compile(
    r"Tensor' object has no attribute '(?:items|keys|values|get|pop|update|copy)'|"
    r"argument of type '\w*Tensor'|must be a (?:dict|mapping)|expected a (?:dict|mapping)"
)
# Levels of a pyramid.
_NUMBERED = re.compile(r"dict\D*keys\b.*\bkeys?\W{0,4}[\[(](\d+(?:, ?\d+){1,5})[\])]")
_ANY_NAME = "inputs"
_MOST_WORDS = 8
_MOST_LISTED = 12
_ASCENDING = re.compile(r"ids are not increasing|(?:must|should) be sorted|not sorted|non-decreasing")
_ONE_SAMPLE = re.compile(r"batch (?:size|dimension)\D{0,20}\b(?:one|1)\b", re.IGNORECASE)
_BELOW = re.compile(r"(?:is|are) not in \[0, (\d+)\)")
_NOT_NEGATIVE = re.compile(r"non-?negative|(?:must|should) be (?:>= 0|positive)")
_WORDS = ("two", "three", "four", "five")
_NUMBER_WORDS = re.compile(r"\b(?:two|three|four|five)\b", re.IGNORECASE)


def steered(spec: Spec, message: str, words: Sequence[str] = ()) -> list[Spec]:
    """New candidates that an error message speaks of, the likeliest first.

    Args:
        words: What an input may be called.
    """
    found = list(_dictionary(spec, message, words))
    message = _NUMBER_WORDS.sub(lambda match: str(2 + _WORDS.index(match.group(0).lower())), message)
    for steer in (
        whole,
        _sparse,
        _other_numbers,
        _spoken,
        _other_keys,
        _other_dtypes,
        _other_axis,
        _other_rank,
        broadcast,
        other_size,
        matching,
        filling,
    ):
        found += steer(spec, message)
    sensible = [item for item in found if item != spec and all(_is_sensible(one.shape) for one in item.items)]
    return list(dict.fromkeys(sensible))


def _dictionary(spec: Spec, message: str, words: Sequence[str]) -> Iterator[Spec]:
    """The tensor by the names that the model was constructed with; by any name, if there are none."""
    if spec.kind == "one" and (match := _NUMBERED.search(message)):
        keys = [int(key) for key in match.group(1).split(",")]
        maps = dict.fromkeys((Array((BATCH, 32, 32, 3)), spec.items[0]))
        yield from (replace(spec, kind="dict", items=tuple(replace(m, name=k) for k in keys)) for m in maps)
    if spec.kind == "one" and _NAMED.search(message):
        for names in dict.fromkeys((tuple(dict.fromkeys(words))[:_MOST_WORDS], (_ANY_NAME,))):
            for item in dict.fromkeys((spec.items[0], Array((BATCH,), "int32", 2))):
                yield replace(spec, kind="dict", items=tuple(replace(item, name=name) for name in names))


def _other_numbers(spec: Spec, message: str) -> Iterator[Spec]:
    """Integers that ascend, or that are small enough; a batch of one."""
    if _ONE_SAMPLE.search(message):
        yield replace(spec, items=tuple(replace(i, shape=(1, *i.shape[1:])) for i in spec.items))
    if _ASCENDING.search(message):
        yield from each(
            spec,
            lambda item: replace(item, ordered=True) if "int" in item.dtype and not item.ordered else None,
        )
    if _NOT_NEGATIVE.search(message):
        floats = [item.dtype == "float32" and item.high is None for item in spec.items]
        named = [is_it and str(item.name) in message for is_it, item in zip(floats, spec.items)]
        for chosen in (named, floats):
            pairs = zip(spec.items, chosen)
            yield replace(spec, items=tuple(replace(i, high=1) if is_it else i for i, is_it in pairs))
    if (match := _BELOW.search(message)) and int(match.group(1)) > 0:
        high = int(match.group(1))

        def within(item: Array) -> Array | None:
            # Pixels may be looked up, too.
            is_above = item.high > high if item.high is not None else "float" in item.dtype
            return replace(item, high=high) if is_above else None

        yield from each(spec, within)


def _other_keys(spec: Spec, message: str) -> Iterator[Spec]:
    """A dictionary or a list instead of a tensor, or one with more in it."""
    model = spec.items[0] if spec.items else Array((BATCH, WIDTH))
    if match := re.match(r"KeyError: (?:'(\w+)'|(\d+)$)", message):
        names = [item.name for item in spec.items] if spec.kind == "dict" else []
        name = match.group(1) or int(match.group(2))
        if name not in names:
            old = spec.items if spec.kind == "dict" and names != [_ANY_NAME] else ()
            like = model if model.dtype != "bool" else Array((BATCH, STEPS, WIDTH))
            yield replace(spec, kind="dict", items=(*old, replace(like, name=name)))
    if spec.kind == "dict" and (match := re.match(r"KeyError\W*'(\w+)'", message)):
        # A name of ours that the model looks up in vain.
        rest = tuple(item for item in spec.items if item.name != match.group(1))
        yield from [replace(spec, items=rest)] if 0 < len(rest) < len(spec.items) else []
    if spec.kind == "args" and _NO_TENSOR.search(message):
        for item in [item for item in reversed(spec.items[1:]) if item.name]:
            rest = tuple(other for other in spec.items if other is not item)
            yield replace(spec, items=rest, constants=(*spec.constants, (str(item.name or ""), 1)))
    if re.search(r"non-iterable int object|'int' object is not (?:iterable|subscriptable)", message):
        for index, (name, value) in enumerate(spec.constants):
            if isinstance(value, int):
                # A height and a width.
                pair = (name, (value, value))
                yield replace(spec, constants=(*spec.constants[:index], pair, *spec.constants[index + 1 :]))
    match = re.search(r"missing (?:a required argument|\d+ required.*?):? '(\w+)'", message)
    names = [item.name for item in spec.items]
    if match and spec.kind in ("one", "args") and match.group(1) not in names:
        yield replace(spec, kind="args", items=(*spec.items, replace(model, name=match.group(1))))
    match = re.search(r"values to unpack \(expected (\d)(?:, got (\d+))?", message)
    if match and match.group(2) == str(len(model.shape)) != str(model.shape[0]):
        # It is the shape that was taken apart.
        match = None
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
        yield from each(spec, lambda item: replace(item, dtype="int64") if item.dtype == "int32" else None)
    if _INTEGERS.search(message):
        yield from each(
            spec, lambda item: replace(item, dtype="int32", high=2) if item.dtype == "float32" else None
        )
    if _FLOATS.search(message):
        yield from each(
            spec, lambda item: replace(item, dtype="float32", high=None) if item.dtype != "float32" else None
        )


def _sparse(spec: Spec, message: str) -> Iterator[Spec]:
    if re.search(r"SparseTensor|\bis not sparse\b", message):
        square = (BATCH, BATCH)
        found = list(each(spec, lambda item: replace(item, sparse=True, shape=square)))
        # What comes later is more often the sparse one.
        yield from reversed(found[:-1] or found)


def _spoken(spec: Spec, message: str) -> Iterator[Spec]:
    shapes = [shape for shape in spoken_shapes(message) if len(shape) < 6]
    if len(shapes) == len(spec.items):
        yield replace(spec, items=tuple(replace(i, shape=shape) for i, shape in zip(spec.items, shapes)))
    if shapes:
        yield from each(spec, lambda item: replace(item, shape=shapes[0]))


def _other_axis(spec: Spec, message: str) -> Iterator[Spec]:
    if match := _AXIS.search(message):
        axis, size, found = int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)
    elif match := _LAST.search(message):
        got = _GOT.search(message, match.end())
        axis, size, found = -1, int(match.group(1)), int(got.group(1)) if got else 0
    else:
        return

    def change(item: Array) -> Array | None:
        if not -len(item.shape) < axis < len(item.shape) or axis == 0:
            return None
        shape = list(item.shape)
        shape[axis] = size
        # A deep image is small.
        while len(shape) == 4 and axis in (-1, 3) and not _is_sensible(shape) and shape[1] > 1:
            shape[1:3] = [shape[1] // 2, shape[2] // 2]
        return replace(item, shape=tuple(shape))

    if axis == -1:
        # Those that are of the size that was found there, before any.
        alike = [change(item) if item.shape[-1] == found else None for item in spec.items]
        yield replace(spec, items=tuple(new or item for new, item in zip(alike, spec.items)))
    if found > size and found % size == 0:
        yield from _divided(spec, found // size)
    yield from each(spec, change)


def _divided(spec: Spec, by: int) -> Iterator[Spec]:
    """One axis less long: layers and heads that have become one axis are too many together."""
    for index, item in enumerate(spec.items):
        for axis, size in enumerate(item.shape[1:-1], 1):
            if len(item.shape) > 3 and size % by == 0:
                shape = (*item.shape[:axis], size // by, *item.shape[axis + 1 :])
                yield with_item(spec, index, replace(item, shape=shape))


def _other_rank(spec: Spec, message: str) -> Iterator[Spec]:
    for pattern in _RANK:
        if match := pattern.search(message):
            groups = match.groupdict()
            have = int(groups["have"]) if groups.get("have") else None
            want = int(groups["want"]) if groups.get("want") else (have or 0) + 1
            yield from _of_rank(spec, want, have)
            return
    if _ONE_MORE.search(message):
        yield from each(spec, lambda item: reshaped(item, len(item.shape) + 1))


def _of_rank(spec: Spec, want: int, have: int | None) -> Iterator[Spec]:
    def change(item: Array) -> Array | None:
        return reshaped(item, want) if have is None or len(item.shape) == have else None

    yield from each(spec, change)
    if have is not None:
        # What is short of an axis may be the layer's input, of which the model's has one more or less.
        yield from each(spec, lambda item: reshaped(item, len(item.shape) + want - have))


def _is_sensible(shape: Sequence[int]) -> bool:
    return 0 < math.prod(shape[1:]) <= LARGEST
