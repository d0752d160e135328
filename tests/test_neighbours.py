"""A class is not changed under the feet of its subclasses in other files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from kerasfix.analysis.neighbours import Neighbours
from kerasfix.analysis.project import Project
from kerasfix.source import Source

_SUPER = "    def call(self, x):\n        return super().call(x)\n"


def _objections(
    folder: Path, *files: str | bytes, class_name: str = "Base", method: str = "call"
) -> list[str]:
    """What the files, called `n0.py`, `n1.py` and so on, object to a change of `Base.call` in `base.py`."""
    paths = [folder / "base.py"]
    paths[0].write_text("class Base:\n" + _SUPER)
    for number, content in enumerate(files):
        path = folder / f"n{number}.py"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    return list(_ask(paths, class_name, method))


def _ask(paths: list[Path], class_name: str = "Base", method: str = "call") -> Iterable[str]:
    """The objections of all paths but the first, which alone is given."""
    source = Source(paths[0].read_text(), os.path.realpath(paths[0]))
    project = Project({source.file: source})
    info = next(each for each in project.classes if each.name == class_name)
    return Neighbours(map(os.path.realpath, paths)).of(project)(info, method)


def test_a_subclass_that_calls_super_without_the_flag_objects(tmp_path: Path) -> None:
    found = _objections(tmp_path, "from base import Base\nclass Child(Base):\n" + _SUPER)
    assert found == ["Child (n0.py:4) calls `super().call` without the flag"]


@pytest.mark.parametrize(
    ("line", "objection"),
    [
        ("self.call = self.quick", "sets `self.call`"),
        ("self.call(1)", "calls `self.call` without the flag"),
        ("Base.call(self, 1)", "calls `Base.call` without the flag"),
        ("base.Base.call(self, 1)", "calls `base.Base.call` without the flag"),
        ("self.call(1, training=True)", ""),
        ("self.parts[0].call(1)", ""),
        ("make().call(1)", ""),
    ],
)
def test_what_a_subclass_does_with_the_method(tmp_path: Path, line: str, objection: str) -> None:
    text = f"from base import Base\nclass Child(Base):\n    def run(self):\n        {line}\n"
    found = _objections(tmp_path, text)
    assert found == ([f"Child (n0.py:4) {objection}"] if objection else [])


def test_a_file_that_is_no_python_objects_to_nothing(tmp_path: Path) -> None:
    assert _objections(tmp_path, "class Child(Base):\n" + _SUPER + "    def run(:\n") == []


@pytest.mark.parametrize(
    "head",
    [
        "class Child(base.Base):",
        "class Child(Mixin, package.base.Base):",
        "class Child( Base , metaclass=Meta):",
        "class Child(\n    Base,  # the base\n):",
        "if new:\n  class Child(Base):",
    ],
)
def test_a_subclass_is_found_however_its_base_is_written(tmp_path: Path, head: str) -> None:
    assert len(_objections(tmp_path, head + "\n" + _SUPER)) == 1


@pytest.mark.parametrize(
    "head",
    ["class Child:", "class Child(Other):", "class Child(Other, Base=1):", "# class Child(Base):\nclass X:"],
)
def test_other_classes_do_not_object(tmp_path: Path, head: str) -> None:
    assert _objections(tmp_path, head + "\n" + _SUPER) == []


@pytest.mark.parametrize(
    ("call", "objects"),
    [
        ("super().call(x)", True),
        ("super(Child, self).call(x)", True),
        ("self.call(x)", True),
        ("Base.call(self, x)", True),
        ("super().call(x, training)", True),
        ("super().call(x, training=training)", False),
        ("super().call(x, training=None)", False),
        ("super().call(x, **kwargs)", True),
        ("super().other(x)", False),
        ("self.other(x)", False),
        ("self.inner.call(x)", False),
        ("Other.call(self, x)", False),
        ("call(x)", False),
    ],
)
def test_only_a_call_without_the_flag_objects(tmp_path: Path, call: str, objects: bool) -> None:
    child = f"class Child(Base):\n    def call(self, x, training=None, **kwargs):\n        return {call}\n"
    assert bool(_objections(tmp_path, child)) is objects


def test_a_subclass_of_a_subclass_in_a_third_file_objects(tmp_path: Path) -> None:
    found = _objections(tmp_path, "class Child(Base): pass\n", "class Grandchild(Child):\n" + _SUPER)
    assert found == ["Grandchild (n1.py:3) calls `super().call` without the flag"]


def test_a_grandchild_may_call_the_base_by_name(tmp_path: Path) -> None:
    grandchild = "class Grandchild(Child):\n    def f(self, x):\n        return Base.call(self, x)\n"
    assert len(_objections(tmp_path, "class Child(Base): pass\n", grandchild)) == 1


def test_a_class_with_two_ways_to_the_base_objects_once(tmp_path: Path) -> None:
    files = ("class A(Base): pass\nclass B(Base): pass\n", "class C(A, B):\n" + _SUPER)
    assert len(_objections(tmp_path, *files)) == 1


def test_classes_that_inherit_in_a_circle_end(tmp_path: Path) -> None:
    assert _objections(tmp_path, "class A(Base, B): pass\n", "class B(A): pass\n") == []


def test_a_helper_that_is_overridden_elsewhere_objects(tmp_path: Path) -> None:
    child = "class Child(Base):\n    def block(self, x):\n        return x\n"
    found = _objections(tmp_path, child, method="block")
    assert found == ["`block` is overridden in Child (n0.py:2)"]


def test_a_call_that_is_overridden_elsewhere_does_not_object(tmp_path: Path) -> None:
    child = "class Child(Base):\n    def call(self, x):\n        return x\n"
    assert _objections(tmp_path, child) == []


def test_subclasses_in_the_file_of_the_class_itself_are_not_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "base.py"
    path.write_text("class Base: pass\nclass Child(Base):\n" + _SUPER)
    assert list(_ask([path])) == []


@pytest.mark.parametrize(
    "broken",
    ["class Child(Base):\n    def (\n", b"class Child(Base):\n    x = '\xff'\n", b"class Child(Base):\0\n"],
    ids=["syntax", "encoding", "binary"],
)
def test_a_file_that_is_no_python_has_no_objections(tmp_path: Path, broken: str | bytes) -> None:
    assert _objections(tmp_path, broken) == []


def test_a_file_that_is_gone_has_no_objections(tmp_path: Path) -> None:
    path = tmp_path / "base.py"
    path.write_text("class Base:\n" + _SUPER)
    assert list(_ask([path, tmp_path / "gone.py"])) == []


@pytest.mark.parametrize(
    "child",
    [
        pytest.param("from base import Base as B\nclass Child(B):\n", id="imported by another name"),
        pytest.param("import base\nB = base.Base\nclass Child(B):\n", id="an alias"),
        pytest.param("import base\nclass Base(base.Base):\n", id="called like its base"),
        pytest.param("class Child(Base[int]):\n", id="generic"),
        pytest.param("class Kind_Ä(Base):\n", id="a name that is not ASCII"),
        pytest.param("class Child(make(), Base):\n", id="behind a base with brackets"),
        pytest.param("class Child(  # why (or not)\n    Base\n):\n", id="behind a comment with brackets"),
        pytest.param("class Child \\\n  (Base):\n", id="behind a continued line"),
    ],
)
def test_every_subclass_is_found(tmp_path: Path, child: str) -> None:
    assert _objections(tmp_path, child + _SUPER)
