"""The server: one line of JSON in per job, lines of JSON out (ready, started, done).

The protocol lives on private copies of the standard streams; what user code prints goes to a pipe.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, TextIO

from . import keras_import
from .isolation import ForkedChild, SpawnedChild, adopt, can_fork, end_orphans, watch
from .meter import Meter
from .printed import Printed


def main(log_path: str) -> None:
    jobs, answers = _take_streams(log_path)
    forking = can_fork()
    if forking:
        # Imported once for all models. No operation may run here: threads and CUDA do not survive a fork.
        error = keras_import.error_of_import()
        if error:
            _answer(answers, {"event": "failed", "error": error})
            return
    spared = adopt()
    _answer(answers, {"event": "ready", "forking": forking})
    for line in jobs:
        _run(json.loads(line), forking, jobs, answers, spared)


def _run(job: dict[str, Any], forking: bool, jobs: TextIO, answers: TextIO, spared: set[int]) -> None:
    printed = Printed()
    if forking:
        child: ForkedChild | SpawnedChild = ForkedChild(job, printed, unwanted=[jobs, answers])
    else:
        child = SpawnedChild(job, printed)
    printed.listen()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, lambda *_: _stop(child))
    _answer(answers, {"event": "started", "pid": child.pid})
    ending = watch(child, job["timeout"], Meter(child.pid, job["memory_mb"], os.path.dirname(job["result"])))
    # A model may leave its group; nothing of it may go on beside the next one.
    end_orphans(spared)
    printed.save(job["log"])
    _answer(answers, {"event": "done", "ending": ending})


def _stop(child: ForkedChild | SpawnedChild) -> None:
    child.kill()
    os._exit(1)


def _take_streams(log_path: str) -> tuple[TextIO, TextIO]:
    jobs = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(empty, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Nobody who is forked off may hold them.
    os.close(empty)
    os.close(log)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    return jobs, answers


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
