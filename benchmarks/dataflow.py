"""How the time for one long function grows with its length: for the data flow alone, and for a whole check.

    python -m benchmarks.dataflow                        all shapes, up to 20,000 lines
    python -m benchmarks.dataflow --lines 4000           not so far
    python -m benchmarks.dataflow --shape row --shape if only these

Each shape is the `call` of a model, written by a program, in lengths that double. If nothing grows faster
than the text does, the seconds for 1,000 lines stay the same from row to row.
"""

from __future__ import annotations

import ast
import gc
import time
from collections.abc import Callable, Iterator

import click
from rich.console import Console
from rich.table import Table

from kerasfix import check
from kerasfix.analysis.dataflow import DataFlow

_HEAD = """\
import tensorflow as tf
from tensorflow.keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.l0 = layers.Dense(4)
        self.l1 = layers.Dense(4)
        self.l2 = layers.Dropout(0.5)

    def call(self, x0, training=None):
        x = x0
"""
_DEEPEST = 90
_LOOPS = 15


def _row(lines: int) -> Iterator[str]:
    """One layer after the other, each output under a name of its own."""
    for number in range(1, lines):
        yield f"x{number} = self.l1(x{number - 1})"
    yield f"return x{lines - 1}"


def _one_name(lines: int) -> Iterator[str]:
    for _ in range(lines - 1):
        yield "x = self.l1(x)"
    yield "return x"


def _if(lines: int) -> Iterator[str]:
    """Branches one after the other: what one of them gives to `x`, a later one may not overwrite."""
    for _ in range(lines // 2):
        yield "if x0.any:"
        yield "    x = self.l1(x)"
    yield "return x"


def _if_else(lines: int) -> Iterator[str]:
    for number in range(lines // 4):
        yield "if x0.any:"
        yield f"    x = x{number} = self.l1(x)"
        yield "else:"
        yield "    x = self.l0(x0)"
    yield "return x"


def _elif(lines: int) -> Iterator[str]:
    """Rows of 200 `elif`."""
    for start in range(0, lines // 2, 200):
        for number in range(start, start + 200):
            yield f"{'if' if number == start else 'elif'} x0 == {number}:"
            yield f"    x = self.l1(x{start if start else 0})"
        if start == 0:
            for other in range(200, lines // 2, 200):
                yield f"x{other} = x"
    yield "return x"


def _match(lines: int) -> Iterator[str]:
    """Rows of 200 cases."""
    for start in range(0, lines // 2, 200):
        yield "match x0:"
        for number in range(start, start + 200):
            yield f"    case [{number}, y]:"
            yield "        x = self.l1(x)"
    yield "return x"


def _deep(lines: int) -> Iterator[str]:
    """Branches in branches, as deep as Python reads them, with a long way at the bottom."""
    for depth in range(_DEEPEST):
        yield "    " * depth + "if x0.any:"
    for number in range(1, max(2, lines - 3 * _DEEPEST)):
        yield "    " * _DEEPEST + f"x{number} = x = self.l1(x)"
    for depth in reversed(range(_DEEPEST)):
        yield "    " * depth + "else:"
        yield "    " * depth + f"    x = self.l{depth % 2}(x)"
    yield "return x"


def _loops(lines: int) -> Iterator[str]:
    """Loops in loops, with jumps out of them."""
    for depth in range(_LOOPS):
        yield "    " * depth + f"for i{depth} in range(3):"
    for number in range(lines // 3):
        yield "    " * _LOOPS + "if x0.any:"
        yield "    " * _LOOPS + f"    {('break', 'continue')[number % 2]}"
        yield "    " * _LOOPS + f"x{number} = x = self.l1(x)"
    yield "return x"


def _try(lines: int) -> Iterator[str]:
    """A `try` in another, with most of the lines in them."""
    yield "try:"
    yield "    try:"
    for number in range(1, lines // 2):
        yield f"        x{number} = x = self.l1(x)"
    yield "    finally:"
    for _ in range(lines // 2):
        yield "        x = self.l0(x)"
    yield "except ValueError:"
    yield "    x = self.l1(x)"
    yield "return x"


def _lost(lines: int) -> Iterator[str]:
    """Every second layer reads what came before the last one."""
    for _ in range(lines // 2):
        yield "x = self.l0(x0)"
        yield "x = self.l1(x0)"
    yield "return x"


def _heads(lines: int) -> Iterator[str]:
    """A long way, and beside every layer of it another one that nothing reads."""
    for number in range(lines // 2):
        yield f"y{number} = self.l1(x)"
        yield "x = self.l0(x)"
    yield "return x"


SHAPES: dict[str, Callable[[int], Iterator[str]]] = {
    "row": _row,
    "one-name": _one_name,
    "if": _if,
    "if-else": _if_else,
    "elif": _elif,
    "match": _match,
    "deep": _deep,
    "loops": _loops,
    "try": _try,
    "lost": _lost,
    "heads": _heads,
}


def program(shape: str, lines: int) -> str:
    """A model with a `call` of some length."""
    return _HEAD + "".join(f"        {line}\n" for line in SHAPES[shape](lines))


def _seconds(action: Callable[[], object]) -> float:
    # The command does without garbage collection too, which would walk over all there is again and again.
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    action()
    seconds = time.perf_counter() - start
    gc.enable()
    return seconds


def _flow_of(text: str) -> Callable[[], object]:
    function = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == "call"
    )
    return lambda: DataFlow(function)


@click.command()
@click.option("--lines", default=20_000, show_default=True, help="The longest function.")
@click.option("--shape", "shapes", multiple=True, type=click.Choice(list(SHAPES)), help="Only these shapes.")
@click.option("--flow-only", is_flag=True, help="Leave out the whole check.")
def main(lines: int, shapes: tuple[str, ...], flow_only: bool) -> None:
    console = Console()
    table = Table("shape", *("lines", "flow s", "s per 1,000", "check s", "s per 1,000", "findings"))
    for column in table.columns[1:]:
        column.justify = "right"
    for shape in shapes or SHAPES:
        for length in (lines // 4, lines // 2, lines):
            text = program(shape, length)
            size = len(text.splitlines()) / 1000
            flow = _seconds(_flow_of(text))
            row = [shape, f"{1000 * size:.0f}", f"{flow:.2f}", f"{flow / size:.4f}"]
            if not flow_only:
                found: list[object] = []
                whole = _seconds(lambda text=text, found=found: found.extend(check(text)))  # type: ignore[misc]
                row += [f"{whole:.2f}", f"{whole / size:.4f}", str(len(found))]
            table.add_row(*row)
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
