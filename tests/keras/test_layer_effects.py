"""The effects in the layer table, measured on the Keras that is installed.

Each layer is built small, called with training=True, with training=False and without the flag, and its
outputs and weights are compared. Nothing that the table states goes into the measurement.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from installed import (
    DROPOUTS,
    FACTS,
    application_functions,
    constructor_parameters,
    layer_class,
    on_each_keras,
)
from layer_setups import INPUTS, Setup, setup_of

from kerasfix.keras.layers import APPLICATIONS, Effect

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

# Effects are not measured for these, and why.
NOT_RUN = {
    "InputLayer": "is never called on a tensor",
    "CuDNNGRU": "needs a GPU",
    "CuDNNLSTM": "needs a GPU",
}

MEASURED = [name for name, fact in FACTS.items() if fact.effect is not Effect.UNKNOWN and name not in NOT_RUN]
STOCHASTIC = [name for name, fact in FACTS.items() if fact.effect is Effect.STOCHASTIC]
AUGMENTS = [name for name, fact in FACTS.items() if fact.effect is Effect.AUGMENTS]


@dataclass(frozen=True)
class Seen:
    """What changed between calls of one layer that differ in the flag only.

    Attributes:
        depends: training=True gave something else than training=False.
        random: Two calls with training=True differed.
        moves_weights: Calls with training=True changed the layer's weights; no other call may.
        bare_trains: A call without the flag gave something else than training=False.
        identity: training=False gave the input back.
    """

    depends: bool
    random: bool
    moves_weights: bool
    bare_trains: bool
    identity: bool


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from flat(part)
    else:
        yield np.asarray(value)


def same(one: Any, other: Any) -> bool:
    """Whether two outputs are equal, to the rounding of a sum that threads add up in another order."""
    ones, others = list(flat(one)), list(flat(other))
    return len(ones) == len(others) and all(
        a.shape == b.shape
        and (np.allclose(a, b, rtol=1e-5, atol=1e-6) if a.dtype.kind == "f" else np.array_equal(a, b))
        for a, b in zip(ones, others, strict=True)
    )


def observe(layer: Any, inputs: tuple[Any, ...], tries: int = 12) -> Seen:
    """Call `layer` in every mode; what is drawn by chance gets `tries` draws to show itself."""

    def call(**flag: bool) -> Any:
        # A cell keeps the masks of its first call, whatever the flag of later ones, until it is told to
        # forget them; RNN tells it, a cell called directly and Keras 2's ConvLSTM do not.
        for holder in (layer, getattr(layer, "cell", None), *getattr(layer, "cells", ())):
            for kind in ("", "recurrent_"):
                getattr(holder, f"reset_{kind}dropout_mask", lambda: None)()
        return layer(*inputs, **flag)

    def weights() -> list[Any]:
        return [weight.numpy() for weight in layer.weights]

    inference = call(training=False)
    still = weights()
    assert same(inference, call(training=False)), "not deterministic in inference"
    bare = [call() for _ in range(tries)]
    assert same(weights(), still), "moves weights without training=True"
    first = call(training=True)
    moved = not same(weights(), still)
    rest = [call(training=True) for _ in range(tries)]
    return Seen(
        depends=not all(same(inference, output) for output in (first, *rest)),
        random=not all(same(first, output) for output in rest),
        moves_weights=moved,
        bare_trains=not all(same(inference, output) for output in bare),
        identity=same(inference, inputs[0]),
    )


def measured_effect(layer: type, setup: Setup, layers: Any) -> Effect:
    """What the runs say, told apart by nothing that the table states."""
    inputs = tuple(INPUTS[name]() for name in setup.inputs)
    seen = observe(setup.build(layer, layers), inputs)
    if setup.insensitive is not None:
        around_insensitive = observe(setup.build(layer, layers, setup.insensitive), inputs)
        if seen.depends and not around_insensitive.depends:
            return Effect.WRAPS
    if seen.moves_weights:
        return Effect.UPDATES_STATE
    if seen.depends:
        return Effect.AUGMENTS if seen.bare_trains else Effect.STOCHASTIC
    switches = sorted(constructor_parameters(layer) & set(DROPOUTS))
    switched = [observe(setup.build(layer, layers, **{switch: 0.5}), inputs) for switch in switches]
    if switched and all(seen.depends and not seen.bare_trains for seen in switched):
        return Effect.DROPOUT_ARGUMENT
    assert not any(seen.depends for seen in switched)
    return Effect.NONE


@on_each_keras(MEASURED)
def test_the_effect_of_the_flag_is_the_one_in_the_table(keras: Any, name: str) -> None:
    layer = layer_class(keras, name)
    assert measured_effect(layer, setup_of(name), keras.layers) is FACTS[name].effect


@on_each_keras(STOCHASTIC)
def test_a_stochastic_layer_gives_its_input_back_in_inference_and_at_rate_0(keras: Any, name: str) -> None:
    layer, setup = layer_class(keras, name), setup_of(name)
    inputs = tuple(INPUTS[given]() for given in setup.inputs)
    seen = observe(setup.build(layer, keras.layers), inputs)
    assert seen.random
    assert seen.identity
    switched_off = layer(**{FACTS[name].rate_argument: 0.0})  # type: ignore[dict-item]
    assert not observe(switched_off, inputs).depends


@on_each_keras(AUGMENTS)
def test_an_augmentation_layer_leaves_its_input_alone_in_inference(keras: Any, name: str) -> None:
    layer, setup = layer_class(keras, name), setup_of(name)
    if name == "RandomCrop" and not keras.is_3:
        pytest.skip("Keras 2 crops in inference too, to the centre")
    images = INPUTS["images"]()
    assert same(setup.build(layer, keras.layers)(images, training=False), images)


@on_each_keras(name for name in AUGMENTS if name != "Pipeline")  # whose default is that of its members
def test_an_augmentation_layer_trains_unless_told_otherwise(keras: Any, name: str) -> None:
    call = inspect.signature(layer_class(keras, name).call)  # type: ignore[attr-defined]
    assert call.parameters["training"].default is True


@pytest.mark.parametrize(
    ("name", "arguments"), [("MobileNet", {"alpha": 0.25}), ("VGG16", {}), ("ConvNeXtTiny", {})]
)
def test_one_application_of_each_kind_behaves_as_the_table_says(
    keras: Any, name: str, arguments: dict[str, Any]
) -> None:
    build = application_functions(keras)[name]
    model = build(weights=None, include_top=False, input_shape=(32, 32, 3), **arguments)
    seen = observe(model, (INPUTS["images"]().repeat(4, 1).repeat(4, 2)[:2],), tries=1)
    assert seen.moves_weights is (APPLICATIONS[name] is Effect.UPDATES_STATE)
    assert seen.depends is (APPLICATIONS[name] is Effect.UPDATES_STATE)
    assert not seen.bare_trains
