"""KF105 over whole projects: a flag gets its right name wherever it is passed, or nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

import kerasfix as library
from kerasfix.rules.base import HEADER
from tests.conftest import Run

BLOCK = """\
from tensorflow import keras


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = keras.layers.BatchNormalization()

    def call(self, x, is_training=False):
        return self.bn(x, training=is_training)
"""
NET = """\
from tensorflow import keras

from block import Block


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, is_training=False):
        return self.block(x, is_training=is_training)
"""
MAIN = """\
import tensorflow as tf

import train
from net import Net

net = Net()
optimizer = tf.keras.optimizers.SGD()
train.train(net, tf.ones((1, 4)))
"""
# Neither this file nor the one above says "keras".
TRAIN = """\
import tensorflow as tf


@tf.function
def step(model, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, is_training = True))
    return tape.gradient(loss, model.trainable_variables)


def train(model, x):
    step(model, x)
    return model(x, is_training=False)
"""
FILES = {"block.py": BLOCK, "net.py": NET, "main.py": MAIN, "train.py": TRAIN}


def _put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.py")}


def _renamed(files: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("is_training", "training") for name, text in files.items()}


ONLY = ("--select", "KF105")
_ALL = tuple(library.Applicability)


def test_layers_models_loops_and_the_functions_that_get_a_model(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, FILES)
    assert kerasfix("--apply", *ONLY, ".").returncode == 0
    assert _read(tmp_path) == _renamed(FILES)


def test_the_diff_is_what_apply_writes(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, FILES)
    diff = kerasfix("--diff", *ONLY, ".").stdout
    assert [line for line in diff.splitlines() if line.startswith("+++ ")] == [
        "+++ b/block.py",
        "+++ b/net.py",
        "+++ b/train.py",
    ]


def test_a_second_run_changes_nothing(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, FILES)
    kerasfix("--apply", ".")
    once = _read(tmp_path)
    assert not any("is_training" in text for text in once.values())
    assert kerasfix("--apply", ".").returncode == 0
    assert _read(tmp_path) == once


def test_a_file_beside_that_passes_the_old_name_objects(tmp_path: Path, kerasfix: Run) -> None:
    _put(tmp_path, FILES)
    done = kerasfix("--apply", *ONLY, "block.py", "net.py", "main.py")
    assert done.returncode == 1
    assert "`model` gets a `is_training` (train.py:7)" in done.stdout
    assert _read(tmp_path) == FILES


def test_so_does_one_that_is_not_even_looked_at(tmp_path: Path, kerasfix: Run) -> None:
    files = {
        "net.py": NET.replace("is_training", "train").replace("train=train", "training=train")
        .replace("from block import Block", "Block = keras.layers.Dropout") .replace("Block()", "Block(0.5)")
        + "\n\nNet()\n",
        "use.py": "def use(model, x):\n    return model(x, train=True)\n",
    }  # fmt: skip
    _put(tmp_path, files)
    done = kerasfix("--apply", *ONLY, ".")
    assert done.returncode == 1
    assert "`model` gets a `train` (use.py:2)" in done.stdout
    assert _read(tmp_path) == files


@pytest.mark.parametrize(
    ("name", "text", "is_followed"),
    [
        ("other.py", "from train import step\n\nstep(f, [1.0])\n", False),
        ("other.py", "import train\n\ntrain.step(f, [1.0])\n", False),
        ("other.py", "def f():\n    from train import train\n    train(f, 1)\n", False),
        ("other.py", "from train import *\n\nstep(f, [1.0])\n", False),
        ("other.py", "import train as t\n\nt.step(f, [1.0])\n", False),
        ("a/other.py", "from ..train import step\n\nstep(f, [1.0])\n", False),
        ("other.py", "from lost.train import step\n\nstep(f, [1.0])\n", False),
        ("other.py", "from train import (\n    step,\n)\nstep(\n", False),
        ("other.py", "import train\n\n# One step after another.\n", False),
        ("other.py", "import trains\n", True),
        ("other.py", "def step(train):\n    return train\n", True),
        ("a/other.py", "from .train import step\n\nstep(f, [1.0])\n", True),
    ],
)
def test_a_function_that_another_file_may_call_is_not_followed(
    tmp_path: Path, kerasfix: Run, name: str, text: str, is_followed: bool
) -> None:
    files = {**FILES, name: text, "a/train.py": "def step(): pass\n"}
    _put(tmp_path, files)
    done = kerasfix("--apply", *ONLY, ".")
    assert _read(tmp_path) == (_renamed(FILES) if is_followed else FILES) | dict([*files.items()][-2:])
    assert ("`model` on line 7 of train.py may be an instance of it" in done.stdout) is not is_followed


def test_a_layer_that_was_not_given_keeps_its_name(tmp_path: Path, kerasfix: Run) -> None:
    _put(
        tmp_path,
        {"lib/block.py": BLOCK, "net.py": NET.replace("block import", "lib.block import") + "\n\nNet()\n"},
    )
    assert kerasfix("--apply", *ONLY, "net.py").returncode == 0
    after = _read(tmp_path)
    assert after["lib/block.py"] == BLOCK
    assert "def call(self, x, training=False):" in after["net.py"]
    assert "self.block(x, is_training=training)" in after["net.py"]


def test_a_base_class_that_was_not_given_is_not_renamed_nor_is_its_heir(
    tmp_path: Path, kerasfix: Run
) -> None:
    child = (
        "from lib.block import Block\n\n\nclass Child(Block):\n    def call(self, x, is_training=False):\n"
        "        return -super().call(x, is_training=is_training)\n\n\nChild()\n"
    )
    files = {"lib/block.py": BLOCK, "child.py": child}
    _put(tmp_path, files)
    done = kerasfix("--apply", "--suggestions", *ONLY, "child.py")
    assert done.returncode == 1
    assert "Block is written in block.py, which is not among the files given" in done.stdout
    assert _read(tmp_path) == files
    assert kerasfix("--apply", *ONLY, ".").returncode == 0
    assert _read(tmp_path) == _renamed(files)


@pytest.mark.parametrize(
    ("imports", "model"),
    [
        ("from net import Net", "Net()"),
        ("import net as n", "n.Net()"),
        ("from net import *", "Net()"),
        ("from made import net", "net"),
        ("import made", "made.net"),
        ("from made import make", "make()"),
        ("from made import make\nnet = make()", "net"),
        ("from made import holder", "holder.net"),
    ],
)
def test_an_instance_is_found_wherever_it_was_made(
    tmp_path: Path, kerasfix: Run, imports: str, model: str
) -> None:
    made = (
        "import keras\nfrom net import Net\n\n\ndef make():\n    return Net()\n\n\n"
        "class Holder:\n    def __init__(self):\n        self.net = Net()\n\n\n"
        "net = Net()\nholder = Holder()\n"
    )
    use = f"{imports}\n\ny = {model}([1.0], is_training=True)\n"
    files = {"block.py": BLOCK, "net.py": NET, "made.py": made, "use.py": use}
    _put(tmp_path, files)
    assert kerasfix("--apply", *ONLY, ".").returncode == 0
    assert _read(tmp_path) == _renamed(files)


def test_two_models_that_go_through_one_function_are_renamed_together(tmp_path: Path, kerasfix: Run) -> None:
    other = NET.replace("Net", "Other").replace("x, is_training=False", "x, is_training=None, *, mask=None")
    main = MAIN.replace("from net import Net\n", "from net import Net\nfrom other import Other\n")
    main += "train.train(Other(), tf.ones((1, 4)))\n"
    files = {**FILES, "other.py": other, "main.py": main}
    _put(tmp_path, files)
    assert kerasfix("--apply", *ONLY, ".").returncode == 0
    assert _read(tmp_path) == _renamed(files)

    stubborn = other.replace("        return", "        training = 1\n        return")
    files["other.py"] = stubborn
    _put(tmp_path, files)
    assert kerasfix("--apply", "--suggestions", *ONLY, ".").returncode == 1
    after = _read(tmp_path)
    assert after["other.py"] == stubborn.replace("block(x, is_training", "block(x, training")
    assert after["net.py"] == NET.replace("block(x, is_training", "block(x, training")
    assert after["train.py"] == TRAIN


def test_a_file_that_cannot_be_read_objects_if_it_says_the_name(tmp_path: Path, kerasfix: Run) -> None:
    files = {**FILES, "broken.py": "import keras\ny = net(x, is_training=\n"}
    _put(tmp_path, files)
    assert kerasfix("--apply", *ONLY, ".").returncode == 2
    assert _read(tmp_path) == files
    files["broken.py"] = "import keras\ny = net(x,\n"
    _put(tmp_path, files)
    assert kerasfix("--apply", *ONLY, ".").returncode == 2
    assert _read(tmp_path) == _renamed(files)


# --- One file ----------------------------------------------------------------------------------------------

_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, is_training=False):
        return self.drop(x, training=is_training)


"""


def _checked(text: str) -> list[library.Finding]:
    return library.check(HEADER + text, select=["KF105"])


DOUBTFUL = {
    "nothing makes it": ("", "nothing in sight makes or calls Net"),
    "a parameter that nobody gives": ("Net()\ndef f(n): return n(x, is_training=True)\n", "`n` on line"),
    "a parameter that is also given something else": (
        "def f(n): return n(x, is_training=True)\nf(Net())\nf(other)\n",
        "may be an instance of it or something else",
    ),
    "a function that is handed on": (
        "def f(n): return n(x, is_training=True)\nf(Net())\nrun(f)\n",
        "`n` on line",
    ),
    "a function that is called by another name": (
        "def f(n): return n(x, is_training=True)\nf(Net())\ng = f\ng(1)\n",
        "`n` on line",
    ),
    "a function with a star": ("def f(n): return n(x, is_training=True)\nf(Net())\nf(*xs)\n", "`n` on line"),
    "a decorated function": ("@d\ndef f(n): return n(x, is_training=True)\nf(Net())\n", "`n` on line"),
    "a method of anybody": (
        "class T:\n    def f(self, n): return n(x, is_training=True)\nt.f(Net())\n",
        "`n` on line",
    ),
    "**": ("Net()(x, **options)\n", "may get it through `**`"),
    "** to super().call": (
        "class Sub(Net):\n    def call(self, x, **kw): return super().call(x, **kw)\nSub()\n",
        "may get it through `**`",
    ),
    ".call": ("net = Net()\nnet.call(x, is_training=True)\n", "`net.call` on line"),
    "a bound call": ("f = Net().call\nf(x, is_training=True)\n", "`f` on line"),
    "a method of tf.function": (
        "f = tf.function(Net())\nf.get_concrete_function(x, is_training=True)\n",
        "`f.get_concrete_function` on line",
    ),
    "a dict": ("run(Net(), kwargs={'is_training': True})\n", "puts `is_training` into a dict"),
    "dict()": ("run(Net(), dict(is_training=True))\n", "puts `is_training` into a dict"),
    "an entry of a dict": ("Net()\nkw['is_training'] = True\n", "puts `is_training` into a dict"),
    "update": ("Net()\nkw.update(is_training=True)\n", "puts `is_training` into a dict"),
    "setdefault": ("Net()\nkw.setdefault('is_training', True)\n", "puts `is_training` into a dict"),
    "getattr": ("Net()\ngetattr(a, 'b')(x, is_training=True)\n", "`getattr(a, 'b')` on line"),
    "a loaded model": (
        "Net()\nn = keras.models.load_model('n')\nn(x, is_training=True)\n",
        "`n` on line",
    ),
    "an unknown attribute": (
        "class T:\n    def __init__(self, n): self.n = n\n"
        "    def f(self): self.n(x, is_training=True)\nNet()\nT(load())\n",
        "`self.n` on line",
    ),
    "an attribute of anything": ("Net()\na.net = b\na.net(x, is_training=True)\n", "`a.net` on line"),
    "an unknown mixin": ("from m import M\nclass Sub(Net, M): pass\nSub()\n", "a base class of Net"),
    "a wrapper with a call of its own": (
        "class W(layers.Layer):\n    def __call__(self, x, is_training): return x\n"
        "(Net() if x else W())(x, is_training=True)\n",
        "may be something that wants the old name",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rest", "reason"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_may_pass_the_old_name_makes_it_a_suggestion(rest: str, reason: str) -> None:
    [finding] = _checked(_NET + rest)
    assert finding.fix is not None
    assert finding.fix.applicability is library.Applicability.SUGGESTION
    assert reason in finding.help
    assert library.fix(HEADER + _NET + rest, select=["KF105"]).edits == ()


IN_SIGHT = {
    "a class of one's own around it": (
        "class T:\n    def __init__(self): self.n = Net()\n"
        "    def f(self): return self.n(x, is_training=True)\n"
    ),
    "a function that calls itself": (
        "def f(n, k): return f(n, k - 1) if k else n(x, is_training=True)\nf(k=1, n=Net())\n"
    ),
    "a default": "def f(x, n=None): return n(x, is_training=True)\nf(1, Net())\nf(1)\n",
    "methods that hand it on": (
        "class T:\n    def f(self, n): return self.g(n)\n    def g(self, n): return n(x, is_training=True)\n"
        "    def h(self): self.f(Net())\n"
    ),
    "partial": "import functools\nf = functools.partial(Net(), is_training=True)\nf(x)\n",
    "tf.function": "net = Net()\nnet = tf.function(net)\nnet(x, is_training=True)\n",
    "a list": "nets = [Net()]\nnets.append(Net())\n[n(x, is_training=True) for n in nets]\n",
    "a dict of models": "nets = {'g': Net()}\nnets['g'](x, is_training=True)\n",
    "two at once": "a, b = Net(), Net()\na(x, is_training=True)\nb(x, is_training=True)\n",
    "a walrus": "if n := Net(): n(x, is_training=True)\n",
    "__call__": "n = Net()\nn.__call__(x, is_training=True)\n",
    "self in train_step": (
        "class Sub(Net):\n    def train_step(self, x): return self(x, is_training=True)\nSub()\n"
    ),
    "an annotation": "def f(n: Net): return n(x, is_training=True)\n",
    "isinstance": (
        "class Seq(keras.Model):\n    def call(self, x, xs):\n        for n in xs:\n"
        "            if isinstance(n, Net) and x: x = n(x, is_training=True)\n        return x\n"
    ),
    "isinstance of two": (
        "class Sub(Net): pass\n"
        "def f(n): return n(x, is_training=True) if isinstance(n, (Sub, Net)) else 1\nSub()\n"
    ),
    "other things with the keyword": (
        "class D:\n    def load(self, is_training): pass\n    def use(self): self.load(is_training=True)\n"
        "def f(is_training): pass\nNet()\nf(is_training=True)\ntf.f(is_training=True)\n"
        "d.load(is_training=True)\nD(is_training=True)\nprint(is_training=True)\n"
    ),
    "the same as a base's": (
        "class Sub(Net):\n    def call(self, x, is_training=None):\n"
        "        return Net.call(self, x, is_training=is_training)\nSub()\n"
    ),
    "a dict in get_config": (
        "class Sub(Net):\n    def get_config(self): return {'is_training': 1}\nSub()\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("rest", IN_SIGHT.values(), ids=IN_SIGHT)
def test_where_all_calls_are_in_sight_all_are_renamed(rest: str) -> None:
    [*_, finding] = _checked(_NET + rest)
    assert finding.fix is not None
    assert finding.fix.applicability is library.Applicability.REPAIR
    assert finding.help == ""
    fixed = library.fix(HEADER + _NET + rest, select=["KF105"]).text
    for line in fixed.splitlines():
        if any(
            sign in line for sign in ("n(x", "n.n(", "self(x", "n.__call__", "nets", "partial", "Net.call")
        ):
            assert "is_training" not in line
    compile(fixed, "fixed.py", "exec")


BLOCKED = {
    "another parameter": (
        _NET.replace("=False)", "=False, train=None)").replace("return", "if train: x = -x\n        return"),
        "takes `train` as well",
    ),
    "its own training": (
        _NET.replace("return", "training = 1\n        return"),
        "uses the name `training` for something else",
    ),
    "a global": (_NET.replace("(x, ", "(x + training, "), "uses the name `training` for something else"),
    "a lambda with a training of its own": (
        _NET.replace("self.drop(x, training", "(lambda h, training: self.drop(h, training")
        .replace("is_training)\n", "is_training))(x, 1)\n"),
        "uses the name `training` for something else",
    ),
    "nonlocal": (
        _NET.replace("return", "def f():\n            nonlocal is_training\n        return"),
        "bound in a way that is not followed",
    ),
    "a comprehension": (
        _NET.replace("return", "print([is_training for is_training in x])\n        return"),
        "the variable of a comprehension",
    ),
    "a class in it": (
        _NET.replace("return", "class A:\n            a = is_training\n        return"),
        "used in a class inside of the method",
    ),
    "locals()": (_NET.replace("return", "print(locals())\n        return"), "looks at its variables"),
    "positional-only": (_NET.replace("=False)", "=False, /)"), "positional-only"),
    "a decorator": (_NET.replace("    def call", "    @unknown\n    def call"), "the decorator `unknown`"),
    "both at one call": (
        _NET.replace("=False)", "=False, **kw)") + "Net()(x, training=True, is_training=True)\n",
        "gets a `training` as well",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), BLOCKED.values(), ids=BLOCKED)
def test_a_name_that_cannot_be_given_is_explained(text: str, reason: str) -> None:
    [finding] = _checked(text)
    assert finding.fix is None
    assert reason in finding.help


_HELPED = _NET.replace(
    "self.drop(x, training=is_training)", "self.block(x, is_training=is_training)"
).rstrip() + ("\n\n    def block(self, x, is_training):\n        return self.drop(x, training=is_training)\n")


@pytest.mark.parametrize(
    "use",
    [
        "net = Net()\nnet.block(x, is_training=True)\n",
        "Net()\ndef f(n): return n.block(x, is_training=True)\n",
        "f = Net().block\n",
        "Net.block(net, x, is_training=True)\nNet()\n",
        "Net()\nf = getattr(net, 'block')\n",
        "Net().block = f\n",
        "class S(Net):\n    other = Net.block\nS()\n",
        "class S(Net):\n    def call(self, x, is_training): return getattr(self, kind)(x, 1)\nS()\n",
        "class S(Net):\n    def block(self, x, training): return x\nS()\n",
        "class S(Net):\n    def block(self, x, is_training, training=None): return x\nS()\n",
        "class S(Net):\n    def test_step(self, x): return self.block(x, **x)\nS()\n",
        "class S(Net):\n    def test_step(self, x): return map(self.block, x)\nS()\n",
        "class S(Net):\n    @cached\n    def block(self, x, is_training): return x\nS()\n",
    ],
)
def test_a_helper_that_others_use_keeps_its_name(use: str) -> None:
    fixed = library.fix(HEADER + _HELPED + use, select=["KF105"], applicability=_ALL).text
    assert "self.block(x, is_training=training)" in fixed
    assert "def block(self, x, is_training):\n        return self.drop(x, training=is_training)" in fixed
    assert fixed.endswith(use) or "class S" in use


def test_a_helper_that_other_files_may_use_keeps_its_name(tmp_path: Path, kerasfix: Run) -> None:
    net = HEADER + _HELPED + "Net()\n"
    _put(tmp_path, {"net.py": net, "use.py": "from net import Net\nNet().block(1, True)\n"})
    assert kerasfix("--apply", *ONLY, "net.py").returncode == 0
    assert "self.block(x, is_training=training)" in (tmp_path / "net.py").read_text()
    _put(tmp_path, {"net.py": net, "use.py": "from net import Net\nNet()\n"})
    assert kerasfix("--apply", *ONLY, "net.py").returncode == 0
    assert (tmp_path / "net.py").read_text() == net.replace("is_training", "training")


def test_a_helper_is_renamed_with_its_versions_and_all_who_call_it() -> None:
    text = (
        _NET.replace("self.drop(x, training=is_training)", "self.block(x, is_training)")
        + "    def block(self, x, is_training): return self.drop(x, training=is_training)\n"
        + "    def test_step(self, x): return self.block(x, is_training=False)\n"
        + "class Sub(Net):\n    def block(self, x, is_training=None):\n"
        + "        return super().block(x, is_training=is_training)\n"
        + "class Alone(keras.Model):\n"
        + "    def block(self, x, is_training): return self.block(x, is_training=1)\n"
        + "Sub()\n"
    )
    fixed = library.fix(HEADER + text, select=["KF105"]).text
    alone = text.index("class Alone")
    assert fixed == HEADER + text[:alone].replace("is_training", "training") + text[alone:]


def test_where_classes_differ_a_position_stays_a_position() -> None:
    text = _NET + (
        "class Other(layers.Layer):\n    def call(self, x, mask=None): return x\n"
        "class Big(keras.Model):\n"
        "    def __init__(self):\n        super().__init__()\n        self.n = Net() if A else Other()\n"
        "    def call(self, x): return self.n(x, y)\n"
    )
    fixed = library.fix(HEADER + text, select=["KF105"]).text
    assert "def call(self, x, training=False)" in fixed
    assert "self.n(x, y)" in fixed


def test_severity_and_words() -> None:
    [finding] = _checked(_NET)
    assert finding.severity is library.Severity.ERROR
    assert "names its training flag `is_training`, which Keras never sets" in finding.message
    assert "fit() never runs in training mode" in finding.message
    for default, words in (
        ("=True", "all run in training mode"),
        ("", "fit() raises"),
        ("=MODE", "mode of its default"),
    ):
        [finding] = _checked(_NET.replace("=False", default))
        assert words in finding.message
    [finding] = _checked(_NET.replace("keras.Model", "layers.Layer"))
    assert finding.severity is library.Severity.WARNING
    [finding] = library.check(
        "import tf_keras as keras\nfrom tf_keras import layers\n\n\n" + _NET, select=["KF105"]
    )
    assert finding.severity is library.Severity.WARNING


def test_many_reasons_are_counted() -> None:
    calls = "".join(f"f{number}(x, is_training=True)\n" for number in range(5))
    [finding] = _checked(_NET + "Net()\nfrom m import *\n" + calls)
    assert finding.help.endswith("more reasons")


def test_what_the_container_passes_is_settled_in_the_same_run() -> None:
    text = _NET + (
        "class Big(keras.Model):\n"
        "    def __init__(self):\n        super().__init__()\n        self.net = Net()\n"
        "    def call(self, x): return self.net(x)\n"
    )
    fixed = library.fix(HEADER + text).text
    assert "def call(self, x, training=None): return self.net(x, training=training)" in fixed
    assert "def call(self, x, training=None):\n        return self.drop(x, training=training)" in fixed
