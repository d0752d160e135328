"""What a class was given while something else ran: arguments as JSON, see `recipes`; inputs as a `Spec`."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .candidates import LARGEST, Array, Spec
from .guesses import BATCH, STEPS
from .layout import SWITCHES
from .reading import users_classes
from .recipes import CannotMake, Scope, make
from .structure import outlined

_MOST_ELEMENTS = 4096
_MOST_TENSORS = 64
_LIBRARIES = ("keras", "tf_keras", "tensorflow", "numpy", "jax", "jaxlib", "torch", "builtins")


Making = tuple[type, tuple[Any, ...], dict[str, Any]]


class Untold(Exception):
    """What cannot be written as JSON, or not made of it again."""


class Teller:
    """Writes values as JSON.

    Args:
        scope: Where the names in what is written are looked up again.
        made: What layers were made with, by their identity: the class, positional and named arguments.
    """

    def __init__(self, scope: Scope, made: Mapping[int, Making] | None = None) -> None:
        self._scope = scope
        self._made = {} if made is None else made

    def told(self, value: Any) -> Any:
        """A value as JSON.

        Raises:
            Untold: if `recipes.make` could not make it again.
        """
        is_plain = isinstance(value, (bool, int, float, str)) and not isinstance(value, enum.Enum)
        if value is None or is_plain:
            return value
        if isinstance(value, (np.bool_, np.integer, np.floating)):
            return value.item()
        if isinstance(value, tuple):
            return {"$tuple": [self.told(item) for item in value]}
        if isinstance(value, list):
            return [self.told(item) for item in value]
        if isinstance(value, dict) and all(isinstance(key, str) and key[:1] != "$" for key in value):
            return {key: self.told(item) for key, item in value.items()}
        if hasattr(value, "as_numpy_dtype"):
            return value.name
        if hasattr(value, "as_list") and not hasattr(value, "get_config"):
            return {"$tuple": self.told(value.as_list())}
        if isinstance(value, enum.Enum):
            return self._named(f"{type(value).__name__}.{value.name}", value)
        name: Any = getattr(value, "__name__", None)
        if name and callable(value):
            return self._named(name, value)
        if _is_tensor(value):
            return _numbers(value)
        return self._of_keras(value) if hasattr(value, "get_config") else self._object(value)

    def _named(self, name: str, value: Any) -> Any:
        return {"$name": self._name(name, value)}

    def _name(self, name: str, value: Any) -> str:
        """The name itself, or with its module if it means something else here."""
        for each in (name, f"{getattr(value, '__module__', '')}.{name}"):
            try:
                found = self._scope.find(each)
            except CannotMake:
                continue
            # TensorFlow and Keras have functions of the same names that do the same.
            if found is value or (callable(value) and callable(found) and _is_of_library(value)):
                return each
        raise Untold

    def _of_keras(self, value: Any) -> Any:
        """A layer, a model, an initializer: as Keras itself writes it down, else as it was made."""
        try:
            written = json.loads(json.dumps(self._scope.keras.saving.serialize_keras_object(value)))
            make({"$keras": written}, self._scope)
        except Exception as error:  # whatever the configuration of a class raises
            if id(value) not in self._made:
                raise Untold from error
            return self._call(*self._made[id(value)])
        return {"$keras": written}

    def _object(self, value: Any) -> Any:
        """An object of the user's that holds settings."""
        cls = type(value)
        if _is_of_library(cls) or not users_classes(cls):
            raise Untold
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value) if field.init]
            return self._call(cls, (), {name: getattr(value, name) for name in names})
        settings = {key: self.told(each) for key, each in vars(value).items() if not key.startswith("_")}
        if not settings or callable(value):
            raise Untold
        return {"$settings": settings}

    def _call(self, cls: type, positional: Sequence[Any], named: Mapping[str, Any]) -> Any:
        return {
            "$call": self._name(cls.__name__, cls),
            "positional": [self.told(each) for each in positional],
            "named": {key: self.told(each) for key, each in named.items()},
        }


def _is_of_library(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] in _LIBRARIES


def _numbers(value: Any) -> Any:
    array = _known(value)
    if array.size > _MOST_ELEMENTS:
        raise Untold
    return {"$array": array.tolist(), "dtype": str(array.dtype)}


def spec_of(given: Sequence[tuple[str, Any, Any]]) -> Spec | None:
    """The inputs of a call; None for what no `Spec` says.

    Args:
        given: The name, the value and the default of each argument, the first of which goes by its place.
    """
    given = [each for each in given if each[0] not in SWITCHES and each[1] is not None]
    try:
        if len(given) == 1 and (found := _of_one(given[0][1])) is not None:
            return found
        return _plain(given) or _structured(given)
    except (Untold, ValueError):
        return None


def _of_one(value: Any) -> Spec | None:
    if _is_tensor(value):
        return Spec("one", (_array(value),))
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, (list, tuple)) or not items or not all(map(_is_tensor, items)):
        return None
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            return None
        return Spec("dict", tuple(_array(each, name) for name, each in value.items()))
    return Spec("list" if isinstance(value, list) else "tuple", tuple(map(_array, items)))


def _plain(given: Sequence[tuple[str, Any, Any]]) -> Spec | None:
    """Tensors, lists of tensors and constants by their names."""
    items: list[Array] = []
    constants: list[tuple[str, Any]] = []
    for place, (name, value, default) in enumerate(given):
        if _is_tensor(value):
            items.append(_array(value, name if place else None))
        elif place and isinstance(value, list) and value and all(map(_is_tensor, value)):
            items += [_array(each, name, listed=True) for each in value]
        elif not _is_constant(value):
            return None
        elif value is not default:
            constants.append((name, _constant(value)))
    return Spec("args", tuple(items), tuple(constants)) if items else None


def _structured(given: Sequence[tuple[str, Any, Any]]) -> Spec | None:
    items: list[Array] = []

    def leaf(value: Any, name: str) -> int | None:
        if not _is_tensor(value):
            return None
        items.append(_array(value, name))
        if len(items) > _MOST_TENSORS:
            raise Untold
        return len(items) - 1

    structure = outlined([(name, _simplified(value)) for name, value, _ in given], leaf)
    return Spec("args", tuple(items), (), structure) if items else None


def _simplified(value: Any) -> Any:
    """With plain numbers in the place of shapes, and of tensors that are a single number."""
    if _is_constant(value):
        return _constant(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_simplified, value)) if type(value) in (list, tuple) else value
    if _is_tensor(value) and len(value.shape) == 0:
        return _known(value).item()
    return value


def _known(value: Any) -> Any:
    """The numbers in a tensor; where Keras 2 traces, those that follow from shapes are known, too.

    Raises:
        Untold: if they are not known.
    """
    tensorflow = sys.modules.get("tensorflow")
    try:
        known = tensorflow.get_static_value(value) if tensorflow and tensorflow.is_tensor(value) else value
        array = np.asarray(known)
    except Exception as error:  # whatever asking a tensor without values raises
        raise Untold from error
    if array.dtype.kind not in "biuf":
        raise Untold
    return array


def _is_constant(value: Any) -> bool:
    try:
        _constant(value)
    except Untold:
        return False
    return True


def _constant(value: Any) -> Any:
    """What is handed over as it is: numbers, texts, and several of them."""
    if hasattr(value, "as_list"):
        # What TensorFlow has for shapes.
        value = value.as_list()
    if isinstance(value, (list, tuple)):
        return tuple(map(_constant, value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Untold


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _array(value: Any, name: str | None = None, *, listed: bool = False) -> Array:
    if not _is_tensor(value) or getattr(value.shape, "rank", 0) is None:
        raise Untold
    sizes = list(value.shape)
    dtype = str(getattr(value.dtype, "name", value.dtype)).removeprefix("torch.")
    # Pairs of indices are as many as what they are of, which is left open in its first axis.
    steps = BATCH if sizes == [2, None] and "int" in dtype else STEPS
    shape = tuple(
        (steps if place else BATCH) if size is None else int(size) for place, size in enumerate(sizes)
    )
    if (
        not shape
        or math.prod(shape) > LARGEST
        or not dtype.startswith(("float", "int", "uint", "bool", "bf"))
    ):
        raise Untold
    # What the numbers count is not known, but zero and one are among them.
    high = 2 if "int" in dtype else None
    sparse = "Sparse" in type(value).__name__ or bool(getattr(value, "sparse", False))
    array = Array(shape, dtype, high, name, sparse, listed=listed)
    return array if high is None or sparse else _counted(array, value)


def _counted(array: Array, value: Any) -> Array:
    """As large as the numbers were, and ascending if they were, if they are known."""
    try:
        numbers = _known(value)
    except Untold:
        return array
    largest = int(numbers.max()) if numbers.size else 0
    ordered = numbers.ndim > 0 and len(numbers) > 1 and bool((np.diff(numbers, axis=0) >= 0).all())
    return replace(array, high=max(2, largest + 1), ordered=ordered and largest > 0)
