"""What Keras makes of layers that are made in `call`, and of layers that are never called."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import older_than_stated
from nets import BATCH

from kerasfix.engine import Engine
from kerasfix.plan import make_plan
from kerasfix.source import Source

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]

TARGETS = np.zeros((8, 1), "float32")
ONCE = "only supports singleton tf.Variables"
Make = Callable[[Any], Any]


def net(keras: Any, make: Make) -> Any:
    """A model that makes a layer in `call`."""
    layers = keras.layers

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.out = layers.Dense(1)

        def call(self, x: Any, training: Any = None) -> Any:
            return self.out(make(layers)(x))

    return Net()


def fit(model: Any, **how: Any) -> None:
    model.compile("sgd", "mse", **how)
    model.fit(BATCH, TARGETS, batch_size=4, epochs=2, verbose=0)


def dense(layers: Any) -> Any:
    return layers.Dense(4)


def stack(layers: Any) -> Any:
    return importlib.import_module(layers.__name__.partition(".")[0]).Sequential([layers.Dense(4)])


@pytest.mark.parametrize("make", [dense, stack])
def test_a_layer_with_weights_has_new_ones_at_every_call_that_nobody_tracks(keras: Any, make: Make) -> None:
    model = net(keras, make)
    assert not np.allclose(model(BATCH), model(BATCH))
    assert len(model.weights) == len(model.out.weights) == 2
    assert len(model.layers) == 1


@pytest.mark.parametrize("make", [dense, stack, lambda layers: layers.BatchNormalization()])
def test_fit_raises_for_a_layer_with_weights(keras: Any, make: Make) -> None:
    with pytest.raises(ValueError, match=ONCE):
        fit(net(keras, make))


def test_eager_fit_trains_all_but_the_layer_that_was_made_in_call(keras: Any) -> None:
    model = net(keras, dense)
    fit(model, run_eagerly=True)
    assert len(model.trainable_variables) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda layers: layers.Dropout(0.5),
        lambda layers: layers.GaussianNoise(0.5),
        lambda layers: layers.SpatialDropout1D(0.5),
    ],
)
def test_keras_3_alone_raises_for_a_layer_with_a_seed(keras_3: Any, keras_2: Any, make: Make) -> None:
    def adapted(layers: Any) -> Any:
        layer = make(layers)
        return (lambda x: layer(x[:, None])[:, 0]) if "Spatial" in type(layer).__name__ else layer

    fit(net(keras_2, adapted))
    with pytest.raises(ValueError, match=ONCE):
        fit(net(keras_3, adapted))


def test_keras_3_raises_so_in_a_layer_of_a_functional_model_too(keras_3: Any) -> None:
    layers = keras_3.layers

    class Noisy(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return layers.Dropout(0.5)(x)

    inputs = keras_3.api.Input((4,))
    model = keras_3.api.Model(inputs, layers.Dense(1)(Noisy()(inputs)))
    with pytest.raises(ValueError, match=ONCE):
        fit(model)


@pytest.mark.parametrize(
    "make",
    [
        lambda layers: layers.Dropout(0),
        lambda layers: layers.ReLU(),
        lambda layers: layers.Flatten(),
        lambda layers: layers.Activation("tanh"),
    ],
)
def test_any_other_layer_works_and_is_unknown_to_the_model(keras: Any, make: Make) -> None:
    model = net(keras, make)
    fit(model)
    assert np.allclose(model(BATCH), model(BATCH))
    assert model.layers == [model.out]


PROGRAM = """\
import {keras} as keras
from {keras} import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, x, training=None):
        norm = layers.BatchNormalization()
        x = norm(layers.Dense(4)(x), training=training)
        x = layers.Dropout(0.5)(x, training=training)
        return self.out(x)
"""


def repaired(text: str) -> str:
    def own(source: Source) -> list[Any]:
        return [finding for finding in Engine().check_source(source) if finding.code == "KF205"]

    return make_plan(text, own, lambda finding: True).text


def test_the_repair_makes_fit_run_and_train_all_weights(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PROGRAM.format(keras=keras.api.__name__)
    models = {}
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, program in (("made_in_call", text), ("made_once", repaired(text))):
        (tmp_path / f"{name}.py").write_text(program)
        importlib.invalidate_caches()
        models[name] = importlib.import_module(name).Net()
        del sys.modules[name]
    with pytest.raises(ValueError, match=ONCE):
        fit(models["made_in_call"])
    model = models["made_once"]
    model(BATCH)
    before = [weight.numpy() for weight in model.trainable_variables]
    fit(model)
    after = [weight.numpy() for weight in model.trainable_variables]
    assert len(after) == 6  # two Dense, gamma and beta
    assert any(not np.allclose(a, b) for a, b in zip(before, after, strict=True))
    assert np.allclose(model(BATCH), model(BATCH))


def test_a_layer_that_is_never_called_gets_no_weights_and_only_keras_3_says_something(keras: Any) -> None:
    layers = keras.layers

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.out = layers.Dense(1)
            self.norm = layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return self.out(x)

    model = Net()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model)
    assert not model.norm.built
    assert len(model.weights) == len(model.trainable_variables) == 2
    said = [str(each.message) for each in caught]
    assert not any("Gradients do not exist" in text for text in said)
    if not older_than_stated(keras):
        assert any("unbuilt state" in text for text in said) is keras.is_3
