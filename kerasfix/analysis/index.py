"""The classes of one module: what they inherit, which methods they have, and whether Keras drives them."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kerasfix.analysis.scope import Function, Imported, Scope, default_values, function_scope, module_scope
from kerasfix.keras import names
from kerasfix.source import Source
from kerasfix.syntax import children, of_kind

if TYPE_CHECKING:
    from kerasfix.analysis.project import Project


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

    @cached_property
    def receivers(self) -> list[ClassInfo]:
        """The classes in whose instances it can run; its own class if there is no other."""
        return self.owner.receivers(self.name) or [self.owner]

    @cached_property
    def goes_up(self) -> bool:
        """Whether it calls the version of a base class, or may."""
        names = {each.name for each in self.owner.ancestors[1:]} | {"super"}
        return any(node.id in names for node in of_kind(self.node, ast.Name))

    def is_own_keywords(self, node: ast.expr) -> bool:
        """Whether an expression is the method's own `**kwargs`, never bound to anything else."""
        keywords = self.node.args.kwarg
        if keywords is None or not isinstance(node, ast.Name) or node.id != keywords.arg:
            return False
        return self.scope.bindings[keywords.arg] == [None]

    def takes(self, name: str) -> bool:
        return any(argument.arg == name for argument in self.named)

    def default(self, name: str) -> ast.expr | None:
        """The default value of a parameter, or None where it has none."""
        return default_values(self.node).get(name)


@dataclass(eq=False)
class ClassInfo:
    """One class statement.

    Attributes:
        module: Where it is written.
        bases: Each base as a class of the project, as a canonical dotted name, or None if unknown.
        subclasses: The classes of the given modules that name it as a base.
    """

    node: ast.ClassDef
    scope: Scope
    module: Module
    subclasses: list[ClassInfo] = field(default_factory=list)

    @cached_property
    def bases(self) -> list[ClassInfo | str | None]:
        # Where classes of two files name each other as bases, the one that was asked first has none.
        self.__dict__["bases"] = []
        return [self._base(base) for base in self.node.bases]

    def _base(self, base: ast.expr) -> ClassInfo | str | None:
        if isinstance(base, ast.Subscript):
            # `Base[int]` is what `Base` is.
            base = base.value
        found = self.module.project.class_named(base, self.scope)
        if found is not None:
            # A base of the same module stands before the class, as Python runs it.
            is_before = found.module is not self.module or found.node.lineno < self.node.lineno
            return found if is_before and self not in found.ancestors else None
        if isinstance(base, ast.Name) and base.id in _HARMLESS_BASES and not self.scope.lookup(base.id):
            return "builtins.object"
        return self.scope.dotted(base)

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
        """This class and the classes of the project that it inherits from, in the order of Python's MRO."""
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
    def descendants(self) -> list[ClassInfo]:
        """The classes of the given modules that inherit from this one."""
        _ = self.module.project.classes  # knows who is whose subclass
        found: dict[ClassInfo, None] = {}
        waiting = list(self.subclasses)
        while waiting:
            here = waiting.pop(0)
            if here not in found:
                found[here] = None
                waiting += here.subclasses
        return list(found)

    @cached_property
    def family(self) -> list[ClassInfo]:
        """Every class that can share an instance with this one: its ancestors, and those of its heirs."""
        return list(
            dict.fromkeys([*self.ancestors, *(each for heir in self.descendants for each in heir.ancestors)])
        )

    @cached_property
    def outside_bases(self) -> list[str | None]:
        """Bases, of this class or of an ancestor, that are not written in the project."""
        return [base for each in self.ancestors for base in each.bases if not isinstance(base, ClassInfo)]

    @cached_property
    def is_open(self) -> bool:
        """Whether a base is unknown, so that methods and attributes may come from elsewhere."""
        return any(base is None or not is_known_base(base) for base in self.outside_bases)

    @cached_property
    def kind(self) -> Kind | None:
        known = self.module.project.layers
        kinds = {
            Kind.LAYER if base in known else _base_kind(base)
            for base in self.outside_bases
            if base is not None
        }
        if Kind.MODEL in kinds:
            return Kind.MODEL
        return Kind.LAYER if Kind.LAYER in kinds else None

    @cached_property
    def role(self) -> Kind | None:
        """What it is to Keras, by itself or, as a mixin, through the classes that it is mixed into."""
        kinds = {each.kind for each in (self, *self.descendants)}
        return self.kind or next((kind for kind in Kind if kind in kinds), None)

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

    def find_above(self, name: str, above: ClassInfo | None = None) -> Method | None:
        """The method that `super().name` means in an instance of just this class, if it is in sight.

        Args:
            name: The method.
            above: The class of the family in which `super()` stands; this one if left out.
        """
        line = self.ancestors
        start = line.index(above) if above in line else 0
        for each in line[start + 1 :]:
            if name in each.methods:
                return each.methods[name]
        return None

    def receivers(self, name: str) -> list[ClassInfo]:
        """The classes in whose instances the method `name` of this class can run."""
        if name not in self._receivers:
            self._receivers[name] = [each for each in (self, *self.descendants) if self._runs_in(each, name)]
        return self._receivers[name]

    @cached_property
    def _receivers(self) -> dict[str, list[ClassInfo]]:
        return {}

    def _runs_in(self, heir: ClassInfo, name: str) -> bool:
        if heir.kind is None and self.descendants:
            # A mixin runs in the models and layers that it is mixed into.
            return False
        line = heir.ancestors
        overriding = [each.methods[name] for each in line[: line.index(self)] if name in each.methods]
        return all(method.goes_up for method in overriding)


class Module:
    """One parsed program.

    Args:
        source: The program; reading `classes` parses it.
        project: The modules that it can import.
        given: Whether the user asked to look at it, so that it may be edited.

    Raises:
        SourceError: from `classes` and `scope`, if the program cannot be parsed.
    """

    def __init__(self, source: Source, project: Project, *, given: bool) -> None:
        self.source = source
        self.project = project
        self.given = given

    @property
    def file(self) -> str:
        return self.source.file

    def follow_imports(self) -> None:
        """Read what the module imports of the project."""
        for bindings in self.scope.bindings.values():
            for binding in bindings:
                if isinstance(binding, Imported):
                    self.resolve(binding.dotted)

    def resolve(self, dotted: str) -> str:
        return self.project.resolve(dotted, self)

    @cached_property
    def scope(self) -> Scope:
        return module_scope(self.source.tree, self)

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """Every class of the module, at any depth, in the order of the source."""
        return list(_classes_below(self.source.tree.body, self.scope, self))

    def speaks_of(self, info: ClassInfo) -> bool:
        """Whether an instance of a class may be meant here: the module is its own, or names it or an heir."""
        if not self.given or not info.module.given:
            return any(each.module is self or each.name in self.words for each in (info, *info.descendants))
        return self in self.project.speaking(info)

    @cached_property
    def reads(self) -> dict[str, list[ast.Attribute | ast.Name]]:
        """The attributes, and the names that are read, by name."""
        found: dict[str, list[ast.Attribute | ast.Name]] = {}
        for node in of_kind(self.source.tree, ast.Attribute, ast.Name):
            if isinstance(node, ast.Attribute):
                found.setdefault(node.attr, []).append(node)
            elif isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    @cached_property
    def words(self) -> frozenset[str]:
        """All names that occur in the text."""
        return frozenset(_WORD.findall(self.source.text))

    @cached_property
    def is_keras2_only(self) -> bool:
        """Whether the program says that it wants Keras 2 and nothing else: it imports only `tf_keras`, or has
        its `keras` from a module of the project that looks for `tf_keras` first.
        """
        text = self.source.text
        if "tf_keras" in text:
            return not _OTHER_KERAS.search(text)
        for binding in self.scope.bindings.get("keras", ()):
            home = binding.dotted.rpartition(".")[0] if isinstance(binding, Imported) else ""
            module = self.project.module_named(home, self) if home else None
            if module is not None and _KERAS2_FIRST.search(module.source.text):
                return True
        return False

    @cached_property
    def is_on_jax(self) -> bool:
        """Whether the program, or its project, says that Keras runs on JAX."""
        if self.project.backends:
            return self.project.backends == {"jax"}
        roots = {
            binding.dotted.partition(".")[0]
            for bindings in self.scope.bindings.values()
            for binding in bindings
            if isinstance(binding, Imported)
        }
        return "jax" in roots and not roots & {"tensorflow", "torch"}

    @cached_property
    def keras_classes(self) -> list[ClassInfo]:
        return [info for info in self.classes if info.kind is not None]

    @cached_property
    def class_of_node(self) -> dict[ast.ClassDef, ClassInfo]:
        return {info.node: info for info in self.classes}


_KERAS2_FIRST = re.compile(r"^\s*try:\s+import tf_keras as keras\b", re.MULTILINE)
_OTHER_KERAS = re.compile(
    r"\b(?:tf|tensorflow)\.keras\b(?!\.(?:activations|initializers|regularizers|optimizers|losses|utils)\b)|^\s*(?:from|import)\s+keras\b|\bfrom\s+tensorflow\s+import\s.*\bkeras\b",
    re.MULTILINE,
)
_CLASS = re.compile(r"^\s*class\b", re.MULTILINE)
_WORD = re.compile(r"\w+")
_HARMLESS_BASES = frozenset({"object"})
_KNOWN_MODULES = ("builtins.", "abc.", "typing.")


def is_known_base(name: str) -> bool:
    """Whether nothing that matters to a Keras class can come from a base of this name but what Keras has."""
    if name.startswith(names.PACKAGES):
        # It is a layer, but has methods and layers of its own.
        return False
    return name.startswith(_KNOWN_MODULES) or _base_kind(name) is not None


def _base_kind(name: str) -> Kind | None:
    if name in (names.MODEL, names.SEQUENTIAL):
        return Kind.MODEL
    if names.layer_name(name) is not None:
        return Kind.LAYER
    if name.startswith(names.PACKAGES):
        from kerasfix.keras.packages import package_layer

        return Kind.LAYER if package_layer(name) is not None else None
    return None


def _classes_below(body: list[ast.stmt], scope: Scope, module: Module) -> Iterator[ClassInfo]:
    """Classes in `body`, also inside functions, blocks and other classes, each with the scope around it."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield ClassInfo(statement, scope, module)
            # A class body's own names are not seen from its methods, so the scope stays the outer one.
            yield from _classes_below(statement.body, scope, module)
        elif isinstance(statement, Function):
            if _CLASS.search(module.source.segment(statement)):
                yield from _classes_below(statement.body, function_scope(statement, scope), module)
        else:
            for child in children(statement):
                if isinstance(child, ast.stmt):
                    yield from _classes_below([child], scope, module)
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from _classes_below(child.body, scope, module)
