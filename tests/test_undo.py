"""What --apply wrote can be taken back, as long as nobody has worked on since."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kerasfix.cli import main

NET = """\
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x)
"""
MENDED = NET.replace("drop(x)", "drop(x, training=training)")


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_bytes(NET.replace("\n", "\r\n").encode())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_an_apply_is_taken_back_to_the_byte(project: Path) -> None:
    before = (project / "a.py").read_bytes()
    run("--apply")
    assert (project / "a.py").read_bytes() != before
    result = run("--undo")
    assert (result.exit_code, result.stdout) == (0, "Restored a.py\nRestored b.py\n")
    assert (project / "a.py").read_bytes() == before


def test_applies_are_taken_back_one_after_the_other(project: Path) -> None:
    run("--apply", "a.py")
    run("--apply", "b.py")
    assert run("--undo").stdout == "Restored b.py\n"
    assert run("--undo").stdout == "Restored a.py\n"
    result = run("--undo")
    assert result.exit_code == 2
    assert "nothing to undo" in result.stderr


def test_nothing_is_taken_back_once_a_file_was_changed(project: Path) -> None:
    run("--apply")
    with (project / "b.py").open("ab") as file:
        file.write(b"# mine\r\n")
    applied = (project / "a.py").read_bytes()
    result = run("--undo")
    assert result.exit_code == 2
    assert "b.py: changed since the last --apply; nothing was written" in result.stderr
    assert (project / "a.py").read_bytes() == applied


def test_a_file_that_is_gone_is_said_to_be(project: Path) -> None:
    run("--apply")
    (project / "b.py").unlink()
    result = run("--undo")
    assert result.exit_code == 2
    assert "b.py: cannot be read" in result.stderr


def test_only_what_lies_in_the_folder_is_taken_back(project: Path, tmp_path: Path) -> None:
    (project / "inner").mkdir()
    (project / "inner" / "c.py").write_text(NET)
    run("--apply", "a.py")
    run("--apply", "inner")
    assert run("--undo", "inner").stdout == "Restored inner/c.py\n"
    assert run("--undo", "inner").exit_code == 2
    assert run("--undo").stdout == "Restored a.py\n"


def test_an_apply_that_writes_nothing_leaves_no_entry(project: Path, state: Path) -> None:
    run("--apply")
    entries = len(list(state.rglob("*.json")))
    run("--apply")
    run("--diff")
    assert len(list(state.rglob("*.json"))) == entries == 1


def test_old_entries_are_forgotten(project: Path, state: Path) -> None:
    for _ in range(25):
        (project / "a.py").write_text(NET)
        run("--apply", "a.py")
    assert len(list(state.rglob("*.json"))) == 20


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_no_state_folder_is_no_reason_not_to_apply(project: Path, state: Path) -> None:
    state.chmod(stat.S_IREAD | stat.S_IEXEC)
    assert "--undo will not take this back" in run("--apply").stderr
    assert b"training=training" in (project / "a.py").read_bytes()


def test_a_state_folder_that_is_a_file_is_no_reason_not_to_apply(project: Path, state: Path) -> None:
    (state / "kerasfix").write_text("")
    result = run("--apply")
    assert result.exit_code == 0
    assert "note: --undo will not take this back" in result.stderr
    assert b"training=training" in (project / "a.py").read_bytes()


def test_behind_a_broken_entry_nothing_is_taken_back(project: Path, state: Path) -> None:
    run("--apply", "a.py")
    folder = next(state.rglob("*.json")).parent
    (folder / "99999999999999999999-1.json").write_text('{"files": [{"path": 1}]}')
    result = run("--undo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "99999999999999999999-1.json: this entry of the journal is broken" in result.stderr
    (folder / "99999999999999999999-1.json").unlink()
    assert run("--undo").stdout == "Restored a.py\n"


def test_fixes_can_be_gone_through_one_by_one(project: Path) -> None:
    result = CliRunner().invoke(main, ["--interactive", "a.py", "b.py"], input="?\nn\ny\n")
    assert result.exit_code == 1
    assert "y  make this fix" in result.stderr
    assert "-        return self.drop(x)" in result.stderr
    assert (project / "a.py").read_bytes() == NET.replace("\n", "\r\n").encode()
    assert (project / "b.py").read_bytes() == MENDED.replace("\n", "\r\n").encode()
    assert "Fixed b.py: KF103" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("answers", "fixed"), [("a\n", 2), ("q\n", 0), ("", 0), ("y\nq\n", 1), ("e\nn\nn\n", 0)]
)
def test_all_and_quit(answers: str, fixed: int, project: Path) -> None:
    CliRunner().invoke(main, ["--interactive"], input=answers)
    assert sum(b"training=training" in (project / name).read_bytes() for name in ("a.py", "b.py")) == fixed


def test_a_suggestion_is_made_if_it_is_wanted(tmp_path: Path) -> None:
    broken = NET.replace(
        "layers.Dropout(0.5)\n", "layers.Dropout(0.5)\n        self.dense = layers.Dense(4)\n"
    )
    broken = broken.replace(
        "return self.drop(x)",
        "y = self.dense(x)\n        y = self.drop(x, training=training)\n        return y",
    )
    (tmp_path / "a.py").write_text(broken)
    result = CliRunner().invoke(main, ["--interactive", str(tmp_path)], input="y\n")
    assert "KF201" in result.stderr
    assert (tmp_path / "a.py").read_text() == broken.replace("self.drop(x, tr", "self.drop(y, tr")


def test_undo_takes_back_what_was_chosen(project: Path) -> None:
    CliRunner().invoke(main, ["--interactive"], input="y\nn\n")
    assert run("--undo").stdout == "Restored a.py\n"
