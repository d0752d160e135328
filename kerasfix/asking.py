"""Going through the fixes one by one: each is shown, and made only if the answer is yes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from kerasfix.engine import Allow, ByFile, Engine, FileReport, Problem
from kerasfix.findings import Applicability, Finding, Fix
from kerasfix.output.console import Line, Printer
from kerasfix.output.text import finding_lines, fix_diff
from kerasfix.output.views import View
from kerasfix.plan import Plan
from kerasfix.source import Source

# What a finding says, of which text, and the how-manieth of its like it is: that stays while others are
# fixed.
_Key = tuple[str, str, str, str, str, str, int]
_HELP = (
    "y  make this fix",
    "n  leave it",
    "2, 3 ...  make the second, the third of the ways that are shown",
    "a  make this fix and all others that --apply makes",
    "q  leave it and all that are left",
    "e  explain the rule",
)


@dataclass
class Asking:
    """Asks which fixes to make.

    Args:
        allow: The fixes that an "all" makes.
        out: Where findings are shown.
        answers: Where answers come from; its end is a "quit".
    """

    allow: Allow
    out: Printer
    answers: TextIO = field(default_factory=lambda: sys.stdin)
    _wanted: dict[_Key, int] = field(default_factory=dict)
    _unwanted: set[_Key] = field(default_factory=set)
    _fixes: set[Fix] = field(default_factory=set)
    _takes_all: bool = False
    _is_over: bool = False

    def plans(self, engine: Engine, reports: Sequence[FileReport]) -> Mapping[str, Plan | Problem]:
        """The plans of files that were checked together, with the fixes that were wanted."""
        by_file = {each.source.file: each for each in reports}

        def choose(sources: Mapping[str, Source], found: ByFile) -> ByFile:
            return {
                file: [*self._chosen(findings, by_file[file], sources[file])]
                for file, findings in found.items()
            }

        return engine.plan(reports, lambda finding: finding.fix in self._fixes, choose)

    def _chosen(self, findings: Sequence[Finding], report: FileReport, source: Source) -> Iterator[Finding]:
        """Findings, each with the fix that is wanted of it in the first place."""
        seen: Counter[tuple[str, ...]] = Counter()
        for finding in findings:
            text = source.text[finding.start : finding.end]
            like = (finding.file, finding.code, finding.owner, finding.method, finding.message, text)
            seen[like] += 1
            ways = [*([finding.fix] if finding.fix is not None else []), *finding.others]
            key = (*like, seen[like])
            if ways and key not in self._wanted and key not in self._unwanted:
                self._ask(key, finding, ways, report, source)
            if key in self._wanted and self._wanted[key] < len(ways):
                way = ways[self._wanted[key]]
                self._fixes.add(way)
                yield replace(finding, fix=way)
            else:
                yield finding

    def _ask(
        self, key: _Key, finding: Finding, ways: Sequence[Fix], report: FileReport, source: Source
    ) -> None:
        if self._takes_all and self.allow(finding):
            self._wanted[key] = 0
            return
        if self._is_over or self._takes_all:
            self._unwanted.add(key)
            return
        view = View.on_the_way(report, source)
        self.out.lines(finding_lines(view, finding))
        self.out.lines(self._shown(ways, view))
        while True:
            answer = self._answer(len(ways))
            if answer == "y" or (answer.isdigit() and 1 <= int(answer) <= len(ways)):
                self._wanted[key] = int(answer) - 1 if answer.isdigit() else 0
                return
            if answer == "a":
                self._takes_all = True
                self._wanted[key] = 0
                return
            if answer in ("n", "q"):
                self._is_over = answer == "q"
                self._unwanted.add(key)
                return
            if answer == "e":
                self._explain(finding.code)
            else:
                self.out.lines([(f"  {line}", "")] for line in _HELP)

    def _shown(self, ways: Sequence[Fix], view: View) -> Iterator[Line]:
        """What each of the ways changes."""
        if len(ways) == 1 and ways[0].applicability is Applicability.SUGGESTION:
            # The finding shows it.
            return
        for number, way in enumerate(ways, 1):
            if len(ways) > 1:
                yield [(f"  {number}: {way.message} ({way.applicability.value})", "bold")]
            yield from fix_diff(view, way)

    def _answer(self, ways: int) -> str:
        more = f",1-{ways}" if ways > 1 else ""
        self.out.prompt(f"Make this fix? [y,n{more},a,q,e,?] ")
        line = self.answers.readline()
        return line.strip().lower()[:2] if line else "q"

    def _explain(self, code: str) -> None:
        from kerasfix.rules import rule

        known = rule(code)
        self.out.lines([(line, "")] for line in (known.documentation.splitlines() if known else ()))
