"""The ways that a value takes through a function, and whether a gradient finds back along any of them.

Whatever is not known counts as a way on which a gradient passes, so that a value is called blocked only if it
is. Each place of a function is looked at once, however many values get there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.blockers import Blocker
from kerasfix.analysis.onward import Onward, Place, Reach, Steps


@dataclass(slots=True)
class _Explored:
    """Places whose answer is looked for, and the ways back from each.

    Attributes:
        onward: The step from each place.
        back: The places before each, with the operation between them.
    """

    onward: dict[Place, Onward] = field(default_factory=dict)
    back: dict[Place, list[tuple[Place, Blocker | None]]] = field(default_factory=dict)

    def before(self, places: Iterable[Place], seen: set[Place], *, free: bool) -> Iterator[Place]:
        """Some places and all that lead to them, but for what was seen.

        Args:
            places: Where the ways end.
            seen: What is left out; all that is found is added.
            free: Whether only ways count on which no operation stands.
        """
        waiting = [place for place in places if place not in seen]
        seen.update(waiting)
        while waiting:
            place = waiting.pop()
            yield place
            for earlier, blocker in self.back.get(place, ()):
                if earlier not in seen and not (free and blocker is not None):
                    seen.add(earlier)
                    waiting.append(earlier)


class GradientPaths:
    """The ways through one frame.

    Args:
        steps: The steps that they are made of.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._known: dict[Place, Reach] = {}

    def of_parameter(self, name: str) -> Reach:
        """The ways of what a parameter is given."""
        definition = self._steps.parameter(name)
        return Reach(escapes=True) if definition is None else self._of(definition)

    def of(self, node: ast.expr, blocker: Blocker | None = None) -> Reach:
        """The ways of what an expression makes, which may be blocked from the start."""
        reach = self._of(node)
        if blocker is None:
            return reach
        return Reach(blocked=blocker if reach.arrives else None, arrives=reach.arrives)

    def _of(self, place: Place) -> Reach:
        if place not in self._known:
            self._solve(self._explore(place))
        return self._known[place]

    def _explore(self, start: Place) -> _Explored:
        """All places that a value gets to and that are not known yet."""
        found = _Explored()
        waiting = [start]
        while waiting:
            place = waiting.pop()
            if place in found.onward or place in self._known:
                continue
            onward = found.onward[place] = self._steps.after(place)
            for later, blocker in onward.to:
                found.back.setdefault(later, []).append((place, blocker))
                waiting.append(later)
        return found

    def _solve(self, found: _Explored) -> None:
        """Carry back from the ends of the ways what is known there."""
        ends = {place for place in found.back if place in self._known}
        reaches = {place: Reach() for place in found.onward}
        reaches.update({place: self._known[place] for place in ends})
        steps = found.onward.items()
        arriving = [place for place, onward in steps if onward.arrives]
        for place in found.before([*arriving, *(e for e in ends if reaches[e].arrives)], set(), free=False):
            reaches[place].arrives = True
        for place in found.before([*arriving, *(e for e in ends if reaches[e].returns)], set(), free=True):
            reaches[place].returns = True
        escaping = [place for place, onward in steps if onward.escapes]
        for place in found.before([*escaping, *(e for e in ends if reaches[e].escapes)], set(), free=True):
            reaches[place].escapes = True
        blocked = [(reach.blocked, place) for place, reach in reaches.items() if reach.blocked is not None]
        blocked += [
            (blocker, place)
            for place, onward in steps
            for later, blocker in onward.to
            if blocker is not None and reaches[later].arrives
        ]
        seen: set[Place] = set(ends)
        # The first one in the source is the one that is told.
        for blocker, start in sorted(blocked, key=lambda each: each[0].place):
            starts = [start]
            if start in ends:
                starts = [earlier for earlier, between in found.back[start] if between is None]
            for place in found.before(starts, seen, free=True):
                reaches[place].blocked = blocker
        self._known.update(reaches)
