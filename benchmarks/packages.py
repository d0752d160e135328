"""Published packages for the benchmarks: wheels out of the package index, and kerasfix run over their files.

A package is downloaded once, as the wheel of one exact version without its dependencies, and kept in
`benchmarks/.cache`; or its source archive, where there is no wheel. Nothing of it is imported.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import subprocess
import sys
import tarfile
import time
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(__file__).resolve().parent / ".cache"

# What this reads of kerasfix' text output: where, which rule, what; and below it, how far its fix is trusted.
_FINDING = re.compile(
    r"^(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<code>KF\d{3}) (?P<message>.*)$", re.M
)
_FIX = re.compile(r"^ +fix \((?P<applicability>\w+)\): ", re.M)
_NOTE = re.compile(r"^ +note: (?P<note>.*)$", re.M)


@dataclass(frozen=True, slots=True)
class Process:
    """One finished run of kerasfix.

    Attributes:
        seconds: Wall clock, with the start of the interpreter.
    """

    status: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def crashed(self) -> bool:
        return "Traceback (most recent call last)" in self.stderr or self.status not in (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding as printed; `fix` is how far its fix can be trusted, or "none" if it has none."""

    path: Path
    line: int
    column: int
    code: str
    message: str
    fix: str
    note: str


def wheel(package: str) -> Path:
    """The wheel of `name==version`, from the cache or else from the package index.

    Raises:
        click.ClickException: if pip cannot get it.
    """
    return _downloaded(package, ".whl", "--only-binary=:all:")


def source_archive(package: str) -> Path:
    """The source archive of `name==version`, from the cache or else from the package index.

    Raises:
        click.ClickException: if pip cannot get it.
    """
    return _downloaded(package, ".tar.gz", "--no-binary=:all:")


def programs(archive: Path) -> dict[Path, bytes]:
    """The Python files of a wheel or a source archive, by their path from the root of the package."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel_file:
            names = [name for name in wheel_file.namelist() if name.endswith(".py")]
            return {Path(name): wheel_file.read(name) for name in names}
    found = {}
    with tarfile.open(archive) as source:
        for member in source:
            inside = Path(*Path(member.name).parts[1:])  # all of it lies in one folder
            if member.isfile() and inside.suffix == ".py" and ".." not in inside.parts:
                data = source.extractfile(member)
                assert data is not None
                found[inside] = data.read()
    return found


def _downloaded(package: str, suffix: str, *options: str) -> Path:
    name, version = package.split("==")
    # A wheel says more behind its version; in old source archives the name is as the author wrote it.
    wanted = re.compile(
        "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", name)))
        + re.escape(f"-{version}")
        + ("-.*" if suffix == ".whl" else "")
        + re.escape(suffix),
        re.I,
    )

    def cached() -> Path | None:
        return next((path for path in CACHE.iterdir() if wanted.fullmatch(path.name)), None)

    CACHE.mkdir(exist_ok=True)
    if (found := cached()) is not None:
        return found
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options]
    command.append("--ignore-requires-python")  # it is read, not run
    outcome = subprocess.run([*command, "--dest", str(CACHE), package], text=True, stderr=subprocess.PIPE)
    found = cached()
    if outcome.returncode or found is None:
        reason = outcome.stderr.strip() or f"no {suffix} of it"
        raise click.ClickException(f"cannot download {package}: {reason}")
    return found


def check_pinned(packages: tuple[str, ...]) -> None:
    """Refuse packages that are not `name==version`.

    Raises:
        click.BadParameter: if one is not.
    """
    for package in packages:
        if package.count("==") != 1:
            raise click.BadParameter(f"say which version: {package}==…", param_hint="--package")


def kerasfix(copy: Path, *options: str, paths: Sequence[str] = (".",)) -> Process:
    """Run kerasfix on all of `copy`, or some of its files, from inside it: paths are relative to it."""
    # Without the current folder on the path: nothing of the package may stand in for a module.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    begin = time.perf_counter()
    outcome = subprocess.run(
        [sys.executable, "-m", "kerasfix", *options, *paths], cwd=copy, env=environment, capture_output=True
    )
    seconds = time.perf_counter() - begin
    return Process(outcome.returncode, outcome.stdout, outcome.stderr.decode(errors="replace"), seconds)


def parse_findings(output: bytes) -> list[Finding]:
    text = output.decode(errors="replace").replace("\r\n", "\n")
    found = list(_FINDING.finditer(text))
    bounds = [match.start() for match in found] + [len(text)]
    findings = []
    for match, (begin, end) in zip(found, itertools.pairwise(bounds), strict=True):
        fix, note = _FIX.search(text, begin, end), _NOTE.search(text, begin, end)
        findings.append(
            Finding(
                Path(match["path"]),
                int(match["line"]),
                int(match["column"]),
                match["code"],
                match["message"],
                fix["applicability"] if fix else "none",
                note["note"] if note else "",
            )
        )
    return findings


def python_files(copy: Path) -> list[Path]:
    return sorted(path for path in copy.rglob("*.py") if path.is_file())


def parse(data: bytes) -> ast.Module | None:
    """The tree of a program, or None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the package's own strings
            return ast.parse(data)
    except (SyntaxError, ValueError):
        return None
