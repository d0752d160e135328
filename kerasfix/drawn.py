"""Files that say nothing of Keras themselves, but belong to what is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerasfix.source import Source, SourceError, decode

if TYPE_CHECKING:
    from kerasfix.analysis.library import Library
    from kerasfix.groups import Group
    from kerasfix.keras.layers import LayerFact

_NOTEBOOK = ".ipynb"
# What trains a model by hand.
_TRAINS = frozenset({"GradientTape", "value_and_grad", "backward"})
_MAY_USE = re.compile(rb"\b(?:import|class)\b")
_CAPITAL = re.compile(rb"\b_*[A-Z]\w*")


def draw_in(
    sources: dict[str, Source], group: Group, layers: Mapping[str, LayerFact], library: Library | None
) -> list[str]:
    """Add the files that say nothing of Keras but speak of a class of one that does, or that one imports.

    Args:
        sources: What is looked at of a group; what belongs to it is added, and taken from the group's others.

    Returns:
        The files that were added.
    """
    from kerasfix.analysis.project import Project

    waiting = {
        file: data
        for file, data in group.others.items()
        if not file.endswith(_NOTEBOOK) and _MAY_USE.search(data)
    }
    words = {file: frozenset(_CAPITAL.findall(data)) for file, data in waiting.items()}
    fresh = dict(sources)
    added: list[str] = []
    while waiting and fresh:
        project = Project(sources, library, layers, group.places)
        names = {info.name.encode() for info in project.classes if info.role is not None}
        for module in project.given:
            if module.file in fresh and not _TRAINS.isdisjoint(module.words):
                # A function that it calls in a tape may be where the model is called.
                module.follow_imports()
        imported = set(project.loaded)
        drawn = [file for file in waiting if file in imported or not names.isdisjoint(words[file])]
        fresh = {}
        for file in drawn:
            try:
                source = Source(decode(waiting.pop(file))[0], file)
                _ = source.tree
            except SourceError:
                # Nobody asked for it by name, and it has no class that could be read.
                continue
            sources[file] = fresh[file] = source
            group.take_in(file)
            added.append(file)
    return added
