"""How a training loop, and what becomes of it, is written down and checked.

A program is written once: `net(x<<, training=True>>)` is what the fix puts in, `training=<<True|False>>` what
it replaces. All else must stay as it is.
"""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import kerasfix
from kerasfix import Applicability
from kerasfix.findings import Finding
from tests.conftest import run_command

LOOPS = ("KF301", "KF302", "KF303")
_EVERYTHING = tuple(Applicability)
_EDIT = re.compile(r"<<(?:([^<>|]*)\|)?([^<>|]*)>>")


@dataclass(frozen=True)
class Loop:
    """A program with a training loop.

    Attributes:
        why: What is special about it.
        source: The program, with what is written into it.
        said: What is found and not written without being asked for: the rule and the line (stripped).
        offered: Whether the edits are suggestions, which are written only if somebody asks for them.
    """

    why: str
    source: str
    said: tuple[tuple[str, str], ...] = ()
    offered: bool = False


def before(marked: str) -> str:
    """A program as it was, of one with marks."""
    return _EDIT.sub(lambda found: found[1] or "", textwrap.dedent(marked).lstrip("\n"))


def after(marked: str) -> str:
    """A program as it becomes, of one with marks."""
    return _EDIT.sub(lambda found: found[2], textwrap.dedent(marked).lstrip("\n"))


def assert_is_settled(loop: Loop) -> None:
    """Just what is marked is written, all of it in one run, and the rest is said."""
    text, expected = before(loop.source), after(loop.source)
    allowed = _EVERYTHING if loop.offered else (Applicability.SAFE, Applicability.REPAIR)
    fixed = kerasfix.fix(text, select=LOOPS, applicability=allowed).text
    assert fixed == expected
    assert kerasfix.fix(fixed, select=LOOPS, applicability=allowed).text == fixed
    assert _said(fixed, kerasfix.check(fixed, select=LOOPS)) == loop.said
    if loop.offered:
        assert kerasfix.fix(text, select=LOOPS).text == text
    else:
        assert kerasfix.fix(text, select=LOOPS, applicability=_EVERYTHING).text == expected


def assert_files_are_settled(folder: Path, files: dict[str, str], said: int = 0) -> None:
    """Just what is marked is written in files that belong together, by one run of the command.

    Args:
        folder: Where to put them.
        files: Programs with marks, by name.
        said: How many findings are left.
    """
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(before(text))
    run_command(folder, ".", "--apply", "--select", ",".join(LOOPS))
    assert {name: (folder / name).read_text() for name in files} == {
        name: after(text) for name, text in files.items()
    }
    left = run_command(folder, ".", "--select", ",".join(LOOPS), "--output-format", "json")
    assert len(json.loads(left.stdout)) == said


def _said(text: str, findings: list[Finding]) -> tuple[tuple[str, str], ...]:
    return tuple((each.code, _line(text, each.start)) for each in findings)


def _line(text: str, start: int) -> str:
    return text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0].strip()
