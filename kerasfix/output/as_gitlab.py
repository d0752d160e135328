"""`--output-format gitlab`: a code quality report of GitLab, in the shape of ruff's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kerasfix.findings import Severity
from kerasfix.output.fingerprints import Fingerprints
from kerasfix.output.formats import Asked, Format
from kerasfix.output.told import Document, Entry, Told, name
from kerasfix.output.views import Place

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def make(asked: Asked) -> Format:
    return Document(asked, document)


def document(told: Told) -> str:
    """All findings and problems as the text of one JSON array."""
    fingerprints = Fingerprints()
    entries = [_entry(entry, told, fingerprints) for entry in told.entries()]
    return json.dumps(entries, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _entry(entry: Entry, told: Told, fingerprints: Fingerprints) -> dict[str, Any]:
    path = "-" if told.is_nameless else _relative(entry.path)
    start, end = entry.start, entry.end
    message = entry.message
    if start.cell is not None:
        # GitLab counts the lines of the file, where a cell has no lines of its own.
        message = f"{message} (cell {start.cell}, line {start.line})"
        start = end = Place(1, 1)
    return {
        "check_name": entry.code,
        "description": f"{entry.code}: {message}",
        "severity": _SEVERITIES[entry.severity],
        "fingerprint": fingerprints.of(entry, path),
        "location": {
            "path": path,
            "positions": {
                "begin": {"line": start.line, "column": start.column},
                "end": {"line": end.line, "column": end.column},
            },
        },
    }


def _relative(path: Path) -> str:
    """The path from the root of the project, which GitLab names to its jobs."""
    try:
        path = Path(os.path.relpath(path, os.environ.get("CI_PROJECT_DIR") or None))
    except ValueError:
        # On another drive.
        path = Path(os.path.abspath(path))
    return name(path.as_posix())
