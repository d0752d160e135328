"""Importing Keras, and finding out which one a class is made of."""

from __future__ import annotations

import importlib
import os
from typing import Any


def error_of_import() -> str | None:
    """Import Keras and its backend; None if that worked, else one line that says why not."""
    try:
        if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
            importlib.import_module("tensorflow")
        importlib.import_module("keras")
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def keras_of(cls: type) -> Any | None:
    """The Keras package whose Layer the class is made of, None if it is not made of one."""
    for base in cls.__mro__:
        root = base.__module__.partition(".")[0]
        if base.__name__ == "Layer" and root in ("keras", "tf_keras"):
            return importlib.import_module(root)
    return None


def backend_of(keras: Any) -> str:
    """The name that Keras gives its backend: "tensorflow", "jax", "torch"."""
    return str(keras.backend.backend())


def is_keras_class(cls: type) -> bool:
    """Whether a class is one of Keras' own, not of the user."""
    return cls.__module__.partition(".")[0] in ("keras", "tf_keras")
