"""Breaks cases in a copy of their package, lets kerasfix mend it, and looks at what came back.

Many cases share one run of kerasfix, but never two of which one class needs the other, so that none can help
or harm another. All that is not the class of a case has to stay as it was, in every file.
"""

from __future__ import annotations

import ast
import enum
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.packages import Finding, Process, kerasfix, parse, parse_findings, python_files, wheel
from benchmarks.restore.cases import Case, Finder, Kind
from benchmarks.restore.expected import (
    Expected,
    fingerprint,
    normal_print,
    with_flag_last,
    without_passes,
)
from benchmarks.restore.library import Library
from benchmarks.restore.surgery import Cut, cut

_PLACE = re.compile(r"\blines? \d+(?:, \d+)*(?: and \d+)?|\b[\w/]+\.py:\d+")
_QUOTED = re.compile(r"`[^`]*`")
_DECORATOR = re.compile(r"the decorator `[^`]*`")


class Verdict(enum.Enum):
    """What came of a break. CHANGED: something else than the original, or more than that."""

    RESTORED = "restored"
    LEFT = "left alone"
    CHANGED = "wrongly changed"
    UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case and what came of it.

    Attributes:
        reason: Why kerasfix left it alone, in its own words; or what is wrong.
        is_same_tree: Whether the author's own form came back.
        is_same_text: Whether the very bytes did.
        texts: If it is not restored, the class as it was, broken, and as it came back.
        beside: What else was changed, where nothing was broken.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    is_same_tree: bool = False
    is_same_text: bool = False
    expected: Expected | None = None
    texts: tuple[bytes, bytes, bytes] = (b"", b"", b"")
    beside: str = ""


@dataclass(slots=True)
class Trial:
    """A copy of a package that kerasfix is run on again and again.

    Attributes:
        options: Options for kerasfix besides `--apply`.
        problems: Sentences about runs that did not go as they should, whatever the cases.
        prepared: How many defaults were None instead of False before anything else was done.
    """

    package: str
    copy: Path
    options: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    runs: int = 0
    prepared: int = 0
    _settled: dict[Path, bytes] = field(default_factory=dict)
    _known: set[tuple[Path, str, str]] = field(default_factory=set)

    def settle(self) -> Finder:
        """Unpack the package and mend what kerasfix finds in it as it is, so that it finds nothing else.

        Returns:
            Who finds the cases.
        """
        with zipfile.ZipFile(wheel(self.package)) as archive:
            for name in archive.namelist():
                if name.endswith(".py"):
                    archive.extract(name, self.copy)
        published = Library(_read(self.copy))
        first = Finder(self.package, published, published)
        for _ in first.cases():
            pass
        self.prepared = len(first.false_defaults)
        cuts: dict[Path, list[Cut]] = {}
        for path, each in first.false_defaults:
            cuts.setdefault(path, []).append(each)
        for path, of_file in cuts.items():
            (self.copy / path).write_bytes(cut(published.files[path], of_file))
        self._kerasfix()
        self._settled = _read(self.copy)
        again = self._kerasfix()
        if _read(self.copy) != self._settled:
            self.problems.append("a second --apply on the package itself changed it again")
            self._settled = _read(self.copy)
        self._known = {(each.path, each.code, each.message) for each in parse_findings(again.stdout)}
        return Finder(self.package, published, Library(self._settled))

    def run(self, batch: Sequence[Case]) -> Iterator[Outcome]:
        """Break all cases of a batch, run kerasfix once, and undo everything."""
        by_path: dict[Path, list[Case]] = {}
        for case in batch:
            by_path.setdefault(case.path, []).append(case)
        broken = {
            path: cut(self._settled[path], [each for case in cases for each in case.cuts])
            for path, cases in by_path.items()
        }
        for path, data in broken.items():
            (self.copy / path).write_bytes(data)
        process = self._kerasfix()
        found = _read(self.copy)
        findings = parse_findings(process.stdout)
        beside = self._beside(batch, broken, found)
        for path, cases in by_path.items():
            here = [each for each in findings if each.path == path]
            judge = _Judge(self._settled[path], broken[path], found[path], here, self._known)
            for case in cases:
                outcome = judge.outcome(case)
                if case in beside:
                    reason = "something else was changed too"
                    outcome = replace(
                        outcome, verdict=Verdict.CHANGED, reason=reason, beside=", ".join(beside[case])
                    )
                yield outcome
        for path, data in found.items():
            if data != self._settled[path]:
                (self.copy / path).write_bytes(self._settled[path])

    def _beside(
        self, batch: Sequence[Case], broken: dict[Path, bytes], found: dict[Path, bytes]
    ) -> dict[Case, list[str]]:
        """What was changed where nothing was broken, under the cases that can be the cause."""
        blamed: dict[Case, list[str]] = {}
        for path, data in found.items():
            before = self._settled[path]
            if data in (before, broken.get(path)):
                continue
            broken_here = {case.statement for case in batch if case.path == path}
            for number, name in _changed_statements(before, data):
                if number in broken_here:
                    continue
                near = [case for case in batch if (path, name) in case.reach]
                near = near or [case for case in batch if case.path == path]
                if not near:
                    self.problems.append(f"{path.as_posix()}: {name} changed, and nothing was broken there")
                for case in near:
                    blamed.setdefault(case, []).append(f"{name} in {path.as_posix()}")
        return blamed

    def _kerasfix(self) -> Process:
        process = kerasfix(self.copy, "--apply", *self.options)
        self.seconds += process.seconds
        self.runs += 1
        if process.crashed:
            self.problems.append(f"kerasfix failed: {process.stderr.strip()[-300:]}")
        return process


class _Judge:
    """Compares one file before, broken, and after."""

    def __init__(
        self,
        settled: bytes,
        broken: bytes,
        found: bytes,
        findings: Sequence[Finding],
        known: set[tuple[Path, str, str]],
    ) -> None:
        self.texts = settled, broken, found
        self.trees = [parse(data) for data in self.texts]
        assert self.trees[0] is not None, "what kerasfix settled does not parse"
        assert self.trees[1] is not None, "the break itself does not parse"
        self.findings = [each for each in findings if (each.path, each.code, each.message) not in known]

    def outcome(self, case: Case) -> Outcome:
        if self.trees[2] is None:
            return Outcome(case, Verdict.UNPARSABLE, "does not parse")
        settled, broken, found = (
            tree.body[case.statement :][:1] if tree is not None else [] for tree in self.trees
        )
        texts = _text(self.texts[0], settled), _text(self.texts[1], broken), _text(self.texts[2], found)
        if texts[1] == texts[2]:
            return Outcome(case, Verdict.LEFT, self._reason(found), texts=texts)
        reason = self._reason(found)
        same_tree = bool(found) and fingerprint(found[0]) == fingerprint(settled[0])
        lost_all = case.kind is Kind.SIGNATURE
        expected = with_flag_last(settled[0]) if lost_all else Expected(normal_print(settled[0]))
        if found and normal_print(found[0]) == expected.print:
            same_text = texts[0] == texts[2]
            return Outcome(case, Verdict.RESTORED, "", same_tree, same_text, expected)
        if found and without_passes(found[0]) == without_passes(settled[0]):
            reason = f"differs only in what gets the flag; {reason}"
        return Outcome(case, Verdict.CHANGED, reason, expected=expected, texts=texts)

    def _reason(self, found: Sequence[ast.stmt]) -> str:
        """What kerasfix says about the class now that it did not say before."""
        inside = [
            each
            for each in self.findings
            for node in found
            if node.lineno <= each.line <= (node.end_lineno or node.lineno)
        ]
        return "; ".join(dict.fromkeys(_said(each) for each in inside)) or "nothing is said about the class"


def batches(cases: Iterable[Case], *, alone: bool = False) -> list[list[Case]]:
    """The cases, in groups that can share a run; with `alone`, each for itself."""
    found: list[list[Case]] = []
    for case in cases:
        for batch in found:
            if not alone and not any(case.interacts(other) for other in batch):
                batch.append(case)
                break
        else:
            found.append([case])
    return found


def _changed_statements(before: bytes, after: bytes) -> Iterator[tuple[int, str]]:
    """Numbers of the statements of a module that say something else, with the names of the classes."""
    old, new = parse(before), parse(after)
    if old is None or new is None:
        return
    if len(old.body) != len(new.body):
        yield -1, "the number of statements"
        return
    for number, (one, other) in enumerate(zip(old.body, new.body, strict=True)):
        if fingerprint(one) != fingerprint(other):
            yield number, one.name if isinstance(one, ast.ClassDef) else f"statement {number}"


def _text(data: bytes, statements: Sequence[ast.stmt]) -> bytes:
    """The lines of a statement, or nothing."""
    lines = data.splitlines(keepends=True)
    return b"".join(line for node in statements for line in lines[node.lineno - 1 : node.end_lineno])


def _said(finding: Finding) -> str:
    """What a finding says, the same for all cases of one sort."""
    text = finding.note or finding.message
    decorator = _DECORATOR.search(text)
    if decorator:
        return f"{finding.code}: {decorator[0]}"
    text = _QUOTED.sub("`…`", _PLACE.sub("line N", text))
    return f"{finding.code}: {text}" + (f" ({finding.fix})" if finding.fix != "none" else "")


def _read(copy: Path) -> dict[Path, bytes]:
    return {path.relative_to(copy): path.read_bytes() for path in python_files(copy)}
