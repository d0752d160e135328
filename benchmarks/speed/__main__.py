"""How long kerasfix takes, beside ruff, TorchFix and Fixit on the same files.

    python -m benchmarks.speed                        all tables, as docs/benchmarks.md has them
    python -m benchmarks.speed --only start --runs 20 the start alone
    python -m benchmarks.speed --markdown             as Markdown

Whole processes, in turns, of tools that are installed in environments of their own. What counts are the
ratios: seconds of one machine say nothing of another.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.comparison.peers import Peer, install
from benchmarks.speed import growth, phases, trees
from benchmarks.speed.measure import Command, Cost, Costs, side_by_side

RUFF = Peer("ruff", "ruff==0.17.6", "", "", "", "", {})
TORCHFIX = Peer("torchfix", "torchfix==0.7.0", "", "", "", "", {})
FIXIT = Peer("fixit", "fixit==2.2.1", "", "", "", "", {})
NAMES = {"mixed": "An environment with TensorFlow", "dense": "KerasHub, Keras and TensorFlow Models"}
# What no program in Python can be quicker than if it looks at all files.
_PARSE = """
import ast, pathlib, warnings
warnings.simplefilter("ignore")
for path in pathlib.Path().rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        pass
"""
TABLES = ("start", "mixed", "dense", "peers", "phases", "files", "length")


@click.command()
@click.option("--runs", default=5, show_default=True, help="Runs of each command.")
@click.option("--only", type=click.Choice(TABLES), multiple=True, help="Only these tables.")
@click.option("--most-files", default=100_000, show_default=True, help="The biggest generated tree.")
@click.option("--markdown", is_flag=True, help="Print tables as Markdown.")
def main(runs: int, only: tuple[str, ...], most_files: int, markdown: bool) -> None:
    wanted = only or TABLES
    out = _Out(markdown)
    peers = ", ".join(peer.requirement for peer in (RUFF, TORCHFIX, FIXIT))
    print(f"Python {platform.python_version()}, {peers}")
    with tempfile.TemporaryDirectory() as cache:
        if "start" in wanted:
            out.ratios(
                "Start: a file of 100 lines", _start(Path(cache)), runs * 4, "python -c 'import click'"
            )
        for name, title in NAMES.items():
            if name in wanted:
                tree = getattr(trees, name)()
                commands = _tree(tree, Path(cache))
                out.ratios(f"{title}: {trees.described(tree)}", commands, runs, "ruff, no cache")
        if "peers" in wanted:
            title = f"The layers of Keras: {trees.described(trees.few())}"
            out.ratios(title, _peers(Path(cache)), 1, "kerasfix, no cache")
    if "phases" in wanted:
        for name in NAMES:
            out.phases(name, phases.measure(getattr(trees, name)()))
    if "files" in wanted:
        counts = [count for count in (100, 1_000, 10_000, 100_000) if count <= most_files]
        out.growth("Files", growth.of_files(counts))
    if "length" in wanted:
        out.growth("Lines of one file", growth.of_length([1_000, 2_000, 4_000, 8_000, 16_000, 32_000]))


def _kerasfix(*options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "kerasfix", *options)


def _start(folder: Path) -> Mapping[str, Command]:
    path = trees.single(folder)
    return {
        "python -c 'import click'": Command((sys.executable, "-c", "import click"), path.parent),
        "kerasfix --diff": Command(_kerasfix("--diff", path.name), path.parent),
        "kerasfix": Command(_kerasfix(path.name), path.parent),
        "kerasfix --version": Command(_kerasfix("--version"), path.parent),
        "kerasfix --help": Command(_kerasfix("--help"), path.parent),
    }


def _tree(tree: Path, cache: Path) -> Mapping[str, Command]:
    _install(RUFF)
    ruff = (RUFF.bin / "ruff", "check", "--quiet", "--select", "F821")
    own = {"XDG_CACHE_HOME": str(cache / tree.name)}
    return {
        "ruff, no cache": Command((*ruff, "--no-cache", "."), tree),
        "ruff, with cache": Command((*ruff, "--cache-dir", cache / f"ruff-{tree.name}", "."), tree),
        "kerasfix, no cache": Command(_kerasfix("--no-cache", "--output-format", "concise", "."), tree),
        "kerasfix, with cache": Command(_kerasfix("--output-format", "concise", "."), tree, environment=own),
        "ast.parse, every file": Command((sys.executable, "-c", _PARSE), tree),
    }


def _peers(folder: Path) -> Mapping[str, Command]:
    for peer in (RUFF, TORCHFIX, FIXIT):
        _install(peer)
    # Fixit passes by what git ignores, and the cache of the benchmarks is.
    tree = folder / "layers"
    shutil.copytree(trees.few(), tree)
    ruff = (RUFF.bin / "ruff", "check", "--quiet", "--select", "F821")
    return {
        "kerasfix, no cache": Command(_kerasfix("--no-cache", "--output-format", "concise", "."), tree),
        "ruff, no cache": Command((*ruff, "--no-cache", "."), tree),
        "TorchFix": Command((TORCHFIX.bin / "torchfix", "--select", "ALL", "."), tree),
        "Fixit": Command((FIXIT.bin / "fixit", "--quiet", "lint", "."), tree, codes=(0, 1, 2, 3)),
    }


def _install(peer: Peer) -> None:
    install(peer)


class _Out:
    """Prints tables for people, or as Markdown."""

    def __init__(self, markdown: bool) -> None:
        self._markdown = markdown
        self._console = Console(width=None if not markdown else 200)

    def ratios(self, title: str, commands: Mapping[str, Command], runs: int, base: str) -> None:
        costs = side_by_side(commands, runs)
        rows = [_row(name, each, costs[base]) for name, each in costs.items()]
        self._table(title, ("", "wall s", "from-to", "cpu s", "peak MiB", f"times {base}"), rows)

    def phases(self, name: str, seconds: Mapping[str, float]) -> None:
        rows = [(phase, f"{each:.2f}") for phase, each in seconds.items()]
        rows.append(("all", f"{sum(seconds.values()):.2f}"))
        self._table(f"Where the time goes: {name}, one process", ("phase", "s"), rows)

    def growth(self, title: str, costs: Iterator[tuple[int, Cost]]) -> None:
        rows = [
            (f"{count:,}", f"{each.wall:.2f}", f"{each.cpu / count * 1000:.2f}", f"{each.peak_mb:.0f}")
            for count, each in costs
        ]
        self._table(f"Growth: {title}", (title, "wall s", "cpu ms each", "peak MiB"), rows)

    def _table(self, title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        if self._markdown:
            print(f"\n**{title}**\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
            for row in rows:
                print(f"| {' | '.join(row)} |", flush=True)
            return
        table = Table(*heads, title=title)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)


def _row(name: str, costs: Costs, base: Costs) -> tuple[str, ...]:
    low, high = costs.spread
    return (
        name,
        f"{costs.wall:.2f}",
        f"{low:.2f}-{high:.2f}",
        f"{costs.cpu:.2f}",
        f"{costs.peak_mb:.0f}",
        f"{costs.wall / base.wall:.1f}",
    )


if __name__ == "__main__":
    main()
