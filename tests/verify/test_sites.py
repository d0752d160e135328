"""What a project's text says about constructing a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasfix.verify.evidence import companions_of, evidence_for
from kerasfix.verify.sites import construction_sites


def sites(text: str) -> list[tuple[Any, Any, Any]]:
    return [(site["positional"], site["named"], site["unknown"]) for site in construction_sites(text, "Net")]


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("Net(4, rate=-0.5)", ([{"value": 4}], {"rate": -0.5}, [])),
        ("N = 4\nm = Net(N * 2, (N, 1))", ([{"value": 8}, {"value": {"$tuple": [4, 1]}}], {}, [])),
        ("m = models.Net(units=[1, 2], act='relu')", ([], {"units": [1, 2], "act": "relu"}, [])),
        ("def f(n=3):\n    return Net(n)", ([{"value": 3}], {}, [])),
        ("def f(n):\n    return Net(n, 2)", ([None, {"value": 2}], {}, [])),
        ("N = 1\nN = 2\nNet(N)", ([None], {}, [])),
        ("Net(size=load())", ([], {}, ["size"])),
        ("Net(cfg.size)", ([None], {}, [])),
        ("Net(1 / 0)", ([None], {}, [])),
        (
            "Net(layers.Dense(3, activation=tf.nn.relu))",
            (
                [
                    {
                        "value": {
                            "$call": "layers.Dense",
                            "positional": [3],
                            "named": {"activation": {"$name": "tf.nn.relu"}},
                        }
                    }
                ],
                {},
                [],
            ),
        ),
    ],
)
def test_values_that_can_be_known(text: str, site: object) -> None:
    assert sites(text) == [site]


def test_the_defaults_of_the_class_that_constructs_it() -> None:
    text = (
        "class Big:\n    def __init__(self, units=7):\n        self.units = units\n"
        "    def build(self):\n        self.net = Net(self.units)\n"
    )
    assert sites(text) == [([{"value": 7}], {}, [])]


def test_the_fullest_site_comes_first() -> None:
    assert [site[0] for site in sites("Net(f())\nNet(3)")] == [[{"value": 3}], [None]]


@pytest.mark.parametrize(
    "example",
    [
        "```python\n    Net(5)\n    ```",
        ">>> Net(5)",
        "Use it like this::\n\n        net = Net(5)\n\n    Or not.",
    ],
)
def test_examples_in_docstrings(example: str) -> None:
    text = f'class Net:\n    """A net.\n\n    {example}\n    """\n'
    assert sites(text) == [([{"value": 5}], {}, [])]


def test_a_text_that_is_no_python_has_no_sites() -> None:
    assert sites("Net(") == []


def test_evidence_of_a_class_comes_from_its_whole_package(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("class Net:\n    '''\n    >>> Input((3, 4))\n    '''\n")
    (package / "use.py").write_text("Net(units=9)\n")
    (tmp_path / "outside.py").write_text("Net(units=1)\n")
    found = evidence_for(package / "net.py", (package / "net.py").read_text(), "Net")
    assert found["hints"] == [[3, 4]]
    assert [site["named"] for site in found["sites"]] == [{"units": 9}]


def test_beside_a_script_only_its_own_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: pass\n")
    (tmp_path / "train.py").write_text("Net(2)\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.py").write_text("Net(3)\n")
    found = evidence_for(tmp_path / "net.py", "class Net: pass\n", "Net")
    assert [site["positional"] for site in found["sites"]] == [[{"value": 2}]]


def test_companions_are_what_sites_mention_and_what_parameters_are_called_after(tmp_path: Path) -> None:
    text = (
        "class Inner: pass\n\n\nclass BigEncoder: pass\n\n\nclass Other: pass\n\n\n"
        "class Net:\n    def __init__(self, encoder, part): pass\n\n\nnet = Net(None, Inner(3))\n"
    )
    found = evidence_for(tmp_path / "net.py", text, "Net")
    assert companions_of(text, "Net", found) == ["Inner", "BigEncoder"]
