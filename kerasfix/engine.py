"""The pipeline: bytes, text, findings, plan. The command line and the library are faces of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kerasfix.findings import Applicability, Finding
from kerasfix.plan import Plan, PlanError, make_plan
from kerasfix.source import Encoding, Source, SourceError, decode
from kerasfix.workspace import Found, InputFile, WorkspaceError, read, write

if TYPE_CHECKING:
    from kerasfix.analysis.neighbours import Neighbours

# A program that does not say so has no Keras class with a flag or a chain to lose.
_SIGN = b"keras"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept kerasfix from its work on one file."""

    path: Path
    reason: str
    line: int | None = None


@dataclass(slots=True)
class FileReport:
    """What is known of one file.

    Attributes:
        file: The file as it was read.
        encoding: How its bytes became text.
        text: The text.
        findings: The faults, in the order of the source.
    """

    file: InputFile
    encoding: Encoding
    text: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.file.path


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules speak, by code or beginning of a code ("KF1").

    Attributes:
        select: Only these; all if empty.
        ignore: Not these.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        if self.select and not code.startswith(self.select):
            return False
        return not (self.ignore and code.startswith(self.ignore))


EVERYTHING = Selection()
Allow = Callable[[Finding], bool]


def allow_up_to(*classes: Applicability) -> Allow:
    """Lets the fixes of these classes through."""
    return lambda finding: finding.fix is not None and finding.fix.applicability in classes


class Engine:
    """Finds and fixes; one for a whole run.

    Args:
        selection: Which rules speak.
        neighbours: The files of the run, asked for subclasses before a method gains a parameter.
    """

    def __init__(self, selection: Selection = EVERYTHING, neighbours: Neighbours | None = None) -> None:
        self.selection = selection
        self.neighbours = neighbours

    def check_source(self, source: Source, path: Path | None = None) -> list[Finding]:
        """All findings of the selected rules in one source, in the order of the text.

        Raises:
            SourceError: if the source cannot be parsed.
        """
        from kerasfix.analysis.program import Program
        from kerasfix.rules import all_rules

        objections = None
        if self.neighbours is not None and path is not None:
            objections = partial(self.neighbours.objections, path)
        program = Program(source, objections)
        rules = [rule for rule in all_rules() if self.selection.wants(rule.code)]
        found = [finding for rule in rules for finding in rule.check(program)]
        return sorted(found, key=lambda finding: (finding.start, finding.end, finding.code))

    def check_file(self, found: Found) -> FileReport | Problem:
        """Read a file and find its faults; whatever stands in the way comes back as one problem."""
        if found.problem:
            return Problem(found.path, found.problem)
        try:
            return self.check_data(read(found.path), whatever_it_says=found.given)
        except WorkspaceError as error:
            return Problem(found.path, str(error))

    def check_data(self, file: InputFile, *, whatever_it_says: bool = True) -> FileReport | Problem:
        """Find the faults in the bytes of a file.

        Args:
            file: The file.
            whatever_it_says: Whether to read a file as Python that says nothing of Keras. In a big tree most
                do not, and are not parsed.
        """
        if file.path.suffix == ".ipynb":
            return Problem(file.path, "notebooks are not supported yet")
        matters = _SIGN in file.data
        try:
            if not matters and not whatever_it_says and b"\0" not in file.data:
                return FileReport(file, Encoding("utf-8"), "")
            text, encoding = decode(file.data)
            report = FileReport(file, encoding, text)
            source = Source(text)
            if matters:
                report.findings = self.check_source(source, file.path)
            else:
                _ = source.tree
            return report
        except SourceError as error:
            return Problem(file.path, error.reason, error.line)
        except RecursionError:
            return Problem(file.path, "nested too deeply to analyse")

    def plan(self, report: FileReport, allow: Allow) -> Plan | Problem:
        """The fixes of a file that `allow` lets through, made together and checked."""
        if not report.findings:
            return unchanged(report)
        try:
            return make_plan(
                report.text,
                lambda source: self.check_source(source, report.path),
                allow,
                report.findings,
            )
        except PlanError as error:
            return Problem(report.path, f"left as it is, because {error}")


def unchanged(report: FileReport) -> Plan:
    """The plan that does nothing."""
    return Plan(report.text, report.text, (), (), tuple(report.findings))


def write_plan(report: FileReport, plan: Plan) -> Problem | None:
    """Put the text of a plan in the place of its file."""
    try:
        write(report.file, report.encoding.encode(plan.text))
    except WorkspaceError as error:
        return Problem(report.path, str(error))
    except UnicodeEncodeError as error:
        return Problem(report.path, f"a fix does not fit into {report.encoding.name}: {error.reason}")
    return None
