"""A model as something that can be called, fitted and evaluated with one structure of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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

    class Wrapper(keras.Model):  # type: ignore[misc]
        """Takes the flag as a good model does, and leaves it to Keras to hand it on, as people do."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = root

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return self.inner(*inputs) if kind == "args" else self.inner(inputs)

    return Driven(root, Wrapper())


def call(driven: Driven, inputs: Any) -> Any:
    """The bare call; with `training=False` for a `call` that has a `training` without default."""
    try:
        return driven.model(inputs)
    except TypeError as error:
        if "training" not in str(error) or "missing" not in str(error):
            raise
    return driven.model(inputs, training=False)
