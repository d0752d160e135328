"""Classes that a class is meant to be put together with: what its parameters call `backbone` or `encoder`."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from typing import Any

from .keras_import import is_keras_class
from .reading import constructor_of, users_classes

# What a functional model has and a layer that was never called has not.
FUNCTIONAL = frozenset(
    ("input", "inputs", "output", "outputs", "get_layer", "layers", "input_shape", "output_shape")
)


def classes_for(parameter: str, cls: type, keras: Any) -> list[type]:
    """Layers of the project that a parameter's name speaks of, the nearest first.

    `backbone` speaks of the class that an attribute `backbone_cls` holds, else of those of the module whose
    names end in "Backbone".
    """
    found = [*_told_by_attribute(parameter, cls), *_named_alike(parameter, cls)]
    return [
        item
        for item in dict.fromkeys(each for one in found for each in concrete(one))
        if isinstance(item, type)
        and issubclass(item, keras.layers.Layer)
        and not issubclass(item, cls)
        and not is_keras_class(item)
    ]


def concrete(cls: Any) -> list[Any]:
    """The class itself; if it leaves something to others, first those who did that."""
    left = _unfinished(cls) if isinstance(cls, type) else 0
    if not left:
        return [cls]
    heirs: list[type] = []
    waiting = [cls]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        waiting += below
        heirs += [each for each in below if _unfinished(each) < left]
    heirs.sort(key=lambda heir: (_unfinished(heir), _demands(heir)))
    return list(dict.fromkeys([*heirs, cls]))


def _demands(cls: type) -> int:
    return sum(item.default is item.empty for item in constructor_of(cls))


def _unfinished(cls: type) -> int:
    """How many methods say no more than that they are not implemented."""
    methods = {name: value for base in reversed(users_classes(cls)) for name, value in vars(base).items()}
    return sum(
        isinstance(value, types.FunctionType) and value.__code__.co_names[:1] == ("NotImplementedError",)
        for value in methods.values()
    )


def _told_by_attribute(parameter: str, cls: type) -> Iterator[Any]:
    for ending in ("_cls", "_class", "_type"):
        yield getattr(cls, parameter + ending, None)


def _named_alike(parameter: str, cls: type) -> Iterator[Any]:
    wanted = re.sub(r"[\W_]", "", parameter).lower()
    module = sys.modules.get(cls.__module__)
    if len(wanted) < 4 or module is None:
        return
    for name, value in list(vars(module).items()):
        if name.lower().endswith(wanted):
            yield value


def in_package(name: str, module: str) -> Any:
    """What a name stands for in another loaded module of the same package; None if nothing does."""
    root = module.partition(".")[0]
    for other, loaded in list(sys.modules.items()):
        if other.partition(".")[0] == root and isinstance(vars(loaded).get(name), type):
            return vars(loaded)[name]
    return None
