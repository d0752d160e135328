"""Lines that a report names, of a file or of the cells of a notebook, and how a sentence says them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: A line, and of a notebook the cell that it is a line of.
Place = tuple[int, int | None]


def placed(lines: Sequence[int], cells: Sequence[int]) -> Iterator[Place]:
    """Lines with their cells; of a file that is no notebook there are none."""
    return zip(lines, cells or (None,) * len(lines), strict=True)


def told_lines(places: Sequence[Place], most: int | None = None) -> str:
    """Lines in a sentence: `line 3`, `lines 3, 5`, `lines 3, 5 of cell 2, line 4 of cell 7`.

    Args:
        most: More than these are counted, not named.
    """
    shown = places[:most]
    more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
    numbers: dict[int | None, list[int]] = {}
    for line, cell in shown:
        numbers.setdefault(cell, []).append(line)
    return ", ".join(_of_cell(lines, cell) for cell, lines in numbers.items()) + more


def _of_cell(lines: Sequence[int], cell: int | None) -> str:
    named = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    return named if cell is None else f"{named} of cell {cell}"
