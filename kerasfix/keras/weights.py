"""Which of Keras' layers have weights, and which keep a random state in a variable.

Measured with Keras 3.15.1 (`keras`) and Keras 2.21.0 (`tf_keras`); `tests/keras` builds every layer of the
table again on whatever Keras is installed.
"""

from __future__ import annotations

from typing import Final

from kerasfix.keras.layers import LAYERS, Effect

# As they come from the constructor. Options that take weights away (`center=False, scale=False`) are not
# looked at. CuDNN layers need a GPU: read, not run.
_WITH_WEIGHTS: Final = """
    AdditiveAttention BatchNormalization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
    ConvLSTM1D ConvLSTM2D ConvLSTM3D CuDNNGRU CuDNNLSTM Dense DepthwiseConv1D DepthwiseConv2D EinsumDense
    Embedding GRU GRUCell GroupNormalization GroupQueryAttention LSTM LSTMCell LayerNormalization
    LocallyConnected1D LocallyConnected2D MultiHeadAttention PReLU RMSNormalization RandomFourierFeatures
    ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell
    SpectralNormalization SyncBatchNormalization
"""
# The constructor argument with which a layer gets weights, or without which it does.
_WITH_ARGUMENT: Final = {"Attention": "use_scale"}
_WITHOUT_ARGUMENT: Final = {"Normalization": "mean"}
# Of the layers that draw at random, those that need no variable for it.
_WITHOUT_SEED: Final = frozenset({"Equalization", "RandomHeight", "RandomWidth"})


def has_weights(name: str, arguments: frozenset[str] = frozenset()) -> bool | None:
    """Whether a layer of Keras has weights of its own.

    Args:
        name: The class.
        arguments: The names of the arguments that its constructor is given.

    Returns:
        None for a layer that has those of the layers in it, or what somebody's own code gives it.
    """
    known = LAYERS.get(name)
    if known is None or known.effect in (Effect.UNKNOWN, Effect.WRAPS):
        return None
    if known.name in _WITHOUT_ARGUMENT:
        return _WITHOUT_ARGUMENT[known.name] not in arguments
    return known.name in _WITH_WEIGHTS.split() or _WITH_ARGUMENT.get(known.name) in arguments


def has_seed(name: str) -> bool:
    """Whether a layer without weights keeps its random state in a variable, under Keras 3."""
    known = LAYERS.get(name)
    if known is None or known.name in _WITHOUT_SEED:
        return False
    return known.effect in (Effect.STOCHASTIC, Effect.AUGMENTS)
