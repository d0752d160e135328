"""Which rules speak, where, and which of their fixes are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kerasfix.findings import Finding, Severity

_NOT_FIXED = "Not fixed, because the settings (`fixable`, `unfixable`) say so"


class Where(Protocol):
    """Tells the files that a pattern names."""

    def names(self, path: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules speak, by code or beginning of a code ("KF1").

    Where a code is selected and ignored, the longer beginning wins: `KF1` ignored and `KF103` selected gives
    KF103, as it does in ruff.

    Attributes:
        select: Only these; all if empty.
        ignore: Not these.
        min_severity: Only findings that are as bad as this or worse.
        banned: Not these either, whatever is selected.
        fixable: Only the fixes of these; all if empty.
        unfixable: Not the fixes of these.
        ignored_in: Codes that are ignored in some files.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    banned: tuple[str, ...] = ()
    fixable: tuple[str, ...] = ()
    unfixable: tuple[str, ...] = ()
    ignored_in: tuple[tuple[Where, tuple[str, ...]], ...] = ()

    def wants(self, code: str) -> bool:
        """Whether a rule speaks anywhere."""
        return _is_chosen(code, self.select, self.ignore) and not code.startswith(self.banned)

    def left_out_of(self, file: str) -> tuple[str, ...]:
        """The codes, or beginnings of codes, that do not count in one file."""
        if not file:
            return ()
        return tuple(code for where, codes in self.ignored_in if where.names(file) for code in codes)

    def is_bad_enough(self, finding: Finding) -> bool:
        return finding.severity.is_at_least(self.min_severity)

    def with_its_fixes(self, finding: Finding) -> Finding:
        """A finding without fixes if those of its rule are not to be made."""
        if _is_chosen(finding.code, self.fixable, self.unfixable):
            return finding
        if finding.fix is None and not finding.others:
            return finding
        return replace(finding, fix=None, others=(), help=finding.help or _NOT_FIXED)


EVERYTHING = Selection()


def _is_chosen(code: str, chosen: Sequence[str], refused: Sequence[str]) -> bool:
    """Whether the longest beginning that fits is one of the chosen ones; all are chosen if none is named."""
    if not chosen and not refused:
        return True
    wanted = max((len(each) for each in chosen if code.startswith(each)), default=-1 if chosen else 0)
    return wanted > max((len(each) for each in refused if code.startswith(each)), default=-1)
