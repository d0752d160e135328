"""What the functions of a module do with the gradient of what they are given."""

from __future__ import annotations

import ast
from functools import cached_property

from kerasfix.analysis.blockers import blocker_named
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.gradient_paths import GradientPaths
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.onward import Reach, Steps
from kerasfix.analysis.program import Program
from kerasfix.analysis.scope import Function, function_scope, named_parameters
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.values import BuiltinLayer, UserLayer, Value
from kerasfix.syntax import own_nodes, parents_in

_MOST_FUNCTIONS = 4


class Insides:
    """What the functions of one module do with the gradient of what they are given.

    Args:
        program: The module.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._uses = {use.frame: use for use in program.layer_uses}
        self._frames = {frame.node: frame for frame in program.frames}
        self._calls: dict[Frame, dict[ast.Call, LayerCall]] = {}
        self._paths: dict[Frame, GradientPaths] = {}
        self._known: dict[tuple[Frame, str], Reach] = {}
        self._lambdas: dict[ast.Lambda, Frame] = {}
        self._named: dict[ast.expr, Reach] = {}
        self._parents: dict[Frame, dict[ast.AST, ast.AST]] = {}
        self._depth = 0

    def layer_calls(self, frame: Frame) -> dict[ast.Call, LayerCall]:
        """The calls in a frame of what is a layer for certain."""
        if frame not in self._calls:
            use = self._uses.get(frame)
            steps = () if use is None else use.data_flow.steps.values()
            self._calls[frame] = {
                call.node: call for step in steps for call in (use.calls(step) if use is not None else ())
            }
        return self._calls[frame]

    def parents(self, frame: Frame) -> dict[ast.AST, ast.AST]:
        """What each node of a frame is a part of."""
        if frame not in self._parents:
            self._parents[frame] = parents_in(frame.node)
        return self._parents[frame]

    def paths(
        self, frame: Frame, ends: frozenset[ast.AST] = frozenset(), *, nowhere_else: bool = False
    ) -> GradientPaths:
        """The ways through a frame, to its end or to other ends."""

        def inside(call: ast.Call, argument: ast.expr) -> Reach | None:
            return self._of_argument(call, argument, frame)

        parents = self.parents(frame)
        if ends:
            steps = Steps(frame, parents, self.layer_calls(frame), inside, ends, nowhere_else=nowhere_else)
            return GradientPaths(steps)
        if frame not in self._paths:
            self._paths[frame] = GradientPaths(Steps(frame, parents, self.layer_calls(frame), inside))
        return self._paths[frame]

    def of_function(self, function: Function, name: str) -> Reach | None:
        """What a function does with a parameter; None if that cannot be seen."""
        frame = self._frames.get(function)
        if frame is None or function.decorator_list or self._depth > _MOST_FUNCTIONS:
            return None
        if (frame, name) not in self._known:
            self._known[frame, name] = Reach(escapes=True)  # one that calls itself
            self._depth += 1
            self._known[frame, name] = self.paths(frame).of_parameter(name)
            self._depth -= 1
        return self._known[frame, name]

    def _of_argument(self, call: ast.Call, argument: ast.expr, frame: Frame) -> Reach | None:
        layer = self.layer_calls(frame).get(call)
        if layer is not None:
            return self._of_layer(layer, call, argument, frame)
        is_bound = False
        functions: list[Function] = []
        if frame.method is not None:
            helpers = called_methods(call.func, frame.method)
            functions = [helper.node for helper in helpers]
            is_bound = bool(helpers)
        if not functions:
            found = self._program.module.project.function_named(call.func, frame.scope)
            functions = [found[0]] if found is not None else []
        if len(functions) != 1:
            return None
        return self._bound(functions[0], call, argument, is_bound=is_bound)

    def _of_layer(self, layer: LayerCall, call: ast.Call, argument: ast.expr, frame: Frame) -> Reach | None:
        functions = [self._of_lambda(each) for each in layer.values if is_lambda(each)]
        if functions:
            return functions[0] if len(layer.values) == 1 else Reach(escapes=True)
        if self._uses[frame].has_effect(layer):
            return Reach(escapes=True)
        infos = [each.info for each in layer.values if isinstance(each, UserLayer)]
        method = infos[0].find("call") if len(infos) == len(layer.values) == 1 else None
        if method is None:
            return None
        return self._bound(method.node, call, argument, is_bound=True)

    def _of_lambda(self, value: Value) -> Reach:
        """What the function of a Lambda layer does with the tensor that it is called on."""
        made = value.call if isinstance(value, BuiltinLayer) else None
        place = self._places.get(made) if made is not None else None
        if made is None or place is None:
            return Reach(escapes=True)
        given = [*made.args[:1], *(each.value for each in made.keywords if each.arg == "function")]
        match given:
            case [ast.Lambda(args=ast.arguments(args=[ast.arg(arg=name)])) as function]:
                frame = self._frame_of_lambda(function, place)
                return self.paths(frame).of_parameter(name)
            case [ast.Name() | ast.Attribute() as function]:
                return self._of_named(function, place)
        return Reach(escapes=True)

    def _of_named(self, function: ast.expr, place: Frame) -> Reach:
        found = self._program.module.project.function_named(function, place.scope)
        if found is not None and found[0].args.args:
            return self.of_function(found[0], found[0].args.args[0].arg) or Reach(escapes=True)
        if function not in self._named:
            blocker = blocker_named(function, place.scope)
            self._named[function] = Reach(escapes=blocker is None, blocked=blocker, arrives=True)
        return self._named[function]

    def _frame_of_lambda(self, function: ast.Lambda, place: Frame) -> Frame:
        """The function that a lambda is, as if it were written with `def`."""
        if function not in self._lambdas:
            body: list[ast.stmt] = [ast.Return(function.body)]
            node = ast.FunctionDef(name="lambda", args=function.args, body=body, decorator_list=[])
            scope = function_scope(function, place.scope)
            self._lambdas[function] = Frame(node, place.module, scope, place.method)
        return self._lambdas[function]

    @cached_property
    def _places(self) -> dict[ast.Call, Frame]:
        """Where each Lambda layer is made."""
        return {
            node: frame
            for frame in self._program.frames
            for node in own_nodes(frame.node.body)
            if isinstance(node, ast.Call) and frame.scope.dotted(node.func) == "keras.layers.Lambda"
        }

    def _bound(
        self, function: Function, call: ast.Call, argument: ast.expr, *, is_bound: bool
    ) -> Reach | None:
        """What a function does with the parameter that an argument is given to."""
        names = [each.arg for each in named_parameters(function)][int(is_bound) :]
        if any(isinstance(each, ast.Starred) for each in call.args):
            return None
        for name, value in zip(names, call.args, strict=False):
            if value is argument:
                return self.of_function(function, name)
        for keyword in call.keywords:
            if keyword.value is argument and keyword.arg in names:
                return self.of_function(function, keyword.arg)
        return None


def is_lambda(value: Value) -> bool:
    """Whether a value is a Lambda layer, which does what its function does."""
    return isinstance(value, BuiltinLayer) and value.class_name == "Lambda"
