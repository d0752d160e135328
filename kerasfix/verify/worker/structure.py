"""Arguments of a call that are more than tensors side by side: lists in lists, dictionaries, numbers.

Written as JSON: `{"positional": [...], "named": {...}}`, in which `{"$item": n}` is a tensor,
`{"$tuple": [...]}` a tuple, and all else stands for itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def filled(structure: str, tensors: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments by their places, and those by their names.

    >>> filled('{"positional": [[{"$item": 0}, 3]], "named": {"cache": {"$item": 1}}}', ["x", "y"])
    ([['x', 3]], {'cache': 'y'})
    """
    whole = _filled(json.loads(structure), tensors)
    return whole["positional"], whole["named"]


def _filled(value: Any, tensors: Sequence[Any]) -> Any:
    if isinstance(value, list):
        return [_filled(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if "$item" in value:
        return tensors[value["$item"]]
    if "$tuple" in value:
        return tuple(_filled(each, tensors) for each in value["$tuple"])
    return {name: _filled(each, tensors) for name, each in value.items()}


def outlined(given: Sequence[tuple[str, Any]], leaf: Callable[[Any, str], int | None]) -> str:
    """The structure of arguments.

    Args:
        given: Names and values; the first goes by its place.
        leaf: Takes a value and what it is called, such as `states[0]`; gives the number of the tensor, None
            for what is no tensor.

    Raises:
        ValueError: for what is neither a tensor, nor a number or a text, nor a collection of such.
    """

    def outline(value: Any, name: str) -> Any:
        number = leaf(value, name)
        if number is not None:
            return {"$item": number}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (list, tuple)):
            items = [outline(each, f"{name}[{place}]") for place, each in enumerate(value)]
            return items if isinstance(value, list) else {"$tuple": items}
        if isinstance(value, Mapping) and all(isinstance(key, str) and key[:1] != "$" for key in value):
            return {key: outline(each, f"{name}[{key!r}]") for key, each in value.items()}
        raise ValueError(f"{name} cannot be written down")

    outlines = {name: outline(value, name) for name, value in given}
    first = [outlines.pop(given[0][0])] if given else []
    return json.dumps({"positional": first, "named": outlines})
