"""Which statements of a class run: those that a fix has changed tell so themselves.

A call is put before each of them. Line numbers stay, nothing is slowed down, and what runs while a function
is traced counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

#: What the statements call; a builtin of their module.
NAME = "__kerasfix_reached__"


class Marks:
    """The changed statements in the methods of a class.

    Args:
        ranges: First and last line of each change.
    """

    def __init__(self, class_name: str = "", ranges: list[list[int]] | None = None) -> None:
        self._class_name = class_name
        self._ranges = ranges or []
        self._watched: set[int] = set()
        self._reached: set[int] = set()

    def reach(self, line: int) -> None:
        """The statement of a line begins."""
        self._reached.add(line)

    def forget(self) -> None:
        """What ran until now was a try."""
        self._reached.clear()

    def to_json(self) -> dict[str, list[int]]:
        """Where changed statements begin, and those of them that ran."""
        reached = self._watched & self._reached
        return {"changed_lines": sorted(self._watched), "changed_lines_reached": sorted(reached)}

    def put_into(self, statement: ast.stmt) -> None:
        """Mark the class, if this is its statement; others have nothing to tell."""
        if isinstance(statement, ast.ClassDef) and statement.name == self._class_name and self._ranges:
            for member in statement.body:
                # What else stands in a class runs when it is defined.
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self._mark_function(member)

    def _mark_function(self, function: Any) -> None:
        start = min([function.lineno, *(each.lineno for each in function.decorator_list)])
        is_changed = self._is_changed(start, function.body[0].lineno - 1)
        self._mark_block(function.body)
        if is_changed or (function.body[0].lineno == start and self._is_changed(start, start)):
            # The docstring stays in its place.
            place = int(len(function.body) > 1 and ast.get_docstring(function, clean=False) is not None)
            function.body.insert(place, self._mark(function.lineno))

    def _mark_block(self, block: list[ast.stmt]) -> None:
        marked: list[ast.stmt] = []
        for statement in block:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                # A docstring has to stay the first.
                marked.append(statement)
                continue
            inner = list(_blocks(statement))
            # Of a compound statement its head counts; what stands inside tells for itself.
            last = min((each[0].lineno - 1 for each in inner), default=statement.end_lineno)
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._mark_function(statement)
            else:
                if self._is_changed(statement.lineno, max(last or 0, statement.lineno)):
                    marked.append(self._mark(statement.lineno))
                for each in inner:
                    self._mark_block(each)
            marked.append(statement)
        block[:] = marked

    def _is_changed(self, first: int, last: int) -> bool:
        return any(begin <= last and first <= end for begin, end in self._ranges)

    def _mark(self, line: int) -> ast.stmt:
        self._watched.add(line)
        name = ast.Name(NAME, ast.Load())
        call = ast.Expr(ast.Call(name, [ast.Constant(line)], []))
        for node in ast.walk(call):
            if isinstance(node, (ast.expr, ast.stmt)):
                node.lineno = node.end_lineno = line
                node.col_offset = node.end_col_offset = 0
        return call


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list) and block and not isinstance(statement, ast.ClassDef):
            yield block
    for name in ("handlers", "cases"):
        for part in getattr(statement, name, ()):
            yield part.body
