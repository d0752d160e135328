"""Breaks cases in a copy of their package, and looks at what kerasfix makes of them.

Cases of different files share a run of kerasfix. What it does to the package as published is found out first;
a case is restored if all of its file is as if nothing had been broken.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.difference import difference
from benchmarks.loops.blocks import says_mode, spots
from benchmarks.loops.callee import Callee, Callees
from benchmarks.loops.cases import Case, calls_of, cases, training_modules
from benchmarks.loops.sources import Trained
from benchmarks.packages import (
    Finding,
    Process,
    kerasfix,
    parse,
    parse_findings,
    programs,
    source_archive,
    wheel,
)
from benchmarks.restore.expected import fingerprint
from benchmarks.restore.knowledge import FLAG
from benchmarks.restore.library import Library
from benchmarks.restore.surgery import cut

# These add arguments and parameters; KF304 takes statements away, and is no rule of what is taken out here.
RULES = "KF301,KF302,KF303"


class Verdict(enum.Enum):
    """What came of a break."""

    RESTORED = "restored"
    LEFT = "found, no edit"
    MISSED = "not found"
    OTHER = "another edit"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case and what came of it.

    Attributes:
        is_same_text: Whether the author's very bytes came back.
        said: What kerasfix says about the function now that it did not say before.
        difference: If something else was edited, what.
    """

    case: Case
    verdict: Verdict
    is_same_text: bool = False
    said: tuple[str, ...] = ()
    difference: str = ""


@dataclass(frozen=True, slots=True)
class Edited:
    """A call in a training loop, as published, that kerasfix gave the flag.

    Attributes:
        trained: Whether what is called is trained there.
    """

    place: str
    new: str
    trained: Trained


@dataclass(slots=True)
class Trial:
    """A copy of a package that kerasfix is run on again and again.

    Attributes:
        from_source: Whether it is its source archive; else its wheel.
        findings: What kerasfix finds in it as published.
        edits: What it would change in that, as a diff.
        edited: The calls in training loops that it gave the flag there.
        untrained: How many calls in training loops said no mode, of layers and models that are not trained
            there.
        problems: Sentences about runs that did not go as they should, whatever the cases.
    """

    package: str
    copy: Path
    from_source: bool = False
    findings: list[Finding] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    edited: list[Edited] = field(default_factory=list)
    untrained: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    runs: int = 0
    _original: dict[Path, bytes] = field(default_factory=dict)
    _settled: dict[Path, bytes] = field(default_factory=dict)

    def cases(self) -> list[Case]:
        """Unpack the package, note what kerasfix does to it as it is, and find the cases."""
        archive = (source_archive if self.from_source else wheel)(self.package)
        self._original = programs(archive)
        for path, data in self._original.items():
            (self.copy / path).parent.mkdir(parents=True, exist_ok=True)
            (self.copy / path).write_bytes(data)
        self.findings = parse_findings(self._kerasfix().stdout)
        if any(each.fix in ("safe", "repair") for each in self.findings):
            self._kerasfix("--apply")
        self._settled = {path: (self.copy / path).read_bytes() for path in self._original}
        self._undo()
        library = Library(self._original)
        found = list(cases(self.package, library))
        self._look_at_edits(library)
        return found

    def run(self, batch: Sequence[Case]) -> Iterator[Outcome]:
        """Break all cases of a batch, run kerasfix, and undo everything."""
        broken = {case.path: cut(self._original[case.path], [case.cut]) for case in batch}
        for path, data in broken.items():
            (self.copy / path).write_bytes(data)
        findings = parse_findings(self._kerasfix("--apply").stdout)
        found = {path: (self.copy / path).read_bytes() for path in self._original}
        for path, data in found.items():
            if path not in broken and data != self._settled[path]:
                changed = _difference(path, self._settled[path], data)
                self.problems.append(f"another file changed: {changed}")
        for case in batch:
            yield self._judged(case, found[case.path], findings)
        self._undo()

    def _judged(self, case: Case, found: bytes, findings: Sequence[Finding]) -> Outcome:
        known = {(each.path, each.code, each.message) for each in self.findings}
        said = tuple(
            dict.fromkeys(
                f"{each.code} line {each.line}, {each.fix}: {each.message} {each.note}".strip()
                for each in findings
                if each.path == case.path
                and case.lines[0] <= each.line <= case.lines[1]
                and (each.path, each.code, each.message) not in known
            )
        )
        settled = self._settled[case.path]
        if found == settled or _print(found) == _print(settled):
            return Outcome(case, Verdict.RESTORED, found == settled)
        if _print(found) == _print(settled, case.number):
            return Outcome(case, Verdict.LEFT if said else Verdict.MISSED, said=said)
        return Outcome(case, Verdict.OTHER, said=said, difference=_difference(case.path, settled, found))

    def _look_at_edits(self, library: Library) -> None:
        """Note what was done to the package as published, and to which calls in training loops."""
        callees = Callees(library)
        for module in training_modules(library):
            settled = parse(self._settled[module.path])
            assert settled is not None, "what kerasfix made of it does not parse"
            # Arguments are added, never calls.
            after = dict(zip(calls_of(module.tree), calls_of(settled), strict=True))
            for spot in spots(module.tree):
                if says_mode(spot.call):
                    continue
                new = after[spot.call]
                if len(new.keywords) > len(spot.call.keywords):
                    place = f"{self.package} {module.path.as_posix()}:{spot.call.lineno}"
                    self.edited.append(Edited(place, ast.unparse(new), spot.trained))
                if spot.trained is Trained.NO:
                    self.untrained += callees.judge(module, spot) in (Callee.KNOWN, Callee.WITHOUT)
        for path, data in self._original.items():
            if data != self._settled[path]:
                self.edits.append(_difference(path, data, self._settled[path]))

    def _undo(self) -> None:
        for path, data in self._original.items():
            if (self.copy / path).read_bytes() != data:
                (self.copy / path).write_bytes(data)

    def _kerasfix(self, *options: str) -> Process:
        process = kerasfix(self.copy, "--select", RULES, *options)
        self.seconds += process.seconds
        self.runs += 1
        if process.crashed:
            self.problems.append(f"kerasfix failed: {process.stderr.strip()[-300:]}")
        return process


def batches(found: Sequence[Case]) -> list[list[Case]]:
    """The cases, in groups that can share a run: one of each file."""
    result: list[list[Case]] = []
    rounds: dict[Path, int] = {}
    for case in found:
        number = rounds.get(case.path, 0)
        rounds[case.path] = number + 1
        if number == len(result):
            result.append([])
        result[number].append(case)
    return result


def _print(data: bytes, without: int | None = None) -> int | None:
    """What a program says, with the flag as the last keyword of every call; but for one call, without it."""
    tree = parse(data)
    if tree is None:
        return None
    for number, call in enumerate(calls_of(tree)):
        if number == without:
            call.keywords = [keyword for keyword in call.keywords if keyword.arg != FLAG]
        call.keywords.sort(key=lambda keyword: keyword.arg == FLAG)
    return fingerprint(tree)


def _difference(path: Path, before: bytes, after: bytes) -> str:
    text = difference("before", before, "after", after, 3)
    return f"{path.as_posix()}\n{text.partition('@@')[1]}{text.partition('@@')[2]}"
