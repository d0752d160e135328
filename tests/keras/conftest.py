"""The installed Keras 3 and Keras 2, imported once, in this process.

This folder has no __init__.py and must not get one: it would stand in for the module `keras`.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest


@dataclass(frozen=True)
class Keras:
    """One generation of Keras.

    Attributes:
        api: The module, as a program imports it.
        version: (major, minor).
    """

    api: ModuleType
    version: tuple[int, int]

    @property
    def is_3(self) -> bool:
        return self.version >= (3, 0)

    @property
    def layers(self) -> Any:
        return self.api.layers


@pytest.fixture(scope="session")
def tensorflow() -> ModuleType:
    """TensorFlow, whose `tf.keras` is Keras 2: tf_keras' SpectralNormalization asks for `tf.keras`.

    The variables are taken back at once, for the child processes that other tests start.
    """
    wanted = {"TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        module = pytest.importorskip("tensorflow")
        for name in ("keras", "tf_keras"):
            pytest.importorskip(name)
        for namespace in (module, module.compat.v2):  # each binds its `keras` on first use
            assert "tf_keras" in namespace.keras.layers.Layer.__module__
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return module


def _keras(name: str) -> Keras:
    api = importlib.import_module(name)
    major, minor = api.__version__.split(".")[:2]
    return Keras(api, (int(major), int(minor)))


@pytest.fixture(scope="session")
def keras_3(tensorflow: ModuleType) -> Keras:
    return _keras("keras")


@pytest.fixture(scope="session")
def keras_2(tensorflow: ModuleType) -> Keras:
    return _keras("tf_keras")


@pytest.fixture(params=["keras_3", "keras_2"])
def keras(request: pytest.FixtureRequest) -> Keras:
    """A test that asks for this runs on both."""
    found: Keras = request.getfixturevalue(request.param)
    return found
