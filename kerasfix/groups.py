"""Which files of a run can have to do with each other: those of a package, and those that import each other.

Each group is a project of its own. What two groups say by the same names is not the same thing, and a tree of
many packages takes no more than they take one by one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasfix.analysis.places import Places
    from kerasfix.source import Source

# Where they are imported they are the installed ones, whoever has a folder of that name.
_INSTALLED = frozenset({b"jax", b"keras", b"numpy", b"tensorflow", b"tf_keras", b"torch"})
# The line feed comes first because it is quick to find; a file is searched with one before it.
_HEAD = re.compile(rb"\n[ \t]*(?:from|import)[ \t]+(\w+)")
_OTHER_HEADS = re.compile(rb"\n[ \t]*import[ \t]+\w[\w. \t]*,([^\n#;]*)")
_RELATIVE = re.compile(rb"^[ \t]*from[ \t]+(\.+\w*)", re.MULTILINE)
_WORD = re.compile(rb"\w+")


@dataclass(eq=False, slots=True)
class Group:
    """Files that can have to do with each other.

    Attributes:
        run: All files of the run that are looked at, by their absolute paths.
        places: Where modules are.
        files: Those of the group.
        others: Those in which there is nothing to find unless they name a class of the first ones, with their
            bytes.
    """

    run: Collection[str]
    places: Places
    files: list[str] = field(default_factory=list)
    others: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Group:
        return Group(self.run, self.places, [*self.files], {**self.others})

    def take_in(self, file: str) -> None:
        """One of the others is looked at after all."""
        self.files.append(file)
        del self.others[file]

    def leave_out(self, file: str, source: Source) -> None:
        """A file cannot be looked at; what it says of the others counts all the same."""
        self.files.remove(file)
        self.others[file] = source.text.encode("utf-8", "surrogatepass")


def groups_of(files: Mapping[str, bytes], others: Mapping[str, bytes], places: Places) -> list[Group]:
    """The groups of some files, in the order of their first ones.

    Args:
        files: The files that are looked at, by absolute path.
        others: Files that belong to a group if they lie in its packages or import something of them.
        places: Where modules are.
    """
    roots = _Roots(places)
    for file in files:
        roots.add(file)
    names = roots.names()
    for file, data in files.items():
        for head in _heads(data) & names:
            roots.link(file, head.decode())
        if roots.is_script(file):
            for dotted in _RELATIVE.findall(data):
                roots.link(file, dotted.decode())
    belonging = []
    for file, data in others.items():
        if roots.has(file):
            belonging.append(file)
        elif heads := _heads(data) & names:
            roots.add(file)
            belonging.append(file)
            for head in heads:
                roots.link(file, head.decode())
    groups: dict[str, Group] = {}
    for file in files:
        groups.setdefault(roots.group(file), Group(files, places.fresh())).files.append(file)
    for file in belonging:
        # Whoever imports another module of the same name belongs to nobody.
        if (group := groups.get(roots.group(file))) is not None:
            group.others[file] = others[file]
    return list(groups.values())


class _Roots:
    """Outermost packages, and folders of scripts; each stands for the files in it, one of a group for all."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._root_of_folder: dict[str, str] = {}
        self._above: dict[str, str] = {}
        self._files: list[str] = []

    def add(self, file: str) -> None:
        root = self._root(file)
        self._above.setdefault(root, root)
        self._files.append(file)

    def has(self, file: str) -> bool:
        return self._root(file) in self._above

    def names(self) -> frozenset[bytes]:
        """The names under which something of what was added can be imported from elsewhere."""
        found = {
            os.path.splitext(os.path.basename(file))[0]
            for file in self._files
            if os.path.dirname(file) == self._root(file)
        }
        for root in self._above:
            # A folder without `__init__.py` on the way to it can be imported too.
            found.update(root[len(self._common) :].split(os.sep))
        return frozenset(os.fsencode(name) for name in found) - _INSTALLED

    @cached_property
    def _common(self) -> str:
        """The folder above all that was added."""
        try:
            return os.path.commonpath([os.path.dirname(root) for root in self._above])
        except ValueError:  # different drives
            return ""

    def is_script(self, file: str) -> bool:
        """Whether a file is in no package."""
        return os.path.dirname(file) == self._root(file) and not os.path.isfile(
            os.path.join(self._root(file), "__init__.py")
        )

    def link(self, file: str, head: str) -> None:
        """A file imports what has a name, or dots and a name."""
        found = self._places.start(head, file)
        if found is None:
            # What Python finds by a path that nobody knows here may be any of that name.
            roots = self._called(head)
        else:
            place, steps = found
            is_folder = steps and not place.endswith(".py")
            roots = self._at(os.path.join(place, steps[0]) if is_folder else place)
        for root in roots:
            self._join(self._root(file), root)

    def group(self, file: str) -> str:
        return self._top(self._root(file))

    def _at(self, place: str) -> Iterable[str]:
        if place.endswith(".py"):
            root = self._root(place)
            return [root] if root in self._above else []
        inner = place + os.sep
        return [root for root in self._above if root == place or root.startswith(inner)]

    def _called(self, head: str) -> Iterable[str]:
        ending = os.sep + head
        found = {root for root in self._above if root.endswith(ending) or f"{ending}{os.sep}" in root}
        modules = {f"{head}.py"}
        return found | {self._root(file) for file in self._files if os.path.basename(file) in modules}

    def _root(self, file: str) -> str:
        folder = os.path.dirname(file)
        if folder not in self._root_of_folder:
            root = outer = folder
            while os.path.isfile(os.path.join(outer, "__init__.py")):
                root, outer = outer, os.path.dirname(outer)
            self._root_of_folder[folder] = root
        return self._root_of_folder[folder]

    def _join(self, one: str, other: str) -> None:
        self._above[self._top(one)] = self._top(other)

    def _top(self, root: str) -> str:
        while self._above.get(root, root) != root:
            root = self._above[root]
        return root


def _heads(data: bytes) -> set[bytes]:
    """The first names of what a program imports."""
    if b"\r" in data:
        data = data.replace(b"\r", b"\n")
    data = b"\n" + data
    found = set(_HEAD.findall(data))
    for more in _OTHER_HEADS.findall(data):
        found.update(_WORD.findall(more))
    return found
