"""The command, guarded against what is around it: closed streams, full disks, no memory, no folder."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click


class GuardedCommand(click.Command):
    """A command that says in one line what keeps it from its work, and returns 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        _complete_streams()
        try:
            # Paths count from it, and whoever asks for it later would fail there.
            os.getcwd()
        except OSError as error:
            return _failed(f"the current folder cannot be used: {error.strerror or error}")
        try:
            return super().main(*args, **extra)
        except MemoryError:
            return _failed("out of memory")
        except OSError as error:
            # A broken pipe is click's business.
            where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else "cannot write: "
            return _failed(f"{where}{error.strerror or error}")


def _failed(reason: str) -> Any:
    with suppress(OSError):
        click.echo(f"error: {reason}", err=True)
    for name in ("stdout", "stderr"):
        # What is still to be written in it cannot be; else Python tries once more at its end.
        setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.exit(2)


def _complete_streams() -> None:
    """Open what was closed before the start, as if it led to nowhere.

    Otherwise the next file that is opened would be the standard output. Nothing can be read from a standard
    input that was closed: to take it for an empty program would be an answer.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None and os.open(os.devnull, os.O_WRONLY) == number:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
