"""Options of the command line that choose files, rules and findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., object])


def codes(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Codes, separated by commas or given several times; each must begin the code of a rule."""
    found = tuple(code.strip().upper() for value in values for code in value.split(",") if code.strip())
    if not found:
        return found
    from kerasfix.keys import beginnings, suggestion
    from kerasfix.rules import codes as all_codes

    allowed = beginnings()
    for code in found:
        if code not in allowed:
            near = suggestion(code, allowed) or f"; there are {', '.join(all_codes())}"
            raise click.BadParameter(f"no rule {code}{near}", param=option)
    return tuple("KF" if code == "ALL" else code for code in found)


def _listed(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.strip() for value in values for each in value.split(",") if each.strip())


_OPTIONS = (
    click.option(
        "--fixable", multiple=True, metavar="CODES", callback=codes, help="Only the fixes of these rules."
    ),
    click.option(
        "--unfixable", multiple=True, metavar="CODES", callback=codes, help="Not the fixes of these rules."
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERNS",
        callback=_listed,
        help="Leave these out of folders, instead of the usual folders of tools.",
    ),
    click.option(
        "--extend-exclude",
        multiple=True,
        metavar="PATTERNS",
        callback=_listed,
        help="Leave these out of folders, too.",
    ),
    click.option(
        "--force-exclude/--no-force-exclude",
        default=None,
        help="Leave out what is excluded even if it is named.",
    ),
    click.option(
        "--respect-gitignore/--no-respect-gitignore",
        default=None,
        help="Leave out what .gitignore names (the default).",
    ),
    click.option("--add-noqa", is_flag=True, help='Write "# noqa: CODE" to the lines of all findings.'),
    click.option(
        "--baseline",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Pass by the findings that FILE lists; written if it does not exist.",
    ),
    click.option("--update-baseline", is_flag=True, help="With --baseline: write FILE anew."),
    click.option("--statistics", is_flag=True, help="Only count the findings of each rule."),
    click.option("--exit-zero", is_flag=True, help="Exit with 0 even if faults are left."),
    click.option(
        "--no-cache",
        is_flag=True,
        help="Find everything anew; neither use nor keep what was found.",
    ),
    click.option("--list-rules", is_flag=True, help="Print all rules (as text or json), and exit."),
    click.option(
        "--show-settings", is_flag=True, help="Print the settings that count and their places, and exit."
    ),
)


def choosing(command: _Command) -> _Command:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
