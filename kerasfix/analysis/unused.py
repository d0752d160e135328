"""Layers that are made and then used by nobody: neither called, nor read in any other way.

Nothing is said of a class that is open, that is finished somewhere else, or that reaches for its layers
without naming them; nor of a layer about which a comment says that it is kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kerasfix.analysis import comments
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.mentions import HARMLESS
from kerasfix.analysis.scope import Scope
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.uses import GROWS, Uses
from kerasfix.analysis.values import BuiltinLayer, Nothing, Stack, UserLayer, Value, flat, is_layer
from kerasfix.keras import names
from kerasfix.syntax import of_kind, own_nodes, walk

# What a comment says of a layer that is there for another reason than to be called.
_KEPT = re.compile(
    r"check-?points?|ckpt|\bweights?\b|compat|backward|legacy|\bkeep|\bkept|un-?used"
    r"|(?:\bnot|\bnever|n't|\bno longer)\b.{0,20}\b(?:use|call|need|remove|delete)d?\b"
    r"|(?:\bnot|\bnever|n't|\bno longer)\b.{0,20}\b(?:called|needed)\b|saved.?models?\b"
    r"|\bto-?do\b|\bfix-?me\b|\bxxx\b|\bhack\b|reserved|future|\blater\b|purpose|intention|deliberate"
    r"|deprecat|place-?holder|dummy|\bload|pre-?trained|debug|experiment|kerasfix:\s*ignore",
    re.IGNORECASE,
)
_KEPT_DOCSTRING = re.compile(r"check-?point|compatib|\bun-?used|not used|legacy|place-?holder", re.IGNORECASE)
# Decorators of classes that give a class a name or a docstring, and no method that uses its layers.
_HARMLESS_DECORATORS = ("keras.", "tensorflow.", "typing.", "dataclasses.")
# What gets an instance of a class and does not reach for what the class calls its layers.
_LIBRARIES = ("keras.", "tensorflow.", "numpy.", "builtins.", "logging.", "weakref.")
_NAMING_DECORATOR = re.compile(r"export|register|serializ|docstring", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Making:
    """One statement that makes what an attribute of `self` holds, or adds to it.

    Attributes:
        statement: The statement.
        value: What it makes.
        method: The method that it stands in.
    """

    statement: ast.stmt
    value: ast.expr
    method: Method


@dataclass(frozen=True, eq=False)
class HeldLayer:
    """A layer, or a list of them, that a class makes for one of its attributes.

    Attributes:
        info: The class.
        name: The attribute.
        makings: The statements that make it.
        values: The layers.
    """

    info: ClassInfo
    name: str
    makings: tuple[Making, ...]
    values: tuple[Value, ...] = field(repr=False)

    @property
    def class_name(self) -> str | None:
        """The class of the layer; None if there are several, or it is a list."""
        found = {_class_of(value) for value in self.values if not isinstance(value, Nothing)}
        return found.pop() if len(found) == 1 else None

    @property
    def class_names(self) -> str:
        """The classes, for messages."""
        leaves = [leaf for value in self.values for leaf in flat(value)]
        return " or ".join(dict.fromkeys(name for leaf in leaves if (name := _class_of(leaf))))

    @property
    def line(self) -> int:
        return self.makings[0].statement.lineno


class UnusedLayers:
    """The layers of a project that nobody uses.

    Args:
        flow: Its classes and layers.
        uses: Who uses what.
    """

    def __init__(self, flow: TrainingFlow, uses: Uses) -> None:
        self._flow = flow
        self._layers = flow.layers
        self._uses = uses
        self._found: dict[ClassInfo, tuple[HeldLayer, ...]] = {}
        self._held: dict[ClassInfo, dict[str, HeldLayer]] = {}
        self._unread: dict[ClassInfo, list[HeldLayer]] = {}

    def of(self, info: ClassInfo) -> tuple[HeldLayer, ...]:
        """The layers that a class makes and that nobody uses, in the order of the source."""
        if info not in self._found:
            idle = self._idle(info)
            self._found[info] = tuple(self._find(info, idle)) if idle and self._is_whole(info) else ()
        return self._found[info]

    def uncalled(self, info: ClassInfo) -> tuple[HeldLayer, ...]:
        """The layers that a class makes and that nobody calls; something may say their names yet."""
        idle = self._idle(info)
        if not idle or not self._is_whole(info):
            return ()
        return tuple(
            each for each in idle if not _says_kept(each) and not self._uses.may_call(info, each.name)
        )

    def held(self, info: ClassInfo) -> dict[str, HeldLayer]:
        """All that a class makes for its own attributes and that is a layer for certain, by attribute."""
        if info not in self._held:
            self._held[info] = {each.name: each for each in self._made_in(info, _makings(info))}
        return self._held[info]

    def _idle(self, info: ClassInfo) -> list[HeldLayer]:
        """The layers that a class makes and does not use itself; it may build them."""
        if info not in self._unread:
            self._unread[info] = list(self._made_in(info, _unread(info))) if info.kind is not None else []
        return self._unread[info]

    def _find(self, info: ClassInfo, idle: list[HeldLayer]) -> Iterator[HeldLayer]:
        for layer in idle:
            if not self._is_kept(layer) and not self._uses.may_use(info, layer.name, _given_names(layer)):
                yield layer

    def _is_whole(self, info: ClassInfo) -> bool:
        """Whether all that a class does with its layers is in sight."""
        call = info.find("call")
        if info.kind is None or call is None or names.SEQUENTIAL in info.outside_bases:
            return False
        # Somebody else is to write the rest.
        if any(_is_stub(method) for method in self._flow.reachable(call)):
            return False
        if any(each.is_open or each.builtin_bases for each in info.family):
            return False
        if any(_is_decorated(each) or is_functional(each) for each in info.family):
            return False
        if any(_hands_self_on(method) for each in info.family for method in each.methods.values()):
            return False
        return self._uses.is_in_sight(info)

    def _made_in(self, info: ClassInfo, made: dict[str, list[Making]]) -> Iterator[HeldLayer]:
        attributes = self._layers.attributes(info) if made else {}
        for name, makings in made.items():
            values = attributes[name].values if name in attributes else []
            leaves = [leaf for value in values for leaf in flat(value)]
            if not leaves or not all(is_layer(leaf) for leaf in leaves):
                continue
            if any(isinstance(leaf, BuiltinLayer | UserLayer | Stack) for leaf in leaves) and all(
                self._is_made_here(making.value, making.method.scope) for making in makings
            ):
                yield HeldLayer(info, name, tuple(makings), tuple(values))

    def _is_made_here(self, node: ast.expr, scope: Scope) -> bool:
        """Whether an expression makes new layers, which nothing else holds, without handing `self` on."""
        match node:
            case ast.Constant(value=None):
                return True
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts):
                return all(self._is_made_here(part, scope) for part in parts)
            case ast.ListComp(elt=part) | ast.DictComp(value=part):
                return self._is_made_here(part, scope)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_made_here(body, scope) and self._is_made_here(orelse, scope)
            case ast.Call(func=func):
                return is_layer_class(func, scope, self._layers) and not _hands_over_more(node)
        return False

    def _is_kept(self, layer: HeldLayer) -> bool:
        """Whether something written near a layer says that it is meant to be there, or was called once."""
        nodes = [layer.info.node, *(making.method.node for making in layer.makings)]
        if any(_KEPT_DOCSTRING.search(ast.get_docstring(node) or "") for node in nodes):
            return True
        return _says_kept(layer) or _is_only_said(layer)


def is_layer_class(node: ast.expr, scope: Scope, layers: LayerIndex) -> bool:
    """Whether an expression names a class of layers: one of Keras, or one of the project."""
    info = layers.project.class_named(node, scope)
    if info is not None:
        return info.kind is not None
    dotted = scope.dotted(node)
    return dotted == names.SEQUENTIAL or names.layer_name(dotted) is not None


def _class_of(value: Value) -> str | None:
    return value.class_name if isinstance(value, BuiltinLayer | UserLayer | Stack) else None


def _given_names(layer: HeldLayer) -> frozenset[str]:
    """The `name=` by which `get_layer` finds a layer, or a part of it."""
    return frozenset(
        node.value.value
        for making in layer.makings
        for node in of_kind(making.value, ast.keyword)
        if node.arg == "name" and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def _is_stub(call: Method) -> bool:
    """Whether a method does nothing yet: `pass`, `...`, `raise NotImplementedError`."""
    body = [node for node in call.node.body if not _is_text(node)]
    if any("abstract" in ast.unparse(each) for each in call.node.decorator_list):
        return True
    return not body or isinstance(body[0], ast.Pass | ast.Raise)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_decorated(info: ClassInfo) -> bool:
    """Whether a decorator, or a metaclass, of somebody else may add to a class."""
    for decorator in info.node.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        is_known = (info.scope.dotted(named) or "").startswith(_HARMLESS_DECORATORS)
        if not is_known and not _NAMING_DECORATOR.search(ast.unparse(named)):
            return True
    return any(
        each.arg == "metaclass" and "ABC" not in ast.unparse(each.value) for each in info.node.keywords
    )


def is_functional(info: ClassInfo) -> bool:
    """Whether a class is a functional model: its constructor hands inputs and outputs to Keras."""
    for method in info.methods.values():
        for node in of_kind(method.node, ast.Call):
            match node:
                case ast.Call(func=ast.Attribute(attr="__init__"), args=args, keywords=keywords):
                    given = {each.arg for each in keywords}
                    if "outputs" in given or len(args) > 1:
                        return True
                case ast.Call(func=ast.Attribute(attr="_init_graph_network")):
                    return True
    return False


def _hands_self_on(method: Method) -> bool:
    """Whether a method gives `self` to a function of somebody else, which may use what it likes of it."""
    for node in of_kind(method.node, ast.Call):
        dotted = method.scope.dotted(node.func) or ""
        # `Base.__init__(self)` is a way to say `super`.
        is_own = dotted.rpartition(".")[2] in ("__init__", method.name)
        if "." in dotted and not is_own and not dotted.startswith(_LIBRARIES):
            given = [*node.args, *(each.value for each in node.keywords)]
            if any(isinstance(each, ast.Name) and each.id == method.self_name for each in given):
                return True
    return False


def _hands_over_more(call: ast.Call) -> bool:
    """Whether a constructor gets `self`, or something that is named on the way."""
    return any(
        isinstance(node, ast.NamedExpr) or (isinstance(node, ast.Name) and node.id == "self")
        for argument in (*call.args, *(each.value for each in call.keywords))
        for node in _without_attributes(argument)
    )


def _without_attributes(node: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression but for the owners of attributes: `self.units` hands no `self` on."""
    owners = {each.value for each in walk(node) if isinstance(each, ast.Attribute)}
    return (each for each in walk(node) if each not in owners)


def _makings(info: ClassInfo) -> dict[str, list[Making]]:
    """The statements of a class that give its attributes their values; none for what is set otherwise."""
    found: dict[str, list[Making]] = {}
    seen: set[ast.Attribute] = set()
    for method in info.methods.values():
        for node in own_nodes(method.node.body):
            for attribute, value in _stores(node):
                if _is_of_self(attribute, method):
                    assert isinstance(node, ast.stmt)
                    found.setdefault(attribute.attr, []).append(Making(node, value, method))
                    seen.add(attribute)
    for node in of_kind(info.node, ast.Attribute):
        if node not in seen and not isinstance(node.ctx, ast.Load):
            found.pop(node.attr, None)
    for statement in info.node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.pop(node.id, None)
    return found


def _unread(info: ClassInfo) -> dict[str, list[Making]]:
    """What a class makes and does not read; to build it, or to put something into it, is no read."""
    nodes = of_kind(info.node, ast.Attribute)
    left_out: set[ast.expr] = {
        attribute for node in of_kind(info.node, *_STORING) for attribute, _ in _stores(node)
    }
    left_out |= {node.value for node in nodes if node.attr in HARMLESS}
    read = {node.attr for node in nodes if isinstance(node.ctx, ast.Load) and node not in left_out}
    return {name: found for name, found in _makings(info).items() if name not in read}


_STORING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)


def _stores(node: ast.AST) -> Iterator[tuple[ast.Attribute, ast.expr]]:
    match node:
        case ast.Assign(targets=[ast.Attribute() as target], value=value):
            yield target, value
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            if len(targets) == len(values):
                for each, value in zip(targets, values, strict=True):
                    if isinstance(each, ast.Attribute):
                        yield each, value
        case ast.AnnAssign(target=ast.Attribute() as target, value=ast.expr() as value):
            yield target, value
        case ast.AugAssign(target=ast.Attribute() as target, op=ast.Add(), value=value):
            yield target, value
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Attribute() as target, attr=attr), args=[*_, value])
        ) if attr in GROWS:
            yield target, value
        case ast.Assign(targets=[ast.Subscript(value=ast.Attribute() as target)], value=value):
            yield target, value


def _is_of_self(attribute: ast.Attribute, method: Method) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id == method.self_name


def _says_kept(layer: HeldLayer) -> bool:
    """Whether a comment beside a layer, or one that names it, says that it is meant to be there."""
    source = layer.info.module.source
    said = [text for each in layer.makings for text in comments.beside(source, each.statement)]
    said += comments.naming(source, layer.info.node, layer.name)
    return any(_KEPT.search(text) for text in said)


def _is_only_said(layer: HeldLayer) -> bool:
    """Whether a comment or a text of the class uses the layer: code that was taken out for now."""
    node, source = layer.info.node, layer.info.module.source
    start, end = source.span(node)
    said = re.compile(rf"\bself\s*\.\s*{re.escape(layer.name)}\b(?!\s*=[^=])")
    own = {
        source.span(each)[0]
        for each in of_kind(node, ast.Attribute)
        if each.attr == layer.name and isinstance(each.value, ast.Name)
    }
    return any(match.start() not in own for match in said.finditer(source.text, start, end))
