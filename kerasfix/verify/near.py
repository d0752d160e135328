"""The files around one that may speak of what is in it: of its package or folder, and the tests beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from kerasfix.source import Source, SourceError
from kerasfix.syntax import of_kind

_MOST_FILES = 3000
_MOST_TEXTS = 12
_LARGEST_FILE = 400_000
# Beside a package.
_TESTS = ("tests", "test")


class Near:
    """The texts around a file, each read once.

    Args:
        path: The file.
        text: What it says, or would say.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path.absolute()
        self._text = text

    @cached_property
    def _texts(self) -> dict[Path, str]:
        found = {self._path: self._text}
        for file in files_near(self._path):
            if file == self._path:
                continue
            try:
                if file.stat().st_size <= _LARGEST_FILE:
                    found[file] = file.read_text("utf-8")
            except (OSError, ValueError):
                continue
        return found

    def place_of(self, file: Path) -> str:
        """The path of a file; empty for the file itself."""
        return "" if file == self._path else str(file)

    def text(self, place: str) -> str:
        return self._texts[Path(place)] if place else self._text

    def calling(self, name: str, place: str, modules: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
        """Places and texts of other files that call something, the nearest first.

        Args:
            place: The file that has it, or that imports it.
            modules: Last names of modules that it may be imported from, besides the file and what it is in.
        """
        home = Path(place) if place else self._path
        known = {home.stem, *(folder.name for folder in home.parents), *modules}
        found = 0
        for file in sorted(self._texts, key=lambda each: each.parent != home.parent):
            text = self._texts[file]
            if file != home and found < _MOST_TEXTS and f"{name}(" in text and _speaks_of(text, name, known):
                found += 1
                yield self.place_of(file), text


def _speaks_of(text: str, name: str, modules: set[str]) -> bool:
    """Whether what a text names may be from one of these modules, and not another of the same name."""
    try:
        tree = Source(text).tree
    except SourceError:
        return False
    if any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
        return False
    for module in modules_of(tree, name):
        return not module or module in modules
    # By an attribute of something, or by a star.
    return True


def modules_of(tree: ast.Module, name: str) -> Iterator[str]:
    """The last names of the modules that a name is imported from; "" for the package that a module is in."""
    for node in of_kind(tree, ast.ImportFrom):
        if any(name in (each.name, each.asname) for each in node.names):
            yield (node.module or "").rpartition(".")[2]


def files_near(path: Path) -> list[Path]:
    """The other files of the package, or of the folder, the nearest first."""
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    tests = [file for name in _TESTS for file in sorted((folder / name).rglob("test*.py"))]
    if folder == path.parent:
        return [*sorted(folder.glob("*.py")), *tests][:_MOST_FILES]
    # The folder above the package may hold anything: only the package itself is read.
    package = folder / path.relative_to(folder).parts[0]
    files = sorted(package.rglob("*.py"))[:_MOST_FILES]
    return [*sorted(files, key=lambda file: file.parent != path.parent), *tests]
