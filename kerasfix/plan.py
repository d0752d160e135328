"""From findings to a new text: round after round until nothing changes, every round checked by a parse.

Edits of one round can touch (nested calls are the daily case); those that do wait for the next one. What
all rounds did together is kept as edits on the original text, which is all that a diff needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerasfix.findings import Finding
from kerasfix.source import Edit, Source, SourceError, apply_edits

# Far more than nesting needs; a fix that is never still would otherwise run for ever.
_MAX_ROUNDS = 50


class PlanError(Exception):
    """A rule that wrote something that is not Python, or that never comes to rest; names the rule."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The fixes of one text.

    Attributes:
        original: The text as it was.
        text: The text with all fixes made.
        edits: What changed, as edits on `original`.
        applied: The findings that were fixed. Their offsets count in the text of the round that fixed them.
        left: The findings that are left in `text`, offsets counted there.
    """

    original: str
    text: str
    edits: tuple[Edit, ...]
    applied: tuple[Finding, ...]
    left: tuple[Finding, ...]


def make_plan(
    text: str,
    check: Callable[[Source], list[Finding]],
    allow: Callable[[Finding], bool],
    known: Sequence[Finding] | None = None,
) -> Plan:
    """Fix all that `allow` lets through, until a check finds nothing more to fix.

    Args:
        text: The text.
        check: Finds the faults of a source.
        allow: Whether to write the fix of a finding that has one.
        known: What `check` finds in `text`, if that is known already.

    Raises:
        SourceError: if the text itself cannot be parsed.
        PlanError: if a fix breaks the syntax, or if the fixes never come to rest. Nothing is to be written.
    """
    pieces: list[_Piece] = [(0, len(text))]
    applied: list[Finding] = []
    source = Source(text)
    findings = check(source) if known is None else known
    for _ in range(_MAX_ROUNDS):
        chosen = _choose([each for each in findings if each.fix is not None and allow(each)])
        if not chosen:
            return Plan(text, source.text, _edits(text, pieces), tuple(applied), tuple(findings))
        step = sorted({edit for each in chosen if each.fix is not None for edit in each.fix.edits})
        try:
            source = Source(apply_edits(source.text, step))
        except ValueError as error:
            raise PlanError(f"the fix of {_codes(chosen)} is at odds with itself ({error})") from None
        _guard(source, chosen)
        pieces = _replace(pieces, step)
        applied += chosen
        findings = check(source)
    raise PlanError(f"{_codes(chosen)} keeps changing the text")


def _choose(findings: list[Finding]) -> list[Finding]:
    """The findings whose fixes can be made together, the first ones first.

    Two fixes may want the very same edit (two layers in one helper method); that is one edit, not a clash.
    """
    chosen: list[Finding] = []
    taken: set[Edit] = set()
    for each in findings:
        assert each.fix is not None
        new = set(each.fix.edits) - taken
        if each.fix.edits and not any(edit.touches(other) for edit in new for other in taken):
            chosen.append(each)
            taken |= new
    return chosen


def _guard(source: Source, chosen: list[Finding]) -> None:
    try:
        _ = source.tree
    except SourceError as error:
        raise PlanError(f"the fix of {_codes(chosen)} is not Python ({error.reason})") from None


def _codes(findings: list[Finding]) -> str:
    return ", ".join(sorted({each.code for each in findings}))


# A text in pieces: characters [start, end) of the original, or new text.
_Piece = tuple[int, int] | str


def _replace(pieces: list[_Piece], edits: list[Edit]) -> list[_Piece]:
    """Make sorted edits whose offsets count in the text that `pieces` spells."""
    waiting = pieces[::-1]

    def take(count: int) -> list[_Piece]:
        taken: list[_Piece] = []
        while count > 0:
            piece = waiting.pop()
            length = _length(piece)
            if length > count:
                waiting.append(piece[count:] if isinstance(piece, str) else (piece[0] + count, piece[1]))
                piece = piece[:count] if isinstance(piece, str) else (piece[0], piece[0] + count)
                length = count
            taken.append(piece)
            count -= length
        return taken

    result: list[_Piece] = []
    position = 0
    for edit in edits:
        result += take(edit.start - position)
        take(edit.end - edit.start)
        result.append(edit.content)
        position = edit.end
    return result + waiting[::-1]


def _length(piece: _Piece) -> int:
    return len(piece) if isinstance(piece, str) else piece[1] - piece[0]


def _edits(text: str, pieces: list[_Piece]) -> tuple[Edit, ...]:
    """What the pieces say about the original: what lies between two that were kept was replaced."""
    edits: list[Edit] = []
    end, added = 0, ""
    for piece in [*pieces, (len(text), len(text))]:
        if isinstance(piece, str):
            added += piece
            continue
        if added or piece[0] > end:
            edits.append(Edit(end, piece[0], added))
        end, added = piece[1], ""
    return tuple(edits)
