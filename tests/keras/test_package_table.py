"""The table of layers of other packages: sound in itself, and true of the packages that are installed.

Nothing here needs a package to be installed: what looks at one is skipped without it.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from typing import Any

import pytest
from installed import constructor_parameters, parameters, positional
from package_setups import ALWAYS_RANDOM, SETUPS, PackageSetup
from test_layer_effects import observe, same

from kerasfix.keras.layers import Effect, LayerFact
from kerasfix.keras.packages import PACKAGE_LAYERS, PackageLayer, package_layer

# Where layers are public -> the version that the table states. Of keras_nlp: the last on Keras 2.
SPACES = {
    "keras_hub.layers": (0, 32),
    "keras_nlp.layers": (0, 12),
    "keras_cv.layers": (0, 9),
    "tensorflow_addons.layers": (0, 23),
    "tensorflow_addons.rnn": (0, 23),
}

# Trains in a bare call, too.
BARE_TRAINS = {"keras_cv.layers.DynamicVoxelization"}


def installed(space: str) -> Any:
    """The module, or a skip where its package is not installed or does not run on the installed Keras."""
    package = pytest.importorskip(space.partition(".")[0], exc_type=ImportError)
    if tuple(int(step) for step in package.__version__.split(".")[:2]) < SPACES[space]:
        pytest.skip(f"the table states signatures of a later {package.__name__} than {package.__version__}")
    return importlib.import_module(space)


def public_layers(space: str) -> dict[str, Any]:
    return {name: value for name, value in vars(installed(space)).items() if inspect.isclass(value)}


def layer_class(dotted: str) -> Any:
    """The class of a row; under Keras 2, keras_nlp has those of keras_hub."""
    space, _, name = dotted.rpartition(".")
    try:
        return getattr(installed(space), name)
    except pytest.skip.Exception:
        if space != "keras_hub.layers":
            raise
    if name not in public_layers("keras_nlp.layers"):
        pytest.skip(f"keras_nlp has no {name}")
    return public_layers("keras_nlp.layers")[name]


def keras_of(layer: type) -> Any:
    """The Keras whose Layer a class is: `keras` or `tf_keras`."""
    base = next(base for base in layer.__mro__ if base.__name__ == "Layer")
    return sys.modules[base.__module__.partition(".")[0]]


def stated_parameters(fact: LayerFact, layer: type) -> tuple[str, ...] | None:
    return fact.keras3 if keras_of(layer).__version__ >= "3" else fact.keras2


def with_effect(*effects: Effect) -> list[str]:
    return [dotted for dotted, fact in PACKAGE_LAYERS.items() if fact.effect in effects]


@pytest.mark.parametrize("dotted", PACKAGE_LAYERS)
def test_a_row_is_consistent(dotted: str) -> None:
    fact = PACKAGE_LAYERS[dotted]
    assert isinstance(fact, PackageLayer)
    space, _, name = dotted.rpartition(".")
    package = space.partition(".")[0]
    assert space in SPACES
    assert name == fact.name
    assert re.fullmatch(rf"{package}==\d+\.\d+\.\d+ {package}(\.[a-z0-9_]+)+", fact.source)
    assert fact.keras3 is not None or fact.keras2 is not None
    is_dropout = fact.effect is Effect.DROPOUT_ARGUMENT
    assert bool(fact.dropout_arguments) is is_dropout
    assert (fact.dropout_position is not None) is is_dropout
    assert (fact.rate_argument is None) is (fact.rate_position is None)
    if fact.rate_argument is not None:
        assert fact.effect is Effect.STOCHASTIC


def test_every_effect_is_measured() -> None:
    accepting = {dotted for dotted, fact in PACKAGE_LAYERS.items() if fact.takes_training}
    affected = set(PACKAGE_LAYERS) - set(with_effect(Effect.NONE, Effect.UNKNOWN))
    assert SETUPS.keys() == accepting - set(with_effect(Effect.UNKNOWN)) | affected
    assert ALWAYS_RANDOM.keys() <= set(with_effect(Effect.NONE))


@pytest.mark.keras
@pytest.mark.parametrize("space", SPACES)
def test_the_table_has_every_public_layer(space: str) -> None:
    missing = sorted(name for name in public_layers(space) if package_layer(f"{space}.{name}") is None)
    assert not missing, f"kerasfix/keras/packages.py lacks of {space}: {', '.join(missing)}"


@pytest.mark.keras
@pytest.mark.parametrize("space", SPACES)
def test_call_has_the_parameters_that_the_table_states(space: str) -> None:
    for name, layer in public_layers(space).items():
        fact = package_layer(f"{space}.{name}")
        assert fact is not None
        assert (name, stated_parameters(fact, layer)) == (name, parameters(layer.call))


@pytest.mark.keras
@pytest.mark.parametrize("space", [space for space in SPACES if space != "keras_nlp.layers"])
def test_a_source_is_where_call_is_written(space: str) -> None:
    for name, layer in public_layers(space).items():
        fact = PACKAGE_LAYERS[f"{space}.{name}"]
        assert isinstance(fact, PackageLayer)
        written = inspect.unwrap(layer.call).__module__
        own = written.partition(".")[0] == space.partition(".")[0]
        assert fact.source.split()[1] == (written if own else layer.__module__)


@pytest.mark.keras
@pytest.mark.parametrize("dotted", with_effect(Effect.DROPOUT_ARGUMENT, Effect.STOCHASTIC))
def test_constructor_arguments_stand_where_the_table_says(dotted: str) -> None:
    fact, layer = PACKAGE_LAYERS[dotted], layer_class(dotted)
    names = positional(layer.__init__)
    for offset, argument in enumerate(fact.dropout_arguments):
        assert fact.dropout_position is not None
        assert names.index(argument) == fact.dropout_position + offset
        assert inspect.signature(layer.__init__).parameters[argument].default == 0
    if fact.rate_argument is not None:
        assert names.index(fact.rate_argument) == fact.rate_position


def build(layer: Any, setup: PackageSetup, **more: Any) -> Any:
    return layer(**setup.arguments(keras_of(layer).layers), **more)


def measured_effect(layer: Any, setup: PackageSetup) -> tuple[Effect, set[str]]:
    """What the runs say, and the constructor's arguments that make the layer stochastic."""
    inputs = setup.inputs()
    seen = observe(build(layer, setup), inputs, tries=6)
    assert not seen.bare_trains
    if setup.insensitive is not None:
        around_insensitive = layer(**setup.insensitive(keras_of(layer).layers))
        assert not observe(around_insensitive, inputs, tries=2).depends
        return (Effect.WRAPS if seen.depends else Effect.NONE), set()
    if seen.depends:
        return (Effect.UPDATES_STATE if seen.moves_weights else Effect.STOCHASTIC), set()
    switches = {
        switch
        for switch in constructor_parameters(layer)
        if "drop" in switch and observe(build(layer, setup, **{switch: 0.5}), inputs, tries=6).depends
    }
    return (Effect.DROPOUT_ARGUMENT if switches else Effect.NONE), switches


@pytest.mark.keras
@pytest.mark.parametrize("dotted", sorted(SETUPS.keys() - BARE_TRAINS))
def test_the_effect_of_the_flag_is_the_one_in_the_table(dotted: str) -> None:
    fact = PACKAGE_LAYERS[dotted]
    assert measured_effect(layer_class(dotted), SETUPS[dotted]) == (fact.effect, set(fact.dropout_arguments))


@pytest.mark.keras
@pytest.mark.parametrize("dotted", sorted(BARE_TRAINS))
def test_a_bare_call_trains_where_the_table_says_so(dotted: str) -> None:
    setup = SETUPS[dotted]
    layer, inputs = build(layer_class(dotted), setup), setup.inputs()
    layer(*inputs, training=False)
    still = [weight.numpy() for weight in layer.weights]
    layer(*inputs, training=False)
    assert same([weight.numpy() for weight in layer.weights], still)
    layer(*inputs)
    assert not same([weight.numpy() for weight in layer.weights], still)


@pytest.mark.keras
@pytest.mark.parametrize(
    "dotted", [dotted for dotted in SETUPS if PACKAGE_LAYERS[dotted].rate_argument is not None]
)
def test_a_rate_of_0_switches_a_stochastic_layer_off(dotted: str) -> None:
    setup, layer = SETUPS[dotted], layer_class(dotted)
    given = {**setup.arguments(keras_of(layer).layers), str(PACKAGE_LAYERS[dotted].rate_argument): 0.0}
    assert not observe(layer(**given), setup.inputs(), tries=3).depends


@pytest.mark.keras
@pytest.mark.parametrize("dotted", ALWAYS_RANDOM)
def test_an_augmentation_of_keras_cv_augments_in_inference_too(dotted: str) -> None:
    setup = ALWAYS_RANDOM[dotted]
    layer, inputs = build(layer_class(dotted), setup), setup.inputs()
    assert not all(same(layer(*inputs, training=False), inputs[0]) for _ in range(6))
