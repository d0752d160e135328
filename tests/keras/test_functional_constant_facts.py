"""`layer(x, training=True)` while a functional model is built, and what stands in for it (KF109).

Keras 3 keeps the constant as the argument of a bare call only: fit, predict, evaluate and any call with
the flag put their own value in its place. Keras 2 keeps it in all of them.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from nets import (
    ALWAYS,
    AS_IT_SHOULD,
    BATCH,
    fit,
    functional,
    phases_that_train,
    predict,
    saved_and_loaded,
    trained,
)

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]


def random(model: Any, **flag: bool) -> bool:
    return not np.allclose(model(BATCH, **flag), model(BATCH, **flag))


def random_in_predict(model: Any) -> bool:
    return not np.allclose(predict(model), predict(model))


def directly(keras: Any, inputs: Any) -> Any:
    return keras.layers.Dropout(0.5)(inputs, training=True)


def through_partial(keras: Any, inputs: Any) -> Any:
    return functools.partial(keras.layers.Dropout(0.5), training=True)(inputs)


def through_a_model(keras: Any, inputs: Any) -> Any:
    inner = functional(keras, lambda x: keras.layers.Dropout(0.5)(x))
    return inner(inputs, training=True)


@pytest.mark.parametrize(
    "build", [directly, through_partial, through_a_model], ids=lambda build: build.__name__
)
def test_constant_true_does_not_outlast_predict_under_keras_3(keras: Any, build: Any) -> None:
    net = functional(keras, functools.partial(build, keras))
    assert random_in_predict(net) is not keras.is_3
    assert random(net, training=False) is not keras.is_3
    assert random(net)
    assert random(net, training=True)


def test_constant_true_makes_batch_normalization_train_in_predict_only_under_keras_2(keras: Any) -> None:
    def build(keras: Any) -> Any:
        normalize = keras.layers.BatchNormalization()
        net = functional(keras, lambda x: normalize(x, training=True))
        net.normalize = normalize
        return net

    assert phases_that_train(build, keras) == (ALWAYS - {predict} if keras.is_3 else ALWAYS)


def test_constant_false_does_not_outlast_fit_under_keras_3_and_does_not_leak(keras: Any) -> None:
    fixed, later = keras.layers.BatchNormalization(), keras.layers.BatchNormalization()
    fit(functional(keras, lambda x: later(fixed(x, training=False))))
    assert trained(fixed) is keras.is_3
    assert trained(later)


def always_dropout(keras: Any, *, takes_flag: bool) -> type:
    """Two ways to write the repair; a class with the parameter fits wherever a Dropout did."""

    @keras.api.utils.register_keras_serializable(package=f"takes {takes_flag}")
    class AlwaysDropout(keras.layers.Dropout):  # type: ignore[misc]
        if takes_flag:

            def call(self, inputs, training=None):
                return super().call(inputs, training=True)

        else:

            def call(self, inputs):
                return super().call(inputs, training=True)

    return AlwaysDropout


@pytest.mark.parametrize("takes_flag", [True, False])
def test_a_subclass_that_fixes_the_mode_drops_everywhere_in_both_and_can_be_saved(
    keras: Any, takes_flag: bool, tmp_path: Path
) -> None:
    dropout = always_dropout(keras, takes_flag=takes_flag)
    later = keras.layers.Dropout(0.5)
    net = functional(keras, lambda x: dropout(0.5)(x))
    plain_behind = functional(keras, lambda x: later(dropout(0.0)(x)))
    for each in (net, saved_and_loaded(keras, net, tmp_path)):
        assert random_in_predict(each)
        for flag in ({}, {"training": True}, {"training": False}):
            assert random(each, **flag)
    assert not random_in_predict(plain_behind)


def test_it_also_does_so_in_sequential_and_subclassed_models_and_leaks_nothing(keras: Any) -> None:
    dropout = always_dropout(keras, takes_flag=True)

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.always, self.normalize = dropout(0.5), keras.layers.BatchNormalization()

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.normalize(self.always(x))

    assert random_in_predict(keras.api.Sequential([dropout(0.5)]))
    assert random_in_predict(Net())
    assert phases_that_train(lambda keras: Net(), keras) == AS_IT_SHOULD


def test_weights_of_a_model_with_dropout_load_into_the_repaired_one(keras: Any, tmp_path: Path) -> None:
    def build(dropout: Any) -> Any:
        dense, head = keras.layers.Dense(4), keras.layers.Dense(2)
        return functional(keras, lambda x: head(dropout(dense(x))))

    old, new = (build(kind(0.5)) for kind in (keras.layers.Dropout, always_dropout(keras, takes_flag=True)))
    old.save_weights(str(tmp_path / "model.weights.h5"))
    new.load_weights(str(tmp_path / "model.weights.h5"))
    for one, other in zip(old.trainable_variables, new.trainable_variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
