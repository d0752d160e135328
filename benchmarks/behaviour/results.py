"""What was found in one package, put together from its recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.behaviour.changes import Changed
from benchmarks.behaviour.spec import Package, Recipe


@dataclass(slots=True)
class Result:
    """What was seen of one package.

    Attributes:
        changed: The classes whose own lines the patch changes.
        differences: By class that was seen in both versions, how its outputs differ in inference mode; "" if
            they do not.
        modes: The classes that answer otherwise in training mode, so that equal numbers mean something.
        affected: Classes that are not changed themselves, but have a base or a layer that is.
        failures: One line for each thing that got worse.
        announced: Plain calls that were in training mode and now are not, as kerasfix says (KF102).
        leaks: The same where no class of the package said so: a layer of Keras did, and Keras passes that on.
        mended: What raised before and does not now.
        unbuilt: What could not be built, or not called, in the original.
        unclear: What raises in both, in some mode, and outputs that prove nothing.
    """

    package: Package
    changed: Sequence[Changed]
    differences: dict[str, str] = field(default_factory=dict)
    modes: set[str] = field(default_factory=set)
    affected: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    unbuilt: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return {changed.name for changed in self.changed}

    def add_crash(self, recipe: Recipe, version: str, words: str) -> None:
        lines = self.unbuilt if version == "before" else self.failures
        lines.append(f"{recipe.title}: the process ended: {words}")

    def add(self, recipe: Recipe, outcome: dict[str, Any]) -> None:
        """Take in what the child found for one recipe."""
        title = recipe.title
        if "unbuilt" in outcome:
            self.unbuilt.append(f"{title}: {outcome['unbuilt']}")
            return
        if "broken" in outcome:
            self.failures.append(f"{title}: cannot be built any more: {outcome['broken']}")
            return
        self.add_classes(outcome["classes"])
        called = {
            each for known in outcome["classes"].values() for each in (*known["ancestry"], *known["inner"])
        }
        untrained = sorted(
            changed.name for changed in self.changed if changed.untrained and changed.name in called
        )
        for phase, differences in outcome["differences"].items():
            if not differences:
                continue
            line = f"{title}, {phase}: " + "; ".join(f"{kind}: {text}" for kind, text in differences.items())
            if phase == "bare" and outcome.get("trained") and outcome.get("infers"):
                why = f"the default of {', '.join(untrained)}" if untrained else "nobody's default"
                (self.announced if untrained else self.leaks).append(f"{line} [training=True was {why}]")
            else:
                self.failures.append(line)
        for key, lines, words in (
            ("raised", self.failures, "raises now"),
            ("mended", self.mended, "raised before"),
            ("both", self.unclear, "raises, before and after"),
        ):
            lines += [f"{title}, {phase}: {words}: {error}" for phase, error in outcome[key].items()]
        if not outcome.get("finite", True):
            self.unclear.append(f"{title}: outputs without numbers, or not finite")

    def add_classes(self, classes: dict[str, Any]) -> None:
        names = self.names
        for kind, known in classes.items():
            if known["empty"]:
                continue
            for each in {kind, *(names & set(known["ancestry"]))}:
                self.differences[each] = self.differences.get(each, "") or known["difference"]
                if known["mode"]:
                    self.modes.add(each)
            if kind not in names and names & {*known["ancestry"], *known["inner"]}:
                self.affected.add(kind)

    def not_run(self) -> list[str]:
        """The changed classes of which no call was seen, each with why, if a recipe is for it."""
        reasons = {line.split(": ", 1)[0]: line.split(": ", 1)[1] for line in self.unbuilt}
        names = sorted(self.names - self.differences.keys())
        return [f"{name}: {reasons.get(name, 'no recipe reaches it')}" for name in names]

    @property
    def compared(self) -> list[str]:
        return sorted(self.names & self.differences.keys())

    def row(self) -> tuple[int, ...]:
        """The figures of the table."""
        compared = self.compared
        different = sum(bool(self.differences[name]) for name in compared)
        return (
            len(self.names),
            len(compared),
            len(compared) - different,
            different,
            len(self.names) - len(compared),
            len(self.affected),
            len(self.modes & set(compared)),
        )

    def sections(self) -> list[tuple[str, list[str]]]:
        """What is to be read in full."""
        return [
            ("worse than before", self.failures),
            ("a plain call has another mode, as announced", self.announced),
            ("a plain call has another mode, though no default said so", self.leaks),
            ("raised before, works now", self.mended),
            ("cannot be built here, before", self.unbuilt),
            ("raises before and after, or proves nothing", self.unclear),
            ("changed and not run", self.not_run()),
        ]
