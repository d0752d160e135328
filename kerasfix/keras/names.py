"""Names of Keras: from any public or internal spelling to one.

`tf.keras.layers.Dropout`, `keras.src.layers.regularization.dropout.Dropout` and
`tf_keras.layers.Dropout` are the same thing for kerasfix, and are called `keras.layers.Dropout` here.
"""

from __future__ import annotations

from functools import cache
from typing import Final

LAYER: Final = "keras.layers.Layer"
MODEL: Final = "keras.Model"
SEQUENTIAL: Final = "keras.Sequential"
INPUT: Final = "keras.Input"
# Packages of layers, besides Keras, of which there is a table.
PACKAGES: Final = ("keras_hub.", "keras_nlp.", "keras_cv.", "tensorflow_addons.")
GRADIENT_TAPE: Final = "tensorflow.GradientTape"

# Longest first: `tensorflow.python.keras` before `tensorflow`.
_ROOTS: Final = (
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.python.keras",
    "tensorflow.keras",
    "tensorflow_core.keras",
    "tf_keras",
    "keras_core",
    "keras",
)

_BEFORE_2: Final = "tensorflow.compat.v2."

# Internal steps on the way to a public name; they say nothing about what the name is.
_INTERNAL: Final = frozenset({"src", "api", "_v1", "_v2", "_tf_keras", "v1", "v2", "keras", "legacy"})

_SAME: Final = {
    "Layer": LAYER,
    "Model": MODEL,
    "Functional": MODEL,
    "Sequential": SEQUENTIAL,
    "Input": INPUT,
    "InputLayer": INPUT,
}
# Where those six live, in public and in internal modules of Keras 2 and 3.
_HOMES: Final = frozenset({"", "models", "layers", "engine"})


@cache
def canonical(dotted: str) -> str:
    """The one spelling of a dotted name, as if everything came from `keras`.

    Names outside of Keras come back as they are, but for those of `tensorflow.compat.v2`.

    >>> canonical("tensorflow.keras.layers.Dropout")
    'keras.layers.Dropout'
    >>> canonical("keras.src.layers.regularization.dropout.Dropout")
    'keras.layers.Dropout'
    >>> canonical("tensorflow.keras.models.Model")
    'keras.Model'
    """
    start = root(dotted)
    if start is None:
        # Today's TensorFlow under the name that it had before it was released.
        return "tensorflow." + dotted[len(_BEFORE_2) :] if dotted.startswith(_BEFORE_2) else dotted
    steps = [step for step in dotted[len(start) + 1 :].split(".") if step and step not in _INTERNAL]
    if not steps:
        return "keras"
    home = steps[0] if len(steps) > 1 else ""
    if steps[-1] in _SAME and home in _HOMES:
        return _SAME[steps[-1]]
    if home == "layers" and steps[-1][0].isupper():
        return f"keras.layers.{steps[-1]}"
    return ".".join(["keras", *steps])


def root(dotted: str) -> str | None:
    """The Keras that a name is spelled from: `tensorflow.keras` for `tensorflow.keras.layers.Dropout`."""
    if not dotted.startswith(("tensorflow", "tf_keras", "keras")):
        return None
    return next((root for root in _ROOTS if dotted == root or dotted.startswith(root + ".")), None)


def application_name(dotted: str | None) -> str | None:
    """`ResNet50` for any spelling of `keras.applications.ResNet50`; None for all that is in no such place."""
    if dotted is None or not canonical(dotted).startswith("keras.applications."):
        return None
    return dotted.rpartition(".")[2]


def layer_name(dotted: str | None) -> str | None:
    """`Dropout` for any spelling of `keras.layers.Dropout`; None for all that is no Keras layer."""
    if dotted is None:
        return None
    name = canonical(dotted)
    if name.startswith("keras.layers.") and name.count(".") == 2:
        return name.rpartition(".")[2]
    return None
