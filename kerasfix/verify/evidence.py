"""What the text of a project says about how one class is constructed and fed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerasfix.verify.hints import input_shapes


def evidence_for(path: Path, text: str, class_name: str) -> dict[str, Any]:
    """The parts of a job that come from reading.

    Args:
        path: The file of the class.
        text: What it says, or would say.
    """
    return {"hints": input_shapes(text)}
