"""How a variant of a broken chain, or of what only looks like one, is written down and checked."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import kerasfix
from kerasfix import Applicability
from kerasfix.engine import Engine
from kerasfix.finder import Finder
from kerasfix.findings import Finding
from kerasfix.selection import Selection
from kerasfix.source import Source, apply_edits

_EVERYTHING = tuple(Applicability)
# The rules on what is lost, never made part of the model, or confused.
_CHAINS = ("KF20",)


@dataclass(frozen=True)
class Broken:
    """A program with broken chains.

    Attributes:
        why: What is special about it.
        source: The program.
        found: What is found: the rule, the line (stripped), the layers that are lost.
        mended: What the suggestions write: text that stands in the program once, and what it becomes.
        offered: What the other ways would write, for which nobody speaks: the line each of them changes, as
            it is then (stripped).
    """

    why: str
    source: str
    found: tuple[tuple[str, str, tuple[str, ...]], ...]
    mended: tuple[tuple[str, str], ...] = ()
    offered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sound:
    """A program that only looks as if a chain were broken.

    Attributes:
        why: What is special about it.
        source: The program.
        mentioned: What may be said of it, without an edit: the rule and the line (stripped).
    """

    why: str
    source: str
    mentioned: tuple[tuple[str, str], ...] = ()


def parameters(shapes: dict[str, tuple[Broken, ...]] | dict[str, tuple[Sound, ...]]) -> list[object]:
    """The variants of all shapes, for `pytest.mark.parametrize`."""
    return [
        pytest.param(each, id=f"{shape}: {each.why}")
        for shape, variants in shapes.items()
        for each in variants
    ]


def assert_is_found_and_mended(broken: Broken) -> None:
    """Just what is expected is found and, with suggestions, written; after that nothing is left to write."""
    text = textwrap.dedent(broken.source).lstrip("\n")
    findings = kerasfix.check(text, select=_CHAINS)
    found = tuple((each.code, _line(text, each.start), each.loses) for each in findings)
    assert found == broken.found
    assert tuple(_offered(text, findings)) == broken.offered
    expected = text
    for before, after in broken.mended:
        assert text.count(before) == 1, before
        expected = expected.replace(before, after)
    fixed = kerasfix.fix(text, select=_CHAINS, applicability=_EVERYTHING).text
    assert fixed == expected
    assert kerasfix.fix(fixed, select=_CHAINS, applicability=_EVERYTHING).text == fixed
    # Without being asked for, a suggestion is never written.
    assert kerasfix.fix(text, select=_CHAINS).text == text


def assert_is_left_alone(sound: Sound) -> None:
    """Nothing is said but what may be said, and nothing is written even if suggestions are."""
    text = textwrap.dedent(sound.source).lstrip("\n")
    findings = kerasfix.check(text, select=_CHAINS)
    assert tuple((each.code, _line(text, each.start)) for each in findings) == sound.mentioned
    assert kerasfix.fix(text, select=_CHAINS, applicability=_EVERYTHING).text == text


def found_in_files(folder: Path, files: dict[str, str]) -> list[tuple[str, str, str]]:
    """What is found in files that belong together: the file, the rule, the line."""
    texts = {str(folder / name): textwrap.dedent(text).lstrip("\n") for name, text in files.items()}
    for path, text in texts.items():
        # Imports are followed to files that there are.
        Path(path).write_text(text)
    sources = {name: Source(text, name) for name, text in texts.items()}
    return [
        (Path(name).name, each.code, _line(texts[name], each.start))
        for name, here in Engine(Finder(Selection(_CHAINS))).check_sources(sources).items()
        for each in here
    ]


def _line(text: str, start: int) -> str:
    return text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0].strip()


def _offered(text: str, findings: list[Finding]) -> list[str]:
    """The line that each of the other ways to mend the findings changes, as it is then."""
    return [
        _line(apply_edits(text, other.edits), other.edits[0].start)
        for each in findings
        for other in each.others
    ]
