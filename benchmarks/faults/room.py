"""No room: a full disk, files that may not grow, no memory, streams that take nothing."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.place import Impossible, Outcome, Place, fault

_FULL = Path("/dev/full")
_NO_ROOM = "No space left on device"


@contextmanager
def _full_disk(place: Place, folder: Path, room: int = 0) -> Iterator[None]:
    """A disk of its own for a folder, on which nothing but `room` bytes is free."""
    with tempfile.TemporaryDirectory() as kept:
        subprocess.run(["cp", "-a", f"{folder}/.", kept], check=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True
        )
        if mounted.returncode:
            raise Impossible("nothing can be mounted")
        try:
            subprocess.run(["cp", "-a", f"{kept}/.", folder], check=True)
            _fill(folder / "filler", room)
            yield
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def _fill(path: Path, room: int) -> None:
    with path.open("wb", 0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(file.tell() - room, 0))


def _no_file_above(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@fault("the disk is full (--apply)")
def full_disk(place: Place) -> Outcome:
    paths = place.make_many(4)
    with _full_disk(place, place.tree):
        over = place.run("--apply", ".")
        kept = all(place.is_old(path) for path in paths)
        return place.outcome(over, 2, f"cannot be written: {_NO_ROOM}", lost=place.lost() or _unless(kept))


@fault("the disk is full (--undo)")
def full_disk_undo(place: Place) -> Outcome:
    paths = place.make_many(4)
    place.run("--apply", ".")
    with _full_disk(place, place.tree):
        over = place.run("--undo")
        kept = all(place.is_new(path) for path in paths) and place.journal() != []
        return place.outcome(over, 2, _NO_ROOM, lost=place.lost() or _unless(kept))


@fault("the disk of the journal is full")
def full_journal(place: Place) -> Outcome:
    path = place.make()
    older = place.make("older.py")
    place.run("--apply", "older.py")
    with _full_disk(place, place.state):
        over = place.run("--apply", "a.py")
        lost = place.lost() or _unless(place.is_new(path))
        if len(list((place.state / "kerasfix" / "journal").iterdir())) != len(place.journal()):
            lost = "half of an entry lies about"
        undone = place.run("--undo")
        if undone.status or not place.is_old(older):
            lost = "the entry before it"
        return place.outcome(over, 0, "note: --undo will not take this back: .*No space left", lost=lost)


@fault("no file may be larger than 64 bytes (RLIMIT_FSIZE)")
def file_size(place: Place) -> Outcome:
    paths = place.make_many(4)
    over = place.run("--apply", ".", preexec_fn=lambda: _no_file_above(64))
    kept = all(place.is_old(path) for path in paths)
    return place.outcome(over, 2, "cannot be written: File too large", lost=place.lost() or _unless(kept))


@fault("the disk is full while a baseline is written anew")
def full_baseline(place: Place) -> Outcome:
    paths = place.make_many(40)
    place.run("--baseline", "known.json", ".")
    known = place.tree / "known.json"
    before = known.read_bytes()
    paths[0].write_bytes(b"")
    del place.before[paths[0]]
    with _full_disk(place, place.tree):
        over = place.run("--baseline", "known.json", "--update-baseline", ".")
        lost = "" if known.read_bytes() == before else "the baseline"
        return place.outcome(over, 2, _NO_ROOM, lost=place.lost() or lost)


@fault("the disk is full while --output-file is written")
def full_output(place: Place) -> Outcome:
    place.make_many(40)
    report = place.tree / "report.json"
    report.write_text("[]\n")
    with _full_disk(place, place.tree):
        over = place.run("--output-format", "json", "-o", "report.json", ".")
        lost = "" if report.read_text() == "[]\n" else "the report before it"
        return place.outcome(
            over, 2, f"report.json: error: cannot be written: {_NO_ROOM}", lost=place.lost() or lost
        )


@fault("the disk is full while comments are added (--add-noqa)")
def full_noqa(place: Place) -> Outcome:
    paths = place.make_many(4)
    with _full_disk(place, place.tree):
        over = place.run("--add-noqa", ".")
        kept = all(place.is_old(path) for path in paths)
        return place.outcome(over, 2, f"cannot be written: {_NO_ROOM}", lost=place.lost() or _unless(kept))


@fault("standard output is full (/dev/full)")
def full_stdout(place: Place) -> Outcome:
    place.make()
    with _FULL.open("wb") as full:
        return place.outcome(place.run(".", stdout=full), 2, f"cannot write: {_NO_ROOM}")


@fault("standard output is full (--apply)")
def full_stdout_apply(place: Place) -> Outcome:
    path = place.make()
    with _FULL.open("wb") as full:
        over = place.run("--apply", ".", stdout=full)
    return place.outcome(
        over, 2, f"cannot write: {_NO_ROOM}", lost=place.lost() or _unless(place.is_new(path))
    )


@fault("standard output is full (--undo)")
def full_stdout_undo(place: Place) -> Outcome:
    path = place.make()
    place.run("--apply", ".")
    with _FULL.open("wb") as full:
        over = place.run("--undo", stdout=full)
    return place.outcome(
        over, 2, f"cannot write: {_NO_ROOM}", lost=place.lost() or _unless(place.is_old(path))
    )


@fault("standard output is full (--list-rules, --show-settings, --explain)")
def full_stdout_told(place: Place) -> Outcome:
    said = []
    for option in (("--list-rules",), ("--show-settings",), ("--explain", "KF103")):
        with _FULL.open("wb") as full:
            outcome = place.outcome(place.run(*option, stdout=full), 2, f"cannot write: {_NO_ROOM}")
        said += [f"{option[0]}: {outcome.wrong}"] if outcome.wrong else []
    return Outcome(outcome.happened, "", "; ".join(said))


@fault("standard error is full")
def full_stderr(place: Place) -> Outcome:
    path = place.make()
    place.make("broken.py", b"import keras\ndef (\n")
    with _FULL.open("wb") as full:
        over = place.run("--apply", ".", stderr=full)
    return place.outcome(over, 2, lost=place.lost() or _unless(place.is_new(path)))


@fault("hardly any memory (RLIMIT_AS)", quick=False)
def memory(place: Place) -> Outcome:
    place.make("a.py", FAULTY_AND_BIG)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))

    return place.outcome(place.run("--apply", ".", preexec_fn=limit), 2, "memory")


@fault("hardly any file may be open (RLIMIT_NOFILE)")
def open_files(place: Place) -> Outcome:
    paths = place.make_many(40)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    over = place.run("--apply", ".", preexec_fn=limit)
    return place.outcome(over, 0, lost=place.lost() or _unless(all(place.is_new(path) for path in paths)))


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"


FAULTY_AND_BIG = b"import keras\nx = [\n" + b"    {'a': (1, 2, 3), 'b': [x, y, z]},\n" * 200_000 + b"]\n"
