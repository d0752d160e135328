"""The Python that runs the models: a virtual environment of pinned wheels, made once, beside the wheels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.packages import CACHE

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def environment() -> Path:
    """The interpreter of the environment for the requirements as they are now.

    Raises:
        click.ClickException: if it cannot be made.
    """
    folder = CACHE / "behaviour"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise click.ClickException(
            "the packages want Python 3.11 or 3.12; name one that has them: --python PATH"
        )
    CACHE.mkdir(exist_ok=True)
    # Without dependencies: the list is complete, and old packages ask for releases that no longer install.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*pip, "--requirement", str(REQUIREMENTS)],
    ):
        outcome = subprocess.run(command, text=True, stderr=subprocess.PIPE)
        if outcome.returncode:
            raise click.ClickException(f"no environment for the models: {outcome.stderr.strip()}")
    stamp.write_text(wanted)
    return python
