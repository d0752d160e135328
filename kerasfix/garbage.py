"""When Python looks for garbage: not while syntax trees are made, nearly all of which stay to the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected(*, stays: bool = False) -> Iterator[None]:
    """Do something without looking for garbage, which is a third of the time of a check.

    Args:
        stays: Whether what is there then stays as long as the program, so that it is never looked at again.
    """
    gc.disable()
    try:
        yield
    finally:
        if stays:
            gc.freeze()
        gc.enable()
