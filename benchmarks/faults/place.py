"""A place for one fault: a tree of models in a temporary folder, kerasfix as a process, and what was lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
#: A model with one fault that `--apply` mends, and what it becomes.
FAULTY = b"""\
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x)
"""
_CALL, _MENDED_CALL = b"self.drop(x)", b"self.drop(x, training=training)"
# A run that takes longer hangs.
PATIENCE = 60.0
# What takes from root the power over files that permissions give to nobody.
_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
#: What is left beside a file when a write was killed.
LEFT_OVER = ".kerasfix-*.tmp"


def mended(data: bytes) -> bytes:
    """What `--apply` makes of a faulty model."""
    return data.replace(_CALL, _MENDED_CALL)


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is over; one that hung was killed."""

    status: int
    stdout: bytes
    stderr: str
    hung: bool = False

    @property
    def said(self) -> str:
        return self.stdout.decode(errors="replace") + self.stderr


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault.

    Attributes:
        happened: What kerasfix did and said.
        lost: What is lost; empty if nothing.
        wrong: What else is not as it should be.
        skipped: Whether the fault cannot be made here; `happened` says why.
    """

    happened: str
    lost: str = ""
    wrong: str = ""
    skipped: bool = False

    @property
    def is_bad(self) -> bool:
        return bool(self.lost or self.wrong)


class Impossible(Exception):
    """A fault that cannot be made on this machine; says why."""


@dataclass
class Place:
    """Where one fault happens.

    Attributes:
        root: A temporary folder of its own.
        before: What the files in the tree held that were made here.
        by: The command that runs Python.
    """

    root: Path
    before: dict[Path, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.tree.mkdir()
        self.state.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "XDG_STATE_HOME": str(self.state),
            "HOME": str(self.root),
        }

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def make(self, name: str | bytes = "a.py", data: bytes = FAULTY) -> Path:
        """A file in the tree."""
        path = self.tree / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.before[path] = data
        return path

    def make_many(self, count: int) -> list[Path]:
        """Faulty models, no two of them alike."""
        return [self.make(f"m{number:03}.py", FAULTY + b"# %d\n" % number) for number in range(count)]

    def journal(self) -> list[Path]:
        return sorted((self.state / "kerasfix" / "journal").glob("*.json"))

    def start(self, *arguments: str | bytes | Path, code: str = "", **more: Any) -> subprocess.Popen[bytes]:
        """Begin a run of kerasfix in the tree.

        Args:
            arguments: Of the command line.
            code: A program that runs it, instead of `-m kerasfix`.
            more: As `Popen` has it.
        """
        program = ["-c", code] if code else ["-m", "kerasfix"]
        options: dict[str, Any] = {
            "cwd": self.tree,
            "env": self.environment,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen([*self.by, sys.executable, *program, *arguments], **(options | more))

    def run(
        self,
        *arguments: str | bytes | Path,
        given: bytes | None = None,
        patience: float = PATIENCE,
        **more: Any,
    ) -> Ended:
        """Run kerasfix in the tree, as `start` has it."""
        if given is not None:
            more["stdin"] = subprocess.PIPE
        return ended(self.start(*arguments, **more), given, patience)

    def bind(self, *command: str) -> None:
        """Let permissions bite in what runs from now on, also if that is root; or run it by a command."""
        if command or os.geteuid() == 0:
            self.by = command or _BOUND
            try:
                tried = ended(self.start(code="import kerasfix.run"), None, PATIENCE)
            except FileNotFoundError:
                raise Impossible("there is no setpriv") from None
            if tried.status:
                raise Impossible("nobody can be kept from what root may do")

    def lost(self, *, but: Sequence[Path] = ()) -> str:
        """What is lost: files that are gone, that are neither old nor new, and what lies about.

        Args:
            but: Files that somebody else took care of.
        """
        torn = [path for path in self.before if path not in but and not self._is_whole(path)]
        gone = [path for path in torn if not os.path.lexists(path)]
        parts = []
        if gone:
            parts.append(f"gone: {_names(gone)}")
        if rest := [path for path in torn if path not in gone]:
            parts.append(f"neither old nor new: {_names(rest)}")
        if left := self.left_over():
            parts.append(f"left behind: {_names(left)}")
        return "; ".join(parts)

    def left_over(self) -> list[Path]:
        # Not in Python: a tree may be deeper than its stack.
        found = subprocess.run(["find", self.root, "-name", LEFT_OVER, "-print0"], capture_output=True).stdout
        return sorted(Path(os.fsdecode(each)) for each in found.split(b"\0") if each)

    def is_old(self, path: Path) -> bool:
        return path.exists() and path.read_bytes() == self.before[path]

    def is_new(self, path: Path) -> bool:
        return path.exists() and path.read_bytes() == mended(self.before[path])

    def _is_whole(self, path: Path) -> bool:
        return self.is_old(path) or self.is_new(path)

    def outcome(
        self,
        ended: Ended,
        status: int | Sequence[int],
        says: str = "",
        *,
        lost: str | None = None,
        but: Sequence[Path] = (),
    ) -> Outcome:
        """What came of a run.

        Args:
            ended: The run.
            status: The exit code that it should have, or those that it may.
            says: A pattern of what one line of its output has to say.
            lost: What is lost, if the caller knows.
            but: Files that need not be as they were, or as they should be.
        """
        wrong = faults_of(ended, (status,) if isinstance(status, int) else status, says)
        return Outcome(self.told(ended, says), self.lost(but=but) if lost is None else lost, wrong)

    def told(self, ended: Ended, says: str = "") -> str:
        """A run in one line."""
        lines = [line for line in (*ended.stderr.splitlines(), *ended.said.splitlines()) if line.strip()]
        line = next((line for line in lines if says and re.search(says, line)), lines[0] if lines else "")
        line = line.replace(str(self.tree) + os.sep, "").replace(str(self.root), "…")
        shown = line.strip() if len(line) <= 110 else line.strip()[:109] + "…"
        # What a terminal would take for an order.
        shown = "".join(each if each.isprintable() else "�" for each in shown)
        return f"exit {ended.status}" + (f": {shown}" if shown else "")


def faults_of(ended: Ended, statuses: Sequence[int], says: str = "") -> str:
    """What a process should not have done; empty if nothing."""
    parts = []
    if ended.hung:
        parts.append("hangs")
    elif ended.status < 0:
        parts.append(f"ended by {signal.Signals(-ended.status).name}")
    if "Traceback (most recent call last)" in ended.stderr:
        parts.append(f"traceback: {ended.stderr.splitlines()[-1]}")
    if not ended.hung and ended.status not in statuses:
        parts.append(f"exit {ended.status} instead of {' or '.join(map(str, statuses))}")
    if says and not any(re.search(says, line) for line in ended.said.splitlines()):
        parts.append(f"does not say {says!r}")
    if ended.status and says != "" and not ended.said.strip():
        parts.append("says nothing")
    return "; ".join(parts)


def ended(process: subprocess.Popen[bytes], given: bytes | None = None, patience: float = PATIENCE) -> Ended:
    """Wait for a process."""
    try:
        out, err = process.communicate(given, timeout=patience)
        hung = False
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        hung = True
    return Ended(process.returncode, out or b"", (err or b"").decode(errors="replace"), hung)


def drained(stream: IO[bytes] | None) -> bytes:
    return stream.read() if stream is not None else b""


Fault = Callable[[Place], Outcome]


@dataclass(frozen=True, slots=True)
class Known:
    """A fault under its name.

    Attributes:
        is_quick: Whether it is over soon enough for the tests.
    """

    name: str
    group: str
    make: Fault
    is_quick: bool


FAULTS: list[Known] = []


def fault(name: str, *, quick: bool = True) -> Callable[[Fault], Fault]:
    """Put a function on the list of faults."""

    def add(make: Fault) -> Fault:
        FAULTS.append(Known(name, make.__module__.rpartition(".")[2], make, quick))
        return make

    return add


def happen(known: Known) -> Outcome:
    """Make a fault in a place of its own."""
    with place() as here:
        try:
            return known.make(here)
        except Impossible as reason:
            return Outcome(f"skipped: {reason}", skipped=True)


@contextmanager
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        yield Place(root)
    finally:
        # What a fault took away is given back, so that all can be removed.
        subprocess.run(["chmod", "-R", "u+rwx", root], capture_output=True)
        subprocess.run(["rm", "-rf", root], check=True)


def wait_for(what: Callable[[], Any], process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> bool:
    """Wait until something is so, or a process is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        if process.poll() is not None:
            return bool(what())
        time.sleep(0.0005)
    return False


def environment_without(place: Place, *names: str, **more: str) -> Mapping[str, str]:
    return {name: value for name, value in place.environment.items() if name not in names} | more


def _names(paths: Sequence[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"
