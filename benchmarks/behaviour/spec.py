"""What a recipe is: how to make one published layer or model, and what to call it with.

Recipes are data. Nothing here imports Keras; the child process turns a `New` into an object and an `Array`
into numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Array:
    """An input.

    Attributes:
        below: The integers are less than this; None: numbers from a normal distribution.
        value: The numbers themselves, or one for all of them.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class New:
    """An object of the package, made in the child: `path` is "module:name", called with the arguments.

    Attributes:
        call: False: the thing itself is wanted (a class, a function), not what it returns.
    """

    path: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    call: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """One object to build and to call.

    Attributes:
        predict: Whether it is also run in a graph, through `predict`.
    """

    make: New
    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    predict: bool = True

    @property
    def title(self) -> str:
        return self.make.path


@dataclass(frozen=True, slots=True)
class Package:
    """One published package.

    Attributes:
        requirement: `name==version`; the wheel is unpacked, not installed.
        modules: The top-level names whose classes count.
        legacy: Runs with Keras 2 (`tf_keras`).
        stubs: Imports that are answered with an empty module, because what the recipes run needs nothing of
            them.
        needs: Other wheels that it imports, unpacked beside it and left as they are.
    """

    requirement: str
    modules: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    legacy: bool = False
    stubs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.requirement.split("==")[0]


def floats(*shape: int) -> Array:
    return Array(shape)


def ints(*shape: int, below: int = 9) -> Array:
    return Array(shape, "int32", below=below)


def ones(*shape: int, dtype: str = "int32") -> Array:
    return Array(shape, dtype, value=1)


def zeros(*shape: int, dtype: str = "float32") -> Array:
    return Array(shape, dtype, value=0)


def exactly(value: Any, *shape: int, dtype: str = "int32") -> Array:
    """These numbers; `shape` has to fit them."""
    return Array(shape, dtype, value=value)


def new(path: str, /, *arguments: Any, **options: Any) -> New:
    return New(path, arguments, options)


def itself(path: str) -> New:
    return New(path, call=False)


def recipe(
    path: str, make: Mapping[str, Any], /, *inputs: Any, predict: bool = True, **options: Any
) -> Recipe:
    """Make `path` with the options `make` and call it with `inputs` and `options`."""
    return Recipe(New(path, (), make), inputs, options, predict)


def within(module: str, *recipes: Recipe) -> tuple[Recipe, ...]:
    """The same recipes, with paths that begin below `module`; ":name" is in the module itself."""

    def below(path: str) -> str:
        return f"{module}{path}" if path.startswith(":") else f"{module}.{path}"

    return tuple(
        Recipe(
            New(below(each.make.path), each.make.arguments, each.make.options),
            each.inputs,
            each.options,
            each.predict,
        )
        for each in recipes
    )
