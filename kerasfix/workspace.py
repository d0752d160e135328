"""Files in, files out: which files there are, their bytes, and how new bytes take their place."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kerasfix.patterns import Patterns

# Folders in which nobody's own source lives; ruff and black skip the same ones.
_SKIPPED = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pyenv",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        ".vscode",
        "__pycache__",
        "__pypackages__",
        "_build",
        "build",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
    }
)
_IGNORING = ".gitignore"
_SUFFIXES = (".py", ".pyw", ".ipynb")
# What a file is called before it takes the place of another; it lives for as long as a write lasts. One that
# is older than this, in seconds, was left behind by a run that was killed.
_TEMPORARY = re.compile(r"\.kerasfix-[0-9a-f]{8}\.tmp")
_LONGEST_WRITE = 60.0


class WorkspaceError(Exception):
    """A file that cannot be read or written; says why in one line."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it was read.

    Attributes:
        path: The path as it was given or found.
        data: Its bytes.
        real: Its path without links; found out when it is needed if left out.
    """

    path: Path
    data: bytes
    real: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A path to look at, or the reason why there is none.

    Attributes:
        given: Whether the user named this very file, and so wants to hear of it whatever is in it.
        real: The path without links.
    """

    path: Path
    problem: str = ""
    given: bool = False
    real: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What is left out of folders.

    Attributes:
        patterns: What somebody names.
        root: The folder of the project.
        has_usual: Whether the usual folders of tools are left out.
        has_ignored: Whether what git ignores is left out.
        is_forced: Whether a path is left out even if it is given.
    """

    patterns: tuple[Patterns, ...] = ()
    root: str = ""
    has_usual: bool = True
    has_ignored: bool = True
    is_forced: bool = False

    def leaves_out(self, path: str, name: str, *, is_folder: bool) -> bool:
        """Whether a path that was met in a folder is left out, git aside."""
        if is_folder and self.has_usual and name in _SKIPPED:
            return True
        return any(each.names(path, is_folder=is_folder) for each in self.patterns)

    def refuses(self, path: Path) -> bool:
        """Whether a path that was given is left out all the same."""
        if not self.is_forced:
            return False
        absolute = Path(os.path.abspath(path))
        inner = absolute.relative_to(self.root).parts if absolute.is_relative_to(self.root) else ()
        is_folder = os.path.isdir(absolute)
        folders = inner if is_folder else inner[:-1]
        if self.has_usual and not _SKIPPED.isdisjoint(folders):
            return True
        return any(each.names(str(absolute), is_folder=is_folder) for each in self.patterns)


NOTHING_MORE = Exclusion()


def discover(paths: Iterable[Path], exclusion: Exclusion = NOTHING_MORE) -> Iterator[Found]:
    """The Python files that `paths` name: files as they are, folders with all that is in them.

    Folders are walked in the order of names. What `.gitignore` names is left out, as are the usual folders
    of tools and what else is excluded; a path that is given is always taken. No file comes twice.
    """
    seen: set[str] = set()
    for path in paths:
        if exclusion.refuses(path):
            continue
        for found in _below(path, exclusion):
            # A file and a link to it are one file.
            if found.real not in seen:
                seen.add(found.real)
                yield found


def read(path: Path) -> InputFile:
    """Read a file once.

    Raises:
        WorkspaceError: if it cannot be read or is no regular file.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise WorkspaceError("not a regular file")
            return InputFile(path, file.read())
    except OSError as error:
        raise WorkspaceError(f"cannot be read: {error.strerror or error}") from None


def write(file: InputFile, data: bytes) -> None:
    """Put `data` in the place of a file that still is what was read; whole or not at all.

    A symbolic link is followed, not replaced. Mode and, where allowed, owner are kept. Of a file with several
    names (hard links) the others keep what they have: a write in place could be cut off in the middle.

    Raises:
        WorkspaceError: if the file was changed meanwhile, or the new one cannot take its place.
    """
    target = Path(os.path.realpath(file.path))
    try:
        before = target.stat()
        if not os.access(target, os.W_OK):
            # It could be replaced all the same, but somebody wants it to stay.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with _temporary(target.parent, data) as temporary:
            _copy_ownership(temporary, before)
            now = read(target).data
            if now == data:
                # Another run was here first.
                return
            if now != file.data:
                raise WorkspaceError("changed while kerasfix was at work; nothing was written")
            os.replace(temporary, target)
    except OSError as error:
        raise WorkspaceError(f"cannot be written: {error.strerror or error}") from None


def save(path: Path, data: bytes) -> None:
    """Make a file, or put `data` in the place of one, whatever is in it; whole or not at all.

    Raises:
        OSError: if that cannot be done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    target = Path(os.path.realpath(path))
    if not os.path.lexists(target):
        with _temporary(target.parent, data, mode=0o666) as temporary:
            os.replace(temporary, target)
    elif target.is_file():
        with _temporary(target.parent, data) as temporary:
            _copy_ownership(temporary, target.stat())
            os.replace(temporary, target)
    else:
        # A device, or the end of a pipe.
        target.write_bytes(data)


def forget_old(folder: Path, most: int, room: int) -> None:
    """Remove what was saved longest ago in a folder, if there is too much; the last one stays.

    Args:
        most: So many files may be there.
        room: So many bytes may they have.

    Raises:
        OSError: if the folder cannot be read.
    """
    states = []
    with os.scandir(folder) as scan:
        for entry in scan:
            with contextlib.suppress(OSError):
                states.append((entry.stat().st_mtime_ns, entry.name, entry.stat().st_size))
    taken = 0
    for number, (_, name, size) in enumerate(sorted(states, reverse=True)):
        taken += size
        if number and (number >= most or taken > room):
            # Another run may have been quicker.
            with contextlib.suppress(OSError):
                os.unlink(folder / name)


def sweep(folders: Iterable[Path]) -> None:
    """Take away what runs that were killed left behind in folders."""
    long_ago = time.time() - _LONGEST_WRITE
    for folder in set(folders):
        with contextlib.suppress(OSError), os.scandir(folder) as scan:
            for entry in scan:
                if (
                    _TEMPORARY.fullmatch(entry.name)
                    and entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_mtime < long_ago
                ):
                    os.unlink(entry.path)


@contextlib.contextmanager
def _temporary(folder: Path, data: bytes, *, mode: int = 0o600) -> Iterator[Path]:
    """A new file that holds `data` for good, and is gone in the end unless it was put elsewhere."""
    temporary = folder / f".kerasfix-{os.urandom(4).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, mode)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a FIFO without waiting for somebody to write to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _copy_ownership(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    if hasattr(os, "chown") and (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        # Only root may give a file away; the content matters more than the owner.
        with contextlib.suppress(PermissionError):
            os.chown(path, before.st_uid, before.st_gid)
    path.chmod(stat.S_IMODE(before.st_mode))


def _below(path: Path, exclusion: Exclusion) -> Iterator[Found]:
    if os.path.isdir(path):
        ignores = _ignores_above(path) if exclusion.has_ignored else []
        patterns = tuple(each.below(path) for each in exclusion.patterns)
        real = os.path.realpath(path)
        yield from _walk((str(path), real, ignores), replace(exclusion, patterns=patterns))
        return
    real = os.path.realpath(path)
    try:
        os.lstat(path)
        yield Found(path, given=True, real=real)
    except (FileNotFoundError, NotADirectoryError):
        yield Found(path, "no such file or folder", given=True, real=real)
    except OSError as error:
        yield Found(path, f"cannot be read: {error.strerror or error}", given=True, real=real)


# A folder, its path without links, and the patterns that count in it.
_Folder = tuple[str, str, list[Patterns]]


def _walk(folder: _Folder, exclusion: Exclusion) -> Iterator[Found]:
    # Folders can be deeper than the stack of Python: what is still to be done in each one is kept here.
    waiting = [_in_folder(folder, exclusion)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
        elif isinstance(found, Found):
            yield found
        else:
            waiting.append(_in_folder(found, exclusion))


def _in_folder(within: _Folder, exclusion: Exclusion) -> Iterator[Found | _Folder]:
    """What lies in a folder: files, and folders."""
    folder, real, ignores = within
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(Path(folder), f"cannot be read: {error.strerror or error}", real=real)
        return
    if exclusion.has_ignored and any(entry.name == _IGNORING for entry in entries):
        ignores = [*ignores, *_ignore_file(Path(folder))]
    for entry in entries:
        # Links to folders are not followed: they can lead round in circles, or out of the project.
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.name.endswith(_SUFFIXES):
            continue
        if exclusion.leaves_out(entry.path, entry.name, is_folder=is_folder):
            continue
        if ignores and _is_ignored(entry.path, ignores, is_folder=is_folder):
            continue
        inner = os.path.join(real, entry.name)
        if is_folder:
            yield os.path.join(folder, entry.name), inner, ignores
            continue
        path = Path(folder, entry.name)
        try:
            if entry.is_file():
                # The folder has no links on the way to it, so only the file itself can be one.
                yield Found(path, real=os.path.realpath(path) if entry.is_symlink() else inner)
        except OSError as error:
            # A link that leads to itself leads to nothing, and is no file.
            if error.errno != errno.ELOOP:
                yield Found(path, f"cannot be read: {error.strerror or error}", real=inner)


def _is_ignored(path: str, ignores: list[Patterns], *, is_folder: bool) -> bool:
    absolute = os.path.abspath(path)
    for ignore in reversed(ignores):
        decided = ignore.decides(absolute, is_folder=is_folder)
        if decided is not None:
            return decided
    return False


def _ignores_above(folder: Path) -> list[Patterns]:
    """The `.gitignore` files between the root of the repository and `folder`, outermost first."""
    found: list[Patterns] = []
    absolute = Path(os.path.abspath(folder))
    if os.path.exists(absolute / ".git"):
        return found
    for parent in absolute.parents:
        found = [*_ignore_file(parent), *found]
        if os.path.exists(parent / ".git"):
            # Who names an ignored folder wants to look into it.
            return [] if _is_ignored(str(absolute), found, is_folder=True) else found
    # Outside of a repository only what lies inside the folder counts.
    return []


def _ignore_file(folder: Path) -> list[Patterns]:
    try:
        lines = read(folder / _IGNORING).data.decode("utf-8", "replace").splitlines()
    except WorkspaceError:
        return []
    return [Patterns.of_file(folder, lines)]
