"""Who may use an attribute of an instance: told by its name, wherever an instance can have got to.

It is asked before something is said to be used nowhere, so whatever looks like a use is one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.mentions import HARMLESS
from kerasfix.analysis.scope import Function
from kerasfix.analysis.threads import Objections
from kerasfix.syntax import of_kind, reversed_children

# `self.blocks.append(layer)` puts something in and uses nothing.
GROWS = frozenset({"append", "extend", "insert"})
# `layer.call(x)` calls it too; what else is asked of it does not.
_CALLS = frozenset({"call", "__call__"})
# Ways to all layers of an instance that name none of them.
_ALL_ATTRIBUTES = frozenset(
    {
        "__dict__",
        "__getattribute__",
        "_flatten_layers",
        "_layers",
        "_self_tracked_trackables",
        "_trackable_children",
        "attrgetter",
        "get_layer",
        "getmembers",
        "layers",
        "methodcaller",
        "submodules",
    }
)
_ALL_FUNCTIONS = frozenset({"dir", "eval", "exec", "globals", "locals", "vars"})
# Methods that, put on a class or an instance from outside, may use what nothing in the class does.
_COMPLETING = frozenset({"__call__", "build", "call", "forward", "predict_step", "test_step", "train_step"})


@dataclass(slots=True)
class _Reads:
    """What a module reads of instances, by name.

    Attributes:
        attributes: The classes on whose `self` an attribute is read, for more than to build it; None among
            them for any other owner.
        called: The same, for those that are called, or handed on to somebody who may.
        texts: The strings, without those that give something its `name`.
        completed: What owns an attribute that is set on it (`Net.call = call`).
    """

    attributes: dict[str, set[ClassInfo | None]] = field(default_factory=dict)
    called: dict[str, set[ClassInfo | None]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    completed: list[ast.expr] = field(default_factory=list)


class Uses:
    """The uses of attributes in a project.

    Args:
        layers: Its layers.
        objections: Knows of files that are not looked at.
    """

    def __init__(self, layers: LayerIndex, objections: Objections) -> None:
        self._layers = layers
        self._project = layers.project
        self._objections = objections
        self._reads: dict[Module, _Reads] = {}
        self._hidden: dict[ClassInfo, bool] = {}

    def may_use(self, info: ClassInfo, attribute: str, names: frozenset[str]) -> bool:
        """Whether anybody may use an attribute of an instance of a class.

        Args:
            info: The class.
            attribute: The attribute.
            names: What `get_layer` finds its value by.
        """
        wanted = names | {attribute}
        for module in self._project.given:
            if not wanted.isdisjoint(module.words) and self._project.may_meet(module, info):
                found = self._in(module)
                if any(_may_be(owner, info) for owner in found.attributes.get(attribute, ())):
                    return True
                if not wanted.isdisjoint(found.texts):
                    return True
        return self._objections.mentions(info, frozenset({attribute}))

    def may_call(self, info: ClassInfo, attribute: str) -> bool:
        """Whether anybody calls an attribute of what may be an instance of a class, or may do so."""
        for module in self._project.given:
            if attribute not in module.words or not self._project.may_meet(module, info):
                continue
            found = self._in(module)
            if any(_may_be(owner, info) for owner in found.called.get(attribute, ())):
                return True
            if attribute in found.texts and "getattr" in module.words:
                return True
        return self._objections.calls(info, attribute)

    def is_in_sight(self, info: ClassInfo) -> bool:
        """Whether whatever uses attributes of instances of a class says their names."""
        if info not in self._hidden:
            self._hidden[info] = any(_goes_over_all(each) for each in info.family) or self._is_completed(info)
        return not self._hidden[info]

    def _is_completed(self, info: ClassInfo) -> bool:
        """Whether a class, or an instance of it, gets a method from outside."""
        for module in self._project.given:
            if not module.speaks_of(info):
                continue
            if self._layers.set_from_outside(module) & _COMPLETING:
                return True
            for owner in self._in(module).completed:
                if self._project.class_named(owner, module.scope) in info.family:
                    return True
        return False

    def _in(self, module: Module) -> _Reads:
        if module not in self._reads:
            self._reads[module] = _reads_of(module)
        return self._reads[module]


def _may_be(owner: ClassInfo | None, info: ClassInfo) -> bool:
    """Whether what an attribute is read of can be an instance of a class."""
    return owner is None or owner in info.family or None in owner.outside_bases


def _reads_of(module: Module) -> _Reads:
    found = _Reads()
    left_out: set[ast.AST] = set()
    asked: set[ast.AST] = set()
    waiting: list[tuple[ast.AST, ClassInfo | None, str | None]] = [(module.source.tree, None, None)]
    while waiting:
        node, info, self_name = waiting.pop()
        match node:
            case ast.ClassDef():
                info, self_name = module.class_of_node.get(node), None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if info is not None and self_name is None:
                    self_name = _first_parameter(node)
            case ast.Call(func=ast.Attribute(value=ast.Attribute() as grown, attr=attr)) if attr in GROWS:
                left_out.add(grown)
            case ast.Call(func=ast.Name(id="setattr"), args=[owner, _, _]):
                found.completed.append(owner)
            case ast.Subscript(value=ast.Attribute() as grown, ctx=ast.Store()):
                left_out.add(grown)
            case ast.Attribute(value=owner, ctx=ast.Store()):
                found.completed.append(owner)
            case ast.Attribute(value=owner, attr=attr) if node not in left_out:
                is_self = isinstance(owner, ast.Name) and owner.id == self_name
                found.attributes.setdefault(attr, set()).add(info if is_self else None)
                if node not in asked:
                    found.called.setdefault(attr, set()).add(info if is_self else None)
                if attr in HARMLESS:
                    left_out.add(owner)
                if attr not in _CALLS:
                    asked.add(owner)
            case ast.keyword(arg="name", value=ast.Constant() as name):
                left_out.add(name)
            case ast.Constant(value=str() as text) if node not in left_out and text.isidentifier():
                found.texts.add(text)
        waiting.extend((child, info, self_name) for child in reversed_children(node))
    return found


def _first_parameter(function: Function) -> str | None:
    positional = [*function.args.posonlyargs, *function.args.args]
    return positional[0].arg if positional else None


def _goes_over_all(info: ClassInfo) -> bool:
    """Whether a class reaches for its attributes without naming them."""
    for node in of_kind(info.node, ast.Name, ast.Call, ast.Attribute):
        match node:
            case ast.Name(id=name) if name in _ALL_FUNCTIONS:
                return True
            case ast.Call(func=ast.Name(id="getattr" | "setattr" | "delattr"), args=[_, name, *_]):
                if not isinstance(name, ast.Constant):
                    return True
            case ast.Attribute(attr=attr) if attr in _ALL_ATTRIBUTES:
                if info.scope.dotted(node) is None:
                    return True
    return False
