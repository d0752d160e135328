"""How to build the layers of other packages small, and what to call them on: data for tests that measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

np = pytest.importorskip("numpy")


@dataclass(frozen=True)
class PackageSetup:
    """How to build a layer and what to call it on.

    Attributes:
        arguments: For the constructor, given the `layers` of the Keras that the package runs on.
        inputs: Makes the positional arguments of the call.
        insensitive: For a layer around others: the arguments that put in one which ignores the flag.
    """

    arguments: Callable[[Any], dict[str, Any]]
    inputs: Callable[[], tuple[Any, ...]]
    insensitive: Callable[[Any], dict[str, Any]] | None = None


def _random(*shape: int) -> Any:
    """A tensor, which Keras 2's cells insist on."""
    import tensorflow as tf

    return tf.constant(np.random.default_rng(0).uniform(0.1, 0.9, shape).astype("float32"))


def _ones(*shape: int, dtype: str) -> Any:
    return np.ones(shape, dtype)


def _setup(inputs: Callable[[], tuple[Any, ...]], **arguments: Any) -> PackageSetup:
    return PackageSetup(lambda layers: arguments, inputs)


def _vectors() -> tuple[Any, ...]:
    return (_random(4, 6),)


def _pair() -> tuple[Any, ...]:
    return ([_random(4, 6), _random(4, 6) + 1.0],)


def _sequences() -> tuple[Any, ...]:
    return (_random(2, 16, 8),)


def _two_sequences() -> tuple[Any, ...]:
    return _random(2, 16, 8), _random(2, 16, 8) + 1.0


def _maps() -> tuple[Any, ...]:
    return (_random(4, 8, 8, 4),)


def _images() -> tuple[Any, ...]:
    return (255.0 * _random(4, 16, 16, 3),)


def _state() -> tuple[Any, ...]:
    return _random(4, 6), [_random(4, 5)]


def _two_states() -> tuple[Any, ...]:
    return _random(4, 6), [_random(4, 5), _random(4, 5)]


def _words() -> tuple[Any, ...]:
    return _random(2, 5, 8), _ones(2, 5, dtype="bool")


def _noise(layers: Any, rate: float) -> Any:
    """A layer for augmenters to call, on the dict that they hand on."""

    class Noise(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dropout = layers.Dropout(rate)

        def call(self, inputs: Any, training: Any = None) -> Any:
            return {**inputs, "images": self.dropout(inputs["images"], training=training)}

    return Noise()


def _around(argument: str, many: bool, **arguments: Any) -> PackageSetup:
    def given(layers: Any, rate: float) -> dict[str, Any]:
        layer = _noise(layers, rate)
        return {argument: [layer] if many else layer, **arguments}

    def images() -> tuple[Any, ...]:
        return ({"images": _images()[0], "labels": _random(4, 3)},)

    return PackageSetup(lambda layers: given(layers, 0.5), images, lambda layers: given(layers, 0.0))


_SAM3 = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 16, "num_heads": 2}

SETUPS: dict[str, PackageSetup] = {
    "keras_hub.layers.CachedMultiHeadAttention": _setup(_two_sequences, num_heads=2, key_dim=4),
    "keras_hub.layers.FNetEncoder": _setup(_sequences, intermediate_dim=8),
    "keras_hub.layers.TransformerEncoder": _setup(_sequences, intermediate_dim=16, num_heads=2),
    "keras_hub.layers.TransformerDecoder": _setup(_two_sequences, intermediate_dim=16, num_heads=2),
    "keras_hub.layers.SAM3DetrEncoder": _setup(
        lambda: (_random(2, 4, 4, 8), _words()[0], _random(2, 4, 4, 8), _words()[1]), **_SAM3
    ),
    "keras_hub.layers.SAM3DetrDecoder": _setup(
        lambda: (*_two_sequences()[:1], _words()[0], *_two_sequences()[1:], _words()[1]),
        image_shape=(56, 56, 3),
        patch_size=14,
        num_queries=3,
        **_SAM3,
    ),
    "keras_hub.layers.SAM3GeometryEncoder": _setup(
        lambda: (
            _random(2, 1, 5),
            _ones(2, 1, dtype="bool"),
            _ones(2, 1, dtype="int32"),
            _random(2, 4, 4, 8),
            _random(2, 4, 4, 8),
        ),
        roi_size=2,
        **_SAM3,
    ),
    "keras_hub.layers.SAM3MaskDecoder": _setup(
        lambda: (
            _random(2, 3, 8),
            [_random(2, 16, 16, 8), _random(2, 8, 8, 8), _random(2, 4, 4, 8)],
            _random(2, 16, 8),
            *_words(),
        ),
        num_upsampling_stages=2,
        hidden_dim=8,
        num_heads=2,
    ),
    "keras_hub.layers.SAM3VisionEncoder": _setup(
        lambda: (_random(2, 56, 56, 3),),
        image_shape=(56, 56, 3),
        patch_size=14,
        fpn_hidden_dim=8,
        fpn_scale_factors=[4.0, 2.0, 1.0, 0.5],
        pretrain_image_shape=(28, 28, 3),
        window_size=2,
        global_attn_indexes=[0],
        **_SAM3,
    ),
    "keras_hub.layers.SAM3TextEncoder": _setup(
        lambda: (_ones(2, 32, dtype="int32"), _ones(2, 32, dtype="bool")),
        vocabulary_size=20,
        embedding_dim=8,
        **_SAM3,
    ),
    "keras_cv.layers.DropPath": _setup(_maps),
    "keras_cv.layers.DropBlock2D": _setup(_maps, rate=0.3, block_size=2),
    "keras_cv.layers.StochasticDepth": _setup(_pair),
    "keras_cv.layers.TransformerEncoder": _setup(_sequences, project_dim=8, num_heads=2, mlp_dim=16),
    "keras_cv.layers.FusedMBConvBlock": _setup(_maps, input_filters=4, output_filters=4),
    "keras_cv.layers.MBConvBlock": _setup(_maps, input_filters=4, output_filters=4),
    "keras_cv.layers.SpatialPyramidPooling": _setup(_maps, dilation_rates=[2], num_channels=4),
    "keras_cv.layers.DynamicVoxelization": _setup(
        lambda: (_random(2, 6, 3), _random(2, 6, 4), _ones(2, 6, dtype="bool")),
        voxel_size=[0.5, 0.5, 0.5],
        spatial_size=[-1, 1, -1, 1, -1, 1],
    ),
    "keras_cv.layers.HierarchicalTransformerEncoder": _setup(_sequences, project_dim=8, num_heads=2),
    "keras_cv.layers.SqueezeAndExcite2D": _setup(_maps, filters=4),
    "keras_cv.layers.RandomApply": _around("layer", many=False, rate=1.0),
    "keras_cv.layers.RandomChoice": _around("layers", many=True),
    "keras_cv.layers.RandomAugmentationPipeline": _around("layers", many=True, augmentations_per_image=1),
    "keras_cv.layers.RepeatedAugmentation": _around("augmenters", many=True, shuffle=False),
    "tensorflow_addons.layers.StochasticDepth": _setup(_pair),
    "tensorflow_addons.layers.SpectralNormalization": PackageSetup(
        lambda layers: {"layer": layers.Dense(3)}, _vectors
    ),
    "tensorflow_addons.layers.MultiHeadAttention": _setup(
        lambda: ([_random(2, 6, 3), _random(2, 6, 3)],), head_size=4, num_heads=2
    ),
    "tensorflow_addons.layers.WeightNormalization": PackageSetup(
        lambda layers: {"layer": layers.LSTM(3, dropout=0.5), "data_init": False},
        _sequences,
        lambda layers: {"layer": layers.LSTM(3), "data_init": False},
    ),
    "tensorflow_addons.layers.ESN": _setup(_sequences, units=4),
    "tensorflow_addons.rnn.LayerNormLSTMCell": _setup(_two_states, units=5),
    "tensorflow_addons.rnn.PeepholeLSTMCell": _setup(_two_states, units=5),
    "tensorflow_addons.rnn.LayerNormSimpleRNNCell": _setup(_state, units=5),
}

# KerasCV's augmentations: random whatever the flag.
ALWAYS_RANDOM: dict[str, PackageSetup] = {
    "keras_cv.layers.GridMask": _setup(_images),
    "keras_cv.layers.RandAugment": _setup(_images, value_range=(0, 255)),
    "keras_cv.layers.RandomBrightness": _setup(_images, factor=0.5),
    "keras_cv.layers.RandomFlip": _setup(_images),
}
