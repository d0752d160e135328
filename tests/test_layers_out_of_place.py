"""Layers that are never called, called for a sibling, or made in `call`: across files, and how bad it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerasfix.analysis.neighbours import Neighbours
from kerasfix.analysis.siblings import difference
from kerasfix.engine import Engine
from kerasfix.finder import Finder
from kerasfix.findings import Finding, Severity
from kerasfix.rules.base import HEADER
from kerasfix.source import Source

NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.head = layers.Dense(1)

    def call(self, x):
        return self.dense(x)
"""
CREATED = """\
class Net(keras.Model):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def call(self, x, training=None):
        return {}(x)
"""


def found(text: str, header: str = HEADER) -> list[Finding]:
    findings = Engine().check_source(Source(header + text))
    return [finding for finding in findings if finding.code in ("KF203", "KF204", "KF205")]


def in_project(folder: Path, given: tuple[str, ...], **files: str) -> list[Finding]:
    """What is found if only some files of a folder are given; the others stand beside them."""
    paths = {}
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.write_text(text)
        paths[name] = os.path.realpath(path)
    sources = {paths[name]: Source(files[name], paths[name]) for name in given}
    neighbours = Neighbours(paths.values())
    everything = Engine(Finder(neighbours=neighbours)).check_sources(sources)
    return [each for here in everything.values() for each in here if each.code == "KF203"]


USERS = [
    pytest.param("from net import Net\nprint(Net().head(1))\n", id="by a script"),
    pytest.param(
        "from net import Net\n\n\nclass Child(Net):\n    def call(self, x):\n        return self.head(x)\n",
        id="by a subclass",
    ),
    pytest.param("from net import Net\nprint(getattr(Net(), 'head')(1))\n", id="by its name as a text"),
]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("given", [("net", "user"), ("net",)])
def test_a_layer_that_another_file_uses_is_in_use(tmp_path: Path, user: str, given: tuple[str, ...]) -> None:
    assert in_project(tmp_path, given, net=HEADER + NET, user=user) == []


@pytest.mark.parametrize("given", [("net", "user"), ("net",)])
def test_a_file_that_knows_nothing_of_the_class_does_not_use_its_layer(
    tmp_path: Path, given: tuple[str, ...]
) -> None:
    other = "import queue\n\n\ndef first(row):\n    return row.head\n"
    assert len(in_project(tmp_path, given, net=HEADER + NET, user=other)) == 1


def test_a_class_that_another_file_finishes_is_left_in_peace(tmp_path: Path) -> None:
    user = "from net import Net\n\n\ndef call(self, x):\n    return x\n\n\nNet.call = call\n"
    assert in_project(tmp_path, ("net", "user"), net=HEADER + NET, user=user) == []


def test_how_bad_an_unused_layer_is_depends_on_its_weights() -> None:
    (with_weights,) = found(NET)
    (without,) = found(NET.replace("self.head = layers.Dense(1)", "self.head = layers.Dropout(0.5)"))
    (wrapped,) = found(NET.replace("self.head = layers.Dense(1)", "self.head = Block()") + BLOCK)
    assert with_weights.severity is wrapped.severity is Severity.WARNING
    assert without.severity is Severity.INFO


BLOCK = """\


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4)

    def call(self, x):
        return self.inner(x)
"""


@pytest.mark.parametrize(
    ("made", "severity"),
    [
        ("layers.Dense(4)", Severity.ERROR),
        ("keras.Sequential([layers.ReLU(), layers.Dense(4)])", Severity.ERROR),
        ("layers.TimeDistributed(layers.Dense(4))", Severity.ERROR),
        ("layers.Dropout(0.5)", Severity.ERROR),
        ("layers.RandomFlip()", Severity.ERROR),
        ("layers.Dropout(self.rate)", Severity.WARNING),
        ("layers.Dropout(rate=0)", Severity.INFO),
        ("layers.Flatten()", Severity.INFO),
        ("keras.Sequential([layers.ReLU()])", Severity.INFO),
    ],
)
def test_how_bad_a_layer_made_in_call_is(made: str, severity: Severity) -> None:
    (finding,) = found(CREATED.format(made))
    assert finding.severity is severity


def test_under_keras_2_alone_a_random_state_is_no_fault() -> None:
    header = "import tf_keras as keras\nfrom tf_keras import layers\n\n\n"
    (finding,) = found(CREATED.format("layers.Dropout(0.5)"), header)
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("conv1", "conv2", ("1", "2")),
        ("in1_1", "in1_2", ("1", "2")),
        ("block_2a_conv", "block_3a_conv", ("2", "3")),
        ("dense", "dense_2", ("1", "2")),
        ("left_norm", "right_norm", ("left", "right")),
        ("convA", "convB", ("A", "B")),
        ("conv1_1", "conv2_2", None),
        ("dense", "head", None),
        ("conv1", "bn1", None),
        ("conv1", "convA", None),
        ("q", "k", None),
    ],
)
def test_which_names_stand_in_a_row(one: str, other: str, apart: tuple[str, str] | None) -> None:
    assert difference(one, other) == apart
