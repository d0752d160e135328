"""The models of KF206's own cases, run: what is said to starve gets no gradient, all else gets one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from kerasfix.analysis.program import Program
from kerasfix.rules.base import HEADER, Case
from kerasfix.rules.kf206_gradient_blocker import RULE
from kerasfix.source import Source

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]

# The models that take any image. Left out: those that only act, and those with something unknown in them.
RUNS = "class Net(keras.Model)"
IMAGES = np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype("float32")


def cases(kind: str) -> list[object]:
    found = [case for case in getattr(RULE, kind) if RUNS in case.source and "def call(" in case.source]
    return [pytest.param(case, id=case.why) for case in found if "unknown(" not in case.source]


def starving(case: Case, keras: Any, tf: ModuleType) -> set[str]:
    """The attributes of the layers of which no variable gets a gradient other than zero."""
    only = "keras.backend." if keras.is_3 else "keras.ops."
    if only in case.source:
        pytest.skip(f"{keras.api.__name__} has no {only}")
    names: dict[str, Any] = {"tf": tf, "keras": keras.api, "layers": keras.layers}
    exec(compile(case.source, case.why, "exec"), names)
    net = names["Net"]()
    takes_flag = "training=None" in case.source
    with tf.GradientTape() as tape:
        made = net.call(tf.constant(IMAGES), **({"training": True} if takes_flag else {}))
        loss = sum(tf.reduce_sum(tf.cast(each, tf.float32) ** 2) for each in tf.nest.flatten(made))
    variables = variables_of(net, keras)
    gradients = tape.gradient(loss, variables)
    return {name for name, found in gradients.items() if not any(map(is_felt, found))}


def variables_of(net: Any, keras: Any) -> dict[str, list[Any]]:
    """The variables of the layers that each attribute holds; of those that have some."""
    found = {}
    for name, value in vars(net).items():
        held = value if isinstance(value, list) else [value]
        layers = [each for each in held if isinstance(each, keras.layers.Layer)]
        found[name] = [variable for layer in layers for variable in layer.trainable_variables]
    return {
        name: [getattr(each, "value", each) if keras.is_3 else each for each in variables]
        for name, variables in found.items()
        if variables and not name.startswith("_")
    }


def is_felt(gradient: Any) -> bool:
    import tensorflow as tf

    # An Embedding gets slices.
    return gradient is not None and bool(np.any(tf.convert_to_tensor(gradient).numpy()))


def said(case: Case) -> set[str]:
    program = Program.of(Source(HEADER + case.source))
    return {name for finding in RULE.check(program) for name in finding.loses}


@pytest.mark.parametrize("case", cases("invalid"))
def test_the_layers_that_are_named_get_no_gradient_and_no_others_do(
    case: Case, keras: Any, tensorflow: ModuleType
) -> None:
    if "train_step" in case.source:
        pytest.skip("a loss, not a model")
    starved = said(case)
    assert starved
    assert starving(case, keras, tensorflow) == starved


@pytest.mark.parametrize("case", cases("valid"))
def test_no_layer_starves_where_nothing_is_said(case: Case, keras: Any, tensorflow: ModuleType) -> None:
    if "train_step" in case.source or "act(" in case.source:
        pytest.skip("its layers are trained elsewhere")
    assert starving(case, keras, tensorflow) == set()
