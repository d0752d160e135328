"""How a layer may be called, and what has no place in Keras 3: what the rules take for granted.

Every test runs on Keras 3 (TensorFlow backend) and on Keras 2 (tf_keras), as installed.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from nets import BATCH, IMAGES, robust, trained

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

# --- How a call may be written (KF103, KF104) -------------------------------------------------------------


@pytest.mark.parametrize("make", ["BatchNormalization", "Dropout", "a layer of one's own", "a model"])
def test_a_positional_flag_raises_under_keras_3(keras: Any, make: str) -> None:
    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x, training=None):
            return x

    callee = {
        "BatchNormalization": keras.layers.BatchNormalization,
        "Dropout": lambda: keras.layers.Dropout(0.5),
        "a layer of one's own": Own,
        "a model": lambda: robust(keras),
    }[make]()
    expected = pytest.raises(ValueError, match="Only input tensors may be passed as positional arguments")
    with expected if keras.is_3 else contextlib.nullcontext():
        callee(BATCH, True)


def test_a_positional_flag_is_the_same_as_a_keyword_under_keras_2(keras_2: Any) -> None:
    for flag in (True, False):
        by_position, by_keyword = (keras_2.layers.BatchNormalization() for _ in range(2))
        by_position(BATCH, flag)
        by_keyword(BATCH, training=flag)
        assert trained(by_position) is trained(by_keyword) is flag


LAYERS_WITHOUT_FLAG: dict[str, tuple[dict[str, Any], Any]] = {
    "Dense": ({"units": 2}, BATCH),
    "Conv2D": ({"filters": 2, "kernel_size": 2}, IMAGES),
    "LeakyReLU": ({}, BATCH),
    "Flatten": ({}, IMAGES),
    "LayerNormalization": ({}, BATCH),
    "Embedding": ({"input_dim": 3, "output_dim": 2}, np.array([[0, 1]])),
    "Concatenate": ({}, [BATCH, BATCH]),
}


@pytest.mark.parametrize("name", LAYERS_WITHOUT_FLAG)
def test_any_layer_takes_the_keyword_whether_its_call_has_it_or_not(keras: Any, name: str) -> None:
    arguments, inputs = LAYERS_WITHOUT_FLAG[name]
    layer = getattr(keras.layers, name)(**arguments)
    np.testing.assert_array_equal(layer(inputs, training=True), layer(inputs))


def test_a_layer_of_ones_own_takes_the_keyword_without_having_it(keras: Any) -> None:
    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x):
            return x + 1.0

    np.testing.assert_array_equal(Own()(BATCH, training=True), BATCH + 1.0)


@pytest.mark.parametrize("name", ["relu", "softmax"])
def test_a_plain_function_does_not_take_the_keyword(keras: Any, name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
        getattr(keras.api.activations, name)(BATCH, training=True)


def test_a_sequential_model_hands_the_flag_on(keras: Any) -> None:
    for flag in (True, False):
        normalize = keras.layers.BatchNormalization()
        keras.api.Sequential([keras.layers.Dense(4), normalize])(BATCH, training=flag)
        assert trained(normalize) is flag


# --- Augmentation layers (never edited by KF103) ----------------------------------------------------------


def test_a_bare_augmentation_layer_augments(keras: Any) -> None:
    assert np.any(np.asarray(keras.layers.RandomFlip()(IMAGES)) != IMAGES)


def test_an_augmentation_layer_that_is_given_none_augments_only_under_keras_2(keras: Any) -> None:
    augmented = np.any(np.asarray(keras.layers.RandomFlip()(IMAGES, training=None)) != IMAGES)
    assert bool(augmented) is not keras.is_3


# --- The learning phase (KF304) ---------------------------------------------------------------------------


def test_keras_3_has_no_learning_phase(keras: Any) -> None:
    for name in ("learning_phase", "set_learning_phase"):
        assert hasattr(keras.api.backend, name) is not keras.is_3
