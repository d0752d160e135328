"""Objects of the project's own classes for parameters that are annotated with them."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import re
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from .keras_import import is_keras_class
from .reading import users_classes
from .relatives import concrete
from .sizes import fields_of

_LIBRARIES = frozenset(("numpy", "tensorflow", "jax", "torch", "keras", "tf_keras")) | sys.stdlib_module_names
_MOST_HEIRS = 3
_OPTIONAL = re.compile(r"(?:[\w.]*Optional\[(?P<inner>.+)\]|(?P<first>.+?) *\| *None)")
_SEVERAL = re.compile(
    r"(?:[\w.]*\.)?(?P<kind>[A-Za-z]+)\[(?:.*, *)?(?P<inner>[A-Za-z_][\w.]*)(?:, *\.\.\.)?\]"
)
_KINDS = {
    **dict.fromkeys(("list", "sequence", "iterable", "collection"), "list"),
    **dict.fromkeys(("dict", "mapping"), "dict"),
    "tuple": "tuple",
}


class Annotated:
    """Makes recipes for annotations, see `recipes`.

    Args:
        named: What a dotted name means where the annotation stands; None if it means nothing.
        made: A recipe for the first of some classes that can be made; None if none can.
        without: What is not to be made: the class that has the parameter, and its heirs.
    """

    def __init__(self, named: Callable[[str], Any], made: Callable[[list[type]], Any], without: type) -> None:
        self._named = named
        self._made = made
        self._without = without

    def recipe(self, annotation: Any) -> Any:
        """None if the annotation is no class of the project, nor a collection of such."""
        kind, inner = _taken_apart(annotation)
        cls = self._named(inner) if isinstance(inner, str) else inner
        is_class = isinstance(cls, type) and not isinstance(cls, types.GenericAlias)
        one = self._of_class(cls) if is_class else None
        if one is None or not kind:
            return one
        if kind == "dict":
            return {"first": one}
        return [one, one] if kind == "list" else {"$tuple": [one, one]}

    def _of_class(self, cls: type) -> Any:
        if issubclass(cls, enum.Enum):
            return next(({"$name": f"{cls.__name__}.{item.name}"} for item in cls), None)
        if cls.__module__.partition(".")[0] in _LIBRARIES or is_keras_class(cls) or not users_classes(cls):
            return None
        if dataclasses.is_dataclass(cls) or cls.__name__.endswith(("Config", "Params", "Args")):
            return {"$call": cls.__name__, "positional": [], "named": fields_of(cls)}
        return None if issubclass(cls, self._without) else self._made(concrete(cls)[:_MOST_HEIRS])


def _taken_apart(annotation: Any) -> tuple[str, Any]:
    """The kind of the collection, "" for none, and what it holds: a name, or a class."""
    if isinstance(annotation, str):
        text = annotation.strip("'\" ")
        if match := _OPTIONAL.fullmatch(text):
            text = match.group("inner") or match.group("first")
        if match := _SEVERAL.fullmatch(text):
            return _KINDS.get(match.group("kind").lower(), ""), match.group("inner")
        return "", text
    parts = [item for item in typing.get_args(annotation) if item not in (type(None), Ellipsis)]
    if type(None) in typing.get_args(annotation) and len(parts) == 1:
        return _taken_apart(parts[0])
    origin = typing.get_origin(annotation)
    if not parts or not isinstance(origin, type):
        return "", annotation
    kinds = ((dict, "dict"), (collections.abc.Mapping, "dict"), (tuple, "tuple"))
    kind = next((kind for base, kind in kinds if issubclass(origin, base)), "list")
    return kind, parts[-1]
