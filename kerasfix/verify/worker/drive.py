"""A model as something that can be called, fitted and evaluated with one structure of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .keras_import import backend_of, is_keras_class_method


@dataclass
class Driven:
    """An instance and what fit, evaluate and predict are called on.

    Attributes:
        root: The instance of the user's class.
        model: `root` itself, or a small model around it if it is a layer or takes several arguments.
    """

    root: Any
    model: Any


def drive(keras: Any, root: Any, kind: str) -> Driven:
    """Wrap `root` if Keras cannot train it as it is.

    Args:
        keras: The Keras package that `root` is made of.
        kind: The kind of the inputs, see `candidates.Spec`.
    """
    if isinstance(root, keras.Model) and kind != "args":
        return Driven(root, root)

    # On JAX `fit` calls a model's `call` itself, and then Keras hands nothing on.
    is_explicit = backend_of(keras) == "jax" and is_keras_class_method(type(root), "__call__")

    class Wrapper(keras.Model):  # type: ignore[misc]
        """Takes the flag as a good model does, and leaves it to Keras to hand it on where Keras does."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = root

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            flags = {"training": training} if is_explicit else {}
            return self.inner(*inputs, **flags) if kind == "args" else self.inner(inputs, **flags)

    return Driven(root, Wrapper())


def call(driven: Driven, inputs: Any) -> Any:
    """The bare call; with `training=False` for a `call` that has a `training` without default."""
    try:
        return driven.model(inputs)
    except TypeError as error:
        if "training" not in str(error) or "missing" not in str(error):
            raise
    return driven.model(inputs, training=False)
