"""The walk over syntax trees sees what `ast.walk` sees, but the marks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kerasfix.syntax import children, of_kind, own_nodes, parents_in, walk

MARKS = ast.expr_context | ast.boolop | ast.operator | ast.unaryop | ast.cmpop
# The grammar in one file each: what Python's own library has of it.
LIBRARY = [Path(module) for module in (ast.__file__, pytest.__file__)]
GRAMMAR = """
@decorated(1)
async def f(a, /, b: int = 1, *c, d, e=2, **g) -> None:
    global h
    async with a as i, b: pass
    async for j in k: await j
    del l[0], m.n
    try: raise x from y
    except* (A, B) as error: assert z, "text"
    match p, q:
        case {"k": [1, *rest], **others} if r: return
        case Point(x=0) | None | True as s: yield t
    lambda u, *, v=1: {**w, "a": [z := 1]}
    return f"{a!r:>{b}}", [*c], not d, e if f else g, -1 < 2 <= 3, {i for i in j if k}
class C(B, metaclass=M):
    x: int = 1
    def m(self): nonlocal_ = self.x[1:2, ::3]
"""


@pytest.mark.parametrize("text", [GRAMMAR, *(path.read_text("utf-8") for path in LIBRARY)])
def test_nothing_but_the_marks_is_left_out(text: str) -> None:
    if "except*" in text:
        text = text if hasattr(ast, "TryStar") else text.replace("except*", "except")
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, MARKS):
            expected = [each for each in ast.iter_child_nodes(node) if not isinstance(each, MARKS)]
            assert children(node) == expected, ast.dump(node)
            assert all(parents_in(node)[child] is node for child in expected)
    seen = list(walk(tree))
    assert len(seen) == len(set(seen))
    assert set(seen) == {node for node in ast.walk(tree) if not isinstance(node, MARKS)}
    assert list(walk(tree)) == seen, "what was kept is what was found"


def test_each_node_comes_before_what_is_in_it() -> None:
    tree = ast.parse("y = f(g(x), h)")
    kinds = [node.id for node in walk(tree) if isinstance(node, ast.Name)]
    assert kinds == ["y", "f", "g", "x", "h"]


def test_own_nodes_stay_out_of_functions_and_classes() -> None:
    tree = ast.parse("def f():\n    a\nclass C:\n    b\nd = lambda: c\n")
    assert [node.id for node in own_nodes(tree.body) if isinstance(node, ast.Name)] == ["d"]


def _program(text: str) -> ast.Module:
    return ast.parse(text if hasattr(ast, "TryStar") else text.replace("except*", "except"))


def _without_rows(node: ast.AST) -> list[ast.AST]:
    """What `walk` gives, found by its definition: a node, then what is below each of its parts."""
    return [node, *(below for child in children(node) for below in _without_rows(child))]


@pytest.mark.parametrize("text", [GRAMMAR, LIBRARY[0].read_text("utf-8")])
@pytest.mark.parametrize("inside_first", [True, False])
def test_a_part_is_walked_alike_before_and_after_the_whole(text: str, inside_first: bool) -> None:
    tree = _program(text)
    parts = [node for node in _without_rows(tree) if isinstance(node, ast.stmt | ast.expr)]
    for part in parts if inside_first else []:
        assert list(walk(part)) == _without_rows(part)
    walk(tree)
    for part in (tree, *parts):
        assert list(walk(part)) == _without_rows(part)


@pytest.mark.parametrize(
    "kinds", [(ast.Name,), (ast.Name, ast.Attribute), (ast.FunctionDef, ast.Call, ast.Assign), (ast.Slice,)]
)
def test_nodes_of_some_kinds_come_in_the_order_of_all(kinds: tuple[type[ast.AST], ...]) -> None:
    tree = _program(GRAMMAR + LIBRARY[0].read_text("utf-8"))
    roots = [node for node in _without_rows(tree) if isinstance(node, ast.stmt | ast.Call | ast.Module)]
    for root in roots:
        assert of_kind(root, *kinds) == [each for each in walk(root) if isinstance(each, kinds)]
