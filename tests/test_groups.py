"""Which files are looked at together, and which cannot have to do with each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerasfix.analysis.places import Places
from kerasfix.groups import Group, groups_of
from tests.conftest import Run
from tests.test_projects import BLOCK, MENDED_BLOCK

Texts = dict[str, str]


def _grouped(folder: Path, files: Texts, others: Texts | None = None) -> list[Group]:
    """The groups of some files of a folder, and of others in it that say nothing of Keras."""
    for name, text in {**files, **(others or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def real(texts: Texts) -> dict[str, bytes]:
        return {os.path.realpath(folder / name): text.encode() for name, text in texts.items()}

    return groups_of(real(files), real(others or {}), Places(real(files)))


def _names(folder: Path, files: list[str] | dict[str, bytes]) -> str:
    root = os.path.realpath(folder)
    return " ".join(Path(os.path.relpath(file, root)).as_posix() for file in files)


def _groups(folder: Path, files: Texts, others: Texts | None = None) -> list[str]:
    """The files of each group; behind a bar, the others that belong to it."""
    return [
        " | ".join(_names(folder, each) for each in (group.files, group.others) if each)
        for group in _grouped(folder, files, others)
    ]


# Where files lie.


def test_the_files_of_a_package_belong_together(tmp_path: Path) -> None:
    files = {"p/__init__.py": "", "p/a.py": "", "p/q/__init__.py": "", "p/q/b.py": ""}
    assert _groups(tmp_path, files) == ["p/__init__.py p/a.py p/q/__init__.py p/q/b.py"]


def test_the_init_of_a_package_need_not_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "p/q").mkdir(parents=True)
    (tmp_path / "p/__init__.py").touch()
    (tmp_path / "p/q/__init__.py").touch()
    assert _groups(tmp_path, {"p/a.py": "", "p/q/b.py": ""}) == ["p/a.py p/q/b.py"]


def test_two_packages_are_two_groups(tmp_path: Path) -> None:
    files = {"p/__init__.py": "", "q/__init__.py": "", "p/a.py": "", "q/a.py": ""}
    assert _groups(tmp_path, files) == ["p/__init__.py p/a.py", "q/__init__.py q/a.py"]


def test_scripts_of_a_folder_belong_together_and_those_of_another_do_not(tmp_path: Path) -> None:
    files = {"b/net.py": "", "a/net.py": "", "b/block.py": "", "a/sub/net.py": ""}
    assert _groups(tmp_path, files) == ["b/net.py b/block.py", "a/net.py", "a/sub/net.py"]


def test_no_files_are_no_groups(tmp_path: Path) -> None:
    assert _groups(tmp_path, {}, {"a.py": "import p\n"}) == []


def test_each_group_knows_the_whole_run(tmp_path: Path) -> None:
    one, other = _grouped(tmp_path, {"a/net.py": "", "b/net.py": ""})
    assert one.run == other.run
    assert {"a/net.py", "b/net.py"} <= set(_names(tmp_path, [*one.run]).split())
    assert one.places.common_folder == other.places.common_folder == os.path.realpath(tmp_path)


# What they import.

PACKAGES = {"p/__init__.py": "", "p/a.py": "", "q/__init__.py": "", "q/b.py": ""}
APART = ["p/__init__.py p/a.py", "q/__init__.py q/b.py"]


@pytest.mark.parametrize(
    "statement",
    [
        "import q",
        "import q.b as b",
        "from q import b",
        "from q.b import B",
        "import os, q",
        "import os as system, q.b as b",
        "import os.path, sys, q",
        "if True:\n    from q import b",
        "import os\r\nimport q\r\n",
        "import os\rimport q\r",
        "try:\n\timport q\nexcept ImportError:\n\tpass",
        "from\tq import b",
    ],
)
def test_what_is_imported_belongs_to_who_imports_it(tmp_path: Path, statement: str) -> None:
    assert _groups(tmp_path, {**PACKAGES, "p/a.py": statement}) == [" ".join(PACKAGES)]


@pytest.mark.parametrize(
    "statement",
    [
        "important = q",
        "# import q",
        "import os  # import other, q",
        "import os; q = 1",
        "from . import q",
        "from os import q",
        "import other.q",
        "import p",
    ],
)
def test_what_is_no_import_of_it_joins_nothing(tmp_path: Path, statement: str) -> None:
    assert _groups(tmp_path, {**PACKAGES, "p/a.py": statement}) == APART


def test_what_one_imports_and_what_that_imports_belong_together(tmp_path: Path) -> None:
    files = {"a/net.py": "from b import x\n", "b/x.py": "from c import x\n", "c/x.py": "", "d/x.py": ""}
    assert _groups(tmp_path, files) == ["a/net.py b/x.py c/x.py", "d/x.py"]


def test_files_that_import_each_other_in_a_circle_belong_together(tmp_path: Path) -> None:
    files = {"a/x.py": "import b.x\n", "b/x.py": "import c.x\n", "c/x.py": "import a.x\n"}
    assert _groups(tmp_path, files) == ["a/x.py b/x.py c/x.py"]


@pytest.mark.parametrize(
    "imported", ["from ..b.block import Block", "from ..b import block", "from .. import b"]
)
def test_a_script_may_import_by_dots(tmp_path: Path, imported: str) -> None:
    files = {"p/a/net.py": imported, "p/b/block.py": "", "p/c/block.py": ""}
    [first, *_] = _groups(tmp_path, files)
    assert first.startswith("p/a/net.py p/b/block.py")


def test_only_the_folder_that_dots_lead_to_belongs_to_it(tmp_path: Path) -> None:
    files = {"a/net.py": "from ..p.q import x\n", "p/block.py": "", "p/q/r/x.py": "", "pp/block.py": ""}
    assert _groups(tmp_path, files) == ["a/net.py p/block.py p/q/r/x.py", "pp/block.py"]


def test_a_name_need_not_be_ascii(tmp_path: Path) -> None:
    files = {
        "a/net.py": "import os, möbel\nfrom 模型 import Block\n",
        "möbel/x.py": "",
        "x/模型.py": "",
        "b/m.py": "",
    }
    assert _groups(tmp_path, files) == ["a/net.py möbel/x.py x/模型.py", "b/m.py"]


def test_a_module_is_imported_by_the_folder_that_it_is_in(tmp_path: Path) -> None:
    # `src` is on nobody's path as far as can be seen.
    files = {
        "a/net.py": "from block import Block\n",
        "x/src/block.py": "",
        "x/src/other.py": "",
        "y/other.py": "",
    }
    assert _groups(tmp_path, files) == ["a/net.py x/src/block.py x/src/other.py", "y/other.py"]


def test_an_import_by_a_path_that_nobody_knows_may_be_any_folder_of_that_name(tmp_path: Path) -> None:
    files = {
        "a/net.py": "from models import Block\n",
        "x/models/block.py": "",
        "y/models/deep/block.py": "",
        "z/mymodels/block.py": "",
    }
    assert _groups(tmp_path, files) == [
        "a/net.py x/models/block.py y/models/deep/block.py",
        "z/mymodels/block.py",
    ]


def test_who_has_a_module_of_that_name_at_hand_imports_that_one(tmp_path: Path) -> None:
    files = {"a/net.py": "from block import Block\n", "a/block.py": "", "b/block.py": ""}
    assert _groups(tmp_path, files) == ["a/net.py a/block.py", "b/block.py"]


def test_who_has_it_at_hand_need_not_have_it_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/models.py").touch()
    files = {"a/net.py": "from models import Block\n", "b/models/x.py": ""}
    assert _groups(tmp_path, files) == ["a/net.py", "b/models/x.py"]


@pytest.mark.parametrize("framework", ["jax", "keras", "numpy", "tensorflow", "tf_keras", "torch"])
def test_a_folder_called_like_a_framework_is_not_what_everybody_imports(
    tmp_path: Path, framework: str
) -> None:
    files = {"a/net.py": f"import {framework}\n", f"nn/{framework}/x.py": f"import {framework}.nn\n"}
    assert len(_groups(tmp_path, files)) == 2


def test_the_folders_above_the_run_have_no_names_in_it(tmp_path: Path) -> None:
    files = {"home/a/net.py": "import home\n", "home/b/net.py": ""}
    assert _groups(tmp_path, files) == ["home/a/net.py", "home/b/net.py"]


def test_files_on_two_drives_are_still_those_that_they_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_paths: object) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", fail)
    assert _groups(tmp_path, {**PACKAGES, "p/a.py": "import q"}) == [" ".join(PACKAGES)]
    assert _groups(tmp_path, PACKAGES) == APART


# Files that say nothing of Keras.


def test_what_lies_in_a_package_belongs_to_it(tmp_path: Path) -> None:
    others = {"p/util.py": "", "p/sub/__init__.py": "", "p/sub/x.py": "", "q/x.py": "", "util.py": ""}
    found = _groups(tmp_path, {"p/__init__.py": "", "p/a.py": ""}, others)
    assert found == ["p/__init__.py p/a.py | p/util.py p/sub/__init__.py p/sub/x.py"]


def test_who_imports_something_of_a_group_belongs_to_it(tmp_path: Path) -> None:
    others = {"x/train.py": "from p import a\n", "w/test.py": "import os\n", "y/z.py": "import os, p\n"}
    found = _groups(tmp_path, {"p/__init__.py": "", "p/a.py": ""}, others)
    assert found == ["p/__init__.py p/a.py | x/train.py y/z.py"]


def test_who_imports_something_of_two_groups_makes_them_one(tmp_path: Path) -> None:
    others = {"x/train.py": "import p\nimport q\n"}
    assert _groups(tmp_path, PACKAGES, others) == [" ".join(PACKAGES) + " | x/train.py"]


def test_who_imports_another_module_of_that_name_belongs_to_nobody(tmp_path: Path) -> None:
    others = {"x/train.py": "from block import size\n", "x/block.py": "size = 3\n"}
    assert _groups(tmp_path, {"a/block.py": "", "a/net.py": ""}, others) == ["a/block.py a/net.py"]


def test_who_imports_by_dots_belongs_to_what_they_lead_to(tmp_path: Path) -> None:
    others = {"q/train.py": "from ..p import a\n", "r/train.py": "from . import a\n"}
    assert _groups(tmp_path, {"p/a.py": ""}, others) == ["p/a.py | q/train.py"]


def test_who_imports_who_imports_something_of_a_group_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    others = {"a/x.py": "from b import x\n", "b/x.py": "from p import a\n", "c/x.py": "from .x import y\n"}
    others["d/x.py"] = "from a.x import y\n"
    found = _groups(tmp_path, {"p/__init__.py": "", "p/a.py": ""}, others)
    assert found == ["p/__init__.py p/a.py | a/x.py b/x.py d/x.py"]


def test_by_a_path_that_nobody_knows_only_what_is_looked_at_is_imported(tmp_path: Path) -> None:
    # Else the many files called `utils` or `train` would make one group of all projects.
    others = {"x/train.py": "from p import a\n", "deep/y/other.py": "import train\n"}
    assert _groups(tmp_path, {"p/a.py": ""}, others) == ["p/a.py | x/train.py"]


@pytest.mark.parametrize("name", ["a.py", "z.py"])
def test_the_order_of_files_does_not_matter(tmp_path: Path, name: str) -> None:
    others = dict(sorted({f"x/{name}": "", "x/train.py": "import p\n"}.items()))
    files = {"p/__init__.py": ""}
    [group] = _groups(tmp_path, files, others)
    assert set(group.split()) == {"p/__init__.py", "|", "x/train.py", f"x/{name}"}


# What it is good for.

SCALED = """

class Scaled({base}):
    def call(self, x):
        return 2 * super().call(x)
"""


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"q/scaled.py": "from p.block import Block"}, id="imports it"),
        pytest.param({"q/scaled.py": "from ..p.block import Block"}, id="by dots"),
        pytest.param(
            {"q/scaled.py": "from p.block import Block", "q/net.py": "import keras\n"}, id="beside another"
        ),
        pytest.param(
            {"q/scaled.py": "from q.sub import Block", "q/sub.py": "from p.block import Block"}, id="hops"
        ),
        pytest.param(
            {"q/scaled.py": "from sub import Block", "q/sub.py": "from p.block import Block"}, id="script"
        ),
        pytest.param(
            {"q/scaled.py": "from r.sub import Block", "r/sub.py": "from p.block import Block"}, id="far"
        ),
    ],
)
def test_a_subclass_that_calls_it_without_the_flag_is_seen_wherever_it_is(
    tmp_path: Path, kerasfix: Run, files: Texts
) -> None:
    for name, text in {"p/block.py": BLOCK, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n" + (SCALED.format(base="Block") if "scaled" in name else ""))
    (tmp_path / "pyproject.toml").touch()
    kerasfix("--apply", ".")
    # With the one, the other is changed, or none is.
    mended = (tmp_path / "p/block.py").read_text() == MENDED_BLOCK + "\n"
    assert ("call(x, training=training)" in (tmp_path / "q/scaled.py").read_text()) is mended


def test_what_is_said_in_one_group_means_nothing_in_another(tmp_path: Path, kerasfix: Run) -> None:
    # In `b`, `Block` is another class, and calling that one says nothing about the one in `a`.
    other = "import keras\n\n\nclass Block:\n    def call(self, x):\n        return x\n" + SCALED.format(
        base="Block"
    )
    for folder, text in {"a": BLOCK, "b": other}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
        (tmp_path / folder / "block.py").write_text(text)
    kerasfix("--apply", ".")
    assert (tmp_path / "a/block.py").read_text() == MENDED_BLOCK


def test_a_module_deep_in_a_package_is_not_imported_by_its_own_name(tmp_path: Path) -> None:
    files = {"p/__init__.py": "", "p/q/__init__.py": "", "p/q/deep.py": "", "a/net.py": "import deep\n"}
    assert _groups(tmp_path, files)[-1] == "a/net.py"
