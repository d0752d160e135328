"""Answers imports of what a package wants and the recipes have no use for. Runs in the child process."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import types
from collections.abc import Callable, Sequence
from typing import Any


class Nothing(type):
    """The type of classes that have every name, and no behaviour."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return nothing(name)


def nothing(name: str) -> Nothing:
    """A class that takes any argument; its instances answer whatever is asked of them with themselves.

    They are false and empty, so that what is asked of them in a condition or a loop does not happen.
    """
    itself: Callable[..., Any] = lambda self, *_, **__: self  # noqa: E731
    members: dict[str, Any] = dict.fromkeys(("__call__", "__getitem__", "__getattr__"), itself)
    members["__init__"] = lambda *_, **__: None
    members["__bool__"] = lambda _: False
    members["__iter__"] = lambda _: iter(())
    return Nothing(name, (), members)


class Stub(types.ModuleType):
    """A module that has every name."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, nothing(name))
        return getattr(self, name)


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers the imports that a recipe's package makes and does not need."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in self._names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return Stub(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass
