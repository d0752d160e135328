"""`--explain-log`: Keras' own messages in a training log, answered with lines of the source."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from kerasfix.config import ConfigError, read_config
from kerasfix.engine import Engine, FileReport, Problem, unchanged
from kerasfix.engines import engine_for
from kerasfix.findings import Finding
from kerasfix.log.answers import Answer, Answers
from kerasfix.log.reading import Said, read_log
from kerasfix.output import console, text
from kerasfix.output.console import Line
from kerasfix.output.log import answer_lines, log_summary, relative
from kerasfix.output.views import View
from kerasfix.settings import Settings
from kerasfix.workspace import discover

_STDIN = Path("-")


def explain_log(log: Path, settings: Settings) -> int:
    """Explain what a log says.

    Args:
        log: The log, or `-` for standard input.
        settings: The other options of the command line.

    Returns:
        The exit code: 0 if the log has no message that kerasfix knows, 1 if it has, 2 if something could not
        be read.
    """
    out, err = console.standard_output(), console.standard_error()
    name = "standard input" if log == _STDIN else log.as_posix()
    try:
        said = _read(log)
    except OSError as error:
        err.line(*text.problem_line(Problem(log, f"cannot be read: {error.strerror or error}")))
        return 2
    if not said:
        # Then nobody has to wait for the source to be read.
        out.line(*log_summary((), name))
        return 0
    try:
        engine, reports = _reports(settings)
    except ConfigError as error:
        err.line(("error: ", "bold red"), (str(error), ""))
        return 2
    problems = [each for each in reports if isinstance(each, Problem)]
    for problem in problems:
        err.line(*text.problem_line(problem))
    files = [each for each in reports if isinstance(each, FileReport)]
    answers = _answers(said, files, engine)
    by_file = {each.source.file: each for each in files}

    def shown(finding: Finding) -> Iterator[Line]:
        report = by_file[finding.file]
        yield from text.finding_lines(View(report, unchanged(report)), finding)

    def path_of(file: str) -> Path:
        return by_file[file].path if file in by_file else relative(file)

    for answer in answers:
        out.lines(answer_lines(answer, shown, path_of))
    out.line(*log_summary(answers, name))
    sys.stdout.flush()
    return 2 if problems else 1


def _read(log: Path) -> list[Said]:
    if log == _STDIN:
        return read_log(sys.stdin.buffer)
    with open(log, "rb") as stream:
        return read_log(stream)


def _reports(settings: Settings) -> tuple[Engine, list[FileReport | Problem]]:
    """The files of the project, checked, and by what."""
    paths = settings.paths or (Path(),)
    config = read_config(settings.first_path)
    found = list(discover(paths, settings.exclusion(config)))
    engine = engine_for(settings, config, paths, found)
    return engine, engine.check([engine.read(each) for each in found])


def _answers(said: list[Said], files: list[FileReport], engine: Engine) -> list[Answer]:
    """The answers, those that the source explains first."""
    mine = [each for each in files if each.matters]
    answers = Answers(
        {each.source.file: each.source for each in mine},
        {each.source.file: each.findings for each in mine},
        engine.layers,
    )
    return sorted((answers.answer(each) for each in said), key=lambda each: not each.findings)
