"""Importing Keras, and finding out which one a class is made of."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence
from typing import Any


def package() -> str:
    """The Keras that this process is for: "keras" or "tf_keras"."""
    return os.environ.get("KERASFIX_KERAS", "keras")


def error_of_import() -> str | None:
    """Import Keras and its backend; None if that worked, else one line that says why not."""
    try:
        renamed = any(isinstance(finder, _Renamed) for finder in sys.meta_path)
        if os.environ.get("KERASFIX_RENAME_KERAS") and not renamed:
            sys.meta_path.insert(0, _Renamed())
        if package() == "tf_keras" or os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
            importlib.import_module("tensorflow")
        importlib.import_module(package())
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


class _Renamed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives `tf_keras` to code that imports `keras`: there Keras 2 goes by its new name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "keras":
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = importlib.import_module("tf_" + spec.name)
        self._own = {name: vars(module).get(name) for name in ("__spec__", "__loader__", "__path__")}
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        # It has run under its own name, and keeps what the import system knows it by.
        for name, value in self._own.items():
            if value is not None:
                setattr(module, name, value)


def keras_of(cls: type) -> Any | None:
    """The Keras package whose Layer the class is made of, None if it is not made of one."""
    for base in cls.__mro__:
        root = base.__module__.partition(".")[0]
        if base.__name__ == "Layer" and root in ("keras", "tf_keras"):
            return importlib.import_module(root)
    return None


def forget_unfinished(keras: Any) -> None:
    """Drop the variables of an instance that failed before Keras 3 could give them their first values.

    Keras keeps them for the end of the call that it traces, and if one of them cannot be had it raises there,
    and in every call after it.
    """
    if getattr(keras, "__name__", "") == "keras":
        with contextlib.suppress(ImportError, AttributeError):
            state = importlib.import_module("keras.src.backend.common.global_state")
            state.set_global_attribute("uninitialized_variables", [])


def backend_of(keras: Any) -> str:
    """The name that Keras gives its backend: "tensorflow", "jax", "torch"."""
    return str(keras.backend.backend())


def is_keras_class(cls: type) -> bool:
    """Whether a class is one of Keras' own, not of the user."""
    return cls.__module__.partition(".")[0] in ("keras", "tf_keras")


def is_keras_class_method(cls: type, name: str) -> bool:
    """Whether a class has a method from Keras, not from the user."""
    return is_keras_class(next(base for base in cls.__mro__ if name in vars(base)))
