"""What a class is given where another class makes it and calls it: seen by running that other class.

A part of a model gets its sizes and inputs from the model, and no name says what would fit. A model can often
be run when its part alone cannot.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .candidates import Spec
from .keras_import import is_keras_class
from .reading import owner_of
from .recipes import Scope
from .runs import Enough
from .told import Making, Teller, Untold, spec_of

_NOTHING = object()
# Keras names layers by itself, and hands its own settings on.
_OF_KERAS = frozenset(("name", "dtype", "trainable", "autocast"))


@dataclass
class Given:
    """What one instance was given.

    Attributes:
        arguments: Of its constructor, by name, as `recipes.make` reads them.
        spec: Of its last call that returned; None if there was none, or none that can be told.
        build: Of its last `build` that returned, by name, as `recipes.make` reads them; None likewise.
    """

    arguments: dict[str, Any]
    spec: Spec | None = None
    build: dict[str, Any] | None = None


class Watch:
    """Looks on while instances of a class are made and called. A context manager.

    Args:
        cls: The class; of those that inherit from it nothing is noted.
        scope: Where the names in what is noted are looked up again.
        until_called: Whether to raise `Enough` as soon as a call was noted.
    """

    def __init__(self, cls: type, scope: Scope, *, until_called: bool = False) -> None:
        self._cls = cls
        self._until_called = until_called
        self._keras = scope.keras
        self._made: dict[int, Making] = {}
        self._teller = Teller(scope, self._made)
        # The instance itself is kept, or another one might get its place in memory.
        self._seen: dict[int, tuple[Any, Given]] = {}
        self._before: dict[str, Any] = {}
        self._kept: list[Any] = []
        self._new: Any = None

    def __enter__(self) -> Watch:
        notes = {"__init__": self._note_making, "call": self._note_call}
        if owner_of(self._cls, "build") is not None:
            notes["build"] = self._note_build
        for name, note in notes.items():
            self._before[name] = vars(self._cls).get(name, _NOTHING)
            setattr(self._cls, name, self._watched(getattr(self._cls, name), note))
        self._exchange_new()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, before in self._before.items():
            if before is _NOTHING:
                delattr(self._cls, name)
            else:
                setattr(self._cls, name, before)
        if self._keras is not None:
            self._keras.layers.Layer.__new__ = self._new

    def _exchange_new(self) -> None:
        """From here on it is known of every layer of the user's what it is made with."""
        if self._keras is None:
            return
        layer = self._keras.layers.Layer
        before = layer.__new__
        self._new = vars(layer)["__new__"]

        def noted(cls: type, *positional: Any, **named: Any) -> Any:
            made = before(cls, *positional, **named)
            if not is_keras_class(cls):
                self._made[id(made)] = cls, positional, named
                self._kept.append(made)
            return made

        layer.__new__ = staticmethod(noted)

    def given(self) -> list[Given]:
        """What was seen, each once: the last first, and before all others what was called."""
        found: list[Given] = []
        for _, each in reversed(list(self._seen.values())):
            if each not in found:
                found.append(each)
        return sorted(found, key=lambda each: (each.spec is None, each.build is None))

    def _watched(self, method: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        signature = inspect.signature(method)
        note = _not_converted(note)

        @functools.wraps(method)
        def watched(instance: Any, *positional: Any, **named: Any) -> Any:
            result = method(instance, *positional, **named)
            if type(instance) is self._cls:
                with contextlib.suppress(Untold, TypeError):
                    note(instance, signature, signature.bind(instance, *positional, **named).arguments)
            return result

        if method.__name__ != "build":
            # Keras 2 does not follow `__wrapped__`; and Keras 3 would take it for that of the bound `build`.
            watched.__signature__ = signature  # type: ignore[attr-defined]
        return watched

    def _note_making(self, instance: Any, signature: inspect.Signature, bound: dict[str, Any]) -> None:
        arguments: dict[str, Any] = {}
        for name, value, default in _given(signature, bound):
            if name in _OF_KERAS or value is default:
                continue
            try:
                arguments[name] = self._teller.told(value)
            except Untold:
                if default is inspect.Parameter.empty:
                    raise
        self._seen[id(instance)] = instance, Given(arguments)

    def _note_build(self, instance: Any, signature: inspect.Signature, bound: dict[str, Any]) -> None:
        if id(instance) in self._seen:
            told = {name: self._teller.told(value) for name, value, _ in _given(signature, bound)}
            self._seen[id(instance)][1].build = told

    def _note_call(self, instance: Any, signature: inspect.Signature, bound: dict[str, Any]) -> None:
        spec = spec_of(list(_given(signature, bound)))
        if spec is not None and id(instance) in self._seen:
            self._seen[id(instance)][1].spec = spec
            if self._until_called:
                raise Enough


def _not_converted(function: Callable[..., None]) -> Callable[..., None]:
    """As it is, where TensorFlow would rewrite what Keras 2 traces."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow.autograph.experimental.do_not_convert(function) if tensorflow else function


def _given(signature: inspect.Signature, bound: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The name, the value and the default of each argument but the instance."""
    for name in list(bound)[1:]:
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            yield from ((key, value, None) for key, value in bound[name].items())
        elif parameter.kind is parameter.VAR_POSITIONAL:
            # It could not be handed over by its name.
            raise Untold
        else:
            yield name, bound[name], parameter.default
