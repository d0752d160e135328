"""Which layers depend on the training flag, as far as a reader can be sure of it.

Deliberately small. What this does not understand is no case; what it takes for dependent has to be.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.restore.library import ClassInfo, Function, Library, Module, Target

FLAG = "training"
# Layers that depend on the flag whatever they are made with (a rate of 0 and `trainable=False` apart).
_ALWAYS = {
    "AlphaDropout",
    "BatchNormalization",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SyncBatchNormalization",
}
# Layers that do if they are given dropout.
_WITH_DROPOUT = {"AdditiveAttention", "Attention", "GRU", "LSTM", "MultiHeadAttention", "SimpleRNN"}
# Where the flag stands among the arguments of a call, for layers where Keras 2 and 3 agree.
_FLAG_IS_SECOND = _ALWAYS
_KERAS = (
    "keras.",
    "tf_keras.",
    "tensorflow.keras.",
    "tensorflow.compat.v2.keras.",
    "tensorflow.python.keras.",
)
_ROOTS = {"Layer", "Model", "Sequential"}
_MAX_STEPS = 8


class Is(enum.Enum):
    """What a called thing is to the flag. LAYER: a Keras layer that is not known to depend on it."""

    DEPENDENT = "depends on the flag"
    OFF = "a layer with a rate of 0, or frozen"
    LAYER = "a layer that is not known to depend on the flag"
    NOTHING = "None"
    UNKNOWN = "something that this check does not understand"


@dataclass(frozen=True, eq=False)
class Value:
    """One thing that an expression can be.

    Attributes:
        target: The class that it is an instance of: a class of the package, or the name of a Keras layer.
        elements: What is in it, if it is a list.
    """

    kind: Is
    target: ClassInfo | str | None = None
    elements: tuple[Value, ...] | None = None


_UNKNOWN = Value(Is.UNKNOWN)
_Given = tuple[Function, ast.expr | None, bool]
_Evaluate = Callable[[ast.expr], list[Value]]


class Knowledge:
    """What can be known of the classes of a library.

    Args:
        library: The classes.
        across: Whether other files than that of the class may be looked at.
    """

    def __init__(self, library: Library, *, across: bool) -> None:
        self.library = library
        self.across = across
        self._dependent: dict[ClassInfo, bool] = {}
        self._ancestors: dict[ClassInfo, list[ClassInfo | str | None]] = {}
        self._attributes: dict[ClassInfo, dict[str, list[_Given]]] = {}

    def target(self, module: Module, node: ast.expr) -> Target:
        return self.library.resolve(module, node, across=self.across)

    def ancestors(self, info: ClassInfo) -> list[ClassInfo | str | None]:
        """The class, its bases and theirs, depth first; a name for a base of another package."""
        if info not in self._ancestors:
            found: list[ClassInfo | str | None] = [info]
            self._ancestors[info] = found  # a class below itself ends here
            for base in info.node.bases:
                target = self.target(info.module, base)
                found += self.ancestors(target) if isinstance(target, ClassInfo) else [target]
            self._ancestors[info] = list(dict.fromkeys(found))
        return self._ancestors[info]

    def classes(self, info: ClassInfo) -> list[ClassInfo]:
        return [each for each in self.ancestors(info) if isinstance(each, ClassInfo)]

    def is_keras(self, info: ClassInfo) -> bool:
        return any(isinstance(each, str) and keras_class(each) for each in self.ancestors(info))

    def method(self, info: ClassInfo, name: str, *, above: bool = False) -> tuple[ClassInfo, Function] | None:
        """The method that `self.name` means; with `above`, the one that `super().name` does."""
        for each in self.classes(info)[above:]:
            if name in each.methods:
                return each, each.methods[name]
        return None

    def depends(self, info: ClassInfo) -> bool:
        """Whether a call of an instance takes the flag and reaches a layer that depends on it."""
        if info not in self._dependent:
            self._dependent[info] = False
            found = self.method(info, "call")
            if found is None:
                names = [each for each in self.ancestors(info) if isinstance(each, str)]
                self._dependent[info] = any(keras_class(name) in _ALWAYS for name in names)
            else:
                self._dependent[info] = takes_flag(found[1]) and any(
                    self.is_dependent_site(info, method, call) for method, call in self._reached(info)
                )
        return self._dependent[info]

    def _reached(self, info: ClassInfo) -> Iterator[tuple[Function, ast.Call]]:
        """The calls in `call` and in the methods of the class that it uses."""
        waiting, seen = ["call"], {"call"}
        while waiting:
            found = self.method(info, waiting.pop())
            if found is None:
                continue
            for node in ast.walk(found[1]):
                if isinstance(node, ast.Call):
                    yield found[1], node
                    name = own_attribute(node.func, found[1])
                    if name is not None and name not in seen:
                        seen.add(name)
                        waiting.append(name)

    def is_dependent_site(self, info: ClassInfo, method: Function, call: ast.Call) -> bool:
        return site_kind(self.values(info, method, call.func)) is Is.DEPENDENT

    def values(self, info: ClassInfo, method: Function, func: ast.expr) -> list[Value]:
        """What the called expression can be; `super().call` is an instance of the class above."""
        match func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="call"):
                found = self.method(info, "call", above=True)
                if found is None:
                    return [_UNKNOWN]
                return [Value(Is.DEPENDENT if self.depends(found[0]) else Is.LAYER, found[0])]
        return self._evaluate(func, info, info, method, _MAX_STEPS)

    def _evaluate(
        self, node: ast.expr, info: ClassInfo, here: ClassInfo, method: Function | None, steps: int
    ) -> list[Value]:
        """What an expression can be that stands in `method` of `here`, for an instance of `info`."""
        if not steps:
            return [_UNKNOWN]

        def again(each: ast.expr) -> list[Value]:
            return self._evaluate(each, info, here, method, steps - 1)

        match node:
            case ast.Constant(value=None):
                return [Value(Is.NOTHING)]
            case ast.IfExp(body=body, orelse=orelse):
                return [*again(body), *again(orelse)]
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [Value(Is.UNKNOWN, None, tuple(v for each in elements for v in again(each)))]
            case ast.ListComp(elt=element):
                return [Value(Is.UNKNOWN, None, tuple(again(element)))]
            case ast.Subscript(value=value):
                return [inner for each in again(value) for inner in each.elements or (_UNKNOWN,)]
            case ast.Call():
                return [self._made(node, here.module, again)]
            case ast.Attribute() if method is not None and own_attribute(node, method):
                return self._attribute(info, node.attr, steps - 1)
            case ast.Name(id=name) if method is not None:
                return self._local(name, method, again)
        return [_UNKNOWN]

    def _attribute(self, info: ClassInfo, name: str, steps: int) -> list[Value]:
        values: list[Value] = []
        for owner in self.classes(info):
            if name in owner.methods:
                return [_UNKNOWN]
            for method, value, is_element in self._given(owner).get(name, ()):
                new = [_UNKNOWN] if value is None else self._evaluate(value, info, owner, method, steps)
                values += [Value(Is.UNKNOWN, None, tuple(new))] if is_element else new
        lists = [each for each in values if each.elements is not None]
        if lists and len(lists) == len(values):
            return [Value(Is.UNKNOWN, None, tuple(inner for each in lists for inner in each.elements or ()))]
        return values or [_UNKNOWN]

    def _given(self, info: ClassInfo) -> dict[str, list[_Given]]:
        """What each attribute is set to in the methods of one class, or what is appended to it (True)."""
        if info not in self._attributes:
            found: dict[str, list[_Given]] = {}
            for method in info.methods.values():
                for name, value, is_element in _stores(method):
                    found.setdefault(name, []).append((method, value, is_element))
            self._attributes[info] = found
        return self._attributes[info]

    def _local(self, name: str, method: Function, again: _Evaluate) -> list[Value]:
        """What a local name is, if it is bound once: a loop over layers, or another name of one."""
        bound = [node for node in ast.walk(method) if isinstance(node, ast.Name) and node.id == name]
        if sum(isinstance(node.ctx, ast.Store) for node in bound) != 1:
            return [_UNKNOWN]
        for node in ast.walk(method):
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    return again(value)
                case ast.For(target=target, iter=iterable):
                    found = _looped(target, iterable, name)
                    if found is not None:
                        return [inner for each in again(found) for inner in each.elements or (_UNKNOWN,)]
        return [_UNKNOWN]

    def _made(self, call: ast.Call, module: Module, again: _Evaluate) -> Value:
        """What a call makes."""
        target = self.target(module, call.func)
        if isinstance(target, ClassInfo):
            if not self.is_keras(target):
                return _UNKNOWN
            return Value(Is.DEPENDENT if self.depends(target) else Is.LAYER, target)
        name = keras_class(target) if isinstance(target, str) else None
        if name is None:
            return _UNKNOWN
        if name == "Sequential":
            inner = [
                each for layers in call.args[:1] for value in again(layers) for each in value.elements or ()
            ]
            kinds = {value.kind for value in inner}
            return Value(Is.DEPENDENT if Is.DEPENDENT in kinds else Is.LAYER, name)
        return Value(_builtin(name, call), name)


def site_kind(values: list[Value]) -> Is:
    """What a call of one of these needs: the flag, if one of them depends on it and all are layers."""
    kinds = {value.kind for value in values} - {Is.NOTHING}
    if Is.UNKNOWN in kinds or not kinds:
        return Is.UNKNOWN
    if Is.DEPENDENT in kinds:
        return Is.DEPENDENT
    return Is.OFF if kinds == {Is.OFF} else Is.LAYER


def keras_class(dotted: str) -> str | None:
    """`Dropout` for any spelling of `keras.layers.Dropout`, `Model` for `keras.models.Model`."""
    root = next((root for root in _KERAS if dotted.startswith(root)), None)
    if root is None:
        return None
    steps = dotted[len(root) :].split(".")
    return steps[-1] if "layers" in steps[:-1] or steps[-1] in _ROOTS else None


def flag_position(value: Value, knowledge: Knowledge) -> int | None:
    """Which argument of a call of this is the flag, if it can be given by position."""
    if isinstance(value.target, str):
        return 1 if value.target in _FLAG_IS_SECOND else None
    found = knowledge.method(value.target, "call") if value.target is not None else None
    if found is None:
        return None
    names = [argument.arg for argument in positional(found[1])[1:]]
    return names.index(FLAG) if FLAG in names else None


def positional(method: Function) -> list[ast.arg]:
    return [*method.args.posonlyargs, *method.args.args]


def takes_flag(method: Function) -> bool:
    return any(argument.arg == FLAG for argument in [*positional(method), *method.args.kwonlyargs])


def own_attribute(node: ast.expr, method: Function) -> str | None:
    """`name`, if the expression is `self.name`."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            arguments = positional(method)
            return name if arguments and arguments[0].arg == owner else None
    return None


def _builtin(name: str, call: ast.Call) -> Is:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    frozen = given.get("trainable")
    if isinstance(frozen, ast.Constant) and frozen.value is False:
        return Is.OFF
    if name in _ALWAYS:
        rate = given.get("rate") or given.get("stddev") or (call.args[0] if call.args else None)
        return Is.OFF if "Dropout" in name and _is_zero(rate) else Is.DEPENDENT
    if name in _WITH_DROPOUT:
        rates = [given[each] for each in ("dropout", "recurrent_dropout") if each in given]
        return Is.DEPENDENT if any(not _is_zero(rate) for rate in rates) else Is.LAYER
    return Is.LAYER


def _is_zero(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _stores(method: Function) -> Iterator[tuple[str, ast.expr | None, bool]]:
    """What a method sets attributes to, and appends to them (True); None where it is not one expression."""
    for node in ast.walk(method):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    whole = own_attribute(target, method)
                    for each in ast.walk(target):
                        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
                            name = own_attribute(each, method)
                            if name is not None:
                                yield name, value if whole else None, False
            case ast.AnnAssign(target=target, value=value) if value is not None:
                name = own_attribute(target, method)
                if name is not None:
                    yield name, value, False
            case ast.Call(func=ast.Attribute(value=owner, attr="append" | "extend" as put), args=[value]):
                name = own_attribute(owner, method)
                if name is not None:
                    yield name, value, put == "append"


def _looped(target: ast.expr, iterable: ast.expr, name: str) -> ast.expr | None:
    """What a name runs over in a loop: `for _, name in enumerate(self.layers)`."""
    match target, iterable:
        case ast.Name(id=bound), _ if bound == name:
            match iterable:
                case ast.Call(func=ast.Name(id="reversed"), args=[inner]):
                    return inner
            return iterable
        case ast.Tuple(elts=[_, second]), ast.Call(func=ast.Name(id="enumerate"), args=[inner]):
            return _looped(second, inner, name)
        case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=parts) if len(targets) == len(
            parts
        ):
            for each, part in zip(targets, parts, strict=True):
                if isinstance(each, ast.Name) and each.id == name:
                    return part
    return None
