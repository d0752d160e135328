"""Whole projects: classes that meet across files, however one file names the other."""

from __future__ import annotations

from pathlib import Path

import pytest

import kerasfix
from kerasfix import workspace, writing
from tests.conftest import Run

BLOCK = """\
from tensorflow import keras


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = keras.layers.BatchNormalization()

    def call(self, x):
        return self.bn(x)
"""
NET = """\
from tensorflow import keras
{imports}


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = {block}()

    def call(self, x):
        return self.block(x)
"""
MENDED_BLOCK = BLOCK.replace("x):", "x, training=None):").replace("bn(x)", "bn(x, training=training)")


def _put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _mended(net: str) -> str:
    return net.replace("x):", "x, training=None):").replace("block(x)", "block(x, training=training)")


PACKAGE = {"p/__init__.py": "", "p/block.py": BLOCK}
INSIDE = {**PACKAGE, "p/net.py": ""}
SHIM = """\
try:
    from block import Block
except ImportError:
    from p.block import Block
"""


@pytest.mark.parametrize(
    ("files", "imports", "block"),
    [
        ({"block.py": BLOCK}, "from block import Block", "Block"),
        ({"block.py": BLOCK}, "from block import Block as B", "B"),
        ({"block.py": BLOCK}, "import block", "block.Block"),
        ({"block.py": BLOCK}, "from block import *", "Block"),
        ({"block.py": BLOCK}, "import block as b\nMine = b.Block", "Mine"),
        (INSIDE, "from .block import Block", "Block"),
        (INSIDE, "from . import block", "block.Block"),
        (INSIDE, "from p.block import Block", "Block"),
        (INSIDE, "import p.block", "p.block.Block"),
        ({**PACKAGE, "p/__init__.py": "from .block import Block\n"}, "import p", "p.Block"),
        ({**PACKAGE, "p/__init__.py": "from .block import *\n"}, "from p import Block", "Block"),
        (PACKAGE, "from p import block", "block.Block"),
        ({"p/block.py": BLOCK}, "from p.block import Block", "Block"),
        ({"p/q/block.py": BLOCK}, "import p.q.block", "p.q.block.Block"),
        ({"p/net.py": "", "p/block.py": BLOCK}, "from .block import Block", "Block"),
        ({"p/a/net.py": "", "p/b/block.py": BLOCK}, "from ..b.block import Block", "Block"),
        (
            {"pyproject.toml": "", "src/p/__init__.py": "", "src/p/block.py": BLOCK, "scripts/net.py": ""},
            "from p.block import Block",
            "Block",
        ),
        (
            {"pyproject.toml": "", "models/block.py": BLOCK, "scripts/net.py": ""},
            "from models.block import Block",
            "Block",
        ),
        (
            {"block.py": BLOCK, "shim.py": SHIM, "p/block.py": "from block import Block\n"},
            "from shim import Block",
            "Block",
        ),
    ],
)
def test_a_layer_of_another_file_is_found_however_it_is_imported(
    tmp_path: Path, kerasfix: Run, files: dict[str, str], imports: str, block: str
) -> None:
    net = NET.format(imports=imports, block=block)
    place = tmp_path / next((name for name in files if name.endswith("net.py")), "net.py")
    _put(tmp_path, files)
    place.write_text(net)
    assert kerasfix("--apply", ".").returncode == 0
    assert place.read_text() == _mended(net)
    [layer] = [path for path in tmp_path.rglob("block.py") if "class Block" in path.read_text()]
    assert layer.read_text() == MENDED_BLOCK


def test_a_layer_that_was_not_given_is_read_but_not_changed(tmp_path: Path, kerasfix: Run) -> None:
    net = NET.format(imports="from block import Block", block="Block")
    _put(tmp_path, {"net.py": net, "block.py": MENDED_BLOCK})
    assert kerasfix("--apply", "net.py").returncode == 0
    assert (tmp_path / "net.py").read_text() == _mended(net)


def test_a_layer_that_cannot_take_the_flag_and_was_not_given_is_left_alone(
    tmp_path: Path, kerasfix: Run
) -> None:
    net = NET.format(imports="from block import Block", block="Block")
    _put(tmp_path, {"net.py": net, "block.py": BLOCK})
    done = kerasfix("--apply", "net.py")
    assert done.returncode == 1
    assert (tmp_path / "net.py").read_text() == net
    assert (tmp_path / "block.py").read_text() == BLOCK
    assert "block.py" in done.stdout


def test_a_subclass_elsewhere_in_the_project_protects_its_base(tmp_path: Path, kerasfix: Run) -> None:
    child = (
        "from lib.block import Block\n\n\n"
        "class Scaled(Block):\n    def call(self, x):\n        return 2 * super().call(x)\n"
    )
    _put(tmp_path, {"pyproject.toml": "", "lib/block.py": BLOCK, "models/scaled.py": child})
    done = kerasfix("--apply", "lib/block.py")
    assert (tmp_path / "lib/block.py").read_text() == BLOCK
    assert "Scaled (scaled.py:6) calls `super().call` without the flag" in done.stdout
    assert kerasfix("--apply", "lib", "models").returncode == 0
    assert (tmp_path / "lib/block.py").read_text() == MENDED_BLOCK


BASE = """\
import keras


class Base(keras.Model):
    def call(self, x):
        return self.head(self.features(x))

    def features(self, x):
        raise NotImplementedError
"""
CHILD = """\
from keras import layers

from base import Base


class Child(Base):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(3)

    def features(self, x):
        return self.drop(x)
"""


def test_a_template_in_one_file_and_its_steps_in_another_change_together(
    tmp_path: Path, kerasfix: Run
) -> None:
    _put(tmp_path, {"base.py": BASE, "child.py": CHILD})
    assert kerasfix("--apply", ".").returncode == 0
    base, child = (tmp_path / "base.py").read_text(), (tmp_path / "child.py").read_text()
    assert "def call(self, x, training=None):" in base
    assert "self.head(self.features(x, training=training))" in base
    assert "def features(self, x, training=None):" in base
    assert "def features(self, x, training=None):" in child
    assert "self.drop(x, training=training)" in child


def test_a_diff_of_two_files_is_what_apply_writes(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, {"base.py": BASE, "child.py": CHILD})
    diff = kerasfix("--diff", ".").stdout
    assert diff.count("\n+++ ") == 2
    assert "+++ b/base.py" in diff
    assert "+++ b/child.py" in diff


def test_super_call_into_another_file_gets_the_flag(tmp_path: Path, kerasfix: Run) -> None:
    child = (
        "from block import Block\n\n\n"
        "class Scaled(Block):\n    def call(self, x):\n        return 2 * super().call(x)\n"
    )
    _put(tmp_path, {"block.py": BLOCK, "scaled.py": child})
    assert kerasfix("--apply", ".").returncode == 0
    assert (tmp_path / "block.py").read_text() == MENDED_BLOCK
    assert (tmp_path / "scaled.py").read_text() == child.replace("x):", "x, training=None):").replace(
        "call(x)", "call(x, training=training)"
    )


def test_modules_that_import_each_other_come_to_an_end(tmp_path: Path, kerasfix: Run) -> None:
    module = "from {0} import *\nfrom {0} import {1}\nimport keras\n\nclass {2}({1}):\n    x = keras.{1}\n"
    a, b = module.format("b", "B", "A"), module.format("a", "A", "B")
    _put(tmp_path, {"a.py": a, "b.py": b})
    assert kerasfix("--apply", ".").returncode == 0


def test_a_name_that_may_be_two_things_is_unknown(tmp_path: Path, kerasfix: Run) -> None:
    shim = "try:\n    from block import Block\nexcept ImportError:\n    from other import Block\n"
    other = "def Block():\n    return lambda x: x\n"
    net = NET.format(imports="from shim import Block", block="Block")
    _put(tmp_path, {"block.py": MENDED_BLOCK, "shim.py": shim, "other.py": other, "net.py": net})
    assert kerasfix("--apply", ".").returncode == 0
    assert (tmp_path / "net.py").read_text() == net


def test_keras_through_a_module_of_the_project_is_keras(tmp_path: Path, kerasfix: Run) -> None:
    backend = "if True:\n    import keras\nelse:\n    from tensorflow import keras\n"
    block = BLOCK.replace("from tensorflow import keras", "from p.backend import keras")
    _put(tmp_path, {"p/__init__.py": "", "p/backend/__init__.py": backend, "p/block.py": block})
    assert kerasfix("--apply", "p/block.py").returncode == 0
    assert "self.bn(x, training=training)" in (tmp_path / "p/block.py").read_text()


def test_two_kerases_behind_one_name_are_keras(tmp_path: Path, kerasfix: Run) -> None:
    backend = "if old():\n    import p.keras2 as keras\nelse:\n    import keras\n"
    block = BLOCK.replace("from tensorflow import keras", "from p.backend import keras")
    keras2 = "from tensorflow.keras import *\nsaving = 1\n"
    _put(tmp_path, {"p/__init__.py": "", "p/backend.py": backend, "p/keras2.py": keras2, "p/block.py": block})
    assert kerasfix("--apply", "p/block.py").returncode == 0
    assert "self.bn(x, training=training)" in (tmp_path / "p/block.py").read_text()


def test_a_broken_file_does_not_keep_the_others_from_being_mended(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, {"block.py": BLOCK, "broken.py": "import keras\nclass (:\n"})
    done = kerasfix("--apply", ".")
    assert done.returncode == 2
    assert "broken.py:2: error: syntax error" in done.stderr
    assert (tmp_path / "block.py").read_text() == MENDED_BLOCK


def test_files_of_one_fix_are_written_together_or_not_at_all(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path, {"base.py": BASE, "child.py": CHILD, "other.py": BLOCK})

    def refuse(file: workspace.InputFile, data: bytes) -> None:
        if file.path.name == "child.py" and data != CHILD.encode():
            raise workspace.WorkspaceError("cannot be written: Read-only file system")
        write(file, data)

    write = writing.write
    monkeypatch.setattr(writing, "write", refuse)
    done = kerasfix("--apply", ".")
    assert done.returncode == 2
    assert "child.py: error: cannot be written" in done.stderr
    assert "base.py: error: left as it is, because child.py cannot be written" in done.stderr
    assert (tmp_path / "base.py").read_text() == BASE
    assert (tmp_path / "child.py").read_text() == CHILD
    assert (tmp_path / "other.py").read_text() == MENDED_BLOCK


NORM = """\
import keras


class A(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = keras.layers.BatchNormalization()

    def call(self, x):
        return self.block(x)

    def block(self, x):
        return self.bn(x)
"""


def test_files_that_never_say_keras_are_part_of_the_project(tmp_path: Path, kerasfix: Run) -> None:
    mixin = "class M:\n    def block(self, x):\n        return 2 * super().block(x)\n"
    child = "from a import A\nfrom m import M\n\n\nclass Child(M, A):\n    pass\n"
    _put(tmp_path, {"a.py": NORM, "m.py": mixin, "child.py": child})
    assert kerasfix("--apply", ".").returncode == 0
    assert "self.block(x, training=training)" in (tmp_path / "a.py").read_text()
    assert "super().block(x, training=training)" in (tmp_path / "m.py").read_text()


HEIR = "from a import A\n\n\nclass B(A):\n    def call(self, x):\n        return {}\n"
ODD = HEIR.format("super().call(x)").replace("A\n", "A\n\nP = A if A else object\n", 1).replace("(A)", "(P)")
VAE = """\
import keras


class Vae(keras.Model):
    def __init__(self, e):
        super().__init__()
        self.e = e

    def call(self, x, training=None):
        return self.e.block(x)
"""
MAIN = "from a import A\nimport fn, vae\n\n\ndef make():\n    return vae.Vae(A()), fn.twice(A(), 1)\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("child.py", HEIR.format("2 * A.call(self, x)"), id="a call by the name of the class"),
        pytest.param("fn.py", "def twice(e, x):\n    return e.block(x)\n", id="a function that is handed it"),
        pytest.param("vae.py", VAE, id="a model that is handed it"),
        pytest.param("patch.py", "from a import A\n\nA.block = lambda self, x: x\n", id="another function"),
        pytest.param("sub.py", HEIR.format("map(self.block, x)"), id="the method as a value"),
        pytest.param("odd.py", ODD, id="a base that may be another one"),
    ],
)
@pytest.mark.parametrize("given", [".", "a.py"])
def test_who_calls_a_helper_in_another_way_keeps_it_as_it_is(
    tmp_path: Path, kerasfix: Run, name: str, text: str, given: str
) -> None:
    used = VAE.replace("self.e.block(x)", "twice(self.e, x)").replace("Vae", "Net")
    _put(tmp_path, {"pyproject.toml": "", "a.py": NORM, name: text, "main.py": MAIN, "used.py": used})
    kerasfix("--apply", given)
    assert (tmp_path / "a.py").read_text() == NORM


def test_an_exported_model_asks_for_inference() -> None:
    text = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def serving(self, inputs):
        return self.call(inputs)

    def call(self, x):
        return self.drop(x)
"""
    fixed = kerasfix.fix(text).text
    assert "def call(self, x, training=None):\n        return self.drop(x, training=training)" in fixed
    assert "return self.call(inputs)\n" in fixed
    held = text.replace("serving", "embed")
    assert kerasfix.fix(held).text == held


def test_star_imports_may_go_round_in_circles(tmp_path: Path, kerasfix: Run) -> None:
    """As in PyYAML, where a package takes all from its modules, one of which is called like what it gives."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .dumper import *\nfrom .resolver import *\n")
    (package / "dumper.py").write_text(
        "from .resolver import *\n\n\nclass Dumper(Resolver):\n    keras = resolver.x\n"
    )
    (package / "resolver.py").write_text("from .dumper import *\n\n\nclass Resolver(Base):\n    keras = 1\n")
    done = kerasfix("package")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_called_like_a_framework_is_not_the_framework(tmp_path: Path, kerasfix: Run) -> None:
    models = tmp_path / "nn" / "models"
    (models / "tensorflow").mkdir(parents=True)
    for folder in (tmp_path / "nn", models, models / "tensorflow"):
        (folder / "__init__.py").write_text("")
    (models / "net.py").write_text(
        "import tensorflow as tf\n\n\n"
        "class Net(tf.keras.Model):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.drop = tf.keras.layers.Dropout(0.5)\n\n"
        "    def call(self, x, training=None):\n"
        "        return self.drop(x)\n"
    )
    assert "KF103" in kerasfix("nn").stdout


def test_the_order_in_which_files_are_named_changes_no_word(tmp_path: Path, kerasfix: Run) -> None:
    around = (
        "from net import Net\nclass {}(Net):\n    def call(self, x):\n        return map(super().call, x)\n"
    )
    files = {
        "net.py": BLOCK.replace("Block", "Net"),
        "one.py": around.format("One"),
        "two.py": around.format("Two"),
    }
    _put(tmp_path, files)
    orders = [("net.py", "one.py", "two.py"), ("two.py", "one.py", "net.py")]
    told = [sorted(kerasfix("--output-format", "json", *order).stdout.splitlines()) for order in orders]
    assert "line 4 of one.py" in str(told[0]), told
    assert told[0] == told[1]
