"""One run of the command: check, show or write, verify, and say what came of it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kerasfix.config import ConfigError, read_config
from kerasfix.engine import (
    Engine,
    FileReport,
    Problem,
    unchanged,
)
from kerasfix.engines import engine_for
from kerasfix.findings import Finding
from kerasfix.garbage import uncollected
from kerasfix.output import console, text
from kerasfix.output.formats import Asked, Format, make
from kerasfix.output.patch import patch
from kerasfix.output.progress import Progress
from kerasfix.plan import Plan, together, without_crossings
from kerasfix.sessions import Proving, proving_session
from kerasfix.settings import Settings, is_page
from kerasfix.workspace import InputFile, discover, save
from kerasfix.writing import restore, write_plan

if TYPE_CHECKING:
    from kerasfix.verify.report import ModelReport


@dataclass(slots=True)
class _Outcome:
    """What is to be said and returned at the end."""

    problems: list[Problem] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    has_diff: bool = False
    models: list[ModelReport] = field(default_factory=list)
    exit_zero: bool = False

    @property
    def exit_code(self) -> int:
        if any(model.verdict == "worse" for model in self.models):
            return 3
        if self.problems:
            return 2
        return 1 if (self.left or self.has_diff) and not self.exit_zero else 0


class _Run:
    """The run itself: what does the work, where to print, and what was found so far."""

    def __init__(self, settings: Settings, engine: Engine, proving: Proving | None) -> None:
        self.settings = settings
        self.engine = engine
        self.session = proving.session if proving else None
        self.progress = proving.progress if proving else Progress()
        self.outcome = _Outcome(exit_zero=settings.exit_zero)
        self.err = console.standard_error()
        # With --diff, or as a filter, standard output belongs to the diff or the text alone.
        # Who goes through the fixes one by one has seen what is left.
        taken = settings.diff or settings.interactive or (settings.apply and settings.is_filter)
        self.file = None if settings.output_file is None else io.StringIO()
        self.format: Format | None = None
        # What was done and what a run showed is said between the findings; a document has no room for it.
        self.talk = self.err
        if (self.file is not None or not taken) and not settings.add_noqa:
            self.format = self._format(self.file or sys.stdout)

    def files(self, reports: Sequence[FileReport | Problem]) -> None:
        """Do with files that belong together what the options say."""
        plans = self._plans([each for each in reports if isinstance(each, FileReport)])
        unwritten = self._write(reports, plans) if self.settings.writes else {}
        for report in reports:
            if isinstance(report, Problem):
                self.problem(report)
                continue
            for problem in report.problems:
                self.problem(problem)
            plan = self._settled(report, plans)
            if self.settings.diff:
                self._print(patch(report, plan))
                self.outcome.has_diff |= bool(plan.edits)
                self.err.lines(text.left_out_lines(report.path, plan.left))
                self._show(report, unchanged(report))
            elif not self.settings.writes:
                self._tell(report, unchanged(report))
            elif (failed := unwritten.get(report.source.file)) is not None:
                self.problem(failed)
                self._tell(report, without_crossings(unchanged(report), unwritten))
            else:
                if plan.edits:
                    self.talk.lines(text.applied_lines(report, plan))
                self._tell(report, without_crossings(plan, unwritten) if unwritten else plan)

    def settle_baseline(self, reports: Sequence[FileReport | Problem]) -> None:
        """Write a baseline that does not exist or is to be written anew; else say what of it is gone."""
        if self.settings.baseline is not None:
            from kerasfix.baseline import keep_up

            path, update = self.settings.baseline, self.settings.update_baseline
            for said in keep_up(self.engine, reports, path, update=update):
                self.err.line((said, ""))

    def add_noqa(self, reports: Sequence[FileReport | Problem]) -> None:
        """Silence all that was found by comments in the files."""
        from kerasfix.adding import silenced

        made: list[tuple[FileReport, Plan]] = []
        for report in reports:
            if isinstance(report, Problem):
                self.problem(report)
                continue
            plan = silenced(report)
            if isinstance(plan, Problem):
                self.problem(plan)
            elif plan.edits:
                made.append((report, plan))
        self._keep(made)
        counts = []
        for report, plan in made:
            problem = write_plan(report, plan)
            if problem is not None:
                self.problem(problem)
            else:
                counts.append(len(plan.edits))
        self.err.line((text.silenced_line(counts), ""))

    def filter(self, data: bytes, *, refused: bool = False) -> None:
        """Do with standard input what the options say; --apply gives it back fixed, or else as it came."""
        if refused:
            if self.settings.apply:
                self._print(data)
            return
        name = self.settings.stdin_filename or Path("stdin.py")
        [report] = self.engine.check([self.engine.take(InputFile(name, data))])
        if not self.settings.apply:
            self.files([report])
        elif isinstance(report, Problem):
            self.problem(report)
            self._print(data)
        else:
            plan = self._settled(report, self._plans([report]))
            self._print(report.encoded(plan))
            self._tell(report, plan)

    def problem(self, problem: Problem) -> None:
        self.trouble(problem)
        if self.format is not None:
            self.format.problem(problem)

    def trouble(self, problem: Problem) -> None:
        """A problem with a file of kerasfix' own."""
        self.outcome.problems.append(problem)
        self.err.line(*text.problem_line(problem))

    def _format(self, stream: TextIO) -> Format:
        settings = self.settings
        if settings.statistics:
            from kerasfix.output.statistics import Statistics

            return Statistics(stream, as_json=settings.output_format == "json", is_file=stream is self.file)
        asked = Asked(
            stream,
            is_file=stream is self.file,
            is_nameless=settings.is_filter and settings.stdin_filename is None,
            tried=settings.verify and settings.apply,
        )
        made = make(settings.output_format, asked)
        self.talk = made.talk or self.err
        return made

    def _plans(self, reports: Sequence[FileReport]) -> Mapping[str, Plan | Problem]:
        """What to write, as far as these options let, and as far as a run proves if one is wanted."""
        if self.session is not None:
            from kerasfix.proving import prove

            return prove(reports, self.settings.allow, self.engine, self.session, self._tell_proof)
        if self.settings.interactive:
            from kerasfix.asking import Asking

            return Asking(self.settings.allow, self.err).plans(self.engine, reports)
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
        self._keep(changed.values())
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

    def _keep(self, changed: Iterable[tuple[FileReport, Plan]]) -> None:
        """Keep what is about to be written over, for `--undo`."""
        from kerasfix.journal import Written, record

        files = []
        for report, plan in changed:
            # What does not fit into the encoding of its file is not written.
            with suppress(UnicodeEncodeError):
                files.append(Written(report.path, report.file.data, report.encoded(plan)))
        problem = record(files) if files else ""
        if problem:
            self.err.line(("note: ", "bold"), (f"--undo will not take this back: {problem}", ""))

    def _print(self, data: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _tell(self, report: FileReport, plan: Plan) -> None:
        """Show what is left, and count it."""
        self.outcome.left += plan.left
        self._show(report, plan)

    def _show(self, report: FileReport, plan: Plan) -> None:
        if self.format is not None:
            self.format.file(report, plan)


def run(settings: Settings) -> int:
    """Do what the options say.

    Returns:
        The exit code, see `kerasfix --help`.
    """
    from kerasfix.verify.errors import VerifyError

    paths = (settings.first_path,) if settings.is_filter else settings.paths or (Path(),)
    try:
        config = read_config(settings.first_path)
        exclusion = settings.exclusion(config)
        found = [] if settings.is_filter else list(discover(paths, exclusion))
        engine = engine_for(settings, config, paths, found)
        with proving_session(settings, config) as proving:
            here = _Run(settings, engine, proving)
            if settings.is_filter:
                here.filter(_standard_input(), refused=exclusion.refuses(settings.first_path))
            else:
                with uncollected(stays=True):
                    reports = engine.check([engine.read(each) for each in found])
                here.settle_baseline(reports)
                if settings.add_noqa:
                    here.add_noqa(reports)
                else:
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


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise ConfigError(f"standard input: cannot be read: {error.strerror or error}") from None


def _finish(here: _Run) -> int:
    outcome, settings = here.outcome, here.settings
    if settings.report:
        # First, because a report that cannot be written counts in the exit code that a format may name.
        _save_reports(here)
    if here.format is not None:
        here.format.finish(outcome.exit_code)
        here.talk.lines(text.unseen_lines(outcome.models, written=settings.apply))
    if here.file is not None and settings.output_file is not None:
        _save(here, settings.output_file, here.file.getvalue())
    return outcome.exit_code


def _save_reports(here: _Run) -> None:
    from kerasfix.verify.report import VerificationReport

    seconds = here.session.import_seconds if here.session is not None else None
    report = VerificationReport(here.outcome.models, seconds)
    for path in here.settings.report:
        if is_page(path):
            from kerasfix.output.page.render import page

            _save(here, path, page(report))
        else:
            _save(here, path, report.dumps())


def _save(here: _Run, path: Path, content: str) -> None:
    try:
        # A message of the user's code may hold half a character; in JSON this is the way to write it.
        save(path, content.encode("utf-8", "backslashreplace"))
    except OSError as error:
        here.trouble(Problem(path, f"cannot be written: {error.strerror or error}"))
