"""From findings to a new text: round after round until nothing changes, every round checked by a parse.

Edits of one round can touch (nested calls are the daily case); those that do wait for the next one. What
all rounds did together is kept as edits on the original text, which is all that a diff needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kerasfix.findings import Finding, Fix
from kerasfix.source import Edit, Source, SourceError

# Far more than nesting needs; a fix that is never still would otherwise run for ever.
_MAX_ROUNDS = 50
# The rule about comments that silence nothing.
_LAST = "KF000"


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
        rounds: For each of `applied`, the edits that led to the text in which it counts, round by round.
    """

    original: str
    text: str
    edits: tuple[Edit, ...]
    applied: tuple[Finding, ...]
    left: tuple[Finding, ...]
    rounds: tuple[tuple[Sequence[Edit], ...], ...] = field(default=(), compare=False, repr=False)


Check = Callable[[Mapping[str, Source]], Mapping[str, Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Plans:
    """The fixes of several texts that belong together, by file.

    Attributes:
        plans: One for each text.
        failed: Why a text is left as it is although there are fixes for it.
    """

    plans: dict[str, Plan]
    failed: dict[str, PlanError]


def make_plan(
    text: str,
    check: Callable[[Source], list[Finding]],
    allow: Callable[[Finding], bool],
    known: Sequence[Finding] | None = None,
) -> Plan:
    """Fix all that `allow` lets through in one text, until a check finds nothing more to fix.

    Args:
        text: The text.
        check: Finds the faults of a source.
        allow: Whether to write the fix of a finding that has one.
        known: What `check` finds in `text`, if that is known already.

    Raises:
        SourceError: if the text itself cannot be parsed.
        PlanError: if a fix breaks the syntax, or if the fixes never come to rest. Nothing is to be written.
    """
    made = make_plans(
        {"": Source(text)},
        lambda sources: {"": check(sources[""])},
        allow,
        None if known is None else {"": known},
    )
    if made.failed:
        raise made.failed[""]
    return made.plans[""]


def make_plans(
    sources: Mapping[str, Source],
    check: Check,
    allow: Callable[[Finding], bool],
    known: Mapping[str, Sequence[Finding]] | None = None,
) -> Plans:
    """Fix all that `allow` lets through, until a check of all sources finds nothing more to fix.

    A text that a fix would break is left as it is, and so is whatever belongs to that fix elsewhere.

    Args:
        sources: The texts by their `Source.file`.
        check: Finds the faults of all sources, by file.
        allow: Whether to write the fix of a finding that has one.
        known: What `check` finds in `sources`, if that is known already.

    Raises:
        SourceError: if a text itself cannot be parsed.
    """
    failed: dict[str, PlanError] = {}
    findings = check(sources) if known is None else known
    while True:

        def allowed(finding: Finding) -> bool:
            fix = finding.fix
            return fix is not None and failed.keys().isdisjoint(_files(finding)) and allow(finding)

        try:
            return Plans(_make_plans(sources, check, allowed, findings), failed)
        except _FileError as error:
            failed.update(error.files)


class _FileError(Exception):
    """Files whose fixes go wrong."""

    def __init__(self, files: dict[str, PlanError]) -> None:
        super().__init__(files)
        self.files = files


def _make_plans(
    originals: Mapping[str, Source],
    check: Check,
    allow: Callable[[Finding], bool],
    findings: Mapping[str, Sequence[Finding]],
) -> dict[str, Plan]:
    sources = dict(originals)
    pieces: dict[str, list[_Piece]] = {file: [(0, len(source.text))] for file, source in sources.items()}
    applied: dict[str, list[Finding]] = {file: [] for file in sources}
    rounds: dict[str, list[tuple[Sequence[Edit], ...]]] = {file: [] for file in sources}
    for _ in range(_MAX_ROUNDS):
        allowed = [each for group in findings.values() for each in group if allow(each)]
        # Whether a comment silences nothing shows when all the rest is done.
        chosen = _choose([each for each in allowed if each.code != _LAST] or allowed)
        if not chosen:
            return {
                file: Plan(
                    original.text,
                    sources[file].text,
                    _edits(original.text, pieces[file]),
                    tuple(applied[file]),
                    tuple(findings.get(file, ())),
                    tuple(rounds[file]),
                )
                for file, original in originals.items()
            }
        steps: dict[str, set[Edit]] = {}
        for each in chosen:
            applied[each.file].append(each)
            rounds[each.file].append(sources[each.file].rounds)
            for edit in each.fix.edits if each.fix is not None else ():
                steps.setdefault(edit.file, set()).add(edit)
        for file, edits in steps.items():
            step = sorted(edits)
            here = [each for each in chosen if file in _files(each)]
            sources[file] = _edited(sources[file], step, here)
            pieces[file] = _replace(pieces[file], step)
        findings = check(sources)
    restless = PlanError(f"{_codes(chosen)} keeps changing the text")
    raise _FileError({file: restless for each in chosen for file in _files(each)})


def together(plans: Sequence[Plan], files: Iterable[str]) -> list[list[str]]:
    """The files that must be written together, because one fix changes several of them.

    Args:
        plans: What is to be written.
        files: The files that it is to be written to.

    Returns:
        Groups of files, each file in one group, in the order given.
    """
    group = {file: {file} for file in files}
    for plan in plans:
        for finding in plan.applied:
            joined = set().union(*(group[file] for file in _files(finding) if file in group))
            group.update(dict.fromkeys(joined, joined))
    order = list(group)
    found: list[list[str]] = []
    for file in order:
        if not any(file in each for each in found):
            found.append(sorted(group[file], key=order.index))
    return found


def without_crossings(plan: Plan, unwritten: Collection[str]) -> Plan:
    """The plan as it is to be shown if some files could not be written.

    A finding loses the fixes that lead from a file that was written into one that was not, or back: their
    offsets count in texts that are not both there.
    """

    def stays(finding: Finding, fix: Fix) -> bool:
        here = finding.file in unwritten
        return all((edit.file in unwritten) is here for edit in fix.edits)

    left = tuple(
        replace(
            each,
            fix=each.fix if each.fix is not None and stays(each, each.fix) else None,
            others=tuple(other for other in each.others if stays(each, other)),
        )
        for each in plan.left
    )
    return replace(plan, left=left)


def _files(finding: Finding) -> set[str]:
    assert finding.fix is not None
    return {finding.file, *(edit.file for edit in finding.fix.edits)}


def _edited(source: Source, step: list[Edit], chosen: list[Finding]) -> Source:
    """A source with edits made; it is still Python."""
    try:
        new = source.edited(step)
        _ = new.tree
    except SourceError as error:
        reason = f"the fix of {_codes(chosen)} is not Python ({error.reason})"
    except ValueError as error:
        reason = f"the fix of {_codes(chosen)} is at odds with itself ({error})"
    else:
        return new
    raise _FileError({source.file: PlanError(reason)})


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
