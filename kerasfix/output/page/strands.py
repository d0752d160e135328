"""The way through a model's layers as strands: rows of layer calls, each of which reads the one before it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kerasfix.verify.report import LayerCall, Observation, layer_of

_INPUT = -1
# A recurrent model may call a layer for every step of a sequence.
MOST_CALLS = 400
#: Shades of a gradient: within a factor of 10 of the largest of the model, of 100, and so on.
SHADES = 5


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of one layer.

    Attributes:
        state: "missing", "zero", "nonfinite", "there"; "none" for a layer without variables to train;
            "unknown" if no gradients were taken.
        norm: Over all of its variables, None if it is not known.
        shade: From 0, the smallest, to `SHADES` - 1; 0 where there is none.
        text: The same for people.
    """

    state: str
    text: str
    norm: float | None = None
    shade: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a layer.

    Attributes:
        joins: What it reads apart from the step before it.
        after_own: Whether the model computed something between the step before and this one.
        is_lost: Whether its output does not reach the model's.
    """

    layer: str
    class_name: str
    gradient: Gradient
    joins: tuple[str, ...] = ()
    after_own: bool = False
    is_lost: bool = False


@dataclass(slots=True)
class Strand:
    """A row: where it begins, its steps, and where it ends."""

    source: str
    steps: list[Step] = field(default_factory=list)
    end: str = ""

    @property
    def is_lost(self) -> bool:
        return self.steps[-1].is_lost


def strands_of(seen: Observation, largest: float) -> list[Strand]:
    """The rows of a drawing, in the order in which they begin.

    Args:
        largest: The largest norm of a layer's gradient in all drawings that are to be compared.
    """
    return _Drawing(seen, largest).rows()


def never_called(seen: Observation) -> list[str]:
    """Layers that were never called; a layer stands for those inside it."""
    missing = set(seen.layers_not_called)
    return [
        path
        for path in seen.layers_not_called
        if not any(path.startswith((other + ".", other + "[")) for other in missing)
    ]


def layer_gradients(seen: Observation, largest: float) -> Mapping[str, Gradient]:
    """Layer -> its gradient; layers without variables to train are absent."""
    variables: dict[str, list[str]] = {}
    for name in seen.trainable:
        variables.setdefault(layer_of(name, seen.layers), []).append(name)
    return {path: _gradient(seen, names, largest) for path, names in variables.items()}


def largest_norm(versions: Sequence[Observation]) -> float:
    """The largest norm of the gradient of a layer."""
    norms = [each.norm for seen in versions for each in layer_gradients(seen, 1.0).values()]
    return max((norm for norm in norms if norm is not None), default=0.0)


def _gradient(seen: Observation, names: Sequence[str], largest: float) -> Gradient:
    if not seen.gradients_seen:
        return Gradient("unknown", "not taken")
    missing = [name for name in names if name in seen.missing_gradient]
    if missing:
        part = "" if len(missing) == len(names) else f" for {len(missing)} of {len(names)}"
        return Gradient("missing", f"no gradient{part}")
    if any(name in seen.nonfinite_gradient for name in names):
        return Gradient("nonfinite", "gradient not finite")
    norm = math.hypot(*(seen.gradient_norms.get(name) or 0.0 for name in names))
    if norm == 0:
        return Gradient("zero", "gradient zero", 0.0)
    return Gradient("there", f"{norm:.3g}", norm, _shade(norm, largest))


def _shade(norm: float, largest: float) -> int:
    if not largest:
        return 0
    # A tenth of the largest, give or take rounding, still has its shade.
    decades = math.ceil(math.log10(largest) - math.log10(norm) - 1e-9) - 1
    return min(max(SHADES - 1 - decades, 0), SHADES - 1)


class _Drawing:
    def __init__(self, seen: Observation, largest: float) -> None:
        self._seen = seen
        self._calls = seen.calls[:MOST_CALLS]
        self._gradients = layer_gradients(seen, largest)
        self._lost = set(seen.layers_not_reached)
        self._rows: list[Strand] = []
        # The last call of each row -> the row.
        self._tails: dict[int, Strand] = {}

    def rows(self) -> list[Strand]:
        for number, call in enumerate(self._calls):
            before = self._before(number, call)
            if before is None:
                row = Strand(", ".join(self._names(call.reads)) or "no tensor")
                self._rows.append(row)
                joins: tuple[str, ...] = ()
            else:
                row = self._tails.pop(before)
                joins = self._names(read for read in call.reads if read not in (before, None))
            after_own = before is not None and before not in call.reads
            row.steps.append(self._step(call, joins, after_own))
            self._tails[number] = row
        for number, row in self._tails.items():
            row.end = self._end(number)
        return self._rows

    def _before(self, number: int, call: LayerCall) -> int | None:
        """The call whose row this one goes on with; what is lost is no part of a row that is not."""
        is_lost = self._is_lost(call)
        for read in call.reads:
            if read in self._tails and is_lost == self._is_lost(self._calls[read]):
                return read
        if None not in call.reads or number - 1 not in self._tails or is_lost:
            return None
        # What reaches the output without being read by a layer was read by the model itself.
        last = self._calls[number - 1]
        is_open = self._seen.gradients_seen and not self._is_lost(last) and not last.is_output
        return number - 1 if is_open and not self._readers(number - 1) else None

    def _is_lost(self, call: LayerCall) -> bool:
        return call.is_lost or call.layer in self._lost

    def _readers(self, number: int) -> list[int]:
        return [later for later, call in enumerate(self._seen.calls) if number in call.reads]

    def _names(self, reads: object) -> tuple[str, ...]:
        names = []
        for read in reads:  # type: ignore[attr-defined]
            if read is None:
                names.append("computed in between")
            else:
                names.append("input" if read == _INPUT else self._calls[read].layer)
        return tuple(dict.fromkeys(names))

    def _step(self, call: LayerCall, joins: tuple[str, ...], after_own: bool) -> Step:
        is_lost = self._is_lost(call)
        gradient = self._gradients.get(call.layer, Gradient("none", "nothing to train"))
        class_name = self._seen.layers.get(call.layer, "")
        return Step(call.layer, class_name, gradient, joins, after_own, is_lost)

    def _end(self, number: int) -> str:
        call = self._calls[number]
        if self._is_lost(call):
            return "does not reach the output"
        if call.is_output:
            return "output"
        readers = dict.fromkeys(self._seen.calls[each].layer for each in self._readers(number))
        if readers:
            return f"read by {', '.join(readers)}"
        if number == len(self._calls) - 1 and "tape" in self._seen.errors:
            return "then it raised"
        return "goes on in the model's own code"
