"""A place for one experiment, and what is seen in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.comparison.cell import Cell
from benchmarks.comparison.peers import PEERS, REPOSITORY, Peer

NAME = "models.py"
# A tool that does not answer within this many seconds does not do the thing.
PATIENCE = 180
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that is over; its output without colours."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return _COLOUR.sub("", self.stdout.decode("utf-8", "replace"))

    @property
    def said(self) -> str:
        return self.out + _COLOUR.sub("", self.stderr.decode("utf-8", "replace"))

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return lines[-1] if lines else "nothing"

    @property
    def headline(self) -> str:
        """The line that says most: the last of a traceback, else the first."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        line = self.last_line if self.crashed or not lines else lines[0]
        return line if len(line) <= 110 else line[:107] + "…"

    @property
    def crashed(self) -> bool:
        return "Traceback (most recent call last)" in self.said


class Missing(Exception):
    """The tool has no command line for what was asked."""


class Trial:
    """One tool in an empty folder."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self.folder = folder

    @property
    def file(self) -> Path:
        return self.folder / NAME

    @property
    def out(self) -> Path:
        return self.folder / "out.txt"

    def write(self, content: bytes | str | None = None, name: str = NAME) -> bytes:
        """Write a file as it stands, by default the tool's own fault; gives back its bytes."""
        text = self.peer.source if content is None else content
        data = text.encode() if isinstance(text, str) else text
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return data

    def settings(self, name: str) -> None:
        if name not in self.peer.settings:
            raise Missing
        file, text = self.peer.settings[name]
        self.write(text, file)

    def run(self, name: str, stdin: bytes | None = None, file: str = NAME) -> Done:
        """Do what the tool has a command line for."""
        if name == "configured" and name not in self.peer.commands:
            name = "check"
        if name not in self.peer.commands:
            raise Missing
        words = [word.format(file=file, out=self.out.name) for word in self.peer.commands[name]]
        return call(self.peer, words, self.folder, stdin)

    def report(self, name: str = "check", stdin: bytes | None = None, file: str = NAME) -> str:
        """All that a command says, with the report that it writes to a file if it does."""
        self.out.unlink(missing_ok=True)
        said = self.run(name, stdin, file).said
        return said + (self.out.read_text("utf-8") if self.out.exists() else "")

    def passes(self, name: str = "check", file: str = NAME) -> bool:
        """Whether a command works and does not speak of the fault."""
        done = self.run(name, file=file)
        return done.status == 0 and self.peer.code not in done.said

    def finds(self, name: str = "check", stdin: bytes | None = None, file: str = NAME) -> bool:
        return self.peer.code in self.report(name, stdin, file)


def command(peer: Peer, words: list[str]) -> list[str]:
    """A command line that starts in the tool's own environment."""
    first, *rest = words
    if peer.requirement:
        return [str(peer.bin / first), *rest]
    if first == "kerasfix":
        return [sys.executable, "-m", "kerasfix", *rest]
    if first == "kerasfix-lsp":
        return [sys.executable, "-c", "from kerasfix.lsp import main; main()", *rest]
    return [sys.executable, *rest]


def environment(folder: Path) -> dict[str, str]:
    """What commands see: kerasfix from here, a state folder of their own, no colours."""
    return os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "XDG_STATE_HOME": str(folder / ".state"),
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
    }


def call(peer: Peer, words: list[str], folder: Path, stdin: bytes | None = None) -> Done:
    try:
        done = subprocess.run(
            command(peer, words),
            cwd=folder,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env=environment(folder),
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return Done(124, b"", b"no answer")
    return Done(done.returncode, done.stdout, done.stderr)


@cache
def _help(name: str) -> str:
    peer = next(each for each in PEERS if each.name == name)
    return "\n".join(call(peer, list(words), REPOSITORY).said for words in peer.helps)


def has_none(peer: Peer, title: str, words: str) -> Cell:
    """The cell of a tool without a command line for it, after a look whether its help knows the words."""
    if title in peer.lacks:
        return peer.lacks[title]
    if words and (met := re.search(words, _help(peer.name), re.IGNORECASE)):
        return Cell(
            "unknown", f"not checked: its help speaks of {met.group()!r}, and there is no experiment for it"
        )
    return Cell("no", "nothing of it in its `--help`")


Experiment = Callable[[Trial], Cell]
