"""Watching a training function from outside: its models' layers, its tapes, its variables."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .frameworks import Framework
from .observe import Recorder
from .train import norm_of
from .walk import Found, layers_of, named_variables


class Watch:
    """Some models while something runs.

    Args:
        models: By what they are called; what two of them share goes by the name of the first.
    """

    def __init__(self, keras: Any, framework: Framework, models: dict[str, Any]) -> None:
        self._framework = framework
        self._layers: list[Found] = []
        self._names: dict[int, str] = {}
        self._variables: dict[str, Any] = {}
        seen: set[int] = set()
        for text, model in models.items():
            own = layers_of(model, keras)
            for found in [Found(text, model, False), *own]:
                if id(found.layer) not in seen:
                    seen.add(id(found.layer))
                    path = text if found.layer is model else f"{text}.{found.path}"
                    self._layers.append(Found(path, found.layer, found.inner))
            for named in named_variables(model, own):
                name = f"{text}.{named.name}" if named.owner else f"{text}/{named.name}"
                self._name(named.variable, name)
        self._recorder = Recorder(framework)
        self._recorder.wrap(self._layers)
        self._stateful = {
            found.path: found.layer
            for found in self._layers
            if self._recorder.kinds.get(found.path) == "state"
        }
        self._gradients: dict[str, Any] = {}
        self._losses: list[float] = []
        self._before: dict[str, Any] = {}
        self._statistics: dict[str, list[Any]] = {}

    def _name(self, variable: Any, name: str) -> None:
        if id(variable) in self._names:
            return
        self._names[id(variable)] = name
        self._variables[name] = variable
        # A gradient may be taken by the variable of TensorFlow that one of Keras 3 holds.
        inner = getattr(variable, "value", None)
        if inner is not None and not callable(inner):
            self._names.setdefault(id(inner), name)

    @contextmanager
    def running(self, phase: str) -> Iterator[None]:
        """Watch what happens inside."""
        self._before = {name: self._framework.numpy(each) for name, each in self._variables.items()}
        self._statistics = self._state()
        self._recorder.phase = phase
        tape: Any = importlib.import_module("tensorflow").GradientTape
        own = tape.gradient

        def gradient(one: Any, target: Any, sources: Any, *others: Any, **named: Any) -> Any:
            result = own(one, target, sources, *others, **named)
            self._took(target, sources, result)
            return result

        tape.gradient = gradient
        try:
            yield
        finally:
            tape.gradient = own
            self._recorder.phase = None

    def _took(self, target: Any, sources: Any, result: Any) -> None:
        nest: Any = importlib.import_module("tensorflow").nest
        for source, found in zip(nest.flatten(sources), nest.flatten(result)):
            name = self._names.get(id(source))
            if name is not None and (found is not None or name not in self._gradients):
                self._gradients[name] = None if found is None else self._framework.numpy(found)
        for each in nest.flatten(target):
            if self._framework.is_array(each):
                self._losses.append(float(np.mean(self._framework.numpy(each))))

    def _state(self) -> dict[str, list[Any]]:
        return {
            path: [self._framework.numpy(each) for each in layer.non_trainable_weights]
            for path, layer in self._stateful.items()
        }

    def observation(self, phase: str) -> dict[str, Any]:
        """What was seen, as JSON."""
        recorder = self._recorder
        state = self._state()
        moved = {
            path: not all(np.array_equal(old, new) for old, new in zip(self._statistics[path], state[path]))
            for path in state
            if phase in recorder.received.get(path, {})
        }
        taken = list(self._gradients)
        there = {name: each for name, each in self._gradients.items() if each is not None}
        classes = {found.path: type(found.layer).__name__ for found in self._layers}
        return {
            "trainable": taken,
            "missing_gradient": [name for name in taken if name not in there],
            "zero_gradient": [name for name, each in there.items() if not np.any(each)],
            "nonfinite_gradient": [name for name, each in there.items() if not np.all(np.isfinite(each))],
            "gradient_norms": {name: norm_of(self._gradients[name]) for name in taken},
            "not_moved": [
                name
                for name in taken
                if np.array_equal(self._before[name], self._framework.numpy(self._variables[name]))
            ],
            "layers": {found.path: classes[found.path] for found in self._layers if not found.inner},
            "sensitive": {
                path: {
                    "class_name": classes[path],
                    "kind": kind,
                    "received": recorder.received.get(path, {}),
                    "statistics_moved": {phase: moved[path]} if path in moved else {},
                    "dropped": recorder.dropped.get(path, {}),
                }
                for path, kind in recorder.kinds.items()
                if path in recorder.received
            },
            "losses": {phase: self._losses},
        }
