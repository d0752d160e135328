"""Finding an input that a model accepts: symbolic first, then one real call on the winner.

Every probe takes a fresh instance, because a failed call leaves Keras models half built.
"""

from __future__ import annotations

import heapq
import math
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .candidates import Array, Spec, known_spec, specs, with_optional
from .depth import Failure, progress
from .drive import Driven, call, drive
from .frameworks import Framework, Values
from .lightness import TooHeavy
from .load import Refused
from .sizes import shapes_kept
from .steering import steered

_MOST_REAL_CALLS = 10
_MOST_TRIED = 400
# What an error speaks of is tried before most of what was planned, and before what later errors speak of.
_STEP = 0.4
_SAME_MESSAGE = 25
# A plain number in the place of something else comes from the constructor.
_ARGUMENT = re.compile(
    r"root scope name|'(?:int|float|str|bool)' object (?:is not|has no)|non-iterable (?:int|float) object"
)
_SAME_ARGUMENT = 8
_NUMBER = re.compile(r"_\d+\b")
# Once may be the input's fault.
_MOST_HEAVY = 3
# In this part of its time a slow model was tried no more often than that.
_HURRY = 0.4
_SLOW = 6
# What the time allows for if a model is too slow.
_FEW = 20
_ABSENT = re.compile(r"KeyError.*?'(\w+)'")
_NONE = re.compile(r"NoneType|None values not supported|\(None\) with an unsupported type|not None")


def arrays_for(spec: Spec, seed: int) -> list[Values]:
    """The values of the inputs: standard normal, or numbers below `high`. The same for the same seed."""
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
        numbers = random.randint(item.low, max(item.low + 1, item.high or 2), size=item.shape)
        return (np.sort(numbers, axis=0) if item.ordered else numbers).astype(item.dtype)
    if item.high is not None:
        return random.uniform(item.low, item.high, size=item.shape).astype(item.dtype)
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
        words: What an input may be called, if inputs go by their names.
        hurried: Whether to give up early on a model that takes long, because there is a smaller one.
    """

    def __init__(
        self,
        fresh: Callable[[Spec | None], Driven],
        framework: Framework,
        keras: Any,
        seed: int,
        seconds: float,
        unwanted: Sequence[Spec] = (),
        words: Sequence[str] = (),
        hurried: bool = False,
    ) -> None:
        self._hurry_at = time.monotonic() + seconds * _HURRY if hurried else math.inf
        self._words = words
        self._unwanted = unwanted
        self._fresh = fresh
        self._framework = framework
        self._keras = keras
        self._seed = seed
        self._deadline = time.monotonic() + seconds
        self._errors: dict[str, list[Spec]] = {}
        self._nearest: tuple[Failure, Spec] | None = None
        self._heavy = 0
        #: Whether the arguments make the model too heavy to look for its input.
        self.is_heavy = False
        #: How long the last attempt took, with making the instance.
        self.took = 0.0

    def find(self, example: Any, hints: list[list[int]], widths: list[int]) -> Spec:
        """The first candidate that runs.

        Args:
            example: An instance to look at; it may be called, too.
            widths: Sizes that the model was constructed with.

        Raises:
            Refused: if none does; says what the candidate raised that came farthest.
        """
        known = known_spec(example)
        if known and known not in self._unwanted and self._failure_of(self._on(example), known) is None:
            return known
        hints = [*shapes_kept(example), *hints]
        candidates = ([known] if known else []) + specs(example, self._keras, hints, widths)
        nothing: Failure | None = None
        queue = [(float(place), place, spec, nothing) for place, spec in enumerate(candidates)]
        tried: set[Spec] = set(self._unwanted)
        promising: list[Spec] = []
        added = len(queue)
        while queue and self._has_time(len(tried)) and len(tried) < _MOST_TRIED and not self._is_hopeless():
            cost, _, spec, before = heapq.heappop(queue)
            if spec in tried:
                continue
            tried.add(spec)
            failure = self._failure_of(self._symbolic, spec)
            if failure is None or len(tried) == len(self._unwanted) + 1:
                # What cannot be traced may run all the same, and says more about what it wants.
                failure = self._failure_of(self._real, spec)
                if failure is None:
                    return spec
            elif "incompatible with the layer" not in failure.message and len(promising) < _MOST_REAL_CALLS:
                # Python control flow on values cannot be traced, and runs all the same.
                promising.append(spec)
            cost += progress(before, failure)
            better = [*self._completed(example, spec, failure), *steered(spec, failure.message, self._words)]
            for place, item in enumerate((item for item in better if item not in tried), 1):
                added += 1
                heapq.heappush(queue, (cost + _STEP * place, added, item, failure))
        self.is_heavy = self._heavy >= _MOST_HEAVY or (bool(queue) and len(tried) < _FEW)
        for spec in promising:
            if self._has_time() and self._failure_of(self._real, spec) is None:
                return spec
        raise self._refusal(len(tried))

    def takes(self, spec: Spec) -> bool:
        """Whether one candidate runs that is said to be right."""
        return spec not in self._unwanted and self._failure_of(self._real, spec) is None

    @property
    def nearest(self) -> Failure | None:
        """What the candidate raised that came farthest."""
        return self._nearest[0] if self._nearest else None

    def _completed(self, example: Any, spec: Spec, failure: Failure) -> list[Spec]:
        """What a `None` stopped, or a name that is not there, may want the tensors that it was let out of."""
        if match := _ABSENT.search(failure.message):
            return list(with_optional(example, spec, match.group(1)))
        return list(with_optional(example, spec)) if _NONE.search(failure.message) else []

    def _is_hopeless(self) -> bool:
        """Whether one message comes whatever the input is."""
        return self._heavy >= _MOST_HEAVY or any(
            len(found) >= (_SAME_ARGUMENT if _ARGUMENT.search(message) else _SAME_MESSAGE)
            for message, found in self._errors.items()
        )

    def _has_time(self, tried: int = _MOST_TRIED) -> bool:
        now = time.monotonic()
        return now < self._deadline and (now < self._hurry_at or tried > _SLOW)

    def _failure_of(self, attempt: Callable[[Spec], None], spec: Spec) -> Failure | None:
        started = time.monotonic()
        try:
            attempt(spec)
        except (Exception, SystemExit) as error:
            self._heavy += isinstance(error, TooHeavy)
            failure = Failure.of(error)
            message = failure.message
            # The names of layers are numbered.
            same = _NUMBER.sub("", message) if _ARGUMENT.search(message) else message
            self._errors.setdefault(same, []).append(spec)
            if self._nearest is None or failure.depth > self._nearest[0].depth:
                self._nearest = failure, spec
            return failure
        finally:
            self.took = time.monotonic() - started
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
        reason = f"none of {tried} input shapes ran"
        if self._nearest is not None:
            failure, spec = self._nearest
            shapes = " and ".join(str(item.shape) for item in spec.items)
            reason += f"; {shapes} came farthest and raised {failure.message}"
        return Refused("inputs", reason, ("input = [28, 28, 1]  # the shape of one sample",))


def _flatten(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _flatten(item)]
    return [value]
