"""Every rule carries its own cases; here they all run."""

from __future__ import annotations

import pytest

from kerasfix.analysis.program import Program
from kerasfix.engine import Engine
from kerasfix.findings import Finding
from kerasfix.plan import make_plan
from kerasfix.rules import all_rules
from kerasfix.rules.base import Case, Rule, some
from kerasfix.source import Source
from tests.said import whole


def _cases(kind: str) -> list[object]:
    return [
        pytest.param(rule, case, id=f"{rule.code}: {case.why}")
        for rule in all_rules()
        for case in getattr(rule, kind)
    ]


def _fixed(rule: Rule, text: str) -> str:
    """The text after all fixes of just this rule, suggestions included."""

    def own(source: Source) -> list[Finding]:
        return [finding for finding in Engine().check_source(source) if finding.code == rule.code]

    return make_plan(text, own, lambda finding: True).text


@pytest.mark.parametrize(("rule", "case"), _cases("invalid"))
def test_a_fault_is_found_and_mended_as_a_person_would(rule: Rule, case: Case) -> None:
    text = whole(case.source)
    assert rule.code in [finding.code for finding in Engine().check_source(Source(text))]
    assert _fixed(rule, text) == (whole(case.fixed) if case.fixed is not None else text)


@pytest.mark.parametrize(("rule", "case"), _cases("invalid"))
def test_mending_twice_changes_nothing_more(rule: Rule, case: Case) -> None:
    once = _fixed(rule, whole(case.source))
    assert _fixed(rule, once) == once


@pytest.mark.parametrize(("rule", "case"), _cases("invalid"))
def test_a_finding_without_a_fix_says_why(rule: Rule, case: Case) -> None:
    for finding in rule.check(Program.of(Source(whole(case.source)))):
        assert finding.fix is not None or finding.help
        assert finding.message
        assert not finding.message.endswith(".")


@pytest.mark.parametrize(("rule", "case"), _cases("valid"))
def test_sound_code_is_left_in_peace(rule: Rule, case: Case) -> None:
    found = [
        finding for finding in Engine().check_source(Source(whole(case.source))) if finding.code == rule.code
    ]
    assert found == []


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_documents_itself(rule: Rule) -> None:
    page = rule.documentation
    assert page.startswith(f"# {rule.name} ({rule.code})\n")
    for heading in ("What it does", "Why it is bad", "Example", "Fix safety", "References"):
        assert f"\n## {heading}\n" in page
    assert rule.invalid
    assert rule.valid


def test_each_code_and_name_belongs_to_one_rule() -> None:
    rules = all_rules()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)
    assert [rule.code for rule in rules] == [
        "KF000",
        "KF101",
        "KF102",
        "KF103",
        "KF104",
        "KF105",
        "KF106",
        "KF107",
        "KF108",
        "KF109",
        "KF110",
        "KF111",
        "KF201",
        "KF202",
        "KF203",
        "KF204",
        "KF205",
        "KF206",
        "KF301",
        "KF302",
        "KF303",
        "KF304",
    ]


def test_of_many_reasons_the_first_are_told() -> None:
    assert some(["a", "b", "a", "c"]) == "a, b and c"
    assert some(["a", "b", "c", "d"]) == "a, b, c and one more reason"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more reasons"
