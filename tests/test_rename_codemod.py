"""Renaming a parameter, as text: nothing changes but the name, wherever and however it is written."""

from __future__ import annotations

import ast

import pytest

import kerasfix
from kerasfix.analysis.flag_names import occurrences, other_flag
from kerasfix.analysis.program import Program
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.rename import name_arguments, rename_edits
from kerasfix.source import Source, apply_edits

HEAD = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
class N(keras.Model):
    def __init__(self):
        self.d = layers.Dropout(.1)
        self.f = layers.Dense(1)
"""


def _renamed(call: str, rest: str = "N()\n", old: str = "train") -> str:
    """What becomes of a `call` (and of what follows its class)."""
    text = HEAD + call + rest
    program = Program.of(Source(text))
    [info] = program.classes
    renaming = program.renames.renaming(info.methods["call"], old)
    assert renaming.blockers == []
    fixed = apply_edits(text, rename_edits(renaming))
    _ = Source(fixed).tree
    assert fixed.startswith(HEAD)
    return fixed.removeprefix(HEAD).removesuffix(rest)


# "§" stands where the name is to change.
CALLS = [
    "    def call(self,x,§ = False):\n        return self.d( x,training = § )\n",
    "    def call(\n        self,\n        x,\n        §: bool = False,  # train?\n    ) -> int:\n"
    "        return self.d(\n            x, training=§  # train!\n        )\n",
    "    def call(self, x, *, §): return self.d(x, training=(\n §))\n",
    "    def call(self, é, §=0):\n        ä = 'ü' if § else é; return self.d(ä, training=§)\n",
    "    def call(self, x, §=None):\r\n        § = § or 0\r\n        return self.d(x, §)\r\n",
    "    def call(self, x, §):\n        print(f'{§}, {§!r:>{§}} train {x.train}')\n        self.d(x, §)\n",
    "    def call(self, x, §):\n        x.train = self.train\n        del §\n        return x['train']\n",
    "    def call(self, x, §):\n        return run(x, train=§, f=lambda train=§: train)\n",
]


@pytest.mark.parametrize("call", CALLS)
def test_the_name_and_nothing_else(call: str) -> None:
    assert _renamed(call.replace("§", "train")) == call.replace("§", "training")


DOCSTRINGS = {
    "Google": "Args:\n            x: What to train on.\n            §: Whether to train.\n",
    "Google with a type": "Args:\n            § (bool): Train.\n",
    "NumPy": "Parameters\n        ----\n        § : bool\n",
    "NumPy without a type": "Parameters\n        §\n            Yes.\n",
    "Sphinx": ":param §: Train.\n        :type §: bool\n",
    "Sphinx with a type": ":param bool §: Train.\n",
    "code": "Run it; `§` says how, `§=True` trains.\n",
    "a list": "- §: Train.\n",
    "English": "We train the train, to train: trains train.\n",
}


@pytest.mark.parametrize("docstring", DOCSTRINGS.values(), ids=DOCSTRINGS)
def test_the_docstring_says_the_new_name(docstring: str) -> None:
    body = f'        r"""Run.\n\n        {docstring}        """\n        self.d(x, §)\n'
    call = f"    def call(self, x, §):\n{body}"
    for newline in ("\n", "\r\n", "\r"):
        written = call.replace("\n", newline)
        assert _renamed(written.replace("§", "train")) == written.replace("§", "training")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f(x, t)", "f(x, a=t)"),
        ("f(x,t)", "f(x,a=t)"),
        ("f(x, t, y)", "f(x, a=t, b=y)"),
        ("f(x, (t), y)", "f(x, a=(t), b=y)"),
        ("f((x), ((t)), (y))", "f((x), a=((t)), b=(y))"),
        ("f(x, t, k = 1)", "f(x, a = t, k = 1)"),
        ("f(x, t, k=1, m = 1)", "f(x, a=t, k=1, m = 1)"),
        ("f(x, t, **k)", "f(x, a=t, **k)"),
        ("f(x, t, **k, m = 1)", "f(x, a = t, **k, m = 1)"),
        ("f(x, t, k=\n1, m = 1)", "f(x, a = t, k=\n1, m = 1)"),
        ("f(x,\n  t,  # (why)\n  (  # not\n   y))", "f(x,\n  a=t,  # (why)\n  b=(  # not\n   y))"),
        ("f(x,  # a, (b\n  t)", "f(x,  # a, (b\n  a=t)"),
        ("f(g(x, (y)), t or (u))", "f(g(x, (y)), a=t or (u))"),
        ("f(x, t if u else v)", "f(x, a=t if u else v)"),
        ("f('é,(', (t))", "f('é,(', a=(t))"),
        ("f(x, \\\n  t)", "f(x, \\\n  a=t)"),
        ("f(x, lambda: (t))", "f(x, a=lambda: (t))"),
        ("f(x, (t, u))", "f(x, a=(t, u))"),
        ("f(x, (yield))", "f(x, a=(yield))"),
    ],
)  # fmt: skip
def test_positional_arguments_become_keywords(call: str, expected: str) -> None:
    source = Source(f"def m():\n  return {call}\n")
    node = next(each for each in ast.walk(source.tree) if isinstance(each, ast.Call))
    names = {index: name for index, name in ((1, "a"), (2, "b")) if index < len(node.args)}
    fixed = apply_edits(source.text, name_arguments(source, node, names))
    assert fixed == f"def m():\n  return {expected}\n"
    _ = Source(fixed).tree


def test_value_and_keyword_can_be_named_at_once() -> None:
    call = "    def call(self, x, §=None):\n        return self(x, ~§) if x else self.d(x, training=§)\n"
    before = call.replace("§", "train").replace("~", "")
    assert _renamed(before) == call.replace("§", "training").replace("~", "training=")


def test_a_name_that_is_not_where_it_should_be_is_not_touched() -> None:
    text = HEAD + "    def call(self, x, train): return self.d(x, training=train)\nN()\n"
    source = Source(text)
    program = Program.of(source)
    renaming = program.renames.renaming(program.classes[0].methods["call"], "train")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "train":
            node.col_offset += 1
            node.end_col_offset = (node.end_col_offset or 0) + 1
    with pytest.raises(CannotEdit, match="line 8 is not found in its place"):
        rename_edits(renaming)


# --- Which parameter is a flag -----------------------------------------------------------------------------

USES = {
    "if train: x = -x": True,
    "x = x if train else -x": True,
    "assert not train": True,
    "while train: pass": True,
    "x = tf.cond(train, f, g)": True,
    "x = keras.ops.cond(train, f, g)": True,
    "if train is None: x = -x": True,
    "if train == True and x: x = -x": True,
    "x = self.d(x, training=train)": True,
    "x = self.d(x, train)": True,
    "x = self.unknown(x, training=train)": True,
    "x = net(x, is_training=train)": True,
    "x = self.d(x, training=train and self.trainable)": True,
    "x = self.helper(x, train)": True,
    "x = self.helper(x, flag=train)": True,
    "x = [self.d(y, training=train) for y in x]": True,
    "x = tf.map_fn(lambda y: self.d(y, training=train), x)": True,
    "training = train": True,
    "x = self.f(x, training=train)": False,
    "x = self.f(x, train)": False,
    "x = x * train": False,
    "x = split(x, train)": False,
    "x = split(x, size=train)": False,
    "x = self.idle(x, train)": False,
    "if train == 'yes': x = -x": False,
    "if train: x = -x if train == 'yes' else x": False,
    "self.mode = train": False,
    "pass": False,
    "f = lambda train: self.d(x, training=train)": False,
}


@pytest.mark.parametrize(("line", "is_flag"), USES.items(), ids=USES)
def test_a_flag_is_what_is_used_as_one(line: str, is_flag: bool) -> None:
    text = HEAD + (
        f"    def call(self, x, train=None):\n        {line}\n        return x\n"
        "    def helper(self, x, flag): return x if flag else -x\n"
        "    def idle(self, x, flag): return x + flag\n"
    )
    program = Program.of(Source(text))
    found = other_flag(program.classes[0].methods["call"], program.flow)
    assert (found is not None) is is_flag


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("self, x, train", "train"),
        ("self, x, *, isTraining=True", "isTraining"),
        ("self, *xs, phase_train=None", "phase_train"),
        ("self, x, is_training: bool = False", "is_training"),
        ("self, x, is_training: str", None),
        ("self, x, train_mode='train'", None),
        ("self, train", None),
        ("self, x, train, training=None", None),
        ("self, x, trained", None),
    ],
)
def test_by_name_default_and_annotation(signature: str, name: str | None) -> None:
    flag = name or next(
        each for each in ("is_training", "train_mode", "trained", "train") if each in signature
    )
    text = HEAD + f"    def call({signature}):\n        return self.d(1, training={flag})\n"
    program = Program.of(Source(text))
    found = other_flag(program.classes[0].methods["call"], program.flow)
    assert (found.name if found is not None else None) == name


@pytest.mark.parametrize(
    ("body", "reaches"),
    [
        ("return x if train else -x", False),
        ("return tf.nn.dropout(x, .1) if train else x", False),
        ("return self.helper(x, train)", False),
        ("return self.d(x, training=train)", True),
        ("return self.d(x) if train else x", True),
        ("return self.d(x, training=True) if train else x", True),
        ("return self.d(x) if train else self.f(x)", True),
        ("return unknown(x, training=train)", True),
        ("return self.other(x, train)", True),
    ],
)
def test_whether_a_layer_depends_on_it(body: str, reaches: bool) -> None:
    text = HEAD + (
        f"    def call(self, x, train=None):\n        {body}\n"
        "    def helper(self, x, flag): return x if flag else -x\n"
        "    def other(self, x, flag): return self.d(x, training=flag)\n"
        "N()\n"
    )
    program = Program.of(Source(text))
    found = other_flag(program.classes[0].methods["call"], program.flow)
    assert found is not None
    assert found.reaches_layers is reaches
    [finding] = kerasfix.check(text, select=["KF105"])
    assert finding.fix is not None
    assert (finding.fix.applicability is kerasfix.Applicability.REPAIR) is reaches
    assert ("nothing but code of the class itself" in finding.help) is not reaches


def test_a_flag_that_is_not_read_counts_where_a_layer_needs_one() -> None:
    for line, count in (("self.d(x)", 1), ("self.f(x)", 0), ("self.d(x, training=True)", 0)):
        text = HEAD + f"    def call(self, x, is_training=None):\n        return {line}\n"
        assert len(kerasfix.check(text, select=["KF105"])) == count


def test_occurrences_in_nested_functions() -> None:
    source = Source(
        "def f(t):\n"
        "    def a(t): return t\n"
        "    def b(x=t): return t\n"
        "    def c():\n        t = 1\n        return t\n"
        "    g = lambda *t: t\n"
        "    return [t for x in t]\n"
    )
    [function] = source.tree.body
    assert isinstance(function, ast.FunctionDef)
    found = occurrences(function, "t")
    assert sorted(node.lineno for node in found.names) == [3, 3, 8, 8]
    assert found.reasons == []
