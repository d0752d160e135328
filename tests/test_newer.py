"""Programs for a newer Python than the one that kerasfix runs on."""

from __future__ import annotations

import ast
import sys

import pytest

from kerasfix import newer
from kerasfix.source import Source, SourceError

PROGRAMS = [
    ((3, 11), "try:\n    pass\nexcept* ValueError:\n    pass\n", 3),
    ((3, 11), "x = table[0, *rest]\n", 1),
    ((3, 12), "def first[T](items: list[T]) -> T:\n    return items[0]\n", 1),
    ((3, 12), "class Stack[T]:\n    pass\n", 1),
    ((3, 12), "type Shape = tuple[int, ...]\n", 1),
    ((3, 12), "x = f'{names['first']}'\n", 1),
    ((3, 14), "try:\n    pass\nexcept ValueError, TypeError:\n    pass\n", 3),
    ((3, 14), "x = t'{name}'\n", 1),
]


@pytest.mark.parametrize(("since", "text", "line"), PROGRAMS, ids=[text for _, text, _ in PROGRAMS])
def test_what_an_older_python_refuses_is_told_with_the_version_that_knows_it(
    since: tuple[int, int], text: str, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info >= since:
        ast.parse(text)
        # As an older one would see the line that it refuses.
        monkeypatch.setattr(newer.sys, "version_info", (3, since[1] - 1, 0))
        assert newer.needs(text.splitlines()[line - 1]) == f"3.{since[1]}"
        return
    with pytest.raises(
        SourceError, match=rf"\(for Python 3.{since[1]} or newer; kerasfix runs on 3\.\d+ here\)"
    ):
        _ = Source(text).tree


@pytest.mark.parametrize(
    "line",
    ["x = (1", "def f(:", "x = f'{a'", "print 'x'", "a b", "except:", "x = [1, 2", "class A(:", "type = 1 1"],
)
def test_what_no_python_knows_is_a_syntax_error_and_no_more(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SyntaxError):
        ast.parse(line)
    monkeypatch.setattr(newer.sys, "version_info", (3, 10, 0))
    assert newer.needs(line) == ""
