"""Whether the training flag arrives: what the rules take for granted about Keras, one sentence each.

Every test runs on Keras 3 (TensorFlow backend) and on Keras 2 (tf_keras), as installed, and says where they
differ; what came with Keras 3.10 is skipped before it.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import pytest
from nets import (
    Phase,
    bare_call,
    call_in_training,
    default_false,
    default_true,
    each_phase,
    evaluate,
    fit,
    from_3_10,
    model,
    nested,
    no_default,
    predict,
    robust,
    tape,
    trains,
    without_flag,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]

# --- Does the flag arrive? (design: KF101, KF102, KF108, KF111) --------------------------------------------


@each_phase
def test_the_robust_form_trains_in_fit_and_when_told_and_nowhere_else(keras: Any, phase: Phase) -> None:
    assert trains(robust, keras, phase) is (phase in (fit, call_in_training))


@each_phase
def test_a_call_without_the_flag_never_trains_in_fit_under_keras_3(keras: Any, phase: Phase) -> None:
    if phase is call_in_training:
        from_3_10(keras)
    expected = phase is call_in_training or (phase is fit and not keras.is_3)
    assert trains(without_flag, keras, phase) is expected


@each_phase
def test_default_true_makes_a_bare_call_train(keras: Any, phase: Phase) -> None:
    assert trains(default_true, keras, phase) is (phase in (fit, bare_call, call_in_training, tape))


def test_default_true_inside_a_model_without_the_flag_trains_in_predict_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x):
        return self.inner(x)

    assert trains(lambda keras: nested(keras, default_true(keras), call), keras, predict) is keras.is_3


@each_phase
def test_default_false_is_the_same_as_default_none_when_it_is_passed_on(keras: Any, phase: Phase) -> None:
    assert trains(default_false, keras, phase) is trains(robust, keras, phase)


@each_phase
@pytest.mark.parametrize("flag", ["takes and passes it", "takes it", "lacks it"])
def test_default_false_is_the_same_as_default_none_inside_another_model(
    keras: Any, phase: Phase, flag: str
) -> None:
    def passes(self, x, training=None):
        return self.inner(x, training=training)

    def takes(self, x, training=None):
        return self.inner(x)

    def lacks(self, x):
        return self.inner(x)

    call = {"takes and passes it": passes, "takes it": takes, "lacks it": lacks}[flag]
    assert trains(lambda keras: nested(keras, default_false(keras), call), keras, phase) is trains(
        lambda keras: nested(keras, robust(keras), call), keras, phase
    )


def test_without_a_default_a_bare_call_raises_under_keras_3(keras: Any) -> None:
    with pytest.raises(TypeError, match="training") if keras.is_3 else contextlib.nullcontext():
        bare_call(no_default(keras))


@pytest.mark.parametrize("phase", [fit, evaluate, predict], ids=lambda phase: phase.__name__)
def test_without_a_default_fit_evaluate_and_predict_work(keras: Any, phase: Phase) -> None:
    assert trains(no_default, keras, phase) is (phase is fit)


@pytest.mark.parametrize("default", [None, False], ids=str)
def test_a_flag_of_another_name_is_never_set_by_keras_3(keras: Any, default: bool | None) -> None:
    from_3_10(keras)

    def call(self, x, is_training=default):
        return self.normalize(x, training=is_training)

    # Keras 2 takes a None as "not given" and falls back to its own context.
    assert trains(lambda keras: model(keras, call), keras, fit) is (not keras.is_3 and default is None)


def test_a_flag_in_keyword_arguments_never_arrives_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x, **kwargs):
        return self.normalize(x, training=kwargs.get("training"))

    assert trains(lambda keras: model(keras, call), keras, fit) is not keras.is_3


@pytest.mark.parametrize("wrapped", [True, False], ids=["with wraps", "without wraps"])
def test_a_decorator_without_wraps_hides_the_flag_from_keras_3(keras: Any, wrapped: bool) -> None:
    from_3_10(keras)

    def decorator(function: Any) -> Any:
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return functools.wraps(function)(inner) if wrapped else inner

    @decorator
    def call(self, x, training=None):
        return self.normalize(x, training=training)

    assert trains(lambda keras: model(keras, call), keras, fit) is (wrapped or not keras.is_3)


# --- An explicit None blocks inheritance from Keras 3.10 on ------------------------------------------------


def test_a_helper_that_calls_bare_inherits_the_flag(keras: Any) -> None:
    def call(self, x, training=None):
        return self.block(x)

    def block(self, x):
        return self.normalize(x)

    assert trains(lambda keras: model(keras, call, block=block), keras, fit)


def test_a_helper_that_passes_an_unset_none_blocks_inheritance_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.block(x)

    def block(self, x, training=None):
        return self.normalize(x, training=training)

    assert trains(lambda keras: model(keras, call, block=block), keras, fit) is not keras.is_3


def test_a_parent_that_is_called_without_the_flag_blocks_inheritance_under_keras_3(keras: Any) -> None:
    from_3_10(keras)
    parent = type(robust(keras))

    def call(self, x, training=None):
        return parent.call(self, x)

    assert trains(lambda keras: model(keras, call, base=parent), keras, fit) is not keras.is_3


def test_a_literal_none_blocks_inheritance_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.normalize(x, training=None)

    assert trains(lambda keras: model(keras, call), keras, fit) is not keras.is_3


# --- A constant leaks to later bare siblings under Keras 3 (KF106, KF110) ----------------------------------


def test_false_for_one_layer_stops_later_bare_siblings_from_training_under_keras_3(keras: Any) -> None:
    def call(self, x, training=None):
        return self.normalize(self.drop(x, training=False))

    assert trains(lambda keras: model(keras, call), keras, fit) is not keras.is_3


def test_true_for_one_layer_makes_later_bare_siblings_train_in_predict_under_keras_3(keras: Any) -> None:
    def call(self, x, training=None):
        return self.normalize(self.drop(x, training=True))

    assert trains(lambda keras: model(keras, call), keras, predict) is keras.is_3


def test_a_constant_leaks_even_from_a_layer_that_ignores_it_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.normalize(self.project(x, training=False))

    assert trains(lambda keras: model(keras, call), keras, fit) is not keras.is_3


@pytest.mark.parametrize("constant", [True, False])
def test_a_constant_does_not_reach_a_later_sibling_that_is_given_the_flag(keras: Any, constant: bool) -> None:
    def call(self, x, training=None):
        return self.normalize(self.drop(x, training=constant), training=training)

    assert trains(lambda keras: model(keras, call), keras, fit)
    assert not trains(lambda keras: model(keras, call), keras, predict)


def test_a_constant_in_call_is_honoured_in_fit(keras: Any) -> None:
    def call(self, x, training=None):
        return self.normalize(x, training=False)

    assert not trains(lambda keras: model(keras, call), keras, fit)
