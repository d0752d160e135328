"""Dataclasses as JSON and back: lists of their fields in order, as their annotations say what is in them."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

_T = TypeVar("_T")


def to_json(value: Any) -> Any:
    """What JSON can hold of a value of dataclasses, enumerations, lists, tuples, dictionaries and texts."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    return [to_json(getattr(value, each.name)) for each in dataclasses.fields(value)]


def from_json(kind: type[_T], value: Any) -> _T:
    """The value of a type that `to_json` gave.

    Raises:
        ValueError, TypeError, AttributeError: if it did not.
    """
    made: _T = _maker(kind)(value)  # type: ignore[arg-type]  # a class can be hashed
    return made


@cache
def _maker(kind: Any) -> Callable[[Any], Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        each = _maker(inner[0])
        if inner[1:] == (Ellipsis,):
            return lambda value: tuple([each(one) for one in value])
        makers = [_maker(one) for one in inner]
        return lambda value: tuple([make(one) for make, one in zip(makers, value, strict=True)])
    if origin is list:
        each = _maker(inner[0])
        return lambda value: [each(one) for one in value]
    if origin is dict:
        each = _maker(inner[1])
        return lambda value: {key: each(one) for key, one in value.items()}
    if origin in (types.UnionType, typing.Union):
        [rest] = [one for one in inner if one is not types.NoneType]
        each = _maker(rest)
        return lambda value: None if value is None else each(value)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        makers = [_maker(hints[one.name]) for one in dataclasses.fields(kind)]
        make: Callable[..., Any] = kind  # type: ignore[assignment]
        return lambda value: make(*[each(one) for each, one in zip(makers, value, strict=True)])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind

    def same(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    return same
