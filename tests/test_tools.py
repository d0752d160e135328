"""kerasfix in other people's tools: LibCST's, pre-commit, editors, GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from kerasfix.cli import main

ROOT = Path(__file__).parent.parent
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


def libcst_tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "libcst.tool", "codemod", "-x", "kerasfix.codemods.Fix", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_libcsts_tool_fixes_files(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "other.py").write_text("x = 1\n")
    done = libcst_tool(tmp_path, "--jobs", "1", "--hide-progress", "--no-format", ".")
    assert (tmp_path / "net.py").read_text() == MENDED, done.stderr
    assert (tmp_path / "other.py").read_text() == "x = 1\n"


def test_libcsts_tool_takes_the_options(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    libcst_tool(tmp_path, "--jobs", "1", "--hide-progress", "--no-format", "--select", "KF2", ".")
    assert (tmp_path / "net.py").read_text() == NET


def options_of(command: str) -> set[str]:
    return set(re.findall(r"(?<!\S)--[a-z-]+", command))


KNOWN = {name for parameter in main.params for name in parameter.opts}


def test_the_tools_of_pycharm_use_options_that_there_are() -> None:
    tools = ElementTree.parse(ROOT / "editors" / "pycharm" / "kerasfix.xml").getroot()
    names = [tool.get("name") for tool in tools]
    assert names == ["check", "diff", "fix", "fix and verify", "undo"]
    for tool in tools:
        values = {each.get("name"): each.get("value") or "" for each in tool.iter("option")}
        assert options_of(values["PARAMETERS"]) <= KNOWN
        assert values["REGEXP"] == "$FILE_PATH$:$LINE$:$COLUMN$"


def test_the_problem_matcher_of_vs_code_reads_the_output(tmp_path: Path) -> None:
    tasks = json.loads((ROOT / "editors" / "vscode" / "tasks.json").read_text("utf-8"))["tasks"]
    for task in tasks:
        assert options_of(" ".join(task["args"])) <= KNOWN
    check = tasks[0]
    (tmp_path / "net.py").write_text(NET)
    arguments = [each.replace("${file}", "net.py") for each in check["args"]]
    done = subprocess.run(
        [sys.executable, "-m", "kerasfix", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    pattern = check["problemMatcher"]["pattern"]
    found = re.search(pattern["regexp"], done.stdout, re.MULTILINE)
    assert found is not None, done
    assert (found[pattern["file"]], found[pattern["line"]], found[pattern["code"]]) == (
        "net.py",
        "11",
        "KF103",
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a hook of pre-commit that runs what is checked out here."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    for hook in hooks:
        hook["language"] = "system"
        hook["entry"] = hook["entry"].replace("kerasfix", f"{sys.executable} -m kerasfix", 1)
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]})
    (tmp_path / ".pre-commit-config.yaml").write_text(config)
    for command in (["init", "--quiet"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def pre_commit(folder: Path, hook: str) -> subprocess.CompletedProcess[str]:
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", hook],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PRE_COMMIT_HOME": str(folder / ".cache")},
    )


def test_the_hook_of_pre_commit_finds(repository: Path) -> None:
    (repository / "net.py").write_text(NET)
    done = pre_commit(repository, "kerasfix")
    assert done.returncode == 1
    assert "net.py:11:16: KF103" in done.stdout
    assert (repository / "net.py").read_text() == NET


def test_the_hook_of_pre_commit_applies(repository: Path) -> None:
    (repository / "net.py").write_text(NET)
    assert pre_commit(repository, "kerasfix-apply").returncode == 1  # it changed a file
    assert (repository / "net.py").read_text() == MENDED
    assert pre_commit(repository, "kerasfix-apply").returncode == 0


def test_no_file_of_ours_is_success(repository: Path) -> None:
    (repository / "notes.txt").write_text("Keras\n")
    assert pre_commit(repository, "kerasfix").returncode == 0
