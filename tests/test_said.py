"""What a finding says besides its fix: every word is on file, and a changed one is noticed."""

from __future__ import annotations

import pytest

from kerasfix.rules import all_rules
from kerasfix.rules.base import Rule
from tests import said

_EACH_RULE = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


@_EACH_RULE
def test_what_a_rule_says_of_its_cases_is_on_file(rule: Rule) -> None:
    on_disk = (said.FOLDER / f"{rule.code}.txt").read_text("utf-8")
    assert on_disk == said.page(rule), "read what differs; if it is meant, run: python -m tests.said"


@_EACH_RULE
def test_a_finding_and_its_edits_are_of_the_file_they_were_found_in(rule: Rule) -> None:
    for case in rule.invalid:
        for finding in said.findings(rule, case):
            assert finding.file == said.FILE
            for fix in filter(None, (finding.fix, *finding.others)):
                assert {edit.file for edit in fix.edits} == {said.FILE}
