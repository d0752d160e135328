"""Where the time of one check goes, told by a clock at the doors of the rooms."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PHASES = ("start", "walk", "read", "gate", "decode", "groups", "parse", "index", "rules", "edits", "output")


def measure(tree: Path) -> dict[str, float]:
    """Seconds of each phase of `kerasfix --diff`, in one process and without a cache.

    A phase that is entered from another one is taken off that one.
    """
    code = f"from benchmarks.speed.phases import _main; _main({str(tree)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return found


class _Clock:
    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._open: list[str] = ["start"]
        self._since = time.perf_counter()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def enter(self, phase: str) -> None:
        self._turn()
        self._open.append(phase)

    def leave(self) -> None:
        self._turn()
        self._open.pop()

    def of(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self.enter(phase)
            try:
                return function(*arguments, **named)
            finally:
                self.leave()

        return timed


def _main(tree: str) -> None:
    clock = _Clock()
    import ast

    from kerasfix import engine, finder, groups, plan, run, source, workspace
    from kerasfix.analysis import index, project
    from kerasfix.cli import main

    walk, classes = workspace.discover, index._classes_below
    run.discover = lambda *given: iter(clock.of("walk", lambda: [*walk(*given)])())  # type: ignore[assignment]
    engine.read = clock.of("read", workspace.read)
    engine._says_something = clock.of("gate", engine._says_something)
    engine.decode = clock.of("decode", source.decode)
    groups.groups_of = clock.of("groups", groups.groups_of)
    ast.parse = clock.of("parse", ast.parse)
    finder._checked = clock.of("rules", finder._checked)
    index.module_scope = clock.of("index", index.module_scope)
    index._classes_below = clock.of("index", lambda *given: [*classes(*given)])  # type: ignore[assignment]
    project.Project.classes.func = clock.of("index", project.Project.classes.func)  # type: ignore[attr-defined]
    engine.make_plans = clock.of("edits", plan.make_plans)
    engine._MUCH = sys.maxsize
    run._Run.files = clock.of("output", run._Run.files)  # type: ignore[method-assign]
    sys.argv = ["kerasfix", "--no-cache", "--diff", tree]
    sys.stdout = open("/dev/null", "w")  # noqa: SIM115
    with contextlib.suppress(SystemExit):
        main()
    clock._turn()
    print(json.dumps(clock.seconds), file=sys.stderr)
