"""What hides `training` from Keras, and what makes it arrive (KF111): `**kwargs`, decorators, `super()`."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import pytest
from nets import (
    AS_IT_SHOULD,
    NEVER,
    WHEN_TOLD,
    bare_call,
    call_in_training,
    fit,
    from_3_10,
    model,
    phases_that_train,
    trained,
)

pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]


def robust(self, x, training=None):
    return self.normalize(self.project(x), training=training)


def bare(self, x, training=None):
    return self.normalize(self.project(x))


def no_flag(self, x):
    return self.normalize(self.project(x))


def default_false(self, x, training=False):
    return self.normalize(self.project(x), training=training)


# --- Collected arguments ----------------------------------------------------------------------------------


def gets_from_everything(self, *args, **kwargs):
    return self.normalize(self.project(args[0]), training=kwargs.get("training"))


def gets(self, x, **kwargs):
    return self.normalize(self.project(x), training=kwargs.get("training"))


def gets_false(self, x, **kwargs):
    return self.normalize(self.project(x), training=kwargs.get("training", False))


def forwards_everything(self, x, *args, **kwargs):
    return self.normalize(self.project(x), *args, **kwargs)


def forwards(self, x, **kwargs):
    return self.normalize(self.project(x), **kwargs)


def ignores_everything(self, *args, **kwargs):
    return self.normalize(self.project(args[0]))


def ignores(self, x, **kwargs):
    return self.normalize(self.project(x))


def names_it_too(self, x, training=None, **kwargs):
    return self.normalize(self.project(x), training=training)


def keyword_only(self, x, *, training=None):
    return self.normalize(self.project(x), training=training)


@pytest.mark.parametrize("call", [gets_from_everything, gets, gets_false], ids=lambda call: call.__name__)
def test_a_flag_that_is_looked_up_in_keyword_arguments_never_arrives_under_keras_3(
    keras: Any, call: Any
) -> None:
    from_3_10(keras)
    assert phases_that_train(lambda keras: model(keras, call), keras) == (
        NEVER if keras.is_3 else AS_IT_SHOULD
    )


@pytest.mark.parametrize(
    "call", [forwards, forwards_everything, ignores, ignores_everything], ids=lambda call: call.__name__
)
def test_collected_arguments_that_are_forwarded_or_ignored_are_as_a_call_without_the_flag(
    keras: Any, call: Any
) -> None:
    from_3_10(keras)
    assert phases_that_train(lambda keras: model(keras, call), keras) == (
        WHEN_TOLD if keras.is_3 else AS_IT_SHOULD
    )


def test_a_key_that_is_asked_for_without_a_default_is_missing_under_keras_3(keras_3: Any) -> None:
    def call(self, x, **kwargs):
        return self.normalize(x, training=kwargs["training"])

    with pytest.raises(KeyError, match="training"):
        call_in_training(model(keras_3, call))


@pytest.mark.parametrize("call", [names_it_too, keyword_only], ids=lambda call: call.__name__)
def test_the_parameter_mends_it_beside_collected_arguments_or_by_keyword_only(keras: Any, call: Any) -> None:
    assert phases_that_train(lambda keras: model(keras, call), keras) == AS_IT_SHOULD


# --- Decorators -------------------------------------------------------------------------------------------


def hides(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


def wraps(function):
    return functools.wraps(function)(hides(function))


def takes_inputs_only(function):
    def inner(self, x):
        return function(self, x)

    return inner


def takes_the_flag(function):
    def inner(self, x, training=None):
        return function(self, x, training=training)

    return inner


@pytest.mark.parametrize(
    ("decorator", "call", "under_3"),
    [
        (hides, robust, NEVER),
        (hides, bare, WHEN_TOLD),
        (takes_inputs_only, robust, NEVER),
        (takes_inputs_only, bare, WHEN_TOLD),
        (wraps, robust, AS_IT_SHOULD),
        (wraps, bare, AS_IT_SHOULD),
        (takes_the_flag, robust, AS_IT_SHOULD),
        (takes_the_flag, bare, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_keras_3_sees_the_flag_that_the_decorated_function_shows(
    keras: Any, decorator: Any, call: Any, under_3: Any
) -> None:
    from_3_10(keras)
    assert phases_that_train(lambda keras: model(keras, decorator(call)), keras) == (
        under_3 if keras.is_3 else AS_IT_SHOULD
    )


def test_wraps_does_not_mend_a_decorator_that_takes_the_inputs_only(keras: Any) -> None:
    net = model(keras, functools.wraps(robust)(takes_inputs_only(robust)))
    if keras.is_3:
        with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
            fit(net)
    else:
        fit(net)
        assert trained(net.normalize)


@pytest.mark.parametrize("decorator", [hides, wraps], ids=lambda decorator: decorator.__name__)
def test_a_decorator_that_hands_everything_on_gives_keras_2_a_flag_that_call_may_not_take(
    keras: Any, decorator: Any
) -> None:
    net = model(keras, decorator(no_flag))
    if keras.is_3:
        fit(net)
        assert not trained(net.normalize)
    else:
        with pytest.raises(TypeError, match="unexpected keyword argument 'training'"):
            fit(net)


# --- tf.function ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [robust, no_flag], ids=lambda call: call.__name__)
def test_a_graph_function_that_makes_its_variables_cannot_be_fitted_under_keras_3(
    keras: Any, tensorflow: ModuleType, call: Any
) -> None:
    net = model(keras, tensorflow.function(call))
    if keras.is_3:
        with pytest.raises(ValueError, match="No gradients provided for any variable"):
            fit(net)
    else:
        fit(net)
        assert trained(net.normalize)


@pytest.mark.parametrize("call", [robust, no_flag], ids=lambda call: call.__name__)
def test_a_graph_function_with_a_flag_works_where_the_variables_exist_before(
    keras: Any, tensorflow: ModuleType, call: Any
) -> None:
    def build(self, shape):
        self.project.build(shape)
        self.normalize.build(shape)
        self.built = True

    net = model(keras, tensorflow.function(call), build=build)
    bare_call(net)
    fit(net)
    # Without the flag the first call's mode is traced in, in Keras 2 too.
    assert trained(net.normalize) is (call is robust)


# --- super().call() ---------------------------------------------------------------------------------------


def says_nothing(self, x):
    return super(type(self), self).call(x)


def takes_it_and_says_nothing(self, x, training=None):
    return super(type(self), self).call(x)


def hands_everything_on(self, *args, **kwargs):
    return super(type(self), self).call(*args, **kwargs)


def passes_it_on(self, x, training=None):
    return super(type(self), self).call(x, training=training)


@pytest.mark.parametrize(
    ("child", "parent", "under_3", "under_2"),
    [
        (says_nothing, robust, NEVER, AS_IT_SHOULD),
        (takes_it_and_says_nothing, robust, NEVER, AS_IT_SHOULD),
        (hands_everything_on, robust, NEVER, AS_IT_SHOULD),
        (passes_it_on, robust, AS_IT_SHOULD, AS_IT_SHOULD),
        (says_nothing, default_false, NEVER, NEVER),
        (takes_it_and_says_nothing, default_false, NEVER, NEVER),
        (hands_everything_on, default_false, NEVER, AS_IT_SHOULD),
        (passes_it_on, default_false, AS_IT_SHOULD, AS_IT_SHOULD),
        # A parent that does not pass the flag on leaves it to be inherited.
        (says_nothing, bare, WHEN_TOLD, AS_IT_SHOULD),
        (takes_it_and_says_nothing, bare, AS_IT_SHOULD, AS_IT_SHOULD),
        (takes_it_and_says_nothing, no_flag, AS_IT_SHOULD, AS_IT_SHOULD),
        (None, robust, AS_IT_SHOULD, AS_IT_SHOULD),
        (None, no_flag, WHEN_TOLD, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_parent_of_ones_own_gets_what_its_child_passes(
    keras: Any, child: Any, parent: Any, under_3: Any, under_2: Any
) -> None:
    from_3_10(keras)
    base = type(model(keras, parent))
    assert phases_that_train(lambda keras: model(keras, child, base=base), keras) == (
        under_3 if keras.is_3 else under_2
    )


# --- A literal None ---------------------------------------------------------------------------------------


def test_a_literal_none_for_one_layer_stops_its_bare_siblings_too_under_keras_3(keras: Any) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.normalize(self.drop(x, training=None))

    assert phases_that_train(lambda keras: model(keras, call), keras) == (
        NEVER if keras.is_3 else AS_IT_SHOULD
    )


def test_a_sibling_that_is_given_the_flag_is_not_stopped_by_a_literal_none(keras: Any) -> None:
    def call(self, x, training=None):
        return self.normalize(self.drop(x, training=None), training=training)

    assert phases_that_train(lambda keras: model(keras, call), keras) == AS_IT_SHOULD
