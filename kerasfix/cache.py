"""What was found before, kept in the user's cache folder: whoever changed nothing need not wait again.

An entry is what was found in one group of files, and all that it depends on: the texts of the group, the
settings and the version of kerasfix are in its key; what was looked up outside of the group stands in it and
is looked up again. What is not as it was, cannot be read or has the wrong digest counts as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kerasfix import __version__
from kerasfix.analysis.library import Stamp, stamp_of
from kerasfix.analysis.places import What, what_is_at
from kerasfix.codec import from_json, to_json
from kerasfix.finder import Found
from kerasfix.workspace import forget_old, save

if TYPE_CHECKING:
    from kerasfix.finder import Finder
    from kerasfix.groups import Group

_MOST_ENTRIES = 500
_MOST_ROOM = 200_000_000
# What this version of the cache writes.
_FORMAT = "1"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked up outside of a group.

    Attributes:
        places: What was at each path.
        library: The state of each file that was read, or None for none.
        around: The digest of the states of all files around the run, if it mattered what they say.
    """

    places: dict[str, What]
    library: dict[str, Stamp]
    around: str


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    seen: _Seen
    found: Found


class Cache:
    """The entries for some settings.

    Args:
        finder: What finds, with its settings.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def key(self, group: Group, texts: Mapping[str, bytes]) -> str:
        """What a group is known by.

        Args:
            texts: The bytes of its files.
        """
        digest = hashlib.blake2b(self._settings, digest_size=20)
        digest.update(os.fsencode(group.places.common_folder or ""))
        for file, data in sorted({**group.others, **texts}.items()):
            left_out = ",".join(self._finder.selection.left_out_of(file))
            own = hashlib.blake2b(data, digest_size=20).hexdigest()
            role = "file" if file in texts else "other"
            digest.update(f"{file}\0{role}\0{left_out}\0{own}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def get(self, key: str, group: Group) -> Found | None:
        """What was found in a group, if nothing has changed since."""
        with contextlib.suppress(OSError, RuntimeError, ValueError, TypeError, AttributeError):
            stored, _, text = self._path(group).read_bytes().partition(b"\n")
            if _digest(text) == stored:
                entry = from_json(_Entry, json.loads(text))
                if entry.key == key and self._still(entry.seen, group):
                    return entry.found
        return None

    def put(self, key: str, group: Group, found: Found) -> None:
        """Keep what was found; a folder that cannot be written is no problem of the user's."""
        around = self._around(group) if found.asked_around else ""
        entry = _Entry(key, _Seen(found.places, found.library, around), found)
        with contextlib.suppress(OSError, RuntimeError, UnicodeError):
            path = self._path(group)
            text = json.dumps(to_json(entry), separators=(",", ":")).encode("ascii")
            save(path, _digest(text) + b"\n" + text)
            forget_old(path.parent, _MOST_ENTRIES, _MOST_ROOM)

    def _still(self, seen: _Seen, group: Group) -> bool:
        return (
            all(what_is_at(path) is what for path, what in seen.places.items())
            and all(stamp_of(path) == stamp for path, stamp in seen.library.items())
            and seen.around == (self._around(group) if seen.around else "")
        )

    def _around(self, group: Group) -> str:
        """The digest of the states of the files that are not looked at."""
        neighbours = self._finder.neighbours
        paths = [] if neighbours is None else neighbours.beyond(group.run)
        return _digest(repr([(path, stamp_of(path)) for path in sorted(paths)]).encode()).decode("ascii")

    def _path(self, group: Group) -> Path:
        name = _digest(os.fsencode("\0".join([self._settings.hex(), *sorted(group.files)])))
        return self._where / f"{name.decode('ascii')}.json"

    @cached_property
    def _where(self) -> Path:
        from platformdirs import user_cache_path

        return user_cache_path("kerasfix", appauthor=False) / "found"

    @cached_property
    def _settings(self) -> bytes:
        chosen = self._finder.selection
        wanted = (chosen.select, chosen.ignore, chosen.banned, chosen.fixable, chosen.unfixable)
        layers = sorted((name, repr(fact)) for name, fact in self._finder.layers.items())
        said = repr((_FORMAT, __version__, sys.version_info[:2], _own_state(), wanted, layers))
        return hashlib.blake2b(said.encode(), digest_size=20).digest()


def _own_state() -> list[tuple[str, Stamp]]:
    """The state of kerasfix itself: who develops it changes it within a version."""
    package = Path(__file__).parent
    return sorted((str(path.relative_to(package)), stamp_of(str(path))) for path in package.rglob("*.py"))


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=20).hexdigest().encode("ascii")
