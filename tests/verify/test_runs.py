"""Tests of a project, and functions that build something, show what a class is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kerasfix.verify.evidence import evidence_for
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target
from kerasfix.verify.worker.finder import Finder
from kerasfix.verify.worker.load import Refused
from kerasfix.verify.worker.recipes import Scope
from kerasfix.verify.worker.runs import Enough, run

# What `plan` has to look like, and what `inputs` are, is said nowhere but where it is tried.
PART = """
import keras

class Net(keras.layers.Layer):
    def __init__(self, plan, **kwargs):
        super().__init__(**kwargs)
        if plan[1][0] != "wide" or sum(plan[0]) != 24:
            raise ValueError("this is no plan")
        self.dense = keras.layers.Dense(plan[0][0])
        self.bn = keras.layers.BatchNormalization()

    def call(self, inputs, size, training=None):
        x, weights = inputs["rows"]
        if x.shape[1:] != (size, 5) or weights.shape[1:] != (size, 1):
            raise ValueError("this does not fit")
        return self.bn(self.dense(x) * weights, training=training)
"""
TRIED = """
    def setUp(self):
        self.plan = ((7, 8, 9), ("wide", 3))

    def test_something_else(self):
        raise ValueError("no input")

    def test_it_runs(self):
        net = Net(self.plan)
        out = net({"rows": (keras.ops.ones((2, 12, 5)), keras.ops.ones((2, 12, 1)))}, size=12)
        assert out.shape == (2, 12, 7)
        while True:
            pass
"""
TEST = f"import unittest\nimport keras\nfrom net import Net\n\nclass NetTest(unittest.TestCase):{TRIED}"
BUILDER = """
import keras
from net import Net

def make(width, plan=((7, 8, 9), ("wide", 3))):
    rows = keras.Input((12, 5))
    weights = keras.Input((12, 1))
    return keras.Model([rows, weights], Net(plan)({"rows": (rows, weights)}, size=12))
"""


@pytest.mark.parametrize(
    ("text", "name", "batch"),
    [
        (TEST, "NetTest", 2),
        (TEST.replace("setUp", "setup_method").replace("(unittest.TestCase)", ""), "NetTest", 2),
        (BUILDER, "make", 4),
        (
            BUILDER.replace('plan=((7, 8, 9), ("wide", 3))', "unheard_of")
            .replace("def make", "def assemble")
            .replace("Net(plan)", "Net(unheard_of)")
            + '\ndef make():\n    return assemble(2, ((7, 8, 9), ("wide", 3)))\n',
            "assemble",
            4,
        ),
    ],
)
def test_what_tries_a_class_shows_what_it_is_given(
    session: Session, tmp_path: Path, text: str, name: str, batch: int
) -> None:
    path = tmp_path / "net.py"
    path.write_text(PART)
    (tmp_path / "test_net.py").write_text(text)
    report = session.compare(Target(path, "Net", 4), PART, PART)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert [(each.name, each.source) for each in report.arguments] == [("plan", f"run of {name}")]
    assert [(each.shape, each.name) for each in report.inputs] == [
        ((batch, 12, 5), "inputs['rows'][0]"),
        ((batch, 12, 1), "inputs['rows'][1]"),
    ]


def test_without_them_there_is_no_verdict(compare: Callable[..., ModelReport]) -> None:
    assert compare(PART).verdict is VerdictKind.NOT_VERIFIED


def test_nothing_is_run_where_it_could_write_files() -> None:
    holder = {
        "name": "f",
        "file": "",
        "runs": True,
        "demands": False,
        "methods": [],
        "sites": [],
        "holders": [],
    }
    job = {"probe_seconds": 9.0, "hints": [], "seed": 1, "holders": [holder], "searched": True}
    keras = SimpleNamespace()
    maker = SimpleNamespace(needs_nothing=False, refusal=lambda: Refused("constructor", "none"))
    scale = SimpleNamespace(limit=None, reset=lambda: None)
    ran = []

    def found(**kept: Any) -> None:
        context = (keras, None, maker, scale, None, lambda _phase: None)
        cls = type("Net", (), {"call": lambda self, x: x})
        cls.__module__ = __name__
        with pytest.raises(Refused):
            Finder({**job, **kept}, cls, *context, lambda _holder: lambda: ran.append(1)).find()  # type: ignore[arg-type]

    keras.layers = SimpleNamespace(Layer=type("Layer", (), {"__new__": lambda cls: object.__new__(cls)}))
    found()
    found(kept_in=("network", "signals"))
    assert not ran
    found(kept_in=("files",))
    assert ran


def test_a_test_with_cases_is_run_with_the_first() -> None:
    seen = []

    @pytest.mark.parametrize(("units", "extra"), [(3, "a"), (4, "b")])
    def tried(units: int, extra: str, *, filters: int) -> None:
        seen.append((units, extra, filters))

    run(tried, [], Scope({}, None), 5.0)
    assert seen == [(3, "a", 16)]


def test_what_takes_too_long_is_ended_and_what_has_been_seen_is_enough() -> None:
    def endless() -> None:
        while True:
            pass

    run(endless, [], Scope({}, None), 0.05)

    def called() -> None:
        try:
            raise Enough
        except Exception:
            pytest.fail("it was caught")

    with pytest.raises(Enough):
        run(called, [], Scope({}, None), 5.0)


# --- What is found --------------------------------------------------------------------------------------


def _holders(path: Path, text: str, name: str = "Net") -> list[Any]:
    return [
        (each["name"], each["runs"], each["methods"]) for each in evidence_for(path, text, name)["holders"]
    ]


def test_what_runs_comes_before_classes_and_a_script_in_a_function_does_not_come(tmp_path: Path) -> None:
    text = PART + "\n".join(
        [
            "class Holder(keras.Model):\n    def __init__(self):\n        self.net = Net(1)\n",
            "def main():\n    net = Net(1)\n    net.fit()\n    return 0\n",
            "def build():\n    net = Net(1)\n    return net\n",
            "class TestNet:\n    def test_a(self):\n        Net(1)\n    def test_b(self):\n        pass\n",
            "class TestAll:\n    def setUp(self):\n        Net(1)\n    def test_a(self):\n        return 1\n",
        ]
    )
    assert _holders(tmp_path / "net.py", text) == [
        ("build", True, []),
        ("TestNet", True, ["test_a"]),
        ("TestAll", True, ["test_a"]),
        ("Holder", False, []),
    ]


def test_tests_beside_a_package_are_found(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "net.py").write_text(PART)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_net.py").write_text("from pkg.net import Net\ndef test_it():\n    Net(1)\n")
    (tmp_path / "tests" / "data.py").write_text("from pkg.net import Net\ndef test_data():\n    Net(1)\n")
    assert _holders(package / "net.py", PART) == [("test_it", True, [])]


def test_a_class_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Net:\n    pass\ndef make():\n    return [Net(1)]\n")
    (tmp_path / "b.py").write_text("from elsewhere import Net\ndef build():\n    return [Net(2)]\n")
    (tmp_path / "c.py").write_text("import net\ndef create():\n    return [net.Net(3)]\n")
    evidence = evidence_for(tmp_path / "net.py", PART, "Net")
    assert [each["name"] for each in evidence["holders"]] == ["create"]
    assert [each["positional"] for each in evidence["sites"]] == [[{"value": 3}]]


def test_what_holds_a_class_may_be_held_itself(tmp_path: Path) -> None:
    text = PART + (
        "class Block(keras.Model):\n    def __init__(self):\n        self.net = Net(1)\n"
        "class Model(keras.Model):\n    def __init__(self):\n        self.block = Block()\n"
        "def build():\n    return [Block()]\n"
    )
    [block] = evidence_for(tmp_path / "net.py", text, "Net")["holders"]
    assert [(each["name"], each["runs"]) for each in block["holders"]] == [("build", True), ("Model", False)]


def test_a_function_that_wants_something_may_be_called_by_another(tmp_path: Path) -> None:
    text = PART + (
        "def assemble(inputs, plan):\n    return [Net(plan)(inputs)]\n"
        "def make():\n    return [assemble(1, 2)]\n"
        "def small(plan=1):\n    return [Net(plan)]\n"
        "def smaller():\n    return [small()]\n"
    )
    holders = evidence_for(tmp_path / "net.py", text, "Net")["holders"]
    assert [(each["name"], [inner["name"] for inner in each["holders"]]) for each in holders] == [
        ("assemble", ["make"]),
        ("small", []),
    ]


def test_configurations_are_looked_up_where_they_are_made(tmp_path: Path) -> None:
    text = (
        "class Config:\n    def __init__(self, size=1):\n        self.size = size\n"
        "class Net(keras.Model):\n    def __init__(self, config: Config, other: int = 3):\n        pass\n"
    )
    (tmp_path / "train.py").write_text("from net import Config\nsmall = Config(size=64)\n")
    told = {"Config": [{"positional": [], "named": {"size": 64}, "unknown": []}]}
    assert evidence_for(tmp_path / "net.py", text, "Net")["configs"] == told
    # It may be from another module, too.
    _, _, rest = text.partition("class Net")
    elsewhere = f"from pkg.configs import Config\nclass Net{rest}"
    (tmp_path / "train.py").write_text("from .configs import Config\nsmall = Config(size=64)\n")
    (tmp_path / "other.py").write_text("from others import Config\nsmall = Config(size=65)\n")
    assert evidence_for(tmp_path / "net.py", elsewhere, "Net")["configs"] == told
