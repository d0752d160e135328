"""kerasfix as a library."""

from __future__ import annotations

import pytest

import kerasfix
from tests.test_command_line import FAULTY, MENDED


def test_check_gives_findings_with_spans_of_the_text() -> None:
    (finding,) = kerasfix.check(FAULTY)
    assert (finding.code, finding.name, finding.owner) == ("KF103", "training-not-passed", "Net")
    assert FAULTY[finding.start : finding.end] == "self.drop(x)"
    assert finding.fix is not None
    assert finding.fix.applicability is kerasfix.Applicability.SAFE


def test_fix_gives_the_new_text_and_what_changed() -> None:
    fixed = kerasfix.fix(FAULTY)
    assert fixed.text == MENDED
    assert [edit.content for edit in fixed.edits] == [", training=training"]
    assert [finding.code for finding in fixed.applied] == ["KF103"]
    assert fixed.left == ()


def test_suggestions_are_made_only_if_asked_for() -> None:
    text = FAULTY.replace("return self.drop(x)", "self.drop(x, training=training)\n        return x")
    assert kerasfix.fix(text).text == text
    fixed = kerasfix.fix(text, applicability=kerasfix.Applicability)
    assert "        x = self.drop(x, training=training)\n" in fixed.text


def test_rules_can_be_chosen() -> None:
    assert kerasfix.check(FAULTY, ignore=["KF103"]) == []
    assert kerasfix.fix(FAULTY, select=["KF2"]).text == FAULTY


def test_what_is_not_python_raises_with_the_line() -> None:
    with pytest.raises(kerasfix.SourceError) as error:
        kerasfix.check("import keras\nclass Net(:\n")
    assert error.value.line == 2
