"""What `--apply` wrote, kept in the user's state folder so that `--undo` can take it back.

An entry is written before the first file is: whatever ends a run in the middle, what it had written can be
taken back. Each file is known by the digest of what was put there, so that nobody's later work is lost.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasfix.workspace import InputFile, WorkspaceError, forget_old, read, save, sweep, write

# Older ones than these are forgotten, and so is what takes more room, in bytes.
_MOST_ENTRIES = 20
_MOST_ROOM = 200_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is about to be written.

    Attributes:
        path: Its absolute path.
        before: Its bytes.
        after: What is put in their place.
    """

    path: Path
    before: bytes
    after: bytes


class UndoError(Exception):
    """What keeps the last apply from being taken back; says it in one line."""


def record(files: Sequence[Written]) -> str:
    """Make an entry for files that are about to be written.

    Returns:
        What kept it from being made; empty if nothing did.
    """
    entry = {
        "version": 1,
        "time": time.time(),
        "files": [
            {
                "path": os.fsencode(os.path.realpath(each.path)).decode("utf-8", "surrogateescape"),
                "before": base64.b64encode(each.before).decode("ascii"),
                "written": _digest(each.after),
            }
            for each in files
        ],
    }
    try:
        folder = _folder()
        sweep([folder, *(each.path.parent for each in files)])
        # Half of a character, which a path may hold, is written as JSON writes it.
        save(folder / f"{time.time_ns():020d}-{os.getpid()}.json", json.dumps(entry).encode("ascii"))
        forget_old(folder, _MOST_ENTRIES, _MOST_ROOM)
    except OSError as error:
        return error.strerror or str(error)
    except RuntimeError as error:
        return str(error)
    return ""


def undo(folder: Path) -> list[Path]:
    """Take the last apply back that wrote files in a folder.

    Returns:
        The files that are as they were.

    Raises:
        UndoError: if there is none, or if a file was changed since; then nothing is written.
    """
    here = os.path.realpath(folder)
    for path in _entries():
        files = _read_entry(path)
        if files is None:
            # To take back what was written before it would be an answer to another question.
            raise UndoError(
                f"{path}: this entry of the journal is broken; without it, --undo takes the one before"
            )
        if any(_is_within(each.file.path, here) for each in files):
            break
    else:
        raise UndoError(f"nothing to undo in {folder}")
    waiting: list[tuple[InputFile, bytes]] = []
    for each in files:
        try:
            now = read(each.file.path)
        except WorkspaceError as error:
            raise UndoError(f"{each.file.path}: {error}; nothing was written") from None
        if now.data == each.file.data:
            # It was never written, or somebody put it back.
            continue
        if _digest(now.data) != each.written:
            raise UndoError(f"{each.file.path}: changed since the last --apply; nothing was written")
        waiting.append((now, each.file.data))
    for now, before in waiting:
        _put_back(now, before)
    sweep(each.file.path.parent for each in files)
    path.unlink(missing_ok=True)
    return [now.path for now, _ in waiting]


def _put_back(now: InputFile, before: bytes) -> None:
    try:
        write(now, before)
    except WorkspaceError as error:
        raise UndoError(f"{now.path}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of an entry: as it was, and the digest of what was written."""

    file: InputFile
    written: str


def _folder() -> Path:
    from platformdirs import user_state_path

    folder = user_state_path("kerasfix", appauthor=False) / "journal"
    if not folder.is_absolute():
        raise RuntimeError(f"{folder} is no folder to keep it in, because it counts from the current one")
    return folder


def _entries() -> list[Path]:
    """The entries, the newest first."""
    with contextlib.suppress(OSError, RuntimeError):
        return sorted(_folder().glob("*.json"), reverse=True)
    return []


def _read_entry(path: Path) -> list[_Entry] | None:
    """The files of an entry; None if it is broken."""
    try:
        content = json.loads(read(path).data)
        return [
            _Entry(
                InputFile(_path(each["path"]), base64.b64decode(each["before"])),
                each["written"],
            )
            for each in content["files"]
        ]
    except WorkspaceError:
        # Another run took it back just now.
        return None if path.exists() else []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _path(written: str) -> Path:
    path = Path(os.fsdecode(written.encode("utf-8", "surrogateescape")))
    if not path.is_absolute() or "\0" in written:
        raise ValueError(f"{written!r} is no path of a file")
    return path


def _is_within(path: Path, folder: str) -> bool:
    return str(path) == folder or str(path).startswith(os.path.join(folder, ""))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
