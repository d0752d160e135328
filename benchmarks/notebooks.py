"""Runs kerasfix over published notebooks and checks what it promises there.

    python -m benchmarks.notebooks                              notebooks out of the packages below
    python -m benchmarks.notebooks --folder ~/notebooks         and those of a folder
    python -m benchmarks.notebooks --package sktime==1.2.0 --findings     with all that was found, to be read

Notebooks come out of source archives, and are made of the modules of Keras packages with jupytext. Each is
checked, diffed, mended twice with `--apply --suggestions`. Nothing may change but the sources of the mended
cells, told by a scanner of JSON that is not kerasfix' own; what nbformat called valid stays valid; and
IPython is the judge of what is Python in a cell. Needs jupytext, nbformat and IPython.
"""

from __future__ import annotations

import ast
import json
import re
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from click.testing import CliRunner, Result
from rich.console import Console

from benchmarks.packages import CACHE, check_pinned, programs, source_archive, wheel
from kerasfix.cli import main as kerasfix
from kerasfix.ipynb import NotANotebook
from kerasfix.notebook import Cell, Notebook

# Source archives with notebooks in them; in some of them for Keras, in all with magics.
ARCHIVES = (
    "aif360==0.6.1",
    "careamics==0.3.5",
    "deepxde==1.15.0",
    "jupytext==1.19.6",
    "nbconvert==7.17.2",
    "nbformat==5.11.1",
    "nengo-dl==3.6.0",
    "papermill==2.7.0",
    "sbi==0.27.0",
    "sktime==1.2.0",
)
# Wheels of Keras code, to make notebooks of.
WHEELS = ("spektral==1.3.1", "tensorflow-recommenders==0.7.7", "keras-cv==0.9.0", "gpflux==0.4.5")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.S)
_CELL_MAGIC = re.compile(r"\s*%%")


@dataclass(slots=True)
class Counts:
    """What was seen in all notebooks.

    Attributes:
        seen: Of what how many.
        findings: Lines of output with a finding.
        broken: Cells that are no Python for IPython either, with the notebook, and why.
        failures: One sentence for each promise that did not hold.
        slowest: The longest check, with its notebook.
    """

    seen: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


def notebooks_in(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The notebooks of a source archive."""
    with tarfile.open(archive) as source:
        for member in source:
            if member.isfile() and member.name.endswith(".ipynb"):
                data = source.extractfile(member)
                assert data is not None
                yield member.name, data.read()


def notebooks_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The modules of a wheel that speak of Keras, as notebooks."""
    import jupytext

    for path, data in programs(archive).items():
        if b"keras" in data and b"class " in data:
            made = jupytext.reads(data.decode("utf-8"), "py:light")
            yield f"{archive.name}/{path}.ipynb", jupytext.writes(made, "ipynb").encode("utf-8")


def all_notebooks(packages: tuple[str, ...], folders: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    for package in packages:
        yield from notebooks_in(source_archive(package))
    if not packages and not folders:
        for package in ARCHIVES:
            yield from notebooks_in(source_archive(package))
        for package in WHEELS:
            yield from notebooks_of(wheel(package))
    for folder in folders:
        for path in sorted(folder.rglob("*.ipynb")):
            if path.is_file():
                yield str(path.relative_to(folder)), path.read_bytes()


def source_spans(data: bytes) -> list[tuple[int, int]]:
    """Where the values of `source` of the elements of `cells` stand in a file, as bytes.

    It counts brackets, and knows nothing else of JSON.
    """
    # Of each open bracket the last key that was seen in it.
    keys: list[bytes] = []
    spans: list[tuple[int, int]] = []
    last, begin = b"", -1
    for token in _TOKEN.finditer(data):
        text = token.group()
        in_source = len(keys) >= 3 and keys[0] == b'"cells"' and keys[2] == b'"source"'
        if text == b":":
            keys[-1] = last
        elif text in b"{[":
            if in_source and len(keys) == 3 and text == b"[":
                begin = token.start()
            keys.append(b"")
        elif text in b"}]":
            keys.pop()
            if begin >= 0 and len(keys) == 3:
                spans.append((begin, token.end()))
                begin = -1
        elif in_source and len(keys) == 3 and text.startswith(b'"'):
            spans.append((token.start(), token.end()))
        if text == b"," and keys:
            keys[-1] = b""
        last = text
    return spans


def without(data: bytes, spans: list[tuple[int, int]]) -> list[bytes]:
    """What stands between spans."""
    borders = [0, *(place for span in spans for place in span), len(data)]
    return [data[start:end] for start, end in zip(borders[::2], borders[1::2], strict=True)]


def is_python(text: str) -> bool:
    """What IPython says of a cell."""
    return parses(_transformed(text))


def parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _transformed(text: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(TransformerManager().transform_cell(text))
        except (SyntaxError, RuntimeError):
            # A RuntimeError says that it has too many magics.
            return "("


def judge_cell(cell: Cell) -> Iterator[str]:
    """How kerasfix' view of a cell differs from IPython's."""
    if len(cell.masked) != len(cell.text) or cell.masked.count("\n") != cell.text.count("\n"):
        yield "masking moved positions"
    if not parses(cell.masked):
        yield "what is masked is no Python"
    text = cell.text
    if _CELL_MAGIC.match(text):
        # IPython gives all of it to the magic; which may be Python all the same.
        text = text.lstrip().partition("\n")[2]
        if not cell.problem and not any(
            line.strip() and not line.startswith("#") for line in cell.masked.split("\n")[1:]
        ):
            return
    takes = is_python(text)
    if takes and cell.problem:
        yield f"broken ({cell.problem}), but IPython takes it"
    if cell.problem or not takes:
        return
    # IPython may have taken away an indent that all lines have.
    python = Counter(line.strip() for line in _transformed(text).split("\n"))
    for written, line in zip(cell.text.split("\n"), cell.masked.split("\n"), strict=True):
        is_masked = written.split() != line.split()
        if _CELL_MAGIC.match(written) or is_masked != bool(python[written.strip()]):
            continue
        yield f"{'masked' if is_masked else 'not masked'}, but IPython sees it otherwise: {written!r}"


def look_at(name: str, data: bytes, counts: Counts, workplace: Path) -> None:
    """Hold kerasfix to its promises on one notebook."""

    def check(holds: bool, failure: str) -> None:
        if not holds:
            counts.failures.append(f"{name}: {failure}")

    path = workplace / "notebook.ipynb"
    path.write_bytes(data)
    counts.seen["notebooks"] += 1
    broken: set[int] = set()
    try:
        notebook = Notebook(data)
    except NotANotebook as error:
        counts.seen["not supported"] += 1
        counts.broken.append(f"{name}: {error.reason}")
    else:
        if notebook.is_python:
            broken = _judge(name, notebook, counts)
        counts.seen["cells"] += len(notebook.cells)
        counts.seen["of another language"] += not notebook.is_python

    begin = time.perf_counter()
    looked = _run(path)
    counts.slowest = max(counts.slowest, (time.perf_counter() - begin, name))
    found = [line for line in looked.stdout.splitlines() if re.match(r"^\S.*: KF\d{3} ", line)]
    counts.findings += [line.replace(str(path), name) for line in found]
    counts.seen["with findings"] += bool(found)
    told = "error:" in looked.stderr
    expected = 2 if told else 1 if found else 0
    check(looked.exit_code == expected, f"check: exit code {looked.exit_code}, expected {expected}")
    check(bool(looked.exit_code == 2) <= bool(broken or not _is_supported(data)), "an error without a cause")
    diff = _run(path, "--diff", "--suggestions")
    check(path.read_bytes() == data, "check or --diff wrote to it")
    applied = _run(path, "--apply", "--suggestions")
    after = path.read_bytes()
    counts.seen["mended"] += after != data
    check((after != data) == bool(diff.stdout), "--diff and --apply disagree")
    again = _run(path, "--apply", "--suggestions")
    check(path.read_bytes() == after, "a second --apply changes something")
    for step, result in (("check", looked), ("--diff", diff), ("--apply", applied), ("again", again)):
        raised = result.exception
        check(raised is None or isinstance(raised, SystemExit), f"{step}: {raised!r}")
        check(result.exit_code in (0, 1, 2), f"{step}: exit code {result.exit_code}")
        check("kerasfix itself failed" not in result.stderr, f"{step}: {result.stderr}")
    if after != data:
        for failure in compare(data, after, counts):
            check(False, failure)


def _judge(name: str, notebook: Notebook, counts: Counts) -> set[int]:
    for cell in notebook.cells:
        for failure in judge_cell(cell):
            counts.failures.append(f"{name}: cell {cell.number}: {failure}")
        lines = zip(cell.text.split("\n"), cell.masked.split("\n"), strict=True)
        counts.seen["masked lines"] += sum(one != other for one, other in lines if not cell.problem)
    broken = notebook.broken()
    counts.seen["broken cells"] += len(broken)
    counts.broken += [f"{name}: cell {cell}:{line}: {reason}" for cell, line, reason in broken]
    return {cell for cell, _, _ in broken}


def _run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(kerasfix, [*options, str(path)])


def _is_supported(data: bytes) -> bool:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("nbformat") == 4


def compare(before: bytes, after: bytes, counts: Counts) -> Iterator[str]:
    """What is not as it was outside of the cells that were mended."""
    old, new = (json.loads(each.decode("utf-8-sig")) for each in (before, after))
    mended = 0
    for one, other in zip(old["cells"], new["cells"], strict=True):
        if one["source"] != other["source"]:
            mended += 1
            if one["cell_type"] != "code":
                yield "a cell changed that is no code"
            if type(one["source"]) is not type(other["source"]):
                yield "a list of lines became a string, or a string a list"
            one["source"] = other["source"]
    counts.seen["mended cells"] += mended
    if old != new:
        yield "more changed than the sources of cells"
    spans = [source_spans(each) for each in (before, after)]
    if [len(each) for each in spans] != [len(old["cells"])] * 2:
        yield "the scanner does not find all sources"
    elif without(before, spans[0]) != without(after, spans[1]):
        yield "bytes changed outside of sources"
    else:
        sources = [
            [data[start:end] for start, end in found]
            for data, found in zip((before, after), spans, strict=True)
        ]
        if sum(one != other for one, other in zip(*sources, strict=True)) != mended:
            yield "bytes changed in a source that says the same"
    if _is_valid(before) and not _is_valid(after):
        yield "nbformat calls it invalid now"


def _is_valid(data: bytes) -> bool:
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbformat.validate(json.loads(data.decode("utf-8-sig")))
    except nbformat.ValidationError:
        return False
    return True


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--package", "packages", multiple=True, help="Notebooks of this source archive, name==version.")
@click.option(
    "--folder", "folders", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--findings", is_flag=True, help="Print the findings and the broken cells, to be read.")
def main(packages: tuple[str, ...], folders: tuple[Path, ...], findings: bool) -> None:
    check_pinned(packages)
    CACHE.mkdir(exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    counts = Counts()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in all_notebooks(packages, folders):
            look_at(name, data, counts, Path(folder))
    if findings:
        for line in [*counts.findings, *counts.broken]:
            console.print(line, markup=False)
    for what, number in counts.seen.items():
        console.print(f"{number:7} {what}")
    codes = Counter(re.findall(r": (KF\d{3}) ", "\n".join(counts.findings)))
    console.print(f"{sum(codes.values()):7} findings: {dict(sorted(codes.items()))}", markup=False)
    console.print(
        f"{counts.slowest[0]:7.2f} seconds for the slowest check, {counts.slowest[1]}", markup=False
    )
    for failure in counts.failures:
        console.print(f"FAILED {failure}", markup=False)
    raise SystemExit(bool(counts.failures))


if __name__ == "__main__":
    main()
