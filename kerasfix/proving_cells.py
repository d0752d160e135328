"""What a run showed of a notebook, told as people read it: by cell, and by line in that cell.

Models of a notebook are run as one program, all cells joined. Only here are both texts of it at hand, the one
as it is and the one as it would be, whose cells begin elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace

from kerasfix.findings import Chain, Link
from kerasfix.notebook import Rows
from kerasfix.verify.places import Place, told_lines
from kerasfix.verify.report import ModelReport, Observation, Trace

# What a verdict says of the patched text; of many lines the first, and how many more there are.
_PATCHED = re.compile(r"\blines? ((?:\d+, )*\d+)( and \d+ more)? of the patched file")
# What exceptions of TensorFlow quote of a traceback.
_QUOTED = re.compile(r'File "([^"]+)", line (\d+)')


def told_by_cell(model: ModelReport, before: Rows, after: Rows) -> ModelReport:
    """A report whose lines count in the cells of a notebook, and no longer in all of them joined.

    Args:
        before: The cells as they are; of these is all that is not about the patched model.
        after: The cells as they would be.
    """
    cell, line = before.in_cell(model.line)
    telling, patched = _Telling(model.file, before), _Telling(model.file, after)
    return replace(
        model,
        cell=cell,
        line=line,
        before=telling.observation(model.before),
        after=patched.observation(model.after),
        reasons=tuple(telling.said(_of_patched(each, after)) for each in model.reasons),
        chains=tuple(telling.chain(each) for each in model.chains),
        traces=tuple(telling.trace(each) for each in model.traces),
    )


def _of_patched(sentence: str, rows: Rows) -> str:
    def told(found: re.Match[str]) -> str:
        places = [_place(int(number), rows) for number in found[1].split(", ")]
        return f"{told_lines(places)}{found[2] or ''} of the patched file"

    return _PATCHED.sub(told, sentence)


def _place(line: int, rows: Rows) -> Place:
    cell, inside = rows.in_cell(line)
    return inside, cell


class _Telling:
    """Tells what counts in one of the two texts.

    Args:
        file: The notebook.
        rows: The text.
    """

    def __init__(self, file: str, rows: Rows) -> None:
        self._name = os.path.basename(file)
        self._rows = rows

    def observation(self, seen: Observation | None) -> Observation | None:
        if seen is None:
            return None
        raised_line, raised_cell = self._place(seen.raised_line)
        changed = [_place(line, self._rows) for line in seen.changed_lines]
        reached = [_place(line, self._rows) for line in seen.changed_lines_reached]
        return replace(
            seen,
            raised=None if seen.raised is None else self._quoted(seen.raised),
            raised_line=raised_line,
            raised_cell=raised_cell,
            errors={phase: self._quoted(message) for phase, message in seen.errors.items()},
            notes=tuple(self._quoted(each) for each in seen.notes),
            changed_lines=_lines(changed),
            changed_cells=_cells(changed),
            changed_lines_reached=_lines(reached),
            changed_cells_reached=_cells(reached),
        )

    def said(self, sentence: str) -> str:
        return self._rows.said(self._quoted(sentence))

    def chain(self, chain: Chain) -> Chain:
        """A chain of a class, all of which stands in one cell."""
        lost, taken = (
            tuple(Link(each.name, _place(each.line, self._rows)[0]) for each in links)
            for links in (chain.lost, chain.taken)
        )
        return replace(chain, lost=lost, taken=taken, line=_place(chain.line, self._rows)[0])

    def trace(self, trace: Trace) -> Trace:
        (made_line, made_cell), (lost_line, lost_cell) = map(self._place, (trace.made_line, trace.lost_line))
        return replace(
            trace, made_line=made_line, made_cell=made_cell, lost_line=lost_line, lost_cell=lost_cell
        )

    def _place(self, line: int | None) -> tuple[int | None, int | None]:
        return (None, None) if line is None else _place(line, self._rows)

    def _quoted(self, message: str) -> str:
        """What somebody's exception says, with the places of the notebook that it quotes."""

        def told(found: re.Match[str]) -> str:
            if os.path.basename(found[1]) != self._name:
                return found[0]
            return f'File "{found[1]}", {told_lines([_place(int(found[2]), self._rows)])}'

        return _QUOTED.sub(told, message)


def _lines(places: Iterable[Place]) -> tuple[int, ...]:
    return tuple(line for line, _ in places)


def _cells(places: Iterable[Place]) -> tuple[int, ...]:
    return tuple(cell for _, cell in places if cell is not None)
