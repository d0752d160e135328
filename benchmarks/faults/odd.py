"""Files that are no plain files, and trees of an odd shape."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from benchmarks.faults.place import FAULTY, Outcome, Place, fault


@fault("links that lead round in circles")
def circles(place: Place) -> Outcome:
    path = place.make()
    (place.tree / "one.py").symlink_to("two.py")
    (place.tree / "two.py").symlink_to("one.py")
    (place.tree / "round").symlink_to(".")
    (place.tree / "pkg").mkdir()
    (place.tree / "pkg" / "up").symlink_to("..")
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault("a link that leads round in circles is given")
def circle_given(place: Place) -> Outcome:
    path = place.make()
    (place.tree / "one.py").symlink_to("one.py")
    over = place.run("--apply", "one.py", "a.py")
    lost = place.lost() or _unless(place.is_new(path))
    return place.outcome(
        over, 2, "one.py: error: cannot be read: Too many levels of symbolic links", lost=lost
    )


@fault("a link to a file")
def link(place: Place) -> Outcome:
    path = place.make("real/a.py")
    (place.tree / "pkg").mkdir()
    linked = place.tree / "pkg" / "b.py"
    linked.symlink_to("../real/a.py")
    over = place.run("--apply", "pkg")
    lost = place.lost() or _unless(place.is_new(path))
    return place.outcome(over, 0, "Fixed", lost=lost or ("" if linked.is_symlink() else "the link"))


@fault("a link to a file that is gone")
def broken_link(place: Place) -> Outcome:
    path = place.make()
    (place.tree / "b.py").symlink_to("gone.py")
    over = place.run("--apply", ".", "b.py")
    lost = place.lost() or _unless(place.is_new(path))
    return place.outcome(over, 2, "b.py: error: cannot be read: No such file", lost=lost)


@fault("hard links: one file under two names")
def hard_link(place: Place) -> Outcome:
    """The name that is given gets the fix; the other one keeps what it has, as with `git checkout`."""
    path, other = place.make("a.py"), place.tree / "other.txt"
    os.link(path, other)
    over = place.run("--apply", ".")
    lost = place.lost() or _unless(place.is_new(path))
    if other.read_bytes() not in (path.read_bytes(), FAULTY):
        lost = "the other name is torn"
    outcome = place.outcome(over, 0, "Fixed", lost=lost)
    kept = "a file of its own now, as it was" if other.read_bytes() == FAULTY else "the same file"
    return Outcome(f"{outcome.happened}; the other name is {kept}", outcome.lost, outcome.wrong)


@fault("hard links: one file under two names in the tree")
def hard_links(place: Place) -> Outcome:
    path = place.make("a.py")
    other = place.tree / "b.py"
    os.link(path, other)
    place.before[other] = FAULTY
    over = place.run("--apply", ".")
    lost = place.lost() or _unless(place.is_new(path) and place.is_new(other))
    return place.outcome(over, 0, "Fixed", lost=lost)


@fault("FIFOs in the tree, as a.py, .gitignore, pyproject.toml and kerasfix.toml")
def fifos(place: Place) -> Outcome:
    path = place.make("z.py")
    for name in ("a.py", ".gitignore", "pyproject.toml", "kerasfix.toml"):
        os.mkfifo(place.tree / name)
    over = place.run("--apply", ".", patience=10)
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault("a FIFO is given")
def fifo_given(place: Place) -> Outcome:
    os.mkfifo(place.tree / "a.py")
    return place.outcome(place.run("--apply", "a.py", patience=10), 2, "a.py: error: not a regular file")


@fault("a FIFO as the baseline")
def fifo_baseline(place: Place) -> Outcome:
    place.make()
    os.mkfifo(place.tree / "known.json")
    over = place.run("--baseline", "known.json", ".", patience=10)
    return place.outcome(over, 2, "known.json: not a regular file")


@fault("/dev/zero, /dev/null and /dev/tty are given")
def devices(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", "/dev/zero", "/dev/null", "/dev/tty", "a.py", patience=10)
    return place.outcome(over, 2, "/dev/zero: error: not a regular file", lost=_unless(place.is_new(path)))


@fault("a socket, in the tree and given")
def sockets(place: Place) -> Outcome:
    path = place.make()
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        # The path of a socket may not be long.
        os.chdir(place.tree)
        try:
            server.bind("s.py")
        finally:
            os.chdir(here)
        over = place.run("--apply", ".", "s.py", patience=10)
    return place.outcome(
        over, 2, "s.py: error: cannot be read", lost=place.lost() or _unless(place.is_new(path))
    )


@fault("/proc/self/mem, a file that reads are refused from")
def refused(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", "/proc/self/mem", "a.py", patience=10)
    return place.outcome(over, 2, "/proc/self/mem: error: cannot be read", lost=_unless(place.is_new(path)))


@fault("a folder called models.py")
def folder_named_so(place: Place) -> Outcome:
    path = place.make("models.py/a.py")
    over = place.run("--apply", ".", "models.py")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault("folders 1,500 deep", quick=False)
def deep_folders(place: Place) -> Outcome:
    path = place.make()
    before = os.getcwd()
    os.chdir(place.tree)
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        Path("deep.py").write_bytes(FAULTY)
    finally:
        os.chdir(before)
    over = place.run("--apply", ".")
    deep = place.tree.joinpath(*["d"] * 1500, "deep.py")
    lost = place.lost() or _unless(place.is_new(path))
    lost = lost or _unless(deep.read_bytes() != FAULTY)
    return place.outcome(over, 0, "Fixed", lost=lost)


@fault("folders so deep that their path is too long for the system")
def too_deep_folders(place: Place) -> Outcome:
    path = place.make("z.py")
    before = os.getcwd()
    os.chdir(place.tree)
    try:
        for _ in range(40):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        Path("deep.py").write_bytes(FAULTY)
    finally:
        os.chdir(before)
    over = place.run("--apply", ".")
    return place.outcome(over, 2, "File name too long", lost=place.lost() or _unless(place.is_new(path)))


@fault("a name that is longer than the system has any")
def long_name(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", "x" * 5000 + ".py", "a.py")
    lost = place.lost() or _unless(place.is_new(path))
    return place.outcome(over, 2, "no such file or folder|File name too long", lost=lost)


@fault("a path through a file, as through a folder")
def through_a_file(place: Place) -> Outcome:
    path = place.make()
    over = place.run("--apply", "a.py/b.py", "a.py")
    lost = place.lost() or _unless(place.is_new(path))
    return place.outcome(over, 2, "no such file or folder|Not a directory", lost=lost)


@fault("a name that has no room for more (255 bytes)")
def longest_name(place: Place) -> Outcome:
    path = place.make("n" * 252 + ".py")
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"
