"""Runs that are ended in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.faults.place import Outcome, Place, drained, ended, fault, faults_of, wait_for

# Runs kerasfix, and sends itself a signal at the so-manieth thing that it does in a folder.
STEPPED = """
import os, signal, sys

number, step, folder = int(sys.argv[1]), int(sys.argv[2]), os.fsencode(sys.argv[3])
sys.argv[1:4] = []
names = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.chown")
count = 0


def hook(event, arguments):
    global count
    if event in names and isinstance(arguments[0], (str, bytes, os.PathLike)):
        if os.fsencode(arguments[0]).startswith(folder):
            count += 1
            if count == step:
                os.kill(os.getpid(), number)


sys.addaudithook(hook)
from kerasfix.cli import main

main(prog_name="kerasfix")
"""
_FILES, _KILLS = 500, 40
# So old a temporary file belongs to no run that is still at work.
_LONG_AGO = 3600


@fault("SIGKILL at 40 random moments of --apply to 500 files", quick=False)
def at_random(place: Place, files: int = _FILES, kills: int = _KILLS, seed: int = 0) -> Outcome:
    """The moments are drawn from those between the first file that is written and the last one."""
    paths = place.make_many(files)
    chance = random.Random(seed)
    lost: list[str] = []
    written: list[int] = []
    seconds = _seconds_of_writing(place, paths)
    for _ in range(kills):
        process = place.start("--apply", ".")
        wait_for(place.journal, process)
        time.sleep(chance.random() * seconds)
        process.kill()
        ended(process)
        written.append(sum(place.is_new(path) for path in paths))
        said = _after(place, paths)
        lost += [said] if said else []
    happened = f"{min(written)} to {max(written)} of {files} files were written; --undo brought them back"
    return Outcome(happened, "; ".join(dict.fromkeys(lost)))


@fault("SIGKILL at each step of --apply in turn", quick=False)
def at_each_step(place: Place, steps: int = 10_000) -> Outcome:
    paths = place.make_many(3)
    lost = []
    for step in range(1, steps + 1):
        process = place.start(str(int(signal.SIGKILL)), str(step), place.root, "--apply", ".", code=STEPPED)
        over = ended(process)
        if over.status != -signal.SIGKILL:
            wrong = faults_of(over, (0,))
            break
        said = _after(place, paths)
        lost += [f"step {step}: {said}"] if said else []
    return Outcome(f"{step - 1} steps; --undo brought back what was written", "; ".join(lost[:3]), wrong)


@fault("SIGKILL at each step of --undo in turn", quick=False)
def undo_at_each_step(place: Place) -> Outcome:
    paths = place.make_many(3)
    lost, wrong, step = [], "", 0
    while not wrong:
        step += 1
        place.run("--apply", ".")
        over = ended(place.start(str(int(signal.SIGKILL)), str(step), place.root, "--undo", code=STEPPED))
        if over.status != -signal.SIGKILL:
            wrong = faults_of(over, (0,))
            break
        _age(place)
        again = place.run("--undo")
        # Killed behind its last file, it had forgotten the entry already.
        wrong = faults_of(again, (0,) if place.journal() else (0, 2))
        if not all(place.is_old(path) for path in paths):
            lost.append(f"step {step}: a second --undo did not bring all files back")
    return Outcome(f"{step - 1} steps; a second --undo did the rest", "; ".join(lost[:3]), wrong)


@fault("SIGINT (Ctrl-C) in the middle of --apply")
def interrupted(place: Place) -> Outcome:
    return _signalled(place, signal.SIGINT, (130,), "Interrupted")


@fault("SIGTERM in the middle of --apply")
def terminated(place: Place) -> Outcome:
    return _signalled(place, signal.SIGTERM, (143, -signal.SIGTERM), "")


@fault("SIGHUP, the terminal is closed, in the middle of --apply")
def hung_up(place: Place) -> Outcome:
    return _signalled(place, signal.SIGHUP, (129, -signal.SIGHUP), "")


def _signalled(place: Place, number: signal.Signals, statuses: tuple[int, ...], says: str) -> Outcome:
    paths = place.make_many(100)
    # Whoever is started in the background, or by nohup, hands on that such signals are to be ignored.
    process = place.start("--apply", ".", preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    wait_for(lambda: place.is_new(paths[3]), process)
    process.send_signal(number)
    over = ended(process)
    count = sum(place.is_new(path) for path in paths)
    wrong = faults_of(over, (*statuses, 0) if count == len(paths) else statuses, says)
    if over.status == -number:
        wrong = ""
    lost = _after(place, paths)
    happened = f"{place.told(over)}; {count} of {len(paths)} files were written; --undo brought them back"
    return Outcome(happened, lost, wrong)


def _after(place: Place, paths: list[Path]) -> str:
    """What a run that was ended lost, and what `--undo` does not bring back; then all is as it was."""
    told = [place.lost()] if not place.left_over() else []
    if place.left_over():
        _age(place)
        torn = [path.name for path in paths if not (place.is_old(path) or place.is_new(path))]
        told += [f"neither old nor new: {', '.join(torn)}"] if torn else []
    if place.journal():
        undone = place.run("--undo")
        if wrong := faults_of(undone, (0,)):
            told.append(f"--undo: {wrong}")
        if left := place.left_over():
            told.append(f"--undo left behind: {left[0].name}")
    changed = [path for path in paths if not place.is_old(path)]
    for path in changed:
        path.write_bytes(place.before[path])
    if changed:
        told.append(f"--undo did not bring back {len(changed)} files")
    for path in place.left_over():
        # Of a run that wrote nothing: the next one that writes takes it away.
        path.unlink()
    return "; ".join(each for each in told if each)


def _age(place: Place) -> None:
    """Let an hour go by for what was left behind."""
    for path in place.left_over():
        then = time.time() - _LONG_AGO
        os.utime(path, (then, then))


def _seconds_of_writing(place: Place, paths: list[Path]) -> float:
    """How long a run that nobody ends takes from its entry in the journal to its end."""
    process = place.start("--apply", ".", stdout=subprocess.DEVNULL)
    wait_for(place.journal, process)
    begin = time.monotonic()
    process.wait()
    seconds = time.monotonic() - begin
    drained(process.stderr)
    place.run("--undo")
    assert all(place.is_old(path) for path in paths)
    return seconds


@fault("a temporary file of a run that was killed lies in the tree")
def left_over(place: Place) -> Outcome:
    path = place.make()
    left, fresh = place.tree / ".kerasfix-01234567.tmp", place.tree / ".kerasfix-89abcdef.tmp"
    left.write_bytes(b"half of a fi")
    _age(place)
    fresh.write_bytes(b"of a run that is still at work")
    over = place.run("--apply", ".")
    lost = "" if place.is_new(path) else "the fix was not made"
    if left.exists():
        lost = "the old one stays for ever"
    if not fresh.exists():
        lost = "one that another run is writing was removed"
    return place.outcome(over, 0, "Fixed", lost=lost)
