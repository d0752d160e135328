"""Reaching definitions in one function: which assignment each read of a name can see.

Flow-sensitive over all of Python's statements. Where control flow is not exact (an exception can leave a
`try` body anywhere) the answer has too many definitions, never too few: a value is called lost only if no
path reads it. Two things are taken on trust: `with` swallows no exception unless it says so (`suppress`), and
what runs at some other time (nested functions, generator expressions) is known by the names that it captures.

Each statement is looked at once, also in a loop. What a name holds where ways meet is one `Merge`, made only
for names that one of the ways changed, and at the head of a loop for names that the loop may bind.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from kerasfix.analysis.control import Walk
from kerasfix.analysis.definitions import Definition, Held, Merge, Reaching, Step, unfold
from kerasfix.analysis.scope import Function

__all__ = ["DataFlow", "Definition", "Step"]


class DataFlow:
    """The data flow of one function, or of a module's own statements.

    Args:
        root: The function or module; functions in it are not entered, but what they capture counts as read.

    Attributes:
        steps: All statements that can run, by their node, in the order in which they are first reached.
        reaching: For each read of a name, the definitions that it can see (empty: a global).
        captured: Names that nested functions, lambdas or `locals()` can read at any time.
        leaving: The definitions that still hold where a module ends, for whoever imports it to read.
    """

    def __init__(self, root: Function | ast.Module) -> None:
        walked = Walk(root)
        self.steps: dict[ast.stmt, Step] = walked.steps
        self.parameters: dict[str, Definition] = walked.parameters
        self.reaching: Reaching = walked.reader.reaching
        self.captured: set[str] = walked.reader.captured
        self.leaving: set[Definition] = walked.leaving
        self._step_of = walked.reader.step_of

    def definitions(self) -> Iterator[Definition]:
        """All definitions that statements make, in the order of the source."""
        return iter(self._definitions)

    def readers(self, definition: Definition) -> list[ast.Name]:
        """The reads that can see a definition, in the order of `reaching`."""
        names, parts = self._uses, self._part_of
        found = [read for held in _all_of(definition, parts) for read in names.get(held, ())]
        return found if len(found) < 2 else sorted(found, key=self._place_of.__getitem__)

    def seen_at(self, held: Held) -> tuple[list[ast.Name], list[Merge]]:
        """The reads that see just this, and the merges that it is a member of."""
        return self._uses.get(held, []), self._part_of.get(held, [])

    def overwriting(self, definition: Definition) -> list[Definition]:
        """The definitions that can overwrite a definition, in the order of the source."""
        found = {each for held in _all_of(definition, self._part_of) for each in self._over.get(held, ())}
        return sorted(found, key=self._place_of_definition.__getitem__)

    def seen_by(self, reads: Iterable[ast.Name], seen: set[Held] | None = None) -> list[Definition]:
        """The definitions that reads can see.

        Args:
            reads: The reads.
            seen: What is left out, because it was found before; all that is found is added.
        """
        held = (self.reaching.held[read] for read in reads)
        return unfold((each for each in held if each is not None), seen)

    def step_of(self, name: ast.Name) -> Step:
        """The statement that reads a name."""
        return self._step_of[name]

    # --- Made when somebody asks -------------------------------------------------------------------------

    @cached_property
    def _definitions(self) -> list[Definition]:
        steps = sorted(self.steps.values(), key=lambda step: step.order)
        return [each for step in steps for each in step.definitions.values()]

    @cached_property
    def _uses(self) -> dict[Held, list[ast.Name]]:
        found: dict[Held, list[ast.Name]] = {}
        for read, held in self.reaching.held.items():
            if held is not None:
                found.setdefault(held, []).append(read)
        return found

    @cached_property
    def _place_of(self) -> dict[ast.Name, int]:
        return {read: place for place, read in enumerate(self.reaching)}

    @cached_property
    def _over(self) -> dict[Held, list[Definition]]:
        found: dict[Held, list[Definition]] = {}
        for definition in self._definitions:
            for held in definition.over:
                found.setdefault(held, []).append(definition)
        return found

    @cached_property
    def _place_of_definition(self) -> dict[Definition, int]:
        return {definition: place for place, definition in enumerate(self._definitions)}

    @cached_property
    def _part_of(self) -> dict[Held, list[Merge]]:
        """The merges that something is a member of."""
        found: dict[Held, list[Merge]] = {}
        waiting: list[Held] = [*self._uses, *self._over]
        seen = set(waiting)
        while waiting:
            merge = waiting.pop()
            if isinstance(merge, Merge):
                for member in merge.members:
                    found.setdefault(member, []).append(merge)
                    if member not in seen:
                        seen.add(member)
                        waiting.append(member)
        return found


def _all_of(definition: Definition, part_of: dict[Held, list[Merge]]) -> list[Held]:
    """A definition, and all merges that it is in."""
    found: dict[Held, None] = {definition: None}
    waiting: list[Held] = [definition]
    while waiting:
        for merge in part_of.get(waiting.pop(), ()):
            if merge not in found:
                found[merge] = None
                waiting.append(merge)
    return list(found)
