"""What a run takes for granted: a home, a current folder, a folder for temporary files, three streams."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.faults.place import (
    FAULTY,
    Impossible,
    Outcome,
    Place,
    ended,
    environment_without,
    fault,
    mended,
)

# Whom no system knows.
_NOBODY = 12345
_NOTE = "note: --undo will not take this back"


@fault("no HOME, and a user whom the system does not know")
def no_home(place: Place) -> Outcome:
    path = place.make()
    if os.geteuid() != 0:
        raise Impossible("only root may become another user")
    for each in (place.root, place.tree, path):
        os.chown(each, _NOBODY, _NOBODY)
    place.bind(
        "setpriv",
        f"--reuid={_NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    )
    over = place.run("--apply", ".", env=environment_without(place, "HOME", "XDG_STATE_HOME"))
    litter = [each.name for each in place.tree.iterdir() if each != path]
    lost = place.lost() or (f"left behind: {litter[0]}" if litter else "")
    return place.outcome(over, 0, _NOTE, lost=lost or _unless(place.is_new(path)))


@fault("HOME is a folder that does not exist and cannot be made")
def home_nowhere(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", ".", env=environment_without(place, "XDG_STATE_HOME", HOME="/proc/nowhere"))
    return place.outcome(over, 0, _NOTE, lost=place.lost() or _unless(place.is_new(path)))


@fault("HOME may not be written")
def home_read_only(place: Place) -> Outcome:
    path = place.make()
    home = place.root / "home"
    home.mkdir()
    place.bind()
    home.chmod(0o555)
    over = place.run("--apply", ".", env=environment_without(place, "XDG_STATE_HOME", HOME=str(home)))
    return place.outcome(over, 0, _NOTE, lost=place.lost() or _unless(place.is_new(path)))


@fault("XDG_STATE_HOME is a file")
def state_is_file(place: Place) -> Outcome:
    path = place.make()
    (place.root / "file").write_text("")
    over = place.run("--apply", ".", env={**place.environment, "XDG_STATE_HOME": str(place.root / "file")})
    undone = place.run("--undo", env={**place.environment, "XDG_STATE_HOME": str(place.root / "file")})
    outcome = place.outcome(over, 0, _NOTE, lost=place.lost() or _unless(place.is_new(path)))
    said = place.outcome(undone, 2, "nothing to undo").wrong
    return Outcome(outcome.happened, outcome.lost, outcome.wrong or (said and f"--undo: {said}"))


@fault("XDG_STATE_HOME counts from the current folder")
def state_is_relative(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", ".", env={**place.environment, "XDG_STATE_HOME": "here"})
    lost = place.lost() or ("a folder lies in the tree" if (place.tree / "here").exists() else "")
    return place.outcome(over, 0, "Fixed", lost=lost or _unless(place.is_new(path)))


@fault("no folder for temporary files at all")
def no_temporary(place: Place) -> Outcome:
    """Behind unshare, empty read-only file systems lie over /tmp, /var/tmp and /usr/tmp."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Impossible("nothing can be mounted")
    # Not below /tmp, which is to be hidden.
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir():
        raise Impossible("there is no folder that is not below /tmp")
    tree = elsewhere / place.root.name
    tree.mkdir()
    try:
        path = tree / "a.py"
        path.write_bytes(FAULTY)
        script = (
            'for d in /tmp /var/tmp /usr/tmp; do [ -d "$d" ] && mount -t tmpfs -o ro,size=4k none "$d"; done;'
            ' exec "$0" -m kerasfix --apply .'
        )
        environment = {**place.environment, "TMPDIR": "/nowhere", "XDG_STATE_HOME": str(tree / "state")}
        over = ended(
            subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script, sys.executable],
                cwd=tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        if "unshare" in over.stderr or "mount:" in over.stderr:
            raise Impossible("nothing can be mounted")
        return place.outcome(over, 0, "Fixed", lost=_unless(path.read_bytes() == mended(FAULTY)))
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _leave(folder: Path) -> None:
    os.chdir(folder)
    folder.rmdir()


def _from_nowhere(place: Place, *arguments: str) -> subprocess.Popen[bytes]:
    """A run in a folder that is no more."""
    gone = place.root / "gone"
    gone.mkdir(exist_ok=True)
    return place.start(*arguments, preexec_fn=lambda: _leave(gone))


@fault("the current folder was deleted")
def no_folder(place: Place) -> Outcome:
    return place.outcome(ended(_from_nowhere(place, "--apply", ".")), 2, "the current folder")


@fault("the current folder was deleted, an absolute path is given")
def no_folder_absolute(place: Place) -> Outcome:
    path = place.make()
    over = ended(_from_nowhere(place, "--apply", str(path)))
    return place.outcome(over, (0, 2), "Fixed|the current folder", lost=place.lost())


@fault("the current folder was deleted (--undo, --show-settings, --explain-log, -)")
def no_folder_others(place: Place) -> Outcome:
    (place.tree / "log").write_text("WARNING: Gradients do not exist for variables ['a/kernel:0']\n")
    log = str(place.tree / "log")
    said = []
    for arguments in (("--undo",), ("--show-settings",), ("--explain-log", log), ("-",)):
        over = ended(_from_nowhere(place, *arguments))
        outcome = place.outcome(over, (0, 2), "" if over.status == 0 else "the current folder")
        said += [f"{arguments[0]}: {outcome.wrong}"] if outcome.wrong else []
    return Outcome(outcome.happened, "", "; ".join(said))


def _shell(place: Place, command: str) -> subprocess.Popen[bytes]:
    """A run as a shell starts it; `$K` is kerasfix."""
    environment = {**place.environment, "K": f"{sys.executable} -m kerasfix"}
    return subprocess.Popen(
        ["bash", "-c", command],
        cwd=place.tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@fault("standard output is closed (>&-)")
def no_stdout(place: Place) -> Outcome:
    place.make()
    return place.outcome(ended(_shell(place, "$K . >&-")), 1)


@fault(
    "standard output is closed (ten other options)",
    quick=False,
)
def no_stdout_others(place: Place) -> Outcome:
    path = place.make()
    said = []
    options = {
        "--diff": 1,
        "--output-format json": 1,
        "--statistics": 1,
        "--apply": 0,
        "--undo": 0,
        "--list-rules": 0,
        "--show-settings": 0,
        "--explain KF103": 0,
        "--help": 0,
        "--version": 0,
        "--completion bash": 0,
    }
    for option, status in options.items():
        over = ended(_shell(place, f"$K {option} >&-"))
        outcome = place.outcome(over, status)
        said += [f"{option}: {outcome.wrong}"] if outcome.wrong else []
    return Outcome(outcome.happened, place.lost() or _unless(place.is_old(path)), "; ".join(said))


@fault("standard error is closed (2>&-)")
def no_stderr(place: Place) -> Outcome:
    path = place.make()
    place.make("broken.py", b"import keras\ndef (\n")
    over = ended(_shell(place, "$K --apply . 2>&-"))
    return place.outcome(over, 2, lost=place.lost() or _unless(place.is_new(path)))


@fault("all three streams are closed")
def no_streams(place: Place) -> Outcome:
    path = place.make()
    over = ended(_shell(place, "$K --apply . <&- >&- 2>&-"))
    return place.outcome(over, 0, lost=place.lost() or _unless(place.is_new(path)))


@fault("standard input is closed (-)")
def no_stdin(place: Place) -> Outcome:
    return place.outcome(ended(_shell(place, "$K --diff - <&-")), 2, "standard input")


@fault("standard input is closed (--interactive)")
def no_answers(place: Place) -> Outcome:
    place.make()
    return place.outcome(ended(_shell(place, "$K --interactive . <&-")), (1, 2))


@fault("standard output is a pipe that somebody closed (| head -1)", quick=False)
def closed_pipe(place: Place) -> Outcome:
    paths = place.make_many(100)
    over = ended(_shell(place, "set -o pipefail; $K . | head -1"))
    again = ended(_shell(place, "$K --apply . | true; $K --undo | true"))
    lost = place.lost() or _unless(all(place.is_old(path) for path in paths))
    outcome = place.outcome(over, 1, lost=lost)
    return Outcome(outcome.happened, outcome.lost, outcome.wrong or place.outcome(again, 0).wrong)


@fault("both outputs are a pipe that somebody closed (2>&1 | true)")
def closed_pipes(place: Place) -> Outcome:
    paths = place.make_many(50)
    place.make("broken.py", b"import keras\ndef (\n")
    over = ended(_shell(place, "{ $K --apply .; echo $? >&3; } 3>status 2>&1 | true"))
    status = (place.tree / "status").read_text().strip()
    lost = place.lost() or _unless(all(place.is_new(path) for path in paths))
    outcome = place.outcome(over, 0, lost=lost)
    wrong = "" if status in ("1", "2") else f"exit {status}"
    return Outcome(f"exit {status}", outcome.lost, outcome.wrong or wrong)


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"
