"""The classes of one module: what they inherit, which methods they have, and whether Keras drives them."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.scope import Function, Scope, function_scope, module_scope
from kerasfix.keras import names
from kerasfix.source import Source


class Kind(enum.Enum):
    """What a class is to Keras."""

    MODEL = "model"
    LAYER = "layer"


@dataclass(eq=False)
class Method:
    """One function written in the body of a class."""

    owner: ClassInfo
    node: Function

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def scope(self) -> Scope:
        return function_scope(self.node, self.owner.scope)

    @cached_property
    def positional(self) -> list[ast.arg]:
        """The positional parameters, `self` among them."""
        return [*self.node.args.posonlyargs, *self.node.args.args]

    @cached_property
    def self_name(self) -> str | None:
        return self.positional[0].arg if self.positional else None

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the positional parameters after `self`."""
        return tuple(argument.arg for argument in self.positional[1:])

    @cached_property
    def named(self) -> list[ast.arg]:
        """The parameters after `self`, keyword-only ones among them, without `*args` and `**kwargs`."""
        return [*self.positional[1:], *self.node.args.kwonlyargs]

    def takes(self, name: str) -> bool:
        return any(argument.arg == name for argument in self.named)

    def default(self, name: str) -> ast.expr | None:
        """The default value of a parameter, or None where it has none."""
        arguments = self.node.args
        with_default = self.positional[len(self.positional) - len(arguments.defaults) :]
        pairs = [*zip(with_default, arguments.defaults, strict=True)]
        pairs += [
            (argument, value)
            for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if value is not None
        ]
        return next((value for argument, value in pairs if argument.arg == name), None)


@dataclass(eq=False)
class ClassInfo:
    """One class statement.

    Attributes:
        bases: Each base as a class of this module, as a canonical dotted name, or None if unknown.
    """

    node: ast.ClassDef
    scope: Scope
    bases: list[ClassInfo | str | None] = field(default_factory=list)
    subclasses: list[ClassInfo] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def methods(self) -> dict[str, Method]:
        """The methods written in this class; of two with one name, Python keeps the last."""
        return {
            item.name: Method(self, item)
            for item in self.node.body
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    @cached_property
    def ancestors(self) -> list[ClassInfo]:
        """This class and the classes of the module that it inherits from, in the order of Python's MRO."""
        parents = [base for base in self.bases if isinstance(base, ClassInfo)]
        lines = [*(list(parent.ancestors) for parent in parents), parents]
        found = [self]
        while any(lines):
            heads = [line[0] for line in lines if line]
            # The first head that no other line still has to wait for (C3); Python refuses if there is none.
            good = [head for head in heads if not any(head in line[1:] for line in lines)]
            chosen = (good or heads)[0]
            found.append(chosen)
            lines = [[each for each in line if each is not chosen] for line in lines]
        return found

    @cached_property
    def family(self) -> list[ClassInfo]:
        """The ancestors and all that inherits from this class in the module: who shares `self` with it."""
        found = list(self.ancestors)
        waiting = [self]
        while waiting:
            here = waiting.pop()
            for child in here.subclasses:
                if child not in found:
                    found.append(child)
                    waiting.append(child)
        return found

    @cached_property
    def outside_bases(self) -> list[str | None]:
        """Bases, of this class or of an ancestor, that are not written in the module."""
        return [base for each in self.ancestors for base in each.bases if not isinstance(base, ClassInfo)]

    @cached_property
    def is_open(self) -> bool:
        """Whether a base is unknown, so that methods and attributes may come from elsewhere."""
        return any(base is None or not _is_known_base(base) for base in self.outside_bases)

    @cached_property
    def kind(self) -> Kind | None:
        kinds = {_base_kind(base) for base in self.outside_bases if base is not None}
        if Kind.MODEL in kinds:
            return Kind.MODEL
        return Kind.LAYER if Kind.LAYER in kinds else None

    @property
    def builtin_bases(self) -> list[str]:
        """Concrete Keras layers among the bases: `class Gated(layers.Dense)` gives ["Dense"]."""
        found = [names.layer_name(base) for base in self.outside_bases]
        return [name for name in found if name is not None and name != "Layer"]

    def find(self, name: str) -> Method | None:
        """The method that `self.name` means in an instance of just this class, if it is in sight."""
        for each in self.ancestors:
            if name in each.methods:
                return each.methods[name]
        return None

    def find_above(self, name: str) -> Method | None:
        """The method that `super().name` means in an instance of just this class, if it is in sight."""
        for each in self.ancestors[1:]:
            if name in each.methods:
                return each.methods[name]
        return None


class Module:
    """One parsed program.

    Args:
        source: The program; reading `classes` parses it.

    Raises:
        SourceError: from `classes` and `scope`, if the program cannot be parsed.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def scope(self) -> Scope:
        return module_scope(self.source.tree)

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """Every class of the module, at any depth, in the order of the source."""
        found = list(_classes_below(self.source.tree.body, self.scope))
        by_node = {info.node: info for info in found}
        for info in found:
            info.bases = [self._base(info, base, by_node) for base in info.node.bases]
            for base in info.bases:
                if isinstance(base, ClassInfo):
                    base.subclasses.append(info)
        return found

    @cached_property
    def is_keras2_only(self) -> bool:
        """Whether the program says that it wants Keras 2 and nothing else: it imports only `tf_keras`."""
        text = self.source.text
        return "tf_keras" in text and not _OTHER_KERAS.search(text)

    @cached_property
    def keras_classes(self) -> list[ClassInfo]:
        return [info for info in self.classes if info.kind is not None]

    @cached_property
    def class_of_node(self) -> dict[ast.ClassDef, ClassInfo]:
        return {info.node: info for info in self.classes}

    def class_named(self, node: ast.expr, scope: Scope) -> ClassInfo | None:
        """The class of this module that a name stands for, if it can be only one."""
        if not isinstance(node, ast.Name):
            return None
        binding = scope.value(node.id)
        return self.class_of_node.get(binding) if isinstance(binding, ast.ClassDef) else None

    @staticmethod
    def _base(
        info: ClassInfo, base: ast.expr, by_node: dict[ast.ClassDef, ClassInfo]
    ) -> ClassInfo | str | None:
        if isinstance(base, ast.Name):
            binding = info.scope.value(base.id)
            # A base stands before the class, as Python runs it; so there are no circles.
            if isinstance(binding, ast.ClassDef) and binding.lineno < info.node.lineno:
                return by_node.get(binding)
            if base.id in _HARMLESS_BASES and not info.scope.lookup(base.id):
                return "builtins.object"
        return info.scope.dotted(base)


_OTHER_KERAS = re.compile(
    r"\b(?:tf|tensorflow)\.keras\b|^\s*(?:from|import)\s+keras\b|\bfrom\s+tensorflow\s+import\s.*\bkeras\b",
    re.MULTILINE,
)
_HARMLESS_BASES = frozenset({"object"})
_KNOWN_MODULES = ("builtins.", "abc.", "typing.")


def _is_known_base(name: str) -> bool:
    return name.startswith(_KNOWN_MODULES) or _base_kind(name) is not None


def _base_kind(name: str) -> Kind | None:
    if name in (names.MODEL, names.SEQUENTIAL):
        return Kind.MODEL
    return Kind.LAYER if names.layer_name(name) is not None else None


def _classes_below(body: list[ast.stmt], scope: Scope) -> Iterator[ClassInfo]:
    """Classes in `body`, also inside functions, blocks and other classes, each with the scope around it."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield ClassInfo(statement, scope)
            # A class body's own names are not seen from its methods, so the scope stays the outer one.
            yield from _classes_below(statement.body, scope)
        elif isinstance(statement, Function):
            if any(isinstance(node, ast.ClassDef) for node in ast.walk(statement)):
                yield from _classes_below(statement.body, function_scope(statement, scope))
        else:
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.stmt):
                    yield from _classes_below([child], scope)
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from _classes_below(child.body, scope)
