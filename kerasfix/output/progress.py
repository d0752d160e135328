"""A line that says what a long run is at; on a terminal only, and gone when the run ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Give a function that shows a new text with a spinner; without a terminal it shows nothing."""
    if not sys.stderr.isatty():
        yield lambda _message: None
        return
    from rich.console import Console
    from rich.status import Status

    with Status("Starting Keras", console=Console(file=sys.stderr)) as status:
        yield lambda message: status.update(message)
