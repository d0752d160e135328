"""`--undo`: the last `--apply` is taken back, and what came of it said."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kerasfix.journal import UndoError, undo
from kerasfix.output import console
from kerasfix.settings import Settings


def take_back(settings: Settings) -> int:
    """Take the last apply back that wrote files in the folder that is given, else in the current one.

    Returns:
        The exit code: 0, or 2 if nothing was taken back.
    """
    err = console.standard_error()
    folder = settings.paths[0] if settings.paths else Path()
    try:
        restored = undo(folder)
    except UndoError as error:
        err.line(("error: ", "bold red"), (str(error), ""))
        return 2
    out = console.standard_output()
    for path in restored:
        out.line(("Restored ", "bold green"), (Path(os.path.relpath(path)).as_posix(), "bold"))
    if not restored:
        out.line(("All files are as they were before the last --apply", ""))
    sys.stdout.flush()
    return 0
