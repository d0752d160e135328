"""Files that say nothing of Keras themselves, but belong to what is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kerasfix.source import Source, SourceError, decode

if TYPE_CHECKING:
    from kerasfix.analysis.places import Places
    from kerasfix.engine import FileReport
    from kerasfix.keras.layers import LayerFact

_NOTEBOOK = ".ipynb"
# What trains a model by hand.
_TRAINS = frozenset({"GradientTape", "value_and_grad", "backward"})
_MAY_USE = re.compile(rb"\b(?:import|class)\b")
_CAPITAL = re.compile(rb"\b_*[A-Z]\w*")


def draw_in(
    reports: dict[str, FileReport],
    others: Sequence[FileReport],
    layers: Mapping[str, LayerFact],
    places: Places,
) -> None:
    """Add the files that say nothing of Keras but speak of a class of one that does, or that one imports."""
    from kerasfix.analysis.project import Project

    waiting = {
        each.source.file: each
        for each in others
        if each.path.suffix != _NOTEBOOK and _MAY_USE.search(each.file.data)
    }
    words = {file: frozenset(_CAPITAL.findall(each.file.data)) for file, each in waiting.items()}
    fresh = dict(reports)
    while waiting and fresh:
        project = Project({file: each.source for file, each in reports.items()}, None, layers, places)
        names = {info.name.encode() for info in project.classes if info.role is not None}
        for module in project.given:
            if module.file in fresh and not _TRAINS.isdisjoint(module.words):
                # A function that it calls in a tape may be where the model is called.
                module.follow_imports()
        imported = set(project.loaded)
        drawn = [file for file in waiting if file in imported or not names.isdisjoint(words[file])]
        fresh = {file: waiting.pop(file) for file in drawn}
        for file, report in [*fresh.items()]:
            try:
                text, report.encoding = decode(report.file.data)
                report.source = Source(text, file)
                _ = report.source.tree
            except SourceError:
                # Nobody asked for it by name, and it has no class that could be read.
                del fresh[file]
                continue
            report.matters = True
            reports[file] = report
