"""Which files lie around those of a run: where subclasses are looked for that nobody gave."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kerasfix.workspace import Found, discover

# Of a project, for one given file; a root that holds more is somebody's home folder.
_MOST_FILES = 10_000


def around(paths: Sequence[Path], found: Iterable[Found]) -> Iterator[str]:
    """The files of the run, those beside them and those of their project: where subclasses are looked for.

    Yields:
        Their paths without links.
    """
    known = {each.real: None for each in found}
    folders = {path if os.path.isdir(path) else path.parent for path in paths}
    roots = {root for folder in folders if (root := _root_of(folder)) is not None}
    for folder in folders - {Path(root) for root in roots}:
        known.update(dict.fromkeys(sorted(map(os.path.realpath, folder.glob("*.py")))))
    inside = (each.real for each in discover(Path(root) for root in sorted(roots)))
    known.update(dict.fromkeys(itertools.islice(inside, _MOST_FILES)))
    yield from known


def _root_of(folder: Path) -> str | None:
    from kerasfix.analysis.places import project_root

    try:
        return project_root(str(folder.absolute()))
    except OSError:
        # It may not be entered, or there is no such folder; whoever is to read it says so.
        return None
