"""The pipeline: bytes, text, findings, plan. The command line and the library are faces of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kerasfix.finder import Finder, RuleFailed
from kerasfix.finder import Found as FoundInGroup
from kerasfix.findings import Applicability, Finding
from kerasfix.plan import Plan, make_plans
from kerasfix.source import Encoding, Source, SourceError, decode, size_of
from kerasfix.workspace import Found, InputFile, WorkspaceError, read

if TYPE_CHECKING:
    from kerasfix.cache import Cache
    from kerasfix.groups import Group
    from kerasfix.keras.layers import LayerFact
    from kerasfix.notebook import Cells
    from kerasfix.pool import Work
    from kerasfix.selection import Selection

# A program without these has no Keras class with a flag or a chain to lose, trains none, and calls none with
# its flag; one that imports its classes from another module of the project may not say "keras". The last
# one is a comment that has nothing to silence there.
_SIGN = re.compile(
    rb"\bdef\s+call\b|\bis_?[Tt]rain(?:ing)?\s*=[^=]|GradientTape|\btrain_step\b|learning_phase|stateless_call"
    rb"|noqa *:.*\bKF\d"
)
# One of them is in every program that has such a sign, but for one that puts two spaces before `call`.
_PARTS = [b"def call", b"is_train", b"is_Train", b"istrain", b"isTrain", b"GradientTape", b"learning_phase"]
_PARTS += [b"train_step", b"stateless_call"]
_UTF_8 = Encoding("utf-8")
# Below this, in characters of source, finding out is as quick as looking up.
_WORTH_KEEPING = 50_000
# Above this, in characters of source, several processes are quicker than one.
_MUCH = 1_000_000
# The suffix of notebooks; what reads them is only loaded for one.
SUFFIX = ".ipynb"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept kerasfix from its work on one file."""

    path: Path
    reason: str
    line: int | None = None
    column: int | None = None
    cell: int | None = None


class Known(Protocol):
    """The findings that are known already."""

    def without_known(
        self, sources: Mapping[str, Source], found: Mapping[str, Sequence[Finding]]
    ) -> dict[str, list[Finding]]: ...


@dataclass(slots=True)
class FileReport:
    """What is known of one file.

    Attributes:
        file: The file as it was read.
        encoding: How its bytes became text.
        source: The text.
        matters: Whether there can be anything to find in it.
        findings: The faults, in the order of the source.
        everything: The faults, and with them what is not bad enough to count or known already.
        notebook: The notebook whose cells the source is made of.
        group: What it was checked together with.
    """

    file: InputFile
    encoding: Encoding
    source: Source
    matters: bool = False
    findings: list[Finding] = field(default_factory=list)
    everything: list[Finding] = field(default_factory=list)
    notebook: Cells | None = None
    group: Group | None = None

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def program(self) -> bytes:
        """The bytes of the program; of a notebook, those of its cells."""
        if self.notebook is None:
            return self.file.data
        return self.source.data

    @property
    def problems(self) -> list[Problem]:
        """The cells of a notebook that are no Python; the others are looked at."""
        if self.notebook is None or not self.matters:
            return []
        return [Problem(self.path, reason, line, None, cell) for cell, line, reason in self.notebook.broken()]

    def encoded(self, plan: Plan) -> bytes:
        """The bytes of the file with a plan made in it.

        Raises:
            UnicodeEncodeError: if the encoding of the file has no bytes for it.
        """
        from kerasfix.notebook import Notebook

        if isinstance(self.notebook, Notebook):
            return self.notebook.encode(plan.edits)
        return self.encoding.encode(plan.text)


Allow = Callable[[Finding], bool]
ByFile = Mapping[str, Sequence[Finding]]
# Findings of some sources, given back with other fixes.
Choose = Callable[[Mapping[str, Source], ByFile], ByFile]


def allow_up_to(*classes: Applicability) -> Allow:
    """Lets the fixes of these classes through."""
    return lambda finding: finding.fix is not None and finding.fix.applicability in classes


class Engine:
    """Finds and fixes; one for a whole run.

    Args:
        finder: What finds the faults of files that belong together.
        baseline: The findings that are known already, and so are none.
        cache: What was found before.
    """

    def __init__(
        self, finder: Finder | None = None, baseline: Known | None = None, cache: Cache | None = None
    ) -> None:
        self.finder = finder or Finder()
        self.baseline = baseline
        self.cache = cache

    @property
    def selection(self) -> Selection:
        return self.finder.selection

    @property
    def layers(self) -> Mapping[str, LayerFact]:
        return self.finder.layers

    def check_source(self, source: Source) -> list[Finding]:
        """All findings of the selected rules in one source, in the order of the text.

        Raises:
            SourceError: if the source cannot be parsed.
        """
        return self.check_sources({source.file: source})[source.file]

    def check_sources(self, sources: Mapping[str, Source]) -> dict[str, list[Finding]]:
        """All findings of the selected rules in sources that belong together, by file.

        Raises:
            SourceError: if a source cannot be parsed.
            RuleFailed: if a rule has a fault of its own, which one file shows.
        """
        return self._new(sources, self.finder.in_sources(sources))

    def _new(
        self, sources: Mapping[str, Source], found: Mapping[str, Sequence[Finding]]
    ) -> dict[str, list[Finding]]:
        """What is bad enough to count, and not known already."""
        if self.baseline is not None:
            found = self.baseline.without_known(sources, found)
        return {
            file: [each for each in findings if self.selection.is_bad_enough(each)]
            for file, findings in found.items()
        }

    def forget_known(self, reports: Iterable[FileReport], baseline: Known | None) -> None:
        """Take another baseline from now on, for files that were checked already."""
        self.baseline = baseline
        mine = {report.source.file: report for report in reports if report.matters}
        sources = {file: report.source for file, report in mine.items()}
        found = self._new(sources, {file: report.everything for file, report in mine.items()})
        for file, report in mine.items():
            report.findings = found[file]

    def read(self, found: Found) -> FileReport | Problem:
        """Read a file, nothing more; whatever stands in the way comes back as one problem."""
        if found.problem:
            return Problem(found.path, found.problem)
        try:
            file = replace(read(found.path), real=found.real)
            return self.take(file, whatever_it_says=found.given)
        except WorkspaceError as error:
            return Problem(found.path, str(error))

    def take(self, file: InputFile, *, whatever_it_says: bool = True) -> FileReport | Problem:
        """The text of a file, if it is a program.

        Args:
            file: The file.
            whatever_it_says: Whether to read a file as Python that says nothing of Keras. In a big tree most
                do not, and are not parsed.
        """
        matters = _says_something(file.data)
        real = file.real or os.path.realpath(file.path)
        try:
            if not matters and not whatever_it_says and b"\0" not in file.data:
                return FileReport(file, _UTF_8, Source("", real))
            if file.path.suffix == SUFFIX:
                return _notebook(file, real, matters)
            text, encoding = decode(file.data)
            source = Source(text, real)
            if not matters:
                _ = source.tree
            return FileReport(file, encoding, source, matters)
        except SourceError as error:
            return Problem(file.path, error.reason, error.line, error.column)

    def check(self, files: Iterable[FileReport | Problem]) -> list[FileReport | Problem]:
        """Find the faults of files that were read, all of them seen as one project."""
        from kerasfix.analysis.places import Places
        from kerasfix.groups import groups_of

        everything = list(files)
        reports = {each.source.file: each for each in everything if isinstance(each, FileReport)}
        texts = {file: report.program for file, report in reports.items() if report.matters}
        others = {file: report.program for file, report in reports.items() if not report.matters}
        places = Places(texts)
        problems: dict[Path, Problem] = {}
        groups = groups_of(texts, others, places)
        for group, found in zip(groups, self._in_groups(groups, reports), strict=True):
            problems.update(_taken(found, group, reports))
        sources = {file: each.source for file, each in reports.items() if each.matters}
        new = self._new(sources, {file: reports[file].everything for file in sources})
        for file, findings in new.items():
            reports[file].findings = findings
        return [problems.get(each.path, each) for each in everything]

    def _in_groups(
        self, groups: Sequence[Group], reports: Mapping[str, FileReport]
    ) -> Iterator[FoundInGroup]:
        """What is found in each group, or was found before."""
        keys: dict[Group, str] = {}
        known: dict[Group, FoundInGroup] = {}
        size = sum(len(reports[file].text) for group in groups for file in group.files)
        cache = self.cache if size > _WORTH_KEEPING else None
        if cache is not None:
            for group in groups:
                texts = {file: reports[file].program for file in group.files}
                keys[group] = cache.key(group, texts)
                found = cache.get(keys[group], group)
                if found is not None:
                    known[group] = found
        work = [
            (group, {file: reports[file].source for file in group.files})
            for group in groups
            if group not in known
        ]
        for (group, _), found in zip(work, self._find(work), strict=True):
            known[group] = found
            if cache is not None:
                cache.put(keys[group], group, found)
        return (known[group] for group in groups)

    def _find(self, work: Sequence[Work]) -> Iterable[FoundInGroup]:
        if sum(size_of(sources) for _, sources in work) > _MUCH:
            from kerasfix.pool import find, processors

            if (processes := processors()) > 1:
                return find(self.finder, work, processes)
        return (self.finder.in_group(group, sources) for group, sources in work)

    def _found_anew(self, sources: Mapping[str, Source], group: Group) -> ByFile:
        """What is found in a group whose files are as fixes made them.

        Raises:
            RuleFailed: if a rule has a fault of its own, which one file shows.
        """
        if size_of(sources) > _MUCH:
            [found] = self._find([(group, sources)])
            if not found.troubles:
                return {file: found.findings[file] for file in sources}
        return self.finder.in_sources(sources, group)

    def plan(
        self, reports: Sequence[FileReport], allow: Allow, choose: Choose | None = None
    ) -> dict[str, Plan | Problem]:
        """The fixes that `allow` lets through, of files that were checked together, by `Source.file`.

        Args:
            choose: Puts another of its ways in the place of a finding's fix, or leaves all as they are.
        """
        mine = {report.source.file: report for report in reports if report.matters}
        groups = dict.fromkeys(each.group for each in mine.values() if each.findings)
        result: dict[str, Plan | Problem] = {}
        for group in groups:
            assert group is not None, "plans are for what was checked"
            together = {file: mine[file] for file in group.files if file in mine}
            result.update(self._plan_group(together, group, allow, choose or _as_found))
        return result

    def _plan_group(
        self, reports: dict[str, FileReport], group: Group, allow: Allow, choose: Choose
    ) -> dict[str, Plan | Problem]:
        result: dict[str, Plan | Problem] = {}

        def check(now: Mapping[str, Source]) -> ByFile:
            return choose(now, self._new(now, self._found_anew(now, group)))

        while True:
            sources = {file: report.source for file, report in reports.items()}
            found = choose(sources, {file: report.findings for file, report in reports.items()})
            try:
                made = make_plans(sources, check, allow, found)
                break
            except RuleFailed as failed:
                # It shows only in what a fix made of the file; the others go on without it.
                result[failed.file] = Problem(reports.pop(failed.file).path, str(failed))
        result.update({file: _written_back(reports[file], plan) for file, plan in made.plans.items()})
        for file, error in made.failed.items():
            result[file] = Problem(reports[file].path, f"left as it is, because {error}")
        return result


def _as_found(_sources: Mapping[str, Source], found: ByFile) -> ByFile:
    return found


def _taken(found: FoundInGroup, group: Group, reports: Mapping[str, FileReport]) -> dict[Path, Problem]:
    """Put what was found in a group into the reports of its files.

    Returns:
        What stood in the way, by path.
    """
    for file in found.drawn:
        group.take_in(file)
        report = reports[file]
        text, report.encoding = decode(report.file.data)
        report.source = Source(text, file)
        report.matters = True
    for file, findings in found.findings.items():
        reports[file].everything, reports[file].group = findings, group
    problems = {}
    for file, trouble in found.troubles.items():
        group.leave_out(file, reports[file].source)
        reports[file].matters = False
        path = reports[file].path
        problems[path] = Problem(path, trouble.reason, trouble.line, trouble.column)
    return problems


def _written_back(report: FileReport, plan: Plan) -> Plan | Problem:
    """A plan, if what it does can be written into the cells of a notebook."""
    try:
        if report.notebook is not None:
            list(report.notebook.by_cell(plan.edits))
    except SourceError as error:
        return Problem(report.path, f"left as it is, because {error.reason}")
    return plan


def _says_something(data: bytes) -> bool:
    """Whether there can be anything to find in a file."""
    # Plain searches are an order of magnitude quicker than a pattern, and nearly all files end here.
    if b"keras" in data:
        return True
    may_say = any(part in data for part in _PARTS) or (b"noqa" in data and b"KF" in data)
    return may_say and _SIGN.search(data) is not None


def _notebook(file: InputFile, real: str, matters: bool) -> FileReport:
    from kerasfix.notebook import Notebook

    notebook = Notebook(file.data)
    source = Source(notebook.text, real, notebook.starts)
    _ = source.tree
    return FileReport(
        file, Encoding("utf-8"), source, matters=matters and notebook.is_python, notebook=notebook
    )


def unchanged(report: FileReport) -> Plan:
    """The plan that does nothing."""
    return Plan(report.text, report.text, (), (), tuple(report.findings))
