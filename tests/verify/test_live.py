"""Models that are there already are looked at in people's own tests, and are as they were afterwards."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from kerasfix.verify import assert_gradients, check_gradients

IMAGES = np.linspace(0, 1, 8 * 6 * 6 * 3, dtype="float32").reshape(8, 6, 6, 3)
TARGETS = np.linspace(-1, 1, 8, dtype="float32").reshape(8, 1)


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    if request.param == "tf_keras":
        pytest.importorskip("tensorflow")
        if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
            pytest.skip("Keras 2 knows TensorFlow only")
    return pytest.importorskip(request.param, exc_type=ImportError)


def network(keras: Any, *, broken: bool = False, flag: bool = True) -> Any:
    layers = keras.layers

    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = layers.Conv2D(4, 3, padding="same")
            self.bn = layers.BatchNormalization()
            self.drop = layers.Dropout(0.5)
            self.conv2 = layers.Conv2D(4, 3)
            self.flat = layers.Flatten()
            self.out = layers.Dense(1)

        def call(self, x: Any, training: bool | None = None) -> Any:
            mode = training if flag else False
            h = self.drop(self.bn(self.conv1(x), training=mode), training=mode)
            return self.out(self.flat(self.conv2(x if broken else h)))

    return Net()


def test_a_sound_model_passes_and_trains_on_as_if_nothing_had_happened(keras: Any) -> None:
    model = network(keras)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(IMAGES, TARGETS, verbose=0)
    weights = [np.array(weight) for weight in model.get_weights()]
    optimizer, steps = model.optimizer, int(model.optimizer.iterations.numpy())
    metrics = [metric.name for metric in model.metrics]

    seen = assert_gradients(model, IMAGES)

    assert (seen.trainable_count, seen.missing_gradient, seen.errors) == (8, (), {})
    assert all(np.array_equal(old, new) for old, new in zip(weights, model.get_weights(), strict=True))
    assert model.optimizer is optimizer
    assert int(optimizer.iterations.numpy()) == steps
    assert [metric.name for metric in model.metrics] == metrics
    assert "call" not in vars(model.conv1)
    assert set(model.fit(IMAGES, TARGETS, verbose=0).history) == {"loss", "mae"}
    assert int(optimizer.iterations.numpy()) == steps + 1
    assert model.predict(IMAGES, verbose=0).shape == (8, 1)


def test_a_broken_chain_is_explained(keras: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_gradients(network(keras, broken=True), IMAGES)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Net does not train as it should:"
    assert (
        "- 4 of 8 trainable variables have no gradient: conv1/kernel, conv1/bias, bn/gamma, bn/beta" in lines
    )
    assert "- not reached from the output: conv1, bn, drop" in lines
    assert lines[-1].startswith("`kerasfix ")


def test_a_lost_flag_is_explained(keras: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_gradients(network(keras, flag=False), IMAGES)
    assert "- bn (BatchNormalization) does not run in training mode in fit" in str(caught.value)
    assert "- drop (Dropout) does not run in training mode in fit" in str(caught.value)
    assert "no gradient" not in str(caught.value)


def test_what_is_meant_to_be_so_is_named(keras: Any) -> None:
    model = network(keras, broken=True)
    assert_gradients(model, IMAGES, ignore=["conv1", "bn", "dro*"])


def test_a_pattern_stands_for_what_is_in_a_layer_too(keras: Any) -> None:
    layers = keras.layers

    class Heads(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.heads = [
                keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)]) for _ in range(3)
            ]

        def call(self, x: Any) -> Any:
            outputs = [head(x) for head in self.heads]
            return outputs[0]

    x = np.ones((4, 3), "float32")
    with pytest.raises(AssertionError, match=r"heads\[1\]"):
        assert_gradients(Heads(), x, ignore=["heads[2]"])
    assert_gradients(Heads(), x, ignore=["heads[1]", "heads[2]"])
    with pytest.raises(AssertionError, match=r"heads\[0\]"):
        assert_gradients(_with_first_unused(Heads()), x, ignore=["heads[1]", "heads[2]"])


def _with_first_unused(model: Any) -> Any:
    model.call = lambda x: model.heads[1](x)
    return model


def test_a_frozen_backbone_need_not_train(keras: Any) -> None:
    model = network(keras, flag=True)
    model.bn.trainable = False
    seen = assert_gradients(model, IMAGES)
    assert seen.sensitive["bn"].trained_in("fit") is False


def test_functional_models_and_dictionaries_of_inputs(keras: Any) -> None:
    layers = keras.layers
    query, item = keras.Input((3,), name="query"), keras.Input((2,), name="item")
    joined = layers.Concatenate()([layers.Dense(4)(query), layers.Dense(4)(item)])
    model = keras.Model({"query": query, "item": item}, layers.Dense(1)(layers.Dropout(0.3)(joined)))
    x = {"query": np.ones((4, 3), "float32"), "item": np.ones((4, 2), "float32")}
    seen = assert_gradients(model, x)
    assert seen.trainable_count == 6


def test_what_a_model_raises_is_an_observation(keras: Any) -> None:
    seen = check_gradients(network(keras), np.ones((4, 3), "float32"))
    assert seen.raised is not None
    assert seen.raised_in == "call"
    with pytest.raises(AssertionError, match="call raises"):
        assert_gradients(network(keras), np.ones((4, 3), "float32"))


def test_a_sequential_that_nobody_calls(keras: Any) -> None:
    layers = keras.layers

    class Forgetful(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.head = keras.Sequential([layers.Dense(2)])
            self.out = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.out(x)

    with pytest.raises(AssertionError) as caught:
        assert_gradients(Forgetful(), np.ones((4, 3), "float32"))
    if int(keras.__version__.partition(".")[0]) >= 3:
        assert "never called: head" in str(caught.value)
    else:
        assert "fit raises ValueError: Weights for model" in str(caught.value)


def test_what_is_no_model_is_said() -> None:
    seen = check_gradients(object(), IMAGES)
    assert seen.raised == "TypeError: object is neither a Keras Model nor a Keras Layer"


def test_the_generators_of_the_test_go_on_as_they_were(keras: Any) -> None:
    np.random.seed(3)
    expected = np.random.random(4)
    np.random.seed(3)
    check_gradients(network(keras), IMAGES)
    assert np.array_equal(np.random.random(4), expected)


def test_torch_keeps_its_gradients_modes_and_generators(keras: Any) -> None:
    if keras.__version__[0] == "2" or keras.backend.backend() != "torch":
        pytest.skip("PyTorch only")
    torch = importlib.import_module("torch")
    model = network(keras)
    model(IMAGES).sum().backward()
    model.eval()
    model.bn.train()
    gradients = {
        name: None if each.grad is None else each.grad.clone() for name, each in model.named_parameters()
    }
    assert any(each is not None for each in gradients.values())
    modes = {name: each.training for name, each in model.named_modules()}
    state = torch.get_rng_state().clone()

    check_gradients(model, torch.from_numpy(IMAGES))

    assert torch.equal(torch.get_rng_state(), state)
    assert modes == {name: each.training for name, each in model.named_modules()}
    for name, each in model.named_parameters():
        before = gradients[name]
        assert each.grad is None if before is None else torch.equal(each.grad, before)


def test_nothing_heavy_is_imported_for_it() -> None:
    module = importlib.import_module("kerasfix.verify.live")
    assert {"np", "tf", "keras"}.isdisjoint(vars(module))


@pytest.mark.keras
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_of_this_holds_on_other_backends(backend: str) -> None:
    """A process has one backend, so each takes one of its own."""
    if "KERAS_BACKEND" in os.environ or importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed, or this is its process")
    options = ["-q", "--no-cov", "-p", "no:cacheprovider", "-k", "not tf_keras"]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", __file__, *options],
        env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    passed = re.search(r"(\d+) passed", answer.stdout)
    assert passed is not None
    assert int(passed[1]) > 10
