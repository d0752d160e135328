"""What kerasfix knows of the layers that Keras ships: who depends on the training flag, how, and where
`call` takes it.

Measured with Keras 3.15.1 (`keras`) and Keras 2.21.0 (`tf_keras`) on TensorFlow 2.21; `tests/keras` measures
every row again on whatever Keras is installed. What could only be read in the source says so.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class Effect(enum.Enum):
    """How a layer depends on the training flag.

    NONE: Not at all; `call` may still accept the flag (Dense under Keras 3) or not (Conv2D).
    STOCHASTIC: Random in training, identity in inference; a bare call is inference.
    UPDATES_STATE: Other numbers in training, and non-trainable weights that only training moves.
    DROPOUT_ARGUMENT: As STOCHASTIC, if one of `dropout_arguments` is above 0; otherwise as NONE.
    WRAPS: Whatever the layer inside does.
    AUGMENTS: Changes its input in training, identity in inference; `training=True` is the default, so a
        bare call augments.
    UNKNOWN: Not measured, or decided by somebody else's code (a function, a saved model, a subclass).
    """

    NONE = "none"
    STOCHASTIC = "stochastic"
    UPDATES_STATE = "updates_state"
    DROPOUT_ARGUMENT = "dropout_argument"
    WRAPS = "wraps"
    AUGMENTS = "augments"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LayerFact:
    """One layer class.

    Attributes:
        name: The class's main public name; an alias (`AvgPool2D`) has the fact of what it stands for.
        effect: How it depends on the training flag.
        keras3: Names of the parameters of `call` after `self` under Keras 3, without `*args` and `**kwargs`;
            "*" stands before keyword-only ones. None if Keras 3 has no such layer.
        keras2: The same under Keras 2.
        dropout_arguments: Constructor arguments, 0 by default, that make the layer stochastic.
        dropout_position: Where the first of them stands among the constructor's positional arguments, from 0
            after `self`; the others follow it at once. None where Keras 2 and 3 put it at different places.
        rate_argument: For STOCHASTIC layers, the constructor's argument that switches the layer off at 0.
        rate_position: Where it stands among the constructor's positional arguments.
    """

    name: str
    effect: Effect
    keras3: tuple[str, ...] | None
    keras2: tuple[str, ...] | None
    dropout_arguments: tuple[str, ...] = ()
    dropout_position: int | None = None
    rate_argument: str | None = None
    rate_position: int | None = None

    @property
    def takes_training(self) -> bool:
        """Whether `call` has a parameter `training`, under either Keras."""
        return any("training" in names for names in (self.keras3, self.keras2) if names is not None)

    @property
    def training_position(self) -> int | None:
        """Where `training` stands among the positional parameters of `call`; None if it is not there, or if
        Keras 2 and 3 disagree."""
        positions = {_position(names) for names in (self.keras3, self.keras2) if names is not None}
        return positions.pop() if len(positions) == 1 else None


def fact(name: str) -> LayerFact | None:
    """What is known of the class `keras.layers.<name>`, or None if Keras has no such layer."""
    return LAYERS.get(name)


def _position(names: tuple[str, ...]) -> int | None:
    positional = names[: names.index("*")] if "*" in names else names
    return positional.index("training") if "training" in positional else None


def _rows(
    effect: Effect,
    names: str,
    keras3: str | None,
    keras2: str | None,
    *,
    dropout: str = "",
    dropout_at: int | None = None,
    rate: str | None = None,
) -> Iterator[LayerFact]:
    """One fact for each of `names`, all with the same signature; every list is a text with spaces."""
    for name in names.split():
        yield LayerFact(
            name=name,
            effect=effect,
            keras3=None if keras3 is None else tuple(keras3.split()),
            keras2=None if keras2 is None else tuple(keras2.split()),
            dropout_arguments=tuple(dropout.split()),
            dropout_position=dropout_at,
            rate_argument=rate,
            rate_position=None if rate is None else 0,
        )


# Random in training, the same tensor back in inference. Keras 3 gives them `training=False`, Keras 2 `None`.
_STOCHASTIC = (
    *_rows(
        Effect.STOCHASTIC,
        "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout",
        "inputs training",
        "inputs training",
        rate="rate",
    ),
    *_rows(Effect.STOCHASTIC, "GaussianNoise", "inputs training", "inputs training", rate="stddev"),
)

# Training uses the batch's own statistics and moves the averages (BatchNormalization), or runs a power
# iteration and rewrites the kernel of the layer inside (SpectralNormalization).
# SyncBatchNormalization is `tf.keras.layers.experimental` of Keras 2.
_UPDATES_STATE = (
    *_rows(Effect.UPDATES_STATE, "BatchNormalization", "inputs training mask", "inputs training mask"),
    *_rows(Effect.UPDATES_STATE, "SpectralNormalization", "inputs training", "inputs training"),
    *_rows(Effect.UPDATES_STATE, "SyncBatchNormalization", None, "inputs training mask"),
)

# Built without their dropout arguments, all of these ignore the flag.
# Attention and AdditiveAttention take `dropout` by position in Keras 3 only; Keras 2 wants the keyword.
_RNN_3 = "sequences initial_state mask training"
_RNN_2 = "inputs mask training initial_state"
_CELL = "inputs states training"
_ATTENTION = "inputs mask training return_attention_scores use_causal_mask"
_HEADS_3 = """query value key query_mask value_mask key_mask attention_mask return_attention_scores training
              use_causal_mask"""
_HEADS_2 = "query value key attention_mask return_attention_scores training use_causal_mask"
_BOTH = "dropout recurrent_dropout"
_DROPOUT_ARGUMENT = (
    *_rows(Effect.DROPOUT_ARGUMENT, "SimpleRNN", _RNN_3, _RNN_2, dropout=_BOTH, dropout_at=13),
    *_rows(Effect.DROPOUT_ARGUMENT, "GRU", _RNN_3, _RNN_2, dropout=_BOTH, dropout_at=14),
    *_rows(Effect.DROPOUT_ARGUMENT, "LSTM", _RNN_3, _RNN_2, dropout=_BOTH, dropout_at=15),
    *_rows(Effect.DROPOUT_ARGUMENT, "ConvLSTM1D ConvLSTM2D ConvLSTM3D", _RNN_3, _RNN_2, dropout=_BOTH),
    *_rows(
        Effect.DROPOUT_ARGUMENT,
        "SimpleRNNCell",
        "sequence states training",
        _CELL,
        dropout=_BOTH,
        dropout_at=12,
    ),
    *_rows(Effect.DROPOUT_ARGUMENT, "GRUCell", _CELL, _CELL, dropout=_BOTH, dropout_at=13),
    *_rows(Effect.DROPOUT_ARGUMENT, "LSTMCell", _CELL, _CELL, dropout=_BOTH, dropout_at=14),
    *_rows(
        Effect.DROPOUT_ARGUMENT, "AdditiveAttention", _ATTENTION, _ATTENTION, dropout="dropout", dropout_at=1
    ),
    *_rows(Effect.DROPOUT_ARGUMENT, "Attention", _ATTENTION, _ATTENTION, dropout="dropout", dropout_at=2),
    *_rows(
        Effect.DROPOUT_ARGUMENT, "MultiHeadAttention", _HEADS_3, _HEADS_2, dropout="dropout", dropout_at=3
    ),
    *_rows(Effect.DROPOUT_ARGUMENT, "GroupQueryAttention", _HEADS_3, None, dropout="dropout", dropout_at=3),
)

# Hand the flag to the layer or the cells that they are given.
_WRAPS = (
    *_rows(Effect.WRAPS, "Bidirectional", _RNN_3, "inputs training mask initial_state constants"),
    *_rows(Effect.WRAPS, "TimeDistributed", "inputs training mask", "inputs training mask"),
    *_rows(Effect.WRAPS, "RNN", _RNN_3, "inputs mask training initial_state constants"),
    *_rows(Effect.WRAPS, "StackedRNNCells", _CELL, "inputs states constants training"),
)

# `call(self, data, training=True)`. With None, Keras 3 leaves the input alone and Keras 2 augments, so that
# passing the flag on changes what a bare model(x) does. Equalization draws nothing but is as absent in
# inference; Pipeline is a list of these. RandomCrop changes the shape: Keras 3 crops in training only,
# Keras 2 always.
_AUGMENTS = (
    *_rows(
        Effect.AUGMENTS,
        "RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom",
        "data training",
        "inputs training",
    ),
    *_rows(
        Effect.AUGMENTS,
        """AugMix CutMix Equalization MixUp RandAugment RandomColorDegeneration RandomColorJitter
        RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
        RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear Solarization""",
        "data training",
        None,
    ),
    *_rows(Effect.AUGMENTS, "RandomHeight RandomWidth", None, "inputs training"),
    *_rows(Effect.AUGMENTS, "Pipeline", "inputs training mask", None),
)

# The flag changes nothing. The first rows accept it all the same (Dense and EinsumDense from Keras 3.6).
# The CuDNN layers live in `tf.compat.v1.keras.layers`, need a GPU and have no dropout: read, not run.
_NONE = (
    *_rows(Effect.NONE, "Dense EinsumDense", "inputs training", "inputs"),
    *_rows(Effect.NONE, "CenterCrop Resizing", "data training", "inputs"),
    *_rows(
        Effect.NONE,
        "AutoContrast ContrastLimitedAdaptiveHistogramEqualization MaxNumBoundingBoxes",
        "data training",
        None,
    ),
    *_rows(Effect.NONE, "CuDNNGRU CuDNNLSTM", None, _RNN_2),
    *_rows(
        Effect.NONE,
        """Activation ActivityRegularization Add Average AveragePooling1D AveragePooling2D AveragePooling3D
        Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
        Cropping1D Cropping2D Cropping3D DepthwiseConv1D DepthwiseConv2D Discretization Dot ELU Embedding
        Flatten
        GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
        HashedCrossing Hashing Identity IntegerLookup LayerNormalization LeakyReLU Masking MaxPooling1D
        MaxPooling2D MaxPooling3D Maximum Minimum Multiply Normalization PReLU Permute ReLU RepeatVector
        Rescaling Reshape SeparableConv1D SeparableConv2D StringLookup Subtract TextVectorization
        UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D""",
        "inputs",
        "inputs",
    ),
    *_rows(Effect.NONE, "GlobalAveragePooling1D Softmax", "inputs mask", "inputs mask"),
    *_rows(Effect.NONE, "CategoryEncoding", "inputs count_weights", "inputs count_weights"),
    *_rows(Effect.NONE, "GroupNormalization", "inputs", "inputs mask"),
    *_rows(Effect.NONE, "InputLayer", "", "inputs"),
    *_rows(
        Effect.NONE,
        """AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
        AdaptiveMaxPooling2D AdaptiveMaxPooling3D MelSpectrogram STFTSpectrogram""",
        "inputs",
        None,
    ),
    *_rows(Effect.NONE, "RMSNormalization", "x", None),
    *_rows(Effect.NONE, "ReversibleEmbedding", "inputs reverse", None),
    *_rows(
        Effect.NONE,
        "LocallyConnected1D LocallyConnected2D RandomFourierFeatures ThresholdedReLU",
        None,
        "inputs",
    ),
)

# Base classes, and layers whose behaviour is a function, a saved model or a feature column.
_UNKNOWN = (
    *_rows(Effect.UNKNOWN, "Layer Wrapper", "", "inputs"),
    *_rows(Effect.UNKNOWN, "AbstractRNNCell", None, "inputs states"),
    *_rows(Effect.UNKNOWN, "PreprocessingLayer", None, "inputs"),
    *_rows(Effect.UNKNOWN, "Lambda", "inputs mask training", "inputs mask training"),
    *_rows(Effect.UNKNOWN, "FlaxLayer JaxLayer TFSMLayer", "inputs training", None),
    *_rows(Effect.UNKNOWN, "TorchModuleWrapper", "* training", None),
    *_rows(Effect.UNKNOWN, "DenseFeatures", None, "features cols_to_output_tensors training"),
    *_rows(Effect.UNKNOWN, "DynamicEmbedding DynamicLookup", None, "inputs learn_vocab"),
)

# Second public names of the same class, in both versions.
_ALIASES = {
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "Convolution1D": "Conv1D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3D": "Conv3D",
    "Convolution3DTranspose": "Conv3DTranspose",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}

LAYERS: dict[str, LayerFact] = {
    row.name: row
    for rows in (_STOCHASTIC, _UPDATES_STATE, _DROPOUT_ARGUMENT, _WRAPS, _AUGMENTS, _NONE, _UNKNOWN)
    for row in rows
}
LAYERS.update({alias: LAYERS[name] for alias, name in _ALIASES.items()})

# Layers that a layer of Keras keeps in itself, under names that subclasses use: class, attribute, its class.
# MultiHeadAttention makes its Dropout with the rate that it is given, 0 by default.
INHERITED_LAYERS: dict[str, dict[str, str]] = {
    "GroupQueryAttention": {"_dropout_layer": "Dropout"},
    "MultiHeadAttention": {"_dropout_layer": "Dropout"},
}

_WITH_BATCH_NORMALIZATION = """
    DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3
    EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1
    EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L EfficientNetV2M EfficientNetV2S InceptionResNetV2
    InceptionV3 MobileNet MobileNetV2 MobileNetV3Large MobileNetV3Small NASNetLarge NASNetMobile
    RegNetX002 RegNetX004 RegNetX006 RegNetX008 RegNetX016 RegNetX032 RegNetX040 RegNetX064 RegNetX080
    RegNetX120 RegNetX160 RegNetX320 RegNetY002 RegNetY004 RegNetY006 RegNetY008 RegNetY016 RegNetY032
    RegNetY040 RegNetY064 RegNetY080 RegNetY120 RegNetY160 RegNetY320 ResNet101 ResNet101V2 ResNet152
    ResNet152V2 ResNet50 ResNet50V2 ResNetRS101 ResNetRS152 ResNetRS200 ResNetRS270 ResNetRS350
    ResNetRS420 ResNetRS50 Xception
"""
_WITHOUT_BATCH_NORMALIZATION = """
    ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge VGG16 VGG19
"""

# What `keras.applications.<name>()` returns: always a functional model, whose `call` takes `training`.
# NONE as they come from the constructor: VGG has nothing that depends on the flag, ConvNeXt only a
# StochasticDepth whose rate is 0 unless asked for. RegNet and ResNetRS are Keras 2 only.
APPLICATIONS: dict[str, Effect] = {
    **dict.fromkeys(_WITH_BATCH_NORMALIZATION.split(), Effect.UPDATES_STATE),
    **dict.fromkeys(_WITHOUT_BATCH_NORMALIZATION.split(), Effect.NONE),
}
