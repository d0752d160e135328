"""Watching the layers of a model while it runs: which flag they receive, and whether their output is used."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .frameworks import Framework
from .route import Route
from .sensitive import is_identity_at_inference, kind_of
from .walk import Found


class Recorder:
    """What the wrapped layers saw, by phase.

    Attributes:
        phase: The phase that is running; None: nothing is recorded.
        kinds: Path -> kind of every layer that depends on the flag.
        comparable: Paths of the random layers that are the identity in inference mode.
        received: Path -> phase -> distinct values of `training`, in the order of their appearance.
        dropped: Path -> phase -> whether a random layer changed its input.
        called: Paths called in phase "tape".
        outputs: Tensors that came out of layers in phase "tape" ...
        output_paths: ... the layer that each of them came from ...
        output_calls: ... and the number of the call in the route; None if it is not written down.
        route: The way that tensors took from layer to layer in phase "tape".
    """

    def __init__(self, framework: Framework) -> None:
        self.framework = framework
        self.phase: str | None = None
        self.kinds: dict[str, str] = {}
        self.comparable: set[str] = set()
        self.received: dict[str, dict[str, list[bool | None]]] = {}
        self.dropped: dict[str, dict[str, bool]] = {}
        self.called: set[str] = set()
        self.outputs: list[Any] = []
        self.output_paths: list[str] = []
        self.output_calls: list[int | None] = []
        self.route = Route(framework)

    def wrap(self, layers: list[Found]) -> None:
        """Put a watching `call` in front of every layer's own."""
        for found in layers:
            kind = kind_of(found.layer)
            if kind is not None:
                self.kinds[found.path] = kind
            if is_identity_at_inference(found.layer):
                self.comparable.add(found.path)
            if kind is not None or not found.inner:
                # Past __setattr__: Keras must not take the function for a part of the layer.
                found.layer.__dict__["call"] = self._watching(found, found.layer.call)

    def _watching(self, found: Found, call: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(call)

        @functools.wraps(call)
        def watched(*args: Any, **kwargs: Any) -> Any:
            is_step = self.phase == "tape" and not found.inner and self.framework.is_eager()
            number = self.route.enter() if is_step else 0
            outputs = call(*args, **kwargs)
            # While Keras infers shapes, layers run on symbols and with flags of Keras' choosing.
            if self.phase is None or not self.framework.is_eager():
                return outputs
            if found.path in self.kinds:
                self._record_flag(found.path, signature, args, kwargs)
                self._record_effect(found.path, args, kwargs, outputs)
            if is_step:
                self.called.add(found.path)
                first = len(self.outputs)
                fresh = self._follow(found.path, outputs)
                call_number = self.route.leave(number, found.path, (args, kwargs), outputs, fresh)
                self.output_calls += [call_number] * (len(self.outputs) - first)
                return fresh
            return outputs

        return watched

    def _record_flag(
        self, path: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if "training" not in bound.arguments:
            return
        value = bound.arguments["training"]
        try:
            # A flag may be a NumPy or a tensor boolean, or 0 and 1.
            flag = None if value is None else bool(value)
        except Exception:
            # The value of a traced flag is not known yet, whatever the backend calls that error.
            return
        values = self.received.setdefault(path, {}).setdefault(self.phase or "", [])
        if flag not in values:
            values.append(flag)

    def _record_effect(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        if self.kinds[path] != "random":
            return
        first = args[0] if args else next(iter(kwargs.values()), None)
        framework = self.framework
        if first is None or not (framework.is_array(first) and framework.is_array(outputs)):
            return
        if first.shape != outputs.shape or path not in self.comparable:
            return
        phases = self.dropped.setdefault(path, {})
        phase = self.phase or ""

        def compare(before: Any, after: Any) -> None:
            changed = not np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
            phases[phase] = phases.get(phase, False) or changed

        framework.when_known([first, outputs], compare)

    def forget(self, phase: str) -> None:
        """Drop what was seen in a phase."""
        for received in self.received.values():
            received.pop(phase, None)
        for dropped in self.dropped.values():
            dropped.pop(phase, None)

    def _follow(self, path: str, outputs: Any) -> Any:
        """The same outputs as tensors of this layer's own.

        A layer may hand its input through (dropout with rate 0), and then the input's gradient would pass for
        the layer's.
        """
        if self.framework.is_differentiable(outputs):
            fresh = self.framework.distinct(outputs)
            self.outputs.append(fresh)
            self.output_paths.append(path)
            return fresh
        if type(outputs) in (list, tuple):
            return type(outputs)(self._follow(path, item) for item in outputs)
        if type(outputs) is dict:
            return {key: self._follow(path, item) for key, item in outputs.items()}
        return outputs

    def not_reached(
        self, layers: list[Found], gradients: list[Any], used_weights: set[str]
    ) -> tuple[list[str], list[str]]:
        """Paths of the layers whose output does not reach the loss, and of those never called.

        The route learns which of its calls are lost.

        Args:
            gradients: One for each of `outputs`, None where the loss does not depend on it.
            used_weights: Paths of layers with a weight that has a gradient: tied embeddings, for example, are
                used without being called.
        """
        calls = [(call, g) for call, g in zip(self.output_calls, gradients) if call is not None]
        self.route.lose({call for call, _ in calls} - {call for call, g in calls if g is not None})
        reached = used_weights | {path for path, g in zip(self.output_paths, gradients) if g is not None}
        # A layer that gives integers only has no gradient to show: that it was called has to do.
        reached |= self.called - set(self.output_paths)
        # A container need not be called itself if its layers are.
        reached |= {parent for path in reached for parent in _parents(path)}
        lost = [found.path for found in layers if not found.inner and found.path not in reached]
        return lost, [path for path in lost if path not in self.called]


def _parents(path: str) -> list[str]:
    """Prefixes that may be paths of layers: "a.b[0].c" -> "a", "a.b", "a.b[0]"."""
    return [path[: match.start()] for match in re.finditer(r"[.\[]", path)]
