"""What was found before is found again without looking, and only if nothing has changed since."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasfix import cache as cache_module
from kerasfix import engine as engine_module
from kerasfix.analysis.neighbours import Neighbours
from kerasfix.analysis.places import What
from kerasfix.cache import Cache
from kerasfix.codec import from_json, to_json
from kerasfix.engine import Engine, FileReport, Problem
from kerasfix.finder import Finder, Found, Trouble
from kerasfix.findings import Applicability, Chain, Finding, Fix, Link, Loop, Severity
from kerasfix.keras.layers import Effect, LayerFact
from kerasfix.selection import Selection
from kerasfix.source import Edit, Source
from kerasfix.workspace import discover
from tests.conftest import FIXTURES, Run
from tests.test_projects import BLOCK, MENDED_BLOCK, NET

_needs_posix = pytest.mark.skipif(os.name == "nt", reason="permissions and locks are others there")


@pytest.fixture(autouse=True)
def looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Everything is worth keeping, in the test's own folder; gives the files of each group looked at."""
    seen: list[list[str]] = []
    in_group = Finder.in_group

    def watch(self: Finder, group: object, sources: dict[str, Source]) -> Found:
        seen.append(sorted(Path(file).name for file in sources))
        return in_group(self, group, sources)  # type: ignore[arg-type]

    monkeypatch.setattr(engine_module, "_WORTH_KEEPING", -1)
    monkeypatch.setattr(Finder, "in_group", watch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return seen


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`net.py` imports what is not looked at from `lib`; `wide.py` needs a look at its neighbours."""
    folder = tmp_path / "tree"
    net = NET.format(imports="from lib.block import Block", block="Block")
    files = {"pyproject.toml": "", "lib/block.py": MENDED_BLOCK, "run/net.py": net, "run/wide.py": BLOCK}
    _put(folder, files)
    return folder


def _put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _check(
    folder: Path,
    selection: Selection | None = None,
    layers: dict[str, LayerFact] | None = None,
    *,
    around: bool = True,
    run: tuple[str, ...] = ("run",),
) -> tuple[Engine, list[FileReport | Problem]]:
    """Look at what is in `run`; all in the folder is around it."""
    files = sorted(os.path.realpath(path) for path in folder.rglob("*.py"))
    finder = Finder(selection or Selection(), Neighbours(files) if around else None, layers=layers)
    engine = Engine(finder, cache=Cache(finder))
    return engine, engine.check([engine.read(each) for each in discover([folder / each for each in run])])


def _told(folder: Path) -> list[object]:
    return [
        each if isinstance(each, Problem) else (each.path, each.matters, each.text, each.everything)
        for each in _check(folder)[1]
    ]


def _entries(folder: Path) -> list[Path]:
    return sorted((folder.parent / "home").rglob("*.json"))


# Nothing has changed.


def test_the_second_run_finds_the_same_and_looks_at_nothing(tree: Path, looked_at: list[list[str]]) -> None:
    first = _told(tree)
    assert looked_at == [["net.py", "wide.py"]]
    assert _told(tree) == first
    assert len(looked_at) == 1


def test_what_was_found_before_can_be_fixed(tree: Path, looked_at: list[list[str]]) -> None:
    _check(tree)
    engine, reports = _check(tree)
    plans = engine.plan([each for each in reports if isinstance(each, FileReport)], lambda _finding: True)
    assert len(looked_at) == 1
    texts = {Path(file).name: plan.text for file, plan in plans.items() if not isinstance(plan, Problem)}
    assert texts["wide.py"] == MENDED_BLOCK
    assert "self.block(x, training=training)" in texts["net.py"]


def test_files_that_are_drawn_in_are_known_again(tree: Path, looked_at: list[list[str]]) -> None:
    heir = (
        "from wide import Block\n\n\nclass Heir(Block):\n    def f(self, x):\n        return self.call(x)\n"
    )
    _put(tree, {"run/heir.py": heir})
    first = _told(tree)
    assert [path.name for path, matters, *_ in first if matters] == ["heir.py", "net.py", "wide.py"]
    assert _told(tree) == first
    assert len(looked_at) == 1


def test_a_file_that_stands_in_the_way_is_named_again(tree: Path, looked_at: list[list[str]]) -> None:
    _put(tree, {"run/broken.py": "import keras\nclass (\n"})
    first = _told(tree)
    assert isinstance(first[0], Problem)
    assert (first[0].line, first[0].column) == (2, 7)
    assert _told(tree) == first
    assert len(looked_at) == 1


def test_a_notebook_is_known_again(tree: Path, looked_at: list[list[str]]) -> None:
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": BLOCK, "execution_count": None}]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    _put(tree, {"run/book.ipynb": json.dumps(book)})
    first = _told(tree)
    assert _told(tree) == first
    assert len(looked_at) == 1
    cells[0]["source"] = MENDED_BLOCK
    _put(tree, {"run/book.ipynb": json.dumps(book)})
    assert _told(tree) != first


def test_only_the_group_with_the_change_is_looked_at(tree: Path, looked_at: list[list[str]]) -> None:
    _put(tree, {"run/apart/block.py": BLOCK})
    _check(tree)
    _put(tree, {"run/apart/block.py": BLOCK + "\n"})
    _check(tree)
    assert looked_at == [["block.py"], ["net.py", "wide.py"], ["block.py"]]


def test_how_bad_a_fault_must_be_is_asked_afterwards(tree: Path, looked_at: list[list[str]]) -> None:
    _check(tree)
    _, reports = _check(tree, Selection(min_severity=Severity.ERROR))
    assert len(looked_at) == 1
    counted = [len(each.findings) for each in reports if isinstance(each, FileReport)]
    assert counted != [len(each.everything) for each in reports if isinstance(each, FileReport)]


@pytest.mark.parametrize("fixture", ["dcgan", "loops"])
def test_what_is_found_in_real_programs_is_the_same_again(
    tmp_path: Path, fixture: str, looked_at: list[list[str]]
) -> None:
    shutil.copytree(FIXTURES / fixture, tmp_path / "tree/run")
    first = _told(tmp_path / "tree")
    looks = len(looked_at)
    assert _told(tmp_path / "tree") == first
    assert len(looked_at) == looks > 0


# Something has changed.


def _change(path: str, text: str) -> Callable[[Path], None]:
    return lambda folder: _put(folder, {path: text})


def _touch(folder: Path) -> None:
    # The same size, at another time.
    _put(folder, {"lib/block.py": MENDED_BLOCK.replace("bn", "nb")})
    os.utime(folder / "lib/block.py", ns=(1, 1))


HEIR = """\
from run.wide import Block


class Heir(Block):
    def f(self, x):
        return super().call(x)
"""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_change("run/wide.py", MENDED_BLOCK), id="a file"),
        pytest.param(_change("run/more.py", BLOCK), id="a new file"),
        pytest.param(_change("run/util.py", "SIZE = 3\n"), id="a new file without Keras"),
        pytest.param(lambda folder: (folder / "run/net.py").unlink(), id="a file less"),
        pytest.param(_change("lib/block.py", BLOCK), id="what is only imported"),
        pytest.param(_touch, id="the time of what is only imported"),
        pytest.param(lambda folder: (folder / "lib/block.py").unlink(), id="what is only imported is gone"),
        pytest.param(_change("run/lib/block.py", BLOCK), id="a module that comes before what is imported"),
        pytest.param(_change("lib/block/__init__.py", BLOCK), id="a package in the place of a module"),
        pytest.param(_change("other/heir.py", HEIR), id="a new neighbour"),
        pytest.param(lambda folder: shutil.move(folder, folder.with_name("moved")), id="the folder"),
    ],
)
def test_what_has_changed_is_looked_at_again(
    tree: Path, looked_at: list[list[str]], change: Callable[[Path], None]
) -> None:
    _check(tree)
    change(tree)
    folder = tree if tree.exists() else tree.with_name("moved")
    now = _told(folder)
    assert len(looked_at) == 2
    shutil.rmtree(folder.parent / "home")
    assert _told(folder) == now


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_change("lib/block.py", BLOCK), id="changed"),
        pytest.param(lambda folder: (folder / "lib/block.py").unlink(), id="gone"),
        pytest.param(_change("run/lib/block.py", "X = 3\n"), id="another comes before it"),
        pytest.param(_change("lib/block/__init__.py", "X = 3\n"), id="a package in its place"),
    ],
)
def test_what_is_imported_is_looked_at_though_nothing_is_around(
    tree: Path, looked_at: list[list[str]], change: Callable[[Path], None]
) -> None:
    _check(tree, around=False, run=("run/net.py",))
    change(tree)
    _check(tree, around=False, run=("run/net.py",))
    assert len(looked_at) == 2


def test_where_the_run_begins_counts(tmp_path: Path, looked_at: list[list[str]]) -> None:
    # Without a root of the project, modules are looked for from the folder that holds all that is given.
    net = NET.format(imports="from lib.block import Block", block="Block")
    _put(
        tmp_path / "tree",
        {"lib/block.py": MENDED_BLOCK, "app/deep/net.py": net, "other.py": "import keras\n"},
    )
    _check(tmp_path / "tree", around=False, run=("app/deep/net.py",))
    _, reports = _check(tmp_path / "tree", around=False, run=("app/deep/net.py", "other.py"))
    assert looked_at == [["net.py"], ["net.py"], ["other.py"]]
    assert [len(each.findings) for each in reports if isinstance(each, FileReport)] == [1, 0]


def test_what_a_new_neighbour_says_counts(tree: Path) -> None:
    before = _told(tree)
    _put(tree, {"other/heir.py": HEIR})
    [_, (_, _, _, [finding])] = _told(tree)
    assert "Heir" in finding.help
    (tree / "other/heir.py").unlink()
    assert _told(tree) == before


def test_what_nobody_asked_for_may_change(tree: Path, looked_at: list[list[str]]) -> None:
    # `net.py` alone takes a parameter; what stands around it is asked before, what is elsewhere is not.
    _put(tree, {"run/wide.py": MENDED_BLOCK, "run/net.py": MENDED_BLOCK})
    _check(tree)
    _put(tree, {"lib/block.py": BLOCK, "other/heir.py": HEIR})
    _check(tree)
    assert len(looked_at) == 1


class _Net:
    def names(self, path: str) -> bool:
        return path.endswith("net.py")


@pytest.mark.parametrize(
    "selection",
    [
        Selection(select=("KF2",)),
        Selection(ignore=("KF101",)),
        Selection(banned=("KF101",)),
        Selection(fixable=("KF2",)),
        Selection(unfixable=("KF101",)),
        Selection(ignored_in=((_Net(), ("KF1",)),)),
    ],
    ids=["select", "ignore", "banned", "fixable", "unfixable", "ignored in"],
)
def test_other_settings_find_something_else(
    tree: Path, looked_at: list[list[str]], selection: Selection
) -> None:
    before = [each.everything for each in _check(tree)[1] if isinstance(each, FileReport)]
    after = [each.everything for each in _check(tree, selection)[1] if isinstance(each, FileReport)]
    assert before != after
    assert len(looked_at) == 2


def test_other_layers_are_looked_at_again(tree: Path, looked_at: list[list[str]]) -> None:
    _check(tree)
    _check(tree, layers={"lib.block.Block": LayerFact("Block", Effect.NONE, None, None)})
    assert len(looked_at) == 2


def test_another_version_looks_again(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(tree)
    monkeypatch.setattr(cache_module, "__version__", "99.0")
    _check(tree)
    assert len(looked_at) == 2


def test_another_state_of_the_same_version_looks_again(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(tree)
    package = tree.parent / "kerasfix"
    _put(package, {"cache.py": "", "rules/new.py": ""})
    monkeypatch.setattr(cache_module, "__file__", str(package / "cache.py"))
    _check(tree)
    _put(package, {"rules/new.py": "changed = True\n"})
    _check(tree)
    _check(tree)
    assert len(looked_at) == 3


# The folder.


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut off"),
        pytest.param(lambda data: data.replace(b"KF101", b"KF102"), id="another text"),
        pytest.param(lambda data: os.urandom(100) + b"\n" + os.urandom(1000), id="noise"),
        pytest.param(lambda data: _signed(b"{}"), id="foreign"),
        pytest.param(lambda data: _signed(b"[1, 2, 3]"), id="of other kinds"),
        pytest.param(lambda data: _signed(b"no JSON"), id="no JSON"),
        pytest.param(lambda data: _signed(data.partition(b"\n")[2][:-1] + b",1]"), id="too long"),
        pytest.param(lambda data: _signed(b"[" * 100_000), id="too deep"),
    ],
)
def test_an_entry_that_is_not_what_was_written_counts_as_none(
    tree: Path, looked_at: list[list[str]], spoil: Callable[[bytes], bytes]
) -> None:
    first = _told(tree)
    [entry] = _entries(tree)
    good = entry.read_bytes()
    assert spoil(good) != good
    entry.write_bytes(spoil(good))
    assert _told(tree) == first
    assert len(looked_at) == 2
    assert entry.read_bytes() == good


def _signed(text: bytes) -> bytes:
    return cache_module._digest(text) + b"\n" + text


def test_the_entry_of_another_group_counts_as_none(tree: Path, looked_at: list[list[str]]) -> None:
    _put(tree, {"run/apart/block.py": BLOCK})
    first = _told(tree)
    one, other = _entries(tree)
    one.write_bytes(other.read_bytes())
    assert _told(tree) == first
    assert len(looked_at) == 3


@_needs_posix
@pytest.mark.parametrize("where", ["a file", "below a file", "a folder in its place", "nowhere"])
def test_a_folder_that_cannot_be_used_is_no_problem(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    first = _told(tree)
    home = tree.parent / "home"
    if where == "a folder in its place":
        [entry] = _entries(tree)
        entry.unlink()
        (entry / "more").mkdir(parents=True)
    else:
        shutil.rmtree(home)
        home.write_text("")
        if where == "below a file":
            monkeypatch.setenv("XDG_CACHE_HOME", str(home / "below"))
        elif where == "nowhere":
            monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert _told(tree) == first
    assert len(looked_at) == 2


def test_a_disk_that_is_full_is_no_problem(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        first = _told(tree)
    assert _told(tree) == first
    assert len(looked_at) == 2


def test_who_is_killed_while_it_writes_leaves_the_old_entry(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    _check(tree)
    [entry] = _entries(tree)
    before = entry.read_bytes()
    _put(tree, {"run/wide.py": MENDED_BLOCK})
    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        _check(tree)
    assert entry.read_bytes() == before


def test_no_home_is_no_problem(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_cache_path", fail)
    assert _told(tree) == _told(tree)
    assert len(looked_at) == 2


def test_what_was_written_longest_ago_is_forgotten(
    tree: Path, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_MOST_ENTRIES", 3)
    for number in range(5):
        _put(tree, {f"run/apart{number}/block.py": BLOCK})
        _check(tree)
        for entry in _entries(tree):
            state = entry.stat()
            os.utime(entry, ns=(state.st_mtime_ns - 10**9, state.st_mtime_ns - 10**9))
        newest = max(_entries(tree), key=lambda each: each.stat().st_mtime_ns)
    assert len(_entries(tree)) == 3
    # The last one is among them.
    assert newest in _entries(tree)
    looks = len(looked_at)
    shutil.rmtree(tree / "run/apart0")
    _check(tree)
    assert len(looked_at) - looks == 2


def test_no_more_room_is_taken_than_allowed_but_for_the_last_one(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_MOST_ROOM", 10)
    _put(tree, {"run/apart/block.py": BLOCK})
    _check(tree)
    assert len(_entries(tree)) == 1


def test_many_runs_at_once_do_not_disturb_each_other(tree: Path, looked_at: list[list[str]]) -> None:
    first = _told(tree)
    program = """\
import sys
from pathlib import Path
from kerasfix import engine
from tests import test_cache as here

engine._WORTH_KEEPING = -1
for _ in range(20):
    here._told(Path(sys.argv[1]))
    for entry in here._entries(Path(sys.argv[1])):
        entry.unlink(missing_ok=True)
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", program, tree], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [(each.communicate()[1], each.returncode) for each in runs] == [("", 0)] * 3
    assert _told(tree) == first
    assert _told(tree) == first
    assert len(looked_at) == 2
    assert [each.suffix for each in (tree.parent / "home").rglob("*") if each.is_file()] == [".json"]


# The command.


def test_the_command_keeps_what_it_finds(tree: Path, kerasfix: Run, looked_at: list[list[str]]) -> None:
    first = kerasfix("tree")
    assert first.returncode == 1
    assert kerasfix("tree") == first
    assert len(looked_at) == 1


def test_the_command_keeps_nothing_if_told_so(tree: Path, kerasfix: Run, looked_at: list[list[str]]) -> None:
    first = kerasfix("tree")
    assert kerasfix("tree", "--no-cache") == first
    assert len(looked_at) == 2
    shutil.rmtree(tree.parent / "home")
    kerasfix("tree", "--no-cache")
    assert not _entries(tree)


def test_what_is_small_is_not_kept(
    tree: Path, kerasfix: Run, looked_at: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_WORTH_KEEPING", 50_000)
    kerasfix("tree")
    assert not _entries(tree)


def test_after_a_fix_it_looks_again(tree: Path, kerasfix: Run, looked_at: list[list[str]]) -> None:
    kerasfix("tree")
    assert kerasfix("tree", "--apply").returncode == 0
    assert kerasfix("tree").returncode == 0
    assert (tree / "run/wide.py").read_text() == MENDED_BLOCK


# What is kept.

_FIX = Fix(
    "Do ä this", Applicability.REPAIR, (Edit(3, 5, "\ud800x", "/a/b.py"), Edit(7, 7, "")), "all", ("bn",)
)
_FINDING = Finding(
    code="KF201",
    name="chain-break",
    message="lost\n\u2028",
    start=0,
    end=12,
    severity=Severity.ERROR,
    fix=_FIX,
    help="no",
    owner="Net",
    method="call",
    loses=("a", "b"),
    file="/a/\udcff.py",
    others=(_FIX, Fix("Another", Applicability.SUGGESTION, ())),
    chain=Chain("x", (Link("bn", 3), Link("drop", 4)), "y", (), "return", 9),
    loops=(Loop("/a/b.py", "fit", 3, ("gen", "disc"), "no", "Trainer"), Loop("", "", 1)),
)
_FOUND = Found(
    findings={"/a/b.py": [_FINDING, Finding("KF1", "", "", 0, 0, Severity.INFO)], "": []},
    troubles={"c.py": Trouble("broken", 3, 4), "d.py": Trouble("too deep")},
    drawn=["e.py"],
    library={"f.py": (1_700_000_000_123_456_789, 12), "g.py": None},
    places={"h": What.NOTHING, "i": What.FILE, "j": What.FOLDER, "k": What.ELSE},
    asked_around=True,
)


def test_what_is_found_survives_exactly() -> None:
    text = json.dumps(to_json(_FOUND)).encode("ascii")
    again = from_json(Found, json.loads(text))
    assert again == _FOUND
    assert repr(again) == repr(_FOUND)


@pytest.mark.parametrize("kind", [Finding, Found, Trouble, Fix, Chain, Link, Loop])
@pytest.mark.parametrize("value", [None, 1, "x", [], [[]], {}, [1, 2, 3], ["a"] * 15, [[]] * 6])
def test_what_is_of_another_kind_is_refused(kind: type[object], value: object) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        from_json(kind, value)


@pytest.mark.parametrize(
    ("number", "wrong"),
    [(3, "0"), (3, True), (5, "awful"), (6, [1]), (10, [1]), (13, {}), (14, [["x"]])],
)
def test_a_finding_with_one_wrong_field_is_refused(number: int, wrong: object) -> None:
    values = to_json(_FINDING)
    assert from_json(Finding, values) == _FINDING
    values[number] = wrong
    with pytest.raises((ValueError, TypeError, AttributeError)):
        from_json(Finding, values)
