"""The pages of the documentation are true: their commands run, and say what stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if "_build" not in path.parts and "```console" in path.read_text("utf-8")
)
_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a page, each with the lines that it says; `...` stands for any."""
    found: list[tuple[str, list[str]]] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pattern(lines: list[str]) -> str:
    """An expression that matches what a command said."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line).replace(r"\.\.\.", ".*") + r"[ \t]*\n")
    return "".join(parts) + r"\Z"


@pytest.mark.keras
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_commands_of_a_page_say_what_it_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    if "--verify" in text:
        pytest.importorskip("keras")
    for file in (ROOT / "tests" / "fixtures" / "dcgan").glob("*.py"):
        shutil.copy(file, tmp_path)
    for name, content in _FILE.findall(text):
        (tmp_path / name).write_text(content, "utf-8")
    binary = tmp_path / "bin"
    binary.mkdir()
    (binary / "kerasfix").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kerasfix "$@"\n')
    (binary / "kerasfix").chmod(0o755)
    state = tmp_path / "state"
    environment = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "XDG_STATE_HOME": str(state)}
    for command, expected in commands(text):
        done = subprocess.run(
            ["sh", "-c", f"{command} 2>&1"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert re.match(pattern(expected), done.stdout), f"{command}\n{done.stdout}"


def test_there_are_commands_to_run() -> None:
    assert sum(len(commands(page.read_text("utf-8"))) for page in PAGES) >= 8


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("myst_parser")
    pytest.importorskip("furo")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "rules" / "KF201.html").exists()
