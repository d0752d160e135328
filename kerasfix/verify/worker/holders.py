"""What a class is given where another class makes it and calls it: seen by running that other class.

A part of a model gets its sizes and inputs from the model, and no name says what would fit. A model can often
be run when its part alone cannot.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from .candidates import LARGEST, Array, Spec
from .guesses import BATCH, STEPS
from .layout import SWITCHES
from .recipes import CannotMake, Scope

_NOTHING = object()
# Keras names layers by itself, and hands its own settings on.
_OF_KERAS = frozenset(("name", "dtype", "trainable", "autocast"))


class _Untold(Exception):
    """What cannot be written as JSON, or not made of it again."""


@dataclass
class Given:
    """What one instance was given.

    Attributes:
        arguments: Of its constructor, by name, as `recipes.make` reads them.
        spec: Of its last call that returned; None if there was none, or none that can be told.
    """

    arguments: dict[str, Any]
    spec: Spec | None = None


class Watch:
    """Looks on while instances of a class are made and called. A context manager.

    Args:
        cls: The class; of those that inherit from it nothing is noted.
        scope: Where the names in what is noted are looked up again.
    """

    def __init__(self, cls: type, scope: Scope) -> None:
        self._cls = cls
        self._scope = scope
        # The instance itself is kept, or another one might get its place in memory.
        self._seen: dict[int, tuple[Any, Given]] = {}
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Watch:
        for name, note in (("__init__", self._note_making), ("call", self._note_call)):
            self._before[name] = vars(self._cls).get(name, _NOTHING)
            setattr(self._cls, name, self._watched(getattr(self._cls, name), note))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, before in self._before.items():
            if before is _NOTHING:
                delattr(self._cls, name)
            else:
                setattr(self._cls, name, before)

    def given(self) -> list[Given]:
        """What was seen, each once: the last first, and before all others what was called."""
        found: list[Given] = []
        for _, each in reversed(list(self._seen.values())):
            if each not in found:
                found.append(each)
        return sorted(found, key=lambda each: each.spec is None)

    def _watched(self, method: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        def watched(instance: Any, *positional: Any, **named: Any) -> Any:
            result = method(instance, *positional, **named)
            if type(instance) is self._cls:
                with contextlib.suppress(_Untold, TypeError):
                    note(instance, signature, signature.bind(instance, *positional, **named).arguments)
            return result

        # Keras 2 does not follow `__wrapped__`.
        watched.__signature__ = signature  # type: ignore[attr-defined]
        return watched

    def _note_making(self, instance: Any, signature: inspect.Signature, bound: dict[str, Any]) -> None:
        arguments: dict[str, Any] = {}
        for name, value, default in _given(signature, bound):
            if name in _OF_KERAS or value is default:
                continue
            try:
                arguments[name] = told(value, self._scope)
            except _Untold:
                if default is inspect.Parameter.empty:
                    raise
        self._seen[id(instance)] = instance, Given(arguments)

    def _note_call(self, instance: Any, signature: inspect.Signature, bound: dict[str, Any]) -> None:
        spec = _spec_of(list(_given(signature, bound)))
        if spec is not None and id(instance) in self._seen:
            self._seen[id(instance)][1].spec = spec


def _given(signature: inspect.Signature, bound: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The name, the value and the default of each argument but the instance."""
    for name in list(bound)[1:]:
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            yield from ((key, value, None) for key, value in bound[name].items())
        elif parameter.kind is parameter.VAR_POSITIONAL:
            # It could not be handed over by its name.
            raise _Untold
        else:
            yield name, bound[name], parameter.default


def told(value: Any, scope: Scope) -> Any:
    """A value as JSON, see `recipes`.

    Raises:
        _Untold: if `recipes.make` could not make it again.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    if isinstance(value, tuple):
        return {"$tuple": [told(item, scope) for item in value]}
    if isinstance(value, list):
        return [told(item, scope) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) and key[:1] != "$" for key in value):
        return {key: told(item, scope) for key, item in value.items()}
    name = getattr(value, "__name__", "")
    try:
        if name and scope.find(name) is value:
            return {"$name": name}
    except CannotMake:
        pass
    raise _Untold


def _spec_of(given: list[tuple[str, Any, Any]]) -> Spec | None:
    """The inputs of a call; None for what no `Spec` says."""
    given = [each for each in given if each[0] not in SWITCHES and each[1] is not None]
    try:
        if len(given) == 1:
            return _of_one(given[0][1])
        items: list[Array] = []
        constants: list[tuple[str, Any]] = []
        for place, (name, value, default) in enumerate(given):
            if _is_tensor(value):
                items.append(_array(value, name if place else None))
            elif isinstance(value, (list, tuple)) and value and all(map(_is_tensor, value)):
                items += [_array(each, name, listed=True) for each in value]
            elif value is not default:
                constants.append((name, _constant(value)))
    except _Untold:
        return None
    return Spec("args", tuple(items), tuple(constants)) if items else None


def _of_one(value: Any) -> Spec:
    if _is_tensor(value):
        return Spec("one", (_array(value),))
    if isinstance(value, dict) and value:
        return Spec("dict", tuple(_array(each, name) for name, each in value.items()))
    if isinstance(value, (list, tuple)) and value:
        kind = "list" if isinstance(value, list) else "tuple"
        return Spec(kind, tuple(map(_array, value)))
    raise _Untold


def _constant(value: Any) -> Any:
    """What is handed over as it is: numbers, texts, and several of them."""
    if hasattr(value, "as_list"):
        # What TensorFlow has for shapes.
        value = value.as_list()
    if isinstance(value, (list, tuple)):
        return tuple(map(_constant, value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _Untold


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _array(value: Any, name: str | None = None, *, listed: bool = False) -> Array:
    if not _is_tensor(value) or getattr(value.shape, "rank", 0) is None:
        raise _Untold
    sizes = list(value.shape)
    shape = tuple(
        (STEPS if place else BATCH) if size is None else int(size) for place, size in enumerate(sizes)
    )
    dtype = str(getattr(value.dtype, "name", value.dtype)).removeprefix("torch.")
    if (
        not shape
        or math.prod(shape) > LARGEST
        or not dtype.startswith(("float", "int", "uint", "bool", "bf"))
    ):
        raise _Untold
    # What the numbers count is not known, but zero and one are among them.
    high = 2 if "int" in dtype else None
    sparse = "Sparse" in type(value).__name__ or bool(getattr(value, "sparse", False))
    return Array(shape, dtype, high, name, sparse, listed=listed)
