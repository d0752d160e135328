"""A broken chain drawn as people think of it: where the way forks, what is lost, what goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kerasfix.findings import Chain, Link
from kerasfix.output.console import Line

# More layers than these are cut out of the middle of a row.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Strokes:
    """What a drawing is made of."""

    fork: str
    branch: str
    step: str
    cut: str
    more: str


UNICODE = Strokes(" ─┬─ ", " └─ ", " ─ ", " ─✗ ", "…")
ASCII = Strokes(" -+- ", " '- ", " - ", " -x ", "...")


def chain_lines(chain: Chain, strokes: Strokes) -> Iterator[Line]:
    """Two rows: the layers whose output is lost, and below them those that the way takes."""
    gap = " " * (len(chain.source) + 1)
    yield [
        (f"    {chain.source}{strokes.fork}", ""),
        (strokes.step.join(_names(chain.lost, strokes)), "red"),
        (f"{strokes.cut}{chain.variable}: nothing reads it", "bold red"),
    ]
    yield [
        (f"    {gap}{strokes.branch}", ""),
        (strokes.step.join([*_names(chain.taken, strokes), chain.end]), "green"),
    ]


def _names(links: Sequence[Link], strokes: Strokes) -> list[str]:
    names = [link.name for link in links]
    if len(names) <= _MOST:
        return names
    half = _MOST // 2
    return [*names[:half], strokes.more, *names[-half:]]
