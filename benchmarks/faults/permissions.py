"""What may not be read or written."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.place import Impossible, Outcome, Place, fault


@contextmanager
def _immutable(path: Path) -> Iterator[None]:
    try:
        done = subprocess.run(["chattr", "+i", path], capture_output=True)
    except FileNotFoundError:
        raise Impossible("there is no chattr") from None
    if done.returncode:
        raise Impossible("this file system, or this user, has no chattr +i")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@fault("a file that is read-only")
def read_only_file(place: Place) -> Outcome:
    path, beside = place.make("a.py"), place.make("z.py")
    path.chmod(0o444)
    place.bind()
    over = place.run("--apply", ".")
    lost = place.lost()
    if not place.is_old(path):
        lost = "it was written all the same"
    return place.outcome(
        over, 2, "a.py: error: cannot be written", lost=lost or _unless(place.is_new(beside))
    )


@fault("a file that is immutable (chattr +i)")
def immutable_file(place: Place) -> Outcome:
    path, beside = place.make("a.py"), place.make("z.py")
    with _immutable(path):
        over = place.run("--apply", ".")
        lost = place.lost() or _unless(place.is_old(path) and place.is_new(beside))
        return place.outcome(over, 2, "a.py: error: cannot be written", lost=lost)


@fault("a folder that is read-only")
def read_only_folder(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    place.bind()
    path.parent.chmod(0o555)
    over = place.run("--apply", ".")
    lost = place.lost() or _unless(place.is_old(path) and place.is_new(beside))
    return place.outcome(over, 2, "pkg/a.py: error: cannot be written: Permission denied", lost=lost)


@fault("a folder that is immutable (chattr +i)")
def immutable_folder(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    with _immutable(path.parent):
        over = place.run("--apply", ".")
        lost = place.lost() or _unless(place.is_old(path) and place.is_new(beside))
        return place.outcome(
            over, 2, "pkg/a.py: error: cannot be written: Operation not permitted", lost=lost
        )


@fault("a file that may not be read")
def unreadable_file(place: Place) -> Outcome:
    path, beside = place.make("a.py"), place.make("z.py")
    path.chmod(0)
    place.bind()
    over = place.run("--apply", ".")
    lost = place.lost() or _unless(place.is_old(path) and place.is_new(beside))
    return place.outcome(over, 2, "a.py: error: cannot be read: Permission denied", lost=lost)


@fault("a folder that may not be read")
def unreadable_folder(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    place.bind()
    path.parent.chmod(0)
    over = place.run("--apply", ".")
    path.parent.chmod(0o755)
    lost = place.lost() or _unless(place.is_old(path) and place.is_new(beside))
    return place.outcome(over, 2, "pkg: error: cannot be read: Permission denied", lost=lost)


@fault("a folder that may not be read is given")
def unreadable_given(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    place.bind()
    path.parent.chmod(0)
    over = place.run("--apply", "pkg", "z.py")
    path.parent.chmod(0o755)
    lost = place.lost() or _unless(place.is_new(beside))
    return place.outcome(over, 2, "pkg: error: cannot be read: Permission denied", lost=lost)


@fault("a file in a folder that may not be entered is given")
def unreachable(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    place.bind()
    path.parent.chmod(0o600)
    over = place.run("--apply", "pkg/a.py", "z.py")
    path.parent.chmod(0o755)
    lost = place.lost() or _unless(place.is_new(beside))
    return place.outcome(over, 2, "pkg/a.py: ", lost=lost)


@fault("a link into a folder that may not be entered")
def link_into_locked(place: Place) -> Outcome:
    path, beside = place.make("pkg/a.py"), place.make("z.py")
    (place.tree / "link.py").symlink_to("pkg/a.py")
    place.bind()
    path.parent.chmod(0o600)
    over = place.run("--apply", ".")
    path.parent.chmod(0o755)
    lost = place.lost() or _unless(place.is_new(beside))
    return place.outcome(over, 2, "cannot be", lost=lost)


@fault("a folder above that may not be read")
def locked_above(place: Place) -> Outcome:
    path = place.make("locked/pkg/a.py")
    place.bind()
    path.parent.parent.chmod(0o311)
    over = place.run("--apply", ".", cwd=path.parent)
    path.parent.parent.chmod(0o755)
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"
