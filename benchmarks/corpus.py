"""Runs kerasfix over published Keras packages and checks what it promises on any code.

    python -m benchmarks.corpus                                  the four packages below
    python -m benchmarks.corpus --package keras-tuner==1.4.7     another one as well
    python -m benchmarks.corpus --sample 40 --seed 1             and findings for a person to judge

Each package is downloaded once, as the wheel of one exact version without its dependencies, unpacked into a
git repository of its own, and handed to kerasfix as a user would: as a process. Nothing of it is imported.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.packages import (
    Finding,
    Process,
    check_pinned,
    kerasfix,
    parse,
    parse_findings,
    python_files,
    wheel,
)

PACKAGES = (
    "keras-hub==0.32.0",
    "tf-models-official==2.20.0",
    "spektral==1.3.1",
    "tensorflow-recommenders==0.7.7",
)
_CONTEXT_LINES = 6


@dataclass(slots=True)
class Result:
    """What was seen of one package.

    Attributes:
        files: Python files in it.
        patched: Files in the diff.
        left: Findings after `--apply`; what is mended now was a fix, what is left a suggestion or advice.
        failures: One sentence for each promise that did not hold.
    """

    package: str
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    patched: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def check(self, holds: bool, failure: str) -> None:
        if not holds:
            self.failures.append(failure)


def git(copy: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=copy, input=stdin, capture_output=True)


def unpack(source: Path, copy: Path) -> None:
    """A fresh copy of a wheel's files, committed to git, so that what changes can be told.

    Raises:
        subprocess.CalledProcessError: if git does not work here.
    """
    with zipfile.ZipFile(source) as archive:
        archive.extractall(copy)
    author = ("-c", "user.name=corpus", "-c", "user.email=corpus@localhost")
    # The author's line endings are part of what must survive.
    for arguments in (
        ("init", "--quiet"),
        ("config", "core.autocrlf", "false"),
        ("add", "--force", "--all"),
        (*author, "commit", "--quiet", "--message", "as published"),
    ):
        git(copy, *arguments).check_returncode()


def changed_files(copy: Path) -> list[Path]:
    names = git(copy, "diff", "--name-only", "-z").stdout.split(b"\0")
    return [copy / os.fsdecode(name) for name in names if name]


def contents(copy: Path) -> dict[Path, bytes]:
    """Every file that git would see, by its path inside `copy`."""
    return {
        path.relative_to(copy): path.read_bytes()
        for path in copy.rglob("*")
        if path.is_file() and path.relative_to(copy).parts[0] != ".git"
    }


def differing(one: dict[Path, bytes], other: dict[Path, bytes]) -> list[Path]:
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def some(paths: Sequence[Path]) -> str:
    """The first few paths, for a message."""
    return ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def run(package: str, workplace: Path) -> Result:
    """Run kerasfix on one package in every mode and hold it to its promises."""
    result = Result(package)
    by_diff, by_apply = workplace / "diff", workplace / "apply"
    for copy in (by_diff, by_apply):
        unpack(wheel(package), copy)
    published = contents(by_diff)
    result.files = len(python_files(by_diff))

    def step(name: str, copy: Path, *options: str) -> Process:
        outcome = kerasfix(copy, *options)
        result.seconds[name] = outcome.seconds
        result.check(
            "Traceback (most recent call last)" not in outcome.stderr, f"{name}: traceback on stderr"
        )
        result.check(outcome.status in (0, 1, 2), f"{name}: exit code {outcome.status}")
        return outcome

    looked = step("check", by_diff)
    result.findings = parse_findings(looked.stdout)
    result.check(
        tells_of(looked.status, bool(result.findings)),
        f"check: exit code {looked.status} and {len(result.findings)} findings",
    )
    diff = step("--diff", by_diff, "--diff")
    result.check(
        tells_of(diff.status, bool(diff.stdout)),
        f"--diff: exit code {diff.status} and {len(diff.stdout)} bytes of diff",
    )
    result.check(contents(by_diff) == published, "check or --diff wrote to the package")
    apply_diff(result, by_diff, diff.stdout)

    step("--apply", by_apply, "--apply")
    patched = contents(by_apply)
    others = differing(contents(by_diff), patched)
    result.check(not others, f"--apply and the applied diff differ: {some(others)}")
    result.left = parse_findings(step("check again", by_apply).stdout)
    step("--apply again", by_apply, "--apply")
    others = differing(patched, contents(by_apply))
    result.check(not others, f"a second --apply changed {some(others)}")
    return result


def tells_of(status: int, something: bool) -> bool:
    """Whether an exit code fits what was printed; 2 says that some file could not be read."""
    return status == 2 or bool(status) == something


def apply_diff(result: Result, copy: Path, diff: bytes) -> None:
    """Let git judge the diff and make its changes."""
    if not diff.strip():
        return
    checked = git(copy, "apply", "--check", "-", stdin=diff)
    if checked.returncode:
        result.check(False, f"git apply --check: {checked.stderr.decode(errors='replace').strip()}")
        return
    git(copy, "apply", "-", stdin=diff).check_returncode()
    changed = changed_files(copy)
    result.patched = len(changed)
    result.check(bool(changed), "the diff changes nothing")
    broken = [path.relative_to(copy) for path in changed if parse(path.read_bytes()) is None]
    result.check(not broken, f"does not parse any more: {some(broken)}")


def summary(results: Sequence[Result]) -> Table:
    table = Table(title="kerasfix on published packages", caption="per rule: found, left after --apply")
    table.add_column("")
    for result in results:
        table.add_column(result.package, justify="right", overflow="fold")

    def row(name: str, cell: Callable[[Result], str], *, end_section: bool = False) -> None:
        table.add_row(name, *(cell(result) for result in results), end_section=end_section)

    row("Python files", lambda result: str(result.files))
    row("files in the diff", lambda result: str(result.patched), end_section=True)
    for code in sorted({finding.code for result in results for finding in result.findings}):
        row(code, functools.partial(found_and_left, code=code))
    row("all rules", found_and_left, end_section=True)
    for fix in sorted({finding.fix for result in results for finding in result.findings}):
        row(f"fix: {fix}", functools.partial(fixes, fix=fix))
    table.add_section()
    for name in results[0].seconds if results else ():
        row(f"{name}, seconds", functools.partial(seconds, step=name))
    row("promises kept", lambda result: "[red]no" if result.failures else "[green]yes")
    return table


def seconds(result: Result, step: str) -> str:
    return f"{result.seconds[step]:.1f}"


def fixes(result: Result, fix: str) -> str:
    return str(sum(finding.fix == fix for finding in result.findings))


def found_and_left(result: Result, code: str = "") -> str:
    counts = (
        sum(not code or finding.code == code for finding in findings)
        for findings in (result.findings, result.left)
    )
    return ", ".join(map(str, counts))


def print_sample(console: Console, found: Sequence[tuple[str, Finding]], size: int, seed: int) -> None:
    """Print `size` findings drawn at random, each with the code around it, as published."""
    drawn = random.Random(seed).sample(list(found), min(size, len(found)))
    for number, (package, finding) in enumerate(drawn, 1):
        console.rule(f"{number}/{len(drawn)}  {finding.code}", align="left")
        console.print(f"{finding.path}:{finding.line}:{finding.column}", style="bold", highlight=False)
        console.print(f"fix: {finding.fix}", highlight=False)
        console.print(finding.message, markup=False, highlight=False)
        with zipfile.ZipFile(wheel(package)) as archive:
            lines = archive.read(finding.path.as_posix()).decode(errors="replace").splitlines()
        first = max(1, finding.line - _CONTEXT_LINES)
        for at, line in enumerate(lines[first - 1 : finding.line + _CONTEXT_LINES], first):
            mark = ">" if at == finding.line else " "
            console.print(f"{mark}{at:5} {line}", markup=False, highlight=False, soft_wrap=True)


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python", 1))
@click.option("--package", "extra", multiple=True, metavar="NAME==VERSION", help="Another package as well.")
@click.option("--only", is_flag=True, help="Only the packages given with --package.")
@click.option("--sample", default=0, metavar="N", help="Print N random findings with their code.")
@click.option("--seed", default=0, metavar="S", help="Which findings --sample draws.")
@click.option("--keep", is_flag=True, help="Keep the patched copies and say where they are.")
def main(extra: tuple[str, ...], only: bool, sample: int, seed: int, keep: bool) -> None:
    check_pinned(extra)
    console = Console()
    workplace = Path(tempfile.mkdtemp(prefix="kerasfix-corpus-"))
    results: list[Result] = []
    found: list[tuple[str, Finding]] = []
    try:
        for package in (*(() if only else PACKAGES), *extra):
            result = run(package, workplace / package)
            results.append(result)
            found += [(package, finding) for finding in result.findings]
        print_sample(console, found, sample, seed)
        console.print(summary(results))
        for result in results:
            for failure in result.failures:
                console.print(f"[red]{escape(result.package)}[/]: {escape(failure)}", soft_wrap=True)
        if keep:
            console.print(f"copies: {workplace}", soft_wrap=True)
    finally:
        if not keep:
            shutil.rmtree(workplace, ignore_errors=True)
    if any(result.failures for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
