"""What several test files need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerasfix.cli import main

pytest.register_assert_rewrite("tests.chain_variants", "tests.loop_variants")

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Done:
    """A run of the command that is over."""

    returncode: int
    stdout: str
    stderr: str
    stdout_bytes: bytes


Run = Callable[..., Done]


def run_command(folder: Path, *arguments: str | Path, stdin: str | None = None) -> Done:
    """Run the command in a folder, with pipes for its streams."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        result = CliRunner(env={"NO_COLOR": "1"}).invoke(
            main, [str(argument) for argument in arguments], input=stdin, prog_name="kerasfix"
        )
    finally:
        os.chdir(before)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)


@pytest.fixture
def dcgan(tmp_path: Path) -> Path:
    """A folder with a copy of the DCGAN fixture."""
    for file in (FIXTURES / "dcgan").glob("*.py"):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture
def kerasfix(tmp_path: Path) -> Run:
    """Runs the command in the temporary folder."""
    return lambda *arguments, stdin=None: run_command(tmp_path, *arguments, stdin=stdin)
