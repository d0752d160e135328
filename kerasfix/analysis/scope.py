"""Which thing a name stands for: imports, aliases and shadows, module by module, function by function.

Nothing is guessed from spelling: a class called `Dropout` is Keras' only if its import says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from kerasfix.keras.layers import LAYERS
from kerasfix.keras.names import canonical
from kerasfix.syntax import own_nodes

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAX_ALIAS_STEPS = 8
# Names in a module of the project: `file:` and its path, `|`, and the name there.
IN_PROJECT = "file:"
# Begins a name that is one of several, which `_OR` ends.
EITHER = "either:"
_OR = "\0"


class Home(Protocol):
    """A module, as far as its names go."""

    @property
    def file(self) -> str:
        """Its absolute path; "" for a text that is no file."""

    def resolve(self, dotted: str) -> str:
        """What a dotted name, as it is imported there, stands for."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import made; `dotted` is what it stands for."""

    dotted: str


@dataclass(frozen=True, slots=True)
class Added:
    """A value that `name.add(value)` put into what `name` is (a Sequential)."""

    call: ast.Call


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function, with what its signature says of it.

    `position` is its place among the arguments of a call, where the first parameter is `self`.
    """

    name: str
    position: int
    annotation: ast.expr | None
    default: ast.expr | None


# A name is bound by an import, by a definition, or to the value of an expression (None: not known). What
# puts something into a list (`name.append(value)`) binds the name to a list that holds it.
Binding = Imported | Added | Parameter | ast.ClassDef | Function | ast.expr | None
# Packages whose star import brings no class that is called as one of Keras' layers.
_NO_LAYERS = frozenset(
    {"tensorflow", "numpy", "math", "os", "sys", "typing", "random", "time", "matplotlib", "tkinter"}
)


@dataclass(slots=True)
class Scope:
    """The names of one module or function."""

    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    # Names whose `trainable` is set, and whether it is set to False each time.
    trainable: dict[str, bool] = field(default_factory=dict)
    # Of the scope of a module: the module.
    home: Home | None = None

    def bind(self, name: str, binding: Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)

    def lookup(self, name: str) -> list[Binding]:
        """All bindings of `name` in the nearest scope that has any."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings:
                return scope.bindings[name]
            scope = scope.parent
        return []

    @property
    def root(self) -> Scope:
        """The scope of the module."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def resolve(self, dotted: str) -> str:
        """What a dotted name stands for here, if it begins with something imported."""
        home = self.root.home
        return canonical(dotted) if home is None else home.resolve(dotted)

    def is_frozen(self, name: str) -> bool:
        """Whether `name.trainable = False` stands here or where it is bound, and no other value is set."""
        found = False
        scope: Scope | None = self
        while scope is not None:
            if name in scope.trainable:
                if not scope.trainable[name]:
                    return False
                found = True
            if name in scope.bindings:
                break
            scope = scope.parent
        return found

    def value(self, name: str) -> Binding:
        """What `name` is bound to, if it is bound exactly once."""
        bindings = self.lookup(name)
        return bindings[0] if len(bindings) == 1 else None

    def dotted(self, node: ast.expr, steps: int = _MAX_ALIAS_STEPS) -> str | None:
        """The canonical dotted name of an expression such as `tf.keras.layers.Dropout`, or None.

        Follows import aliases, plain assignments (`L = tf.keras.layers`) and modules of the project. A name
        with several bindings counts only if all of them agree, in the end: two modules called `keras` may
        have the same `keras.layers`.
        """
        found = self._name(node, steps)
        return None if found is None or found.startswith(EITHER) else found

    def _name(self, node: ast.expr, steps: int) -> str | None:
        if isinstance(node, ast.Attribute):
            base = self._name(node.value, steps)
            return None if base is None else self.resolve(f"{base}.{node.attr}")
        if not isinstance(node, ast.Name) or steps == 0:
            return None
        bindings = self.lookup(node.id)
        if not bindings:
            return self._from_star(node.id)
        names = {self._binding_name(binding, steps) for binding in bindings}
        if None in names:
            return None
        return either(name for name in names if name is not None)

    def _binding_name(self, binding: Binding, steps: int) -> str | None:
        if isinstance(binding, Imported):
            return self.resolve(binding.dotted)
        if isinstance(binding, ast.Name | ast.Attribute):
            return self._name(binding, steps - 1)
        return None

    def _from_star(self, name: str) -> str | None:
        """What a name stands for that only a star import can have brought; the last one wins."""
        root = self.root
        for module in reversed(root.star_imports):
            known = root.resolve(module)
            if is_in_project(known):
                if not known.endswith("|"):
                    # Star imports that go round in circles.
                    continue
                found = root.resolve(f"{known}.{name}")
                if found != missing(known, name):
                    return found
                continue
            if known == "keras.layers" and (name in LAYERS or name in ("Layer", "Input")):
                return canonical(f"keras.layers.{name}")
            if known in ("keras", "keras.models") and name in ("Model", "Sequential", "Input"):
                return canonical(f"keras.{name}")
            if known == "keras" and name in ("layers", "models", "applications"):
                return f"keras.{name}"
            if not known.startswith("keras") and known.partition(".")[0] not in _NO_LAYERS:
                # It may bring a Dropout of its own.
                return None
        return None


def either(names: Iterable[str]) -> str:
    """One name for what is called by one of several; that name itself if there is only one."""
    found = sorted({each for name in names for each in alternatives(name)})
    return found[0] if len(found) == 1 else EITHER + _OR.join(found) + _OR


def alternatives(name: str) -> list[str]:
    """The names that `either` made one of, each with the attributes that were added to it since."""
    if not name.startswith(EITHER):
        return [name]
    *names, attributes = name[len(EITHER) :].split(_OR)
    return [f"{each}{attributes}" for each in names]


def is_in_project(dotted: str) -> bool:
    """Whether a name is that of a module of the project, or of something that is written in one."""
    return dotted.startswith(IN_PROJECT)


def missing(module: str, name: str) -> str:
    """What a name of a module of the project resolves to if the module has no such name."""
    return f"{module}?{name}"


def module_scope(tree: ast.Module, home: Home | None = None) -> Scope:
    scope = Scope(home=home)
    _bind_statements(scope, tree.body)
    return scope


def function_scope(function: Function | ast.Lambda, parent: Scope) -> Scope:
    """The names of a function: its parameters and whatever its body binds, nested functions left out."""
    scope = Scope(parent)
    defaults = default_values(function)
    for position, argument in enumerate(named_parameters(function), -1):
        default = defaults.get(argument.arg)
        scope.bind(argument.arg, Parameter(argument.arg, position, argument.annotation, default))
    for extra in (function.args.vararg, function.args.kwarg):
        if extra is not None:
            scope.bind(extra.arg, None)
    if not isinstance(function, ast.Lambda):
        _bind_statements(scope, function.body)
    return scope


def named_parameters(function: Function | ast.Lambda) -> list[ast.arg]:
    """The parameters of a function but `*args` and `**kwargs`, in the order of the source."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def default_values(function: Function | ast.Lambda) -> dict[str, ast.expr]:
    """The default values of a function's parameters, by their names."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    pairs += [
        (argument, value)
        for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value is not None
    ]
    return {argument.arg: value for argument, value in pairs}


def comprehension_scope(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, parent: Scope
) -> Scope:
    """The names of a comprehension: its loop variables."""
    scope = Scope(parent)
    for generator in node.generators:
        _bind_loop(scope, generator.target, generator.iter)
    return scope


# What binds a name. Most nodes bind none, and every function of a program comes by here.
_BINDING = frozenset(
    {
        *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
        *(ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Delete, ast.AugAssign, ast.For, ast.AsyncFor),
        *(ast.Call, ast.withitem, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    }
)


def _bind_statements(scope: Scope, body: list[ast.stmt]) -> None:
    for node in own_nodes(body):
        if type(node) not in _BINDING:
            continue
        match node:
            case ast.Import(names=names):
                for alias in names:
                    head = alias.name.partition(".")[0]
                    scope.bind(alias.asname or head, Imported(alias.name if alias.asname else head))
            case ast.ImportFrom():
                _bind_import_from(scope, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.bind(node.name, node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _bind_target(scope, target, value)
                    _bind_trainable(scope, target, value)
                    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                        _grow(scope, target.value.id, ast.List([value], ast.Load()))
            case ast.AnnAssign(target=target, value=value) if value is not None:
                _bind_target(scope, target, value)
            case ast.NamedExpr(target=target, value=value):
                _bind_target(scope, target, value)
            case ast.Delete(targets=targets):
                for target in targets:
                    _bind_target(scope, target, None)
            case ast.AugAssign(target=target, op=ast.Add(), value=ast.List() | ast.ListComp() as value):
                _bind_target(scope, target, value)
            case ast.AugAssign(target=target):
                _bind_target(scope, target, None)
            case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                _bind_loop(scope, target, iterated)
            case ast.Call():
                _bind_growth(scope, node)
            case ast.withitem(optional_vars=ast.expr() as target):
                _bind_target(scope, target, None)
            case ast.ExceptHandler(name=str() as name):
                scope.bind(name, None)
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                scope.bind(name, None)
            case ast.MatchMapping(rest=str() as name):
                scope.bind(name, None)


def _bind_import_from(scope: Scope, node: ast.ImportFrom) -> None:
    # A relative import is never Keras itself; the dots keep it apart from every absolute name.
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            scope.star_imports.append(module)
        else:
            dot = "" if module.endswith(".") else "."
            scope.bind(alias.asname or alias.name, Imported(f"{module}{dot}{alias.name}"))


def _bind_target(scope: Scope, target: ast.expr, value: ast.expr | None) -> None:
    match target:
        case ast.Name(id=name):
            scope.bind(name, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            values: list[ast.expr | None] = [None] * len(targets)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                values = list(value.elts)
            elif isinstance(value, ast.Call) and not any(isinstance(each, ast.Starred) for each in targets):
                # `state, output = layer(x)`, `generator, critic = build()`
                values = [
                    ast.copy_location(ast.Subscript(value, ast.Constant(n), ast.Load()), value)
                    for n in range(len(targets))
                ]
            for each, part in zip(targets, values, strict=True):
                _bind_target(scope, each, part)
        case ast.Starred(value=inner):
            _bind_target(scope, inner, None)


def _bind_trainable(scope: Scope, target: ast.expr, value: ast.expr) -> None:
    match target:
        case ast.Attribute(value=ast.Name(id=name), attr="trainable"):
            is_false = isinstance(value, ast.Constant) and value.value is False
            scope.trainable[name] = scope.trainable.get(name, True) and is_false


def _bind_loop(scope: Scope, target: ast.expr, iterated: ast.expr) -> None:
    """A loop variable is what an element of the iterated value is."""
    match iterated, target:
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]), ast.Tuple(elts=[index, element]):
            _bind_target(scope, index, None)
            _bind_loop(scope, element, inner)
        case ast.Call(func=ast.Name(id="zip"), args=inners), ast.Tuple(elts=elements) if len(inners) == len(
            elements
        ):
            for element, inner in zip(elements, inners, strict=True):
                _bind_loop(scope, element, inner)
        case ast.Call(func=ast.Name(id="reversed" | "list" | "tuple"), args=[inner]), _:
            _bind_loop(scope, target, inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="items"), args=[]), ast.Tuple(elts=[key, value]):
            _bind_target(scope, key, None)
            _bind_loop(scope, value, inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="values"), args=[]), _:
            _bind_loop(scope, target, inner)
        case _:
            _bind_target(scope, target, ast.Subscript(iterated, ast.Constant(0), ast.Load()))


def _bind_growth(scope: Scope, call: ast.Call) -> None:
    """`blocks.append(layer)` and its like: what is put into a local list can be an element of it."""
    if not isinstance(call.func, ast.Attribute):
        return
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value]):
            _grow(scope, name, ast.List([value], ast.Load()))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="insert"), args=[_, value]):
            _grow(scope, name, ast.List([value], ast.Load()))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="extend"), args=[values]):
            _grow(scope, name, values)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="add"), args=[_]):
            _grow(scope, name, Added(call))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update" | "setdefault")):
            _grow(scope, name, None)


def _grow(scope: Scope, name: str, binding: Binding) -> None:
    # Only what this scope made itself; a module that is called `np` has an `append` too.
    if name in scope.bindings and not any(isinstance(each, Imported) for each in scope.bindings[name]):
        scope.bind(name, binding)
