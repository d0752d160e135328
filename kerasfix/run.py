"""One run of the command: check, show or write, verify, and say what came of it."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kerasfix.config import Config, ConfigError, read_config
from kerasfix.engine import (
    Allow,
    Engine,
    FileReport,
    Problem,
    Selection,
    allow_up_to,
    restore,
    unchanged,
    write_plan,
)
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.output import console, text
from kerasfix.output.chain import ASCII, UNICODE
from kerasfix.output.patch import patch
from kerasfix.output.progress import Progress, progress_line
from kerasfix.plan import Plan, together
from kerasfix.source import Source
from kerasfix.workspace import Found, InputFile, discover

if TYPE_CHECKING:
    from kerasfix.verify.report import ModelReport
    from kerasfix.verify.session import Session

_STDIN = Path("-")
# Of a project, for one given file; a root that holds more is somebody's home folder.
_MOST_FILES = 10_000


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
    min_severity: Severity | None = None
    verify: bool = False
    report: Path | None = None
    python: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    timeout: float = 120.0
    memory: int = 8192
    stdin_filename: Path | None = None

    @property
    def is_filter(self) -> bool:
        """Whether the source comes from standard input."""
        return self.paths == (_STDIN,)

    @property
    def first_path(self) -> Path:
        """Where the configuration is looked for."""
        return self.stdin_filename or next((path for path in self.paths if path != _STDIN), Path())

    def selection(self, config: Config) -> Selection:
        """Which findings count; an option wins over the configuration."""
        return Selection(self.select, self.ignore, self.min_severity or config.min_severity)

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
    """The run itself: what does the work, where to print, and what was found so far."""

    def __init__(self, settings: Settings, engine: Engine, proving: Proving | None) -> None:
        self.settings = settings
        self.engine = engine
        self.session = proving.session if proving else None
        self.progress = proving.progress if proving else Progress()
        self.outcome = _Outcome()
        self.out = console.standard_output()
        self.err = console.standard_error()
        # With --diff, or as a filter, standard output belongs to the diff or the text alone.
        self.quiet = settings.diff or (settings.apply and settings.is_filter)
        self.talk = self.err if self.quiet else self.out

    def files(self, reports: Sequence[FileReport | Problem]) -> None:
        """Do with files that belong together what the options say."""
        plans = self._plans([each for each in reports if isinstance(each, FileReport)])
        unwritten = self._write(reports, plans) if self.settings.apply else {}
        for report in reports:
            if isinstance(report, Problem):
                self.problem(report)
                continue
            plan = self._settled(report, plans)
            self.outcome.files += 1
            if self.settings.diff:
                self._print(patch(report, plan))
                self.outcome.has_diff |= bool(plan.edits)
                self.err.lines(text.left_out_lines(report.path, plan.left))
            elif not self.settings.apply:
                self._tell(report, unchanged(report))
            elif (failed := unwritten.get(report.source.file)) is not None:
                self.problem(failed)
                self._tell(report, unchanged(report))
            else:
                if plan.edits:
                    self.talk.lines(text.applied_lines(report.path, plan.applied))
                self._tell(report, plan)

    def filter(self, data: bytes) -> None:
        """Do with standard input what the options say; --apply gives it back fixed, or else as it came."""
        name = self.settings.stdin_filename or Path("stdin.py")
        [report] = self.engine.check([self.engine.take(InputFile(name, data))])
        if not self.settings.apply:
            self.files([report])
        elif isinstance(report, Problem):
            self.problem(report)
            self._print(data)
        else:
            plan = self._settled(report, self._plans([report]))
            self._print(report.encoding.encode(plan.text))
            self._tell(report, plan)

    def problem(self, problem: Problem) -> None:
        self.outcome.problems.append(problem)
        self.err.line(*text.problem_line(problem))

    def _plans(self, reports: Sequence[FileReport]) -> Mapping[str, Plan | Problem]:
        """What to write, as far as these options let, and as far as a run proves if one is wanted."""
        if self.session is not None:
            from kerasfix.proving import prove

            return prove(reports, self.settings.allow, self.engine, self.session, self._tell_proof)
        if self.settings.diff or self.settings.apply:
            return self.engine.plan(reports, self.settings.allow)
        return {}

    def _settled(self, report: FileReport, plans: Mapping[str, Plan | Problem]) -> Plan:
        plan = plans.get(report.source.file, unchanged(report))
        if isinstance(plan, Problem):
            self.problem(plan)
            return unchanged(report)
        return plan

    def _tell_proof(self, model: ModelReport) -> None:
        from kerasfix.output.proof import proof_lines

        self.outcome.models.append(model)
        self.progress.pause()
        self.talk.lines(proof_lines(model))

    def _write(
        self, reports: Sequence[FileReport | Problem], plans: Mapping[str, Plan | Problem]
    ) -> dict[str, Problem]:
        """Write all plans; what belongs together is written together or not at all.

        Returns:
            Why a file is not written, by `Source.file`.
        """
        changed = {
            each.source.file: (each, plan)
            for each in reports
            if isinstance(each, FileReport)
            and isinstance(plan := plans.get(each.source.file), Plan)
            and plan.edits
        }
        failed: dict[str, Problem] = {}
        for group in together([plan for _, plan in changed.values()], changed):
            done: list[FileReport] = []
            for file in group:
                report, plan = changed[file]
                problem = write_plan(report, plan)
                if problem is None:
                    done.append(report)
                    continue
                for other in done:
                    # What was written already is of no use without this file.
                    restore(other, changed[other.source.file][1])
                reason = f"left as it is, because {report.path.as_posix()} {problem.reason}"
                failed.update({each: Problem(changed[each][0].path, reason) for each in group})
                failed[file] = problem
                break
        return failed

    def _print(self, data: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _tell(self, report: FileReport, plan: Plan) -> None:
        """Show what is left."""
        self.outcome.left += plan.left
        self.outcome.files_with_faults += bool(plan.left)
        if not self.quiet:
            source = Source(plan.text)
            strokes = UNICODE if self.out.is_terminal else ASCII
            for finding in plan.left:
                self.out.lines(text.finding_lines(report.path, source, finding, strokes))


def run(settings: Settings) -> int:
    """Do what the options say.

    Returns:
        The exit code, see `kerasfix --help`.
    """
    from kerasfix.verify.errors import VerifyError

    paths = (settings.first_path,) if settings.is_filter else settings.paths or (Path(),)
    found = [] if settings.is_filter else list(discover(paths))
    try:
        config = read_config(settings.first_path)
        engine = engine_for(settings, config, paths, found)
        with _proving(settings, config) as proving:
            here = _Run(settings, engine, proving)
            if settings.is_filter:
                here.filter(sys.stdin.buffer.read())
            else:
                with _uncollected():
                    reports = engine.check([engine.read(each) for each in found])
                here.files(reports)
        code = _finish(here)
        sys.stdout.flush()
        return code
    except (ConfigError, VerifyError) as error:
        reason = str(error)
    except BrokenPipeError:
        # The reader went away; click ends the program quietly.
        raise
    except OSError as error:
        # Standard output itself cannot be written (a full disk).
        reason = f"cannot write: {error.strerror or error}"
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - else Python tries once more at its end
    console.standard_error().line(("error: ", "bold red"), (reason, ""))
    return 2


def engine_for(settings: Settings, config: Config, paths: Sequence[Path], found: list[Found]) -> Engine:
    """What finds the faults of these files, as the options and the configuration want it."""
    from kerasfix.analysis.neighbours import Neighbours

    return Engine(settings.selection(config), Neighbours(_around(paths, found)))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Syntax trees and what is known of them stay, so the garbage collector is not to look at them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _around(paths: Sequence[Path], found: list[Found]) -> Iterator[Path]:
    """The files of the run, those beside them and those of their project: where subclasses are looked for."""
    from kerasfix.analysis.project import project_root

    known = {each.path: None for each in found}
    folders = {path if path.is_dir() else path.parent for path in paths}
    roots = {root for folder in folders if (root := project_root(str(folder.absolute()))) is not None}
    for folder in folders - {Path(root) for root in roots}:
        known.update(dict.fromkeys(sorted(folder.glob("*.py"))))
    inside = (each.path for each in discover(Path(root) for root in sorted(roots)))
    known.update(dict.fromkeys(itertools.islice(inside, _MOST_FILES)))
    yield from known


def _finish(here: _Run) -> int:
    outcome, settings = here.outcome, here.settings
    if settings.report is not None:
        from kerasfix.verify.report import VerificationReport

        try:
            settings.report.write_text(VerificationReport(outcome.models).dumps(), "utf-8")
        except OSError as error:
            here.problem(Problem(settings.report, f"cannot be written: {error.strerror}"))
    if not here.quiet and (outcome.files or not outcome.problems):
        files = outcome.files_with_faults or outcome.files
        here.out.lines(text.summary_lines(outcome.left, files, tried=settings.verify and settings.apply))
        here.out.lines(text.unseen_lines(outcome.models, written=settings.apply))
    return outcome.exit_code


@dataclass(frozen=True, slots=True)
class Proving:
    """What verification needs: who runs the models, and the line that says so."""

    session: Session
    progress: Progress


@contextmanager
def _proving(settings: Settings, config: Config) -> Iterator[Proving | None]:
    """A verification session with a progress line, if one is wanted."""
    if not settings.verify:
        yield None
        return
    from kerasfix.verify.interpreter import check_python, find_python
    from kerasfix.verify.session import Session

    python = find_python(settings.first_path, settings.python)
    check_python(python)
    with (
        _ended_politely(),
        progress_line() as progress,
        Session(
            python,
            device=settings.device,
            timeout=settings.timeout,
            memory_mb=settings.memory,
            on_progress=progress,
            models=config.verify,
        ) as session,
    ):
        yield Proving(session, progress)


@contextmanager
def _ended_politely() -> Iterator[None]:
    """End child processes and temporary files also when this process is told to end."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {}
    try:
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                before[getattr(signal, name)] = signal.signal(getattr(signal, name), leave)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
