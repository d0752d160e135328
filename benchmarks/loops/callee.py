"""What is called in a training loop, as far as a reader of the package can say: whose instance it is.

It shares nothing with kerasfix. It is generous where that only means more to expect: a class depends on the
flag if anything that its code mentions, however far away, makes a layer that does.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.loops.blocks import Spot
from benchmarks.restore.knowledge import FLAG, Knowledge, keras_class, own_attribute, positional
from benchmarks.restore.library import ClassInfo, Function, Imported, Library, Module

_MAX_STEPS = 8
# Layers that behave differently in training.
_WITH_FLAG = (
    "AlphaDropout",
    "BatchNormalization",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SyncBatchNormalization",
)
_MODELS = ("keras.applications.", "tensorflow.keras.applications.", "tf_keras.applications.")
_LOADERS = ("load_model", "clone_model", "model_from_json")


class Callee(enum.Enum):
    """What is called.

    KNOWN: a layer or model whose class is in sight, with a layer that depends on the flag in it.
    WITHOUT: one whose class is in sight, but no such layer: the flag may make no difference.
    ELSEWHERE: something handed over or made elsewhere, that another call of the class or function gives the
        flag.
    UNKNOWN: the same, and no other call does.
    METHOD: a function or method, which hands the flag on.
    """

    KNOWN = "class known"
    WITHOUT = "no layer with a mode"
    ELSEWHERE = "flag elsewhere"
    UNKNOWN = "class unknown"
    METHOD = "a function or method"


@dataclass(frozen=True, eq=False)
class _Where:
    """A place in which an expression is read."""

    module: Module
    functions: tuple[Function, ...]
    owner: ClassInfo | None


# A class of the package, the name of a Keras class, a function that makes a model, None: not known.
_Thing = ClassInfo | str | Function | None


class Callees:
    """Tells what the calls of one package call."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.knowledge = Knowledge(library, across=True)
        self._heirs: dict[ClassInfo, list[ClassInfo]] | None = None
        self._modes: dict[object, bool] = {}

    def judge(self, module: Module, spot: Spot) -> Callee:
        owner = next((info for info in module.classes if info.node is spot.owner), None)
        where = _Where(module, spot.functions, owner)
        if self._is_function(spot.call.func, where):
            return Callee.METHOD
        things = list(self._things(spot.call.func, where, _MAX_STEPS))
        if not things or None in things:
            return Callee.ELSEWHERE if _is_flagged_elsewhere(spot, module) else Callee.UNKNOWN
        if any(self._has_mode(thing, module) for thing in things):
            return Callee.KNOWN
        return Callee.WITHOUT

    def _is_function(self, func: ast.expr, where: _Where) -> bool:
        method = where.functions[-1] if where.functions else None
        match func:
            case ast.Attribute(attr="__call__"):
                return False
            case ast.Attribute(attr=name) if method is not None and own_attribute(func, method):
                return where.owner is not None and self.knowledge.method(where.owner, name) is not None
            case ast.Attribute(value=value, attr=name):
                held = list(self._things(value, where, _MAX_STEPS))
                return any(
                    isinstance(each, ClassInfo) and self.knowledge.method(each, name) is not None
                    for each in held
                )
            case ast.Name(id="partial"):
                return True
            case ast.Name(id=name):
                inner = [
                    node
                    for function in where.functions
                    for node in ast.walk(function)
                    if isinstance(node, Function) and node.name == name
                ]
                return bool(inner) or self._defined(where.module, func) is not None
        return False

    def _things(self, node: ast.expr, where: _Where, steps: int) -> Iterator[_Thing]:
        """All that an expression can be."""
        if not steps:
            yield None
            return
        method = where.functions[-1] if where.functions and where.owner is not None else None
        match node:
            case ast.Constant(value=None):
                return
            case ast.Attribute(attr="__call__", value=value):
                yield from self._things(value, where, steps - 1)
            case ast.Name(id=name) if method is not None and _is_self(name, method):
                yield where.owner
            case ast.Attribute(value=value, attr=name):
                for holder in self._things(value, where, steps - 1):
                    yield from self._held(holder, name, steps - 1)
            case ast.Subscript(value=value):
                yield from self._things(value, where, steps - 1)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for element in elements:
                    yield from self._things(element, where, steps - 1)
            case ast.ListComp(elt=element):
                yield from self._things(element, where, steps - 1)
            case ast.IfExp(body=one, orelse=other) | ast.BoolOp(values=[one, other]):
                yield from self._things(one, where, steps - 1)
                yield from self._things(other, where, steps - 1)
            case ast.Name():
                yield from self._named(node, where, steps)
            case ast.Call(func=func):
                yield from self._made(func, where, steps)
            case _:
                yield None

    def _held(self, holder: _Thing, name: str, steps: int) -> Iterator[_Thing]:
        """What an attribute of an instance is set to in the classes above and below it."""
        found = False
        for info in self._family(holder) if isinstance(holder, ClassInfo) else ():
            for method, value, _ in self.knowledge._given(info).get(name, ()):
                found = True
                if value is None:
                    yield None
                else:
                    yield from self._things(value, _Where(info.module, (method,), info), steps)
        if not found:
            yield None

    def _named(self, node: ast.Name, where: _Where, steps: int) -> Iterator[_Thing]:
        """What a name of a function or of the module can be."""
        for number, function in enumerate(where.functions):
            outer = _Where(where.module, where.functions[number:], where.owner)
            values = list(_assigned(function, node.id))
            parameter = next((each for each in _parameters(function) if each.arg == node.id), None)
            if values or parameter is not None:
                for each in values:
                    yield from (None,) if each is None else self._things(each, outer, steps - 1)
                if parameter is not None:
                    yield from self._parameter(parameter, function, outer, steps - 1)
                return
        bindings = where.module.bindings.get(node.id, [])
        bound = [each for each in bindings if isinstance(each, ast.expr)]
        for value in bound:
            yield from self._things(value, _Where(where.module, (), None), steps - 1)
        if not bound:
            yield None

    def _parameter(
        self, parameter: ast.arg, function: Function, where: _Where, steps: int
    ) -> Iterator[_Thing]:
        """What its annotation names, or what calls in the same file hand over."""
        if parameter.annotation is not None:
            target = self.knowledge.target(where.module, parameter.annotation)
            if isinstance(target, ClassInfo):
                yield target
                return
        handed = list(_handed(where.module.tree, function, parameter.arg))
        for value, around in handed:
            yield from self._things(value, _Where(where.module, around, None), steps)
        if not handed:
            yield None

    def _made(self, func: ast.expr, where: _Where, steps: int) -> Iterator[_Thing]:
        """What a call gives."""
        target = self.knowledge.target(where.module, func)
        if isinstance(target, ClassInfo):
            yield target
            return
        if isinstance(target, str):
            name = keras_class(target) or (target if target.startswith(_MODELS) else None)
            if name in ("Model", "Sequential") and where.functions:
                yield where.functions[0]  # what is in it is made around it
                return
            if name is not None:
                yield name
                return
        defined = self._defined(where.module, func)
        if defined is not None:
            yield from self._returned(*defined, None, steps)
        elif isinstance(func, ast.Attribute):
            for holder in self._things(func.value, where, steps - 1):
                found = self.knowledge.method(holder, func.attr) if isinstance(holder, ClassInfo) else None
                if found is None:
                    yield None
                else:
                    yield from self._returned(found[1], found[0].module, found[0], steps)
        else:
            yield None

    def _returned(
        self, function: Function, module: Module, owner: ClassInfo | None, steps: int
    ) -> Iterator[_Thing]:
        """What a function gives back."""
        values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        for value in values:
            if value is not None:
                yield from self._things(value, _Where(module, (function,), owner), steps - 1)
        if not any(values):
            yield None

    def _defined(
        self, module: Module, node: ast.expr, steps: int = _MAX_STEPS
    ) -> tuple[Function, Module] | None:
        """The function of the package that a name stands for."""
        if not isinstance(node, ast.Name) or not steps:
            return None
        for binding in module.bindings.get(node.id, [])[::-1]:
            if isinstance(binding, Function):
                return binding, module
            if isinstance(binding, Imported):
                owner, _, name = binding.dotted.rpartition(".")
                inner = self.library.module(owner)
                return self._defined(inner, ast.Name(name), steps - 1) if inner is not None else None
        return None

    def _has_mode(self, thing: _Thing, module: Module) -> bool:
        if thing not in self._modes:
            self._modes[thing] = self._finds_mode(thing, module)
        return self._modes[thing]

    def _finds_mode(self, thing: _Thing, module: Module) -> bool:
        if isinstance(thing, str):
            return thing in _WITH_FLAG or thing.startswith(_MODELS)
        if isinstance(thing, ClassInfo):
            return any(
                self.knowledge.depends(info) or self._mentions_mode(info) for info in self._family(thing)
            )
        return thing is not None and _makes_mode(thing)

    def _mentions_mode(self, info: ClassInfo) -> bool:
        for path, name in self.library.reach(info.module.path, info.name):
            module = self.library.module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
            for binding in module.bindings.get(name, []) if module is not None else ():
                node = binding.node if isinstance(binding, ClassInfo) else binding
                if isinstance(node, ast.AST) and _makes_mode(node):
                    return True
        return False

    def _family(self, info: ClassInfo) -> list[ClassInfo]:
        """A class, those above it, and those below it in the package."""
        if self._heirs is None:
            self._heirs = {}
            for module in self.library.modules_with(b"class "):
                for each in module.classes:
                    for above in self.knowledge.classes(each)[1:]:
                        self._heirs.setdefault(above, []).append(each)
        return [*self.knowledge.classes(info), *self._heirs.get(info, [])]


def _is_flagged_elsewhere(spot: Spot, module: Module) -> bool:
    function = spot.functions[-1] if spot.functions else None
    # A name is another thing in another function.
    is_own = function is not None and own_attribute(spot.call.func, function) is not None
    scope = (spot.owner if is_own else None) or function or module.tree
    text = ast.unparse(spot.call.func)
    return any(
        isinstance(node, ast.Call)
        and node is not spot.call
        and ast.unparse(node.func) == text
        and any(keyword.arg == FLAG for keyword in node.keywords)
        for node in ast.walk(scope)
    )


def _makes_mode(node: ast.AST) -> bool:
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _WITH_FLAG:
                return True
    return False


def _is_self(name: str, method: Function) -> bool:
    arguments = positional(method)
    return bool(arguments) and arguments[0].arg == name


def _parameters(function: Function) -> list[ast.arg]:
    return [*positional(function), *function.args.kwonlyargs]


def _assigned(function: Function, name: str) -> Iterator[ast.expr | None]:
    """What a function sets a name to; None where it is not one expression."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case (
                ast.Assign(targets=[ast.Tuple() as target])
                | ast.For(target=target)
                | ast.withitem(optional_vars=ast.expr() as target)
            ):
                if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(target)):
                    yield None


def _handed(
    tree: ast.Module, function: Function, name: str
) -> Iterator[tuple[ast.expr, tuple[Function, ...]]]:
    """What the calls of a function by name in its file give for a parameter, and the functions around."""
    names = [each.arg for each in positional(function)]
    waiting: list[tuple[ast.AST, tuple[Function, ...]]] = [(tree, ())]
    while waiting:
        node, around = waiting.pop()
        inner = (node, *around) if isinstance(node, Function) else around
        waiting += [(child, inner) for child in ast.iter_child_nodes(node)]
        match node:
            case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords) if called == function.name:
                yield from ((each.value, around) for each in keywords if each.arg == name)
                if name in names and names.index(name) < len(args):
                    yield args[names.index(name)], around
