"""Whole programs, before and after: loops as tutorials show them, and one with a learning phase."""

from __future__ import annotations

import pytest

import kerasfix
from tests.conftest import FIXTURES

_BEFORE = FIXTURES / "loops" / "before"
_AFTER = FIXTURES / "loops" / "after"
NAMES = sorted(file.name for file in _BEFORE.glob("*.py"))
# Programs in which no model is trained that is not told so.
NOTHING_TO_EDIT = {"dqn.py", "style_transfer.py"}


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_settled_in_one_run(name: str) -> None:
    text, expected = (_BEFORE / name).read_text(), (_AFTER / name).read_text()
    assert (text == expected) is (name in NOTHING_TO_EDIT)
    fixed = kerasfix.fix(text, select=["KF3"])
    assert fixed.text == expected
    assert fixed.left == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_settled_program_needs_nothing_more(name: str) -> None:
    """No rule finds anything left: what the rules on layers and classes do goes with what these do."""
    assert [each.code for each in kerasfix.check((_AFTER / name).read_text()) if each.fix] == []


def test_the_programs_are_there() -> None:
    assert len(NAMES) == len(list(_AFTER.glob("*.py"))) >= 8
