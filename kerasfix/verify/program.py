"""The modules of the user's project, and what their names stand for. Files are read, nothing is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasfix.analysis.places import Places, folder_of, inside
from kerasfix.source import Source, SourceError, decode
from kerasfix.verify.errors import SliceError
from kerasfix.verify.harmless import canonical
from kerasfix.verify.modules import Import, Module
from kerasfix.workspace import WorkspaceError, read

# These are never modules of the project, whatever folders it has.
LIBRARIES = frozenset(("keras", "tf_keras", "tensorflow", "numpy", "jax", "torch")) | sys.stdlib_module_names
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_MOST_STEPS = 30


@dataclass(frozen=True)
class Found:
    """Something of the project.

    Attributes:
        place: The module.
        name: The definition; "" for the module itself.
        rest: The attributes that are read of it.
    """

    place: str
    name: str
    rest: tuple[str, ...] = ()


class Shelf:
    """Modules that were read from files; kept as long as a session lasts."""

    def __init__(self) -> None:
        self._modules: dict[str, Module | SourceError] = {}

    def module(self, place: str) -> Module:
        """The module of a file.

        Raises:
            SourceError: if it cannot be read.
        """
        if place not in self._modules:
            try:
                self._modules[place] = Module.of(Source(decode(read(Path(place)).data)[0], place))
            except SourceError as error:
                self._modules[place] = error
            except (OSError, WorkspaceError) as error:
                self._modules[place] = SourceError(str(error))
        found = self._modules[place]
        if isinstance(found, SourceError):
            raise found
        return found


class Program:
    """One version of a project.

    Args:
        texts: The modules that have another text than their file, by place.
        shelf: All others.
    """

    def __init__(self, texts: Mapping[str, str], shelf: Shelf) -> None:
        self._texts = texts
        self._shelf = shelf
        self._own: dict[str, Module] = {}
        self._places = Places(texts)

    def module(self, place: str) -> Module | None:
        """A module; None for a folder.

        Raises:
            SliceError: if it is not Python.
        """
        if not place.endswith(".py") and place not in self._texts:
            return None
        try:
            if place not in self._texts:
                return self._shelf.module(place)
            if place not in self._own:
                self._own[place] = Module.of(Source(self._texts[place], place))
            return self._own[place]
        except SourceError as error:
            at = f"line {error.line or 1}" + (f" of {os.path.basename(place)}" if place else "")
            raise SliceError(f"{at}: {error.reason}") from None

    def locate(self, spelled: str, importer: str, member: str | None = None) -> str | None:
        """The place of the module that an import statement names; None for a library.

        Args:
            member: What is imported from it, as far as that is known. A folder is a module of the project
                only if it has that.

        Raises:
            SliceError: if it is of the project and not there.
        """
        head = spelled.partition(".")[0]
        started = None if head in LIBRARIES else self._places.start(spelled, importer) if importer else None
        if started is None:
            if head:
                return None
            raise SliceError(f"it needs the module `{spelled}` of the project, which is not there")
        place, steps = started
        if head and _is_installed(place, importer):
            return None
        is_folder = not place.endswith(".py")
        for step in steps:
            found = inside(place, step)
            if found is None:
                if is_folder and head:
                    return None
                raise SliceError(f"it needs the module `{spelled}` of the project, which is not there")
            place = found
        if head and not place.endswith(".py") and (member is None or inside(place, member) is None):
            return None
        return place

    def meaning(self, place: str, dotted: str) -> str | Found | None:
        """What a name of a module stands for: in full the name of a library's thing, or a thing of the
        project; None if the module does not bind it.
        """
        steps = tuple(dotted.split("."))
        module = self.module(place)
        if module is None or not (steps[0] in module.binding or "*" in module.binding):
            return None
        return self.meaning_at(place, steps, submodules=False)

    def meaning_at(
        self, place: str, steps: tuple[str, ...], *, submodules: bool = True, depth: int = _MOST_STEPS
    ) -> str | Found | None:
        """The same for what others get from the module."""
        if not steps:
            return Found(place, "")
        if not depth:
            return None
        name, rest = steps[0], steps[1:]
        module = self.module(place)
        if module is not None and name in module.binding:
            imports = module.imports.get(name, [])
            alias = module.alias_of(name)
            if alias is not None and depth > 1:
                first, *others = alias.split(".")
                steps = (first, *others, *rest)
                return self.meaning_at(place, steps, submodules=False, depth=depth - 1)
            if len(imports) < len(module.binding[name]):
                return Found(place, name, rest)
            meanings = [self.meaning_of_import(item, rest, place, depth - 1) for item in imports]
            # Of the library and what stands in for it where it is missing, the library counts.
            return next((each for each in meanings if isinstance(each, str)), meanings[0])
        sub = inside(place, name) if submodules else None
        if sub is not None:
            return self.meaning_at(sub, rest, depth=depth - 1)
        for star in self.stars(place):
            found = self.meaning_at(star, steps, submodules=False, depth=depth - 1)
            if found is not None:
                return found
        return None

    def stars(self, place: str) -> list[str]:
        """The modules of the project of which a module imports all."""
        module = self.module(place)
        found = []
        for item in module.imports.get("*", ()) if module else ():
            target = self.place_or_none(item.module, place)
            if target is not None and target != place:
                found.append(target)
        return found

    def provides(self, place: str, name: str, depth: int = _MOST_STEPS) -> bool:
        """Whether a star import of a module brings a name."""
        module = self.module(place)
        if module is None or not depth:
            return False
        if name in module.binding:
            return True
        return any(self.provides(star, name, depth - 1) for star in self.stars(place))

    def place_or_none(self, spelled: str, importer: str, member: str | None = None) -> str | None:
        """`locate`, None also for what is not there."""
        try:
            return self.locate(spelled, importer, member)
        except SliceError:
            return None

    def meaning_of_import(
        self, item: Import, rest: tuple[str, ...], importer: str, depth: int = _MOST_STEPS
    ) -> str | Found | None:
        """The same for what an import statement binds, with the attributes that are read of it."""
        if item.member is not None:
            steps: tuple[str, ...] = (item.member, *rest)
            spelled = item.module
        elif item.is_renamed:
            steps, spelled = rest, item.module
        else:
            steps, spelled = rest, item.bound
        try:
            place = self.locate(spelled, importer, steps[0] if steps else None)
        except SliceError:
            return None
        if place is None:
            return canonical(".".join([spelled, *steps]))
        sub = inside(place, steps[0]) if steps and place == importer else None
        if sub is not None:
            # `from package import module` in the package itself.
            return self.meaning_at(sub, steps[1:], depth=depth)
        return self.meaning_at(place, steps, depth=depth)


def _is_installed(place: str, importer: str) -> bool:
    """Whether a module is a library beside the one that imports it."""
    top = folder_of(place) if os.path.basename(place) == "__init__.py" else place
    root = os.path.dirname(top)
    return os.path.basename(root) in _INSTALLED and not importer.startswith(top + os.sep)
