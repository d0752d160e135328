"""Random programs run, and each read tells which assignment it saw: the analysis knows of it, every time.

A program is written twice, as text for the analysis and, from the same tree, with hooks: what a statement
gives to a name is a `Tag` that knows its line, and each read of a name reports the tag that it got. Whether a
condition holds, how often a loop runs and where an exception comes from is drawn anew for each run.
"""

from __future__ import annotations

import ast
import contextlib
import random
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kerasfix.analysis.dataflow import DataFlow

_NAMES = ("x", "y", "z")
_RUNS = 6
_MOST_EVENTS = 80
_STAR = sys.version_info >= (3, 11)

# --- Programs --------------------------------------------------------------------------------------------


# Expressions: <a>, <b> and <c> are other ones, <n> and <m> are names.
_VALUES = (
    "(<n> := <a>)",
    "(<n> := <a>)",
    "(<n> := <m>)",
    "(<a> and <b> or <c>)",
    "(<b> if <a> else <c>)",
    "(<a> < <b> < <c>)",
    "may_raise(<a>, *[<b>], k=<c>)",
    "[own for own in <a> if <b> if <c>]",
    "[(<a>, <b>) for <n> in <c> for own in <n>]",
    "{<a>: <b>, <b>: <c>}",
    "{own: <a> for own in <n>}",
    "any(<a> for own in <m> if <b>)",
    "(lambda a=<a>: <n>)()",
    "<n>[<a>]",
    "(<a> + <b>)",
    "f'{<a>}'",
)
_ASYNC_VALUES = ("(await <a>)", "[own async for own in <a> if <b>]")


def _is_python(text: str) -> bool:
    try:
        compile(f"async def f():\n    return {text}", "program", "exec")
    except SyntaxError:
        return False
    return True


class _Writer:
    """Writes one program, each statement on lines of its own."""

    def __init__(self, chance: random.Random, *, is_async: bool, in_function: bool) -> None:
        self.chance = chance
        self.is_async = is_async
        self.in_function = in_function
        self.left = 14

    def name(self) -> str:
        return self.chance.choice(_NAMES)

    def program(self) -> str:
        body = [*(f"{name} = new()" for name in _NAMES if self.chance.random() < 0.7)]
        body += self.block(0, in_loop=False)
        if not self.in_function:
            return "\n".join(body)
        keyword = "async def" if self.is_async else "def"
        outer = ["    global z"] if self.chance.random() < 0.1 else []
        return "\n".join([f"{keyword} f(x, *y):", *outer, *(f"    {line}" for line in body)])

    def block(self, depth: int, *, in_loop: bool, plain: bool = False) -> list[str]:
        lines: list[str] = []
        for _ in range(self.chance.randint(1, 4)):
            lines += self.statement(depth, in_loop, plain)
        return lines

    def inner(self, depth: int, *, in_loop: bool, plain: bool = False) -> list[str]:
        return [f"    {line}" for line in self.block(depth + 1, in_loop=in_loop, plain=plain)]

    def statement(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        self.left -= 1
        compound = (self.if_, self.for_, self.while_, self.try_, self.with_, self.match_)
        if depth < 4 and self.left > 0 and self.chance.random() < 0.5:
            return self.chance.choice(compound)(depth, in_loop, plain)
        return self.simple(in_loop, plain)

    def simple(self, in_loop: bool, plain: bool) -> list[str]:
        name, other, value = self.name(), self.name(), self.value()
        choices = [f"{name} = {value}"] * 6 + [
            f"{name} = {other} = {value}",
            f"{name}, *{other} = {self.name()}, {value}",
            f"({name}, [{other}]) = {value}",
            f"{name} += {value}",
            f"{name}: {other} = {value}",
            f"{name}[{other}] = {value}",
            f"{name}.a = {value}",
            f"{name}.a += {value}",
            f"{name}.a: {other}",
            f"del {name}",
            f"del ({name}, {other})",
            f"del {name}[{other}]",
            f"assert {value}, {self.value()}",
            f"import m as {name}",
            f"def {name}(a={other}, *, b: {other} = {self.value()}): return {self.name()}",
            f"class {name}(base, k={value}): a = {other}",
            f"may_raise({value})",
            f"{value}",
            "pass",
        ]
        if self.in_function and self.chance.random() < 0.1:
            return [f"def g(): nonlocal y; y = {self.name()}", "g()"]
        if not plain and self.chance.random() < 0.15:
            leave = ["raise E"] + (["break", "continue"] if in_loop else [])
            return [self.chance.choice(leave + ([f"return {value}"] if self.in_function else []))]
        return [self.chance.choice(choices)]

    def value(self, depth: int = 0) -> str:
        if depth > 2 or self.chance.random() < 0.45:
            return self.chance.choice((*_NAMES, "new()"))
        text = self.chance.choice(_VALUES + _ASYNC_VALUES if self.is_async else _VALUES)
        for part in "abc":
            if f"<{part}>" in text:
                text = text.replace(f"<{part}>", self.value(depth + 1))
        text = text.replace("<n>", self.name()).replace("<m>", self.name())
        if depth == 0 and ":=" in text and " for " in text and not _is_python(text):
            # In some places of a comprehension Python allows no assignment.
            return self.name()
        return text

    def if_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        lines = [f"if {self.value()}:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        while self.chance.random() < 0.4:
            lines += [f"elif {self.value()}:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        if self.chance.random() < 0.5:
            lines += ["else:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        return lines

    def for_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        target = self.chance.choice((self.name(), f"{self.name()}, *{self.name()}", f"{self.name()}.a"))
        word = "async for" if self.is_async and self.chance.random() < 0.5 else "for"
        lines = [f"{word} {target} in {self.value()}:", *self.inner(depth, in_loop=not plain, plain=plain)]
        return lines + self.else_(depth, in_loop, plain)

    def while_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        test = self.chance.choice(("True", self.value(), self.value()))
        lines = [f"while {test}:", *self.inner(depth, in_loop=not plain, plain=plain)]
        return lines + self.else_(depth, in_loop, plain)

    def else_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        if self.chance.random() < 0.6:
            return []
        return ["else:", *self.inner(depth, in_loop=in_loop, plain=plain)]

    def try_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        lines = ["try:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        star = _STAR and self.chance.random() < 0.2
        handlers = self.chance.randint(0, 2)
        for _ in range(handlers):
            kind = self.chance.choice(("E", "Other", f"({self.name()} := E)", "(E, NameError)"))
            named = f" as {self.name()}" if self.chance.random() < 0.4 else ""
            lines.append(f"except{'*' if star else ''} {kind}{named}:")
            # `break`, `continue` and `return` may not leave an `except*`.
            lines += self.inner(depth, in_loop=in_loop and not star, plain=plain or star)
        if handlers and not star and self.chance.random() < 0.3:
            lines += ["except:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        if handlers and self.chance.random() < 0.4:
            lines += ["else:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        if not handlers or self.chance.random() < 0.4:
            lines += ["finally:", *self.inner(depth, in_loop=in_loop, plain=plain)]
        return lines

    def with_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        word = "async with" if self.is_async and self.chance.random() < 0.5 else "with"
        items = []
        for _ in range(self.chance.randint(1, 2)):
            made = f"{self.chance.choice(('opened', 'opened', 'suppress'))}({self.value()})"
            target = self.chance.choice(("", f" as {self.name()}", f" as ({self.name()}, {self.name()})"))
            items.append(made + target)
        return [f"{word} {', '.join(items)}:", *self.inner(depth, in_loop=in_loop, plain=plain)]

    def match_(self, depth: int, in_loop: bool, plain: bool) -> list[str]:
        lines = [f"match {self.value()}:"]
        for _ in range(self.chance.randint(1, 3)):
            a, b, c = self.chance.sample(_NAMES, 3)
            pattern = self.chance.choice(
                (
                    f"[{a}, *{b}]",
                    f"[{a}, [{b}, {c}]]",
                    f"{a}.E",
                    f"[{a}, {b}.E]",
                    f"[_] as {a}",
                    f"[{a}] | [_, {a}]",
                )
            )
            guard = f" if {self.value()}" if self.chance.random() < 0.4 else ""
            lines.append(f"    case {pattern}{guard}:")
            lines += [f"    {line}" for line in self.inner(depth, in_loop=in_loop, plain=plain)]
        if self.chance.random() < 0.5:
            lines.append(f"    case {self.chance.choice(('_', self.name()))}:")
            lines += [f"    {line}" for line in self.inner(depth, in_loop=in_loop, plain=plain)]
        return lines


# --- Runs ------------------------------------------------------------------------------------------------

# A read, by its place among all names of the text.
_Read = int


class _Raised(Exception):
    pass


class _Other(Exception):
    pass


class _Over(BaseException):
    """The run has taken long enough."""


class _Run:
    """One run of a program: what decides, and what was seen."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.events = 0
        self.seen: set[tuple[_Read, int]] = set()

    def decide(self) -> bool:
        self.tick()
        return self.chance.random() < 0.5

    def tick(self) -> None:
        self.events += 1
        if self.events > _MOST_EVENTS:
            raise _Over

    def read(self, read: _Read, value: Any) -> Any:
        tag = value[-1] if isinstance(value, list | tuple) and value else value
        if isinstance(tag, Tag) and tag.line is not None:
            self.seen.add((read, tag.line))
        return value

    def tagged(self, line: int, _value: Any = None) -> Tag:
        return Tag(self, line)

    def subject(self, line: int, _value: Any) -> Any:
        """Something for a `match` to take apart."""
        tag = Tag(self, line)
        return self.chance.choice((tag, [tag], [tag, tag], [tag, [tag, tag]], [tag, 0], 0))

    def function(self, line: int) -> Callable[[Any], Tag]:
        return lambda function: Tag(self, line, function)

    def augmented(self, line: int, read: _Read, _value: Any) -> Tag:
        tag = Tag(self, line)
        tag.augments = read
        return tag

    def may_raise(self, *_values: Any, **_more: Any) -> Tag:
        self.tick()
        if self.chance.random() < 0.15:
            raise self.chance.choice((_Raised, _Other))
        return Tag(self, None)

    def rounds(self, line: int | None, _value: Any) -> _Rounds:
        return _Rounds(self, line)

    def entered(self, line: int, swallows: bool, _value: Any) -> _Manager:
        return _Manager(self, line, swallows)


class Tag:
    """A value that knows which statement gave it to its name (None: nobody asks)."""

    E = 0

    def __init__(self, run: _Run, line: int | None, function: Any = None) -> None:
        self.run, self.line, self.function = run, line, function
        self.augments: _Read | None = None

    def __bool__(self) -> bool:
        return self.run.decide()

    def __iter__(self) -> Iterator[Tag]:
        # It can be taken apart.
        return iter([Tag(self.run, self.line) for _ in range(self.run.chance.choice((1, 2, 2, 3)))])

    def __call__(self, *_values: Any) -> Any:
        self.run.tick()
        return self.function() if self.function is not None and self.run.decide() else Tag(self.run, None)

    def __add__(self, other: Any) -> Tag:
        return Tag(self.run, None)

    def __iadd__(self, other: Any) -> Any:
        if isinstance(other, Tag) and other.augments is not None and self.line is not None:
            self.run.seen.add((other.augments, self.line))
        return other

    def __lt__(self, other: Any) -> Tag:
        return Tag(self.run, None)

    def __getitem__(self, key: Any) -> Tag:
        return Tag(self.run, None)

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __delitem__(self, key: Any) -> None: ...

    def __await__(self) -> Iterator[Any]:
        return self
        yield

    def __format__(self, spec: str) -> str:
        return ""


class _Rounds:
    """What a loop runs over, and what is taken apart; as long as chance will have it."""

    def __init__(self, run: _Run, line: int | None) -> None:
        self.run, self.line = run, line

    def __iter__(self) -> Iterator[Any]:
        while self.run.decide():
            yield Tag(self.run, self.line)
            self.run.may_raise()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for each in self:
            yield each


class _Manager:
    def __init__(self, run: _Run, line: int, swallows: bool) -> None:
        self.run, self.line, self.swallows = run, line, swallows

    def __enter__(self) -> Any:
        self.run.may_raise()
        return Tag(self.run, self.line)

    def __exit__(self, kind: type[BaseException] | None, *_rest: Any) -> bool:
        return self.swallows and kind is not None and issubclass(kind, Exception) and self.run.decide()

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: Any) -> bool:
        return self.__exit__(kind)


class _Hooks(ast.NodeTransformer):
    """Puts the hooks into a program."""

    def __init__(self, tree: ast.AST) -> None:
        self.place = {name: place for place, name in enumerate(_names_of(tree))}
        self.line = 0

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt):
            self.line = node.lineno
        return super().visit(node)

    def hook(self, name: str, *arguments: object) -> ast.expr:
        function = ast.Attribute(ast.Name("RUN", ast.Load()), name, ast.Load())
        given = [each if isinstance(each, ast.expr) else ast.Constant(each) for each in arguments]
        return ast.Call(function, given, [])

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in _NAMES:
            return self.hook("read", self.place[node], node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        line = node.lineno
        node.value = self.visit(node.value)
        node.value = self.hook("tagged", line, node.value)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        line = node.lineno
        if node.value is not None:
            node.value = self.hook("tagged", line, self.visit(node.value))
        node.annotation = self.visit(node.annotation)
        node.target = self.visit(node.target)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        line, value = node.lineno, self.visit(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            node.value = self.hook("augmented", line, self.place[target], value)
        else:
            node.value, node.target = value, self.visit(target)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        line = self.line
        node.value = self.hook("tagged", line, self.visit(node.value))
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.iter = self.hook("rounds", node.lineno, self.visit(node.iter))
        node.target = self.visit(node.target)
        node.body = [_tick(), *map(self.visit, node.body)]
        node.orelse = list(map(self.visit, node.orelse))
        return node

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> ast.stmt:
        node.test = self.visit(node.test)
        node.body = [_tick(), *map(self.visit, node.body)]
        node.orelse = list(map(self.visit, node.orelse))
        return node

    def visit_With(self, node: ast.With) -> ast.stmt:
        line = node.lineno
        for item in node.items:
            call = item.context_expr
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Name)
            item.context_expr = self.hook(
                "entered", line, call.func.id == "suppress", self.visit(call.args[0])
            )
        node.body = list(map(self.visit, node.body))
        return node

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        line = node.lineno
        node.subject = self.hook("subject", line, self.visit(node.subject))
        for case in node.cases:
            if case.guard is not None:
                self.line = line
                case.guard = self.visit(case.guard)
            case.body = list(map(self.visit, case.body))
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        line = node.lineno
        node.body = list(map(self.visit, node.body))
        for handler in node.handlers:
            self.line = line
            if isinstance(handler.type, ast.NamedExpr):
                # It must be a class all the same.
                kind = handler.type
                handler.type = ast.Call(
                    ast.Name("kind", ast.Load()), [self.visit(kind), ast.Name("E", ast.Load())], []
                )
            handler.body = list(map(self.visit, handler.body))
        node.orelse = list(map(self.visit, node.orelse))
        node.finalbody = list(map(self.visit, node.finalbody))
        return node

    visit_TryStar = visit_Try

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        value = self.hook("tagged", node.lineno)
        return ast.Assign([ast.Name(node.names[0].asname or "", ast.Store())], value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        line = node.lineno
        self.generic_visit(node)
        if node.name in _NAMES:
            node.decorator_list.append(self.hook("function", line))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        line = node.lineno
        self.generic_visit(node)
        node.decorator_list.append(self.hook("function", line))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        node.iter = self.hook("rounds", None, self.visit(node.iter))
        node.ifs = list(map(self.visit, node.ifs))
        return node


def _names_of(tree: ast.AST) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _tick() -> ast.stmt:
    return ast.parse("RUN.tick()").body[0]


class _Base:
    def __init_subclass__(cls, **_more: Any) -> None: ...


def _observed(text: str, seed: int) -> set[tuple[_Read, int]]:
    """The reads that ran, each with the line of a statement that gave them what they got."""
    tree = ast.parse(text)
    code = compile(ast.fix_missing_locations(_Hooks(tree).visit(tree)), "program", "exec")
    seen: set[tuple[_Read, int]] = set()
    for number in range(_RUNS):
        run = _Run(random.Random(seed + number))
        place: dict[str, Any] = {
            "RUN": run,
            "new": lambda run=run: Tag(run, None),
            "may_raise": run.may_raise,
            "base": _Base,
            "kind": lambda _tag, kind: kind,
            "E": _Raised,
            "Other": _Other,
        }
        with contextlib.suppress(Exception, _Over):
            exec(code, place)
            if "f" in place:
                made = place["f"](Tag(run, 0), Tag(run, 0), Tag(run, 0))
                if hasattr(made, "send"):
                    made.send(None)
        seen |= run.seen
    return seen


@st.composite
def _programs(draw: st.DrawFn) -> str:
    chance = draw(st.randoms(use_true_random=False))
    in_function = chance.random() < 0.8
    text = _Writer(chance, is_async=in_function and chance.random() < 0.3, in_function=in_function).program()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "program", "exec")
    except SyntaxError:
        # What is declared global has no annotation, and so on.
        assume(False)
    return text


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(_programs(), st.integers(0, 2**32))
def test_whatever_a_read_sees_in_a_run_is_known(text: str, seed: int) -> None:
    tree = ast.parse(text)
    names = _names_of(tree)
    root = _root(tree)
    flow = DataFlow(root)
    nested = _inside_nested(root)
    for place, line in _observed(text, seed):
        read = names[place]
        if read in nested:
            assert read.id in flow.captured, f"{read.id!r} in line {read.lineno} is not captured in:\n{text}"
            continue
        assert read in flow.reaching, f"{read.id!r} in line {read.lineno} is thought never to run in:\n{text}"
        if read.id == "y" and "nonlocal y" in text:
            # A nested function may have set it.
            continue
        known = {0 if each.step is None else each.step.node.lineno for each in flow.reaching[read]}
        assert line in known, (
            f"{read.id!r} in line {read.lineno} sees line {line}, known are {known or 'none'}:\n{text}"
        )


def _inside_nested(root: ast.AST) -> set[ast.AST]:
    """What runs in a scope of its own."""
    scopes = (ast.Lambda, ast.FunctionDef, ast.ClassDef)
    bodies = [each.body for each in ast.walk(root) if isinstance(each, scopes) and each is not root]
    parts = [part for body in bodies for part in (body if isinstance(body, list) else [body])]
    return {node for part in parts for node in ast.walk(part)}


def _root(tree: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Module:
    match tree.body:
        case [ast.FunctionDef(name="f") | ast.AsyncFunctionDef(name="f") as function]:
            return function
    return tree
