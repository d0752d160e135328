"""What each name holds at the place that a walk over a function has come to, on the way that it takes.

One dict serves all ways. A way that parts from the others changes it in place and takes its changes back at
its end; so a branch costs what it changes, however many names there are. Where ways will meet again there is
a `Meeting`: a way that gets there arrives. What a name held at that moment is told to the meeting only when
the name comes to hold something else; what nobody changed need not be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kerasfix.analysis.definitions import Held, Merge

# What each name holds on the ways to a meeting, as far as one of them changed it; None: nothing.
_Told = dict[str, dict[Held | None, None]]


class Meeting:
    """A place where ways meet. Made before they part, and met when all of them have come to their end."""

    __slots__ = ("arrived", "told")

    def __init__(self) -> None:
        self.arrived = -1
        self.told: _Told = {}


class Names:
    """What names hold, on one way at a time.

    Attributes:
        ever: All names that have held something so far, on any way.
    """

    def __init__(self) -> None:
        self.ever: list[str] = []
        self._known: set[str] = set()
        # Since when, on the clock that ticks with each change, a name holds what it holds.
        self._now: dict[str, tuple[Held | None, int]] = {}
        self._clock = 0
        self._changed: list[dict[str, Held | None]] = [{}]
        # Meetings that somebody has come to, by the time of the last arrival.
        self._awaiting: dict[Meeting, None] = {}
        self._catching: list[Meeting] = []

    def get(self, name: str) -> Held | None:
        return self._now.get(name, (None, 0))[0]

    def put(self, name: str, held: Held | None) -> None:
        """From here on `name` holds something else (None: nothing that is known)."""
        if held is not None and name not in self._known:
            self._known.add(name)
            self.ever.append(name)
        self._changed[-1].setdefault(name, self._replace(name, held))

    def put_all(self, held: dict[str, Held | None]) -> None:
        for name, each in held.items():
            if each is not self.get(name):
                self.put(name, each)

    @contextmanager
    def way(self) -> Iterator[None]:
        """A way that parts here; at its end its changes are taken back."""
        self._changed.append({})
        yield
        for name, before in self._changed.pop().items():
            self._replace(name, before)

    def arrive(self, meeting: Meeting) -> None:
        """The way leads to a meeting from here, and perhaps on as well."""
        self._awaiting.pop(meeting, None)
        self._awaiting[meeting] = None
        meeting.arrived = self._clock

    def told(self, meeting: Meeting) -> dict[str, Held | None]:
        """What names hold for those who have arrived, as far as it is not what they held on the way there."""
        self._awaiting.pop(meeting, None)
        for name, held in meeting.told.items():
            now, since = self._now[name]
            if since <= meeting.arrived:
                held[now] = None
        return {name: _merged(held) for name, held in meeting.told.items()}

    def meet(self, meeting: Meeting) -> bool:
        """Go on from a meeting.

        It is called where the meeting was made: all ways that lead there have ended.

        Returns:
            Whether anybody got there.
        """
        self.put_all(self.told(meeting))
        return meeting.arrived >= 0

    @contextmanager
    def caught(self) -> Iterator[dict[str, Held | None]]:
        """A way that can be left anywhere, by an exception.

        Yields:
            What names may hold then, as far as it changed; filled at the end. Whoever asks has to put it into
            effect: an exception that is not stopped here leaves what is around with these values.
        """
        meeting = Meeting()
        self._catching.append(meeting)
        result: dict[str, Held | None] = {}
        with self.way():
            yield result
        self._catching.pop()
        for name, held in meeting.told.items():
            result[name] = _merged(held)

    def _replace(self, name: str, held: Held | None) -> Held | None:
        before, since = self._now.get(name, (None, 0))
        for meeting in reversed(self._awaiting):
            if meeting.arrived < since:
                break
            meeting.told.setdefault(name, {})[before] = None
        if self._catching:
            self._catching[-1].told.setdefault(name, {})[before] = None
        self._clock += 1
        self._now[name] = (held, self._clock)
        return before


def _merged(held: dict[Held | None, None]) -> Held | None:
    members = [each for each in held if each is not None]
    return Merge(members) if len(members) > 1 else members[0] if members else None
