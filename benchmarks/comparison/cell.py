"""What comes out of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["yes", "partly", "no", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What came out: a mark, and for all but "yes" what was seen."""

    mark: Mark
    note: str = ""


YES = Cell("yes")


def seen(is_so: bool, otherwise: str) -> Cell:
    """Yes, or no with what was seen instead."""
    return YES if is_so else Cell("no", otherwise)
