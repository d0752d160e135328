"""What data flow is made of: statements, their definitions, and what a name holds where ways meet."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class Definition:
    """One place that gives a name a value.

    Attributes:
        name: The name.
        step: The statement that does it; None for a parameter.
        whole: Whether the name gets the whole value of the statement (`x = f()`, not `x, y = f()`).
        over: What the name can hold just before.
    """

    name: str
    step: Step | None
    whole: bool = True
    over: list[Held] = field(default_factory=list, repr=False)

    @property
    def kills(self) -> set[Definition]:
        """Definitions of the same name that it can overwrite."""
        return set(unfold(self.over))


@dataclass(eq=False)
class Step:
    """One statement, or the head of a compound one, with what it reads and defines.

    Attributes:
        node: The statement.
        order: Its place in the source, counted from 0.
        loops: The loops around it, outermost first.
        reads: The names that it reads, in the order in which they are read.
        definitions: What it defines.
    """

    node: ast.stmt
    order: int
    loops: tuple[ast.stmt, ...]
    reads: dict[ast.Name, None] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)

    @property
    def value(self) -> ast.expr | None:
        """The right-hand side, if all that the statement does is to give names its value."""
        if isinstance(self.node, ast.Assign) and all(_is_plain(target) for target in self.node.targets):
            return self.node.value
        if isinstance(self.node, ast.AnnAssign) and isinstance(self.node.target, ast.Name):
            return self.node.value
        return None


@dataclass(eq=False, slots=True)
class Merge:
    """What a name holds where ways meet: what it holds on one of them.

    A thousand conditional assignments in a row can all be seen by a read behind them, and nearly all by the
    one before it. Each adds one merge of two to the last one, so that nothing is written down twice. At the
    head of a loop a merge is part of what it is made of.
    """

    members: list[Held]


# What one name holds at one place: what one statement gave it, or what several may have.
Held = Definition | Merge


def unfold(held: Iterable[Held], seen: set[Held] | None = None) -> list[Definition]:
    """The definitions in what names hold.

    Args:
        held: What they hold.
        seen: What is left out, because it was found before; all that is found is added.
    """
    seen = set() if seen is None else seen
    found: list[Definition] = []
    waiting = list(held)
    waiting.reverse()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if isinstance(each, Definition):
            found.append(each)
        else:
            waiting += reversed(each.members)
    return found


class Reaching(Mapping[ast.Name, frozenset[Definition]]):
    """For each read of a name, the definitions that it can see, worked out when somebody asks.

    Attributes:
        held: What each name holds where it is read; None if nothing that is known.
    """

    def __init__(self) -> None:
        self.held: dict[ast.Name, Held | None] = {}

    def __getitem__(self, name: ast.Name) -> frozenset[Definition]:
        held = self.held[name]
        return frozenset() if held is None else frozenset(unfold((held,)))

    def __iter__(self) -> Iterator[ast.Name]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)


def _is_plain(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_plain(each) for each in target.elts)
    return isinstance(target, ast.Name)
