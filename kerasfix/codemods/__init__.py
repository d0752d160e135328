"""The few rewrites that rules share, each on the source of one call or one signature.

`kerasfix.codemods.training` turns what the analysis says into edits. It loads LibCST, so a rule imports it
only once there is something to write.

`python -m libcst.tool codemod --no-format -x kerasfix.codemods.Fix models.py` fixes files by LibCST's tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasfix.codemods.command import Fix

__all__ = ["CannotEdit", "Fix"]


class CannotEdit(Exception):
    """The source has a shape that no codemod knows; says which, as the end of "left alone, because"."""


def __getattr__(name: str) -> Any:
    # LibCST is loaded for who asks, not for every import of this package.
    if name == "Fix":
        from kerasfix.codemods.command import Fix

        return Fix
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
