"""The command line, and the table; see the package."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import benchmarks.behaviour
from benchmarks.behaviour.environment import environment
from benchmarks.behaviour.recipes import PACKAGES
from benchmarks.behaviour.results import Result
from benchmarks.behaviour.run import Copies, patch, run
from benchmarks.behaviour.spec import Package
from benchmarks.packages import ROOT


def chosen(package: Package, only: str) -> list[int]:
    """The recipes whose path, or whose package, has `only` in its name."""
    return [
        index
        for index, recipe in enumerate(package.recipes)
        if only.lower() in f"{package.name} {recipe.title}".lower()
    ]


def print_changed(console: Console, package: Package, copies: Copies) -> None:
    direct = {recipe.title for recipe in package.recipes}
    console.print(f"{package.requirement}: {len(copies.changed)} classes changed")
    for changed in copies.changed:
        notes = ["recipe"] * (changed.name in direct) + ["training=True was the default"] * changed.untrained
        console.print(f"  {changed.name}", f"({', '.join(notes)})" if notes else "", soft_wrap=True)


def table(results: list[Result]) -> Table:
    found = Table(
        title="Classes that kerasfix changes, before and after",
        caption="more: not changed, but with a base or a layer that is; "
        "tells: compared classes that answer otherwise in training mode",
    )
    found.add_column("", no_wrap=True)
    for heading in ("changed", "compared", "equal", "different", "not run", "more", "tells"):
        found.add_column(heading, justify="right", no_wrap=True)
    rows = [result.row() for result in results]
    for result, row in zip(results, rows, strict=True):
        found.add_row(result.package.requirement, *map(str, row))
    if len(rows) > 1:
        found.add_section()
        found.add_row("all", *(str(sum(column)) for column in zip(*rows, strict=True)))
    return found


def print_details(console: Console, result: Result) -> None:
    for heading, lines in result.sections():
        if lines:
            console.print(f"\n{result.package.requirement}: {heading} ({len(lines)})", style="bold")
            for line in lines:
                console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


@click.command(help=(benchmarks.behaviour.__doc__ or "").replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option("--list", "only_list", is_flag=True, help="Print the changed classes and run nothing.")
@click.option("--only", default="", metavar="NAME", help="Only recipes with NAME in their path or package.")
@click.option("--python", "interpreter", type=click.Path(path_type=Path, exists=True), metavar="PATH")
@click.option(
    "--kerasfix",
    "checkout",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=ROOT,
    metavar="DIR",
    help="The checkout whose kerasfix patches; this one if not given.",
)
@click.option("--keep", is_flag=True, help="Keep both copies and all outputs and say where they are.")
def main(only_list: bool, only: str, interpreter: Path | None, checkout: Path, keep: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    packages = [package for package in PACKAGES if chosen(package, only)]
    if not packages:
        raise click.BadParameter("no recipe has that in its name", param_hint="--only")
    python = interpreter or (Path(sys.executable) if only_list else environment())
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-behaviour-"))
    results: list[Result] = []
    try:
        for package in packages:
            copies = patch(package, workplace / package.requirement, checkout)
            if only_list:
                print_changed(console, package, copies)
                continue
            results.append(run(package, chosen(package, only), copies, python))
            console.print(f"{package.requirement} done", highlight=False)
        for result in results:
            print_details(console, result)
        if results:
            console.print(table(results))
        if keep:
            console.print(f"copies and outputs: {workplace}", soft_wrap=True)
    finally:
        if not keep:
            shutil.rmtree(workplace, ignore_errors=True)
    if any(result.failures for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
