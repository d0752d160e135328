"""Which layers depend on the training flag, and in which way it can be seen."""

from __future__ import annotations

import inspect
from typing import Any

from .keras_import import is_keras_class


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATE = frozenset({"BatchNormalization", "SyncBatchNormalization", "SpectralNormalization"})
_RANDOM = words(
    "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise "
    "AugMix CutMix MixUp RandAugment Solarization Equalization"
)
# These are random only if they were made with dropout.
_WITH_DROPOUT = words(
    "LSTM GRU SimpleRNN LSTMCell GRUCell SimpleRNNCell ConvLSTM1D ConvLSTM2D ConvLSTM3D Attention "
    "AdditiveAttention MultiHeadAttention GroupQueryAttention GroupedQueryAttention"
)


def kind_of(layer: Any) -> str | None:
    """As in the report: "state", "random" or "user"; None for a layer that the flag does not touch."""
    bases = {base.__name__ for base in type(layer).__mro__ if is_keras_class(base)}
    if bases & _STATE:
        return "state"
    if bases & _RANDOM or any(name.startswith("Random") for name in bases):
        return "random"
    if bases & _WITH_DROPOUT:
        return "random" if _dropout_rate(layer) > 0 else None
    return "user" if not is_keras_class(type(layer)) and takes_training(layer) else None


def is_identity_at_inference(layer: Any) -> bool:
    """Whether a changed input means training mode. Recurrent layers and attention change theirs anyway."""
    bases = {base.__name__ for base in type(layer).__mro__ if is_keras_class(base)}
    return bool(bases & _RANDOM) or any(name.startswith("Random") for name in bases)


def takes_training(layer: Any) -> bool:
    try:
        return "training" in inspect.signature(layer.call).parameters
    except (TypeError, ValueError):
        return False


def _dropout_rate(layer: Any) -> float:
    rates = [getattr(layer, name, 0) or 0 for name in ("dropout", "recurrent_dropout", "_dropout")]
    return max(float(rate) for rate in rates if isinstance(rate, (int, float)))
