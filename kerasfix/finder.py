"""The faults of files that belong together, found from their texts alone by all rules in one pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kerasfix.analysis.library import Library, Stamp
from kerasfix.analysis.places import What
from kerasfix.drawn import draw_in
from kerasfix.findings import Finding
from kerasfix.selection import EVERYTHING, Selection
from kerasfix.source import Source, SourceError
from kerasfix.syntax import depth

if TYPE_CHECKING:
    from kerasfix.analysis.neighbours import Neighbours
    from kerasfix.analysis.program import Program
    from kerasfix.groups import Group
    from kerasfix.keras.layers import LayerFact
    from kerasfix.rules.base import Rule


Wanted = Callable[[int], bool]


class RuleFailed(Exception):
    """A rule that raised what no rule should; names it, and says so in one line."""

    def __init__(self, file: str, code: str, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        super().__init__(f"kerasfix itself failed on it, in {code} ({what}); please report this")
        self.file = file


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing was found out of a file.

    Attributes:
        reason: In one line.
        line: Where, from 1.
        column: Where, in characters from 1.
    """

    reason: str
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Found:
    """What was found in a group.

    Attributes:
        findings: The faults by file, bad or not, in the order of the source.
        troubles: The files that stood in the way.
        drawn: The files that belong to it although they say nothing of Keras.
        library: The modules that were only imported, and which state of each was seen.
        places: What was at each path that somebody asked for.
        asked_around: Whether it mattered what the files around the run say.
    """

    findings: dict[str, list[Finding]] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)
    library: dict[str, Stamp] = field(default_factory=dict)
    places: dict[str, What] = field(default_factory=dict)
    asked_around: bool = False


class Finder:
    """Finds faults.

    Args:
        selection: Which rules speak.
        neighbours: Files that are not looked at, asked for subclasses before a method gains a parameter.
        library: The modules that are only imported, kept for the next time by who asks again and again.
        layers: Layer classes of other packages by their dotted names, besides those that the tables know.
    """

    def __init__(
        self,
        selection: Selection = EVERYTHING,
        neighbours: Neighbours | None = None,
        library: Library | None = None,
        layers: Mapping[str, LayerFact] | None = None,
    ) -> None:
        self.selection = selection
        self.neighbours = neighbours
        self.library = library
        self.layers = layers or {}

    def in_group(
        self, group: Group, sources: Mapping[str, Source], wanted: Wanted = lambda _number: True
    ) -> Found:
        """The faults of a group.

        Args:
            sources: Its files; those that cannot be parsed are named and left out.
            wanted: Tells of the number of a file whether its faults are asked for.
        """
        found = Found()
        good = dict(sources)
        group = group.copy()
        library = self.library or Library()
        asked = self.neighbours.asked if self.neighbours else 0

        def leave_out(file: str, trouble: Trouble) -> None:
            found.troubles[file] = trouble
            group.leave_out(file, good.pop(file))

        for file, source in sources.items():
            if (trouble := _trouble(source)) is not None:
                leave_out(file, trouble)
        # What cannot be walked through here is named below.
        with contextlib.suppress(RecursionError):
            found.drawn = draw_in(good, group, self.layers, library)
        while good:
            try:
                found.findings = self.in_sources(good, group, library, wanted)
                break
            except RecursionError:
                # Whoever asked, it is the deepest one that nobody can walk through.
                deepest = max(good, key=lambda file: depth(good[file].tree))
                leave_out(deepest, Trouble("nested too deeply to analyse"))
            except RuleFailed as failed:
                leave_out(failed.file, Trouble(str(failed)))
        found.library, found.places = library.read, group.places.asked
        found.asked_around = self.neighbours is not None and self.neighbours.asked > asked
        return found

    def in_sources(
        self,
        sources: Mapping[str, Source],
        group: Group | None = None,
        library: Library | None = None,
        wanted: Wanted = lambda _number: True,
    ) -> dict[str, list[Finding]]:
        """What the rules find and no comment silences, by file.

        Args:
            sources: The programs, as they are or as fixes made them.
            group: What they belong to; they are all that there is if left out.
            library: The modules that are only imported; its own if left out.
            wanted: Tells of the number of a file whether its faults are asked for.

        Raises:
            SourceError: if a source cannot be parsed.
            RuleFailed: if a rule has a fault of its own, which one file shows.
        """
        from kerasfix.analysis.program import Knowledge, Program
        from kerasfix.analysis.project import Project
        from kerasfix.rules import all_rules

        # Reasons are told in the order in which files are looked at: let it not be that of a command line.
        ordered = dict(sorted(sources.items()))
        places = group.places if group else None
        project = Project(ordered, library or self.library, self.layers, places)
        objections = None
        if self.neighbours is not None:
            run, beside = (group.run, group.others) if group else ((), None)
            objections = self.neighbours.of(project, run, beside)
        knowledge = Knowledge(project, objections)
        rules = [rule for rule in all_rules() if self.selection.wants(rule.code)]
        known = [rule.code for rule in all_rules()]
        found: dict[str, list[Finding]] = {}
        for number, module in enumerate(project.given):
            if not wanted(number):
                continue
            program = Program(module, knowledge)
            left_out = self.selection.left_out_of(module.file)
            here = [rule for rule in rules if not rule.code.startswith(left_out)]
            findings = [
                finding
                for rule in here
                if not rule.runs_last
                for finding in _checked(rule, program)
                if not program.silencers.silence(finding.code, finding.start)
            ]
            program.silencers.settle((rule.code for rule in here), known)
            findings += [each for rule in here if rule.runs_last for each in _checked(rule, program)]
            findings = [self.selection.with_its_fixes(each) for each in findings]
            found[module.file] = sorted(findings, key=lambda each: (each.start, each.end, each.code))
        return found


def _trouble(source: Source) -> Trouble | None:
    try:
        _ = source.tree
    except SourceError as error:
        return Trouble(error.reason, error.line, error.column)
    return None


def _checked(rule: Rule, program: Program) -> list[Finding]:
    try:
        return list(rule.check(program))
    except (SourceError, RecursionError, MemoryError):
        raise
    except Exception as error:
        raise RuleFailed(program.module.file, rule.code, error) from error
