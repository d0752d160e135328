"""What a verification saw, as data. These dataclasses are the schema of `--report FILE.json`.

The file holds one `VerificationReport`; every field is written under its own name, tuples as lists, `None` as
null. Floats that JSON cannot say (infinity, not a number) are null. `Observation.outputs` is left out: its
digest stands for it. A reader should refuse a `schema_version` that it does not know.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kerasfix.findings import Chain
from kerasfix.verify.places import Place, placed

SCHEMA_VERSION = 1

#: The ways in which a model is run, in the order of the columns of a report.
#: "call" is the bare `model(x)`; "tape" is `model(x, training=True)` under a gradient tape. A model that
#: brings a `train_step` of its own is fitted by that too, if it takes made-up data: phase "train_step". A
#: training function is called by itself: phase "loop".
PHASES = ("fit", "evaluate", "predict", "call", "tape")

#: What the seconds of a version are told for, in the order in which it happens.
STEPS = ("import", "init", "probe", "call", "predict", "evaluate", "tape", "fit", "train_step", "loop")

#: What ends a run because it takes too much.
LIMITS = ("time", "memory", "processes", "disk")

#: What models are kept in of: writing elsewhere, the network, ending other processes, going on by themselves.
FENCES = ("files", "network", "signals", "processes")

#: The value of `training` that a layer received: one value, or all distinct ones if it was called several
#: times.
Received = bool | None | tuple[bool | None, ...]


class VerdictKind(str, enum.Enum):
    """What the comparison of original and patched model amounts to.

    PROVED: something that could be seen was mended, and nothing got worse.
    UNCHANGED: both run, and nothing that was watched differs.
    WORSE: something that was right before is not right any more.
    NOT_PROVED: the fix claims something that the run does not show.
    NOT_REACHED: the same, and not all that the fix changes was run: nothing is known of the rest.
    NOT_VERIFIED: the model could not be driven; nothing is known.
    """

    PROVED = "proved"
    UNCHANGED = "unchanged"
    WORSE = "worse"
    NOT_PROVED = "not-proved"
    NOT_REACHED = "not-reached"
    NOT_VERIFIED = "not-verified"


@dataclass(frozen=True)
class Verdict:
    """A kind and the sentences that say why."""

    kind: VerdictKind
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class SensitiveLayer:
    """What one layer that depends on the training flag did.

    Attributes:
        class_name: Its class, for example "BatchNormalization".
        kind: "state" updates moving statistics in training mode; "random" drops, shifts or adds noise;
            "user" is a class of the program whose `call` takes `training`.
        received: Phase -> the value of `training` that its `call` really received. Phases in which it was
            not called are absent.
        statistics_moved: Phase -> whether its moving statistics changed ("state" only).
        dropped: Phase -> whether it changed its input ("random" only, where output and input have one shape).
    """

    class_name: str
    kind: Literal["state", "random", "user"]
    received: Mapping[str, Received] = field(default_factory=dict)
    statistics_moved: Mapping[str, bool] = field(default_factory=dict)
    dropped: Mapping[str, bool] = field(default_factory=dict)

    def trained_in(self, phase: str) -> bool | None:
        """Whether it ran in training mode; None if it did not run or that could not be seen."""
        effect = self.statistics_moved if self.kind == "state" else self.dropped
        if phase in effect:
            return effect[phase]
        if phase not in self.received:
            return None
        received = self.received[phase]
        return True in received if isinstance(received, tuple) else bool(received)


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer under the tape. A layer that calls others is left out: they stand for it.

    Attributes:
        layer: Its attribute path.
        reads: What it was given: the numbers of the calls whose output that was (from 0), -1 for the model's
            input, None for what the model computed in between.
        is_output: Whether the model gave back what came out of it, as it was.
        is_lost: Whether nothing that came out of it reaches the model's output. A layer that is called
            several times may be lost in some of its calls only.
    """

    layer: str
    reads: tuple[int | None, ...] = ()
    is_output: bool = False
    is_lost: bool = False


@dataclass(frozen=True)
class Observation:
    """What one version of a model did. An exception is an observation like any other.

    Layers are named by attribute path ("conv1", "blocks[0]", "encoder.norm"), variables by the path of their
    layer and their own name ("conv1/kernel").

    Attributes:
        raised: The first exception in one line ("ValueError: ..."), or None. Crashes and exceeded limits are
            told here too ("crashed (signal 6, SIGABRT)").
        raised_in: Where: "import", "init", "probe", or one of `PHASES`.
        raised_line: The line of the class's file that raised, or that led there, if it is known.
        raised_cell: Of a notebook, the cell that this is a line of.
        raised_at: `file:line` of another module of the project, if that raised.
        errors: Phase -> exception in one line, for every phase that raised.
        stopped: Which limit ended the run ("time", "memory", "processes", "disk"), "crash" for a native
            crash, else None.
        trainable: Names of the trainable variables after building.
        missing_gradient: Those whose gradient does not exist (no path to the output). This and what follows
            up to `layers_not_called` is empty too if the phase that would have shown it raised, see `errors`.
        zero_gradient: Those whose gradient exists and is exactly zero everywhere (a dead ReLU, for example).
        nonfinite_gradient: Those whose gradient has an infinite or undefined element.
        gradient_norms: Each trainable variable -> the Euclidean norm of its gradient; None if there is no
            gradient, or if it is not finite.
        not_moved: Those whose value is the same after the training steps of `fit`.
        layers: Attribute path -> class name of every layer.
        layers_not_reached: Layers whose output does not reach the model's output in training.
        layers_not_called: The part of `layers_not_reached` that was never even called.
        calls: The calls of layers under the tape, in their order.
        sensitive: Attribute path -> what each layer that depends on the flag did.
        losses: Phase -> loss per step (random projection of the outputs; only its course means something).
        outputs: The first outputs in inference mode, flattened; None if there are none.
        outputs_digest: SHA-256 of `outputs`.
        outputs_random: Whether two inference runs gave different outputs, so that comparing means nothing.
        seconds: What was done (`STEPS`) -> wall-clock seconds. Steps that were not taken are absent: only the
            version that is run first looks for an input ("probe").
        notes: Sentences about what was done differently from a plain run.
        changed_lines: Lines of the class's file at which statements of its methods begin that the fix
            changes; of the patched version only.
        changed_lines_reached: Those that were run. A line that was not was never put to the test.
        changed_cells: Of a notebook, the cell of each of the changed lines; else empty.
        changed_cells_reached: The same of those that were run.
    """

    raised: str | None = None
    raised_in: str | None = None
    raised_line: int | None = None
    raised_at: str | None = None
    raised_cell: int | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    stopped: Literal["time", "memory", "processes", "disk", "crash"] | None = None
    trainable: tuple[str, ...] = ()
    missing_gradient: tuple[str, ...] = ()
    zero_gradient: tuple[str, ...] = ()
    nonfinite_gradient: tuple[str, ...] = ()
    gradient_norms: Mapping[str, float | None] = field(default_factory=dict)
    not_moved: tuple[str, ...] = ()
    layers: Mapping[str, str] = field(default_factory=dict)
    layers_not_reached: tuple[str, ...] = ()
    layers_not_called: tuple[str, ...] = ()
    calls: tuple[LayerCall, ...] = ()
    sensitive: Mapping[str, SensitiveLayer] = field(default_factory=dict)
    losses: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    outputs: tuple[float, ...] | None = field(default=None, repr=False)
    outputs_digest: str | None = None
    outputs_random: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    changed_lines: tuple[int, ...] = ()
    changed_lines_reached: tuple[int, ...] = ()
    changed_cells: tuple[int, ...] = ()
    changed_cells_reached: tuple[int, ...] = ()

    @property
    def unreached_lines(self) -> tuple[Place, ...]:
        """What the fix changes and no phase ran."""
        reached = {*placed(self.changed_lines_reached, self.changed_cells_reached)}
        places = placed(self.changed_lines, self.changed_cells)
        return tuple(place for place in places if place not in reached)

    @property
    def trainable_count(self) -> int:
        return len(self.trainable)

    @property
    def ran(self) -> bool:
        """Whether the model was built and tried in every phase, even if some of them raised."""
        return self.raised is None or self.gradients_seen or "tape" in self.errors

    def used_calls(self) -> Counter[str]:
        """Layer -> how many of its calls reach the model's output."""
        return Counter(call.layer for call in self.calls if not call.is_lost)

    def lost_calls(self) -> Counter[str]:
        """Layer -> how many of its calls are lost, of layers that others of their calls save."""
        lost = set(self.layers_not_reached)
        return Counter(call.layer for call in self.calls if call.is_lost and call.layer not in lost)

    @property
    def gradients_seen(self) -> bool:
        """Whether gradients were taken; if not, empty lists of lost variables and layers say nothing."""
        return "tape" in self.losses or "loop" in self.losses


@dataclass(frozen=True)
class InputArray:
    """One input: its shape with the batch (elements), its dtype, its name if inputs are a dictionary.

    Its source is "configuration", "code" for a shape that the code or its documentation speaks of, "run of X"
    for what the class X gave it when it was run, or "guess": what the layers that read it want, and what
    failed calls said.
    """

    shape: tuple[int, ...]
    dtype: str
    name: str | None = None
    source: str = ""


@dataclass(frozen=True)
class Argument:
    """One argument of the constructor; those that are not told have their defaults.

    Attributes:
        value: As Python would spell it.
        source: "configuration", "site" for code that constructs the class, "run of X" for what the class X
            gave it when it was run, or "guess" by name, annotation and use.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Trace:
    """A variable without a gradient, followed back to the source.

    Attributes:
        variable: For example "conv1/kernel".
        layer: The attribute path of its layer, for example "conv1".
        made_line: The line that made the layer (1-based).
        lost_line: The line that lost its output, None if it is not known.
        made_cell: Of a notebook, the cell of `made_line`.
        lost_cell: The same of `lost_line`.
    """

    variable: str
    layer: str
    made_line: int | None
    lost_line: int | None
    made_cell: int | None = None
    lost_cell: int | None = None


@dataclass(frozen=True)
class ModelReport:
    """Everything that was seen of one model class.

    Attributes:
        file: The path as it was given.
        line: The line of the class statement.
        cell: Of a notebook, the number of the cell that it stands in, among all cells, from 1. Lines of this
            report count in cells then: in this one where no other is named.
        keras_version: For example "3.15.1"; None if Keras was not reached.
        backend: "tensorflow", "jax", "torch"; None if Keras was not reached.
        python: The interpreter that ran the model.
        device: The name of the GPU, or "CPU".
        backend_version: The version of the backend's library, for example "2.21.0".
        driver: The version of the GPU's driver; None on a CPU, or if it does not tell.
        before: The original; None if it was not run.
        after: The patched version; None if it was not run.
        seconds: Wall-clock time of both runs.
        inputs: What the model was fed with.
        arguments: What it was constructed with.
        chains: The broken chains of the class, as reading the source found them; lines are those of the
            original.
        traces: One for each variable without a gradient in `before`.
        kind: "model" for a class; "function" for a training loop in a function, which `class_name` and `line`
            then are of. What it did is phase "loop": which variables its own tapes took gradients by, which
            of them moved, and which flag the layers of its models received.
        not_kept_in: What this system does not keep models in of, see `FENCES`; None if nothing was run.
    """

    file: str
    class_name: str
    line: int
    python: str
    keras_version: str | None
    backend: str | None
    device: str | None
    before: Observation | None
    after: Observation | None
    verdict: VerdictKind
    reasons: tuple[str, ...]
    seconds: float
    inputs: tuple[InputArray, ...] = ()
    traces: tuple[Trace, ...] = ()
    backend_version: str | None = None
    driver: str | None = None
    arguments: tuple[Argument, ...] = ()
    chains: tuple[Chain, ...] = ()
    kind: Literal["model", "function"] = "model"
    not_kept_in: tuple[str, ...] | None = None
    cell: int | None = None

    @property
    def place(self) -> str:
        """Where it stands: `net.py:3`, `net.ipynb:cell 4:3`."""
        return f"{self.file}:{'' if self.cell is None else f'cell {self.cell}:'}{self.line}"

    def to_json(self) -> dict[str, Any]:
        """Plain data (dict, list, str, int, float, bool, None) in the shape of this schema."""
        return _plain(self)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class VerificationReport:
    """The whole of `--report FILE.json`.

    Attributes:
        import_seconds: Wall-clock seconds until Keras was imported, once for all models; None if it was not.
    """

    models: Sequence[ModelReport]
    import_seconds: float | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        return _plain(self)  # type: ignore[no-any-return]

    def dumps(self) -> str:
        """The text of the report file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def layer_of(variable: str, layers: Iterable[str]) -> str:
    """The longest path of a layer that begins the variable's name; "" for a variable of the model itself."""
    return max((path for path in layers if variable.startswith(path + "/")), key=len, default="")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value)]
        if isinstance(value, Observation):
            # Thousands of numbers that nobody reads; equal outputs have equal digests.
            names.remove("outputs")
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
