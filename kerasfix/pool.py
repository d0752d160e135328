"""Big trees on several processors: a process looks at some small groups of files, or at a part of a big one.

A process that ends gives its memory back, which a garbage collector takes long to do.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from kerasfix.finder import Found
from kerasfix.source import size_of

if TYPE_CHECKING:
    from kerasfix.finder import Finder
    from kerasfix.groups import Group
    from kerasfix.source import Source

Work = tuple["Group", Mapping[str, "Source"]]

# In characters of source: what one process does of small groups before it gives its memory back.
_LITTLE = 500_000


def processors() -> int:
    """How many processes can be at work at a time; one where that is this one."""
    # Elsewhere a process begins by loading all that this one has, and on macOS a fork may fail. Where there
    # are threads, a fork may wait for one that it does not have.
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return len(os.sched_getaffinity(0))


def find(finder: Finder, work: Sequence[Work], processes: int) -> list[Found]:
    """The faults of groups, in their order."""
    if finder.neighbours is not None:
        # Found out once here, and not in each process.
        finder.neighbours.beyond(work[0][0].run)
    _load()
    tasks = _tasks(work, processes)
    results = _run(finder, tasks, processes)
    parts_of: list[list[Found | None]] = [[] for _ in work]
    for task in tasks:
        found = iter(results.get(task, ()))
        for number in task.work:
            parts_of[number].append(next(found, None))
    return [
        _joined(parts) or finder.in_group(group, sources)
        for parts, (group, sources) in zip(parts_of, work, strict=True)
    ]


def _load() -> None:
    """Load what every process would load for itself: rules, and what makes edits."""
    from kerasfix import codemods
    from kerasfix.rules import all_rules

    all_rules()
    for module in pkgutil.iter_modules(codemods.__path__, f"{codemods.__name__}."):
        importlib.import_module(module.name)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Some groups, each by its number in the work; or a part of one, its files from number `part` on, every
    `parts`-th.
    """

    work: Mapping[int, Work]
    part: int = 0
    parts: int = 1

    @property
    def size(self) -> float:
        return sum(size_of(sources) for _, sources in self.work.values()) / self.parts


def _tasks(work: Sequence[Work], processes: int) -> list[_Task]:
    """What processes do one after the other, the longest first, or the last one is waited for."""
    total = sum(size_of(sources) for _, sources in work)
    # To begin a process takes as long as a small group does.
    little = min(_LITTLE, total // (4 * processes))
    tasks: list[_Task] = []
    gathered: dict[int, Work] = {}
    gathered_size = 0
    for number, each in enumerate(work):
        size = size_of(each[1])
        # Parts find out much of what they need each for itself: a group stays whole unless it is most of all.
        parts = round(processes * size / total)
        if parts > 1:
            tasks += [_Task({number: each}, part, parts) for part in range(parts)]
            continue
        gathered[number] = each
        gathered_size += size
        if gathered_size >= little:
            tasks.append(_Task(gathered))
            gathered, gathered_size = {}, 0
    if gathered:
        tasks.append(_Task(gathered))
    return sorted(tasks, key=lambda task: -task.size)


def _run(finder: Finder, tasks: list[_Task], processes: int) -> dict[_Task, list[Found]]:
    """Do tasks, some at a time; one whose process dies is missing in what comes back."""
    context = multiprocessing.get_context("fork")
    waiting = tasks[::-1]
    running: dict[Connection, tuple[_Task, BaseProcess]] = {}
    results: dict[_Task, list[Found]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                task = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(finder, task, theirs), daemon=True)
                process.start()
                theirs.close()
                running[ours] = (task, process)
            for connection in wait([*running]):
                assert isinstance(connection, Connection)
                done, ended = running.pop(connection)
                # Whoever is killed, most likely for its memory, says nothing, or half of it.
                with contextlib.suppress(EOFError, OSError):
                    results[done] = connection.recv()
                connection.close()
                ended.join()
    finally:
        for _, left in running.values():
            left.kill()
    return results


def _work(finder: Finder, task: _Task, answer: Connection) -> None:
    # Control-C reaches every process; the first one ends the others, which need not say anything.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(MemoryError, BrokenPipeError):
        chosen = _chosen(task)
        answer.send([finder.in_group(group, sources, chosen) for group, sources in task.work.values()])


def _chosen(task: _Task) -> Callable[[int], bool]:
    return lambda number: number % task.parts == task.part


def _joined(parts: Sequence[Found | None]) -> Found | None:
    """What was found in all parts of a group; None if one is missing or has seen another group than the
    others, because a file of it stood in the way.
    """
    whole = Found()
    for part in parts:
        if part is None or part.troubles.keys() != (parts[0] or whole).troubles.keys():
            return None
        whole.findings.update(part.findings)
        whole.troubles, whole.drawn = part.troubles, part.drawn
        whole.library.update(part.library)
        whole.places.update(part.places)
        whole.asked_around |= part.asked_around
    return whole
