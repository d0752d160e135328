"""The training step that a model brings along: `fit` with its own `train_step`, as its author wrote it.

What it needs is not in its `call`: optimizers and losses that its own `compile` takes, and data in the form
that it takes apart. Both are tried by name and in the usual forms; if none fits, nothing is known of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from .inputs import _flatten
from .keras_import import is_keras_class_method
from .load import one_line

_LEARNING_RATE = 1e-3
# Methods that stand in for a model's own ones while Keras' step is run.
_STAND_INS = ("compute_loss", "compute_metrics", "train_step", "test_step", "predict_step")


class NoStep(Exception):
    """Says in one sentence why the step could not be run."""


def has_own_step(model: Any) -> bool:
    """Whether `train_step` is the user's."""
    return not is_keras_class_method(type(model), "train_step")


def fit_own(keras: Any, model: Any, arrays: Any, outputs: Any, steps: int, options: dict[str, Any]) -> None:
    """Fit a model by its own step, on the first form of data that it takes.

    Args:
        arrays: The inputs of its `call`.
        outputs: What it gave for them, from which targets are made.
        steps: How many.
        options: With which arguments of `compile` flags can be seen.

    Raises:
        NoStep: if no way was found.
    """
    for name in _STAND_INS:
        model.__dict__.pop(name, None)
    compile_own(keras, model, options)
    size = int(_flatten(arrays)[0].shape[0])
    first = None
    for x, y in _forms(arrays, outputs):
        reason = _reason_against(model, x, y, size, steps)
        if reason is None:
            return
        first = first or reason
    raise NoStep(first)


def _reason_against(model: Any, x: Any, y: Any, size: int, steps: int) -> str | None:
    try:
        model.fit(x, y, batch_size=size, epochs=steps, shuffle=False, verbose=0)
    except Exception as error:
        return one_line(error)
    return None


def compile_own(keras: Any, model: Any, options: dict[str, Any]) -> None:
    """Give a model what its own `compile`, or Keras', asks for; see `fit_own`.

    Raises:
        NoStep: if an argument means nothing by its name.
    """
    own = type(model).compile
    given: dict[str, Any] = {}
    if is_keras_class_method(type(model), "compile"):
        given = {"optimizer": _optimizer(keras), "loss": "mse", **options}
    else:
        for parameter in list(inspect.signature(own).parameters.values())[1:]:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                continue
            value = _argument(keras, parameter.name)
            if value is None and parameter.default is parameter.empty:
                raise NoStep(f"its compile needs `{parameter.name}`")
            if value is not None:
                given[parameter.name] = value
    model.compile(**given)
    if "run_eagerly" in options:
        # Its own `compile` may know nothing of it; a step that is traced shows its flags once.
        model.run_eagerly = True
        model.jit_compile = False


def _argument(keras: Any, name: str) -> Any:
    """What an argument of `compile` may be, by its name; None if nothing is known."""
    words = name.lower()
    if "optimizer" in words or words.endswith("_opt") or words == "opt":
        return _optimizer(keras)
    if "loss" in words and "weight" not in words:
        return keras.losses.MeanSquaredError()
    if "metric" in words:
        return []
    return None


def _optimizer(keras: Any) -> Any:
    return keras.optimizers.Adam(_LEARNING_RATE)


def _forms(arrays: Any, outputs: Any) -> Iterator[tuple[Any, Any]]:
    """The inputs alone; the inputs and something like the outputs; the inputs and labels."""
    yield arrays, None
    if outputs is not None:
        yield arrays, outputs
        flat = _flatten(outputs)[0]
        yield arrays, np.zeros((flat.shape[0],), "int32")
