"""Which files of a run can have to do with each other: those of a package, and those that import each other.

Each group is a project of its own. What two groups say by the same names is not the same thing, and a tree of
many packages takes no more than they take one by one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasfix.analysis.places import Places
    from kerasfix.source import Source

# Where they are imported they are the installed ones, whoever has a folder of that name.
_INSTALLED = frozenset({b"jax", b"keras", b"numpy", b"tensorflow", b"tf_keras", b"torch"})
# The line feed comes first because it is quick to find; a file is searched with one before it.
_HEAD = re.compile(rb"\n[ \t]*(?:from|import)[ \t]+(\.*[\w\x80-\xff]*)")
_OTHER_HEADS = re.compile(rb"\n[ \t]*import[ \t]+[\w\x80-\xff][\w\x80-\xff. \t]*,([^\n#;]*)")
_WORD = re.compile(rb"[\w\x80-\xff]+")


@dataclass(eq=False, slots=True)
class Group:
    """Files that can have to do with each other.

    Attributes:
        run: All files of the run, by their absolute paths.
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
        self.others[file] = source.data


def groups_of(files: Mapping[str, bytes], others: Mapping[str, bytes], places: Places) -> list[Group]:
    """The groups of some files, in the order of their first ones.

    Args:
        files: The files that are looked at, by absolute path.
        others: Files that belong to a group if they lie in its packages or import something of them.
        places: Where modules are.
    """
    roots = _Roots(places, files)
    imports = {file: roots.imports(file, data) for file, data in {**files, **others}.items()}
    fresh = [*files]
    while fresh:
        # Who imports something of a group belongs to it, and so does who imports that one.
        names = roots.names(fresh)
        links = {file: roots.imported(file, heads, names) for file, heads in imports.items()}
        fresh = [file for file, found in links.items() if found and not roots.has(file)]
        for file, found in links.items():
            roots.join(file, found)
    run = frozenset((*files, *others))
    groups: dict[str, Group] = {}
    for file in files:
        groups.setdefault(roots.group(file), Group(run, places.fresh())).files.append(file)
    for file, data in others.items():
        if (group := groups.get(roots.group(file))) is not None:
            group.others[file] = data
    return list(groups.values())


class _Roots:
    """Outermost packages, and folders of scripts; each stands for the files in it, one of a group for all.

    Args:
        places: Where modules are.
        files: Those whose roots there are at first.
    """

    def __init__(self, places: Places, files: Collection[str]) -> None:
        self._places = places
        self._files = files
        self._root_of_folder: dict[str, str] = {}
        self._packages: set[str] = set()
        self._first = {self._root(file) for file in files}
        self._above = {root: root for root in self._first}

    def has(self, file: str) -> bool:
        return self._root(file) in self._above

    def names(self, files: Iterable[str]) -> set[bytes]:
        """The names under which something in the roots of some files can be imported from elsewhere."""
        found = set()
        common = self._common()
        for file in files:
            root = self._root(file)
            if os.path.dirname(file) == root:
                found.add(os.path.splitext(os.path.basename(file))[0])
            # A folder without `__init__.py` on the way to it can be imported too.
            found.update(root[len(common) :].split(os.sep))
        return {os.fsencode(name) for name in found if name} - _INSTALLED

    def _common(self) -> str:
        """The folder above all roots."""
        try:
            return os.path.commonpath([os.path.dirname(root) for root in self._above])
        except ValueError:  # different drives
            return ""

    def imports(self, file: str, data: bytes) -> set[bytes]:
        """The first names of what a program imports, with the dots before them."""
        if b"\r" in data:
            data = data.replace(b"\r", b"\n")
        data = b"\n" + data
        found = set(_HEAD.findall(data))
        for more in _OTHER_HEADS.findall(data):
            found.update(_WORD.findall(more))
        if self._root(file) in self._packages:
            # There dots lead to the package itself.
            return {each for each in found if not each.startswith(b".")}
        return found

    def imported(self, file: str, heads: Iterable[bytes], names: Collection[bytes]) -> set[str]:
        """The roots of which a file imports something.

        Args:
            heads: What it imports.
            names: The names that matter.
        """
        wanted = [head for head in heads if head in names or head.startswith(b".")]
        return {root for head in wanted for root in self._leading_to(head.decode("utf-8", "replace"), file)}

    def join(self, file: str, roots: Iterable[str]) -> None:
        """A file belongs to what is in some roots."""
        for root in roots:
            self._above[self._top(self._root(file))] = self._top(root)

    def _leading_to(self, head: str, file: str) -> Iterable[str]:
        found = self._places.start(head, file)
        if found is None:
            # What Python finds by a path that nobody knows here may be any of that name.
            return self._called(head)
        place, steps = found
        if place.endswith(".py") or not steps:
            return self._at(place)
        # `from ..train import step` in a folder that is no package.
        inner = os.path.join(place, steps[0])
        return {*self._at(inner), *(self._at(f"{inner}.py") if self._places.is_file(f"{inner}.py") else ())}

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
        found = {root for root in self._first if root.endswith(ending) or f"{ending}{os.sep}" in root}
        return found | {self._root(file) for file in self._files if os.path.basename(file) == f"{head}.py"}

    def _root(self, file: str) -> str:
        folder = os.path.dirname(file)
        if folder not in self._root_of_folder:
            root = outer = folder
            while self._places.is_file(os.path.join(outer, "__init__.py")):
                root, outer = outer, os.path.dirname(outer)
                self._packages.add(root)
            self._root_of_folder[folder] = root
        return self._root_of_folder[folder]

    def _top(self, root: str) -> str:
        while self._above.get(root, root) != root:
            root = self._above[root]
        return root
