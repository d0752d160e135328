"""Finding an input that a model accepts: symbolic first, then one real call on the winner.

Every probe takes a fresh instance, because a failed call leaves Keras models half built.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .candidates import Array, Spec, known_spec, specs
from .drive import Driven, call, drive
from .frameworks import Framework, Values
from .load import Refused, one_line
from .steering import steered

_MOST_REAL_CALLS = 10
_MOST_TRIED = 400
# What an error speaks of is tried before most of what was planned, and before what later errors speak of.
_STEP = 0.4
_SAME_MESSAGE = 25


def arrays_for(spec: Spec, seed: int) -> list[Values]:
    """The values of the inputs: standard normal, or integers below `high`. The same for the same seed."""
    random = np.random.RandomState(seed)
    return [_values(item, random) for item in spec.items]


def tensors_for(spec: Spec, framework: Framework, seed: int) -> list[Any]:
    arrays = zip(spec.items, arrays_for(spec, seed))
    return [framework.sparse(array) if item.sparse else framework.tensor(array) for item, array in arrays]


def _values(item: Array, random: np.random.RandomState) -> Values:
    if item.dtype == "bool":
        # Every sample keeps something: what is masked out everywhere has no gradient.
        values = random.rand(*item.shape) < 0.75
        values[..., :1] = True
        return values
    if "int" in item.dtype:
        return random.randint(0, max(1, item.high or 2), size=item.shape).astype(item.dtype)
    return random.normal(size=item.shape).astype(item.dtype)


def arrange(spec: Spec, tensors: list[Any]) -> Any:
    """Tensors in the structure that the model takes; several arguments travel as a tuple."""
    if spec.kind == "one":
        return tensors[0]
    if spec.kind == "list":
        return list(tensors)
    if spec.kind == "dict":
        return {item.name: tensor for item, tensor in zip(spec.items, tensors)}
    return tuple(tensors)


class Prober:
    """Tries candidates on fresh instances until one runs.

    Args:
        fresh: Makes a new instance, wrapped for a spec so that it can be called.
        seconds: Time after which no new candidate is tried.
        unwanted: What is not to be found, because the other version of the model refuses it.
    """

    def __init__(
        self,
        fresh: Callable[[Spec | None], Driven],
        framework: Framework,
        keras: Any,
        seed: int,
        seconds: float,
        unwanted: Sequence[Spec] = (),
    ) -> None:
        self._unwanted = unwanted
        self._fresh = fresh
        self._framework = framework
        self._keras = keras
        self._seed = seed
        self._deadline = time.monotonic() + seconds
        self._errors: dict[str, list[Spec]] = {}

    def find(self, example: Any, hints: list[list[int]], widths: list[int]) -> Spec:
        """The first candidate that runs.

        Args:
            example: An instance to look at; it may be called, too.
            widths: Sizes that the model was constructed with.

        Raises:
            Refused: if none does; says what the most telling candidate raised.
        """
        known = known_spec(example)
        if known and known not in self._unwanted and self._error_of(self._on(example), known) is None:
            return known
        candidates = ([known] if known else []) + specs(example, self._keras, hints, widths)
        queue = [(float(place), place, spec) for place, spec in enumerate(candidates)]
        tried: set[Spec] = set(self._unwanted)
        promising: list[Spec] = []
        added = len(queue)
        while queue and self._has_time() and len(tried) < _MOST_TRIED and not self._is_hopeless():
            cost, _, spec = heapq.heappop(queue)
            if spec in tried:
                continue
            tried.add(spec)
            error = self._error_of(self._symbolic, spec)
            if error is None or len(tried) == len(self._unwanted) + 1:
                # What cannot be traced may run all the same, and says more about what it wants.
                error = self._error_of(self._real, spec)
                if error is None:
                    return spec
            elif "incompatible with the layer" not in error and len(promising) < _MOST_REAL_CALLS:
                # Python control flow on values cannot be traced, and runs all the same.
                promising.append(spec)
            for place, better in enumerate(item for item in steered(spec, error) if item not in tried):
                added += 1
                heapq.heappush(queue, (cost + _STEP * (place + 1), added, better))
        for spec in promising:
            if self._has_time() and self._error_of(self._real, spec) is None:
                return spec
        raise self._refusal(len(tried))

    def _is_hopeless(self) -> bool:
        """Whether one message comes whatever the input is."""
        return any(len(found) >= _SAME_MESSAGE for found in self._errors.values())

    def _has_time(self) -> bool:
        return time.monotonic() < self._deadline

    def _error_of(self, attempt: Callable[[Spec], None], spec: Spec) -> str | None:
        try:
            attempt(spec)
        except (Exception, SystemExit) as error:
            message = one_line(error)
            self._errors.setdefault(message, []).append(spec)
            return message
        return None

    def _symbolic(self, spec: Spec) -> None:
        driven = self._fresh(spec)
        inputs = [
            self._keras.Input(
                shape=item.shape[1:], batch_size=item.shape[0], dtype=item.dtype, sparse=item.sparse
            )
            for item in spec.items
        ]
        call(driven, arrange(spec, inputs))

    def _real(self, spec: Spec) -> None:
        self._call(self._fresh(spec), spec)

    def _on(self, example: Any) -> Callable[[Spec], None]:
        return lambda spec: self._call(drive(self._keras, example, spec), spec)

    def _call(self, driven: Driven, spec: Spec) -> None:
        tensors = tensors_for(spec, self._framework, self._seed)
        outputs = call(driven, arrange(spec, tensors))
        flat = self._keras.tree.flatten(outputs) if hasattr(self._keras, "tree") else _flatten(outputs)
        if not any(self._framework.is_differentiable(item) for item in flat):
            raise ValueError("its output holds no floating-point tensor")

    def _refusal(self, tried: int) -> Refused:
        # The message that most candidates raised tells about the model, the rare ones about the candidate.
        common = max(self._errors.items(), key=lambda item: len(item[1]), default=("", []))
        shapes = " and ".join(str(item.shape) for item in common[1][0].items) if common[1] else ""
        reason = f"none of {tried} input shapes ran"
        if common[0]:
            reason += f"; {shapes} raised {common[0]}"
        return Refused("inputs", reason, ("input = [28, 28, 1]  # the shape of one sample",))


def _flatten(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _flatten(item)]
    return [value]
