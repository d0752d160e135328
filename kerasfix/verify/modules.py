"""One module as definitions that can be kept or left out, each with what it binds and what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.source import Source
from kerasfix.verify.names import bound_names, dotted_name, global_reads, imports_in_functions

ImportNode = ast.Import | ast.ImportFrom
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_ONLY_EFFECTS = (ast.Expr, ast.Pass, ast.Assert, ast.Delete, ast.Raise)
# Methods by which a model that is there already gets its layers and weights.
_GROWING = frozenset({"add", "build"})


@dataclass(frozen=True)
class Import:
    """One name that an import statement binds.

    Attributes:
        node: The statement.
        bound: The name; "*" for all that a module has.
        module: The module as the statement spells it, with its leading dots.
        member: What is taken from the module; None if it is the module itself.
        is_renamed: Whether the name stands for the module at the end of the dotted name, not at its start.
    """

    node: ImportNode
    bound: str
    module: str
    member: str | None
    is_renamed: bool = False


class Definition:
    """A top-level statement that can be kept."""

    def __init__(self, node: ast.stmt) -> None:
        self.node = node
        self.binds = bound_names(node)

    @cached_property
    def reads(self) -> dict[str, bool]:
        return global_reads(self.node)

    @cached_property
    def imports(self) -> list[Import]:
        """What the statement imports when it runs."""
        nodes = (each for each in _module_level(self.node) if isinstance(each, ImportNode))
        return [item for node in nodes for item in imports_of(node)]

    @cached_property
    def inner_imports(self) -> list[Import]:
        """What its functions import when they are called."""
        return [item for node in imports_in_functions(self.node) for item in imports_of(node)]

    @cached_property
    def chains(self) -> set[str]:
        """All dotted names in it, whatever they stand for."""
        nodes = (each for each in ast.walk(self.node) if isinstance(each, ast.Attribute))
        return {dotted for node in nodes if (dotted := dotted_name(node))}

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, ImportNode)

    def mutates(self, name: str) -> bool:
        """`CONFIG["units"] = 3` belongs to CONFIG, `model.trainable = False` and `model.add(…)` to model."""
        if not isinstance(self.node, ast.Assign):
            return self.makes_more_of(name)
        return any(
            isinstance(target, ast.Subscript | ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == name
            for target in self.node.targets
        )

    def makes_more_of(self, name: str) -> bool:
        """Whether it is `name.add(…)` or `name.build(…)`."""
        return is_growth(self.node) and self.node.value.func.value.id == name  # type: ignore[attr-defined]


@dataclass
class Module:
    """The definitions of a module.

    Attributes:
        source: The text, with the place of the module as its file.
    """

    source: Source
    definitions: list[Definition] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source) -> Module:
        """Read a module.

        Raises:
            SourceError: if the text is not Python.
        """
        body = source.tree.body
        found = [Definition(statement) for statement in _definitions(body)]
        if _makes_its_names_itself(body):
            known = {name for definition in found for name in definition.binds}
            named = (Definition(statement) for statement in _for_type_checkers(body))
            found += [each for each in named if each.is_import and not each.binds <= known]
        return cls(source, found)

    @cached_property
    def binding(self) -> dict[str, list[int]]:
        """Name -> the definitions that bind it."""
        found: dict[str, list[int]] = {}
        for index, definition in enumerate(self.definitions):
            for name in definition.binds:
                found.setdefault(name, []).append(index)
        return found

    @cached_property
    def imports(self) -> dict[str, list[Import]]:
        """Name -> what the module imports under it."""
        found: dict[str, list[Import]] = {}
        for definition in self.definitions:
            for item in definition.imports:
                if item.bound in definition.binds:
                    found.setdefault(item.bound, []).append(item)
        return found

    def binding_or_mutating(self, name: str) -> list[int]:
        mutating = [index for index, each in enumerate(self.definitions) if each.mutates(name)]
        return sorted({*self.binding.get(name, ()), *mutating})

    def alias_of(self, name: str) -> str | None:
        """`tf.keras.layers` for `layers = tf.keras.layers`."""
        indices = self.binding.get(name, [])
        node = self.definitions[indices[0]].node if len(indices) == 1 else None
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            return None
        dotted = dotted_name(node.value)
        return dotted if dotted and dotted.partition(".")[0] in self.binding else None


def imports_of(node: ImportNode) -> list[Import]:
    if isinstance(node, ast.Import):
        return [
            Import(node, item.asname or item.name.partition(".")[0], item.name, None, item.asname is not None)
            for item in node.names
        ]
    module = "." * node.level + (node.module or "")
    return [Import(node, item.asname or item.name, module, item.name) for item in node.names]


def joined(module: str, name: str) -> str:
    """A module's name, perhaps of dots only, and the name of something in it."""
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"


def _definitions(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The top-level statements without those that can only have side effects."""
    for statement in body:
        if isinstance(statement, ast.If) and never_runs(statement.test):
            yield from _definitions(statement.orelse)
        elif is_growth(statement) or not isinstance(statement, _ONLY_EFFECTS):
            yield statement


def is_growth(statement: ast.stmt) -> bool:
    """Whether a statement is `model.add(…)` or `model.build(…)`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(), attr=method))):
            return method in _GROWING
    return False


def _makes_its_names_itself(body: Iterable[ast.stmt]) -> bool:
    """Whether a module gives names only when they are asked for; type checkers are told what there is."""
    for statement in body:
        for node in ast.walk(statement) if not isinstance(statement, ast.ClassDef) else ():
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
                return True
            if isinstance(node, ast.Subscript) and dotted_name(node.value) == "sys.modules":
                return True
    return False


def _for_type_checkers(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If) and never_runs(statement.test):
            yield from (each for each in ast.walk(statement) if isinstance(each, ImportNode))


def never_runs(test: ast.expr) -> bool:
    """`if __name__ == "__main__"` and `if TYPE_CHECKING`."""
    if isinstance(test, ast.Compare) and dotted_name(test.left) == "__name__":
        return isinstance(test.ops[0], ast.Eq)
    return dotted_name(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"}


def _module_level(statement: ast.AST) -> Iterator[ast.AST]:
    yield statement
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                yield from _module_level(child)
