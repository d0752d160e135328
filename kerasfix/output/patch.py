"""The diff of a file as bytes, in the encoding of the file, with its path as the diff's reader wants it."""

from __future__ import annotations

import os
from pathlib import Path

from kerasfix.diff import unified_diff
from kerasfix.engine import FileReport
from kerasfix.plan import Plan
from kerasfix.source import Edit


def patch(report: FileReport, plan: Plan) -> bytes:
    """What `git apply` takes, run in the current folder; empty if the plan changes nothing."""
    mark = "\ufeff" if report.encoding.bom else ""
    edits = [Edit(edit.start + len(mark), edit.end + len(mark), edit.content) for edit in plan.edits]
    text = unified_diff(display_path(report.path), mark + report.text, edits)
    header, body = _split_header(text)
    return os.fsencode(header) + body.encode(report.encoding.name)


def display_path(path: Path) -> str:
    """A path as people and git name it: relative to the current folder where it lies below, with slashes."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute, os.getcwd()) if _same_drive(absolute) else absolute
    shown = absolute if relative.startswith("..") else relative
    return shown.replace(os.sep, "/")


def _same_drive(absolute: str) -> bool:
    return os.path.splitdrive(absolute)[0].lower() == os.path.splitdrive(os.getcwd())[0].lower()


def _split_header(text: str) -> tuple[str, str]:
    """The two lines that name the file, and the rest."""
    end = text.find("\n", text.find("\n") + 1) + 1
    return text[:end], text[end:]
