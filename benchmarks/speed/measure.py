"""Whole processes, one after the other in turns, and what they took."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """One way to do a thing.

    Attributes:
        words: The command line.
        folder: Where it runs.
        before: Done before each run, unmeasured (an empty cache, for example).
        codes: The exit codes that mean that it did its work.
        environment: Variables besides those of this process.
    """

    words: Sequence[str | Path]
    folder: Path
    before: Callable[[], None] = lambda: None
    codes: tuple[int, ...] = (0, 1)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all processors, those of its own processes among them.
        peak_mb: Most memory of one process, in MiB.
    """

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What several runs of one command took."""

    runs: tuple[Cost, ...]

    @property
    def wall(self) -> float:
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak_mb(self) -> float:
        return max(run.peak_mb for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest and the longest wall time."""
        return min(run.wall for run in self.runs), max(run.wall for run in self.runs)


def side_by_side(commands: Mapping[str, Command], runs: int) -> dict[str, Costs]:
    """Run commands in turns, so that what else the machine does meets them all.

    Raises:
        RuntimeError: if one fails.
    """
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(runs):
        for name, command in commands.items():
            print(f"{name}, run {number + 1} of {runs}", file=sys.stderr)
            found[name].append(cost(command))
    return {name: Costs(tuple(each)) for name, each in found.items()}


def cost(command: Command) -> Cost:
    """What one run takes.

    Raises:
        RuntimeError: if it fails.
    """
    command.before()
    words = [str(word) for word in command.words]
    environment = {**os.environ, **command.environment}
    # What is installed was compiled once, not in every run.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        words,
        cwd=command.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.codes:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    # Kibibytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)
