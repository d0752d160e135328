"""Subclasses in files that nobody asked to look at: who would keep calling a method without its new flag.

A method that gains `training=None` must be handed the flag by every caller, or from Keras 3.10 the None
blocks what its layers would have inherited. What was not given is not rewritten, so a class that has such a
caller there is left alone. Nothing is read until a fix would add a parameter.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasfix.analysis.bystanders import Bystander
    from kerasfix.analysis.index import Module
    from kerasfix.analysis.project import Project
    from kerasfix.analysis.threads import Objections
    from kerasfix.source import Source


class Neighbours:
    """The files around those that are looked at, each read once.

    Args:
        files: Their paths without links, with those that are looked at or without; taken once, when somebody
            first asks.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._iterated = files
        self._of_source: dict[Source, Bystander] = {}
        self._read: dict[str, Bystander] = {}
        self._beyond: tuple[Collection[str], list[str]] | None = None
        # How often it mattered what they say.
        self.asked = 0

    def of(
        self, project: Project, run: Collection[str] = (), beside: Mapping[str, bytes] | None = None
    ) -> Objections:
        """The objections of what is no part of a project, and of classes in it whose bases are unknown.

        Args:
            project: The modules that are looked at together.
            run: All files of the run. Those of other projects have nothing to do with this one.
            beside: The files that belong to it but have nothing to find in them, with their bytes.
        """
        from kerasfix.analysis.outside import Outside

        return Outside(self, project, run, beside or {})

    def around(self, run: Collection[str], known: Container[str]) -> list[Bystander]:
        """The files that are no part of a run, but for some that are known; those are not even read."""
        from kerasfix.analysis.bystanders import Bystander

        wanted = [file for file in self.beyond(run) if file not in known]
        for file in wanted:
            if file not in self._read:
                self._read[file] = Bystander(Path(file))
        return [self._read[file] for file in wanted]

    def beyond(self, run: Collection[str]) -> list[str]:
        """The files that are no part of a run; every group of one run asks for the same."""
        if self._beyond is None or self._beyond[0] is not run:
            self._beyond = run, [file for file in self.paths if file not in run]
        return self._beyond[1]

    @cached_property
    def paths(self) -> list[str]:
        """Their absolute paths."""
        return [*self._iterated]

    def module(self, module: Module) -> Bystander:
        """What is looked at, seen from outside."""
        source = module.source
        if source not in self._of_source:
            from kerasfix.analysis.bystanders import Bystander

            self._of_source[source] = Bystander(Path(source.file), source.data)
        return self._of_source[source]
