"""The pipeline: bytes, text, findings, plan. The command line and the library are faces of it."""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard

from kerasfix.drawn import draw_in
from kerasfix.findings import Applicability, Finding
from kerasfix.plan import Plan, make_plans
from kerasfix.selection import EVERYTHING, Selection
from kerasfix.source import Encoding, Source, SourceError, decode
from kerasfix.syntax import children
from kerasfix.workspace import Found, InputFile, WorkspaceError, read, write

if TYPE_CHECKING:
    from kerasfix.analysis.library import Library
    from kerasfix.analysis.neighbours import Neighbours
    from kerasfix.analysis.program import Program
    from kerasfix.keras.layers import LayerFact
    from kerasfix.notebook import Cells
    from kerasfix.rules.base import Rule

# A program without these has no Keras class with a flag or a chain to lose, trains none, and calls none with
# its flag; one that imports its classes from another module of the project may not say "keras". The last
# one is a comment that has nothing to silence there.
_SIGN = re.compile(
    rb"keras|\bdef\s+call\b|\bis_?[Tt]rain(?:ing)?\s*=[^=]|GradientTape|\btrain_step\b|learning_phase|stateless_call"
    rb"|noqa *:.*\bKF\d"
)
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


class RuleFailed(Exception):
    """A rule that raised what no rule should; names it, and says so in one line."""

    def __init__(self, file: str, code: str, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        super().__init__(f"kerasfix itself failed on it, in {code} ({what}); please report this")
        self.file = file


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
    """

    file: InputFile
    encoding: Encoding
    source: Source
    matters: bool = False
    findings: list[Finding] = field(default_factory=list)
    everything: list[Finding] = field(default_factory=list)
    notebook: Cells | None = None

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def text(self) -> str:
        return self.source.text

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
        selection: Which rules speak.
        neighbours: Files that are not looked at, asked for subclasses before a method gains a parameter.
        library: The modules that are only imported, kept for the next check by who checks again and again.
        layers: Layer classes of other packages by their dotted names, besides those that the tables know.
        baseline: The findings that are known already, and so are none.
    """

    def __init__(
        self,
        selection: Selection = EVERYTHING,
        neighbours: Neighbours | None = None,
        library: Library | None = None,
        layers: Mapping[str, LayerFact] | None = None,
        baseline: Known | None = None,
    ) -> None:
        self.selection = selection
        self.neighbours = neighbours
        self.library = library
        self.layers = layers or {}
        self.baseline = baseline

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
        return self._new(sources, self._everything(sources))

    def _everything(self, sources: Mapping[str, Source]) -> dict[str, list[Finding]]:
        """What the rules find and no comment silences, bad or not, known or not."""
        from kerasfix.analysis.program import Knowledge, Program
        from kerasfix.analysis.project import Project
        from kerasfix.rules import all_rules

        # Reasons are told in the order in which files are looked at: let it not be that of a command line.
        project = Project(dict(sorted(sources.items())), self.library, self.layers)
        knowledge = Knowledge(project, self.neighbours.of(project) if self.neighbours else None)
        rules = [rule for rule in all_rules() if self.selection.wants(rule.code)]
        known = [rule.code for rule in all_rules()]
        found: dict[str, list[Finding]] = {}
        for module in project.given:
            program = Program(module, knowledge)
            left_out = self.selection.left_out_of(module.file)
            here = [rule for rule in rules if not rule.code.startswith(left_out)]
            findings = [
                finding
                for rule in here
                if not rule.runs_last
                for finding in _checked(rule, program)
                if not program.silencers.silence(finding.code, finding.start)
            ]
            program.silencers.settle((rule.code for rule in here), known)
            findings += [each for rule in here if rule.runs_last for each in _checked(rule, program)]
            findings = [self.selection.with_its_fixes(each) for each in findings]
            found[module.file] = sorted(findings, key=lambda each: (each.start, each.end, each.code))
        return found

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
            return self.take(read(found.path), whatever_it_says=found.given)
        except WorkspaceError as error:
            return Problem(found.path, str(error))

    def take(self, file: InputFile, *, whatever_it_says: bool = True) -> FileReport | Problem:
        """The text of a file, if it is a program.

        Args:
            file: The file.
            whatever_it_says: Whether to read a file as Python that says nothing of Keras. In a big tree most
                do not, and are not parsed.
        """
        matters = _SIGN.search(file.data) is not None
        try:
            if not matters and not whatever_it_says and b"\0" not in file.data:
                return FileReport(file, Encoding("utf-8"), Source("", os.path.realpath(file.path)))
            if file.path.suffix == SUFFIX:
                return _notebook(file, matters)
            text, encoding = decode(file.data)
            source = Source(text, os.path.realpath(file.path))
            _ = source.tree
            return FileReport(file, encoding, source, matters)
        except SourceError as error:
            return Problem(file.path, error.reason, error.line, error.column)

    def check(self, files: Iterable[FileReport | Problem]) -> list[FileReport | Problem]:
        """Find the faults of files that were read, all of them seen as one project."""
        everything = list(files)
        reports = {each.source.file: each for each in everything if _matters(each)}
        others = [each for each in everything if isinstance(each, FileReport) and not each.matters]
        # What cannot be walked through here is named below.
        with contextlib.suppress(RecursionError):
            draw_in(reports, others, self.layers)
        problems: dict[Path, Problem] = {}
        while reports:
            try:
                sources = {file: report.source for file, report in reports.items()}
                found = self._everything(sources)
            except RecursionError:
                # Whoever asked, it is the deepest one that nobody can walk through.
                deepest = max(reports, key=lambda file: _depth(reports[file].source))
                path = reports.pop(deepest).path
                problems[path] = Problem(path, "nested too deeply to analyse")
                continue
            except RuleFailed as failed:
                path = reports.pop(failed.file).path
                problems[path] = Problem(path, str(failed))
                continue
            new = self._new(sources, found)
            for file, report in reports.items():
                report.everything, report.findings = found[file], new[file]
            break
        return [problems.get(each.path, each) for each in everything]

    def plan(
        self, reports: Sequence[FileReport], allow: Allow, choose: Choose | None = None
    ) -> dict[str, Plan | Problem]:
        """The fixes that `allow` lets through, of files that were checked together, by `Source.file`.

        Args:
            choose: Puts another of its ways in the place of a finding's fix, or leaves all as they are.
        """
        mine = {report.source.file: report for report in reports if report.matters}
        result: dict[str, Plan | Problem] = {}
        if any(report.findings for report in mine.values()):

            def chosen(sources: Mapping[str, Source], found: ByFile) -> ByFile:
                return found if choose is None else choose(sources, found)

            while True:
                sources = {file: report.source for file, report in mine.items()}
                try:
                    made = make_plans(
                        sources,
                        lambda now: chosen(now, self.check_sources(now)),
                        allow,
                        chosen(sources, {file: report.findings for file, report in mine.items()}),
                    )
                    break
                except RuleFailed as failed:
                    # It shows only in what a fix made of the file; the others go on without it.
                    result[failed.file] = Problem(mine.pop(failed.file).path, str(failed))
            result.update({file: _written_back(mine[file], plan) for file, plan in made.plans.items()})
            for file, error in made.failed.items():
                result[file] = Problem(mine[file].path, f"left as it is, because {error}")
        return result


def _checked(rule: Rule, program: Program) -> list[Finding]:
    try:
        return list(rule.check(program))
    except (SourceError, RecursionError, MemoryError):
        raise
    except Exception as error:
        raise RuleFailed(program.module.file, rule.code, error) from error


def _written_back(report: FileReport, plan: Plan) -> Plan | Problem:
    """A plan, if what it does can be written into the cells of a notebook."""
    try:
        if report.notebook is not None:
            list(report.notebook.by_cell(plan.edits))
    except SourceError as error:
        return Problem(report.path, f"left as it is, because {error.reason}")
    return plan


def _notebook(file: InputFile, matters: bool) -> FileReport:
    from kerasfix.notebook import Notebook

    notebook = Notebook(file.data)
    source = Source(notebook.text, os.path.realpath(file.path), notebook.starts)
    _ = source.tree
    return FileReport(
        file, Encoding("utf-8"), source, matters=matters and notebook.is_python, notebook=notebook
    )


def _matters(file: FileReport | Problem) -> TypeGuard[FileReport]:
    return isinstance(file, FileReport) and file.matters


def _depth(source: Source) -> int:
    """How deeply a program is nested."""
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(source.tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in children(node)]
    return deepest


def unchanged(report: FileReport) -> Plan:
    """The plan that does nothing."""
    return Plan(report.text, report.text, (), (), tuple(report.findings))


def write_plan(report: FileReport, plan: Plan) -> Problem | None:
    """Put the text of a plan in the place of its file."""
    try:
        write(report.file, report.encoded(plan))
    except WorkspaceError as error:
        return Problem(report.path, str(error))
    except UnicodeEncodeError as error:
        return Problem(report.path, f"a fix does not fit into {report.encoding.name}: {error.reason}")
    return None


def restore(report: FileReport, plan: Plan) -> None:
    """Put the text as it was back in the place of what a plan wrote, if nobody changed it since."""
    written = InputFile(report.path, report.encoded(plan))
    with contextlib.suppress(WorkspaceError):
        write(written, report.file.data)
