"""What an expression can be to the training flag: a layer, several layers, none, or something unknown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kerasfix.analysis.index import ClassInfo
from kerasfix.keras.layers import LayerFact


@dataclass(frozen=True, eq=False)
class BuiltinLayer:
    """An instance of a layer class of Keras or of a package that the tables know.

    Attributes:
        fact: What is known of the class.
        call: Where it is made; of a layer that is handed in, what its annotation or default says.
        inner: The layers that it is given to wrap.
        frozen: Whether `trainable` is set to False.
    """

    fact: LayerFact
    call: ast.Call
    inner: tuple[Value, ...] = ()
    frozen: bool = False

    @property
    def class_name(self) -> str:
        return self.fact.name


@dataclass(frozen=True, eq=False)
class UserLayer:
    """An instance of a Keras class of the project."""

    info: ClassInfo
    call: ast.Call
    frozen: bool = False

    @property
    def class_name(self) -> str:
        return self.info.name


@dataclass(frozen=True, eq=False)
class Stack:
    """A model that is made of layers: a Sequential, a functional model, an application of Keras.

    Attributes:
        layers: The layers of it that are in sight.
    """

    layers: tuple[Value, ...]
    call: ast.Call
    class_name: str = "Sequential"
    frozen: bool = False


@dataclass(frozen=True, eq=False)
class Container:
    """A list, tuple or dict of values; `complete` if nothing else can be in it."""

    elements: tuple[Value, ...]
    complete: bool = True


@dataclass(frozen=True, eq=False)
class Nothing:
    """The constant None: an attribute that holds no layer in this branch."""


@dataclass(frozen=True, eq=False)
class Unknown:
    """Anything that kerasfix cannot see through: a parameter, a lambda, a layer of another package."""


Value = BuiltinLayer | UserLayer | Stack | Container | Nothing | Unknown
UNKNOWN = Unknown()
# An attribute that nothing in sight assigns.
MISSING = Unknown()
# What is no layer of Keras for certain: a function, an object of another package.
OTHER = Unknown()
NOTHING = Nothing()


def is_layer(value: Value) -> bool:
    """Whether a call of this value may be given `training=`: a layer, or no call at all."""
    return not isinstance(value, Unknown | Container)


def flat(value: Value) -> Iterator[Value]:
    if isinstance(value, Container):
        for element in value.elements:
            yield from flat(element)
    else:
        yield value


def elements(value: Value) -> Iterator[Value]:
    """What an element of a value can be; an element of something unknown is unknown."""
    if isinstance(value, Container):
        yield from value.elements
        if not value.complete:
            yield UNKNOWN
    elif not isinstance(value, Nothing):
        yield UNKNOWN


def frozen(value: Value) -> Value:
    """The same value after `value.trainable = False`."""
    if isinstance(value, Stack):
        return replace(value, layers=tuple(frozen(each) for each in value.layers), frozen=True)
    if isinstance(value, BuiltinLayer):
        return replace(value, inner=tuple(frozen(each) for each in value.inner), frozen=True)
    return replace(value, frozen=True) if isinstance(value, UserLayer) else value
