"""Values for parameters whose use in the code is known."""

from __future__ import annotations

from typing import Any

from .guesses import CELL, FACTORY, LAYER, MISSING, WIDTH, as_list, by_name
from .reading import Usage


def option(usage: Usage, value: Any) -> Any:
    return value if value in usage.options else usage.options[0]


def by_usage(name: str, usage: Usage) -> Any:
    """A value of the kind that the code expects, of the size that the name speaks of."""
    value = by_name(name)
    for alias in usage.aliases:
        if value is MISSING or value in (LAYER, CELL):
            value = by_name(alias)
    if usage.options and not isinstance(value, (int, float)):
        return option(usage, value)
    if usage.spread:
        # Only what is asked for: the callee need not know the rest.
        return {key: WIDTH if by_name(key) is MISSING else by_name(key) for key in dict.fromkeys(usage.keys)}
    if usage.results > 1 or (usage.called and usage.attributes):
        return _part(usage)
    if usage.item is not None and usage.item.spread:
        return [by_usage(name, usage.item)] * 2
    if usage.item is not None and _is_object(usage.item):
        return [_settings(usage.item, place) for place in (1, 2)]
    if usage.keys or len(set(usage.attributes)) > 1 or (usage.attributes and value is MISSING):
        return _settings(usage)
    if usage.makes and (value is MISSING or not isinstance(value, str)):
        return FACTORY
    if usage.called and (value is MISSING or isinstance(value, int)):
        return LAYER
    if usage.items_called:
        return [LAYER, LAYER]
    if usage.iterated and not isinstance(value, (dict, str)):
        return as_list(name, value)
    return value


def _part(usage: Usage) -> dict[str, Any]:
    """A layer with so many results, as the encoder of a VAE has them, and with what is read of it."""
    values = {}
    for key in dict.fromkeys(usage.attributes):
        value = by_usage(key, usage.part(key))
        values[key] = WIDTH if value is MISSING else value
    return {"$model": None, "outputs": usage.results, "attributes": values}


def is_told(usage: Usage) -> bool:
    """Whether the code says more than a name or an annotation can."""
    item = usage.item
    is_part = usage.results > 1 or (usage.called and bool(usage.attributes))
    return is_part or (item is not None and (item.spread or _is_object(item)))


def _is_object(usage: Usage) -> bool:
    return bool(usage.keys or usage.attributes)


def _settings(usage: Usage, place: int | None = None) -> dict[str, Any]:
    """A configuration object: what its names do not say themselves, the code does.

    Args:
        place: Of several such, its number: they are called differently.
    """
    values: dict[str, Any] = {}
    for key in dict.fromkeys([*usage.parts, *usage.keys]):
        value = by_usage(key, usage.part(key))
        if place is not None and value == by_name("name"):
            values[key] = f"{value}{place}"
        elif isinstance(value, (list, dict)) and value != by_name(key):
            values[key] = value
    return {"$settings": values}
