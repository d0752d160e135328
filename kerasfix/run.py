"""One run of the command: check, show or write, verify, and say what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kerasfix.engine import (
    Allow,
    FileReport,
    Problem,
    Selection,
    allow_up_to,
    check_data,
    check_file,
    plan_file,
    write_plan,
)
from kerasfix.findings import Applicability, Finding
from kerasfix.output import console, text
from kerasfix.output.patch import patch
from kerasfix.plan import Plan
from kerasfix.source import Source
from kerasfix.workspace import InputFile, discover

if TYPE_CHECKING:
    from kerasfix.verify.report import ModelReport
    from kerasfix.verify.session import Session

_STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of the command line, under their names."""

    paths: tuple[Path, ...] = ()
    diff: bool = False
    apply: bool = False
    safe_only: bool = False
    suggestions: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    verify: bool = False
    report: Path | None = None
    python: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    timeout: float = 120.0
    memory: int = 8192
    stdin_filename: Path | None = None

    @property
    def selection(self) -> Selection:
        return Selection(self.select, self.ignore)

    @property
    def allow(self) -> Allow:
        """The fixes that these options write without proof."""
        if self.safe_only:
            return allow_up_to(Applicability.SAFE)
        if self.suggestions:
            return allow_up_to(*Applicability)
        return allow_up_to(Applicability.SAFE, Applicability.REPAIR)


@dataclass(slots=True)
class _Outcome:
    """What is to be said and returned at the end."""

    problems: list[Problem] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    files: int = 0
    files_with_faults: int = 0
    has_diff: bool = False
    models: list[ModelReport] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if any(model.verdict == "worse" for model in self.models):
            return 3
        if self.problems:
            return 2
        return 1 if self.left or self.has_diff else 0


class _Run:
    """The run itself: the settings, where to print, and what was found so far."""

    def __init__(self, settings: Settings, session: Session | None) -> None:
        self.settings = settings
        self.session = session
        self.outcome = _Outcome()
        self.out = console.standard_output()
        self.err = console.standard_error()
        # With --diff, or as a filter, standard output belongs to the diff or the text alone.
        self.quiet = settings.diff or (settings.apply and _STDIN in settings.paths)
        self.talk = self.err if self.quiet else self.out

    def file(self, report: FileReport | Problem) -> None:
        if isinstance(report, Problem):
            self.problem(report)
            if _is_stdin(report.path, self.settings) and self.settings.apply:
                sys.stdout.buffer.write(self.stdin_data)
            return
        self.outcome.files += 1
        plan = self._plan(report)
        if isinstance(plan, Problem):
            self.problem(plan)
            plan = Plan(report.text, report.text, (), (), tuple(report.findings))
        if self.settings.diff:
            self._show(patch(report, plan))
        elif self.settings.apply:
            plan = self._write(report, plan)
        else:
            plan = Plan(report.text, report.text, (), (), tuple(report.findings))
        self._tell(report.path, plan)

    def problem(self, problem: Problem) -> None:
        self.outcome.problems.append(problem)
        self.err.line(*text.problem_line(problem))

    stdin_data = b""

    def _plan(self, report: FileReport) -> Plan | Problem:
        if self.session is None or not report.findings:
            wanted = self.settings.diff or self.settings.apply
            if not wanted:
                return Plan(report.text, report.text, (), (), ())
            return plan_file(report, self.settings.allow, self.settings.selection)
        from kerasfix.output.proof import proof_lines
        from kerasfix.proving import prove

        proof = prove(report, self.settings.allow, self.session, self.settings.selection)
        if isinstance(proof, Problem):
            return proof
        self.outcome.models += proof.models
        for model in proof.models:
            self.talk.lines(proof_lines(model))
        return proof.plan

    def _show(self, diff: bytes) -> None:
        self.outcome.has_diff |= bool(diff)
        sys.stdout.flush()
        sys.stdout.buffer.write(diff)
        sys.stdout.buffer.flush()

    def _write(self, report: FileReport, plan: Plan) -> Plan:
        """Write a plan; what could not be written is left as it was."""
        if _is_stdin(report.path, self.settings):
            sys.stdout.buffer.write(report.encoding.encode(plan.text))
            return plan
        if plan.text == plan.original:
            return plan
        failed = write_plan(report, plan)
        if failed is not None:
            self.problem(failed)
            return Plan(report.text, report.text, (), (), tuple(report.findings))
        self.talk.line(*text.applied_line(report.path, plan.applied))
        return plan

    def _tell(self, path: Path, plan: Plan) -> None:
        """Show what is left; a diff shows only itself."""
        if not self.settings.diff:
            self.outcome.left += plan.left
        self.outcome.files_with_faults += bool(plan.left)
        if self.quiet:
            return
        source = Source(plan.text)
        for finding in plan.left:
            self.out.lines(text.finding_lines(path, source, finding))


def run(settings: Settings) -> int:
    """Do what the options say.

    Returns:
        The exit code, see `kerasfix --help`.
    """
    from kerasfix.verify.errors import VerifyError

    try:
        with _session(settings) as session:
            here = _Run(settings, session)
            for report in _reports(settings, here):
                here.file(report)
    except VerifyError as error:
        console.standard_error().line(("error: ", "bold red"), (str(error), ""))
        return 2
    return _finish(here)


def _finish(here: _Run) -> int:
    outcome, settings = here.outcome, here.settings
    if settings.report is not None:
        from kerasfix.verify.report import VerificationReport

        try:
            settings.report.write_text(VerificationReport(outcome.models).dumps(), "utf-8")
        except OSError as error:
            here.problem(Problem(settings.report, f"cannot be written: {error.strerror}"))
    if not here.quiet and not (outcome.problems and not outcome.files):
        here.out.lines(
            text.summary_lines(
                outcome.left, outcome.files_with_faults or outcome.files, verified=settings.verify
            )
        )
    return outcome.exit_code


def _reports(settings: Settings, here: _Run) -> Iterator[FileReport | Problem]:
    if settings.paths == (_STDIN,):
        here.stdin_data = sys.stdin.buffer.read()
        name = settings.stdin_filename or Path("stdin.py")
        yield check_data(InputFile(name, here.stdin_data), settings.selection)
        return
    for found in discover(settings.paths or (Path(),)):
        yield check_file(found, settings.selection)


def _is_stdin(path: Path, settings: Settings) -> bool:
    return settings.paths == (_STDIN,) and path == (settings.stdin_filename or Path("stdin.py"))


@contextmanager
def _session(settings: Settings) -> Iterator[Session | None]:
    """A verification session with a progress line, if one is wanted."""
    if not settings.verify:
        yield None
        return
    from kerasfix.output.progress import progress_line
    from kerasfix.verify.interpreter import check_python, find_python
    from kerasfix.verify.session import Session

    first = next((path for path in settings.paths if path != _STDIN), Path())
    python = find_python(first, settings.python)
    check_python(python)
    with (
        progress_line() as tell,
        Session(
            python,
            device=settings.device,
            timeout=settings.timeout,
            memory_mb=settings.memory,
            on_progress=tell,
        ) as session,
    ):
        yield session
