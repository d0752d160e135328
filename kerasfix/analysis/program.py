"""All that kerasfix can find out about a project, each analysis made when a rule first asks for it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cached_property

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.created import CreatedLayers
from kerasfix.analysis.effects import Effects
from kerasfix.analysis.frames import Frame, frames_in
from kerasfix.analysis.functional import Functional, makes_model
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.instances import Instances
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.leaks import Leaks
from kerasfix.analysis.loops.evaluation import Evaluations
from kerasfix.analysis.loops.phase_calls import Phases
from kerasfix.analysis.loops.trained import Loops
from kerasfix.analysis.lost import LayerUse
from kerasfix.analysis.project import Project
from kerasfix.analysis.renames import Renames
from kerasfix.analysis.siblings import Siblings
from kerasfix.analysis.sites import NOT_FORWARD
from kerasfix.analysis.tapes import HandTraining
from kerasfix.analysis.threads import NoObjections, Objections, Threads
from kerasfix.analysis.training import TrainingFlow
from kerasfix.analysis.unused import UnusedLayers
from kerasfix.analysis.uses import Uses
from kerasfix.analysis.weights import Weights
from kerasfix.keras import names
from kerasfix.source import Source
from kerasfix.syntax import own_nodes


class Knowledge:
    """What is known of a project as a whole.

    Args:
        project: The modules.
        objections: What files outside of it have against a method of a class taking the flag.
    """

    def __init__(self, project: Project, objections: Objections | None = None) -> None:
        self.project = project
        self._objections = objections or NoObjections()

    @cached_property
    def flow(self) -> TrainingFlow:
        return TrainingFlow(self.project)

    @cached_property
    def leaks(self) -> Leaks:
        return Leaks(self.flow)

    @cached_property
    def threads(self) -> Threads:
        return Threads(self.flow, self._objections)

    @cached_property
    def callers(self) -> Callers:
        return Callers(self.project, self._objections)

    @cached_property
    def instances(self) -> Instances:
        return Instances(self.flow, self.callers)

    @cached_property
    def hand_training(self) -> HandTraining:
        return HandTraining(self.flow, self.instances)

    @cached_property
    def loops(self) -> Loops:
        return Loops(self.flow, self.instances, self.callers)

    @cached_property
    def evaluations(self) -> Evaluations:
        return Evaluations(self.loops)

    @cached_property
    def phases(self) -> Phases:
        return Phases(self.flow, self.instances, self.callers)

    @cached_property
    def renames(self) -> Renames:
        return Renames(self.flow, self.instances, self.callers, self._objections)

    @cached_property
    def unused(self) -> UnusedLayers:
        return UnusedLayers(self.flow, Uses(self.flow.layers, self._objections))

    @cached_property
    def weights(self) -> Weights:
        return Weights(self.flow.layers)

    @cached_property
    def effects(self) -> Effects:
        return Effects(self.flow)

    @cached_property
    def created(self) -> CreatedLayers:
        return CreatedLayers(self.flow.layers, self.threads)

    @cached_property
    def siblings(self) -> Siblings:
        return Siblings(self.unused, self.weights, self.threads)


class Program:
    """One module under analysis, and the project that it is part of.

    Args:
        module: The module.
        knowledge: What is known of its project.

    Raises:
        SourceError: from the analyses, if the text cannot be parsed.
    """

    def __init__(self, module: Module, knowledge: Knowledge) -> None:
        self.module = module
        self._knowledge = knowledge

    @classmethod
    def of(cls, source: Source) -> Program:
        """A single text as a program of its own."""
        project = Project.of(source)
        return cls(project.given[0], Knowledge(project))

    @property
    def source(self) -> Source:
        return self.module.source

    @property
    def flow(self) -> TrainingFlow:
        return self._knowledge.flow

    @property
    def leaks(self) -> Leaks:
        return self._knowledge.leaks

    @property
    def threads(self) -> Threads:
        return self._knowledge.threads

    @property
    def hand_training(self) -> HandTraining:
        return self._knowledge.hand_training

    @property
    def loops(self) -> Loops:
        return self._knowledge.loops

    @property
    def evaluations(self) -> Evaluations:
        return self._knowledge.evaluations

    @property
    def phases(self) -> Phases:
        return self._knowledge.phases

    @property
    def renames(self) -> Renames:
        return self._knowledge.renames

    @property
    def unused(self) -> UnusedLayers:
        return self._knowledge.unused

    @property
    def weights(self) -> Weights:
        return self._knowledge.weights

    @property
    def effects(self) -> Effects:
        return self._knowledge.effects

    @property
    def created(self) -> CreatedLayers:
        return self._knowledge.created

    @property
    def siblings(self) -> Siblings:
        return self._knowledge.siblings

    @cached_property
    def classes(self) -> list[ClassInfo]:
        """The classes of the module that Keras drives, mixins among them."""
        return [info for info in self.module.classes if info.role is not None]

    @cached_property
    def methods(self) -> list[Method]:
        """The methods of these classes that compute something, in the order of the source."""
        return [
            method
            for info in self.classes
            for method in info.methods.values()
            if method.name not in NOT_FORWARD
        ]

    @cached_property
    def frames(self) -> list[Frame]:
        return frames_in(self.module)

    @cached_property
    def functional(self) -> Functional:
        return Functional(self.module, self.frames, self.flow)

    @cached_property
    def layer_uses(self) -> list[LayerUse]:
        """The layer calls of all that computes something or builds a functional model, frame by frame."""
        computing = set(self.methods)
        found = []
        for frame in self.frames:
            if frame.method in computing:
                found.append(LayerUse(frame, self.flow.layers, self.effects))
            elif _may_build(frame) or makes_model(frame):
                found.append(LayerUse(frame, self.flow.layers, self.effects, self.functional))
        return found

    @cached_property
    def layer_calls(self) -> Mapping[tuple[str, str], Sequence[LayerCall]]:
        """The layer calls by their class and by what is called, as it stands in the source."""
        found: dict[tuple[str, str], list[LayerCall]] = {}
        for use in self.layer_uses:
            for step in use.data_flow.steps.values():
                for call in use.calls(step):
                    found.setdefault((use.frame.owner_name, call.text), []).append(call)
        return found


def _may_build(frame: Frame) -> bool:
    """Whether something in a frame is called that was made there, or an `Input` is."""
    return any(
        isinstance(node, ast.Call)
        and (isinstance(node.func, ast.Call) or frame.scope.dotted(node.func) == names.INPUT)
        for node in own_nodes(frame.node.body)
    )
