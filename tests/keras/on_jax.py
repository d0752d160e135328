"""Run with KERAS_BACKEND=jax: prints as JSON in which phases each model trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import nets
from nets import layer, model, nested

KERAS = SimpleNamespace(api=keras, layers=keras.layers, is_3=True)


def subclassed(call: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda keras: model(keras, call)


def around(inner: Callable[..., Any], outer: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda keras: nested(keras, layer(keras, inner), outer)


def in_sequential(keras: Any) -> Any:
    own = layer(keras, bare)
    net = keras.api.Sequential([keras.layers.Dense(4), own])
    net.normalize = own.normalize
    return net


def in_functional(keras: Any) -> Any:
    own, inputs = layer(keras, bare), keras.api.Input((4,))
    net = keras.api.Model(inputs, own(inputs))
    net.normalize = own.normalize
    return net


def bare(self, x):
    return self.normalize(self.project(x))


def takes(self, x, training=None):
    return self.normalize(self.project(x))


def passes(self, x, training=None):
    return self.normalize(self.project(x), training=training)


def default_false(self, x, training=False):
    return self.normalize(self.project(x), training=training)


def default_true(self, x, training=True):
    return self.normalize(self.project(x), training=training)


def default_true_bare(self, x, training=True):
    return self.normalize(self.project(x))


def other_name(self, x, is_training=None):
    return self.normalize(self.project(x), training=is_training)


def keyword_arguments(self, x, **kwargs):
    return self.normalize(self.project(x), **kwargs)


def behind_false(self, x, training=None):
    return self.normalize(self.drop(x, training=False))


def behind_true(self, x, training=None):
    return self.normalize(self.drop(x, training=True))


def constant_true(self, x, training=None):
    return self.normalize(x, training=True)


def behind_false_given(self, x, training=None):
    return self.normalize(self.drop(x, training=False), training=training)


def behind_given(self, x, training=None):
    return self.normalize(self.drop(x, training=training))


def outer_bare(self, x, training=None):
    return self.inner(x)


def outer_passes(self, x, training=None):
    return self.inner(x, training=training)


MODELS: dict[str, Callable[[Any], Any]] = {
    **{
        call.__name__: subclassed(call)
        for call in (
            bare,
            takes,
            passes,
            default_false,
            default_true,
            default_true_bare,
            other_name,
            keyword_arguments,
            behind_false,
            behind_true,
            constant_true,
            behind_false_given,
            behind_given,
        )
    },
    "block called bare": around(passes, outer_bare),
    "block given the flag": around(passes, outer_passes),
    "block without the flag given it": around(bare, outer_passes),
    "block in Sequential": in_sequential,
    "block in a functional model": in_functional,
}


if __name__ == "__main__":
    trained = {
        name: [phase.__name__ for phase in nets.phases_that_train(build, KERAS)]
        for name, build in MODELS.items()
    }
    print(json.dumps({"version": keras.__version__, "backend": keras.backend.backend(), "trained": trained}))
