"""Breaks cases in a copy of their package, and looks at what kerasfix makes of them.

Many cases share a run of kerasfix, but never two of one method or function.
"""

from __future__ import annotations

import ast
import enum
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chains.cases import Case, Finder
from benchmarks.chains.repair import other_repair
from benchmarks.packages import Finding, Process, kerasfix, parse, parse_findings, python_files, wheel
from benchmarks.restore.expected import fingerprint
from benchmarks.restore.library import Library
from benchmarks.restore.surgery import cut


class Verdict(enum.Enum):
    """What came of a break."""

    RESTORED = "restored"
    OTHER = "another repair"
    LEFT = "found, no edit"
    MISSED = "not found"
    UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case and what came of it.

    Attributes:
        said: What kerasfix says about the function now that it did not say before.
        reason: The group that it belongs to if it is not restored.
        texts: If it is not restored, the function as it was, broken, and as it came back.
    """

    case: Case
    verdict: Verdict
    said: tuple[str, ...] = ()
    reason: str = ""
    texts: tuple[bytes, bytes, bytes] = (b"", b"", b"")

    @property
    def is_found(self) -> bool:
        return self.verdict is Verdict.RESTORED or bool(self.said)


@dataclass(slots=True)
class Trial:
    """A copy of a package that kerasfix is run on again and again.

    Attributes:
        codes: The rules that are asked.
        problems: Sentences about runs that did not go as they should, whatever the cases.
    """

    package: str
    copy: Path
    codes: str
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    runs: int = 0
    already: list[Finding] = field(default_factory=list)
    _original: dict[Path, bytes] = field(default_factory=dict)

    def unpack(self) -> Finder:
        """Unpack the package, and note what kerasfix finds in it as it is.

        Returns:
            Who finds the cases.
        """
        with zipfile.ZipFile(wheel(self.package)) as archive:
            for name in archive.namelist():
                if name.endswith(".py"):
                    archive.extract(name, self.copy)
        self._original = self._read()
        self.already = self._findings()
        return Finder(self.package, Library(self._original))

    def is_faulty(self, case: Case) -> bool:
        """Whether kerasfix finds something in the function before anything is broken in it."""
        return any(_is_in(each, case) for each in self.already)

    def run(self, batch: Sequence[Case]) -> Iterator[Outcome]:
        """Break all cases of a batch, run kerasfix, and undo everything."""
        by_path: dict[Path, list[Case]] = {}
        for case in batch:
            by_path.setdefault(case.path, []).append(case)
        broken = {
            path: cut(self._original[path], [case.cut for case in cases]) for path, cases in by_path.items()
        }
        for path, data in broken.items():
            (self.copy / path).write_bytes(data)
        # What stands around them is read from where it is.
        paths = [path.as_posix() for path in sorted(broken)]
        findings = self._findings(paths)
        self._kerasfix(paths, "--apply", "--suggestions")
        found = {path: (self.copy / path).read_bytes() for path in broken}
        for path, cases in by_path.items():
            here = [each for each in findings if each.path == path]
            yield from _judged(cases, (self._original[path], broken[path], found[path]), here)
        for path in broken:
            (self.copy / path).write_bytes(self._original[path])

    def _findings(self, paths: Sequence[str] = (".",)) -> list[Finding]:
        return parse_findings(self._kerasfix(paths).stdout)

    def _kerasfix(self, paths: Sequence[str], *options: str) -> Process:
        process = kerasfix(self.copy, "--select", self.codes, *options, paths=paths)
        self.seconds += process.seconds
        self.runs += 1
        if process.crashed:
            self.problems.append(f"kerasfix failed: {process.stderr.strip()[-300:]}")
        return process

    def _read(self) -> dict[Path, bytes]:
        return {path.relative_to(self.copy): path.read_bytes() for path in python_files(self.copy)}


def _judged(
    cases: Sequence[Case], texts: tuple[bytes, bytes, bytes], findings: Sequence[Finding]
) -> Iterator[Outcome]:
    original, broken, found = (parse(data) for data in texts)
    assert original is not None, "what was published does not parse"
    assert broken is not None, "the break itself does not parse"
    for case in cases:
        # A break leaves the lines where they were.
        inside = [each for each in findings if _is_in(each, case)]
        said = tuple(dict.fromkeys(f"{each.code} line {each.line}: {each.message}" for each in inside))
        if found is None:
            yield Outcome(case, Verdict.UNPARSABLE, said, "does not parse")
            continue
        trees = [_at(tree, case.statement) for tree in (original, broken, found)]
        if fingerprint(trees[0]) == fingerprint(trees[2]):
            yield Outcome(case, Verdict.RESTORED, said)
            continue
        excerpts = tuple(_text(data, tree) for data, tree in zip(texts, trees, strict=True))
        assert len(excerpts) == 3
        if fingerprint(trees[1]) != fingerprint(trees[2]):
            verdict, reason = Verdict.OTHER, other_repair(case.kind, *trees)
        elif inside:
            verdict, reason = Verdict.LEFT, _why_left(inside)
        else:
            verdict, reason = Verdict.MISSED, "nothing is said about the function"
        yield Outcome(case, verdict, said, reason, excerpts)


def batches(cases: Iterable[Case]) -> list[list[Case]]:
    """The cases, in groups that can share a run: one of each method or function."""
    found: list[list[Case]] = []
    rounds: dict[tuple[Path, tuple[int, ...]], int] = {}
    for case in cases:
        key = case.path, case.statement
        number = rounds.get(key, 0)
        rounds[key] = number + 1
        if number == len(found):
            found.append([])
        found[number].append(case)
    return found


def _is_in(finding: Finding, case: Case) -> bool:
    first, last = case.lines
    return finding.path == case.path and first <= finding.line <= last


def _why_left(findings: Sequence[Finding]) -> str:
    first = findings[0]
    if first.code == "KF202":
        return "KF202, and what to assign it to is not said"
    if first.fix == "none":
        return f"{first.code}, with no repair, or several of which none is likely"
    return f"{first.code}, with a {first.fix} that is not written"


def _at(tree: ast.Module, statement: Sequence[int]) -> ast.stmt:
    node: ast.Module | ast.stmt = tree
    for number in statement:
        assert isinstance(node, ast.Module | ast.ClassDef)
        node = node.body[number]
    assert isinstance(node, ast.stmt)
    return node


def _text(data: bytes, node: ast.stmt) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[node.lineno - 1 : node.end_lineno])
