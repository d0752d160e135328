"""Which Keras a class gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasfix.verify.choice import Asked, Installed, Kind, asked_by, check_wish, choose
from kerasfix.verify.errors import SliceError, VerifyError
from kerasfix.verify.settings import Wish

ALL = Installed(
    {"keras": "3.15.1", "tf_keras": "2.21.0", "tensorflow": "2.21.0", "jax": "0.10", "torch": "2.13"}
)
NO_TENSORFLOW = Installed({"keras": "3.15.1", "jax": "0.10", "torch": "2.13"})
OLD = Installed({"keras": "2.15.0", "tensorflow": "2.15.0"})


def kind(text: str, wish: Wish | None = None, installed: Installed = ALL) -> Kind:
    asked = asked_by(text)
    return choose(asked, asked, wish or Wish(), installed)


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras", "jax"),
        ("from os import environ\nenviron['KERAS_BACKEND'] = 'Torch'", "torch"),
        ("import os\nos.environ.setdefault('KERAS_BACKEND', 'torch')", "torch"),
        ("import os\nos.environ.update({'KERAS_BACKEND': 'jax', **other})", "jax"),
        ("import os\nos.environ.update(KERAS_BACKEND='jax')", "jax"),
        ("import os\nos.putenv('KERAS_BACKEND', 'jax')", "jax"),
        ("import keras\nkeras.config.set_backend('jax')", "jax"),
        ("import os\n# os.environ['KERAS_BACKEND'] = 'jax'", None),
        ("'''os.environ['KERAS_BACKEND'] = 'jax'\n'''", None),
        ("import os\nos.environ['KERAS_BACKEND'] = chosen", None),
        ("settings['KERAS_BACKEND'] = 'jax'", None),
    ],
)
def test_the_backend_that_a_module_sets(text: str, backend: str | None) -> None:
    assert asked_by(text).backend == backend


def test_a_module_that_does_not_parse_is_refused() -> None:
    with pytest.raises(SliceError, match="line 1"):
        asked_by("def")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import keras", Kind()),
        ("from tensorflow import keras", Kind()),
        ("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras", Kind(backend="jax")),
        ("import tf_keras", Kind("tf_keras")),
        (
            "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nfrom tensorflow import keras",
            Kind("tf_keras", legacy=True),
        ),
        # The variable has no say in what `import keras` gives.
        ("import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport keras", Kind(legacy=True)),
        ("import os\nos.environ['TF_USE_LEGACY_KERAS'] = '0'\nimport tensorflow", Kind()),
    ],
)
def test_what_the_code_would_get(text: str, expected: Kind) -> None:
    assert kind(text) == expected


def test_the_environment_counts_after_the_module() -> None:
    said = Installed(ALL.versions, backend="torch", legacy=True)
    assert kind("import keras", installed=said).backend == "torch"
    assert kind("import os, keras\nos.environ['KERAS_BACKEND'] = 'jax'", installed=said).backend == "jax"
    assert kind("import tensorflow as tf", installed=said) == Kind("tf_keras", legacy=True)


def test_the_user_counts_before_the_module() -> None:
    text = "import os, keras\nos.environ['KERAS_BACKEND'] = 'jax'"
    assert kind(text, Wish(backend="torch")).backend == "torch"
    assert kind("import keras", Wish(keras=2)) == Kind("tf_keras", legacy=True, renamed=True)
    legacy = "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nfrom tensorflow import keras"
    assert kind(legacy, Wish(keras=3)) == Kind()


def test_without_tensorflow_the_backend_that_is_there_is_taken() -> None:
    assert kind("import keras", installed=NO_TENSORFLOW).backend == "jax"


def test_the_keras_of_an_old_tensorflow_is_keras_2() -> None:
    assert kind("import keras", Wish(keras=2), OLD) == Kind("keras", legacy=True)
    with pytest.raises(SliceError, match=r"Keras 3 is asked for, and Keras 2\.15\.0 is installed"):
        kind("import keras", Wish(keras=3), OLD)


@pytest.mark.parametrize(
    ("text", "wish", "installed", "reason"),
    [
        ("import tf_keras", Wish(keras=3), ALL, "imports tf_keras, which is Keras 2"),
        ("import tf_keras", Wish(backend="jax"), ALL, "Keras 2 runs on TensorFlow only"),
        ("import tf_keras", Wish(), NO_TENSORFLOW, "pip install tensorflow"),
        ("import keras", Wish(keras=2), Installed({"tensorflow": "2.21"}), "pip install tf_keras"),
        ("import keras", Wish(backend="jax"), OLD, "this Python does not have jax: pip install jax"),
        ("import keras", Wish(), Installed(backend="openvino"), "kerasfix knows tensorflow, jax, torch"),
    ],
)
def test_what_cannot_be_had_is_refused(text: str, wish: Wish, installed: Installed, reason: str) -> None:
    with pytest.raises(SliceError, match=reason):
        kind(text, wish, installed)


def test_only_what_the_class_needs_chooses_its_keras() -> None:
    module = asked_by("import keras, tf_keras")
    assert choose(module, asked_by("import keras"), Wish(), ALL) == Kind()
    assert choose(module, asked_by("import tf_keras"), Wish(), ALL) == Kind("tf_keras")
    assert choose(module, Asked(), Wish(), ALL) == Kind()


def test_an_option_that_cannot_be_had_ends_the_run() -> None:
    check_wish(Wish("jax", 3), ALL, Path("python"))
    with pytest.raises(VerifyError, match=r"^--backend jax --keras 2 \(python\): Keras 2 runs on TensorFlow"):
        check_wish(Wish("jax", 2), ALL, Path("python"))
    with pytest.raises(VerifyError, match=r"^--backend tensorflow \(python\): .* pip install tensorflow"):
        check_wish(Wish("tensorflow"), NO_TENSORFLOW, Path("python"))
