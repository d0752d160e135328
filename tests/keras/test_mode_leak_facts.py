"""A mode of one layer's own becomes that of later bare siblings under Keras 3 (KF110).

What leaks is the last value that any layer was given, or took from its default, before the bare call. It
ends where the outermost call ends, and at the next sibling that is given the flag.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from nets import (
    ALWAYS,
    AS_IT_SHOULD,
    BATCH,
    IMAGES,
    bare_call,
    fit,
    from_3_10,
    layer,
    model_with,
    normalization,
    phases_that_train,
    predict,
    tape,
    trained,
    trains,
    unlike_inference,
)

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]

Build = Callable[[Any], Any]


# --- Which siblings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("phase", [fit, predict, bare_call], ids=lambda phase: phase.__name__)
def test_dropout_behind_a_constant_takes_the_constant_under_keras_3(
    keras: Any, phase: Any, constant: bool
) -> None:
    def call(self, x, training=None):
        return self.drop(self.norm(self.project(x), training=constant))

    def build(keras: Any) -> Any:
        net = model_with(keras, call, norm=normalization)
        net.norm.trainable = False  # so that Dropout alone decides what comes out
        return net

    dropped = unlike_inference(build, keras, phase)
    # Under Keras 3 training=False does not switch it off either, so that the reference is random too.
    assert dropped is (constant if keras.is_3 else phase is fit)


def conv(keras: Any) -> Any:
    steps = [keras.layers.Reshape((2, 2)), keras.layers.Conv1D(2, 1), keras.layers.Flatten()]
    return keras.api.Sequential(steps)


def functional_base(keras: Any) -> Any:
    inputs = keras.api.Input((4,))
    return keras.api.Model(inputs, keras.layers.Dense(4)(inputs))


GIVEN_FALSE: dict[str, Build] = {
    "Dense": lambda keras: keras.layers.Dense(4),
    "ReLU": lambda keras: keras.layers.ReLU(),
    "LayerNormalization": lambda keras: keras.layers.LayerNormalization(),
    "BatchNormalization": normalization,
    "a Sequential model with a convolution": conv,
    "a functional model": functional_base,
    "a layer of one's own without the flag": lambda keras: layer(keras, lambda self, x: self.project(x)),
}


@pytest.mark.parametrize("first", GIVEN_FALSE)
def test_whatever_layer_is_given_the_constant_it_leaks(keras: Any, first: str) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.normalize(self.first(x, training=False))

    def build(keras: Any) -> Any:
        return model_with(keras, call, first=GIVEN_FALSE[first])

    assert trains(build, keras, fit) is not keras.is_3


def arguments_of_one_call(self, x, training=None):
    return self.norm(x, training=False) + self.normalize(x)


def in_an_untaken_branch(self, x, training=None):
    if self.never:
        x = self.norm(x, training=False)
    return self.normalize(x)


def where_not_training(self, x, training=None):
    if not training:
        x = self.norm(x, training=False)
    return self.normalize(x)


def before_it(self, x, training=None):
    return self.norm(self.normalize(x), training=False)


def before_it_in_one_call(self, x, training=None):
    return self.normalize(x) + self.norm(x, training=False)


def in_a_loop(self, x, training=None):
    for each in (self.project, self.norm):
        x = each(x, training=False)
    return self.normalize(x)


def from_an_attribute(self, x, training=None):
    return self.normalize(self.norm(x, training=self.never))


def the_other_way_round(self, x, training=None):
    return self.normalize(self.norm(x, training=not training))


def the_same_as_a_bool(self, x, training=None):
    return self.normalize(self.norm(x, training=bool(training)))


@pytest.mark.parametrize(
    ("call", "leaks"),
    [
        (arguments_of_one_call, True),
        (in_a_loop, True),
        (from_an_attribute, True),
        (the_other_way_round, True),
        (in_an_untaken_branch, False),
        (where_not_training, False),
        (before_it, False),
        (before_it_in_one_call, False),
        (the_same_as_a_bool, False),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_only_what_ran_before_the_bare_call_leaks(keras: Any, call: Any, leaks: bool) -> None:
    def build(keras: Any) -> Any:
        return model_with(keras, call, norm=normalization, never=lambda keras: False)

    assert trains(build, keras, fit) is not (leaks and keras.is_3)


# --- Defaults leak as constants do ------------------------------------------------------------------------


def default_true(self, x, training=True):
    return self.project(x)


def without_flag(self, x):
    return self.normalize(self.block(x))


def with_flag(self, x, training=None):
    return self.normalize(self.block(x))


@pytest.mark.parametrize(
    ("call", "phase"),
    [(without_flag, predict), (without_flag, bare_call), (with_flag, bare_call), (with_flag, tape)],
    ids=lambda value: value.__name__,
)
def test_the_default_true_of_one_layer_makes_later_siblings_train_under_keras_3(
    keras: Any, call: Any, phase: Any
) -> None:
    from_3_10(keras)

    def build(keras: Any) -> Any:
        return model_with(keras, call, block=lambda keras: layer(keras, default_true))

    assert trains(build, keras, phase) is keras.is_3


def flips_bare(self, x):
    return self.normalize(self.flip(x[:, None, :, None])[:, 0, :, 0])


def flips_bare_with_the_flag(self, x, training=None):
    return self.normalize(self.flip(x[:, None, :, None])[:, 0, :, 0])


def gives_it_the_flag(self, x, training=None):
    return self.normalize(self.flip(x[:, None, :, None], training=training)[:, 0, :, 0])


@pytest.mark.parametrize(
    ("call", "under_3"),
    [
        (flips_bare, ALWAYS),
        (flips_bare_with_the_flag, AS_IT_SHOULD | {bare_call}),
        (gives_it_the_flag, AS_IT_SHOULD),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bare_augmentation_layer_leaks_its_default_too(keras: Any, call: Any, under_3: Any) -> None:
    from_3_10(keras)

    def build(keras: Any) -> Any:
        return model_with(keras, call, flip=lambda keras: keras.layers.RandomFlip())

    assert phases_that_train(build, keras) == (under_3 if keras.is_3 else AS_IT_SHOULD)


def test_an_augmentation_layer_behind_a_layer_with_default_false_augments_only_under_keras_2(
    keras: Any,
) -> None:
    def call(self, x):
        return self.flip(self.drop(x))

    net = model_with(keras, call, flip=lambda keras: keras.layers.RandomFlip())
    assert bool(np.any(np.asarray(net(IMAGES)) != IMAGES)) is not keras.is_3


# --- Where it ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [True, False])
def test_the_flag_at_one_sibling_mends_the_bare_ones_behind_it_too(keras: Any, constant: bool) -> None:
    from_3_10(keras)

    def call(self, x, training=None):
        return self.normalize(self.drop(self.norm(x, training=constant), training=training))

    def build(keras: Any) -> Any:
        return model_with(keras, call, norm=normalization)

    assert phases_that_train(build, keras) == AS_IT_SHOULD


def test_a_leak_does_not_outlive_the_call_of_the_model(keras: Any) -> None:
    def call(self, x, training=None):
        return self.norm(self.normalize(x), training=True)

    net = model_with(keras, call, norm=normalization)
    for phase in (bare_call, predict, bare_call, predict):
        phase(net)
    assert trained(net.norm)
    assert not trained(net.normalize)


def test_nothing_leaks_between_calls_that_no_other_layer_is_around(keras: Any) -> None:
    first, second = normalization(keras), normalization(keras)
    first(BATCH, training=True)
    second(BATCH)
    assert trained(first)
    assert not trained(second)


def test_nothing_leaks_between_calls_in_a_train_step(keras: Any, tensorflow: ModuleType) -> None:
    class Own(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = normalization(keras), normalization(keras)

        def call(self, x: Any, training: bool | None = None) -> Any:
            return x

        def train_step(self, data: Any) -> Any:
            self.second(self.first(data[0], training=True))
            return {"loss": tensorflow.constant(0.0)}

    own = Own()
    own(BATCH)
    fit(own)
    assert trained(own.first)
    assert not trained(own.second)
