"""The library: find and fix the faults of a source text without a file or a command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kerasfix.engine import Engine, allow_up_to
from kerasfix.finder import Finder
from kerasfix.findings import Applicability, Finding
from kerasfix.plan import make_plan
from kerasfix.selection import Selection
from kerasfix.source import Edit, Source


@dataclass(frozen=True, slots=True)
class Fixed:
    """What `fix` did.

    Attributes:
        text: The new text; the same as the old one if nothing was to be fixed.
        edits: What changed, as edits on the old text.
        applied: The findings that were fixed. Where one fix had to wait for another (nested calls), its
            offsets count in the text between the two.
        left: The findings that are left in `text`, offsets counted there.
    """

    text: str
    edits: tuple[Edit, ...]
    applied: tuple[Finding, ...]
    left: tuple[Finding, ...]


def check(source: str, *, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[Finding]:
    """Find the faults of a program.

    Nothing of the program runs, and neither TensorFlow nor Keras is imported.

    Args:
        source: The text of the program, without a byte order mark.
        select: Codes, or beginnings of codes, of the only rules to apply ("KF1"); all if empty.
        ignore: Codes, or beginnings of codes, of rules not to apply.

    Returns:
        The findings in the order of the text; offsets count characters of `source`.

    Raises:
        SourceError: if the text is not a Python program.
    """
    return _engine(select, ignore).check_source(Source(source))


def fix(
    source: str,
    *,
    applicability: Iterable[Applicability] = (Applicability.SAFE, Applicability.REPAIR),
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Fixed:
    """Fix the faults of a program.

    Args:
        source: The text of the program, without a byte order mark.
        applicability: The classes of fixes to make.
        select: Codes, or beginnings of codes, of the only rules to apply ("KF1"); all if empty.
        ignore: Codes, or beginnings of codes, of rules not to apply.

    Returns:
        The new text, what changed, what was fixed and what is left. Fixing the new text changes nothing.

    Raises:
        SourceError: if the text is not a Python program.
        PlanError: if a fix is not Python; the text is then to be left as it is.
    """
    engine = _engine(select, ignore)
    plan = make_plan(source, engine.check_source, allow_up_to(*applicability))
    return Fixed(plan.text, plan.edits, plan.applied, plan.left)


def _engine(select: Iterable[str], ignore: Iterable[str]) -> Engine:
    return Engine(Finder(Selection(tuple(select), tuple(ignore))))
