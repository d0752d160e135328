"""Rounds of fixes end in one text, and in edits on the original that say how it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.plan import Plan, PlanError, make_plan, without_crossings
from kerasfix.source import Edit, Source, SourceError, apply_edits


def _finding(*edits: Edit, code: str = "KF999", applicability: Applicability = Applicability.SAFE) -> Finding:
    return Finding(code, "test", "a fault", 0, 1, Severity.WARNING, Fix("Mend it", applicability, edits))


def _all(finding: Finding) -> bool:
    return True


def _in_rounds(*rounds: list[Finding]) -> Callable[[Source], list[Finding]]:
    """A check that finds something else each time that it is asked, and at last nothing."""
    waiting = list(rounds)
    return lambda source: waiting.pop(0) if waiting else []


def _replacing(old: str, new: str, code: str = "KF999") -> Callable[[Source], list[Finding]]:
    """A check that wants every `old` to become `new`."""

    def check(source: Source) -> list[Finding]:
        places = [at for at in range(len(source.text)) if source.text.startswith(old, at)]
        return [_finding(Edit(at, at + len(old), new), code=code) for at in places]

    return check


def _assert_sound(plan: Plan) -> None:
    assert apply_edits(plan.original, plan.edits) == plan.text
    assert list(plan.edits) == sorted(plan.edits)
    assert not any(a.touches(b) for a in plan.edits for b in plan.edits if a is not b)


def test_a_sound_text_stays_as_it_is() -> None:
    assert make_plan("x = 1\n", lambda source: [], _all) == Plan("x = 1\n", "x = 1\n", (), (), ())


def test_all_faults_that_lie_apart_are_mended_in_one_round() -> None:
    plan = make_plan("a = a\n", _replacing("a", "b"), _all)
    assert plan.text == "b = b\n"
    assert plan.edits == (Edit(0, 1, "b"), Edit(4, 5, "b"))
    assert len(plan.applied) == 2


def test_what_a_fix_uncovers_is_mended_too() -> None:
    def check(source: Source) -> list[Finding]:
        return _replacing("a", "b")(source) or _replacing("b", "cc")(source)

    plan = make_plan("x = a\n", check, _all)
    assert plan.edits == (Edit(4, 5, "cc"),)
    assert len(plan.applied) == 2


def test_a_fix_that_touches_an_earlier_one_waits_for_the_next_round() -> None:
    outer, inner = _finding(Edit(0, 4, "g(x)")), _finding(Edit(2, 3, "y"))
    plan = make_plan("f(x)\n", _in_rounds([outer, inner], [inner]), _all)
    assert plan.text == "g(y)\n"
    assert plan.applied == (outer, inner)


def test_two_fixes_that_insert_at_one_place_are_made_one_after_the_other() -> None:
    first, second = _finding(Edit(0, 0, "a = 1\n")), _finding(Edit(0, 0, "b = 1\n"))
    plan = make_plan("", _in_rounds([first, second], [second]), _all)
    assert plan.text == "b = 1\na = 1\n"
    _assert_sound(plan)


def test_a_fix_is_made_with_all_its_edits_or_waits() -> None:
    first = _finding(Edit(0, 1, "b"))
    second = _finding(Edit(0, 1, "c"), Edit(4, 5, "c"))
    assert make_plan("a = a\n", _in_rounds([first, second]), _all).text == "b = a\n"


def test_the_same_edit_wanted_by_two_fixes_is_made_once() -> None:
    shared = Edit(5, 5, ", t")
    first, second = _finding(shared, Edit(0, 1, "g")), _finding(shared)
    plan = make_plan("f(x,y)\n", _in_rounds([first, second]), _all)
    assert plan.text == "g(x,y, t)\n"
    assert plan.applied == (first, second)


def test_a_fix_that_is_not_allowed_is_left() -> None:
    suggestion = _finding(Edit(0, 1, "b"), applicability=Applicability.SUGGESTION)
    safe = _finding(Edit(4, 5, "b"))

    def allow(finding: Finding) -> bool:
        assert finding.fix is not None
        return finding.fix.applicability is Applicability.SAFE

    plan = make_plan("a = a\n", _in_rounds([suggestion, safe], [suggestion]), allow)
    assert plan.text == "a = b\n"
    assert plan.left == (suggestion,)


def test_a_finding_without_a_fix_is_left() -> None:
    finding = Finding("KF999", "test", "a fault", 0, 1, Severity.ERROR, help="Mend it by hand")
    assert make_plan("a\n", lambda source: [finding], _all).left == (finding,)


def test_a_fix_without_edits_is_left() -> None:
    finding = _finding()
    plan = make_plan("a\n", lambda source: [finding], _all)
    assert plan.left == (finding,)
    assert plan.applied == ()


def test_a_fix_that_is_not_python_names_its_rule() -> None:
    with pytest.raises(PlanError, match=r"^the fix of KF777 is not Python \(syntax error: "):
        make_plan("a = 1\n", _replacing("1", "(", code="KF777"), _all)


def test_a_fix_that_is_at_odds_with_itself_names_its_rule() -> None:
    twice = _finding(Edit(0, 2, "x"), Edit(1, 3, "y"))
    with pytest.raises(PlanError, match=r"^the fix of KF999 is at odds with itself \("):
        make_plan("abc\n", _in_rounds([twice], []), _all)


def test_fixes_that_never_come_to_rest_name_their_rule() -> None:
    with pytest.raises(PlanError, match=r"^KF778 keeps changing the text$"):
        make_plan("a\n", lambda source: [_finding(Edit(0, 0, "a"), code="KF778")], _all)


def test_a_fix_that_changes_nothing_is_not_made_for_ever() -> None:
    with pytest.raises(PlanError, match=r"^KF779 keeps"):
        make_plan("a\n", _replacing("a", "a", code="KF779"), _all)


def test_a_text_that_is_not_python_is_not_planned() -> None:
    def check(source: Source) -> list[Finding]:
        _ = source.tree
        return []

    with pytest.raises(SourceError):
        make_plan("a = = 1\n", check, _all)


def test_an_insertion_and_its_removal_leave_no_edit() -> None:
    add, remove = _finding(Edit(1, 1, "bc")), _finding(Edit(1, 3, ""))
    plan = make_plan("a\n", _in_rounds([add], [remove]), _all)
    assert plan.text == "a\n"
    assert plan.edits == ()


_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0\r\n")


@st.composite
def _texts_and_rounds(draw: st.DrawFn) -> tuple[str, list[list[Edit]]]:
    """Comments, so that whatever is written between them parses, and edits that do not break a line."""
    text = "#" + draw(st.text(_CHARACTERS, max_size=30))
    now, rounds = text, []
    for _ in range(draw(st.integers(1, 5))):
        cuts = draw(st.lists(st.integers(1, len(now)), max_size=8).map(sorted))
        spans = list(zip(cuts[::2], cuts[1::2], strict=False))
        edits = [Edit(start, end, draw(st.text(_CHARACTERS, max_size=4))) for start, end in spans]
        edits = [
            each for at, each in enumerate(edits) if not any(each.touches(other) for other in edits[:at])
        ]
        if edits:
            rounds.append(edits)
            now = apply_edits(now, edits)
    return text, rounds


@settings(deadline=None, max_examples=200)
@given(_texts_and_rounds())
def test_any_rounds_of_edits_are_edits_on_the_original(case: tuple[str, list[list[Edit]]]) -> None:
    text, rounds = case
    expected = text
    for edits in rounds:
        expected = apply_edits(expected, edits)
    plan = make_plan(text, _in_rounds(*([_finding(*edits)] for edits in rounds)), _all)
    assert plan.text == expected
    _assert_sound(plan)


def test_a_fix_between_a_file_that_was_written_and_one_that_was_not_is_not_shown() -> None:
    inside = Fix("Inside", Applicability.SUGGESTION, (Edit(0, 1, "b", "a.py"), Edit(0, 1, "b", "b.py")))
    across = Fix("Across", Applicability.SUGGESTION, (Edit(0, 1, "b", "a.py"), Edit(0, 1, "b", "c.py")))
    finding = replace(_finding(), file="a.py", fix=across, others=(across, inside))
    plan = Plan("x", "x", (), (), (finding, replace(finding, fix=None)))
    expected = replace(finding, fix=None, others=(inside,))
    assert without_crossings(plan, ["a.py", "b.py"]).left == (expected, expected)
    assert without_crossings(plan, ["c.py"]).left == (expected, expected)
    assert without_crossings(plan, ["d.py"]) == plan
