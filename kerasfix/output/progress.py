"""A line that says what a long run is at; on a terminal only, and gone when the run ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status


class Progress:
    """The line, shown from the first message on. Without a terminal it shows nothing."""

    def __init__(self, status: Status | None = None) -> None:
        self._status = status

    def __call__(self, message: str) -> None:
        if self._status is not None:
            self._status.update(message)
            self._status.start()

    def pause(self) -> None:
        """Take the line away, so that other lines can be printed."""
        if self._status is not None:
            self._status.stop()


@contextmanager
def progress_line() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.status import Status

    progress = Progress(Status("Starting Keras", console=Console(file=sys.stderr)))
    try:
        yield progress
    finally:
        progress.pause()
