"""A flag under another name (KF105), and `__call__` in the place of `call` (KF107)."""

from __future__ import annotations

from typing import Any

import pytest
from nets import (
    ALWAYS,
    AS_IT_SHOULD,
    BATCH,
    NEVER,
    WHEN_TOLD,
    bare_call,
    call_in_training,
    evaluate,
    fit,
    from_3_10,
    layer,
    model,
    nested,
    phases_that_train,
    predict,
    tape,
    trains,
    without_flag,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]


def robust(self, x, training=None):
    return self.normalize(self.project(x), training=training)


# --- Another name (KF105) ---------------------------------------------------------------------------------


def is_training_none(self, x, is_training=None):
    return self.normalize(self.project(x), training=is_training)


def is_training_false(self, x, is_training=False):
    return self.normalize(self.project(x), training=is_training)


def train_true(self, x, train=True):
    return self.normalize(self.project(x), training=train)


def mode_train(self, x, mode="train"):
    return self.normalize(self.project(x), training=mode == "train")


@pytest.mark.parametrize(
    ("call", "under_3", "under_2"),
    [
        (is_training_none, NEVER, AS_IT_SHOULD),  # Keras 2 takes a None as "not given"
        (is_training_false, NEVER, NEVER),
        (train_true, ALWAYS, ALWAYS),
        (mode_train, ALWAYS, ALWAYS),
        (robust, AS_IT_SHOULD, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_flag_of_another_name_keeps_its_default_whatever_runs(
    keras: Any, call: Any, under_3: Any, under_2: Any
) -> None:
    from_3_10(keras)
    assert phases_that_train(lambda keras: model(keras, call), keras) == (under_3 if keras.is_3 else under_2)


@pytest.mark.parametrize("default", [None, False, True], ids=str)
def test_a_flag_of_another_name_that_is_not_passed_on_is_no_flag(keras: Any, default: bool | None) -> None:
    def call(self, x, isTraining=default):
        return self.normalize(self.project(x))

    assert phases_that_train(lambda keras: model(keras, call), keras) == phases_that_train(
        without_flag, keras
    )


@pytest.mark.parametrize("passed", [True, False], ids=["given training", "bare"])
@pytest.mark.parametrize(
    ("call", "under_3", "under_2"),
    [
        (is_training_none, NEVER, AS_IT_SHOULD),
        (is_training_false, NEVER, NEVER),
        (train_true, ALWAYS, ALWAYS),
        (robust, AS_IT_SHOULD, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_model_that_takes_the_flag_cannot_hand_it_to_a_layer_that_has_another_name_for_it(
    keras: Any, call: Any, under_3: Any, under_2: Any, passed: bool
) -> None:
    from_3_10(keras)

    def passes(self, x, training=None):
        return self.inner(x, training=training)

    def bare(self, x, training=None):
        return self.inner(x)

    assert phases_that_train(
        lambda keras: nested(keras, layer(keras, call), passes if passed else bare), keras
    ) == (under_3 if keras.is_3 else under_2)


# --- `__call__` (KF107) -----------------------------------------------------------------------------------


def no_flag(self, x):
    return self.normalize(self.project(x))


def takes_flag(self, x, training=None):
    return self.normalize(self.project(x))


def overriding(dunder_call: Any) -> Any:
    return lambda keras: model(keras, None, __call__=dunder_call)


def test_call_with_underscores_that_takes_no_flag_never_trains_under_keras_3(keras_3: Any) -> None:
    for phase in (fit, evaluate, predict, bare_call, tape):
        assert not trains(overriding(no_flag), keras_3, phase)


@pytest.mark.parametrize("phase", [fit, evaluate, predict], ids=lambda phase: phase.__name__)
def test_call_with_underscores_that_takes_no_flag_cannot_be_fitted_under_keras_2(
    keras_2: Any, phase: Any
) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
        phase(overriding(no_flag)(keras_2))


def test_call_with_underscores_that_takes_no_flag_cannot_be_given_one(keras: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
        call_in_training(overriding(no_flag)(keras))


@pytest.mark.parametrize(
    ("dunder_call", "under_3", "under_2"),
    [(robust, WHEN_TOLD, AS_IT_SHOULD), (takes_flag, NEVER, NEVER)],
    ids=["passes it on", "leaves it at that"],
)
def test_call_with_underscores_is_not_told_by_fit_and_nothing_in_it_inherits_the_flag(
    keras: Any, dunder_call: Any, under_3: Any, under_2: Any
) -> None:
    assert phases_that_train(overriding(dunder_call), keras) == (under_3 if keras.is_3 else under_2)


@pytest.mark.parametrize("method", [no_flag, takes_flag, robust], ids=lambda method: method.__name__)
def test_renamed_to_call_with_the_flag_passed_on_it_trains(keras: Any, method: Any) -> None:
    """The repair changes the name and the flag at once: the name alone leaves `no_flag` to KF101."""
    renamed = phases_that_train(lambda keras: model(keras, method), keras)
    if method is not no_flag:
        assert renamed == AS_IT_SHOULD
    elif keras.is_3:
        assert fit not in renamed


@pytest.mark.parametrize("passes", [True, False], ids=["passes it on", "drops it"])
def test_call_with_underscores_that_only_adds_to_the_inherited_one_must_pass_the_flag_on(
    keras: Any, passes: bool
) -> None:
    parent = type(model(keras, robust))

    def dunder_call(self, x, training=None):
        return parent.__call__(self, x, training=training) if passes else parent.__call__(self, x)

    def build(keras: Any) -> Any:
        return model(keras, None, base=parent, __call__=dunder_call)

    assert phases_that_train(build, keras) == (AS_IT_SHOULD if passes else NEVER)


def test_a_layer_with_underscores_and_no_flag_inherits_and_must_not_be_given_the_flag(keras: Any) -> None:
    def bare(self, x, training=None):
        return self.inner(x)

    def passes(self, x, training=None):
        return self.inner(x, training=training)

    def around(call: Any) -> Any:
        return lambda keras: nested(keras, layer(keras, None, __call__=no_flag), call)

    assert phases_that_train(around(bare), keras) == AS_IT_SHOULD
    with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
        around(passes)(keras)(BATCH)


@pytest.mark.parametrize("passed", [True, False], ids=["given training", "bare"])
def test_a_layer_with_underscores_that_passes_the_flag_on_needs_to_be_given_it(
    keras: Any, passed: bool
) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.inner(x, training=training) if passed else self.inner(x)

    def build(keras: Any) -> Any:
        return nested(keras, layer(keras, None, __call__=robust), call)

    assert phases_that_train(build, keras) == (AS_IT_SHOULD if passed or not keras.is_3 else NEVER)
