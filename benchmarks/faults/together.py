"""Somebody else at work on the same files at the same time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.faults.killed import STEPPED
from benchmarks.faults.place import Ended, Outcome, Place, ended, fault, faults_of, mended, wait_for

# Waits until a file is there, so that two begin at once.
_BARRIER = """
import os, sys, time

from kerasfix import journal, run, undoing
from kerasfix.cli import main

gate = sys.argv.pop(1)
print(end="", file=open(f"{gate}.{os.getpid()}", "w"))
while not os.path.exists(gate):
    time.sleep(0.0005)
main(prog_name="kerasfix")
"""


def _stopped(place: Place, *arguments: str) -> subprocess.Popen[bytes]:
    """A run that has read all files and stands still before it writes the first one."""
    process = place.start(str(int(signal.SIGSTOP)), "1", place.state, *arguments, code=STEPPED)
    if not wait_for(lambda: _is_stopped(process), process):
        raise RuntimeError(f"it never wrote its journal: {ended(process)}")
    return process


def _is_stopped(process: subprocess.Popen[bytes]) -> bool:
    status = Path(f"/proc/{process.pid}/stat").read_text("ascii", "replace")
    return status.rpartition(")")[2].split()[0] in ("T", "t")


def _go_on(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)


@fault("a file is changed between read and write")
def changed(place: Place) -> Outcome:
    paths = place.make_many(3)
    process = _stopped(place, "--apply", ".")
    paths[1].write_bytes(b"theirs = 1\n")
    _go_on(process)
    over = ended(process)
    lost = place.lost(but=[paths[1]])
    if paths[1].read_bytes() != b"theirs = 1\n":
        lost = "the other one's change"
    if not (place.is_new(paths[0]) and place.is_new(paths[2])):
        lost = "the fixes of the other files"
    return place.outcome(over, 2, "m001.py: error: changed while", lost=lost)


@fault("a file is deleted between read and write")
def deleted(place: Place) -> Outcome:
    paths = place.make_many(3)
    process = _stopped(place, "--apply", ".")
    paths[1].unlink()
    _go_on(process)
    over = ended(process)
    lost = place.lost(but=[paths[1]])
    if paths[1].exists():
        lost = "it is there again"
    if not (place.is_new(paths[0]) and place.is_new(paths[2])):
        lost = "the fixes of the other files"
    return place.outcome(over, 2, "m001.py: error: cannot be written: No such file", lost=lost)


@fault("a folder is deleted between read and write")
def folder_deleted(place: Place) -> Outcome:
    inside, beside = place.make("pkg/a.py"), place.make("z.py")
    process = _stopped(place, "--apply", ".")
    shutil.rmtree(inside.parent)
    _go_on(process)
    over = ended(process)
    lost = place.lost(but=[inside])
    if inside.parent.exists() or not place.is_new(beside):
        lost = lost or "the fix of the other file"
    return place.outcome(over, 2, "pkg/a.py: error: cannot be written: No such file", lost=lost)


@fault("a folder takes the place of a file between read and write")
def became_folder(place: Place) -> Outcome:
    path, beside = place.make("a.py"), place.make("z.py")
    process = _stopped(place, "--apply", ".")
    path.unlink()
    path.mkdir()
    _go_on(process)
    over = ended(process)
    lost = place.lost(but=[path]) or ("" if place.is_new(beside) else "the fix of the other file")
    return place.outcome(over, 2, "a.py: error: cannot be", lost=lost)


@fault("a file was fixed by somebody else between read and write")
def fixed_already(place: Place) -> Outcome:
    path = place.make()
    process = _stopped(place, "--apply", ".")
    path.write_bytes(mended(place.before[path]))
    _go_on(process)
    return place.outcome(ended(process), 0, "Fixed")


@fault("two runs of --apply at once, 20 times", quick=False)
def two_applies(place: Place, times: int = 20, files: int = 60) -> Outcome:
    paths = place.make_many(files)
    lost, wrong = [], []
    for number in range(times):
        overs = _both(place, number, "--apply", ".")
        wrong += [said for over in overs if (said := faults_of(over, (0, 2)))]
        # Whoever comes second finds it done, or says what it could not do.
        wrong += [over.stderr.splitlines()[0] for over in overs if over.status]
        lost += [place.lost()] if place.lost() else []
        if not all(place.is_new(path) for path in paths):
            lost.append("not every file was fixed")
        while place.journal():
            if said := faults_of(place.run("--undo"), (0,)):
                wrong.append(f"--undo: {said}")
                break
        if not all(place.is_old(path) for path in paths):
            lost.append("--undo did not bring every file back")
    happened = f"{times} times all {files} files are new, and --undo brings all back"
    return Outcome(happened, "; ".join(dict.fromkeys(lost)), "; ".join(dict.fromkeys(wrong)))


@fault("two runs of --undo at once, 20 times", quick=False)
def two_undos(place: Place, times: int = 20, files: int = 60) -> Outcome:
    paths = place.make_many(files)
    lost, wrong = [], []
    for number in range(times):
        place.run("--apply", ".")
        overs = _both(place, number, "--undo")
        wrong += [said for over in overs if (said := faults_of(over, (0, 2)))]
        late = [over for over in overs if over.status]
        wrong += [over.stderr.strip() for over in late if "nothing to undo" not in over.stderr]
        if not all(place.is_old(path) for path in paths):
            lost.append("a file is not as it was")
        lost += [place.lost()] if place.lost() else []
    happened = f"{times} times all {files} files are as they were"
    return Outcome(happened, "; ".join(dict.fromkeys(lost)), "; ".join(dict.fromkeys(wrong)))


def _both(place: Place, number: int, *arguments: str) -> list[Ended]:
    """Two runs that begin at the same moment, or one a little behind the other."""
    gate = place.root / f"gate{number}"
    runs = [place.start(gate, *arguments, code=_BARRIER) for _ in range(2)]
    for each in runs:
        wait_for(Path(f"{gate}.{each.pid}").exists, each)
    if number % 2:
        # One of them looks away for a moment in the middle.
        gate.touch()
        time.sleep(0.02 * (number % 5))
        runs[0].send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        runs[0].send_signal(signal.SIGCONT)
    gate.touch()
    return [ended(each) for each in runs]
