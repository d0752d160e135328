"""What a class is to Keras, wherever it stands and whatever it inherits from (KF101)."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

import kerasfix
from kerasfix.rules.base import HEADER
from tests.conftest import run_command

_NET = """\
class Net({bases}):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x):
        return self.drop(x)
"""


def _is_found(text: str) -> bool:
    return bool(kerasfix.check(HEADER + text, select=("KF101",)))


@pytest.mark.parametrize(
    ("around", "indent"),
    [
        pytest.param("match version:\n    case 1:\n", 8, id="in a case"),
        pytest.param("try:\n    from nets import Net\nexcept ImportError:\n", 4, id="where an import failed"),
        pytest.param("with strategy.scope():\n", 4, id="in a with"),
        pytest.param("def make():\n", 4, id="in a function"),
        pytest.param("class Outer:\n", 4, id="in a class"),
    ],
)
def test_a_class_is_found_wherever_it_stands(around: str, indent: int) -> None:
    assert _is_found(around + textwrap.indent(_NET.format(bases="keras.Model"), " " * indent))


@pytest.mark.parametrize(
    ("before", "bases", "is_found"),
    [
        pytest.param("", "keras.Model, Generic[int]", True, id="something generic besides"),
        pytest.param(
            "class Base(keras.Model, Generic[T]):\n    pass\n\n\n", "Base[int]", True, id="a generic one"
        ),
        pytest.param(
            "import keras_hub\n\n\n", "keras_hub.layers.TransformerEncoder", True, id="of a package"
        ),
        pytest.param("import keras_hub\n\n\n", "keras_hub.utils.Task", False, id="no layer of a package"),
        pytest.param("", "Elsewhere", False, id="of nobody knows where"),
        pytest.param(
            "class A(keras.Model):\n    pass\n\n\nclass B(A):\n    pass\n\n\nclass C(A):\n    pass\n\n\n",
            "B, C",
            True,
            id="two that have one base",
        ),
        pytest.param("class A(Net):\n    pass\n\n\n", "A", False, id="one that inherits from it"),
    ],
)
def test_a_class_is_what_it_inherits_from(before: str, bases: str, *, is_found: bool) -> None:
    before = "from typing import Generic, TypeVar\n\nT = TypeVar('T')\n\n\n" + before
    assert _is_found(before + _NET.format(bases=bases)) is is_found


_DIAMOND = """\
class Base(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        return self.work(x)

    def work(self, x):
        return self.drop(x)


class Left(Base):
    pass


class Right(Base):
    pass


class Both(Left, Right):
    def work(self, x):
        return super().work(x)
"""


def test_a_helper_of_a_base_is_called_once_by_all_heirs() -> None:
    fixed = kerasfix.fix(HEADER + _DIAMOND).text
    wanted = _DIAMOND.replace("work(self, x)", "work(self, x, training=None)").replace(
        "work(x)", "work(x, training=training)"
    )
    assert fixed == HEADER + wanted.replace("drop(x)", "drop(x, training=training)")


@pytest.mark.parametrize(
    ("shim", "severity"),
    [
        (
            "try:\n    import tf_keras as keras\nexcept ImportError:\n    from tensorflow import keras\n",
            "info",
        ),
        ("from tensorflow import keras\n", "error"),
    ],
)
def test_a_module_that_looks_for_keras_2_first_says_so_for_others(
    tmp_path: Path, shim: str, severity: str
) -> None:
    (tmp_path / "compat.py").write_text(shim)
    net = "from compat import keras\n\nkeras.backend.set_learning_phase(0)\n"
    (tmp_path / "net.py").write_text(net)
    shown = run_command(tmp_path, "net.py", "--select", "KF304", "--output-format", "json").stdout
    assert f'"severity": "{severity}"' in shown
