"""The command line: options in, exit code out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasfix import __version__
from kerasfix.guarded import GuardedCommand
from kerasfix.options import choosing, codes
from kerasfix.output.formats import FORMATS

if TYPE_CHECKING:
    from kerasfix.findings import Severity
    from kerasfix.settings import Settings

_HELP = """\
Find where a Keras model loses its training flag or its gradient, and fix it.

PATHS are Python files and folders; without any, the current folder. "-" reads standard input.

\b
  kerasfix models.py                   what is wrong, nothing written
  kerasfix --diff models.py            a unified diff that git apply takes
  kerasfix --apply models.py           write the fixes
  kerasfix --undo                      take the last --apply back
  kerasfix --apply --verify models.py  also train original and patched model,
                                       and write what the run proves
  kerasfix --output-format json .      findings as data; also concise, sarif,
                                       github, gitlab and junit
  kerasfix --explain-log train.log     the lines behind Keras' own warnings
  kerasfix --baseline known.json .     only what is new since the first time

Nothing of your code runs without --verify.

\b
Exit codes: 0 nothing left to fix; 1 faults left, or a diff that is not
empty; 2 kerasfix could not do its work (bad option, unreadable or unparsable
file, verification failed to run); 3 verification found a patched model worse
than its original.
"""


def _paths(_context: click.Context, argument: click.Parameter, values: tuple[str, ...]) -> tuple[Path, ...]:
    """Paths; an empty one is an unset variable of a shell, not the current folder."""
    if "" in values:
        raise click.BadParameter("a path is empty", param=argument)
    return tuple(Path(value) for value in values)


def _severity(_context: click.Context, _option: click.Parameter, value: str | None) -> Severity | None:
    if value is None:
        return None
    from kerasfix.findings import Severity

    return Severity(value)


def _keras(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    return None if value is None else int(value)


def _device(_context: click.Context, option: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", value):
        raise click.BadParameter(f"{value!r} is none of auto, cpu, gpu, gpu:0, gpu:1, ...", param=option)
    return value


def _explain(context: click.Context, _option: click.Parameter, code: str | None) -> None:
    if code is None or context.resilient_parsing:
        return
    from kerasfix.rules import all_rules, rule

    found = rule(code)
    if found is None:
        known = ", ".join(each.code for each in all_rules())
        raise click.UsageError(f"No rule {code}; there are {known}.")
    click.echo(found.documentation)
    context.exit(0)


def _shell_completion(context: click.Context, _option: click.Parameter, shell: str | None) -> None:
    if shell is None or context.resilient_parsing:
        return
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(main, {}, "kerasfix", "_KERASFIX_COMPLETE").source())
    context.exit(0)


@click.command(
    cls=GuardedCommand,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True, readable=False), callback=_paths)
@click.option(
    "--diff", is_flag=True, help="Print what --apply would change as a unified diff; write nothing."
)
@click.option("--apply", is_flag=True, help="Write safe fixes and repairs.")
@click.option("--interactive", is_flag=True, help="Show the fixes one by one, and write those that you want.")
@click.option(
    "--undo", is_flag=True, help="Take the last --apply in this folder back, if nothing was changed since."
)
@click.option("--safe-only", is_flag=True, help="With --diff or --apply: only fixes that are safe.")
@click.option("--suggestions", is_flag=True, help="With --diff or --apply: suggestions too, unproved.")
@click.option(
    "--select", multiple=True, metavar="CODES", callback=codes, help="Only these rules (KF1,KF201)."
)
@click.option("--ignore", multiple=True, metavar="CODES", callback=codes, help="All but these rules.")
@click.option(
    "--min-severity",
    type=click.Choice(["error", "warning", "info"]),
    callback=_severity,
    help="Only what is as bad as this or worse (default: all).",
)
@click.option("--verify", is_flag=True, help="Train original and patched models for a few steps and compare.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    multiple=True,
    help="With --verify: write all that was seen, as a page (.html) or as JSON; may be given twice.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="The Python that runs the models (default: the project's).",
)
@click.option(
    "--backend",
    type=click.Choice(["tensorflow", "jax", "torch"]),
    help="What Keras 3 runs the models on (default: what the code would get).",
)
@click.option(
    "--keras",
    type=click.Choice(["2", "3"]),
    callback=_keras,
    help="The Keras that runs the models (default: what the code would get).",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="[auto|cpu|gpu|gpu:N]",
    callback=_device,
    help="Where the models run; gpu fails without one, gpu:1 takes the second.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=120, show_default=True, help="Seconds a model."
)
@click.option(
    "--memory", type=click.IntRange(min=256), default=8192, show_default=True, help="MiB of memory a model."
)
@click.option(
    "--output-format",
    type=click.Choice([*FORMATS]),
    default="text",
    show_default=True,
    help="How findings are written: for people, editors, programs and CI servers.",
)
@click.option(
    "-o",
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write findings to this file, not to standard output.",
)
@choosing
@click.option("--stdin-filename", type=click.Path(path_type=Path), help='The name of what "-" reads.')
@click.option(
    "--explain",
    metavar="CODE",
    callback=_explain,
    expose_value=False,
    help="Print the page of a rule, and exit.",
)
@click.option(
    "--explain-log",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help='Find the lines behind Keras\' own messages in a training log ("-": standard input).',
)
@click.option(
    "--completion",
    type=click.Choice(["bash", "zsh", "fish"]),
    callback=_shell_completion,
    expose_value=False,
    help="Print the completion script of a shell, and exit.",
)
@click.version_option(__version__, "-V", "--version", prog_name="kerasfix", message="%(prog)s %(version)s")
def main(**options: Any) -> None:
    from kerasfix.run import run

    try:
        log = options.pop("explain_log")
        told = {name: options.pop(name) for name in ("list_rules", "show_settings")}
        settings = _settings(options)
        if any(told.values()):
            code = _tell(settings, rules=told["list_rules"])
        elif settings.undo:
            from kerasfix.undoing import take_back

            code = take_back(settings)
        elif log is None:
            code = run(settings)
        else:
            from kerasfix.explaining import explain_log

            _check_with_log(settings)
            code = explain_log(log, settings)
    except KeyboardInterrupt:
        click.echo("Interrupted", err=True)
        # What a shell expects of a program that Ctrl-C ended.
        code = 130
    sys.exit(code)


def _tell(settings: Settings, *, rules: bool) -> int:
    """What kerasfix says of itself; nothing is looked at."""
    from kerasfix.config import ConfigError, read_config
    from kerasfix.listing import rules_document, rules_text, settings_text

    if rules:
        click.echo(rules_document() if settings.output_format == "json" else rules_text(), nl=False)
        return 0
    try:
        click.echo(settings_text(settings, read_config(settings.first_path)), nl=False)
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        return 2
    return 0


def _check_modes(settings: Settings) -> None:
    """What writes comments or a baseline does nothing else."""
    if settings.add_noqa and (settings.does_more or settings.statistics or settings.is_filter):
        raise click.UsageError("--add-noqa goes with none of --diff, --apply, --verify, --statistics, and -.")
    if settings.update_baseline and settings.baseline is None:
        raise click.UsageError("--update-baseline needs --baseline.")
    if settings.update_baseline and (settings.does_more or settings.add_noqa or settings.is_filter):
        raise click.UsageError(
            "--update-baseline goes with none of --diff, --apply, --verify, --add-noqa, -."
        )
    if settings.statistics and settings.output_format not in ("text", "json"):
        raise click.UsageError("--statistics are text or json.")


def _check_with_log(settings: Settings) -> None:
    """A log is explained, nothing else: what writes or runs something does not go with it."""
    if settings.add_noqa or settings.baseline or settings.statistics:
        raise click.UsageError("--explain-log goes with none of --add-noqa, --baseline and --statistics.")
    if settings.diff or settings.apply or settings.verify:
        raise click.UsageError("--explain-log goes with none of --diff, --apply and --verify.")
    if settings.output_format != "text" or settings.output_file is not None:
        raise click.UsageError("--explain-log goes with neither --output-format nor --output-file.")
    if Path("-") in settings.paths:
        raise click.UsageError('--explain-log takes files and folders; "-" is not one.')


def _settings(options: dict[str, Any]) -> Settings:
    from kerasfix.settings import Settings

    if sum(options[each] for each in ("diff", "apply", "interactive", "undo")) > 1:
        raise click.UsageError("--diff, --apply, --interactive and --undo exclude each other.")
    if options["interactive"] and (options["verify"] or options["output_format"] != "text"):
        raise click.UsageError("--interactive goes with neither --verify nor --output-format.")
    if options["safe_only"] and options["suggestions"]:
        raise click.UsageError("--safe-only and --suggestions exclude each other.")
    if options["report"] and not options["verify"]:
        raise click.UsageError("--report needs --verify.")
    for name in ("backend", "keras"):
        if options[name] is not None and not options["verify"]:
            raise click.UsageError(f"--{name} needs --verify.")
    settings = Settings(**options)
    _check_page(settings)
    _check_modes(settings)
    if settings.is_filter and settings.interactive:
        raise click.UsageError('--interactive takes files and folders; "-" is not one.')
    if Path("-") in settings.paths and len(settings.paths) > 1:
        raise click.UsageError('"-" goes with no other path.')
    return settings


def _check_page(settings: Settings) -> None:
    """Say what is missing for a page before models are trained for it."""
    from kerasfix.settings import is_page

    if not any(is_page(path) for path in settings.report):
        return
    from kerasfix.output.page import missing

    if lacking := missing():
        raise click.UsageError(
            f"A report as a page needs {' and '.join(lacking)}: pip install 'kerasfix[report]'"
        )
