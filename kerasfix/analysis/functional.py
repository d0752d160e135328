"""Functional models: which values are made from `keras.Input`, and which calls on them are given a mode.

A value counts as symbolic if every definition that can reach it is made from an Input, a layer call at a
time; a parameter, if some call in the module hands such a value over. So a model that is called with data,
in a script where the names are the same, is told apart.
"""

from __future__ import annotations

import ast
import builtins
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.dataflow import Definition
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.given import given_value, given_values
from kerasfix.analysis.index import Module
from kerasfix.analysis.made import MODELS, Made, is_input, is_model, made_by
from kerasfix.analysis.scope import named_parameters
from kerasfix.analysis.sites import FLAG, NOT_FORWARD
from kerasfix.analysis.training import Dependence, TrainingFlow
from kerasfix.analysis.values import BuiltinLayer, Nothing, Stack, Value, is_layer
from kerasfix.keras import names
from kerasfix.keras.layers import APPLICATIONS, Effect
from kerasfix.syntax import own_nodes, walk

# What is made from a tensor by these is no tensor.
_NO_TENSOR = frozenset(
    {"as_list", "compute_output_shape", "fit", "get_shape", "int_shape", "ndim", "numpy", "predict", "shape"}
)
# What these packages return is data as often as not.
_LIBRARIES = ("keras.", "tensorflow.", "numpy.", "jax.", "torch.")
_KEEPS_ELEMENTS = frozenset({"list", "tuple", "reversed", "sum", "zip"})
_ENDS = frozenset({"input", "inputs", "output", "outputs"})
_CONSTANT = re.compile(rf"\b{FLAG}\s*=\s*(?:True|False)\b")


@dataclass(frozen=True, eq=False)
class FixedMode:
    """A call, on a symbolic tensor, of something that depends on the flag and is given a constant for it.

    Attributes:
        call: The call.
        mode: The constant.
        frame: Where it stands.
        layer: The layer that is called, if it is one of Keras and made in the call itself.
        backbones: The calls that made what is called, if each of them is of `keras.applications`.
        name: What is called, for messages.
    """

    call: ast.Call
    mode: bool
    frame: Frame
    layer: BuiltinLayer | None
    backbones: tuple[Made, ...]
    name: str


class _Trust(enum.Enum):
    """What counts as a symbolic tensor.

    KNOWN: What is made from an Input.
    BUILT: Also a parameter, as soon as a layer is made to be called on it.
    MADE: Also any parameter, and what a function of the project returns.
    """

    KNOWN = enum.auto()
    BUILT = enum.auto()
    MADE = enum.auto()


class Functional:
    """The functional models that a module builds.

    Args:
        module: The module.
        frames: Its frames.
        flow: Who depends on the flag.
    """

    def __init__(self, module: Module, frames: list[Frame], flow: TrainingFlow) -> None:
        self.module = module
        self._frames = frames
        self._flow = flow
        self._symbolic: dict[tuple[Frame, _Trust], set[Definition]] = {}
        self._asked: set[tuple[Frame, str]] = set()

    def fixed_modes(self) -> Iterator[FixedMode]:
        """The calls that a constant is given to, in the order of the source."""
        if not _CONSTANT.search(self.module.source.text):
            return
        for frame in self._frames:
            for node in own_nodes(frame.node.body):
                mode = _constant_flag(node)
                if mode is None or not isinstance(node, ast.Call) or self._runs_in_call(frame):
                    continue
                given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "inputs")]
                if any(self._is_symbolic(argument, frame) for argument in given) and _is_used(node, frame):
                    found = self._fixed(node, mode, frame)
                    if found is not None:
                        yield found

    def _fixed(self, call: ast.Call, mode: bool, frame: Frame) -> FixedMode | None:
        made = made_by(call.func, frame.scope, frame.method)
        text = f"model `{ast.unparse(call.func)}`"
        applications = [each.application for each in made]
        if made and all(applications):
            effects = {APPLICATIONS[each] for each in applications if each is not None}
            return FixedMode(call, mode, frame, None, tuple(made), text) if effects != {Effect.NONE} else None
        values = self._values(call.func, frame)
        if all(is_layer(value) for value in values) and not any(_is_model(value) for value in values):
            found = {self._flow.value_depends(value) for value in values}
            if Dependence.DEPENDS not in found or Dependence.AUGMENTS in found:
                return None
            layer = values[0] if isinstance(call.func, ast.Call) else None
            classes = dict.fromkeys(
                getattr(value, "class_name", "") for value in values if not isinstance(value, Nothing)
            )
            name = " or ".join(classes)
            if layer is None:
                name = f"{name} `{ast.unparse(call.func)}`"
            return FixedMode(call, mode, frame, layer if isinstance(layer, BuiltinLayer) else None, (), name)
        if made and all(self._is_sensitive_model(each, frame) for each in made):
            return FixedMode(call, mode, frame, None, (), text)
        return None

    def _values(self, node: ast.expr, frame: Frame) -> list[Value]:
        if frame.method is not None:
            return self._flow.layers.values_of(node, frame.method, frame.scope)
        return self._flow.layers.values_outside(node, frame.scope)

    def _runs_in_call(self, frame: Frame) -> bool:
        """Whether a method computes what its class does, so that its constants are those of a `call`."""
        if frame.method is None or frame.method.owner.kind is None or frame.method.name in NOT_FORWARD:
            return False
        call = frame.method.owner.find("call")
        return call is not None and frame.method in self._flow.reachable(call)

    # --- Functional models made in sight -----------------------------------------------------------------

    def _is_sensitive_model(self, made: Made, frame: Frame) -> bool:
        """Whether something is a `keras.Model` of tensors, one of whose layers depends on the flag."""
        if made.dotted != names.MODEL:
            return False
        call = made.call
        given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "outputs")]
        seen: set[Definition] = set()
        waiting: list[ast.AST] = list(given)
        while waiting:
            for node in walk(waiting.pop()):
                if isinstance(node, ast.Call):
                    values = self._values(node.func, frame)
                    depends = {self._flow.value_depends(value) for value in values}
                    if Dependence.DEPENDS in depends and Dependence.AUGMENTS not in depends:
                        return True
                elif isinstance(node, ast.Name):
                    new = frame.flow.reaching.get(node, frozenset()) - seen
                    seen |= new
                    waiting += [value for each in new if (value := given_value(each)) is not None]
        return False

    # --- What is symbolic --------------------------------------------------------------------------------

    def is_called_on_tensor(self, call: ast.Call, frame: Frame) -> bool:
        """Whether a call is given a symbolic tensor, or what a function was given to build on.

        A layer that is made to be called once builds on whatever is not data for certain, and so does all in
        a constructor that hands inputs and outputs to Keras; but a test calls a layer to see what it does.
        """
        is_made = isinstance(call.func, ast.Call) and not frame.name.startswith("test")
        is_made |= makes_model(frame)
        live = self._definitions(frame, _Trust.MADE if is_made else _Trust.BUILT)
        given = [*call.args, *(each.value for each in call.keywords)]
        return any(self._is_tensor(argument, frame, live) for argument in given)

    def _is_symbolic(self, node: ast.expr, frame: Frame) -> bool:
        return self._is_tensor(node, frame, self._definitions(frame))

    def _definitions(self, frame: Frame, trust: _Trust = _Trust.KNOWN) -> set[Definition]:
        """The symbolic definitions of a frame: all that could be one, less those that are not after all."""
        if (frame, trust) not in self._symbolic:
            flow = frame.flow
            values = given_values(frame)
            parameters = {each for name, each in flow.parameters.items() if self._gets_tensor(frame, name)}
            if trust is not _Trust.KNOWN:
                parameters |= {each for each in flow.parameters.values() if self._is_built_on(each, frame)}
            live = set(values) | parameters
            asked = values
            if trust is _Trust.MADE and not isinstance(frame.node, ast.Module):
                live |= {each for each in flow.parameters.values() if each.name != frame.self_name}
                asked = {each: value for each, value in values.items() if not _is_from_project(value, frame)}
            while True:
                gone = {
                    each
                    for each, value in asked.items()
                    if each in live and not self._is_tensor(value, frame, live)
                }
                if not gone:
                    break
                live -= gone
            self._symbolic[frame, trust] = live
        return self._symbolic[frame, trust]

    def _is_built_on(self, parameter: Definition, frame: Frame) -> bool:
        """Whether a layer is made only to be called on a parameter: `Conv2D(8, 3)(x)`."""
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Call)
            and names.layer_name(frame.scope.dotted(node.func.func)) is not None
            and any(
                isinstance(each, ast.Name) and parameter in frame.flow.reaching.get(each, ())
                for argument in node.args
                for each in own_nodes([argument])
            )
            for node in own_nodes(frame.node.body)
        )

    def _is_tensor(self, node: ast.expr, frame: Frame, live: set[Definition]) -> bool:
        def again(each: ast.expr) -> bool:
            return self._is_tensor(each, frame, live)

        match node:
            case ast.Name():
                seen = frame.flow.reaching.get(node, frozenset())
                return bool(seen) and seen <= live
            case ast.Call():
                return self._returns_tensor(node, frame, live)
            case ast.BinOp(left=left, right=right):
                return again(left) or again(right)
            case ast.UnaryOp(operand=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
                return again(inner)
            case ast.NamedExpr(value=inner):
                return again(inner)
            case ast.IfExp(body=body, orelse=orelse):
                return again(body) and again(orelse)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Dict(values=elements):
                return any(again(element) for element in elements)
            case ast.ListComp(elt=element, generators=generators):
                # `[layers.Dense(4)(x) for x in features]`
                goes_over = any(again(each.iter) for each in generators)
                return again(element) or (goes_over and isinstance(element, ast.Call | ast.Name | ast.BinOp))
            case ast.Attribute(value=owner, attr=attr) if attr in _ENDS:
                return is_model(owner, frame.scope, frame.method)
            case ast.Attribute():
                return is_input(node, frame.scope, frame.method)
        return False

    def _returns_tensor(self, call: ast.Call, frame: Frame, live: set[Definition]) -> bool:
        """Whether a call is `Input(...)`, or is given a tensor and makes nothing but a tensor from it."""
        dotted = frame.scope.dotted(call.func)
        if dotted == names.INPUT:
            return True
        if dotted in MODELS or names.layer_name(dotted) is not None:
            return False
        match call.func:
            case ast.Name(id=name):
                bindings = frame.scope.lookup(name)
                if any(isinstance(each, ast.ClassDef) for each in bindings):
                    return False
                if not bindings and hasattr(builtins, name) and name not in _KEEPS_ELEMENTS:
                    return False
            case ast.Attribute(attr=name) if name in _NO_TENSOR:
                return False
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        return any(self._is_tensor(argument, frame, live) for argument in given)

    def _gets_tensor(self, frame: Frame, parameter: str) -> bool:
        """Whether a call in the module hands a symbolic tensor to a parameter of a function."""
        if (frame, parameter) in self._asked or isinstance(frame.node, ast.Module):
            return False
        if self._runs_in_call(frame):
            return False
        self._asked.add((frame, parameter))
        positional = [argument.arg for argument in named_parameters(frame.node)]
        if frame.is_method and positional:
            del positional[0]
        for call, place in self._calls.get(frame.node.name, ()):
            if place is frame or not _may_call(call, place, frame):
                continue
            given = dict(zip(positional, call.args, strict=False))
            given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
            if parameter in given and self._is_symbolic(given[parameter], place):
                return True
        return False

    # --- The module --------------------------------------------------------------------------------------

    @cached_property
    def _calls(self) -> dict[str, list[tuple[ast.Call, Frame]]]:
        """The calls of functions and of methods of `self`, by name."""
        found: dict[str, list[tuple[ast.Call, Frame]]] = {}
        for frame in self._frames:
            for node in own_nodes(frame.node.body):
                match node:
                    case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name)):
                        found.setdefault(name, []).append((node, frame))
        return found


def _is_model(value: Value) -> bool:
    """Whether it is a functional model, which is looked into here with what reaches where."""
    return isinstance(value, Stack) and value.class_name == "Model"


def _is_from_project(value: ast.expr, frame: Frame) -> bool:
    """Whether a value comes from something that is no library's.

    `utils.parse_inputs(shape)`, `self.encode(x)`, `backbone.output`, `block(x)`, where `block` was made
    here; what is called on anything else (`dataset.take(1)`) may be data.
    """
    match value:
        case ast.Attribute(attr=name):
            return name in _ENDS
        case ast.Call(func=ast.Name(id=name)) if frame.scope.dotted(value.func) is None:
            return bool(frame.scope.lookup(name))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner))) if owner == frame.self_name:
            return True
        case ast.Call(func=func):
            dotted = frame.scope.dotted(func)
            return dotted is not None and "." in dotted and not dotted.startswith(_LIBRARIES)
    return False


def _constant_flag(node: ast.AST) -> bool | None:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == FLAG and isinstance(keyword.value, ast.Constant):
                return keyword.value.value if isinstance(keyword.value.value, bool) else None
    return None


def makes_model(frame: Frame) -> bool:
    """Whether a constructor makes its object a functional model: `super().__init__(inputs=x, outputs=y)`."""
    return frame.name == "__init__" and any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        and {"inputs", "outputs"} <= {each.arg for each in node.keywords}
        for node in own_nodes(frame.node.body)
    )


def _is_used(call: ast.Call, frame: Frame) -> bool:
    """Whether anything reads what a call returns; a model may be called to be built and no more."""
    flow = frame.flow
    steps = [step for step in flow.steps.values() if any(node is call for node in walk(step.node))]
    step = max(steps, key=lambda step: step.order)
    if isinstance(step.node, ast.Expr):
        return step.node.value is not call
    if isinstance(step.node, ast.Assign) and step.node.value is call and step.definitions:
        return any(
            flow.readers(each) or each.name in flow.captured for each in step.definitions.values()
        ) or len(step.definitions) < len(step.node.targets)
    return True


def _may_call(call: ast.Call, place: Frame, frame: Frame) -> bool:
    """Whether a call by the name of a function is one of this function."""
    match call.func:
        case ast.Name(id=name):
            return place.scope.value(name) is frame.node
        case ast.Attribute(value=ast.Name(id=owner)) if frame.is_method and place.method is not None:
            assert frame.method is not None
            return owner == place.method.self_name and frame.method.owner in place.method.owner.family
    return False
