"""What the weights of Keras' layers are called, which says in a log what kind of layer they belong to.

Measured with Keras 3.15.1 and Keras 2.21.0; `tests/keras/test_naming_facts.py` measures it again. The names
are those of both, with what an option adds.
"""

from __future__ import annotations

_KERNEL = "kernel bias"
_RECURRENT = "kernel recurrent_kernel bias"
_SEPARABLE = "depthwise_kernel pointwise_kernel bias"

_NAMES = {
    "AdditiveAttention": "scale",
    "Attention": "scale concat_score_weight",
    "BatchNormalization": "gamma beta moving_mean moving_variance",
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Dense", "EinsumDense"), _KERNEL),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _KERNEL),
    **dict.fromkeys(("LocallyConnected1D", "LocallyConnected2D"), _KERNEL),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), "kernel depthwise_kernel bias"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), "embeddings reverse_embeddings"),
    **dict.fromkeys(("GroupNormalization", "LayerNormalization"), "gamma beta"),
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell"), _RECURRENT),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _RECURRENT),
    **dict.fromkeys(("GroupQueryAttention", "MultiHeadAttention"), _KERNEL),
    "PReLU": "alpha",
    "RMSNormalization": "scale",
    "SpectralNormalization": "kernel bias vector_u",
    "STFTSpectrogram": "real_kernel imag_kernel",
}
WEIGHTS: dict[str, frozenset[str]] = {name: frozenset(names.split()) for name, names in _NAMES.items()}
ALL_WEIGHTS: frozenset[str] = frozenset().union(*WEIGHTS.values())

# Layers that hold others, so that more names stand between theirs and that of a weight.
HOLDS_LAYERS = frozenset(
    (
        *("Bidirectional", "GroupQueryAttention", "GRU", "LSTM", "MultiHeadAttention", "RNN", "Sequential"),
        *("SimpleRNN", "SpectralNormalization", "StackedRNNCells", "TimeDistributed", "Wrapper"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    )
)
# What they hold, or what somebody else's code makes in them, is not known by their class.
_ANYTHING = frozenset(
    (
        *(
            "Bidirectional",
            "FlaxLayer",
            "JaxLayer",
            "Lambda",
            "Layer",
            "RNN",
            "Sequential",
            "StackedRNNCells",
        ),
        *("TFSMLayer", "TimeDistributed", "TorchModuleWrapper", "Wrapper", "Pipeline", "DenseFeatures"),
        *("AbstractRNNCell", "SpectralNormalization", "RandomFourierFeatures"),
    )
)


def may_have(class_name: str, weight: str) -> bool:
    """Whether a layer of Keras can have a weight of a name.

    >>> may_have("Conv2D", "kernel"), may_have("Conv2D", "gamma"), may_have("Flatten", "kernel")
    (True, False, False)
    """
    return class_name in _ANYTHING or weight in WEIGHTS.get(class_name, ())
