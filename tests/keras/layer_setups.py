"""How to build each layer small, and what to call it on: data for the tests that measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

np = pytest.importorskip("numpy")

Arguments = dict[str, Any] | Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Setup:
    """How to build a layer and what to call it on.

    Attributes:
        arguments: For the constructor; a function of the `layers` module where they are layers themselves.
        inputs: Names in INPUTS, the positional arguments of the call.
        insensitive: For a layer around others: the arguments that put in one which ignores the flag.
    """

    arguments: Arguments = field(default_factory=dict)
    inputs: tuple[str, ...] = ("images",)
    insensitive: Arguments | None = None

    def build(self, layer: type, layers: Any, arguments: Arguments | None = None, **more: Any) -> Any:
        chosen = self.arguments if arguments is None else arguments
        return layer(**(chosen(layers) if callable(chosen) else chosen), **more)


def _random(*shape: int, scale: float = 1.0) -> Any:
    return np.random.default_rng(0).uniform(0.0, scale, shape).astype("float32")


def _state() -> Any:
    """Not zeros, which dropout would leave as they are; a tensor, which Keras 2's cells insist on."""
    import tensorflow as tf

    return tf.ones((4, 5))


INPUTS: dict[str, Callable[[], Any]] = {
    "images": lambda: _random(8, 8, 8, 3, scale=255.0),
    "maps": lambda: _random(4, 8, 8, 3) - 0.5,
    "volumes": lambda: _random(2, 4, 4, 4, 3) - 0.5,
    "sequences": lambda: _random(4, 6, 3) - 0.5,
    "vectors": lambda: _random(4, 6) - 0.5,
    "signals": lambda: _random(2, 4096) - 0.5,
    "signal channels": lambda: _random(2, 1024, 1) - 0.5,
    "films": lambda: _random(2, 3, 6, 6, 2) - 0.5,
    "maps in time": lambda: _random(2, 3, 6, 2) - 0.5,
    "volumes in time": lambda: _random(2, 2, 4, 4, 4, 2) - 0.5,
    "pair": lambda: [_random(4, 6), _random(4, 6) + 1.0],
    "sequence pair": lambda: [_random(4, 6, 3), _random(4, 6, 3) + 1.0],
    "integers": lambda: np.array([[1, 2], [2, 3], [0, 1]]),
    "crossed": lambda: (np.array([1, 2, 3]), np.array([3, 2, 1])),
    "words": lambda: np.array(["a", "b", "c"], dtype=object),
    "sentences": lambda: np.array(["a b", "b c"], dtype=object),
    "state": lambda: [_state()],
    "two states": lambda: [_state(), _state()],
    "stacked states": lambda: [[_state()], [_state()]],
    "boxed images": lambda: {
        "images": _random(2, 8, 8, 3, scale=255.0),
        "bounding_boxes": {"boxes": np.ones((2, 3, 4), "float32"), "labels": np.ones((2, 3), "float32")},
    },
}

_VOCABULARY = ["a", "b", "c"]
_CONV_LSTM = {"filters": 2, "kernel_size": 2}

SETUPS: dict[str, Setup] = {
    # Stochastic
    **{
        name: Setup({"rate": 0.5}, (inputs,))
        for name, inputs in {
            "Dropout": "vectors",
            "AlphaDropout": "vectors",
            "GaussianDropout": "vectors",
            "SpatialDropout1D": "sequences",
            "SpatialDropout2D": "maps",
            "SpatialDropout3D": "volumes",
        }.items()
    },
    "GaussianNoise": Setup({"stddev": 0.5}, ("vectors",)),
    # With state
    "BatchNormalization": Setup(inputs=("maps",)),
    "SyncBatchNormalization": Setup(inputs=("maps",)),
    "SpectralNormalization": Setup(lambda layers: {"layer": layers.Dense(4)}, ("vectors",)),
    # Recurrent and attention
    "SimpleRNN": Setup({"units": 5}, ("sequences",)),
    "GRU": Setup({"units": 5}, ("sequences",)),
    "LSTM": Setup({"units": 5}, ("sequences",)),
    "SimpleRNNCell": Setup({"units": 5}, ("vectors", "state")),
    "GRUCell": Setup({"units": 5}, ("vectors", "state")),
    "LSTMCell": Setup({"units": 5}, ("vectors", "two states")),
    "ConvLSTM1D": Setup(_CONV_LSTM, ("maps in time",)),
    "ConvLSTM2D": Setup(_CONV_LSTM, ("films",)),
    "ConvLSTM3D": Setup(_CONV_LSTM, ("volumes in time",)),
    "Attention": Setup(inputs=("sequence pair",)),
    "AdditiveAttention": Setup(inputs=("sequence pair",)),
    "MultiHeadAttention": Setup({"num_heads": 2, "key_dim": 3}, ("sequences", "sequences")),
    "GroupQueryAttention": Setup(
        {"num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 3}, ("sequences", "sequences")
    ),
    # Around other layers
    "Bidirectional": Setup(
        lambda layers: {"layer": layers.LSTM(5, dropout=0.5)},
        ("sequences",),
        insensitive=lambda layers: {"layer": layers.LSTM(5)},
    ),
    "TimeDistributed": Setup(
        lambda layers: {"layer": layers.Dropout(0.5)},
        ("sequences",),
        insensitive=lambda layers: {"layer": layers.Dense(4)},
    ),
    "RNN": Setup(
        lambda layers: {"cell": layers.GRUCell(5, dropout=0.5)},
        ("sequences",),
        insensitive=lambda layers: {"cell": layers.GRUCell(5)},
    ),
    "StackedRNNCells": Setup(
        lambda layers: {"cells": [layers.GRUCell(5, dropout=0.5), layers.GRUCell(5)]},
        ("vectors", "stacked states"),
        insensitive=lambda layers: {"cells": [layers.GRUCell(5), layers.GRUCell(5)]},
    ),
    # Augmentation
    **{
        name: Setup({"factor": 0.5})
        for name in (
            "RandomBrightness",
            "RandomColorDegeneration",
            "RandomContrast",
            "RandomGrayscale",
            "RandomHeight",
            "RandomRotation",
            "RandomSaturation",
            "RandomSharpness",
            "RandomWidth",
        )
    },
    "RandomCrop": Setup({"height": 4, "width": 4}),
    "RandomTranslation": Setup({"height_factor": 0.4, "width_factor": 0.4}),
    "RandomZoom": Setup({"height_factor": 0.4}),
    "RandomColorJitter": Setup({"brightness_factor": 0.5}),
    "RandomHue": Setup({"factor": 0.5, "value_range": (0, 255)}),
    "RandomPosterization": Setup({"factor": 4}),
    "RandomShear": Setup({"x_factor": 0.5, "y_factor": 0.5}),
    "Solarization": Setup({"addition_factor": 0.5, "threshold_factor": 0.5}),
    "Pipeline": Setup(lambda layers: {"layers": [layers.RandomFlip()]}),
    # Whatever the flag says
    "Activation": Setup({"activation": "relu"}),
    "Dense": Setup({"units": 4}),
    "EinsumDense": Setup({"equation": "ab,bc->ac", "output_shape": 4}, ("vectors",)),
    "CenterCrop": Setup({"height": 4, "width": 4}),
    "Resizing": Setup({"height": 4, "width": 4}),
    "MaxNumBoundingBoxes": Setup({"max_number": 2, "bounding_box_format": "xyxy"}, ("boxed images",)),
    "Embedding": Setup({"input_dim": 5, "output_dim": 3}, ("integers",)),
    "ReversibleEmbedding": Setup({"input_dim": 5, "output_dim": 3}, ("integers",)),
    "CategoryEncoding": Setup({"num_tokens": 5}, ("integers",)),
    "Discretization": Setup({"bin_boundaries": [0.0, 0.2]}, ("vectors",)),
    "HashedCrossing": Setup({"num_bins": 4}, ("crossed",)),
    "Hashing": Setup({"num_bins": 4}, ("integers",)),
    "IntegerLookup": Setup({"vocabulary": [1, 2, 3]}, ("integers",)),
    "StringLookup": Setup({"vocabulary": _VOCABULARY}, ("words",)),
    "TextVectorization": Setup({"vocabulary": _VOCABULARY}, ("sentences",)),
    "Normalization": Setup({"mean": 1.0, "variance": 2.0}, ("vectors",)),
    "Rescaling": Setup({"scale": 0.5}),
    "GroupNormalization": Setup({"groups": 3}),
    "Permute": Setup({"dims": (2, 1)}, ("sequences",)),
    "RepeatVector": Setup({"n": 2}, ("vectors",)),
    "Reshape": Setup({"target_shape": (-1,)}),
    "RandomFourierFeatures": Setup({"output_dim": 4}, ("vectors",)),
    "MelSpectrogram": Setup(inputs=("signals",)),
    "STFTSpectrogram": Setup({"window": None}, ("signal channels",)),
    "Dot": Setup({"axes": 1}, ("pair",)),
    **{
        name: Setup(inputs=("pair",))
        for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
    },
}

_BY_DIMENSION = {"1D": "sequences", "2D": "maps", "3D": "volumes"}
_BY_FAMILY: dict[str, Arguments] = {
    "Conv": {"filters": 2, "kernel_size": 2},
    "SeparableConv": {"filters": 2, "kernel_size": 2},
    "LocallyConnected": {"filters": 2, "kernel_size": 2},
    "DepthwiseConv": {"kernel_size": 2},
    "Adaptive": {"output_size": 2},
    "AveragePooling": {"pool_size": 2},
}


def setup_of(name: str) -> Setup:
    """The set-up in SETUPS, or that of its family (`Conv2D`), or no arguments and images."""
    if name in SETUPS:
        return SETUPS[name]
    inputs = _BY_DIMENSION.get(name.removesuffix("Transpose")[-2:], "images")
    arguments = next((given for family, given in _BY_FAMILY.items() if name.startswith(family)), {})
    return Setup(arguments, (inputs,))
