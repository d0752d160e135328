"""What several test files need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def dcgan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the DCGAN fixture, as the current folder."""
    for file in (FIXTURES / "dcgan").glob("*.py"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def kerasfix(tmp_path: Path) -> Run:
    """Runs the command as a whole process in the temporary folder."""

    def run(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kerasfix", *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            check=False,
            timeout=300,
        )

    return run
