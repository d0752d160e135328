"""A model as something that can be called, fitted and evaluated with one structure of inputs."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .candidates import Spec
from .keras_import import backend_of, is_keras_class_method
from .layout import SWITCHES
from .reading import keywords_of, owner_of, signature_of
from .recipes import Scope, make
from .structure import filled


@dataclass
class Driven:
    """An instance and what fit, evaluate and predict are called on.

    Attributes:
        root: The instance of the user's class.
        model: `root` itself, or a small model around it if it is a layer or takes several arguments.
    """

    root: Any
    model: Any


def drive(keras: Any, root: Any, spec: Spec | None) -> Driven:
    """Wrap `root` if Keras cannot train it as it is.

    Args:
        keras: The Keras package that `root` is made of.
        spec: What it will be called with; None if that is not known yet.
    """
    kind = spec.kind if spec else "one"
    shapes = make(json.loads(spec.build), Scope(None, keras)) if spec and spec.build else None
    if isinstance(root, keras.Model) and kind != "args" and shapes is None:
        return Driven(root, root)
    names = [item.name for item in spec.items] if spec else []
    listed = [item.listed for item in spec.items] if spec else []
    constants = dict(spec.constants) if spec else {}
    structure = spec.structure if spec else ""
    demanded = _demanded_flag(root)

    # On JAX `fit` calls a model's `call` itself, and then Keras hands nothing on.
    is_explicit = backend_of(keras) == "jax" and is_keras_class_method(type(root), "__call__")

    is_told_shapes = _is_told_shapes(root)

    class Wrapper(keras.Model):  # type: ignore[misc]
        """Takes the flag as a good model does, and leaves it to Keras to hand it on where Keras does."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = root

        def build(self, input_shape: Any = None) -> None:
            # Without this Keras would trace the call to build it, and `build` of the user's layer, which
            # may keep a tensor, would run inside of the trace; nobody calls the layer like that.
            self.built = True

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            # Where it cannot be left out, it is said.
            flag: dict[str, bool | None] = {demanded: bool(training)} if demanded else {}
            if is_explicit:
                flag.setdefault("training", training)
            if shapes is not None and not self.inner.built:
                self.inner.build(**shapes)
            if kind != "args":
                return self.inner(inputs, **flag)
            if structure:
                positional, named = filled(structure, inputs)
            else:
                positional = _by_place(names, listed, inputs)
                named = _by_name(names, listed, inputs)
            if is_told_shapes and not self.inner.built:
                self.inner.build({name: tuple(value.shape) for name, value in named.items()})
            return self.inner(*positional, **named, **constants, **flag)

    return Driven(root, Wrapper())


def _is_told_shapes(root: Any) -> bool:
    """Whether `call` takes what comes, by its name: then Keras tells `build` nothing."""
    if owner_of(type(root), "build") is None:
        return False
    kinds = {item.kind for item in signature_of(type(root).call)}
    return bool(kinds) and kinds <= {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def _by_place(names: Sequence[str | int | None], listed: list[bool], inputs: Any) -> list[Any]:
    """The arguments that go by their place; those of a list are the first."""
    unnamed = [(is_item, value) for name, is_item, value in zip(names, listed, inputs) if name is None]
    together = [value for is_item, value in unnamed if is_item]
    return [*([together] if together else []), *(value for is_item, value in unnamed if not is_item)]


def _by_name(names: Sequence[str | int | None], listed: list[bool], inputs: Any) -> dict[str, Any]:
    """The arguments that go by their names; several that belong to one list as that list."""
    named: dict[str, Any] = {}
    for name, is_item, value in zip(names, listed, inputs):
        if isinstance(name, str) and is_item:
            named.setdefault(name, []).append(value)
        elif isinstance(name, str):
            named[name] = value
    return named


def _demanded_flag(root: Any) -> str | None:
    """The name of a flag that `call` has no default for."""
    for name in keywords_of(vars(type(root)).get("call")):
        if name in SWITCHES:
            return name
    for item in signature_of(type(root).call):
        if item.name in SWITCHES and item.default is item.empty:
            return str(item.name)
    return None


def call(driven: Driven, inputs: Any) -> Any:
    """The bare call; with `training=False` for a `call` that has a `training` without default."""
    try:
        return driven.model(inputs)
    except TypeError as error:
        if "training" not in str(error) or "missing" not in str(error):
            raise
    return driven.model(inputs, training=False)
