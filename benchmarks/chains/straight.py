"""What names hold in straight-line code: a small reader that says nothing where it is not certain.

It shares nothing with kerasfix. A value counts as read only once if that can be told from the order of the
statements alone; what captures a name, loops over it or catches exceptions around it is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.restore.library import Function

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MAX_STEPS = 40


@dataclass(frozen=True, eq=False)
class Block:
    """Statements that run one after another.

    Attributes:
        around: The compound statement that they are a block of, and the block in which that stands.
    """

    statements: list[ast.stmt]
    around: tuple[ast.stmt, Block] | None

    @property
    def above(self) -> Iterator[tuple[ast.stmt, Block]]:
        block = self
        while block.around is not None:
            yield block.around
            block = block.around[1]


@dataclass(frozen=True, eq=False)
class Place:
    """One statement of a block."""

    block: Block
    index: int

    @property
    def node(self) -> ast.stmt:
        return self.block.statements[self.index]


class Straight:
    """The statements of one function.

    Args:
        function: The function; what stands in functions inside of it is not entered.

    Attributes:
        blocks: Its blocks, outer ones first.
        captured: The names that a function inside of it, or a lambda, may read at any time.
        is_plain: Whether names mean what they seem to: no `global`, no `locals()`, no deleting.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.blocks = list(_blocks(Block(function.body, None)))
        self.captured: set[str] = set()
        self.is_plain = True
        for node in ast.walk(function):
            match node:
                case ast.Global() | ast.Nonlocal() | ast.Delete() | ast.Call(func=ast.Name(id="locals")):
                    self.is_plain = False
                case ast.Lambda() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if (
                    node is not function
                ):
                    self.captured |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        self._reads = [node for node in names if isinstance(node.ctx, ast.Load)]
        self._binds = [node for node in names if not isinstance(node.ctx, ast.Load)]
        arguments = function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self.parameters = [argument.arg for argument in given]

    def binds_between(self, name: str, first: ast.stmt | None, last: ast.stmt) -> bool:
        """Whether the text between two statements binds a name; from the start, if there is no first."""
        begin = _end(first) if first is not None else (0, 0)
        return any(
            each.id == name and begin <= (each.lineno, each.col_offset) < (last.lineno, last.col_offset)
            for each in self._binds
        )

    def is_read_after(self, name: str, place: Place) -> bool:
        """Whether the value that a name has behind a statement is read, certainly enough for a reader."""
        block, index = place.block, place.index
        while True:
            for node in block.statements[index + 1 :]:
                if reads(node, name):
                    return True
                if binds(node, name):
                    return False
            if block.around is None:
                return False
            node, block = block.around
            index = block.statements.index(node)

    def is_dead_after(self, name: str, place: Place) -> bool:
        """Whether no statement behind one can read the value that a name has there."""
        loops = [node for node, _ in place.block.above if isinstance(node, _LOOPS)]
        if loops and reads(loops[-1], name) > 1:
            return False
        block, index = place.block, place.index
        while True:
            for node in block.statements[index + 1 :]:
                if reads(node, name):
                    return False
                if _surely_binds(node, name):
                    return True
            if block.around is None:
                return True
            node, block = block.around
            index = block.statements.index(node)

    def definition(self, name: str, place: Place) -> Place | None:
        """The one assignment that gives a name the value which it has before a statement, or None."""
        block, index = place.block, place.index
        while True:
            for number in range(index - 1, -1, -1):
                node = block.statements[number]
                if binds(node, name):
                    return Place(block, number) if assigned(node) == name else None
            if block.around is None or isinstance(block.around[0], (*_LOOPS, ast.Try)):
                return None
            node, block = block.around
            index = block.statements.index(node)

    def made_from(
        self, place: Place, keeps_tensors: Callable[[ast.Call], bool]
    ) -> Iterator[tuple[str, Place | None]]:
        """The names, with their assignments, from which an assignment gets its tensor; None: a parameter.

        Nearest first, as far back as straight lines lead.

        Args:
            keeps_tensors: Whether a call makes a tensor from the tensors that it is given.
        """
        waiting = [place]
        seen: set[ast.stmt] = set()
        while waiting and len(seen) < _MAX_STEPS:
            current = waiting.pop(0)
            if current.node in seen:
                continue
            seen.add(current.node)
            assert isinstance(current.node, ast.Assign)
            for name in _sources(current.node.value, keeps_tensors):
                found = self.definition(name, current)
                is_given = name in self.parameters and not self.binds_between(name, None, current.node)
                if found is None and not is_given:
                    continue
                yield name, found
                yield from self._aliases(name, found, current)
                if found is not None:
                    waiting.append(found)

    def _aliases(self, name: str, since: Place | None, place: Place) -> Iterator[tuple[str, Place]]:
        """The other names of a value at a statement: `shortcut = x`."""
        for alias in place.block.statements[: place.index]:
            other = assigned(alias)
            if other is None or not isinstance(alias, ast.Assign):
                continue
            if isinstance(alias.value, ast.Name) and alias.value.id == name:
                at = Place(place.block, place.block.statements.index(alias))
                of = self.definition(name, at)
                same = of is None and since is None and not self.binds_between(name, None, alias)
                if same or (of is not None and since is not None and of.node is since.node):
                    yield other, at

    def still_holds(self, name: str, since: Place | None, place: Place) -> bool:
        """Whether a name has the value at a statement that an assignment, or the caller, gave to it."""
        if name in self.captured or self.binds_between(name, since.node if since else None, place.node):
            return False
        loops = [node for node, _ in place.block.above if isinstance(node, _LOOPS)]
        # In another round it may hold something else.
        outside = since is None or not loops or not _stands_in(since.node, loops[-1])
        return not loops or not outside or not binds(loops[-1], name)

    @property
    def places(self) -> Iterator[Place]:
        for block in self.blocks:
            for index in range(len(block.statements)):
                yield Place(block, index)


def assigned(node: ast.stmt) -> str | None:
    """`x`, if a statement is `x = ...`."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def reads(node: ast.AST, name: str) -> int:
    """How often a statement, with all that stands in it, reads a name."""
    count = sum(
        each.id == name and isinstance(each.ctx, ast.Load)
        for each in ast.walk(node)
        if isinstance(each, ast.Name)
    )
    return count + any(
        isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name) and each.target.id == name
        for each in ast.walk(node)
    )


def binds(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == name and not isinstance(each.ctx, ast.Load)
        for each in ast.walk(node)
    )


def _surely_binds(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(binds(target, name) for target in node.targets)


def _sources(node: ast.expr, keeps_tensors: Callable[[ast.Call], bool]) -> list[str]:
    """The names of the tensors that an expression is made from."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Call(args=[first, *_]) if keeps_tensors(node):
            return _sources(first, keeps_tensors)
        case ast.BinOp(left=left, right=right):
            return [*_sources(left, keeps_tensors), *_sources(right, keeps_tensors)]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [name for each in elements for name in _sources(each, keeps_tensors)]
    return []


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for node in block.statements:
        if isinstance(node, Function | ast.ClassDef):
            continue
        for inner in _bodies(node):
            yield from _blocks(Block(inner, (node, block)))


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    parts: Sequence[ast.AST] = [node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())]
    for part in parts:
        for name in ("body", "orelse", "finalbody"):
            body = getattr(part, name, None)
            if isinstance(body, list) and body:
                yield body


def _end(node: ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _stands_in(node: ast.stmt, around: ast.stmt) -> bool:
    return any(each is node for each in ast.walk(around))
