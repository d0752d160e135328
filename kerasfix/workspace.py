"""Files in, files out: which files there are, their bytes, and how new bytes take their place."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

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
class Patterns:
    """Patterns as `.gitignore` has them, and the folder that they count from."""

    folder: str
    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    @classmethod
    def of(cls, folder: str | Path, lines: Iterable[str]) -> Patterns:
        listed = tuple(lines)
        return cls(os.path.abspath(folder), listed, _spec(listed))

    def below(self, path: Path) -> Patterns:
        """The patterns for what is in a folder that somebody named: without those that name it themselves."""
        named = str(path)
        kept = [
            each for each in self.lines if not Patterns.of(self.folder, [each]).names(named, is_folder=True)
        ]
        return self if len(kept) == len(self.lines) else Patterns.of(self.folder, kept)

    def decides(self, path: str, *, is_folder: bool) -> bool | None:
        """True: named. False: taken back by a `!` pattern. None: not named."""
        try:
            relative = os.path.relpath(path, self.folder).replace(os.sep, "/")
        except ValueError:
            # On another drive.
            return None
        return self.spec.check_file(relative + "/" if is_folder else relative).include

    def names(self, path: str, *, is_folder: bool = False) -> bool:
        return bool(self.decides(os.path.abspath(path), is_folder=is_folder))


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    """What patterns name. One that is none ("!", a backslash at its end) names nothing, as for git."""
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        # What an expression that is made of a pattern looks like is of no interest to anybody.
        warnings.simplefilter("ignore")
        try:
            return GitIgnoreSpec.from_lines(lines)
        except (ValueError, re.error):
            if len(lines) == 1:
                return GitIgnoreSpec.from_lines(())
        return GitIgnoreSpec(pattern for line in lines for pattern in _spec((line,)).patterns)


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
        is_folder = absolute.is_dir()
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

    A symbolic link is followed, not replaced. Mode and, where allowed, owner are kept.

    Raises:
        WorkspaceError: if the file was changed meanwhile, or the new one cannot take its place.
    """
    target = Path(os.path.realpath(file.path))
    try:
        before = target.stat()
        import tempfile

        handle, name = tempfile.mkstemp(prefix=".kerasfix-", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(data)
                new.flush()
                os.fsync(new.fileno())
            _copy_ownership(temporary, before)
            if read(target).data != file.data:
                raise WorkspaceError("changed while kerasfix was at work; nothing was written")
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise WorkspaceError(f"cannot be written: {error.strerror or error}") from None


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
    if path.is_dir():
        ignores = _ignores_above(path) if exclusion.has_ignored else []
        patterns = tuple(each.below(path) for each in exclusion.patterns)
        real = os.path.realpath(path)
        yield from _walk(str(path), real, ignores, replace(exclusion, patterns=patterns))
    elif os.path.lexists(path):
        yield Found(path, given=True, real=os.path.realpath(path))
    else:
        yield Found(path, "no such file or folder", given=True, real=os.path.realpath(path))


def _walk(folder: str, real: str, ignores: list[Patterns], exclusion: Exclusion) -> Iterator[Found]:
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
            yield from _walk(os.path.join(folder, entry.name), inner, ignores, exclusion)
        elif entry.is_file():
            # The folder has no links on the way to it, so only the file itself can be one.
            target = os.path.realpath(entry.path) if entry.is_symlink() else inner
            yield Found(Path(folder, entry.name), real=target)


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
    if (absolute / ".git").exists():
        return found
    for parent in absolute.parents:
        found = [*_ignore_file(parent), *found]
        if (parent / ".git").exists():
            # Who names an ignored folder wants to look into it.
            return [] if _is_ignored(str(absolute), found, is_folder=True) else found
    # Outside of a repository only what lies inside the folder counts.
    return []


def _ignore_file(folder: Path) -> list[Patterns]:
    path = folder / _IGNORING
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [Patterns.of(folder, lines)]
