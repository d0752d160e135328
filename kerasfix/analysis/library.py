"""The modules that are imported but not looked at, each read once while its file stays the same."""

from __future__ import annotations

import os
from pathlib import Path

from kerasfix.source import Source, SourceError, decode
from kerasfix.workspace import WorkspaceError, read

# A module that is only imported is not worth more than this, in bytes; people's modules are far smaller.
_MAX_IMPORTED = 2_000_000


# When a file was changed, in nanoseconds, and its size; None for none.
Stamp = tuple[int, int] | None


class Library:
    """Parsed modules by their paths."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, Source | None]] = {}

    @property
    def read(self) -> dict[str, Stamp]:
        """The files that were asked for, and which state of each was seen."""
        return {path: stamp for path, (stamp, _) in self._known.items()}

    def source(self, path: str) -> Source | None:
        """The module in a file; None if it cannot be read or is too big."""
        stamp = stamp_of(path)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            is_small = stamp is not None and stamp[1] <= _MAX_IMPORTED
            self._known[path] = known = (stamp, _read(path) if is_small else None)
        return known[1]


def stamp_of(path: str) -> Stamp:
    """What tells one state of a file from another; of what is written twice within one tick of the clock, to
    the same length, it does not.
    """
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _read(path: str) -> Source | None:
    try:
        source = Source(decode(read(Path(path)).data)[0], path)
        _ = source.tree
    except (WorkspaceError, SourceError):
        return None
    return source
