"""`base(x, training=False)` while a functional model is built, and what stands in for it (KF109).

Keras 3 trains the BatchNormalization of an unfrozen base in fit all the same. A layer around the base that
calls it with the constant keeps its averages in both, trains its weights, and can be saved and loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nets import (
    BATCH,
    TARGETS,
    bare_call,
    call_in_training,
    fit,
    functional,
    layer,
    saved_and_loaded,
    trained,
    trains,
)

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
    pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning"),
]


def base_model(keras: Any, kind: str = "functional") -> Any:
    steps = [keras.layers.Dense(4, name="dense"), keras.layers.BatchNormalization(name="norm")]
    if kind == "Sequential":
        return keras.api.Sequential([keras.api.Input((4,)), *steps], name="base")
    inputs = keras.api.Input((4,))
    return keras.api.Model(inputs, steps[1](steps[0](inputs)), name="base")


def moved_in_fit(net: Any, base: Any) -> tuple[bool, bool]:
    """Whether the base's BatchNormalization moved its averages, and whether its weights trained."""
    dense, norm = base.get_layer("dense"), base.get_layer("norm")
    before = [weight.numpy() for weight in (dense.kernel, norm.gamma)]
    net.compile("sgd", "mse", run_eagerly=True)
    net.fit(BATCH, TARGETS + 3.0, batch_size=8, epochs=1, verbose=0)
    after = (dense.kernel, norm.gamma)
    changed = [not np.array_equal(old, new.numpy()) for old, new in zip(before, after, strict=True)]
    assert len(set(changed)) == 1
    return trained(norm), changed[0]


def test_an_unfrozen_base_with_constant_false_moves_its_averages_in_fit_under_keras_3(keras: Any) -> None:
    base, head = base_model(keras), keras.layers.Dense(4)
    net = functional(keras, lambda x: head(base(x, training=False)))
    assert moved_in_fit(net, base) == (keras.is_3, True)


@pytest.mark.parametrize("constant", [{"training": False}, {}], ids=["training=False", "bare"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_frozen_base_stays_as_it_is_in_both(keras: Any, constant: Any, when: str) -> None:
    base, head = base_model(keras), keras.layers.Dense(4)
    base.trainable = when == "after"
    net = functional(keras, lambda x: head(base(x, **constant)))
    base.trainable = False
    assert moved_in_fit(net, base) == (False, False)


@pytest.mark.parametrize("frozen", ["layer", "model"])
def test_frozen_batch_normalization_does_not_train_even_when_told(keras: Any, frozen: str) -> None:
    def build(keras: Any) -> Any:
        made = layer(keras, lambda self, x, training=None: self.normalize(x, training=training))
        (made if frozen == "model" else made.normalize).trainable = False
        return made

    assert not trains(build, keras, call_in_training)


def wrapper(keras: Any) -> type:
    """Keras' Wrapper saves and loads what it wraps; a bare Layer needs get_config and from_config for it."""

    @keras.api.utils.register_keras_serializable(package="wrapper")
    class InferenceMode(keras.layers.Wrapper):  # type: ignore[misc]
        def call(self, inputs):
            return self.layer(inputs, training=False)

    return InferenceMode


def wrapper_with_flag(keras: Any) -> type:
    @keras.api.utils.register_keras_serializable(package="wrapper with flag")
    class InferenceMode(keras.layers.Wrapper):  # type: ignore[misc]
        def call(self, inputs, training=None):
            return self.layer(inputs, training=False)

    return InferenceMode


def own_layer(keras: Any) -> type:
    serialize = keras.api.saving.serialize_keras_object
    deserialize = keras.api.saving.deserialize_keras_object

    @keras.api.utils.register_keras_serializable(package="own layer")
    class InferenceMode(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, layer: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs, training=False)

        def get_config(self):
            return {**super().get_config(), "layer": serialize(self.layer)}

        @classmethod
        def from_config(cls, config):
            return cls(deserialize(config.pop("layer")), **config)

    return InferenceMode


each_form = pytest.mark.parametrize(
    "form", [wrapper, wrapper_with_flag, own_layer], ids=lambda form: form.__name__
)


@each_form
@pytest.mark.parametrize("kind", ["functional", "Sequential"])
def test_a_layer_that_fixes_inference_keeps_the_averages_and_trains_the_weights_in_both(
    keras: Any, form: Any, kind: str, tmp_path: Path
) -> None:
    fixed, head = form(keras)(base_model(keras, kind), name="fixed"), keras.layers.Dense(4)
    net = functional(keras, lambda x: head(fixed(x)))
    assert moved_in_fit(net, fixed.layer) == (False, True)
    loaded = saved_and_loaded(keras, net, tmp_path)
    np.testing.assert_allclose(bare_call(loaded), bare_call(net), rtol=1e-5)
    assert moved_in_fit(loaded, loaded.get_layer("fixed").layer) == (False, True)


@each_form
def test_behind_it_the_head_of_a_functional_model_trains_a_bare_one_of_a_subclassed_model_does_not(
    keras: Any, form: Any
) -> None:
    """The mode leaks out of it; Keras 3 gives the flag again to each layer of a functional model only."""

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fixed = form(keras)(base_model(keras))
            self.head = keras.layers.BatchNormalization()

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.head(self.fixed(x))

    fixed, head = form(keras)(base_model(keras)), keras.layers.BatchNormalization()
    fit(functional(keras, lambda x: head(fixed(x))))
    assert trained(head)
    net = Net()
    fit(net)
    assert trained(net.head) is not keras.is_3


def test_weights_saved_before_do_not_load_into_a_model_with_the_wrapper(keras: Any, tmp_path: Path) -> None:
    def build(wrap: Any) -> Any:
        base, head = base_model(keras), keras.layers.Dense(4)
        return functional(keras, lambda x: head(wrap(base)(x)))

    old, new = build(lambda base: base), build(wrapper(keras))
    old.save_weights(str(tmp_path / "model.weights.h5"))
    with pytest.raises(ValueError, match="expected 2 variables"):
        new.load_weights(str(tmp_path / "model.weights.h5"))
    new.set_weights(old.get_weights())  # the order is the same
    np.testing.assert_allclose(bare_call(new), bare_call(old), rtol=1e-5)
