"""Makes faults of the file system, and sees that kerasfix loses nothing and says what it could not do.

    python -m benchmarks.faults                        all of them
    python -m benchmarks.faults --quick                those that take a second or so each
    python -m benchmarks.faults --only killed          one group, or what has a word in its name
    python -m benchmarks.faults --markdown faults.md   the table as a page takes it

Each fault gets a tree of models in a temporary folder of its own, and kerasfix runs on it as a process.
Nothing may be lost: a file is wholly old or wholly new afterwards, none is gone, and nothing lies about.
kerasfix may not crash, hang, or end without a word, and its exit code has to be the right one. Some faults
can only be made by root; they are skipped, with the reason, where that is not possible.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.faults import (  # noqa: F401 - each puts its faults on the list
    around,
    contents,
    killed,
    names,
    odd,
    permissions,
    project,
    room,
    together,
)
from benchmarks.faults.place import FAULTS, Known, Outcome, happen

_NOTHING = "nothing"


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option("--quick", is_flag=True, help="Only faults that take a second or so.")
@click.option(
    "--only", default="", metavar="WORD", help="Only faults of this group, or with this in their name."
)
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the table to this file as Markdown.")
def main(quick: bool, only: str, markdown: Path | None) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=200)
    begin = time.perf_counter()
    done: list[tuple[Known, Outcome]] = []
    for known in FAULTS:
        if (quick and not known.is_quick) or not (known.group == only or only in known.name):
            continue
        if console.is_terminal:
            console.print(f"{known.group}: {escape(known.name)}", style="dim", end="\r")
        done.append((known, happen(known)))
    console.print(table(done))
    bad = [outcome for _, outcome in done if outcome.is_bad]
    skipped = sum(outcome.skipped for _, outcome in done)
    console.print(
        f"{len(done)} faults, {len(bad)} of them bad, {skipped} skipped; {time.perf_counter() - begin:.0f} s"
    )
    if markdown is not None:
        markdown.write_text(as_markdown(done), "utf-8")
    if bad or not done:
        sys.exit(1)


def table(done: Sequence[tuple[Known, Outcome]]) -> Table:
    shown = Table("fault", "what happened", "what was lost", show_lines=False)
    group = ""
    for known, outcome in done:
        if group and known.group != group:
            shown.add_section()
        group = known.group
        style = "red" if outcome.is_bad else "dim" if outcome.skipped else None
        shown.add_row(*(escape(cell) for cell in _cells(known, outcome)), style=style)
    return shown


def as_markdown(done: Sequence[tuple[Known, Outcome]]) -> str:
    lines = ["| fault | what happened | what was lost |", "| --- | --- | --- |"]
    for known, outcome in done:
        cells = (each.replace("\\", "\\\\").replace("|", "\\|") for each in _cells(known, outcome))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(known: Known, outcome: Outcome) -> tuple[str, str, str]:
    happened = f"{outcome.happened} WRONG: {outcome.wrong}" if outcome.wrong else outcome.happened
    return known.name, happened, "" if outcome.skipped else outcome.lost or _NOTHING


if __name__ == "__main__":
    main()
