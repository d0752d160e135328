"""What the functions of a module do with the gradient of what they are given."""

from __future__ import annotations

import ast

from kerasfix.analysis.frames import Frame
from kerasfix.analysis.gradient_paths import GradientPaths, Reach
from kerasfix.analysis.lost import LayerCall
from kerasfix.analysis.program import Program
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.values import UserLayer

_MOST_FUNCTIONS = 4


class Insides:
    """What the functions of one module do with the gradient of what they are given.

    Args:
        program: The module.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._uses = {use.frame: use for use in program.layer_uses if not use.builds}
        self._frames = {frame.node: frame for frame in program.frames}
        self._calls: dict[Frame, dict[ast.Call, LayerCall]] = {}
        self._paths: dict[Frame, GradientPaths] = {}
        self._known: dict[tuple[Frame, str], Reach] = {}
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

    def paths(self, frame: Frame, ends: frozenset[ast.AST] = frozenset()) -> GradientPaths:
        """The ways through a frame."""

        def inside(call: ast.Call, argument: ast.expr) -> Reach | None:
            return self._of_argument(call, argument, frame)

        if ends:
            return GradientPaths(frame, self.layer_calls(frame), inside, ends)
        if frame not in self._paths:
            self._paths[frame] = GradientPaths(frame, self.layer_calls(frame), inside)
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
        if self._uses[frame].has_effect(layer):
            return Reach(escapes=True)
        infos = [each.info for each in layer.values if isinstance(each, UserLayer)]
        method = infos[0].find("call") if len(infos) == len(layer.values) == 1 else None
        if method is None:
            return None
        return self._bound(method.node, call, argument, is_bound=True)

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
