"""How the methods of a class use the parameters of its constructor."""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .keras_import import is_keras_class
from .sensitive import words

#: Parameters that an argument can be given to by name.
NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)
_DEEPEST = 3
_ITERATING = words("len list tuple enumerate zip sorted reversed sum")
# Attributes that numbers, strings and tensors have too.
_PLAIN_ATTRIBUTES = words(
    "shape dtype name lower upper startswith endswith items keys values get copy append split rank index "
    "replace as_list ndims format extend pop"
)


@dataclass
class Usage:
    """What the code does with one parameter.

    Attributes:
        aliases: Names of the parameters of layers and functions that it is handed to.
        options: Strings that it is compared with.
        keys: Constant strings that it is subscripted with.
        attributes: Attributes that are read of it.
        iterated: Whether its items are taken.
        spread: Whether it is handed over as keyword arguments.
        parts: What is known of its settings, by their names.
        item: What is known of its items.
        results: How many values what it returns is taken apart into.
        makes: Whether it is called where layers are made.
        called: Whether it is called elsewhere.
    """

    aliases: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    iterated: bool = False
    spread: bool = False
    makes: bool = False
    called: bool = False
    parts: dict[str, Usage] = field(default_factory=dict)
    item: Usage | None = None
    results: int = 1

    @property
    def items_called(self) -> bool:
        return self.item is not None and (self.item.called or self.item.makes)

    def part(self, key: str) -> Usage:
        return self.parts.setdefault(key, Usage())

    def an_item(self) -> Usage:
        self.item = self.item or Usage()
        return self.item


def parse_source(thing: Any) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None


def constructor_of(cls: type) -> list[inspect.Parameter]:
    """The parameters of its constructor."""
    return signature_of(vars(cls).get("__init__") or cls.__init__)  # type: ignore[misc]


def signature_of(function: Any) -> list[inspect.Parameter]:
    """Its parameters without the first; empty if it has no signature."""
    try:
        return list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return []


def keywords_of(function: Any) -> list[str]:
    """What a method reads of its `**kwargs` and has no value for: `kwargs["a"]`, `kwargs.get("b")`."""
    rest = [item.name for item in signature_of(function) if item.kind is item.VAR_KEYWORD] if function else []
    tree = parse_source(function) if rest else None
    found = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == rest[0]:
            key: ast.AST = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (f"{rest[0]}.get", f"{rest[0]}.pop"):
            default = node.args[1] if len(node.args) > 1 else None
            if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
                continue
            key = node.args[0] if node.args else node
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.append(key.value)
    return list(dict.fromkeys(found))


def users_classes(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base is not object and not is_keras_class(base)]


def owner_of(cls: type, method: str) -> type | None:
    """The class of the user's that defines a method; None if Keras does, or nobody."""
    return next((base for base in users_classes(cls) if method in vars(base)), None)


def usages(cls: type, depth: int = 0) -> dict[str, Usage]:
    """Parameter of the constructor -> how it is used."""
    owner = owner_of(cls, "__init__")
    if owner is None:
        return {}
    names = [item.name for item in signature_of(vars(owner)["__init__"])]
    found = {name: Usage() for name in names}
    trees = [tree for base in users_classes(cls) if (tree := parse_source(base)) is not None]
    held = _held_by(next((tree for tree in trees if _name_of(tree) == owner.__name__), None), names)
    scope = vars(sys.modules.get(owner.__module__, sys))
    kept: dict[str, Usage] = {}
    for tree in trees:
        own = _name_of(tree) == owner.__name__
        for method in _methods(tree):
            local = {name: name for name in names} if own and method.name == "__init__" else {}
            reader = _Reader(found, {**held, **local}, scope, owner, depth)
            reader.making = method.name in ("__init__", "build") or method.name.startswith("_")
            reader.items.update(kept)
            for statement in method.body:
                reader.visit(statement)
            kept |= {name: usage for name, usage in reader.items.items() if name.startswith("self.")}
    return found


def _usages_in(function: types.FunctionType, depth: int) -> dict[str, Usage]:
    names = list(function.__code__.co_varnames[: function.__code__.co_argcount])
    found = {name: Usage() for name in names}
    tree = parse_source(function)
    if tree and tree.body and isinstance(tree.body[0], ast.FunctionDef):
        reader = _Reader(found, {name: name for name in names}, function.__globals__, object, depth)
        reader.making = True
        for statement in tree.body[0].body:
            reader.visit(statement)
    return found


def _name_of(tree: ast.Module) -> str:
    return getattr(tree.body[0], "name", "") if tree.body else ""


def _methods(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for item in getattr(tree.body[0], "body", []) if tree.body else []:
        if isinstance(item, ast.FunctionDef):
            yield item


def _held_by(tree: ast.Module | None, names: list[str]) -> dict[str, str]:
    """`self.units` -> the parameter that it holds."""
    held = {}
    for method in _methods(tree) if tree else ():
        if method.name != "__init__":
            continue
        for node in ast.walk(method):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in names:
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        held[ast.unparse(target)] = node.value.id
    return held


class _Reader(ast.NodeVisitor):
    def __init__(
        self, found: dict[str, Usage], names: dict[str, str], scope: dict[str, Any], owner: type, depth: int
    ) -> None:
        self.found = found
        self.names = names
        self.scope = scope
        self.owner = owner
        self.depth = depth
        self.making = False
        self.items: dict[str, Usage] = {}

    def _usage(self, node: ast.AST | None) -> Usage | None:
        if isinstance(node, (ast.Name, ast.Attribute)):
            text = ast.unparse(node)
            if text in self.items:
                return self.items[text]
            if parameter := self.names.get(text):
                return self.found.get(parameter)
        key = _setting_read(node)
        if key is None:
            return None
        usage = self._usage(node.value if not isinstance(node, ast.Call) else node.func.value)  # type: ignore[union-attr,attr-defined]
        return usage.part(key) if usage else None

    def visit_Assign(self, node: ast.Assign) -> None:
        """`sizes = config.sizes` and `self.sizes = sizes` are other names for the same."""
        if usage := self._usage(node.value):
            for target in node.targets:
                if isinstance(target, (ast.Name, ast.Attribute)):
                    self.items.setdefault(ast.unparse(target), usage)
        called = self._usage(node.value.func) if isinstance(node.value, ast.Call) else None
        if called and isinstance(node.targets[0], (ast.Tuple, ast.List)):
            called.results = len(node.targets[0].elts)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._loops(node.iter, node.target)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        # What it loops over comes last in it, and is known by then.
        for generator in node.generators:
            self._loops(generator.iter, generator.target)
        self.generic_visit(node)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _loops(self, over: ast.AST, target: ast.AST) -> None:
        self._iterates(over)
        if isinstance(over, ast.Call) and ast.unparse(over.func) == "enumerate" and over.args:
            over, target = over.args[0], target.elts[-1] if isinstance(target, ast.Tuple) else target
        if (usage := self._usage(over)) and isinstance(target, ast.Name):
            self.items[target.id] = usage.an_item()

    def visit_Starred(self, node: ast.Starred) -> None:
        self._iterates(node.value)
        self.generic_visit(node)

    def _iterates(self, node: ast.AST) -> None:
        if usage := self._usage(node):
            usage.iterated = True

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if usage := self._usage(node.value):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                usage.keys.append(node.slice.value)
            else:
                usage.iterated = True
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        is_plain = node.attr in _PLAIN_ATTRIBUTES or node.attr.startswith("__")
        if (usage := self._usage(node.value)) and not is_plain:
            usage.attributes.append(node.attr)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if usage := self._usage(node.left):
            for other in node.comparators:
                items = other.elts if isinstance(other, (ast.Tuple, ast.List, ast.Set)) else [other]
                usage.options += [
                    item.value
                    for item in items
                    if isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value
                ]
                if isinstance(node.ops[0], ast.In) and isinstance(other, ast.Name):
                    usage.options += _keys_of(self.scope.get(other.id))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if usage := self._usage(node.func):
            usage.makes |= self.making
            usage.called |= not self.making
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _ITERATING:
            for argument in node.args:
                self._iterates(argument)
        elif name not in ("isinstance", "int", "float", "str", "super"):
            self._hand_over(node)
        self.generic_visit(node)

    def _hand_over(self, node: ast.Call) -> None:
        """Take over how a parameter is used by what it is given to."""
        if not any(self._usage(item) for item in (*node.args, *(keyword.value for keyword in node.keywords))):
            return
        callee = self._callee(node.func)
        if isinstance(callee, types.FunctionType):
            parameters = list(callee.__code__.co_varnames[: callee.__code__.co_argcount])
        else:
            parameters = [i.name for i in constructor_of(callee)] if isinstance(callee, type) else []
        deeper = self._deeper(callee)
        for keyword in node.keywords:
            usage = self._usage(keyword.value) if keyword.arg is None else None
            if usage and isinstance(callee, type):
                usage.keys += [item.name for item in constructor_of(callee) if _is_required(item)]
                usage.spread = True
        pairs = [*zip(parameters, node.args), *((item.arg, item.value) for item in node.keywords)]
        for parameter, value in pairs:
            if (usage := self._usage(value)) and parameter:
                usage.aliases.append(parameter)
                if parameter in deeper:
                    _merge(usage, deeper[parameter])

    def _deeper(self, callee: Any) -> dict[str, Usage]:
        if self.depth == _DEEPEST:
            return {}
        if isinstance(callee, type) and not is_keras_class(callee):
            return usages(callee, self.depth + 1)
        if isinstance(callee, types.FunctionType) and not callee.__module__.startswith(
            ("keras", "tensorflow")
        ):
            return _usages_in(callee, self.depth + 1)
        return {}

    def _callee(self, func: ast.expr) -> Any:
        text = ast.unparse(func)
        if text == "super().__init__":
            bases = self.owner.__mro__[1:]
            return next((base for base in bases if "__init__" in vars(base)), None)
        parts = text.split(".")
        value = self.scope.get(parts[0])
        for part in parts[1:]:
            with contextlib.suppress(Exception):
                value = getattr(value, part, None)
        return value


def _is_required(item: inspect.Parameter) -> bool:
    return item.default is item.empty and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)


def _merge(usage: Usage, other: Usage) -> None:
    usage.aliases += other.aliases
    usage.options += other.options
    usage.keys += other.keys
    usage.attributes += other.attributes
    usage.iterated |= other.iterated
    usage.makes |= other.makes
    usage.called |= other.called
    usage.spread |= other.spread
    usage.results = max(usage.results, other.results)
    for key, part in other.parts.items():
        if usage.parts.get(key) is not part:
            _merge(usage.part(key), part)
    if other.item and other.item is not usage.item:
        _merge(usage.an_item(), other.item)


def _setting_read(node: ast.AST | None) -> str | None:
    """`config.units`, `config["units"]`, `config.get("units")`; None for any other attribute or item."""
    key: ast.AST | None = None
    if isinstance(node, ast.Attribute):
        return node.attr if node.attr not in _PLAIN_ATTRIBUTES else None
    if isinstance(node, ast.Subscript):
        key = node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        key = node.args[0] if node.func.attr == "get" else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _keys_of(value: Any) -> list[str]:
    return (
        [item for item in value if isinstance(item, str)]
        if isinstance(value, (dict, list, tuple, set))
        else []
    )
