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

    from kerasfix import engine, finder, groups, run
    from kerasfix.analysis import index
    from kerasfix.cli import main

    def time_it(owner: Any, name: str, phase: str, whole: bool = False) -> None:
        plain = getattr(owner, name)
        # What gives its results one by one is timed as a whole.
        setattr(owner, name, clock.of(phase, (lambda *given: [*plain(*given)]) if whole else plain))

    time_it(run, "discover", "walk", whole=True)
    time_it(engine, "read", "read")
    time_it(engine, "_says_something", "gate")
    time_it(engine, "decode", "decode")
    time_it(groups, "groups_of", "groups")
    time_it(ast, "parse", "parse")
    time_it(finder, "_checked", "rules")
    time_it(index, "module_scope", "index")
    time_it(index, "_classes_below", "index", whole=True)
    time_it(engine, "make_plans", "edits")
    time_it(run._Run, "files", "output")
    engine._MUCH = sys.maxsize
    sys.argv = ["kerasfix", "--no-cache", "--diff", tree]
    sys.stdout = open("/dev/null", "w")  # noqa: SIM115
    with contextlib.suppress(SystemExit):
        main()
    clock._turn()
    print(json.dumps(clock.seconds), file=sys.stderr)
