"""KF304: what Keras 2 makes of its learning phase, and that the repairs do the same in Keras 2 and 3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from nets import BATCH, IMAGES, fit, predict, trained

import kerasfix
from kerasfix.analysis.loops.phases import WORDS

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras


@pytest.fixture
def phase(keras_2: Any) -> Iterator[Any]:
    """The backend of Keras 2, whose phase is as it was before when the test is over."""
    backend = keras_2.api.backend
    backend.clear_session()
    yield backend
    backend.clear_session()


def net(keras: Any, default: Any = None) -> Any:
    """A model whose `call` takes the flag, with a default."""

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.normalize = keras.layers.BatchNormalization()

        def call(self, x: Any, training: Any = default) -> Any:
            return self.normalize(x, training=training)

    return Net()


def subclass(keras: Any) -> Any:
    model = net(keras)
    return model, model.normalize


def without_flag(keras: Any) -> Any:
    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.normalize = keras.layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return self.normalize(x)

    model = Net()
    return model, model.normalize


def sequential(keras: Any) -> Any:
    model = keras.api.Sequential([keras.layers.BatchNormalization()])
    return model, model.layers[0]


def functional(keras: Any) -> Any:
    inputs = keras.api.Input((4,))
    normalize = keras.layers.BatchNormalization()
    return keras.api.Model(inputs, normalize(inputs)), normalize


KINDS = (subclass, without_flag, sequential, functional)
each_kind = pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)


# --- What Keras 2 does --------------------------------------------------------------------------------


def test_keras_3_has_none_of_the_names_and_keras_2_has_the_public_ones(keras_3: Any, keras_2: Any) -> None:
    assert not [name for name in WORDS if hasattr(keras_3.api.backend, name)]
    assert {name for name in WORDS if hasattr(keras_2.api.backend, name)} == WORDS - {
        "symbolic_learning_phase"
    }


@each_kind
@pytest.mark.parametrize("value", [0, 1])
def test_a_bare_call_runs_in_the_mode_that_is_set_and_an_explicit_flag_wins(
    keras_2: Any, phase: Any, make: Any, value: int
) -> None:
    phase.set_learning_phase(value)
    model, normalize = make(keras_2)
    model(BATCH, training=False)
    assert not trained(normalize)
    model(BATCH)
    assert trained(normalize) is bool(value)
    told, of_told = make(keras_2)
    told(BATCH, training=True)
    assert trained(of_told)


@each_kind
def test_without_a_setting_a_bare_call_is_inference(keras: Any, make: Any) -> None:
    model, normalize = make(keras)
    model(BATCH)
    assert not trained(normalize)


@each_kind
def test_fit_and_predict_do_not_ask_for_it(keras_2: Any, phase: Any, make: Any) -> None:
    model, normalize = make(keras_2)
    phase.set_learning_phase(1)
    predict(model)
    assert not trained(normalize)
    phase.set_learning_phase(0)
    fit(model)
    assert trained(normalize)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("default", [False, True])
def test_it_wins_over_the_default_of_call(keras_2: Any, phase: Any, default: bool, value: int) -> None:
    phase.set_learning_phase(value)
    model = net(keras_2, default)
    model(BATCH)
    assert trained(model.normalize) is bool(value)


@pytest.mark.parametrize("value", [None, 0, 1])
def test_it_turns_augmentation_off(keras_2: Any, phase: Any, value: int | None) -> None:
    if value is not None:
        phase.set_learning_phase(value)
    flip = keras_2.layers.RandomFlip(seed=1)
    changes = any(not np.array_equal(flip(IMAGES), IMAGES) for _ in range(5))
    assert changes is (value != 0)


@pytest.mark.parametrize("built", [None, 0, 1])
@pytest.mark.parametrize("later", [0, 1])
def test_a_functional_model_does_not_keep_the_phase_that_it_was_built_in(
    keras_2: Any, phase: Any, built: int | None, later: int
) -> None:
    if built is not None:
        phase.set_learning_phase(built)
    model, normalize = functional(keras_2)
    phase.set_learning_phase(later)
    model(BATCH)
    assert trained(normalize) is bool(later)


def test_a_call_of_a_submodel_within_call_has_the_mode_of_the_outer_one(keras_2: Any, phase: Any) -> None:
    inner = net(keras_2)

    class Outer(keras_2.api.Model):  # type: ignore[misc]
        def call(self, x: Any, training: Any = None) -> Any:
            return inner(x)

    phase.set_learning_phase(1)
    outer = Outer()
    outer(BATCH, training=False)
    assert not trained(inner.normalize)


def test_a_scope_puts_back_what_was_set(keras_2: Any, phase: Any) -> None:
    phase.set_learning_phase(1)
    model = net(keras_2)
    with phase.learning_phase_scope(0):
        model(BATCH)
    assert not trained(model.normalize)
    model(BATCH)
    assert trained(model.normalize)


def test_call_gets_a_phase_that_was_set_and_asks_only_where_none_was(keras_2: Any, phase: Any) -> None:
    asked: list[Any] = []

    class Asking(keras_2.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any, training: Any = None) -> Any:
            if training is None:
                asked.append(phase.learning_phase())
            return x

    layer = Asking()
    model = keras_2.api.Sequential([layer, keras_2.layers.Dense(4)])
    fit(model)
    predict(model)
    phase.set_learning_phase(1)
    layer(BATCH)
    phase.set_learning_phase(0)
    layer(BATCH)
    assert not asked
    phase.clear_session()
    layer(BATCH)
    assert asked == [0]


def test_a_choice_calls_what_can_be_called(phase: Any) -> None:
    assert phase.in_train_phase(1, 2) == 2
    assert phase.in_train_phase(lambda: 1, lambda: 2, training=True) == 1
    assert phase.in_test_phase(1, 2, training=True) == 2


GRAPH = """
import numpy as np
import tensorflow as tf
tf.compat.v1.disable_eager_execution()
import tf_keras as keras
K = keras.backend
data = np.full((8, 4), 3.0, "float32")
for made, later in ((0, 1), (1, 0)):
    K.clear_session()
    K.set_learning_phase(made)
    inputs = keras.Input((4,))
    normalize = keras.layers.BatchNormalization()
    model = keras.Model(inputs, keras.layers.Dense(4)(normalize(inputs)))
    K.set_learning_phase(later)
    model.compile("sgd", "mse")
    model.fit(data, data, verbose=0)
    print(bool(K.get_value(normalize.moving_mean).any()))
"""


def test_in_a_graph_of_tensorflow_1_a_model_keeps_the_phase_that_it_was_made_in(keras_2: Any) -> None:
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", GRAPH], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


# --- What the repairs do ------------------------------------------------------------------------------

NORMALIZED = """
{model}
K.set_learning_phase(1)
y = model(data)
K.set_learning_phase(0)
z = model(data + 5.0)
"""
MODELS = {
    "sequential": "model = keras.Sequential([layers.BatchNormalization(), layers.Dropout(0.5)])",
    "functional": """\
inputs = keras.Input((4,))
model = keras.Model(inputs, layers.Dropout(0.5)(layers.BatchNormalization()(inputs)))
""",
    "subclass": """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.normalize, self.drop = layers.BatchNormalization(), layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.normalize(x, training=training), training=training)


model = Net()
""",
}


def program(keras: Any, body: str) -> str:
    name = keras.api.__name__
    return f"import {name} as keras\nfrom {name} import layers\nfrom {name} import backend as K\n{body}"


def mended(text: str) -> str:
    fixed = kerasfix.fix(text).text
    assert "learning_phase" not in fixed
    assert kerasfix.fix(fixed).text == fixed
    return fixed


def run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program", "data": BATCH}
    exec(compile(text, "program", "exec"), names)
    return names


def seen(names: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Whether the statistics moved, the first call dropped something, and the second did."""
    moved = any(
        np.abs(np.asarray(weight)).max() > 1e-6
        for weight in names["model"].non_trainable_weights
        if "moving_mean" in weight.name
    )
    return moved, bool((np.asarray(names["y"]) == 0.0).any()), bool((np.asarray(names["z"]) == 0.0).any())


@pytest.mark.parametrize("kind", MODELS)
def test_after_the_repair_each_call_is_in_the_mode_that_was_set(keras: Any, phase: Any, kind: str) -> None:
    text = program(keras, NORMALIZED.format(model=MODELS[kind]))
    if keras.is_3:
        with pytest.raises(AttributeError, match="set_learning_phase"):
            run(text)
    else:
        assert seen(run(text)) == (True, True, False)
        phase.clear_session()
    assert seen(run(mended(text))) == (True, True, False)


@pytest.mark.parametrize("kind", MODELS)
def test_without_the_setting_and_the_flag_nothing_would_train(keras: Any, phase: Any, kind: str) -> None:
    """What the test above sees is the flag's doing."""
    lines = NORMALIZED.format(model=MODELS[kind]).splitlines()
    text = "\n".join(line for line in lines if "learning_phase" not in line)
    assert seen(run(program(keras, text))) == (False, False, False)


AUGMENTED = """
flip = layers.RandomFlip(seed=1)
K.set_learning_phase(0)
same = [flip(data) for _ in range(5)]
"""


def test_augmentation_stays_off_after_the_repair(keras: Any, phase: Any) -> None:
    text = mended(program(keras, AUGMENTED)).replace(
        "import layers", "import layers\nfrom nets import IMAGES as data"
    )
    names: dict[str, Any] = {}
    exec(compile(text, "program", "exec"), names)
    assert all(np.array_equal(each, IMAGES) for each in names["same"])


ASKING = """
class Noise(layers.Layer):
    def call(self, x, training=None):
        if training is None:
            training = K.learning_phase()
        return x + 1.0 if training else x


model = keras.Sequential([Noise()])
bare, told = model(data), model(data, training=True)
model.compile("sgd", "mse")
predicted = model.predict(data, verbose=0)
"""


def test_a_layer_that_asked_for_the_phase_gives_what_it_gave(keras: Any, phase: Any) -> None:
    names = run(mended(program(keras, ASKING)))
    if not keras.is_3:
        before = run(program(keras, ASKING))
        for name in ("bare", "told", "predicted"):
            np.testing.assert_array_equal(names[name], before[name])
    np.testing.assert_array_equal(names["bare"], BATCH)
    np.testing.assert_array_equal(names["told"], BATCH + 1.0)
    np.testing.assert_array_equal(names["predicted"], BATCH)
