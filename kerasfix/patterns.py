"""Patterns as `.gitignore` has them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class PatternError(ValueError):
    """What is no pattern as `.gitignore` has them."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns as `.gitignore` has them, and the folder that they count from."""

    folder: str
    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    @classmethod
    def of(cls, folder: str | Path, lines: Iterable[str]) -> Patterns:
        """Patterns that count from a folder.

        Raises:
            PatternError: if one of them is none.
        """
        listed = tuple(lines)
        spec = _spec(listed)
        if spec is None:
            bad = next((line for line in listed if not _is_pattern(line)), "")
            raise PatternError(f"{bad!r} is no pattern")
        return cls(os.path.abspath(folder), listed, spec)

    @classmethod
    def of_file(cls, folder: Path, lines: Iterable[str]) -> Patterns:
        """Patterns of somebody else's file; what is none names nothing, as with git."""
        listed = tuple(lines)
        return cls.of(folder, listed if _spec(listed) is not None else filter(_is_pattern, listed))

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


def _is_pattern(line: str) -> bool:
    return _spec([line]) is not None


def _spec(lines: Iterable[str]) -> GitIgnoreSpec | None:
    """What matches patterns; None if one of them is none."""
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings():
            # What Python may take for a set one day is somebody else's business.
            warnings.simplefilter("ignore")
            return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return None
