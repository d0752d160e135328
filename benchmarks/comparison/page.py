"""The page with the table."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby

from benchmarks.comparison.cell import Cell, Mark
from benchmarks.comparison.features import Feature
from benchmarks.comparison.peers import Peer

NONE = "\N{EN DASH}"
SIGNS: Mapping[Mark, str] = {"yes": "✓", "partly": "(✓)", "no": "✗", "none": NONE, "unknown": "?"}

_HEAD = f"""\
# Comparison

kerasfix beside tools that find and fix other faults in Python code. None of them looks for what kerasfix
looks for, and kerasfix for nothing of theirs; so this is about what is around the rules. Each cell was
tried: the released tool was given a fault that it mends, and what came out was looked at. The notes say
what was seen, and which cells were looked up because nothing of them can be run.

✓ does it · (✓) in part · ✗ does not · {NONE} does not apply, as without something that another row denies ·
? not checked

"""

_TAIL = """\
## Where another one is better

{better}
## What this does not say

The rows are what kerasfix set out to do, so that they suit kerasfix; the last group has some of what others
have besides, and is not complete. How many rules there are says little: ruff and Fixit look at Python as
such, the others at one subject. TorchFix is looked at as what it is to its users, a plugin of flake8 for
checking and a command of its own for fixing. A tool that lacks an option may have a good reason: django-
upgrade is a fixer for pre-commit and leaves choosing files to it, and codemodder is made to be run by a
service.

`python -m benchmarks.comparison` makes this page; the experiments are in `benchmarks/comparison`.
"""

Results = Mapping[tuple[str, str], Cell]


def key(feature: Feature) -> str:
    return f"{feature.group}: {feature.title}"


def write_page(peers: Sequence[Peer], features: Sequence[Feature], results: Results, version: str) -> str:
    """The whole page as Markdown."""
    names = [f"{peer.name} {peer.version or version}" for peer in peers]
    notes: list[str] = []
    parts = [_HEAD, _made(), "\n"]
    for group, rows in groupby(features, key=lambda feature: feature.group):
        parts += [f"## {group}\n\n", _row([group, *names]), _row(["---"] * (len(names) + 1))]
        for feature in rows:
            cells = [_sign(peer, feature, results, notes) for peer in peers]
            parts.append(_row([feature.title, *cells]))
        parts.append("\n")
    parts += ["## Notes\n\n", *(f"{number}. {note}\n" for number, note in enumerate(notes, 1)), "\n"]
    parts.append(_TAIL.format(better=_better(peers, features, results)))
    return "".join(parts)


def _made() -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return f"Made on {day}, {platform.system()} {platform.machine()}, Python {python}.\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _sign(peer: Peer, feature: Feature, results: Results, notes: list[str]) -> str:
    cell = results[key(feature), peer.name]
    if cell.mark == "yes" and cell.note.startswith("="):
        return cell.note[1:]
    sign = SIGNS[cell.mark]
    if not cell.note:
        return sign
    # What many cells say alike is one note.
    if cell.note not in notes:
        notes.append(cell.note)
    return f"{sign} [{notes.index(cell.note) + 1}](#notes)"


def _better(peers: Sequence[Peer], features: Sequence[Feature], results: Results) -> str:
    """The rows in which kerasfix does less than another tool."""
    lines = []
    for feature in features:
        own = results[key(feature), peers[0].name]
        others = [
            peer.name
            for peer in peers[1:]
            if own.mark in ("no", "partly") and results[key(feature), peer.name].mark == "yes"
        ]
        if others:
            lines.append(f"- {feature.group}, {feature.title}: {', '.join(others)}\n")
    return "".join(lines)
