"""Where modules are: the file or folder that a module's name leads to, found as Python would find it.

A place is the path of a module's file, of a package's `__init__.py`, or of a folder without one.
"""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path


class What(enum.Enum):
    """What a path leads to."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    ELSE = "something else"


Asking = Callable[[str], What]

# Names that a folder in a package has for what it is about, and an import for the framework itself.
_FRAMEWORKS = frozenset({"jax", "keras", "mxnet", "numpy", "tensorflow", "tf_keras", "torch"})
# What says that a folder is the root of a project.
_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


class Places:
    """The places of the modules that some files import.

    Args:
        given: The files that are looked at; the folder that holds them all may be the root of their project.

    Attributes:
        asked: What was at each path that somebody asked for.
    """

    def __init__(self, given: Iterable[str]) -> None:
        self._given = list(given)
        self.asked: dict[str, What] = {}
        self._roots: dict[str, list[str]] = {}
        self._heads: dict[tuple[str, str], list[str]] = {}
        self._inside: dict[tuple[str, str], str | None] = {}

    def start(self, dotted: str, file: str) -> tuple[str, list[str]] | None:
        """The place where the search for an imported name begins, and the names that are left."""
        folder = os.path.dirname(file)
        if dotted.startswith("."):
            level = len(dotted) - len(dotted.lstrip("."))
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return _package(folder, self.what), [step for step in dotted[level:].split(".") if step]
        head, *rest = dotted.split(".")
        key = (folder, head)
        if key not in self._heads:
            roots = self._roots_of(folder)
            if head in _FRAMEWORKS and self._is_package(folder):
                # A package `nn` may have its layers for TensorFlow in `nn.tensorflow`.
                roots = [root for root in roots if root != folder]
            self._heads[key] = [
                place for root in roots if (place := _place(os.path.join(root, head), self.what))
            ]
        # No module imports itself, but a package imports its modules by its own name.
        is_init = os.path.basename(file) == "__init__.py"
        place = next((place for place in self._heads[key] if is_init or place != file), None)
        return (place, rest) if place else None

    def inside(self, place: str, name: str) -> str | None:
        """The place of a module in a package or folder, looked for once."""
        key = (place, name)
        if key not in self._inside:
            self._inside[key] = inside(place, name, self.what)
        return self._inside[key]

    def what(self, path: str) -> What:
        """What is at a path, looked for once."""
        if path not in self.asked:
            self.asked[path] = what_is_at(path)
        return self.asked[path]

    def is_file(self, path: str) -> bool:
        return self.what(path) is What.FILE

    def fresh(self) -> Places:
        """The same of which nobody asked anything yet."""
        other = Places(())
        other.__dict__["common_folder"] = self.common_folder
        return other

    def _is_package(self, folder: str) -> bool:
        return self.is_file(os.path.join(folder, "__init__.py"))

    def _roots_of(self, folder: str) -> list[str]:
        """Where absolute imports of a file in `folder` may lead, the nearest first."""
        if folder not in self._roots:
            package = folder
            while self._is_package(package):
                package = os.path.dirname(package)
            found = [package]
            for root in (project_root(folder, self.what), self.common_folder):
                if root is not None:
                    found += [str(parent) for parent in Path(package).parents if parent.is_relative_to(root)]
                    found.append(os.path.join(root, "src"))
            if package != folder:
                # A script in a package that is run from its own folder.
                found.append(folder)
            self._roots[folder] = list(dict.fromkeys(found))
        return self._roots[folder]

    @cached_property
    def common_folder(self) -> str | None:
        """The folder that holds all given files: where there is nothing else to tell the root by."""
        folders = {os.path.dirname(file) for file in self._given if file}
        try:
            return os.path.commonpath(folders) if folders else None
        except ValueError:  # different drives
            return None


def what_is_at(path: str) -> What:
    """What is at a path; a link is what it leads to."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return What.NOTHING
    return What.FOLDER if stat.S_ISDIR(mode) else What.FILE if stat.S_ISREG(mode) else What.ELSE


def inside(place: str, name: str, what: Asking = what_is_at) -> str | None:
    """The place of a module in a package or folder; None for what has no modules in it."""
    return _place(os.path.join(folder_of(place), name), what) if is_package(place) else None


def is_package(place: str) -> bool:
    return not place.endswith(".py") or os.path.basename(place) == "__init__.py"


def folder_of(place: str) -> str:
    """A folder itself, or the one that a file is in."""
    return os.path.dirname(place) if place.endswith(".py") else place


def project_root(folder: str, what: Asking = what_is_at) -> str | None:
    """The nearest folder, from `folder` up, that looks like the root of a project."""
    for each in (folder, *map(str, Path(folder).parents)):
        if any(what(os.path.join(each, mark)) is not What.NOTHING for mark in _ROOT_MARKS):
            return each
    return None


def _package(folder: str, what: Asking) -> str:
    init = os.path.join(folder, "__init__.py")
    return init if what(init) is What.FILE else folder


def _place(stem: str, what: Asking) -> str | None:
    """The file or folder of a module, given its path without a suffix; a link is what it leads to."""
    if what(stem) is What.FOLDER:
        package = _package(stem, what)
        if package != stem or what(stem + ".py") is not What.FILE:
            return os.path.realpath(package)
    return os.path.realpath(stem + ".py") if what(stem + ".py") is What.FILE else None
