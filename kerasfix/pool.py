"""Big trees on several processors: groups of files, and parts of big groups, each in a process of its own.

A process that looks at one group and ends gives its memory back, which a garbage collector takes long to do.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
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
    total = sum(size_of(sources) for _, sources in work)
    tasks: list[_Task] = []
    for number, (group, sources) in enumerate(work):
        # A little more than its share may stay whole: parts find out some things twice.
        parts = max(1, math.ceil(processes * size_of(sources) / total - 0.2))
        tasks += [_Task(number, group, sources, part, parts) for part in range(parts)]
    # The longest first, or the last one is waited for.
    tasks.sort(key=lambda task: -size_of(task.sources) / task.parts)
    results = _run(finder, tasks, processes)
    parts_of: list[list[Found | None]] = [[] for _ in work]
    for task in tasks:
        parts_of[task.number].append(results.get(task))
    return [
        _joined(found) or finder.in_group(group, sources)
        for found, (group, sources) in zip(parts_of, work, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A part of a group: its files from number `part` on, every `parts`-th."""

    number: int
    group: Group
    sources: Mapping[str, Source]
    part: int
    parts: int


def _run(finder: Finder, tasks: list[_Task], processes: int) -> dict[_Task, Found]:
    """Do tasks, some at a time; one whose process dies is missing in what comes back."""
    context = multiprocessing.get_context("fork")
    waiting = tasks[::-1]
    running: dict[Connection, tuple[_Task, BaseProcess]] = {}
    results: dict[_Task, Found] = {}
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
        answer.send(finder.in_group(task.group, task.sources, _chosen(task)))


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
