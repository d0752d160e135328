"""From values written as JSON to live objects, made anew for every instance.

Besides JSON: `{"$tuple": [...]}`, `{"$name": "a.b"}`, `{"$call": "a.B", "positional": [...], "named": {...}}`
and `{"$settings": {...}}`, an object that has every setting that is asked of it.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

from .guesses import MISSING, WIDTH, by_name


class CannotMake(Exception):
    """A name that means nothing here."""


class Settings(dict):  # type: ignore[type-arg]
    """Stands in for a configuration object: what is not set is guessed from its name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __missing__(self, key: Any) -> Any:
        value = by_name(str(key))
        made = WIDTH if value is MISSING else make(value, Scope(None, None))
        self[key] = made
        return made

    def __getstate__(self) -> dict[str, Any]:
        return dict(self)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self or default is None else default

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


class Scope:
    """Where names are looked up: the module of the class, then Keras."""

    def __init__(self, module: dict[str, Any] | None, keras: Any) -> None:
        self._module = module or {}
        self._keras = keras

    def find(self, dotted: str) -> Any:
        """What a dotted name means.

        Raises:
            CannotMake: if it means nothing.
        """
        parts = dotted.split(".")
        for start in self._roots(parts):
            value = start
            try:
                for part in parts[1:]:
                    value = getattr(value, part)
                return value
            except AttributeError:
                continue
        for room in ("layers", "activations", "initializers", "regularizers"):
            value = getattr(getattr(self._keras, room, None), parts[-1], MISSING)
            if value is not MISSING:
                return value
        raise CannotMake(dotted)

    def _roots(self, parts: list[str]) -> Iterator[Any]:
        for space in (self._module, {"keras": self._keras, "layers": getattr(self._keras, "layers", None)}):
            if parts[0] in space:
                yield space[parts[0]]
        if len(parts) == 1 and hasattr(builtins, parts[0]):
            yield getattr(builtins, parts[0])


def make(value: Any, scope: Scope) -> Any:
    """The object that a value stands for.

    Raises:
        CannotMake: if it mentions a name that is not there.
    """
    if isinstance(value, list):
        return [make(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(make(item, scope) for item in value["$tuple"])
    if "$name" in value:
        return scope.find(value["$name"])
    if "$settings" in value:
        return Settings({key: make(item, scope) for key, item in value["$settings"].items()})
    if "$call" in value:
        positional = [make(item, scope) for item in value["positional"]]
        named = {key: make(item, scope) for key, item in value["named"].items()}
        return scope.find(value["$call"])(*positional, **named)
    return {key: make(item, scope) for key, item in value.items()}
