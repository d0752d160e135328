"""The modules that are imported but not looked at, each read once while its file stays the same."""

from __future__ import annotations

import os
from pathlib import Path

from kerasfix.source import Source, SourceError, decode
from kerasfix.workspace import WorkspaceError, read

# A module that is only imported is not worth more than this, in bytes; people's modules are far smaller.
_MAX_IMPORTED = 2_000_000


class Library:
    """Parsed modules by their paths."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], Source | None]] = {}

    def source(self, path: str) -> Source | None:
        """The module in a file; None if it cannot be read or is too big."""
        try:
            state = os.stat(path)
        except OSError:
            return None
        # A file that is written twice within one tick of the clock, to the same length, is not told apart.
        stamp = (state.st_mtime_ns, state.st_size)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            self._known[path] = known = (stamp, _read(path) if state.st_size <= _MAX_IMPORTED else None)
        return known[1]


def _read(path: str) -> Source | None:
    try:
        source = Source(decode(read(Path(path)).data)[0], path)
        _ = source.tree
    except (WorkspaceError, SourceError):
        return None
    return source
