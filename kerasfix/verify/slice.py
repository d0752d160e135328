"""The definitions that one class needs, from all modules of its project, without their script parts.

Pure `ast`: nothing is run here. Every line that is left out stays as an empty line, so that a traceback from
the slice points to the right line of the user's file.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasfix.analysis.places import folder_of, is_package
from kerasfix.verify.choice import Asked, asked_by
from kerasfix.verify.closure import Closure
from kerasfix.verify.program import LIBRARIES, Program, Shelf
from kerasfix.verify.rendering import render


@dataclass(frozen=True)
class Part:
    """What is needed of one module.

    Attributes:
        place: Tells it from all other modules: its file, or its folder if it is a package without a file.
        file: The name of the file in tracebacks.
        name: Its dotted name while the slice runs.
        text: Python source with the line numbers of the module.
        imports: Modules as its import statements spell them -> their places; "" for what is not there.
        inside: The modules in it, if it is a package: name -> place.
        missing: Names that cannot be had without running the script part -> why, in a sentence.
    """

    place: str
    file: str
    name: str
    text: str
    is_package: bool = False
    imports: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self)}


@dataclass(frozen=True)
class Slice:
    """The definitions of one class.

    Attributes:
        parts: The modules that it needs something of, its own first.
        asked: Which Keras its module asks for.
    """

    parts: tuple[Part, ...]
    asked: Asked

    @property
    def backend(self) -> str | None:
        """The Keras backend that its module asks for by name ("jax"), None if it does not."""
        return self.asked.backend

    @property
    def text(self) -> str:
        """What is needed of the class's own module."""
        return self.parts[0].text

    @property
    def key(self) -> str:
        """The same for slices that are the same program."""
        return "\0".join(f"{part.place}\0{part.text}" for part in self.parts)


def slice_class(
    text: str,
    class_name: str,
    file: str = "",
    *,
    others: Mapping[str, str] | None = None,
    shelf: Shelf | None = None,
    companions: Iterable[str] = (),
    holders: Iterable[tuple[str, str]] = (),
) -> Slice:
    """Cut out what `class_name` needs.

    Args:
        text: The module.
        class_name: A class at the top level of the module.
        file: The module's absolute path; "" if it has none, and then it has no project.
        others: Modules of the project that are to be taken as these texts and not as they are on disk, by
            their absolute paths.
        companions: Names of its module that may be wanted beside it, if they can be had.
        holders: Classes that may be run in order to see what they give to it, if they can be had, each with
            the path of its file; "" is the module.
        shelf: Keeps what is read from disk for the next slice.

    Raises:
        SliceError: if the class is not there, or needs something that only running the script part of a
            module would give, or that is not there.
    """

    def take(closure: Closure, place: str) -> None:
        beside = [(place, name) for name in companions]
        beside += [(_real(path) if path else place, name) for path, name in holders]
        closure.take_class(place, class_name, companions=beside)

    return sliced(text, file, take, others=others, shelf=shelf)


def sliced(
    text: str,
    file: str,
    take: Callable[[Closure, str], None],
    *,
    others: Mapping[str, str] | None = None,
    shelf: Shelf | None = None,
) -> Slice:
    """Cut out what `take` collects for a module, which it is given by its place; see `slice_class`.

    Raises:
        SliceError: from `take`.
    """
    place = _real(file) if file else ""
    texts = {_real(path): other for path, other in (others or {}).items()}
    program = Program({**texts, place: text}, shelf or Shelf())
    closure = Closure(program)
    take(closure, place)
    names = _names([place, *closure.places])
    parts = tuple(
        Part(
            place=each,
            file=file if each == place else each,
            name=names[each],
            text=_text(program, closure, each),
            is_package=bool(each) and is_package(each),
            imports=dict(closure.imports.get(each, {})),
            inside=dict(closure.inside.get(each, {})),
            missing=dict(closure.missing.get(each, {})),
        )
        for each in names
    )
    return Slice(parts, asked_by(text))


# A run asks for the same files again for each of its classes.
_real = functools.cache(os.path.realpath)


def _text(program: Program, closure: Closure, place: str) -> str:
    module = program.module(place)
    kept = closure.kept.get(place, {})
    return render(module, kept) if module is not None and kept else ""


def _names(places: list[str]) -> dict[str, str]:
    """Place -> a dotted name of its own, as its package would have it."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for place in dict.fromkeys(places):
        name = _natural_name(place)
        folder = Path(folder_of(place)).parent
        while name in taken and folder.name:
            # Two scripts of one name, each with helpers beside it.
            name, folder = f"{folder.name}.{name}", folder.parent
        if name.partition(".")[0] in LIBRARIES:
            name = f"project_{name}"
        taken.add(name)
        names[place] = name
    return names


def _natural_name(place: str) -> str:
    if not place:
        return "model"
    path = Path(place)
    steps = [] if path.name == "__init__.py" else [path.stem if path.suffix == ".py" else path.name]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        steps.insert(0, folder.name)
        folder = folder.parent
    return ".".join(step.replace(".", "_") for step in steps) or path.parent.name
