"""What a setting of the learning phase governs: the bare calls of models, and what may be one."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from functools import cached_property

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call
from kerasfix.analysis.frames import Frame, frames_in
from kerasfix.analysis.functional import Functional
from kerasfix.analysis.index import Module
from kerasfix.analysis.instances import Instances
from kerasfix.analysis.loops.need import passes_by_position
from kerasfix.analysis.loops.phase_flow import OUTSIDE, Body, PhaseFlow, State
from kerasfix.analysis.loops.phases import WORDS, PhaseUse, phase_uses
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import IN_PROJECT, Imported, is_in_project
from kerasfix.analysis.sites import FLAG, NOT_FORWARD
from kerasfix.analysis.tapes import opens_tape, place_of
from kerasfix.analysis.training import Dependence, TrainingFlow, is_true
from kerasfix.analysis.values import UserLayer, Value, is_layer
from kerasfix.keras import names
from kerasfix.syntax import parents_in

_MAKERS = frozenset({names.MODEL, "keras.models.load_model"})
_SETS = "set_learning_phase"
_SCOPE = "learning_phase_scope"
_READS = frozenset({"learning_phase", "symbolic_learning_phase", "in_train_phase", "in_test_phase"})
# Keras gives the flag in these itself, or runs no layer.
_DRIVEN = frozenset(
    {
        *("compile", "evaluate", "fit", "fit_generator", "evaluate_generator", "predict_generator"),
        *("get_layer", "get_weights", "load_weights", "predict", "predict_on_batch", "predict_step"),
        *("save", "save_weights", "set_weights", "summary", "test_on_batch", "to_json", "train_on_batch"),
    }
)
# What these packages make is no model, unless it says so (`keras.models.load_model`).
_NO_MODELS = frozenset(
    {"keras", "tensorflow", "numpy", "pandas", "matplotlib", "sklearn", "scipy", "tqdm", "PIL", "cv2"}
)
# Words of programs that build a graph of TensorFlow 1, into which Keras 2 writes the phase.
_GRAPH = frozenset(
    {
        *("get_session", "set_session", "Session", "InteractiveSession", "placeholder"),
        *("disable_eager_execution", "disable_v2_behavior"),
    }
)


@dataclass(slots=True)
class Region:
    """What one setting governs.

    Attributes:
        sure: Calls of layers and models that depend on the flag and run in the mode that it sets, always.
        likely: Those that run in it, or in one that is not known.
        partly: Those that run in it at some times and in another at others, or may have been meant to.
        is_explicit: Whether a call that runs while it is set says its mode itself.
        doubts: What else may rely on it, each as the end of "..., because".
    """

    sure: list[Call] = field(default_factory=list)
    likely: list[Call] = field(default_factory=list)
    partly: list[Call] = field(default_factory=list)
    is_explicit: bool = False
    doubts: list[str] = field(default_factory=list)


class Phases:
    """The learning phase in a project.

    Args:
        flow: The layers and classes of the project.
        instances: What its calls call.
        callers: Who calls its functions.
    """

    def __init__(self, flow: TrainingFlow, instances: Instances, callers: Callers) -> None:
        self._flow = flow
        self._instances = instances
        self._callers = callers
        self._project: Project = flow.project
        self._uses: dict[Module, list[PhaseUse]] = {}
        self._functional: dict[Module, tuple[Functional, dict[Body, Frame]]] = {}
        self._parents: dict[Module, dict[ast.AST, ast.AST]] = {}

    def uses(self, module: Module) -> list[PhaseUse]:
        """The uses of the names in a module, in the order of the source."""
        if module not in self._uses:
            speaks = not WORDS.isdisjoint(module.words)
            self._uses[module] = phase_uses(module, self._callers.calls(module)) if speaks else []
        return self._uses[module]

    def settings(self, module: Module) -> list[PhaseUse]:
        """The calls of `set_learning_phase`."""
        return [use for use in self.uses(module) if use.word == _SETS and isinstance(use.node, ast.Call)]

    def region(self, setting: PhaseUse) -> Region:
        return self._regions[setting]

    @cached_property
    def _all_settings(self) -> dict[ast.Call, PhaseUse]:
        return {
            use.node: use
            for module in self._project.given
            for use in self.uses(module)
            if use.word in (_SETS, _SCOPE) and isinstance(use.node, ast.Call)
        }

    @cached_property
    def _phase_flow(self) -> PhaseFlow:
        modules = dict.fromkeys(use.spot.module for use in self._all_settings.values())
        while True:
            found = PhaseFlow(self._project, self._callers, self._all_settings, modules)
            # Whoever calls a function that leaves a setting behind goes on with it.
            leaving = [
                (body, home)
                for body, home in found.bodies
                if not isinstance(body, ast.Module) and found.leaves(body)
            ]
            calls = [call for body, home in leaving for call in self._callers.of(body, home) or ()]
            new = {call.spot.module: None for call in calls if call.spot.module not in modules}
            if not new:
                return found
            modules |= new

    @cached_property
    def _regions(self) -> dict[PhaseUse, Region]:
        regions = {setting: Region() for setting in self._all_settings.values()}
        for body, module in self._phase_flow.bodies:
            self._see_exit(body, module, regions)
            for call, state in self._phase_flow.calls(body):
                self._see(call, state, regions)
        for setting, region in regions.items():
            region.doubts += self._general_doubts(setting)
        return regions

    # --- One call ----------------------------------------------------------------------------------------

    def _see(self, call: Call, state: State, regions: dict[PhaseUse, Region]) -> None:
        settings = [setting for setting in state if setting is not None]
        if not settings:
            self._see_outside(call, regions)
            return
        if call.node in self._all_settings:
            return
        if self._has_mode(call):
            for setting in settings:
                regions[setting].is_explicit |= _says_mode(call)
            return
        modes = {setting.value for setting in settings}
        if modes == {False}:
            self._see_made(call, settings, regions)
        values = self._instances.values_at(call.node.func, call.spot)
        if self._is_model(values) and not self._builds(call):
            if not self._matters(values, modes) or _passes_by_position(call.node, values):
                return
            doubt = self._doubt(call, state, values)
            for setting in settings if doubt is not None else ():
                if doubt:
                    found = regions[setting].likely if modes == {True} else regions[setting].partly
                    found.append(call)
                    regions[setting].doubts.append(f"{_named(call, setting)} {doubt}")
                else:
                    regions[setting].sure.append(call)
        elif modes != {False} and self._may_be_model(call, values):
            for setting in (each for each in settings if each.value is not False):
                regions[setting].doubts.append(f"{_named(call, setting)} may run a model that relies on it")

    def _see_made(self, call: Call, settings: list[PhaseUse], regions: dict[PhaseUse, Region]) -> None:
        """A model that is made while the phase is off, where it is on at other times."""
        dotted = call.spot.scope.dotted(call.node.func)
        if dotted in _MAKERS or names.application_name(dotted) is not None:
            for setting in settings:
                if any(other.value for other in self.settings(setting.spot.module)):
                    regions[setting].doubts.append(
                        f"{_named(call, setting)} makes a model, and Keras on TensorFlow 1 kept the mode that"
                        " a model was made in"
                    )

    def _doubt(self, call: Call, state: State, values: list[Value]) -> str | None:
        """What is not certain about the mode of a model call; None if it is the one that it has by itself."""
        modes = {setting.value for setting in state if setting is not None}
        if modes == {False} and self._is_in_tape(call):
            return "is trained, and ran in inference mode for it"
        if OUTSIDE not in state and len(modes) == 1:
            return ""
        if modes == {False} and not any(self._trains_by_itself(value) for value in values):
            return None
        return "may run before it is set, too" if len(modes) == 1 else "runs in another mode at other times"

    def _trains_by_itself(self, value: Value) -> bool:
        """Whether a bare call trains where no phase was ever set."""
        call = value.info.find("call") if isinstance(value, UserLayer) else None
        default = call is not None and is_true(call.default(FLAG))
        return default or self._flow.value_depends(value) is Dependence.AUGMENTS

    def _is_in_tape(self, call: Call) -> bool:
        module = call.spot.module
        if module not in self._parents:
            self._parents[module] = parents_in(module.source.tree)
        node: ast.AST | None = call.node
        while node is not None and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if isinstance(node, ast.With) and opens_tape(node, call.spot.scope):
                return True
            node = self._parents[module].get(node)
        return False

    def _see_outside(self, call: Call, regions: dict[PhaseUse, Region]) -> None:
        """A bare call in a function that something runs which is not in sight."""
        on = [setting for setting in regions if setting.value is not False]
        function = call.spot.function
        if not on or function is None or self._has_mode(call):
            return
        values = self._instances.values_at(call.node.func, call.spot)
        if self._is_model(values) and self._matters(values, {True}) and not self._builds(call):
            for setting in on:
                regions[setting].doubts.append(
                    f"{_named(call, setting)} may run while it is set: not all that calls `{function.name}`"
                    " is in sight"
                )

    def _has_mode(self, call: Call) -> bool:
        """Whether a call is told its mode, by itself or by the `call` around it."""
        if _says_mode(call):
            return True
        method = call.spot.method
        if method is None or method.owner.role is None:
            return False
        if method.name in NOT_FORWARD:
            # What is called there is called to be built.
            return True
        forward = method.owner.find("call")
        return forward is not None and method in self._flow.reachable(forward)

    def _is_model(self, values: list[Value]) -> bool:
        """Whether something is a layer or a model for certain that depends on the flag."""
        found = {self._flow.value_depends(value) for value in values}
        return bool(found & {Dependence.DEPENDS, Dependence.AUGMENTS}) and all(map(is_layer, values))

    def _matters(self, values: list[Value], modes: set[bool | None]) -> bool:
        """Whether a setting changes what a bare call does; an augmentation layer trains by itself."""
        if modes == {True}:
            return any(self._flow.value_depends(value) is Dependence.DEPENDS for value in values)
        return True

    def _builds(self, call: Call) -> bool:
        """Whether a call builds a functional model: what runs there later is told by who runs the model."""
        module = call.spot.module
        if module not in self._functional:
            frames = frames_in(module)
            by_body = {frame.node: frame for frame in frames}
            self._functional[module] = Functional(module, frames, self._flow), by_body
        functional, known = self._functional[module]
        frame = known.get(call.spot.function or module.source.tree)
        return frame is not None and functional.is_called_on_tensor(call.node, frame)

    def _may_be_model(self, call: Call, values: list[Value]) -> bool:
        func = call.node.func
        if isinstance(func, ast.Attribute) and func.attr in _DRIVEN:
            return False
        if self._phase_flow.callee(call.node) is not None:
            return False
        if self._builds(call):
            return False
        dotted = call.spot.scope.dotted(func)
        if dotted is not None and not is_in_project(dotted):
            # Another package: it may run a model that it is given.
            return _is_foreign(dotted) and any(
                self._is_model(self._instances.values_at(argument, call.spot))
                for argument in (*call.node.args, *(each.value for each in call.node.keywords))
                if isinstance(argument, ast.Name | ast.Attribute)
            )
        if isinstance(func, ast.Attribute) and not self._instances.values_at(func.value, call.spot):
            return self._comes_from_elsewhere(func.value, call)
        if values and all(self._flow.value_depends(each) is Dependence.INDEPENDENT for each in values):
            return False
        return bool(values) or self._comes_from_elsewhere(func, call)

    def _comes_from_elsewhere(self, node: ast.expr, call: Call) -> bool:
        """Whether a variable holds what another package made."""
        if not isinstance(node, ast.Name):
            return False
        made = [each.func for each in call.spot.scope.lookup(node.id) if isinstance(each, ast.Call)]
        makers = [call.spot.scope.dotted(each) for each in made]
        return any(maker is not None and _is_foreign(maker) for maker in makers)

    # --- What is around ----------------------------------------------------------------------------------

    def _see_exit(self, body: Body, module: Module, regions: dict[PhaseUse, Region]) -> None:
        """What stays on when a body ends governs what runs then."""
        on = [each for each in self._phase_flow.leaves(body) if each.value is not False]
        if not on or not self._phase_flow.is_entered_from_outside(body):
            return
        if isinstance(body, ast.Module):
            name = next((each for each in self._project.given if self._imports(each, module)), None)
            for setting in on if name is not None else ():
                regions[setting].doubts.append("it stays set in the modules that import this one")
        else:
            for setting in on:
                regions[setting].doubts.append(
                    f"it stays set when `{body.name}` is left, and not all that calls that is in sight"
                )

    def _imports(self, module: Module, other: Module) -> bool:
        if module is other:
            return False
        start = f"{IN_PROJECT}{other.file}|"
        return any(
            isinstance(binding, Imported) and module.resolve(binding.dotted).startswith(start)
            for bindings in module.scope.bindings.values()
            for binding in bindings
        )

    def _general_doubts(self, setting: PhaseUse) -> list[str]:
        module = setting.spot.module
        found = []
        if _GRAPH & module.words:
            found.append("this may build a graph of TensorFlow 1, which keeps the mode that it is built in")
        function = setting.spot.function
        if function is not None and self._phase_flow.is_entered_from_outside(function):
            for other in self._all_settings.values():
                if other.spot.module is not module and other.value is not False:
                    place = place_of(other.node, other.spot.module, module)
                    found.append(f"`{other.text}` in {place} may be in force before it")
                    break
        if setting.value is not False:
            for each in self._project.given:
                reads = [use for use in self.uses(each) if use.word in _READS]
                if reads:
                    place = place_of(reads[0].node, each, module)
                    found.append(f"`{ast.unparse(reads[0].func)}` asks for it in {place}")
                    break
        return found


def _says_mode(call: Call) -> bool:
    return call.keyword(FLAG) is not None


def _passes_by_position(call: ast.Call, values: list[Value]) -> bool:
    """Whether the flag is among the positional arguments of a call, or may be."""
    if any(isinstance(each, ast.Starred) for each in call.args):
        return True
    if any(keyword.arg is None for keyword in call.keywords):
        return True
    return passes_by_position(call, values)


def _is_foreign(dotted: str) -> bool:
    first = dotted.partition(".")[0]
    return first not in _NO_MODELS and first not in sys.stdlib_module_names


def _named(call: Call, setting: PhaseUse) -> str:
    place = place_of(call.node, call.spot.module, setting.spot.module)
    return f"`{_short(call.node)}` in {place}"


def _short(node: ast.Call) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{ast.unparse(node.func)}(...)"
