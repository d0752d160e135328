"""KF109: what Keras makes of a constant in a functional model, and that the repairs hold in Keras 2 and 3.

Each program is run as it is written and as kerasfix mends it, on either Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nets import BATCH

import kerasfix
from kerasfix.keras.layers import LAYERS, Effect

np = pytest.importorskip("numpy")

pytestmark = pytest.mark.keras

STOCHASTIC = sorted(name for name, fact in LAYERS.items() if fact.effect is Effect.STOCHASTIC)
SEQUENCES = np.random.default_rng(2).uniform(1.0, 2.0, (4, 6, 6, 6, 3)).astype("float32")
PICTURES = np.random.default_rng(3).uniform(-1.0, 1.0, (4, 32, 32, 3)).astype("float32")

NOISE = """
inputs = keras.Input({shape})
model = keras.Model(inputs, layers.{layer}(0.5)(inputs, training=True))
"""
NORMALIZATION = """
inputs = keras.Input((4,))
model = keras.Model(inputs, layers.BatchNormalization()(inputs, training=True))
"""
DEEP = """
inputs = keras.Input((4,))
x = layers.Dense(4)(inputs)
x = layers.Dropout(0.5)(x, training=True)
x = layers.BatchNormalization()(layers.Dense(4)(x))
model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.5)(x)))
"""
BACKBONE = """
base = keras.applications.MobileNet(
    input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights={weights}, pooling="avg"
)
inputs = keras.Input((32, 32, 3))
x = base(inputs, training=False)
x = layers.BatchNormalization()(x)
model = keras.Model(inputs, layers.Dense(1)(x))
"""


def mended(program: str) -> str:
    fixed = kerasfix.fix(program, applicability=(kerasfix.Applicability.SUGGESTION,)).text
    assert fixed != program
    assert kerasfix.fix(fixed, applicability=tuple(kerasfix.Applicability)).text == fixed
    return fixed


def program(keras: Any, body: str) -> str:
    name = keras.api.__name__
    return f"import {name} as keras\nfrom {name} import layers\n{body}"


def run(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "program", "exec"), names)
    return names


def overrides(keras: Any) -> bool:
    """Whether this Keras overrides a constant; the nightlies of 3.16 no longer do."""
    if keras.version >= (3, 16):
        pytest.skip("Keras 3.16 keeps constants")
    return bool(keras.is_3)


def varies(model: Any, data: Any) -> bool:
    return not np.array_equal(model.predict(data, verbose=0), model.predict(data, verbose=0))


def fit(model: Any, data: Any) -> None:
    model.compile("sgd", "mse")
    model.fit(data, np.zeros((len(data), 1), "float32"), epochs=1, verbose=0)


def data_for(layer: str) -> Any:
    rank = {"SpatialDropout1D": 3, "SpatialDropout2D": 4, "SpatialDropout3D": 5}.get(layer, 2)
    return SEQUENCES[(slice(None), *[0] * (5 - rank))]


@pytest.mark.parametrize("layer", STOCHASTIC)
def test_a_layer_that_is_always_on_is_so_in_predict_only_after_the_repair(keras: Any, layer: str) -> None:
    data = data_for(layer)
    text = program(keras, NOISE.format(layer=layer, shape=data.shape[1:]))
    assert varies(run(text)["model"], data) is not overrides(keras)
    assert varies(run(mended(text))["model"], data)


def test_normalization_by_the_batch_reaches_predict_only_after_the_repair(keras: Any) -> None:
    def by_the_batch(text: str) -> bool:
        return abs(float(run(text)["model"].predict(BATCH, verbose=0).mean())) < 0.01

    text = program(keras, NORMALIZATION)
    assert by_the_batch(text) is not overrides(keras)
    assert by_the_batch(mended(text))


def test_nothing_else_in_the_model_becomes_random_or_trains(keras: Any) -> None:
    """Under Keras 3 the constant became the mode of the layers behind it; that of the new layer does not."""
    model = run(mended(program(keras, DEEP)))["model"]
    normalization = next(each for each in model.layers if type(each).__name__ == "BatchNormalization")
    model(BATCH)
    model.predict(BATCH, verbose=0)
    assert not normalization.moving_mean.numpy().any()
    fit(model, BATCH)
    assert normalization.moving_mean.numpy().any()


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_mended_model_is_saved_and_loaded(keras: Any, tmp_path: Path, ending: str) -> None:
    model = run(mended(program(keras, DEEP)))["model"]
    path = str(tmp_path / f"model{ending}")
    model.save(path)
    loaded = keras.api.models.load_model(path)
    assert varies(loaded, BATCH)
    for old, new in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(old, new)


def test_weights_saved_before_the_repair_still_load(keras: Any, tmp_path: Path) -> None:
    text = program(keras, DEEP)
    before, after = run(text)["model"], run(mended(text))["model"]
    path = str(tmp_path / "saved.weights.h5")
    before.save_weights(path)
    after.load_weights(path)
    for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True):
        assert np.array_equal(old.numpy(), new.numpy())


def statistics(base: Any) -> list[Any]:
    return [weight.numpy() for weight in base.non_trainable_weights if "moving" in weight.name]


def kernels(base: Any) -> list[Any]:
    return [weight.numpy() for weight in base.weights if "kernel" in weight.name]


def moved(old: list[Any], new: list[Any]) -> bool:
    assert old
    return any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def moved_in_fit(names: dict[str, Any]) -> tuple[bool, bool]:
    """Whether statistics and kernels of the backbone change in fit."""
    model, base = names["model"], names["base"]
    for weight in base.weights:
        if "kernel" in weight.name:
            # What pretraining does: without it, next to nothing of the input reaches the last layer.
            weight.assign(4.0 * weight)
    old = statistics(base), kernels(base)
    fit(model, PICTURES)
    return moved(old[0], statistics(base)), moved(old[1], kernels(base))


def test_a_backbone_in_inference_mode_keeps_its_statistics_only_after_the_repair(keras: Any) -> None:
    text = program(keras, BACKBONE.format(weights="None"))
    assert moved_in_fit(run(text)) == (overrides(keras), True)
    assert moved_in_fit(run(mended(text))) == (False, True)


def test_a_thawed_backbone_keeps_its_statistics_only_after_the_repair(keras: Any) -> None:
    text = program(keras, BACKBONE.format(weights="None") + "base.trainable = False\nbase.trainable = True\n")
    assert moved_in_fit(run(text)) == (overrides(keras), True)
    assert moved_in_fit(run(mended(text))) == (False, True)


def test_a_backbone_that_was_meant_to_be_frozen_is_so_after_the_repair(keras: Any) -> None:
    """The program asks for weights from the net; what it does with them is looked at without."""
    text = mended(program(keras, "# A frozen backbone" + BACKBONE.format(weights='"imagenet"')))
    assert "base.trainable = False\n" in text
    names = run(text.replace('"imagenet"', "None"))
    old = [weight.numpy() for weight in names["base"].weights]
    fit(names["model"], PICTURES)
    assert not moved(old, [weight.numpy() for weight in names["base"].weights])


def test_a_wrapped_backbone_is_saved_and_loaded_and_keeps_its_mode(keras: Any, tmp_path: Path) -> None:
    names = run(mended(program(keras, BACKBONE.format(weights="None"))))
    path = str(tmp_path / "model.keras")
    names["model"].save(path)
    loaded = keras.api.models.load_model(path)
    assert np.allclose(
        names["model"].predict(PICTURES, verbose=0), loaded.predict(PICTURES, verbose=0), atol=1e-5
    )
    wrapper = next(each for each in loaded.layers if type(each).__name__ == "AlwaysInference")
    assert moved_in_fit({"model": loaded, "base": wrapper.layer}) == (False, True)
