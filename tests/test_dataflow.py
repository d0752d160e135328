"""Which assignments a read can see, statement by statement."""

from __future__ import annotations

import ast
import sys
import textwrap

import pytest

from kerasfix.analysis.dataflow import DataFlow, Definition
from kerasfix.analysis.definitions import Held, Merge

_PARAMETER = "parameter"


def _flow(body: str, signature: str = "a, b, c") -> DataFlow:
    text = f"def f({signature}):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    return DataFlow(function)


def _source(definition: Definition) -> str:
    """The first line of the statement that defines, without its colon."""
    if definition.step is None:
        return _PARAMETER
    return ast.unparse(definition.step.node).splitlines()[0].rstrip(":")


def _seen(body: str, name: str = "x") -> set[str]:
    """What the last read of `name` in the source can see."""
    flow = _flow(body)
    reads = [read for read in flow.reaching if read.id == name]
    last = max(reads, key=lambda read: (read.lineno, read.col_offset))
    return {_source(each) for each in flow.reaching[last]}


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param("x = 1\nx = 2\nx", {"x = 2"}, id="the later assignment hides the earlier one"),
        pytest.param("x = y = 1\nx", {"x = y = 1"}, id="one of several targets"),
        pytest.param("x: int = 1\nx", {"x: int = 1"}, id="an annotated assignment"),
        pytest.param(
            "x = 1\nif x:\n    break\ntry:\n    continue\nfinally:\n    x",
            {"x = 1"},
            id="a jump outside of any loop, which Python reads but does not run",
        ),
        pytest.param("x = 1\nx: int\nx", {"x = 1"}, id="an annotation alone assigns nothing"),
        pytest.param("[x, y] = a\nx", {"[x, y] = a"}, id="an element of a list"),
        pytest.param("[y, (x, z)] = a\nx", {"[y, (x, z)] = a"}, id="an element of a nested list"),
        pytest.param("[y, *x] = a\nx", {"[y, *x] = a"}, id="a starred target"),
        pytest.param("x = 1\nx += 2\nx", {"x += 2"}, id="an augmented assignment"),
        pytest.param("x = 1\nx += 2", {"x = 1"}, id="an augmented assignment reads what was there"),
        pytest.param("x = 1\nx = g(x)", {"x = 1"}, id="the right side is read before the left is written"),
        pytest.param("x = 1\ndel x\nx", set(), id="a deleted name holds nothing"),
        pytest.param("x = 1\ndel a[x]", {"x = 1"}, id="a deleted element reads its index"),
        pytest.param("x = 1\na[x] = 2", {"x = 1"}, id="a stored element reads its index"),
        pytest.param("x = 1\nx.y = 2", {"x = 1"}, id="a stored attribute reads its object"),
        pytest.param("import x.y\nx", {"import x.y"}, id="an import"),
        pytest.param("from a import y as x\nx", {"from a import y as x"}, id="an import by another name"),
        pytest.param("def x():\n    pass\nx", {"def x()"}, id="a nested function"),
        pytest.param("class x:\n    pass\nx", {"class x"}, id="a nested class"),
        pytest.param("x = 1\n@x\ndef g():\n    pass", {"x = 1"}, id="a decorator"),
        pytest.param("x = 1\ndef g(y=x, *, z=2):\n    pass", {"x = 1"}, id="a default value"),
        pytest.param("x = 1\nclass C(x, k=2):\n    pass", {"x = 1"}, id="a base class"),
        pytest.param("x = 1\nclass C(metaclass=x):\n    pass", {"x = 1"}, id="a metaclass"),
        pytest.param("x = 1\nassert x", {"x = 1"}, id="an assertion"),
        pytest.param("x = 1\nraise x", {"x = 1"}, id="a raised exception"),
    ],
)
def test_simple_statements(body: str, seen: set[str]) -> None:
    assert _seen(body) == seen


@pytest.mark.parametrize("jump", ["break", "continue"])
@pytest.mark.parametrize(
    "body", ["x = 1\nx\n{}", "x = 1\nif a:\n    {}\nx", "x = 1\ntry:\n    {}\nfinally:\n    x"]
)
def test_a_jump_outside_of_a_loop_which_only_a_compiler_refuses(body: str, jump: str) -> None:
    assert _seen(body.format(jump)) == {"x = 1"}


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param("x = 1\nif a:\n    x = 2\nx", {"x = 1", "x = 2"}, id="if"),
        pytest.param("if a:\n    x = 1\nelse:\n    x = 2\nx", {"x = 1", "x = 2"}, id="if, else"),
        pytest.param(
            "x = 1\nif a:\n    x = 2\nelif b:\n    x = 3\nx", {"x = 1", "x = 2", "x = 3"}, id="if, elif"
        ),
        pytest.param("x = 1\nif a:\n    return\nelse:\n    x = 2\nx", {"x = 2"}, id="a branch that returns"),
        pytest.param("x = 1\nif a:\n    x = 2\n    raise b\nx", {"x = 1"}, id="a branch that raises"),
        pytest.param("x = 1\nfor y in a:\n    x = 2\nx", {"x = 1", "x = 2"}, id="a loop that may not run"),
        pytest.param("x = 1\nfor x in a:\n    pass\nx", {"x = 1", "for x in a"}, id="a loop variable"),
        pytest.param("x = 1\nfor x in a:\n    g(x)", {"for x in a"}, id="a loop variable inside"),
        pytest.param("x = 1\nfor y in x:\n    x = 2", {"x = 1"}, id="what is iterated is read once"),
        pytest.param("x = 1\nwhile a:\n    x = g(x)", {"x = 1", "x = g(x)"}, id="the round before"),
        pytest.param("x = 1\nwhile x:\n    x = 2", {"x = 1", "x = 2"}, id="the condition, each round"),
        pytest.param(
            "x = 1\nfor y in a:\n    if y:\n        continue\n    x = 2\n    break\nelse:\n    x = 3\nx",
            {"x = 2", "x = 3"},
            id="break passes by else",
        ),
        pytest.param(
            "for y in a:\n    x = 1\n    if y:\n        x = 2\n        continue\n    x = 3\nx",
            {"x = 2", "x = 3"},
            id="continue",
        ),
        pytest.param(
            "x = 1\nwhile True:\n    x = 2\n    if a:\n        break\nx", {"x = 2"}, id="while True"
        ),
        pytest.param(
            "x = 1\nfor y in a:\n    for z in b:\n        x = g(x)", {"x = 1", "x = g(x)"}, id="nested loops"
        ),
        pytest.param("with a as x:\n    g(x)", {"with a as x"}, id="with"),
        pytest.param("with a as (x, y), x.b as z:\n    pass", {"with a as (x, y), x.b as z"}, id="items"),
        pytest.param(
            "x = 1\nmatch a:\n    case 1:\n        x = 2\nx", {"x = 1", "x = 2"}, id="match may not match"
        ),
        pytest.param("match a:\n    case [x, *y]:\n        g(x)", {"match a"}, id="a captured element"),
        pytest.param(
            "match a:\n    case {'k': y, **x}:\n        g(x)", {"match a"}, id="the rest of a mapping"
        ),
        pytest.param("match a:\n    case [*x]:\n        g(x)", {"match a"}, id="the rest of a sequence"),
        pytest.param("x = 1\nmatch a:\n    case y if x:\n        pass", {"x = 1"}, id="a guard"),
        pytest.param("x = 1\nmatch x:\n    case _:\n        pass", {"x = 1"}, id="the subject"),
    ],
)
def test_ways_that_part_and_meet(body: str, seen: set[str]) -> None:
    assert _seen(body) == seen


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param(
            "x = 1\ntry:\n    x = 2\n    x = 3\nexcept a:\n    g(x)",
            {"x = 1", "x = 2", "x = 3"},
            id="a handler sees every step of the body",
        ),
        pytest.param("x = 1\ntry:\n    x = 2\nexcept a:\n    pass\nx", {"x = 1", "x = 2"}, id="after it"),
        pytest.param(
            "x = 1\ntry:\n    x = 2\nexcept a:\n    raise\nx", {"x = 2"}, id="a handler that raises"
        ),
        pytest.param(
            "try:\n    x = 1\nexcept a:\n    x = 2\nelse:\n    x = 3\nx", {"x = 2", "x = 3"}, id="else"
        ),
        pytest.param(
            "x = 1\ntry:\n    x = 2\nfinally:\n    g(x)", {"x = 1", "x = 2"}, id="finally sees every step"
        ),
        pytest.param("try:\n    x = 1\nfinally:\n    x = 2\nx", {"x = 2"}, id="finally has the last word"),
        pytest.param(
            "x = 1\ntry:\n    x = 2\n    return\nfinally:\n    g(x)",
            {"x = 1", "x = 2"},
            id="finally runs on the way out of a return",
        ),
        pytest.param("x = 1\ntry:\n    g()\nexcept a as x:\n    g(x)", set(), id="the exception's own name"),
        pytest.param(
            "x = 1\ntry:\n    try:\n        x = 2\n    finally:\n        x = 3\nexcept a:\n    g(x)",
            {"x = 1", "x = 2", "x = 3"},
            id="nested",
        ),
        pytest.param(
            "x = 1\ntry:\n    if a:\n        x = 2\nexcept b:\n    g(x)",
            {"x = 1", "x = 2"},
            id="a branch inside",
        ),
    ],
)
def test_a_try_can_be_left_anywhere(body: str, seen: set[str]) -> None:
    assert _seen(body) == seen


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* came with Python 3.11")
def test_exception_groups_are_handled_alike() -> None:
    assert _seen("x = 1\ntry:\n    x = 2\nexcept* a:\n    g(x)") == {"x = 1", "x = 2"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* came with Python 3.11")
def test_one_handler_of_a_group_runs_behind_another() -> None:
    body = "x = 1\ntry:\n    g()\nexcept* a:\n    x = 2\n    x = 3\nexcept* b:\n    g(x)"
    assert _seen(body) == {"x = 1", "x = 2", "x = 3"}


def test_nothing_is_seen_behind_a_return() -> None:
    flow = _flow("return a\nb")
    assert [read.id for read in flow.reaching] == ["a"]
    assert len(flow.steps) == 1


def test_an_endless_loop_without_a_break_never_ends() -> None:
    flow = _flow("while True:\n    a()\nb")
    assert "b" not in {read.id for read in flow.reaching}


def test_an_asynchronous_function_flows_alike() -> None:
    text = "async def f(a):\n    async for x in a:\n        async with x as y:\n            y\n    x"
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    seen = {(read.id, len(found)) for read, found in DataFlow(function).reaching.items()}
    assert seen == {("a", 1), ("x", 1), ("y", 1)}


# Expressions.


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param("g(x := 1)\nx", {"g((x := 1))"}, id="a walrus assigns"),
        pytest.param("x = 1\ny = (x := 2) + x", {"y = (x := 2) + x"}, id="at once"),
        pytest.param("if (x := a):\n    g(x)", {"if (x := a)"}, id="in a condition"),
        pytest.param("x = 1\ng([x for x in a])\nx", {"x = 1"}, id="a comprehension's variable is its own"),
        pytest.param("x = 1\ng([x for x in a])", set(), id="and seen inside"),
        pytest.param("x = 1\ng({y: x for y in a if y})", {"x = 1"}, id="a comprehension reads around itself"),
        pytest.param("x = 1\ng({y for y in x})", {"x = 1"}, id="what it iterates"),
        pytest.param("x = 1\ng(y for y in a if x)", {"x = 1"}, id="its condition"),
        pytest.param("x = 1\ng(lambda y=x, *, z=2: y)", {"x = 1"}, id="a lambda's default value"),
        pytest.param("x = 1\ng(f'{x}')", {"x = 1"}, id="an f-string"),
    ],
)
def test_expressions(body: str, seen: set[str]) -> None:
    assert _seen(body) == seen


@pytest.mark.parametrize(
    ("body", "captured"),
    [
        pytest.param("g(lambda: x)", {"x"}, id="lambda"),
        pytest.param("def g():\n    return x", {"x"}, id="nested function"),
        pytest.param("class C:\n    y = x", {"x", "y"}, id="nested class"),
        pytest.param("global x", {"x"}, id="global"),
        pytest.param("nonlocal x, y", {"x", "y"}, id="nonlocal"),
        pytest.param("x = 1\nlocals()", {"a", "b", "c", "x"}, id="locals() reads all there is"),
        pytest.param("x = 1\ng(x)", set(), id="nothing"),
    ],
)
def test_what_can_be_read_at_any_time_is_captured(body: str, captured: set[str]) -> None:
    assert _flow(body).captured == captured


# What is said of a definition.


def test_every_kind_of_parameter_is_a_definition() -> None:
    flow = _flow("g(a, b, c, d, e)", "a, /, b, *c, d=1, **e")
    assert list(flow.parameters) == ["a", "b", "d", "c", "e"]
    seen = {read.id: found for read, found in flow.reaching.items()}
    assert seen.pop("g") == set()
    assert all({flow.parameters[name]} == found for name, found in seen.items())


def test_a_definition_knows_what_it_overwrites() -> None:
    flow = _flow("x = 1\nif a:\n    x = 2\nx = 3")
    kills = {_source(each): {_source(other) for other in each.kills} for each in flow.definitions()}
    assert kills == {"x = 1": set(), "x = 2": {"x = 1"}, "x = 3": {"x = 1", "x = 2"}}


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        ("x = a", True),
        ("x: int = a", True),
        ("x += a", True),
        ("x, y = a", False),
        ("*x, y = a", False),
        ("for x in a:\n    pass", False),
        ("with a as x:\n    pass", False),
        ("g(x := a)", False),
    ],
)
def test_a_name_gets_the_whole_value_or_a_part_of_it(body: str, whole: bool) -> None:
    [found] = [each for each in _flow(body).definitions() if each.name == "x"]
    assert found.whole is whole


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("x = a", "a"),
        ("x = y = a", "a"),
        ("x, y = a", "a"),
        ("x: int = a", "a"),
        ("x: int", None),
        ("x.y = a", None),
        ("x, y[0] = a", None),
        ("x += a", None),
        ("g(a)", None),
    ],
)
def test_the_value_of_a_statement_that_only_names_it(body: str, value: str | None) -> None:
    [step] = _flow(body).steps.values()
    assert (step.value and ast.unparse(step.value)) == value


def test_the_readers_of_a_definition_are_all_that_may_see_it() -> None:
    flow = _flow("x = 1\nif a:\n    g(x)\nreturn x")
    [definition] = flow.definitions()
    assert [read.lineno for read in flow.readers(definition)] == [4, 5]
    assert [type(flow.step_of(read).node) for read in flow.readers(definition)] == [ast.Expr, ast.Return]


def test_steps_know_their_order_and_their_loops() -> None:
    flow = _flow("x = 1\nfor y in a:\n    while b:\n        x = 2\nx = 3")
    found = [(each.step.order, len(each.step.loops)) for each in flow.definitions() if each.step]
    assert found == [(0, 0), (1, 0), (3, 2), (4, 0)]


def test_definitions_come_in_the_order_of_the_source() -> None:
    body = "if a:\n    x = 1\nelse:\n    x = 2\ntry:\n    x = 3\nexcept a:\n    x = 4"
    assert [_source(each) for each in _flow(body).definitions()] == ["x = 1", "x = 2", "x = 3", "x = 4"]


def test_definitions_of_a_try_come_in_the_order_of_the_source() -> None:
    body = "try:\n    x = 1\nexcept a:\n    x = 2\nelse:\n    x = 3\nfinally:\n    x = 4"
    assert [_source(each) for each in _flow(body).definitions()] == ["x = 1", "x = 2", "x = 3", "x = 4"]


def test_what_overwrites_a_definition_comes_in_the_order_of_the_source() -> None:
    flow = _flow("x = 1\nif a:\n    x = 2\nelif b:\n    x = 3\nx = 4")
    first, second, _, last = flow.definitions()
    assert [_source(each) for each in flow.overwriting(first)] == ["x = 2", "x = 3", "x = 4"]
    assert flow.overwriting(second) == [last]


def test_a_definition_that_was_found_is_not_found_again() -> None:
    flow = _flow("x = 1\nif a:\n    x = 2\ng(x)\ng(x)")
    *_, first, second = flow.steps.values()
    seen: set[Held] = set()
    assert {_source(each) for each in flow.seen_by(first.reads, seen)} == {"x = 1", "x = 2"}
    assert flow.seen_by(second.reads, seen) == []


# The work grows as the text does. What is counted here is what is written down.

_ROWS = {
    "one name": ("x = g(x)",),
    "many names": ("x{n} = x",),
    "if": ("if a:", "    x = g(x)"),
    "if, else": ("if a:", "    x = x{n} = g(x)", "else:", "    x = b"),
    "break and continue": ("if a:", "    break", "if b:", "    continue", "x{n} = x = g(x)"),
}
_AROUND = {
    "nothing": "{}",
    "loops": "for i in a:\n  while b:\n    for j in a:\n      {}",
    "try": "try:\n  try:\n    {}\n  finally:\n    x = 1\nexcept E:\n  g(x)",
    "branches": "if a:\n  if b:\n    {}\n  else:\n    x = 1\ng(x)",
}


def _written_down(flow: DataFlow) -> int:
    """How much a data flow holds: reads, definitions and the members of merges."""
    waiting = [held for held in flow.reaching.held.values() if held is not None]
    waiting += [held for each in flow.definitions() for held in each.over]
    seen: set[Held] = set()
    size = len(waiting)
    while waiting:
        held = waiting.pop()
        if held not in seen and isinstance(held, Merge):
            size += len(held.members)
            waiting += held.members
        seen.add(held)
    return size


@pytest.mark.parametrize(
    ("row", "around"),
    [(row, around) for row in _ROWS for around in _AROUND if around == "loops" or "break" not in row],
)
def test_a_text_of_twice_the_length_is_twice_the_work(row: str, around: str) -> None:
    head, _, tail = _AROUND[around].partition("{}")
    indent = head.rpartition("\n")[2]

    def size(length: int) -> int:
        lines = [line.format(n=number) for number in range(length) for line in _ROWS[row]]
        return _written_down(_flow(head + f"\n{indent}".join(lines) + tail))

    assert size(400) <= 2.1 * size(200)


def test_branches_can_be_as_deep_and_as_many_as_python_reads_them() -> None:
    deep = "".join(f"{'  ' * depth}if a:\n" for depth in range(90)) + f"{'  ' * 90}x = 1\n"
    row = "if a:\n  pass\n" + "".join(f"elif b == {number}:\n  x = {number}\n" for number in range(300))
    assert _seen("x = 0\n" + deep + "x") == {"x = 0", "x = 1"}
    assert len(_seen("x = -1\n" + row + "x")) == 301


def test_a_long_sum_is_read_to_its_end() -> None:
    assert len(_flow("+".join(["x"] * 900)).reaching) == 900


# "Too many definitions, never too few."


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        pytest.param("while (x := a()):\n    x = b\nx", "while (x := a())", id="walrus that ends a loop"),
        pytest.param("g([x := y for y in a])\nx", "g([(x := y) for y in a])", id="walrus in a comprehension"),
        pytest.param(
            "x = 1\ntry:\n    g()\nexcept a:\n    x = 2\n    raise\nfinally:\n    g(x)",
            "x = 2",
            id="finally behind a handler that raises",
        ),
        pytest.param(
            "x = 1\ntry:\n    g()\nexcept a:\n    pass\nelse:\n    x = 2\n    return\nfinally:\n    g(x)",
            "x = 2",
            id="finally behind an else that returns",
        ),
        pytest.param(
            "for y in a:\n    try:\n        x = 1\n        break\n    finally:\n        x = 2\nx",
            "x = 2",
            id="finally on the way out of a break",
        ),
        pytest.param(
            "x = 1\ntry:\n    for x in a:\n        raise b\nexcept c:\n    g(x)",
            "for x in a",
            id="loop variable of a loop that raises",
        ),
        pytest.param(
            "x = 1\ntry:\n    with a as x:\n        raise b\nexcept c:\n    g(x)",
            "with a as x",
            id="with that raises",
        ),
        pytest.param(
            "match a:\n    case x if b:\n        pass\n    case _:\n        g(x)",
            "match a",
            id="capture of a case whose guard says no",
        ),
        pytest.param(
            "x = 1\nwith suppress(a):\n    b()\n    x = 2\nx", "x = 1", id="with that swallows exceptions"
        ),
        pytest.param(
            "x = 1\nmatch a:\n    case [x, 2]:\n        pass\n    case _:\n        g(x)",
            "x = 1",
            id="pattern that does not match",
        ),
        pytest.param("for y in a:\n    g(x)\n    import m as x", "import m as x", id="import in a loop"),
        pytest.param(
            "for y in a:\n    g(x)\n    match y:\n        case [x]:\n            pass",
            "match y",
            id="capture in a loop",
        ),
        pytest.param("for y in a:\n    g(x)\n    def x(): pass", "def x()", id="function in a loop"),
        pytest.param(
            "for y in a:\n    g(x)\n    def f(z=(x := 1)): pass", "def f(z=(x := 1))", id="default in a loop"
        ),
        pytest.param(
            "try:\n    try:\n        x = 1\n        x = 2\n    except A:\n        x = 3\nexcept B:\n    x",
            "x = 1",
            id="exception that an inner handler lets through",
        ),
        pytest.param("x = 1\na and (x := b)\nx", "x = 1", id="walrus that may not be reached"),
        pytest.param("x = 1\na < b < (x := c)\nx", "x = 1", id="walrus behind a comparison"),
        pytest.param("x = 1\n(x := 2) if a else b\nx", "x = 1", id="walrus in a conditional expression"),
        pytest.param("x = 1\n{a: (x := 2), x: b}", "{a: (x := 2), x: b}", id="keys and values by turns"),
        pytest.param("x = 1\nx += (x := 2)", "x = 1", id="what is augmented is read first"),
        pytest.param("[(x, x := y) for y in a]", "[(x, (x := y)) for y in a]", id="the round before"),
        pytest.param(
            "y = ((x := b) for b in a)\nx = 1\nnext(y)\nx", "y = ((x := b) for b in a)", id="generator"
        ),
        pytest.param(
            "x = 1\nmatch a:\n    case [x, x.E]:\n        pass", "x = 1", id="patterns bind at their end"
        ),
        pytest.param(
            "x = 1\ntry:\n    g(x := 2, h())\nexcept E:\n    x", "g((x := 2), h())", id="in between"
        ),
    ],
)
def test_no_definition_is_missed(body: str, missing: str) -> None:
    assert missing in _seen(body)


def test_several_names_are_deleted_at_once() -> None:
    assert _seen("x = y = 1\ndel (x, [y])\nx") == set()


def test_a_module_reads_its_annotations() -> None:
    flow = DataFlow(ast.parse("x = int\ny: x = 1\ny: x"))
    assert [(read.lineno, len(seen)) for read, seen in flow.reaching.items() if read.id == "x"] == [
        (2, 1),
        (3, 1),
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type aliases came with Python 3.12")
def test_a_type_alias_is_a_definition_that_reads_later() -> None:
    flow = _flow("type x = list[a]\nx")
    assert [_source(each) for each in flow.definitions()] == ["type x = list[a]"]
    assert "a" in flow.captured


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("x = 1\ntry:\n    g()\nexcept x.E:\n    pass", id="the class of a handler"),
        pytest.param("x = 1\nmatch a:\n    case x.B:\n        pass", id="a value pattern"),
        pytest.param("x = 1\nmatch a:\n    case x(y):\n        pass", id="a class pattern"),
        pytest.param("x = 1\ndef g(y: x): pass", id="the annotation of a parameter"),
        pytest.param("x = 1\ndef g() -> x: pass", id="the annotation of a result"),
        pytest.param("x = 1\nx.y: int", id="an attribute that is only annotated"),
        pytest.param("x = 1\nx.y += 1", id="an augmented attribute"),
    ],
)
def test_no_read_is_missed(body: str) -> None:
    assert "x" in {read.id for read in _flow(body).reaching}
