"""Classes that a class is meant to be put together with: what its parameters call `backbone` or `encoder`."""

from __future__ import annotations

import itertools
import re
import sys
import types
from collections.abc import Iterable, Iterator
from functools import partial
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
    names end in "Backbone"; a name of several words, as `mask_decoder`, of those of the whole package.
    """
    found = [*_told_by_attribute(parameter, cls), *_named_alike(parameter, cls)]
    layers = _other_layers(found, cls, keras)
    if layers or "_" not in parameter.strip("_"):
        return layers
    wanted = _letters(parameter)
    others = (item for item in _classes_in_package(cls) if item.__name__.lower().endswith(wanted))
    near = sorted((item for item in others if _is_other_layer(item, cls, keras)), key=partial(_far, cls))
    return _other_layers(near, cls, keras)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _far(cls: type, other: type) -> int:
    """How near the module of another class is, as a number that is less for what is nearer."""
    pairs = zip(other.__module__.split("."), cls.__module__.split("."))
    return -len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _other_layers(found: Iterable[Any], cls: type, keras: Any) -> list[type]:
    """The layers among what was found, each with its heirs if it leaves something to them."""
    heirs = dict.fromkeys(heir for each in found for heir in concrete(each))
    return [item for item in heirs if _is_other_layer(item, cls, keras)]


def _is_other_layer(value: Any, cls: type, keras: Any) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, keras.layers.Layer)
        and not issubclass(value, cls)
        and not is_keras_class(value)
    )


def classes_having(attributes: Iterable[str], parameter: str, cls: type, keras: Any) -> list[type]:
    """Layers of the package that have what is read of a parameter and no layer of Keras has.

    Those first whose names end in the parameter's, then what sets it itself (a property may only refuse),
    then the nearest, then what needs the fewest arguments.
    """
    wanted = [name for name in dict.fromkeys(attributes) if not hasattr(keras.Model, name)]
    called = _letters(parameter)

    def rank(item: type) -> tuple[bool, bool, int, int]:
        is_set = all(_sets(item, name) for name in wanted)
        return not item.__name__.lower().endswith(called), not is_set, _far(cls, item), _demands(item)

    def fits(item: type) -> bool:
        # With a `__new__` it makes something else.
        is_itself = not any("__new__" in vars(base) for base in users_classes(item))
        has_all = all(hasattr(item, name) or _sets(item, name) for name in wanted)
        return is_itself and has_all and _is_other_layer(item, cls, keras)

    found = sorted(filter(fits, _classes_in_package(cls)), key=rank) if wanted else []
    return list(dict.fromkeys(heir for item in found for heir in concrete(item) if fits(heir)))


def classes_named(message: str, cls: type, keras: Any) -> list[type]:
    """Layers of the package that a message speaks of: "must be a `DepthBackbone`"."""
    words = dict.fromkeys(re.findall(r"\b[A-Z]\w{3,}", message))
    return _other_layers((in_package(word, cls.__module__) for word in words), cls, keras)


def _classes_in_package(cls: type) -> list[type]:
    values = (value for module in _package_of(cls.__module__) for value in list(vars(module).values()))
    return list(dict.fromkeys(value for value in values if isinstance(value, type)))


def _sets(cls: type, attribute: str) -> bool:
    """Whether its constructor speaks of an attribute."""
    makers = [vars(base).get("__init__") for base in users_classes(cls)]
    codes = [getattr(maker, "__code__", None) for maker in makers]
    return any(attribute in code.co_names for code in codes if code)


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
    wanted = _letters(parameter)
    module = sys.modules.get(cls.__module__)
    if len(wanted) < 4 or module is None:
        return
    for name, value in list(vars(module).items()):
        if name.lower().endswith(wanted):
            yield value


def in_package(name: str, module: str) -> Any:
    """What a name stands for in another loaded module of the same package; None if nothing does."""
    values = (vars(loaded).get(name) for loaded in _package_of(module))
    return next((value for value in values if isinstance(value, type)), None)


def _package_of(module: str) -> Iterator[types.ModuleType]:
    """The loaded modules of the same package."""
    root = module.partition(".")[0]
    return (loaded for other, loaded in list(sys.modules.items()) if other.partition(".")[0] == root)
