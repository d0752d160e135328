"""The modules of an unpacked package: what a name means in them, across files if that is wanted.

A small reader of its own. It shares nothing with kerasfix, so that a fault there cannot hide a case here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.packages import parse

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAX_STEPS = 20


@dataclass(eq=False)
class ClassInfo:
    """One class statement at the top of a module."""

    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def statement(self) -> int:
        """Which statement of its module it is."""
        return self.module.tree.body.index(self.node)

    @cached_property
    def methods(self) -> dict[str, Function]:
        return {item.name: item for item in self.node.body if isinstance(item, Function)}


# A class of a package, without its tree.
Key = tuple[Path, str]
# What a name can stand for: a class of the package, or the dotted name of something else.
Target = ClassInfo | str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that stands for something of another module, by its full dotted name."""

    dotted: str


Binding = ClassInfo | Imported | Function | ast.expr


@dataclass(eq=False)
class Module:
    """One file.

    Attributes:
        name: Its dotted name from the root of the package.
        path: Its path from there.
        bindings: Names of the module's top level with all that they are ever bound to.
        stars: Modules of which everything is imported.
    """

    name: str
    path: Path
    data: bytes
    tree: ast.Module
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for statement in _top_level(self.tree.body):
            match statement:
                case ast.ClassDef(name=name):
                    self._bind(name, ClassInfo(self, statement))
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self._bind(name, statement)
                case ast.Import(names=names):
                    for alias in names:
                        whole = alias.name if alias.asname else alias.name.partition(".")[0]
                        self._bind(alias.asname or whole, Imported(whole))
                case ast.ImportFrom(names=names):
                    source = self._absolute(statement)
                    for alias in names:
                        if alias.name == "*":
                            self.stars.append(source)
                        else:
                            self._bind(alias.asname or alias.name, Imported(f"{source}.{alias.name}"))
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bind(name, value)

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """The classes outside of any block that a name of the module still stands for at its end."""
        last = [found[-1] for found in self.bindings.values()]
        own = {id(statement) for statement in self.tree.body}
        return [each for each in last if isinstance(each, ClassInfo) and id(each.node) in own]

    @cached_property
    def lines(self) -> list[int]:
        """Where each line starts, in bytes."""
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def start(self, node: ast.expr | ast.arg | ast.keyword) -> int:
        return self.lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.arg | ast.keyword) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def _bind(self, name: str, value: Binding) -> None:
        self.bindings.setdefault(name, []).append(value)

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        steps = self.name.split(".")
        kept = steps[: len(steps) - statement.level + (self.path.name == "__init__.py")]
        return ".".join([*kept, *filter(None, [statement.module])])


class Library:
    """All modules of a package, read when somebody asks for them.

    Args:
        files: The text of every Python file, by its path.
    """

    def __init__(self, files: dict[Path, bytes]) -> None:
        self.files = files
        self._paths = {_dotted(path): path for path in files}
        self._modules: dict[str, Module | None] = {}
        self._edges: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def module(self, name: str) -> Module | None:
        if name not in self._modules:
            path = self._paths.get(name)
            tree = parse(self.files[path]) if path is not None else None
            self._modules[name] = (
                Module(name, path, self.files[path], tree) if path is not None and tree is not None else None
            )
        return self._modules[name]

    def modules_with(self, text: bytes) -> Iterator[Module]:
        for name, path in sorted(self._paths.items()):
            if text in self.files[path] and (module := self.module(name)) is not None:
                yield module

    def resolve(self, module: Module, node: ast.expr, *, across: bool, steps: int = _MAX_STEPS) -> Target:
        """What a dotted name means in a module.

        Args:
            across: Whether to look into other modules of the package; without, what comes from there is
                unknown.
        """
        match node:
            case ast.Name(id=name):
                return self._lookup(module, name, across, steps)
            case ast.Attribute(value=value, attr=attr):
                owner = self.resolve(module, value, across=across, steps=steps - 1) if steps else None
                return self._named(f"{owner}.{attr}", across, steps) if isinstance(owner, str) else None
        return None

    def reach(self, info: ClassInfo) -> set[Key]:
        """The names of the package, with their files, that a class mentions, and that those mention."""
        found: set[Key] = set()
        waiting = [(info.module.name, info.name)]
        while waiting:
            owner, name = waiting.pop()
            module = self.module(owner)
            if module is None or (module.path, name) in found:
                continue
            found.add((module.path, name))
            if (owner, name) not in self._edges:
                self._edges[owner, name] = list(self._mentioned(module, name))
            waiting += self._edges[owner, name]
        return found

    def _mentioned(self, module: Module, name: str) -> Iterator[tuple[str, str]]:
        """Module and name of what the definition of a name mentions."""
        for binding in module.bindings.get(name, ()):
            if isinstance(binding, Imported):
                yield self._split(binding.dotted)
                continue
            for node in ast.walk(binding.node if isinstance(binding, ClassInfo) else binding):
                steps = _steps(node)
                for each in module.bindings.get(steps[0], ()) if steps else ():
                    if isinstance(each, Imported):
                        yield self._split(".".join([each.dotted, *steps[1:]]))
                    else:
                        yield module.name, steps[0]
                if steps and steps[0] not in module.bindings:
                    yield from ((star, steps[0]) for star in module.stars)

    def _split(self, dotted: str) -> tuple[str, str]:
        """The longest module of the package in a dotted name, and the name behind it."""
        steps = dotted.split(".")
        for count in range(len(steps) - 1, 0, -1):
            owner = ".".join(steps[:count])
            if owner in self._paths:
                return owner, steps[count]
        return "", ""

    def _lookup(self, module: Module, name: str, across: bool, steps: int) -> Target:
        if not steps:
            return None
        for binding in module.bindings.get(name, ())[::-1]:
            found: Target
            match binding:
                case ClassInfo():
                    return binding
                case Imported(dotted=dotted):
                    found = self._named(dotted, across, steps - 1)
                case ast.expr():
                    found = self.resolve(module, binding, across=across, steps=steps - 1)
                case _:
                    continue
            if found is not None:
                return found
        for star in module.stars:
            found = self._named(f"{star}.{name}", across, steps - 1)
            if isinstance(found, ClassInfo):
                return found
        return None

    def _named(self, dotted: str, across: bool, steps: int) -> Target:
        """What a full dotted name stands for; itself, if it is a module or comes from another package."""
        if dotted in self._paths:
            return dotted
        owner, _, name = dotted.rpartition(".")
        if owner in self._paths:
            module = self.module(owner) if across else None
            return self._lookup(module, name, across, steps) if module is not None else None
        return dotted


def _dotted(path: Path) -> str:
    steps = path.with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" else steps)


def _steps(node: ast.AST) -> list[str]:
    """`["layers", "Dropout"]` for `layers.Dropout`; empty if it is no dotted name."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=attr):
            steps = _steps(value)
            return [*steps, attr] if steps else []
    return []


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run at import, those inside of blocks too."""
    for statement in body:
        yield statement
        match statement:
            case ast.If() | ast.Try() | ast.With():
                handlers = statement.handlers if isinstance(statement, ast.Try) else []
                for handler in handlers:
                    yield from _top_level(handler.body)
                for name in ("body", "orelse", "finalbody"):
                    yield from _top_level(getattr(statement, name, []))
