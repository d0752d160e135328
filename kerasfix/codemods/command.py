"""kerasfix as a codemod of LibCST, for people who run several of them over their files."""

from __future__ import annotations

import argparse
import os
from typing import Any

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile


class Fix(CodemodCommand):
    """Writes what `kerasfix --apply` writes, file by file; a fix that needs several files is left out.

    Args:
        context: What LibCST's tool says of a run.
        safe_only: Whether to write only fixes that are safe.
        suggestions: Whether to write suggestions too, unproved.
        select: Codes of the only rules to apply, separated by commas.
    """

    DESCRIPTION = "Fix where Keras models lose their training flag or their gradient (kerasfix --apply)."

    def __init__(
        self,
        context: CodemodContext,
        safe_only: bool = False,
        suggestions: bool = False,
        select: str = "",
        **_more: Any,
    ) -> None:
        super().__init__(context)
        self._safe_only = safe_only
        self._suggestions = suggestions
        self._select = select

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        arg_parser.add_argument("--safe-only", action="store_true", help="Only fixes that are safe.")
        arg_parser.add_argument("--suggestions", action="store_true", help="Suggestions too, unproved.")
        arg_parser.add_argument("--select", default="", metavar="CODES", help="Only these rules (KF1,KF201).")

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module with its fixes.

        Raises:
            SkipFile: if there is nothing to fix, or no fix can be written.
        """
        # The engine stands above this room; only this command reaches up to it.
        from kerasfix.engine import Engine, allow_up_to
        from kerasfix.finder import Finder
        from kerasfix.findings import Applicability
        from kerasfix.plan import make_plans
        from kerasfix.selection import Selection
        from kerasfix.source import Source, SourceError

        allowed = [Applicability.SAFE]
        if not self._safe_only:
            allowed += [Applicability.REPAIR, *([Applicability.SUGGESTION] if self._suggestions else [])]
        file = os.path.realpath(self.context.filename) if self.context.filename else ""
        codes = tuple(each.strip().upper() for each in self._select.split(",") if each.strip())
        try:
            made = make_plans(
                {file: Source(tree.code, file)},
                Engine(Finder(Selection(codes))).check_sources,
                allow_up_to(*allowed),
            )
        except SourceError as error:
            raise SkipFile(error.reason) from None
        if made.failed:
            raise SkipFile(str(made.failed[file]))
        plan = made.plans[file]
        if not plan.edits:
            raise SkipFile("nothing to fix")
        return cst.parse_module(plan.text)
