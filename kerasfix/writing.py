"""What a plan made of a file, put in the place of that file."""

from __future__ import annotations

import contextlib

from kerasfix.engine import FileReport, Problem
from kerasfix.plan import Plan
from kerasfix.workspace import InputFile, WorkspaceError, write


def write_plan(report: FileReport, plan: Plan) -> Problem | None:
    """Put the text of a plan in the place of its file."""
    try:
        write(report.file, report.encoded(plan))
    except WorkspaceError as error:
        return Problem(report.path, str(error))
    except UnicodeEncodeError as error:
        return Problem(report.path, f"a fix does not fit into {report.encoding.name}: {error.reason}")
    return None


def restore(report: FileReport, plan: Plan) -> None:
    """Put the text as it was back in the place of what a plan wrote, if nobody changed it since."""
    written = InputFile(report.path, report.encoded(plan))
    with contextlib.suppress(WorkspaceError):
        write(written, report.file.data)
