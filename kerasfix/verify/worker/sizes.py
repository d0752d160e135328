"""Sizes among the arguments of constructors and in configuration classes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .guesses import MISSING, WIDTH, by_annotation, by_name
from .reading import NAMED, constructor_of

Arguments = dict[str, Any]

# One size above the first makes a configuration too large; its sizes from the second on are replaced.
_LARGE = 64
_NOT_SMALL = 8
_WIDEST = 2048
# What pictures are called, and how many colours they may have.
_OF_PICTURES = re.compile(r"(image|img|input)_?(size|shape|resolution|dims?)s?$|^_?resolution$")
_OF_CHANNELS = re.compile(r"channels|in_chans")
_MOST_CHANNELS = 4
_SETTINGS = re.compile(r"^_?(cfg|config|hparams|params)$")
_OF_HEAD = re.compile(r"^(key|head|size_per_head)_?(dim|size)?$|dim_?head")


def fields_of(annotation: type) -> Arguments:
    """Small sizes for a configuration class: if one is large, all are replaced, so that they fit."""
    parameters = [item for item in constructor_of(annotation) if item.kind in NAMED]
    large = any(_is_size(item.default) and item.default > _LARGE for item in parameters)
    values: Arguments = {}
    for item in parameters:
        required = item.default is item.empty
        text = (
            item.annotation if isinstance(item.annotation, str) else getattr(item.annotation, "__name__", "")
        )
        value = by_annotation(item.name, text) if text and required else by_name(item.name)
        if required:
            values[item.name] = WIDTH if value is MISSING else value
        elif large and _is_size(item.default) and item.default >= _NOT_SMALL and _is_size(value):
            values[item.name] = value
        elif isinstance(item.default, (tuple, list)) and _is_large_size(item.default) and _is_size(value):
            smaller = [min(size, value) for size in item.default]
            values[item.name] = smaller if isinstance(item.default, list) else {"$tuple": smaller}
    return values


def _is_large_size(value: Sequence[Any]) -> bool:
    return bool(value) and all(map(_is_size, value)) and min(value) > _LARGE


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def widths_of(arguments: Arguments) -> list[int]:
    """Sizes among the arguments: the last axis of an input is often one of them."""
    items = [
        (name, item)
        for name, value in arguments.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    found = [item for name, item in items if _is_size(item) and _is_width(name, item)]
    return list(dict.fromkeys([*found, *_joined(arguments)]))


def words_in(arguments: Arguments) -> list[str]:
    """The names among the arguments that inputs may go by: those in lists and settings, else any."""
    nested = [word for value in arguments.values() if not isinstance(value, str) for word in _words(value)]
    return list(dict.fromkeys(nested or _words(arguments)))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.isidentifier():
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _words(item)


def _joined(arguments: Arguments) -> Iterator[int]:
    """The width of all heads together."""
    heads = [value for name, value in arguments.items() if "heads" in name and _is_size(value)]
    widths = [value for name, value in arguments.items() if _OF_HEAD.search(name) and _is_size(value)]
    for count, width in itertools.product(heads[:1], widths[:1]):
        yield count * width


def shapes_kept(instance: Any) -> list[list[int]]:
    """The shapes of pictures that an instance keeps, itself or in its configuration, without batch.

    >>> shapes_kept(types.SimpleNamespace(cfg=types.SimpleNamespace(input_size=(64, 48), in_channels=1)))
    [[64, 48, 1]]
    """
    found = []
    own = _kept(instance)
    for kept in (own, *(_kept(value) for name, value in own.items() if _SETTINGS.search(name))):
        numbers = [value for name, value in kept.items() if _OF_CHANNELS.search(name) and _is_size(value)]
        channels = next((number for number in numbers if number <= _MOST_CHANNELS), 3)
        for name, value in kept.items():
            if _OF_PICTURES.search(name):
                found += list(_shape_of(value, channels))
    return [shape for index, shape in enumerate(found) if shape not in found[:index]]


def _kept(thing: Any) -> dict[str, Any]:
    try:
        return dict(thing) if isinstance(thing, Mapping) else dict(vars(thing))
    except (TypeError, AttributeError):
        return {}


def _shape_of(value: Any, channels: int) -> Iterator[list[int]]:
    items = list(value) if isinstance(value, (list, tuple)) else [value, value]
    if items and all(_is_size(item) and item > 1 for item in items[:2]):
        if len(items) == 2:
            yield [*items, channels]
        elif len(items) in (3, 4) and all(map(_is_size, items)) and items[-1] <= _MOST_CHANNELS:
            yield items


def _is_width(name: str, size: int) -> bool:
    other = re.search(r"vocab|len|range|kernel|patch|window|image|intermediate|num_|resolution|seed", name)
    return other is None and 3 < size <= _WIDEST
