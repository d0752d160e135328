"""What a job leaves behind. A model can write to its folder too: nothing there is believed to be a file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Any

# The largest results that were seen have a few MB.
_MOST_BYTES = 2**28


def text_of(path: Path) -> str:
    """The text of a file; empty if it is none, but a link, a pipe, or not there."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def json_of(path: Path) -> dict[str, Any] | None:
    """An object; None if there is none, or if it was cut off by the end of the process."""
    try:
        data = json.loads(text_of(path))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def written(path: Path) -> float:
    """When a file was written; if it was not, its writer went on until now."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()


def seconds_of(path: Path, end: float) -> dict[str, float]:
    """Phase -> seconds, from a file that says when each phase began; a phase may begin more than once."""
    # Whoever is killed may leave half a line.
    lines = [line for line in text_of(path).splitlines(keepends=True) if line.endswith("\n")]
    try:
        begun = [(phase, float(when)) for phase, _, when in (line.rpartition(" ") for line in lines)]
    except ValueError:
        return {}
    ends = [*(when for _, when in begun), end][1:]
    seconds: dict[str, float] = {}
    for (phase, started), ended in zip(begun, ends, strict=True):
        seconds[phase] = round(seconds.get(phase, 0.0) + max(ended - started, 0.0), 4)
    return seconds


def tail(path: Path, most: int) -> tuple[str, ...]:
    """The last lines that say something."""
    lines = [line for line in text_of(path).splitlines() if line.strip()]
    return tuple(lines[-most:])


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also what somebody has made unreadable."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        for below, names, _ in os.walk(folder):
            for path in (os.path.join(below, name) for name in names):
                with contextlib.suppress(OSError):
                    if not os.path.islink(path):
                        os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
