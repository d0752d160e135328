"""What a model takes: memory and processes of its whole group, and room on the disk."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import time

# To look at all processes of the system, or at all files of a folder, takes a moment.
_SECONDS_BETWEEN = 0.25
_MOST_PROCESSES = 512
# To ask a process for its share of the memory takes milliseconds: the largest ones are asked.
_MOST_ASKED = 24
_BLOCK = 512


class Meter:
    """Measures the group of a process against its limits.

    Address space limits are of no use here: TensorFlow reserves far more than it touches. Off Linux only the
    memory of the process itself is seen, and on Windows not even that.

    Args:
        pid: The process, which leads a group of its own.
        memory_mb: MiB of resident memory for the group.
        folder: Where it writes; what it adds there may be twice as much as its memory.
    """

    def __init__(self, pid: int, memory_mb: int, folder: str) -> None:
        self._pid = pid
        self._memory_mb = memory_mb
        self._folder = folder
        self._asked = 0.0
        self._from_ps = 0.0
        self._before = _room(folder)

    def exceeded(self) -> str | None:
        """Which limit it is over: "memory", "processes" or "disk"; None for none."""
        is_time = time.monotonic() - self._asked > _SECONDS_BETWEEN
        if self._resident_mb(is_time) > self._memory_mb:
            return "memory"
        if not is_time:
            return None
        group = _group(self._pid)
        exceeded = None
        if len(group) > _MOST_PROCESSES:
            exceeded = "processes"
        elif len(group) > 1 and sum(map(_share_mb, _largest(group))) > self._memory_mb:
            exceeded = "memory"
        elif (_room(self._folder) - self._before) / 2**20 > 2 * self._memory_mb:
            exceeded = "disk"
        # From its end: what takes longer on a busy system is to take no larger part of the time.
        self._asked = time.monotonic()
        return exceeded

    def _resident_mb(self, is_time: bool) -> float:
        if sys.platform != "darwin":
            return _resident_mb(str(self._pid))
        if is_time:
            command = ["ps", "-o", "rss=", "-p", str(self._pid)]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            self._from_ps = int(answer.stdout.strip() or 0) / 1024
        return self._from_ps


def _group(pid: int) -> list[str]:
    """The processes of a group; none where the system does not tell."""
    with contextlib.suppress(OSError):
        return [name for name in os.listdir("/proc") if name.isdigit() and fields_of(name)[2:3] == [str(pid)]]
    return []


def _largest(group: list[str]) -> list[str]:
    if len(group) <= _MOST_ASKED:
        return group
    return sorted(group, key=_resident_mb, reverse=True)[:_MOST_ASKED]


def fields_of(pid: str) -> list[str]:
    """State, parent, group and so on of a process; nothing if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # Its name, in brackets, may hold anything.
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _resident_mb(pid: str) -> float:
    """The memory of a process; 0 where it cannot be read (Windows)."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError):
        return 0.0


def _share_mb(pid: str) -> float:
    """The memory of a process, with its share of what it has together with others."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _room(folder: str) -> int:
    """The bytes that the files of a folder take on the disk."""
    taken, waiting = 0, [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    state = entry.stat(follow_symlinks=False)
                    taken += getattr(state, "st_blocks", -(-state.st_size // _BLOCK)) * _BLOCK
    return taken


def give_back() -> None:
    """Hand the memory of what is not used any more back to the system, where it does so."""
    gc.collect()
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def used_mb() -> float | None:
    """The memory that this process has now, where the system says so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, AttributeError):
        return None


def peak_mb() -> float | None:
    """The most memory that this process has had, where the system says so."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
