"""What holds for every program, whatever it says: asked of random ones in tests/test_properties.py."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tokenize
import warnings

from kerasfix.api import check, fix
from kerasfix.findings import Applicability, Finding
from kerasfix.source import Source, apply_edits, moved

_MADE = (Applicability.SAFE, Applicability.REPAIR)
_MOST_SINGLE = 200


def assert_all_holds(text: str) -> bool:
    """Ask everything of a program; says whether there was something to fix."""
    findings = check(text)
    assert_findings_are_sound(text, findings)
    # Sets go by the places of their elements in memory: those of another run are others.
    crowd = [object() for _ in range(len(text) % 97)]
    assert check(text) == findings, f"another run finds something else ({len(crowd)})"
    assert_fixing_is_sound(text, _MADE)
    is_fixed = assert_fixing_is_sound(text, tuple(Applicability))
    for each in findings:
        assert_a_single_fix_is_sound(text, each)
    assert_one_by_one_is_all_at_once(text)
    assert_line_endings_do_not_matter(text, findings)
    return is_fixed


def assert_findings_are_sound(text: str, findings: list[Finding]) -> None:
    assert findings == sorted(findings, key=lambda each: (each.start, each.end, each.code))
    for each in findings:
        assert 0 <= each.start <= each.end <= len(text)
        assert each.message
        assert "\n" not in each.message
        assert each.fix is not None or each.help, f"{each.code} does not say why it is left alone"
        for way in [*([each.fix] if each.fix else []), *each.others]:
            assert way.edits, f"{each.code} has a fix that does nothing"
            assert _made(text, way.edits) != text, f"{each.code} has a fix that changes nothing"


def assert_fixing_is_sound(text: str, classes: tuple[Applicability, ...]) -> bool:
    """The fixes are Python and the edits are all that changed, and then there is nothing left to do."""
    done = fix(text, applicability=classes)
    assert apply_edits(text, done.edits) == done.text
    parsed(done.text)
    assert list(done.left) == check(done.text)
    again = fix(done.text, applicability=classes)
    assert again.text == done.text, "a second run changes more"
    assert not again.applied
    assert bool(done.applied) == (done.text != text)
    return done.text != text


def assert_a_single_fix_is_sound(text: str, finding: Finding) -> None:
    """One fix alone is Python, and its finding is gone."""
    for way in [*([finding.fix] if finding.fix else []), *finding.others]:
        new = _made(text, way.edits)
        parsed(new)
        if way is finding.fix:
            assert not still_there(finding, text, new), f"{finding.code} stays after its own fix in:\n{new}"


def still_there(finding: Finding, text: str, new: str) -> bool:
    assert finding.fix is not None
    at = {moved(finding.start, finding.fix.edits)}
    at |= {
        place + len(each.content) for place in at for each in finding.fix.edits if each.start == finding.start
    }
    said = re.sub(r"\b\d+\b", "1", finding.message)
    return any(
        each.code == finding.code and each.start in at and re.sub(r"\b\d+\b", "1", each.message) == said
        for each in check(new)
    )


def assert_one_by_one_is_all_at_once(text: str) -> None:
    """Who makes one fix after the other ends where `--apply` does."""
    now = text
    for _ in range(_MOST_SINGLE):
        waiting = [each for each in check(now) if each.fix and each.fix.applicability in _MADE]
        # Whether a comment silences nothing shows when all the rest is done.
        chosen = min(waiting, key=lambda each: each.code == "KF000", default=None)
        if chosen is None or chosen.fix is None:
            break
        now = _made(now, chosen.fix.edits)
    else:
        raise AssertionError("the fixes never come to rest")
    assert is_layout_alone(now, fix(text).text, text), "one by one is not all at once"


def meaning(text: str, without_evaluation: bool = False) -> tuple[str, list[str]]:
    """What a program says, however its lines are broken: its tree and its comments.

    A plain call in an evaluation is mended by a default of None as well as by `training=False` (KF102,
    KF303): which comes first is a matter of order.
    """
    tree = parsed(text)
    if without_evaluation:
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            call.keywords = [each for each in call.keywords if ast.unparse(each) != "training=False"]
    lines = io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))
    comments: list[str] = []
    with contextlib.suppress(SyntaxError, tokenize.TokenError):
        tokens = tokenize.generate_tokens(lines.readline)
        comments += (each.string for each in tokens if each.type == tokenize.COMMENT)
    return ast.dump(tree), comments


def assert_line_endings_do_not_matter(text: str, findings: list[Finding]) -> None:
    if "\r" in text:
        return
    other = text.replace("\n", "\r\n")
    assert _told(Source(text), findings) == _told(Source(other), check(other))
    for classes in (_MADE, tuple(Applicability)):
        mine, its = fix(text, applicability=classes).text, fix(other, applicability=classes).text
        assert mine.replace("\n", "\r\n") == its, "with CRLF another fix is made"


def _told(source: Source, findings: list[Finding]) -> list[object]:
    return [
        (each.code, source.position(each.start), source.position(each.end), each.message, each.help)
        for each in findings
    ]


def _made(text: str, edits: object) -> str:
    return apply_edits(text, set(edits))  # type: ignore[call-overload]


def parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def is_layout_alone(one: str, other: str, original: str) -> bool:
    """Whether two results of fixing one program differ by nothing but how lines are broken."""
    relies = any(each.code == "KF303" for each in fix(original).applied)
    return meaning(one, relies) == meaning(other, relies)
