"""What differs between two texts, for people who look at cases that went wrong."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path


def difference(one: str, before: bytes, other: str, after: bytes, context: int) -> str:
    """The unified diff of two texts under two names, with some lines of context."""
    with tempfile.TemporaryDirectory(prefix="kerasfix-difference-") as folder:
        for name, data in ((one, before), (other, after)):
            (Path(folder) / name).write_bytes(data)
        command = ["git", "diff", "--no-index", "--no-color", f"--unified={context}", one, other]
        return subprocess.run(command, cwd=folder, capture_output=True).stdout.decode(errors="replace")
