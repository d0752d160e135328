"""The checks of what is open in an editor, with what is known of the project kept warm between them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kerasfix.analysis.library import Library
from kerasfix.analysis.neighbours import Neighbours
from kerasfix.config import Config, ConfigError, read_config
from kerasfix.engine import Allow, Engine, FileReport, Problem, allow_up_to
from kerasfix.finder import Finder
from kerasfix.findings import Applicability
from kerasfix.garbage import uncollected
from kerasfix.lsp.texts import Checked, Document
from kerasfix.plan import Plan
from kerasfix.selection import Selection
from kerasfix.settings import Settings
from kerasfix.source import Encoding, Source
from kerasfix.surroundings import around
from kerasfix.workspace import InputFile

SAFE_AND_REPAIR: Allow = allow_up_to(Applicability.SAFE, Applicability.REPAIR)


class Checker:
    """Checks documents that belong together.

    Args:
        selection: Which rules speak, as the client wants it; the rest is told by the configuration.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._library = Library()
        self._neighbours: dict[Path, Neighbours] = {}
        self._configs: dict[Path, Config] = {}

    def forget(self) -> None:
        """A file was saved, made or removed: what was read of the project may be old."""
        self._neighbours.clear()
        self._configs.clear()

    def check(self, documents: Sequence[Document]) -> list[Checked]:
        """The findings in documents, all of one project."""
        with uncollected():
            return self._checked(documents)

    def _checked(self, documents: Sequence[Document]) -> list[Checked]:
        reports = [self._report(each) for each in documents]
        good = [each for each in reports if isinstance(each, FileReport)]
        checked = {
            each.source.file: each for each in self._engine(good).check(good) if isinstance(each, FileReport)
        }
        found = []
        for document, report in zip(documents, reports, strict=True):
            seen = checked.get(report.source.file) if isinstance(report, FileReport) else None
            found.append(Checked(document, seen, tuple(seen.findings) if seen is not None else ()))
        return found

    def plan(self, checked: Sequence[Checked], allow: Allow = SAFE_AND_REPAIR) -> Mapping[str, Plan]:
        """All fixes of documents that were checked together, by `Source.file`."""
        reports = [each.report for each in checked if each.report is not None]
        made = self._engine(reports).plan(reports, allow)
        return {file: plan for file, plan in made.items() if isinstance(plan, Plan)}

    def _report(self, document: Document) -> FileReport | Problem:
        file = os.path.realpath(document.path)
        if document.cells is None:
            data = document.texts[0].source.data
            return self._engine([]).take(InputFile(document.path, data), whatever_it_says=False)
        source = Source(document.cells.text, file, document.cells.starts)
        return FileReport(
            InputFile(document.path, b""), Encoding("utf-8"), source, matters=True, notebook=document.cells
        )

    def _engine(self, reports: Sequence[FileReport]) -> Engine:
        """The engine for these files; of several configurations that of the first one counts."""
        if not reports:
            return Engine(Finder(self.selection, library=self._library))
        folder = reports[0].path.absolute().parent
        config = self._config(folder)
        wanted = Settings(select=self.selection.select, ignore=self.selection.ignore)
        theirs, ours = config.min_severity, self.selection.min_severity
        severity = theirs if theirs.is_at_least(ours) else ours
        if folder not in self._neighbours:
            paths = [each.path for each in reports]
            self._neighbours[folder] = Neighbours(list(around(paths, [])))
        selection = replace(wanted.selection(config), min_severity=severity)
        return Engine(Finder(selection, self._neighbours[folder], self._library, config.layers))

    def _config(self, folder: Path) -> Config:
        if folder not in self._configs:
            try:
                self._configs[folder] = read_config(folder)
            except ConfigError:
                # The command line says what is wrong with it.
                self._configs[folder] = Config()
        return self._configs[folder]
