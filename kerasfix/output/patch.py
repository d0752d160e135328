"""The diff of a file as bytes, in the encoding of the file, with its path as the diff's reader wants it."""

from __future__ import annotations

import os
from pathlib import Path

from kerasfix.diff import unified_diff
from kerasfix.engine import FileReport
from kerasfix.notebook import Cells
from kerasfix.plan import Plan
from kerasfix.source import Edit


def patch(report: FileReport, plan: Plan) -> bytes:
    """What `git apply` takes, run in the current folder; empty if the plan changes nothing.

    A file outside of the current folder is named from the root of its repository, in git's own header: git
    takes such a change at that root, and leaves out whatever lies outside of the folder that it runs in.
    Of a notebook the cells that change are shown, each under its number: to be read, not to be applied.
    """
    if not plan.edits:
        return b""
    if report.notebook is not None:
        return _cells(report.path.as_posix(), report.notebook, plan)
    mark = "\ufeff" if report.encoding.bom else ""
    edits = [Edit(edit.start + len(mark), edit.end + len(mark), edit.content) for edit in plan.edits]
    # A link is not what changes.
    path = Path(os.path.realpath(report.path))
    here = Path(os.path.realpath(os.getcwd()))
    root = repository(path)
    outside = not path.is_relative_to(here) and root is not None
    base = root if outside and root is not None else here
    name = (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
    text = unified_diff(name, mark + report.text, edits)
    if not text:
        return b""
    header, body = _split_header(text)
    if outside:
        old, new = (line[4:].rstrip("\t") for line in header[:-1].split("\n"))
        header = f"diff --git {old} {new}\n{header}"
    return os.fsencode(header) + body.encode(report.encoding.name)


def _cells(name: str, notebook: Cells, plan: Plan) -> bytes:
    parts = [
        unified_diff(f"{name}:cell {cell.number}", cell.text, edits)
        for cell, edits in notebook.by_cell(plan.edits)
    ]
    return "".join(parts).encode("utf-8", "surrogateescape")


def repository(path: Path) -> Path | None:
    """The root of the git repository that an absolute path lies in."""
    return next((parent for parent in path.parents if os.path.exists(parent / ".git")), None)


def _split_header(text: str) -> tuple[str, str]:
    """The two lines that name the file, and the rest."""
    end = text.find("\n", text.find("\n") + 1) + 1
    return text[:end], text[end:]
