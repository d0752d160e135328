"""The modules of a slice as modules of this process.

Each is run statement by statement. A statement that needs what is not there yet, because modules import each
other in a circle, waits until the others have run; one that needs what this Python does not have is left out,
and the reason is kept for whoever runs into the names that it would have bound.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib.machinery
import linecache
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .marks import NAME as MARK
from .marks import Marks

_LACKING = re.compile(
    r"name '(\w+)' is not defined|module '[\w.]+' has no attribute '(\w+)'|cannot import name '(\w+)'"
)
_OF_MODULE = re.compile(r"(?:partially initialized )?module '([\w.]+)' has no attribute")
_FLAGS = __future__.annotations.compiler_flag


@dataclass
class _Waiting:
    """A statement that could not run.

    Attributes:
        names: What it would bind; "*" for a star import.
        reason: Why it could not.
    """

    place: str
    statement: ast.stmt
    names: set[str]
    reason: str


class _Module(types.ModuleType):
    """A module of the project; the modules in it are loaded when they are first asked for."""

    def __init__(self, name: str, program: Program, place: str) -> None:
        super().__init__(name)
        self.__dict__["_kerasfix_inside"] = (program, place)

    def __getattr__(self, name: str) -> Any:
        program, place = self.__dict__["_kerasfix_inside"]
        inner = program.inside(place).get(name)
        if inner is None:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        return program.load(inner)


class Program:
    """The modules of one version of a project.

    Args:
        parts: As `kerasfix.verify.slice.Part` writes them.
        marks: Put into the first of them.
    """

    def __init__(self, parts: list[dict[str, Any]], marks: Marks | None = None) -> None:
        self.marks = marks or Marks()
        self._home = parts[0]["place"]
        self._parts = {part["place"]: part for part in parts}
        self._modules: dict[str, _Module] = {}
        self._by_name: dict[str, str] = {part["name"]: part["place"] for part in parts}
        self._waiting: list[_Waiting] = []

    def class_named(self, place: str, name: str) -> Any:
        """A class of a module; None if it could not be made."""
        self.load(place)
        self._run_waiting()
        return vars(self._modules[place]).get(name)

    def reason_for(self, name: str, place: str | None = None) -> str | None:
        """Why a name is not bound, as far as that was decided here or by the slice."""
        for waiting in self._waiting:
            if name in waiting.names and place in (None, waiting.place):
                return self._root(waiting, 20)
        for part in self._parts.values():
            if name in part["missing"] and place in (None, part["place"]):
                return str(part["missing"][name])
        return None

    def lacking(self, message: str) -> str | None:
        """Why a model raised, if it was for want of something that is not in the slice."""
        for match in _LACKING.finditer(message):
            name = next(group for group in match.groups() if group)
            reason = self.reason_for(name)
            if reason is not None:
                return reason
        for part in self._parts.values():
            for reason in part["missing"].values():
                if reason in message:
                    return str(reason)
        return None

    def inside(self, place: str) -> dict[str, str]:
        found: dict[str, str] = self._parts[place]["inside"] if place in self._parts else {}
        return found

    def load(self, place: str) -> _Module:
        """The module of a place; it may be half done if it is being loaded."""
        if place not in self._modules:
            part = self._parts[place]
            self._load_packages(part["name"])
            if place in self._modules:
                # Its package has loaded it.
                return self._modules[place]
            module = self._modules[place] = self._new(part)
            for statement in _statements(part["text"], part["file"]):
                if place == self._home:
                    self.marks.put_into(statement)
                self._run(place, statement)
            self._hang_on_package(part["name"], module)
        return self._modules[place]

    def _load_packages(self, name: str) -> None:
        """The packages around a module come first, as Python has it; empty if nothing of them is needed."""
        steps = name.split(".")[:-1]
        for count in range(1, len(steps) + 1):
            package = ".".join(steps[:count])
            if package in self._by_name:
                self.load(self._by_name[package])
            elif package not in sys.modules or not isinstance(sys.modules[package], _Module):
                self._register(_Module(package, self, ""), None, is_package=True)

    def _hang_on_package(self, name: str, module: _Module) -> None:
        package, _, own = name.rpartition(".")
        if package:
            setattr(sys.modules[package], own, module)

    def _new(self, part: dict[str, Any]) -> _Module:
        module = _Module(part["name"], self, part["place"])
        self._register(module, part["file"], is_package=part["is_package"])
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._importer(part)}
        module.__dict__["__builtins__"][MARK] = self.marks.reach
        text = part["text"]
        linecache.cache[part["file"]] = (len(text), None, text.splitlines(keepends=True), part["file"])
        return module

    def _register(self, module: _Module, file: str | None, *, is_package: bool) -> None:
        name = module.__name__
        module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=file, is_package=is_package)
        module.__package__ = name if is_package else name.rpartition(".")[0]
        if file:
            module.__file__ = file
        if is_package:
            # Nothing is found there: what belongs to the project is loaded from here or not at all.
            module.__path__ = []
        sys.modules[name] = module

    def _run(self, place: str, statement: ast.stmt) -> bool:
        file = self._parts[place]["file"]
        code = compile(ast.Module([statement], []), file, "exec", flags=_FLAGS, dont_inherit=True)
        try:
            exec(code, self._modules[place].__dict__)
        except (ImportError, NameError, AttributeError) as error:
            if not isinstance(error, ImportError) and not self._may_come(str(error), place):
                raise
            self._waiting.append(_Waiting(place, statement, _bound(statement), str(error)))
            return False
        return True

    def _may_come(self, message: str, place: str) -> bool:
        """Whether what a statement looked up in vain is missing for a reason that is known."""
        if any("*" in waiting.names for waiting in self._waiting if waiting.place == place):
            return True
        half_done = _OF_MODULE.match(message)
        if half_done is not None and half_done.group(1) in self._by_name:
            return True
        return self.lacking(message) is not None

    def _run_waiting(self) -> None:
        """Run what could not run before, as long as that brings anything new."""
        progress = True
        while progress:
            waiting, self._waiting = self._waiting, []
            progress = False
            for item in waiting:
                if self._run(item.place, item.statement):
                    progress = True

    def _root(self, waiting: _Waiting, steps: int) -> str:
        """The reason behind a chain of reasons."""
        match = _LACKING.search(waiting.reason)
        name = next((group for group in match.groups() if group), None) if match else None
        if name is None or not steps:
            return waiting.reason
        for other in self._waiting:
            if other is not waiting and name in other.names:
                return self._root(other, steps - 1)
        for part in self._parts.values():
            if name in part["missing"]:
                return str(part["missing"][name])
        return waiting.reason

    def _importer(self, part: dict[str, Any]) -> Any:
        """`__import__` for one module: what it spells leads where the slice says, all else to Python's."""
        table = part["imports"]

        def import_module(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            spelled = "." * level + name
            if spelled not in table:
                if level:
                    raise ImportError(f"the module `{spelled}` of the project is not in the slice")
                return builtins.__import__(name, globals, locals, fromlist, level)
            if not table[spelled]:
                raise ImportError(
                    next(
                        (reason for reason in part["missing"].values() if f"`{spelled}`" in reason),
                        f"it needs the module `{spelled}` of the project, which is not there",
                    )
                )
            module = self.load(table[spelled])
            if fromlist or "." not in name:
                return module
            return self.load(table[name.partition(".")[0]])

        return import_module


def _statements(text: str, file: str) -> Iterator[ast.stmt]:
    """The statements of a module; an import statement once for each of its names."""
    for statement in ast.parse(text, file).body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and len(statement.names) > 1:
            for alias in statement.names:
                one: Any
                if isinstance(statement, ast.Import):
                    one = ast.Import(names=[alias])
                else:
                    one = ast.ImportFrom(module=statement.module, names=[alias], level=statement.level)
                yield ast.copy_location(one, statement)
        else:
            yield statement


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement of a slice binds, with those in its blocks."""
    names: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {item.asname or item.name.partition(".")[0] for item in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        todo += ast.iter_child_nodes(node)
    return names
