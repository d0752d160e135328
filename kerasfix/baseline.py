"""Known findings, kept in a file, so that old code does not stand in the way of new.

A finding is known by what it is about, not by its line number: its file, rule, class and function, and the
text of its line. One finding is one line of the file, in sorted order, so that two branches merge.
"""

from __future__ import annotations

import ast
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasfix.engine import Engine, FileReport, Problem
from kerasfix.findings import Finding
from kerasfix.keys import ConfigError
from kerasfix.source import Source
from kerasfix.syntax import walk
from kerasfix.workspace import WorkspaceError, read, save

_VERSION = 1
_KEYS = ("file", "code", "in", "line", "count")


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """What makes a finding the same one tomorrow.

    Attributes:
        file: The path from the folder of the baseline, with `/`.
        code: The rule.
        within: The classes and functions around it, "Net.call"; empty at the level of the module.
        line: The text of its line, each run of white space one space.
    """

    file: str
    code: str
    within: str
    line: str

    @property
    def content(self) -> tuple[str, str, str]:
        """The same without its file, which may have been renamed."""
        return self.code, self.within, self.line


@dataclass(frozen=True, slots=True)
class Compared:
    """Findings beside a baseline: those that are new, and the entries that the others used up."""

    new: dict[str, list[Finding]]
    used: Counter[Entry]


class Baseline:
    """Findings that are known already.

    Args:
        entries: Each with the number of findings that look like it.
        folder: The folder that their paths count from.
    """

    def __init__(self, entries: Mapping[Entry, int], folder: str) -> None:
        self.entries = Counter(entries)
        self.folder = folder
        files = {each.file for each in self.entries}
        self._gone = {file for file in files if not os.path.exists(os.path.join(folder, file))}

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """The baseline of a file.

        Raises:
            ConfigError: if it cannot be read, or is none.
        """
        try:
            content = json.loads(read(path).data.decode("utf-8"))
        except WorkspaceError as error:
            raise ConfigError(f"{path}: {error}") from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: not a baseline: {error}") from None
        return cls(Counter(dict(_entries(content, path))), _folder(path))

    def write(self, path: Path) -> None:
        """Write it to a file, always in the same order.

        Raises:
            ConfigError: if that cannot be done; then what was there is there still.
        """
        lines = []
        for entry in sorted(self.entries):
            values = (entry.file, entry.code, entry.within, entry.line, self.entries[entry])
            lines.append("    " + json.dumps(dict(zip(_KEYS, values, strict=True))))
        listed = ",\n".join(lines)
        found = f"[\n{listed}\n  ]" if lines else "[]"
        document = f'{{\n  "kerasfix-baseline": {_VERSION},\n  "findings": {found}\n}}\n'
        try:
            save(path, document.encode())
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None

    def without_known(
        self, sources: Mapping[str, Source], found: Mapping[str, Sequence[Finding]]
    ) -> dict[str, list[Finding]]:
        """The findings that are not known, by file."""
        return self.compare(sources, found).new

    def compare(self, sources: Mapping[str, Source], found: Mapping[str, Sequence[Finding]]) -> Compared:
        """Tell the findings that are known from those that are not."""
        left = Counter(self.entries)
        used: Counter[Entry] = Counter()
        waiting: list[tuple[Finding, Entry]] = []
        for file, findings in found.items():
            for finding, entry in zip(findings, self.entries_of(sources[file], findings), strict=True):
                if left[entry] > 0:
                    left[entry] -= 1
                    used[entry] += 1
                else:
                    waiting.append((finding, entry))
        # What a file had that is no more may be found in another one.
        moved: dict[tuple[str, str, str], list[Entry]] = {}
        for each in sorted(left):
            if each.file in self._gone:
                moved.setdefault(each.content, []).extend([each] * min(left[each], len(waiting)))
        new: dict[str, list[Finding]] = {file: [] for file in found}
        for finding, entry in waiting:
            if same := moved.get(entry.content):
                used[same.pop(0)] += 1
            else:
                new[finding.file].append(finding)
        return Compared(new, used)

    def entries_of(self, source: Source, findings: Sequence[Finding]) -> Iterator[Entry]:
        """The entries that findings in a file have or would have."""
        if not findings:
            return
        file = self.name_of(source.file)
        frames = sorted(
            (node.lineno, node.end_lineno or node.lineno, node.name)
            for node in walk(source.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        )
        for finding in findings:
            row = source.position(finding.start).line
            within = ".".join(name for first, last, name in frames if first <= row <= last)
            yield Entry(file, finding.code, within, " ".join(source.line(row).split()))

    def name_of(self, file: str) -> str:
        """The path of a file as entries have it."""
        try:
            return Path(os.path.relpath(file, self.folder)).as_posix()
        except ValueError:
            # On another drive.
            return Path(file).as_posix()

    def is_gone(self, file: str) -> bool:
        return file in self._gone


def keep_up(
    engine: Engine, reports: Sequence[FileReport | Problem], path: Path, *, update: bool
) -> Iterator[str]:
    """Make a baseline of what was found, or bring it up to date; or say what of it is gone.

    What the files that were not looked at have in it stays, and so does what rules that did not run have.

    Yields:
        What was done, for people.

    Raises:
        ConfigError: if the file cannot be written.
    """
    baseline = engine.baseline
    is_new = not isinstance(baseline, Baseline)
    if not isinstance(baseline, Baseline):
        baseline = Baseline({}, _folder(path))
    mine = [each for each in reports if isinstance(each, FileReport)]
    sources = {each.source.file: each.source for each in mine}
    compared = baseline.compare(sources, {each.source.file: each.everything for each in mine})
    looked_at = {baseline.name_of(file) for file in sources}
    selection = engine.selection

    def is_over(entry: Entry) -> bool:
        left_out = selection.left_out_of(os.path.join(baseline.folder, entry.file))
        is_judged = selection.wants(entry.code) and not entry.code.startswith(left_out)
        return is_judged and (entry.file in looked_at or baseline.is_gone(entry.file))

    gone = {entry: count for entry, count in (baseline.entries - compared.used).items() if is_over(entry)}
    if not is_new and not update:
        if gone:
            count = sum(gone.values())
            what = "1 entry is" if count == 1 else f"{count} entries are"
            yield f"{path}: {what} gone for good; --update-baseline takes them out"
        return
    entries = Counter({entry: count for entry, count in baseline.entries.items() if not is_over(entry)})
    for each in mine:
        new = {id(finding) for finding in compared.new[each.source.file]}
        kept = [
            finding
            for finding in each.everything
            if id(finding) not in new or selection.is_bad_enough(finding)
        ]
        entries.update(baseline.entries_of(each.source, kept))
    made = Baseline(entries, baseline.folder)
    made.write(path)
    count = sum(made.entries.values())
    known = "1 known finding" if count == 1 else f"{count} known findings"
    more = "" if is_new else f", {sum(gone.values())} gone"
    yield f"{path}: written, {known}{more}"
    engine.forget_known(mine, made)


def _folder(path: Path) -> str:
    return os.path.dirname(os.path.realpath(path))


def _entries(content: Any, path: Path) -> Iterator[tuple[Entry, int]]:
    if not isinstance(content, dict) or not isinstance(content.get("findings"), list):
        raise ConfigError(f"{path}: not a baseline")
    if content.get("kerasfix-baseline") != _VERSION:
        raise ConfigError(f"{path}: a baseline of another version; remove it, and it is made anew")
    counts: Counter[Entry] = Counter()
    for each in content["findings"]:
        values = [each.get(key) for key in _KEYS] if isinstance(each, dict) else []
        texts = [value for value in values[:-1] if isinstance(value, str)]
        if len(texts) != len(_KEYS) - 1 or type(values[-1]) is not int:
            raise ConfigError(f"{path}: not a baseline: {each!r} is no finding")
        # Two branches that were merged may both have brought a finding.
        entry = Entry(*texts)
        counts[entry] = max(counts[entry], values[-1])
    yield from counts.items()
