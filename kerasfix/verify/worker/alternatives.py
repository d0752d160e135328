"""Other values for the arguments of a constructor that failed, without knowing which form was wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .guesses import CELL, FACTORY, FUNCTION, IMAGE_MODEL, LAYER, SETTINGS, VECTOR_MODEL, WIDTH
from .reading import Usage

Arguments = dict[str, Any]

_LONGEST = 8
# Their quoted words are no choices.
_OF_TYPES = re.compile(
    r"object|has no attribute|keyword argument|not supported between|operand type|__init__"
)
_CLASS = re.compile(r"<class '[^']*'>")
QUOTED = re.compile(r"['\"]([\w\-. ]{1,40})['\"]")
# In the order in which they are tried when the first value of a parameter does not do.
_LADDER: tuple[Any, ...] = (
    [WIDTH, WIDTH],
    {"$tuple": [2, 2]},
    WIDTH,
    LAYER,
    IMAGE_MODEL,
    VECTOR_MODEL,
    SETTINGS,
    None,
    "relu",
    FUNCTION,
    FACTORY,
    CELL,
    [LAYER, LAYER],
    1,
    2,
    0.5,
    True,
)


def words_quoted(message: str) -> list[str]:
    """What may be choices among the words that a message quotes."""
    return [] if _OF_TYPES.search(message) else QUOTED.findall(_CLASS.sub("", message))


def alternatives(usage: Usage, name: str, current: Any, message: str) -> Iterator[Any]:
    """What else to give: what the message names, what the code speaks of, then all else."""
    yield from [text for text in words_quoted(message) if text not in (name, current)][:4]
    yield from usage.options[:4]
    if "divisible" in message or "multiple of" in message:
        yield from (8, 32, 64, 4, 2, 1)
    if "positive" in message or "greater" in message:
        yield from (64, 256, 1)
    for value in _LADDER:
        if value != current:
            yield value


def longer(arguments: Arguments, error: BaseException, fixed: Arguments) -> Iterator[Arguments]:
    """Lists of twice the length, if one was too short."""
    if not isinstance(error, LookupError):
        return
    for name, value in arguments.items():
        # Those of a part of it: "P4" of its levels is not there.
        within = value.get("named") if isinstance(value, dict) and name not in fixed else None
        if within and (better := next(longer(within, IndexError(), {}), None)):
            yield {**arguments, name: {**value, "named": better}}
    if not isinstance(error, IndexError):
        return
    lists = {
        name: value for name, value in arguments.items() if isinstance(value, list) and name not in fixed
    }
    if lists and all(0 < len(value) < _LONGEST for value in lists.values()):
        yield {**arguments, **{name: value * 2 for name, value in lists.items()}}


def with_defaults(value: Any) -> Any:
    """A configuration object as its author made it; too large, perhaps, but its sizes fit together."""
    return {**value, "named": {}} if isinstance(value, dict) and "$call" in value else value


def configured(arguments: Arguments, configs: dict[str, list[dict[str, Any]]]) -> Iterator[Arguments]:
    """The arguments with configuration objects as they are made elsewhere.

    Args:
        configs: The name of a class -> where it is constructed.
    """
    for name, value in arguments.items():
        called = value.get("$call", "") if isinstance(value, dict) else ""
        for site in configs.get(called, ()):
            if None not in site["positional"]:
                positional = [item["value"] for item in site["positional"]]
                yield {**arguments, name: {**value, "positional": positional, "named": site["named"]}}
