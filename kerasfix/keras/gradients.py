"""What lets no gradient through: operations by their names, and the layers that have weights to train.

Measured with TensorFlow 2.21, Keras 3.15.1 and Keras 2.21.0 (`tf_keras`); `tests/keras` measures every name
again. `tf.constant(x)`, `tf.py_function`, `x % y`, `tf.sort` and the values of `tf.math.top_k` are not here:
they let it through.
"""

from __future__ import annotations

import enum
from typing import Final

_COMPARISONS = "greater greater_equal less less_equal equal not_equal"


class Kind(enum.Enum):
    """What an operation without a gradient is for, which decides on what to write instead."""

    STOPS = "stops"
    CHOOSES = "chooses"
    ROUNDS = "rounds"
    COMPARES = "compares"
    COUNTS = "counts"
    SHUFFLES = "shuffles"
    LEAVES = "leaves"


def _spelled(where: str, names: str) -> frozenset[str]:
    return frozenset(f"{where}.{name}" for name in names.split())


# What arrives before these is no gradient at all, of which Keras warns.
OPERATIONS: Final[dict[Kind, frozenset[str]]] = {
    Kind.STOPS: frozenset(
        {
            "jax.lax.stop_gradient",
            "keras.backend.stop_gradient",
            "keras.ops.stop_gradient",
            "tensorflow.stop_gradient",
        }
    ),
    Kind.CHOOSES: _spelled("tensorflow", "argmax argmin argsort arg_max arg_min searchsorted multinomial")
    | _spelled("tensorflow.math", "argmax argmin in_top_k")
    | _spelled("tensorflow.nn", "in_top_k")
    | _spelled("tensorflow.random", "categorical stateless_categorical")
    | _spelled("keras.ops", "argmax argmin argsort searchsorted digitize")
    | _spelled("keras.backend", "argmax argmin in_top_k")
    | {"keras.random.categorical"},
    Kind.ROUNDS: _spelled("tensorflow", "round floor ceil rint floordiv to_int32 to_int64")
    | _spelled("tensorflow.math", "round rint floor ceil floordiv")
    | _spelled("keras.ops", "round floor ceil trunc floor_divide")
    | _spelled("keras.backend", "round"),
    Kind.COMPARES: _spelled("tensorflow", f"is_nan is_inf is_finite {_COMPARISONS}")
    | _spelled("tensorflow.math", f"is_nan is_inf is_finite {_COMPARISONS}")
    | _spelled("keras.ops", f"isnan isfinite isinf isclose nonzero {_COMPARISONS}")
    | _spelled("keras.backend", _COMPARISONS),
    Kind.COUNTS: _spelled("tensorflow", "count_nonzero")
    | _spelled("tensorflow.math", "bincount count_nonzero zero_fraction")
    | _spelled("tensorflow.nn", "zero_fraction")
    | {"keras.ops.count_nonzero"},
    Kind.SHUFFLES: frozenset({"tensorflow.random.shuffle", "tensorflow.random_shuffle"}),
    Kind.LEAVES: _spelled("tensorflow", "numpy_function py_func bitcast")
    | _spelled("tensorflow.strings", "as_string")
    | _spelled("keras.backend", "eval get_value")
    | {"keras.ops.convert_to_numpy"},
}
KIND_OF: Final = {name: kind for kind, names in OPERATIONS.items() for name in names}
# Before these, a gradient of zeros arrives, of which Keras says nothing.
ZEROS: Final = frozenset({"tensorflow.sign", "tensorflow.math.sign", "keras.ops.sign", "keras.backend.sign"})

# Let a gradient through if they make floating numbers, and none if they make integers or truth values.
CASTS: Final = frozenset(
    {
        "keras.backend.cast",
        "keras.ops.cast",
        "tensorflow.cast",
        "tensorflow.dtypes.cast",
        "tensorflow.dtypes.saturate_cast",
        "tensorflow.saturate_cast",
    }
)
WHOLE_NUMBERS: Final = frozenset(
    {"bool", "int", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
)
# Methods of a tensor (`detach`, `item` and `tolist` are PyTorch's), and functions of Python that make a
# number of it. In `fit`, which compiles, the latter and `.numpy()` raise.
METHODS: Final = {"numpy": Kind.LEAVES, "item": Kind.LEAVES, "tolist": Kind.LEAVES, "detach": Kind.STOPS}
NUMBERS: Final = frozenset({"float", "int", "bool"})
# They only look: what they return says nothing of the values.
LOOKS: Final = (
    _spelled(
        "tensorflow",
        "shape rank size print zeros_like ones_like is_tensor get_static_value Assert",
    )
    | _spelled("keras.ops", "shape ndim size zeros_like ones_like is_tensor")
    | _spelled("keras.backend", "shape ndim int_shape zeros_like ones_like is_keras_tensor dtype")
    | _spelled("numpy", "shape ndim size zeros_like ones_like")
)
LOOKING_ATTRIBUTES: Final = frozenset(
    {"shape", "dtype", "ndim", "rank", "device", "name", "get_shape", "set_shape", "size", "_keras_mask"}
)

_TRAINED = """
    BatchNormalization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D
    ConvLSTM2D ConvLSTM3D Dense DepthwiseConv1D DepthwiseConv2D EinsumDense Embedding GRU GRUCell
    GroupNormalization GroupQueryAttention LSTM LSTMCell LayerNormalization LocallyConnected1D
    LocallyConnected2D MultiHeadAttention PReLU RMSNormalization ReversibleEmbedding SeparableConv1D
    SeparableConv2D SimpleRNN SimpleRNNCell SyncBatchNormalization
"""
# Layers of Keras with weights that `fit` trains, however they are made.
TRAINED: Final = frozenset(_TRAINED.split())
# They have the weights of the layer that they are given.
WRAPPERS: Final = frozenset({"Bidirectional", "TimeDistributed", "RNN", "SpectralNormalization"})
