"""The calls in a class's methods that the training flag can matter to, and how each of them passes it."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.scope import (
    Function,
    Scope,
    comprehension_scope,
    function_scope,
    named_parameters,
)
from kerasfix.analysis.values import BuiltinLayer, Nothing, Stack, UserLayer, Value, is_layer
from kerasfix.keras.layers import fact
from kerasfix.syntax import of_kind, reversed_children, walk

FLAG = "training"
# Methods that prepare or describe a model; a layer called there is called to be built.
NOT_FORWARD = frozenset(
    {
        "__init__",
        "build",
        "build_graph",
        "build_from_config",
        "compile",
        "compute_output_shape",
        "compute_output_spec",
        "from_config",
        "get_config",
        "model",
        "summary",
    }
)
_SEQUENTIAL_PARAMETERS = ("inputs", FLAG, "mask")


class Passed(enum.Enum):
    """How a call hands on the flag. UNCLEAR: `*args` or `**kwargs` may carry it."""

    ABSENT = "absent"
    KEYWORD = "keyword"
    POSITIONAL = "positional"
    UNCLEAR = "unclear"


@dataclass(eq=False)
class Site:
    """A call of a layer, of a helper method or of `super().method`, inside a method.

    Attributes:
        scope: The innermost function scope around it.
        values: What the called expression can be, if it is a layer.
        helpers: The methods that it can call, if it calls one: what subclasses override is another one.
        flag_in_reach: Whether a variable `training` that is a parameter can be read at the call.
        passed: How the flag is handed on.
        value: The expression that is handed on as the flag.
    """

    call: ast.Call
    method: Method
    scope: Scope
    values: list[Value]
    helpers: tuple[Method, ...]
    flag_in_reach: bool
    passed: Passed = Passed.ABSENT
    value: ast.expr | None = None

    @property
    def is_super(self) -> bool:
        """Whether it is a call of `super().method`, which no subclass can override."""
        return isinstance(self.call.func, ast.Attribute) and isinstance(self.call.func.value, ast.Call)

    def helper_in(self, info: ClassInfo) -> Method | None:
        """The helper that is called in an instance of just the class `info`."""
        assert isinstance(self.call.func, ast.Attribute)
        if self.is_super:
            return info.find_above(self.call.func.attr, self.method.owner)
        return info.find(self.call.func.attr)

    @property
    def is_decided(self) -> bool:
        """Whether the call is given a mode that does not come from the flag of the method."""
        return self.value is not None and not any(
            isinstance(node, ast.Name) and node.id == FLAG for node in walk(self.value)
        )

    @property
    def text(self) -> str:
        return ast.unparse(self.call.func)

    @property
    def class_names(self) -> str:
        """The classes of the layers that are called here, for messages."""
        found = dict.fromkeys(
            value.class_name for value in self.values if isinstance(value, BuiltinLayer | UserLayer | Stack)
        )
        return " or ".join(found)


def sites_in(method: Method, layers: LayerIndex) -> Iterator[Site]:
    """The calls in a method, nested functions and lambdas included.

    What is called under an `isinstance` of itself is another thing in each branch, and left out.
    """
    narrowed: frozenset[str] = frozenset()
    if _rebinds_flag(method):
        return
    waiting: list[tuple[ast.AST, Scope, bool, frozenset[str]]] = [
        (statement, method.scope, method.takes(FLAG), narrowed) for statement in method.node.body[::-1]
    ]
    while waiting:
        node, scope, in_reach, narrowed = waiting.pop()
        if isinstance(node, Function | ast.Lambda):
            if _has_own_flag(node):
                # Whoever calls it decides on its flag; who that is, is not followed.
                continue
            scope = function_scope(node, scope)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            scope = comprehension_scope(node, scope)
        elif isinstance(node, ast.ClassDef):
            continue
        elif isinstance(node, ast.If | ast.IfExp):
            narrowed |= set(_narrowed_by(node.test))
        elif isinstance(node, ast.Call) and not (narrowed and ast.unparse(node.func) in narrowed):
            site = _site(node, method, layers, scope, in_reach)
            if site is not None:
                yield site
        waiting.extend((child, scope, in_reach, narrowed) for child in reversed_children(node))


def _rebinds_flag(method: Method) -> bool:
    """Whether `training` is given another value in the method, other than one for None.

    What is called there gets whatever the name stands for at that place, which is not followed.
    """
    resolved = {
        node
        for each in of_kind(method.node, ast.If)
        if ast.unparse(each.test) == f"{FLAG} is None"
        for statement in each.body
        for node in walk(statement)
    }
    return any(
        node.id == FLAG and isinstance(node.ctx, ast.Store) and node not in resolved
        for node in of_kind(method.node, ast.Name)
    )


def _has_own_flag(node: Function | ast.Lambda) -> bool:
    return any(argument.arg == FLAG for argument in named_parameters(node))


def _narrowed_by(test: ast.expr) -> Iterator[str]:
    """The expressions whose type a condition asks for: `isinstance(self.mlp, Dense)`."""
    for node in walk(test):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[asked, _]):
                yield ast.unparse(asked)


def _site(call: ast.Call, method: Method, layers: LayerIndex, scope: Scope, in_reach: bool) -> Site | None:
    helpers = called_methods(call.func, method)
    inherited = [] if helpers else _inherited_call(call.func, method)
    if inherited:
        site = Site(call, method, scope, inherited, (), in_reach)
        positions = {_flag_position(value) for value in inherited}
    elif helpers:
        site = Site(call, method, scope, [], helpers, in_reach)
        positions = {_position(helper.parameters) for helper in helpers}
    else:
        values = layers.values_of(call.func, method, scope)
        if not any(is_layer(value) and not isinstance(value, Nothing) for value in values):
            return None
        site = Site(call, method, scope, values, (), in_reach)
        positions = {_flag_position(value) for value in values if not isinstance(value, Nothing)}
    _see_how_passed(site, positions)
    callees = [*helpers, *(value.info.find("call") for value in site.values if isinstance(value, UserLayer))]
    if site.passed is Passed.ABSENT and any(gives_too_much(call, each) for each in callees if each):
        site.passed = Passed.UNCLEAR
    return site


def gives_too_much(call: ast.Call, method: Method) -> bool:
    """Whether a call gives more than a method has parameters for: the flag, which it is about to take."""
    return method.node.args.vararg is None and len(call.args) > len(method.parameters)


def _inherited_call(func: ast.expr, method: Method) -> list[Value]:
    """The layer of Keras whose `call` is meant by `super().call` in a subclass of it."""
    match func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="call") if (
            not method.owner.is_open
        ):
            facts = [known for name in method.owner.builtin_bases if (known := fact(name)) is not None]
            # Where it is made, its arguments stand; those of `super().__init__` are not looked for.
            return [BuiltinLayer(known, ast.Call(func, [], [])) for known in facts]
    return []


def called_methods(func: ast.expr, method: Method) -> tuple[Method, ...]:
    """The methods of the project that `self.name` or `super().name` can mean."""
    found: list[Method | None] = []
    match func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == method.self_name:
            found = [info.find(name) for info in method.receivers]
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
            found = [info.find_above(name, method.owner) for info in method.receivers]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _see_how_passed(site: Site, positions: set[int | None]) -> None:
    """Fill in `passed` and `value`, given where the callee has its parameter `training`."""
    call = site.call
    for keyword in call.keywords:
        if keyword.arg == FLAG:
            site.passed, site.value = Passed.KEYWORD, keyword.value
            return
    starred = [keyword.value for keyword in call.keywords if keyword.arg is None]
    if site.method.takes(FLAG):
        # What is named in the signature is not among the others.
        starred = [value for value in starred if not site.method.is_own_keywords(value)]
    if starred or any(isinstance(argument, ast.Starred) for argument in call.args):
        site.passed = Passed.UNCLEAR
        return
    position = positions.pop() if len(positions) == 1 else None
    if position is not None and len(call.args) > position:
        site.passed, site.value = Passed.POSITIONAL, call.args[position]
    elif any(isinstance(argument, ast.Name) and argument.id == FLAG for argument in call.args):
        site.passed = Passed.UNCLEAR


def _flag_position(value: Value) -> int | None:
    match value:
        case BuiltinLayer(fact=known):
            return known.training_position
        case UserLayer(info=info):
            call = info.find("call")
            return _position(call.parameters) if call else None
        case Stack():
            return _SEQUENTIAL_PARAMETERS.index(FLAG)
    return None


def call_signatures(value: Value) -> list[tuple[str, ...]]:
    """Names of the positional parameters of what is called, one tuple for each Keras that differs."""
    match value:
        case BuiltinLayer(fact=known):
            found = dict.fromkeys(names for names in (known.keras3, known.keras2) if names is not None)
            return [names[: names.index("*")] if "*" in names else names for names in found]
        case UserLayer(info=info):
            call = info.find("call")
            return [call.parameters] if call else []
        case Stack():
            return [_SEQUENTIAL_PARAMETERS]
    return []


def _position(parameters: tuple[str, ...]) -> int | None:
    return parameters.index(FLAG) if FLAG in parameters else None
