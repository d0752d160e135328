"""The cases: calls with `training=True` in training loops, and how each is broken."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loops.blocks import Where, flag_of, spots
from benchmarks.loops.callee import Callee, Callees
from benchmarks.loops.sources import Trained
from benchmarks.restore.library import Library, Module
from benchmarks.restore.surgery import Cut, without_argument

_SIGNS = (b"GradientTape", b"train_step")


@dataclass(frozen=True, slots=True)
class Case:
    """One call that loses its flag.

    Attributes:
        path: The file.
        number: Which of the calls of the file it is.
        lines: From where to where the outermost function around it reaches, or the file.
        line: Of the call.
        text: What is called.
        callee: What that is.
        trained: Whether it is trained there.
    """

    package: str
    path: Path
    number: int
    lines: tuple[int, int]
    line: int
    text: str
    callee: Callee
    trained: Trained
    where: Where
    cut: Cut

    @property
    def place(self) -> str:
        return f"{self.package} {self.path.as_posix()}:{self.line}"


def training_modules(library: Library) -> Iterator[Module]:
    """The modules that train by hand."""
    for sign in _SIGNS:
        for module in library.modules_with(sign):
            if sign is _SIGNS[0] or _SIGNS[0] not in module.data:
                yield module


def cases(package: str, library: Library) -> Iterator[Case]:
    callees = Callees(library)
    for module in training_modules(library):
        number = {call: index for index, call in enumerate(calls_of(module.tree))}
        last = module.data.count(b"\n") + 1
        for spot in spots(module.tree):
            flag = flag_of(spot.call)
            if flag is None:
                continue
            outer = spot.functions[-1] if spot.functions else None
            yield Case(
                package,
                module.path,
                number[spot.call],
                (1, last) if outer is None else (outer.lineno, outer.end_lineno or last),
                spot.call.lineno,
                ast.unparse(spot.call.func),
                callees.judge(module, spot),
                spot.trained,
                spot.where,
                without_argument(module, spot.call, flag),
            )


def calls_of(tree: ast.Module) -> list[ast.Call]:
    """The calls of a program, in an order that an added argument does not change."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
