"""What a training function is given, and where that goes: which parameter reaches the call of which object.

A small interpreter goes through the function and the functions of its file that it calls, once, in the order
of the text. It knows no values, only where they come from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasfix.syntax import children
from kerasfix.verify.harmless import words
from kerasfix.verify.modules import FunctionNode, ImportNode, imports_of
from kerasfix.verify.names import dotted_name

#: A parameter and the way into it: `("batch", "0")` is the first of what `a, b = batch` takes apart, a step
#: in quotes is a key, EACH what a loop over it gives.
Path = tuple[str, ...]
EACH = "*"

# What only an object of Keras is asked for, not data.
_OF_OBJECTS = words(
    "trainable_variables trainable_weights variables weights apply_gradients minimize update_state "
    "reset_state reset_states get_layer layers losses"
)
_NO_DATA = words("shape dtype ndim rank name size len int_shape get_shape")
_AS_IT_IS = words("take batch shuffle prefetch repeat cache unbatch as_numpy_iterator")
_COUNTING = words("enumerate")
_PASSING = frozenset({"tqdm", "list", "tuple", "iter", "reversed", "sorted", "trange"})
_RUNS = frozenset({"run", "experimental_run_v2"})
# What Keras offers to take `(x, y)` apart in a `train_step`.
_UNPACK = "unpack_x_y_sample_weight"
_MOST_STEPS = 5


@dataclass(frozen=True)
class Value:
    """Where a value comes from.

    Attributes:
        origins: The parts of parameters that it is made of.
        raw: The one that it is, as it was given.
        items: What it holds, if it is a list or tuple that is written out.
        keys: The same for a dictionary.
        alias: What the function calls it: a parameter, or a name of the file.
        function: The function that it is.
    """

    origins: frozenset[Path] = frozenset()
    raw: Path | None = None
    items: tuple[Value, ...] | None = None
    keys: Mapping[str, Value] | None = None
    alias: str | None = None
    function: FunctionNode | None = None

    @property
    def derived(self) -> Value:
        """Something that is made of it."""
        return Value(self.origins)

    def to_json(self) -> dict[str, Any]:
        return {
            "origins": sorted(map(list, self.origins)),
            "raw": None if self.raw is None else list(self.raw),
            "items": None if self.items is None else [each.to_json() for each in self.items],
            "keys": None if self.keys is None else {key: each.to_json() for key, each in self.keys.items()},
        }


NOTHING = Value()


@dataclass(frozen=True)
class CallOf:
    """A call of an object or of a library's function, by the name that the training function knows."""

    callee: str
    arguments: tuple[Value, ...]
    named: Mapping[str, Value]

    def to_json(self) -> dict[str, Any]:
        return {
            "callee": self.callee,
            "arguments": [each.to_json() for each in self.arguments],
            "named": {name: each.to_json() for name, each in self.named.items()},
        }


@dataclass
class Reading:
    """What was found out.

    Attributes:
        calls: In their order.
        sizes: Part of a parameter -> into how many it is taken apart.
        keys: Part of a parameter -> the keys that are read of it.
        each: The parts that are looped over.
        objects: The parameters that are models, optimizers and the like.
    """

    calls: list[CallOf] = field(default_factory=list)
    sizes: dict[Path, int] = field(default_factory=dict)
    keys: dict[Path, dict[str, None]] = field(default_factory=dict)
    each: set[Path] = field(default_factory=set)
    objects: dict[str, set[str]] = field(default_factory=dict)

    def form(self, path: Path) -> dict[str, Any]:
        """How the data of a part has to be put together, as JSON."""
        if path in self.each:
            return {"each": self.form((*path, EACH))}
        if path in self.keys:
            return {"keys": {key: self.form((*path, repr(key))) for key in self.keys[path]}}
        if path in self.sizes:
            return {"items": [self.form((*path, str(number))) for number in range(self.sizes[path])]}
        return {"leaf": list(path)}


def methods_of(owner: ast.ClassDef) -> dict[str, FunctionNode]:
    """The methods that are written in a class."""
    return {each.name: each for each in owner.body if isinstance(each, FunctionNode)}


def read(tree: ast.Module, function: FunctionNode, owner: ast.ClassDef | None = None) -> Reading:
    """Go through a function of a module, or a method of a class in it."""
    reader = _Reader(tree, methods_of(owner) if owner is not None else {})
    names = [each.arg for each in parameters_of(function)]
    reader.body(function.body, {name: Value(frozenset({(name,)}), (name,), alias=name) for name in names})
    reader.reading.objects = {
        name: used for name, used in reader.used.items() if name in names and used & {*_OF_OBJECTS, "()"}
    }
    return reader.reading


def parameters_of(function: FunctionNode) -> list[ast.arg]:
    """The parameters of a function that have names of their own."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


Names = dict[str, Value]


class _Reader:
    def __init__(self, tree: ast.Module, methods: Mapping[str, FunctionNode]) -> None:
        self.reading = Reading()
        self._methods = methods
        self.used: dict[str, set[str]] = {}
        self._functions = {each.name: each for each in tree.body if isinstance(each, FunctionNode)}
        imports = [each for each in tree.body if isinstance(each, ImportNode)]
        self._imported = {item.bound for each in imports for item in imports_of(each)}
        self._entered: list[FunctionNode] = []
        self._given: list[Value] = []

    # --- Statements ---------------------------------------------------------------------------------------

    def body(self, statements: Iterable[ast.stmt], names: Names) -> None:
        for statement in statements:
            self._statement(statement, names)

    def _statement(self, node: ast.stmt, names: Names) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value, names)
                for target in targets:
                    self._bind(target, found, names)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self.value(value, names), names)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                more = self.value(value, names).origins
                names[name] = Value(names.get(name, NOTHING).origins | more)
            case ast.For(target=target, iter=over, body=body, orelse=orelse):
                self._bind(target, self._each(over, names), names)
                self.body([*body, *orelse], names)
            case ast.With(items=items, body=body):
                for item in items:
                    found = self.value(item.context_expr, names)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, found.derived, names)
                self.body(body, names)
            case ast.FunctionDef():
                names[node.name] = Value(function=node)
            case ast.Return(value=ast.expr() as value):
                self._given.append(self.value(value, names))
            case _:
                for child in children(node):
                    if isinstance(child, ast.stmt):
                        self._statement(child, names)
                    elif isinstance(child, ast.expr):
                        self.value(child, names)
                    elif isinstance(child, ast.ExceptHandler):
                        self.body(child.body, names)

    def _bind(self, target: ast.expr, value: Value, names: Names) -> None:
        match target:
            case ast.Name(id=name):
                names[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part, found in zip(parts, self._apart(value, len(parts)), strict=True):
                    self._bind(part, found, names)
            case ast.Starred(value=part):
                self._bind(part, value.derived, names)

    def _apart(self, value: Value, count: int) -> Sequence[Value]:
        if value.items is not None and len(value.items) == count:
            return value.items
        if value.raw is None:
            return [value.derived] * count
        self.reading.sizes[value.raw] = max(count, self.reading.sizes.get(value.raw, 0))
        return [_part(value.raw, str(number)) for number in range(count)]

    def _each(self, over: ast.expr, names: Names) -> Value:
        """What a loop gives at each turn."""
        if isinstance(over, ast.Call):
            name = (dotted_name(over.func) or "").rpartition(".")[2]
            if name in _COUNTING and over.args:
                return Value(items=(NOTHING, self._each(over.args[0], names)))
            if name == "zip":
                return Value(items=tuple(self._each(each, names) for each in over.args))
            if name in _PASSING and over.args:
                return self._each(over.args[0], names)
            if name == "range":
                self.value(over, names)
                return NOTHING
        found = self.value(over, names)
        if found.items:
            return Value(frozenset(origin for each in found.items for origin in each.origins))
        if found.raw is None:
            return found.derived
        self.reading.each.add(found.raw)
        return _part(found.raw, EACH)

    # --- Expressions --------------------------------------------------------------------------------------

    def value(self, node: ast.expr, names: Names) -> Value:
        """Where the value of an expression comes from."""
        match node:
            case ast.Name(id=name):
                known = names.get(name)
                return Value(alias=name, function=self._functions.get(name)) if known is None else known
            case ast.Attribute(value=owner, attr=attr):
                return self._attribute(self.value(owner, names), attr)
            case ast.Subscript(value=owner, slice=key):
                return self._item(self.value(owner, names), key, names)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                items = tuple(self.value(each, names) for each in parts)
                return Value(frozenset().union(*(each.origins for each in items)), items=items)
            case ast.Dict(keys=keys, values=values):
                found = [self.value(each, names) for each in values]
                named = {
                    key.value: each
                    for key, each in zip(keys, found, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
                return Value(frozenset().union(*(each.origins for each in found)), keys=named)
            case ast.Call():
                return self._call(node, names)
            case ast.Lambda(body=body):
                return self.value(body, dict(names)).derived
            case ast.ListComp(generators=loops) | ast.GeneratorExp(generators=loops):
                inner = dict(names)
                for loop in loops:
                    self._bind(loop.target, self._each(loop.iter, inner), inner)
                return self.value(node.elt, inner).derived
        parts_of = [each for each in children(node) if isinstance(each, ast.expr)]
        return Value(frozenset().union(*(self.value(each, names).origins for each in parts_of)))

    def _attribute(self, owner: Value, attr: str) -> Value:
        if owner.alias is None:
            return NOTHING if attr in _NO_DATA else owner.derived
        self.used.setdefault(owner.alias, set()).add(attr)
        if owner.raw is not None and attr in self._methods:
            return Value(alias=f"{owner.alias}.{attr}", function=self._methods[attr])
        return Value(frozenset() if attr in _NO_DATA else owner.origins, alias=f"{owner.alias}.{attr}")

    def _item(self, owner: Value, key: ast.expr, names: Names) -> Value:
        self.value(key, names)
        match key:
            case ast.Constant(value=int(number)) if owner.items and 0 <= number < len(owner.items):
                return owner.items[number]
            case ast.Constant(value=str(name)) if owner.keys and name in owner.keys:
                return owner.keys[name]
            case ast.Constant(value=str(name)) if owner.raw is not None:
                self.reading.keys.setdefault(owner.raw, {})[name] = None
                return _part(owner.raw, repr(name))
            case ast.Constant(value=int(number)) if owner.raw is not None and number >= 0:
                self.reading.sizes[owner.raw] = max(number + 1, self.reading.sizes.get(owner.raw, 0))
                return _part(owner.raw, str(number))
        return owner.derived

    def _call(self, node: ast.Call, names: Names) -> Value:
        func = self.value(node.func, names)
        arguments = [self.value(each, names) for each in node.args]
        named = {each.arg: self.value(each.value, names) for each in node.keywords if each.arg is not None}
        if isinstance(node.func, ast.Attribute) and node.func.attr in _RUNS and arguments:
            handed = named.get("args", NOTHING).items or tuple(arguments[1:])
            if arguments[0].function is not None:
                return self._enter(arguments[0].function, handed, {}, names)
        if func.function is not None:
            if func.function in self._methods.values() and isinstance(node.func, ast.Attribute):
                arguments.insert(0, self.value(node.func.value, names))
            return self._enter(func.function, arguments, named, names)
        for each in arguments:
            if each.function is not None:
                # Handed over to be called: `optimizer.minimize(loss, …)`.
                self._enter(each.function, (), {}, names)
        all_of_it = frozenset().union(*(each.origins for each in [*arguments, *named.values()]))
        if func.alias is None:
            if isinstance(node.func, ast.Attribute) and node.func.attr in _NO_DATA:
                return NOTHING
            if isinstance(node.func, ast.Attribute):
                return Value(func.origins | all_of_it)
            return Value(all_of_it)
        if func.raw is not None:
            self.used.setdefault(func.alias, set()).add("()")
        self.reading.calls.append(CallOf(func.alias, tuple(arguments), named))
        owner, _, method = func.alias.rpartition(".")
        if method in _NO_DATA:
            return NOTHING
        if method == _UNPACK and arguments and arguments[0].raw is not None:
            return Value(items=(*self._apart(arguments[0], 2), NOTHING))
        if func.origins and owner in names and method in _AS_IT_IS:
            return names[owner]
        # What a library makes of data comes from it; what a model makes of it is no data any more.
        from_library = func.alias.partition(".")[0] in self._imported
        return Value(func.origins | all_of_it if from_library or owner in names else frozenset())

    def _enter(
        self, function: FunctionNode, arguments: Iterable[Value], named: Mapping[str, Value], names: Names
    ) -> Value:
        if function in self._entered or len(self._entered) == _MOST_STEPS:
            return NOTHING
        is_outer = function in (*self._functions.values(), *self._methods.values())
        inner: Names = {} if is_outer else dict(names)
        for parameter in parameters_of(function):
            inner[parameter.arg] = NOTHING
        for parameter, value in zip(parameters_of(function), arguments, strict=False):
            inner[parameter.arg] = value
        inner.update({name: value for name, value in named.items() if name in inner})
        outer, self._given = self._given, []
        self._entered.append(function)
        self.body(function.body, inner)
        self._entered.pop()
        given, self._given = self._given, outer
        if len(given) == 1:
            return given[0]
        return Value(frozenset().union(*(each.origins for each in given)))


def _part(path: Path, step: str) -> Value:
    inner = (*path, step)
    return Value(frozenset({inner}), inner)
