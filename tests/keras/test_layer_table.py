"""The layer table, row by row, against the names and signatures of the Keras that is installed.

A new Keras with layers that the table lacks fails here and says what to add.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import layer_setups
import pytest
from installed import (
    DROPOUTS,
    FACTS,
    RATES,
    application_functions,
    constructor_parameters,
    layer_class,
    needs_stated_version,
    on_each_keras,
    parameters,
    positional,
    public_layers,
    stated_parameters,
)

from kerasfix.keras.layers import APPLICATIONS, LAYERS, Effect

pytestmark = pytest.mark.keras


def test_the_table_has_every_public_layer(keras: Any) -> None:
    missing = sorted(public_layers(keras).keys() - LAYERS.keys())
    assert not missing, (
        f"{keras.api.__name__} {keras.api.__version__} has layers that kerasfix/keras/layers.py lacks: "
        f"{', '.join(missing)}. Add each to the group of its effect with the parameters of its call(), "
        f"and a set-up for it to SETUPS in {layer_setups.__file__}."
    )


def test_the_table_has_no_layer_that_keras_lacks(keras: Any) -> None:
    needs_stated_version(keras)
    stated = {name for name, fact in LAYERS.items() if stated_parameters(fact, keras) is not None}
    assert stated == public_layers(keras).keys()


@on_each_keras(LAYERS)
def test_call_has_the_parameters_that_the_table_states(keras: Any, name: str) -> None:
    needs_stated_version(keras)
    assert stated_parameters(LAYERS[name], keras) == parameters(layer_class(keras, name).call)  # type: ignore[attr-defined]


def test_an_alias_is_the_class_that_the_table_says(keras: Any) -> None:
    found = public_layers(keras)
    for alias, fact in LAYERS.items():
        if alias in found:
            assert found[alias] is found[fact.name]


@pytest.mark.parametrize("name", FACTS)
def test_training_stands_where_the_table_says(keras_3: Any, keras_2: Any, name: str) -> None:
    needs_stated_version(keras_3)
    positions = set()
    for keras in (keras_3, keras_2):
        if name in public_layers(keras):
            names = positional(public_layers(keras)[name].call)  # type: ignore[attr-defined]
            positions.add(names.index("training") if "training" in names else None)
    assert FACTS[name].training_position == (positions.pop() if len(positions) == 1 else None)


@pytest.mark.parametrize("name", FACTS)
def test_constructor_arguments_stand_where_the_table_says(keras_3: Any, keras_2: Any, name: str) -> None:
    needs_stated_version(keras_3)
    fact = FACTS[name]
    accepted: set[str] = set()
    positions: dict[str, set[int]] = {argument: set() for argument in (*DROPOUTS, *RATES)}
    for keras in (keras_3, keras_2):
        if name not in public_layers(keras):
            continue
        layer = public_layers(keras)[name]
        accepted |= constructor_parameters(layer)
        names = positional(layer.__init__)  # type: ignore[misc]
        for argument in positions.keys() & set(names):
            positions[argument].add(names.index(argument))
    assert set(fact.dropout_arguments) == accepted & set(DROPOUTS)
    for offset, argument in enumerate(fact.dropout_arguments):
        stated = None if fact.dropout_position is None else fact.dropout_position + offset
        assert stated == (positions[argument].copy().pop() if len(positions[argument]) == 1 else None)
    rates = accepted & set(RATES)
    assert {fact.rate_argument} - {None} == rates
    assert {fact.rate_position} - {None} == {place for rate in rates for place in positions[rate]}


def test_the_table_has_every_application(keras: Any) -> None:
    missing = sorted(application_functions(keras).keys() - APPLICATIONS.keys())
    assert not missing, f"add to APPLICATIONS in kerasfix/keras/layers.py: {', '.join(missing)}"


def test_the_table_has_no_application_that_keras_lacks(keras_3: Any, keras_2: Any) -> None:
    needs_stated_version(keras_3)
    assert (
        APPLICATIONS.keys() == application_functions(keras_3).keys() | application_functions(keras_2).keys()
    )


def application_source(function: Callable[..., Any]) -> str:
    """The source of the module that builds an application, and of the sibling that it builds on."""
    module = inspect.getmodule(inspect.unwrap(function))
    siblings = [value for value in vars(module).values() if inspect.ismodule(value)]
    package = inspect.getmodule(function).__name__.rpartition(".")[0]  # type: ignore[union-attr]
    return "".join(
        inspect.getsource(part)
        for part in (module, *siblings)
        if part is not None and part.__name__.startswith(package)
    )


def test_exactly_the_applications_with_an_effect_have_batch_normalization_in_their_source(keras: Any) -> None:
    functions = application_functions(keras)
    stated = {name for name in functions if APPLICATIONS[name] is Effect.UPDATES_STATE}
    assert stated == {
        name for name in functions if "BatchNormalization(" in application_source(functions[name])
    }
