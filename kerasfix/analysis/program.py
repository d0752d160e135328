"""All that kerasfix can find out about one module, each analysis made when a rule first asks for it."""

from __future__ import annotations

from functools import cached_property

from kerasfix.analysis.dataflow import DataFlow
from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.lost import LayerUse
from kerasfix.analysis.tapes import HandTraining
from kerasfix.analysis.threads import Objections, Threads
from kerasfix.analysis.training import TrainingFlow
from kerasfix.source import Source


class Program:
    """One source text under analysis.

    Args:
        source: The text.
        objections: What other files have against a method of a class here taking the flag.

    Raises:
        SourceError: from the analyses, if the text cannot be parsed.
    """

    def __init__(self, source: Source, objections: Objections | None = None) -> None:
        self.source = source
        self._objections = objections or (lambda _class_name, _method: ())
        self._layer_uses: dict[Method, LayerUse] = {}

    @cached_property
    def module(self) -> Module:
        return Module(self.source)

    @cached_property
    def flow(self) -> TrainingFlow:
        return TrainingFlow(self.module)

    @cached_property
    def threads(self) -> Threads:
        return Threads(self.flow, self._objections)

    @cached_property
    def hand_training(self) -> HandTraining:
        return HandTraining(self.flow)

    def forward_methods(self) -> list[Method]:
        """The methods that compute something, of every class that Keras drives."""
        return list(self.flow.sites)

    def layer_use(self, method: Method) -> LayerUse:
        """The layer calls of a method, and which of their outputs are lost."""
        if method not in self._layer_uses:
            self._layer_uses[method] = LayerUse(method, DataFlow(method.node), self.flow.layers)
        return self._layer_uses[method]
