"""Reports made by hand: what a run of the DCGAN's discriminator showed, in small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfix.findings import Chain, Link
from kerasfix.verify.report import (
    Argument,
    InputArray,
    LayerCall,
    ModelReport,
    Observation,
    SensitiveLayer,
    Trace,
    VerdictKind,
    VerificationReport,
)

LAYERS = {
    "conv1": "Conv2D",
    "leaky1": "LeakyReLU",
    "conv2": "Conv2D",
    "drop": "Dropout",
    "score": "Dense",
}
NORMS = {"conv1/kernel": 3.0, "conv1/bias": 4.0, "conv2/kernel": 0.05, "score/kernel": 20.0}
FLAGS = {"fit": True, "evaluate": False, "predict": False, "call": True, "tape": True}


def calls(*steps: tuple[str, list[int | None]]) -> tuple[LayerCall, ...]:
    """Calls from layers and what each reads; the last gives the output."""
    last = len(steps) - 1
    return tuple(
        LayerCall(layer, tuple(reads), number == last) for number, (layer, reads) in enumerate(steps)
    )


def observation(norms: Mapping[str, float | None] = NORMS, **other: Any) -> Observation:
    """A version that ran: its variables without a norm have no gradient."""
    values: dict[str, Any] = {
        "trainable": tuple(norms),
        "missing_gradient": tuple(name for name, norm in norms.items() if norm is None),
        "gradient_norms": norms,
        "layers": LAYERS,
        "losses": {"tape": (0.1,), "fit": (0.1, -0.2, -0.4)},
        "sensitive": {"drop": SensitiveLayer("Dropout", "random", FLAGS)},
        "seconds": {"import": 0.01, "probe": 0.2, "tape": 0.05, "fit": 0.3},
        "calls": calls(("conv1", [-1]), ("leaky1", [0]), ("conv2", [1]), ("drop", [2]), ("score", [3])),
    }
    return Observation(**{**values, **other})


BROKEN = observation(
    {**NORMS, "conv1/kernel": None, "conv1/bias": None},
    layers_not_reached=("conv1", "leaky1"),
    calls=calls(("conv1", [-1]), ("leaky1", [0]), ("conv2", [-1]), ("drop", [2]), ("score", [3])),
)
MENDED = observation(sensitive={"drop": SensitiveLayer("Dropout", "random", {**FLAGS, "call": None})})
RAISED = Observation(
    raised="ValueError: Only input tensors may be passed as positional arguments",
    raised_in="call",
    raised_line=25,
    errors={"call": "ValueError: Only input tensors may be passed as positional arguments"},
)


def model(
    before: Observation | None = BROKEN,
    after: Observation | None = MENDED,
    verdict: VerdictKind = VerdictKind.PROVED,
    name: str = "Net",
    reasons: tuple[str, ...] = (),
    **other: Any,
) -> ModelReport:
    values: dict[str, Any] = {
        "file": "net.py",
        "line": 3,
        "python": "python3",
        "keras_version": "3.15.1",
        "backend": "tensorflow",
        "device": "CPU",
        "seconds": 1.5,
        "inputs": (InputArray((4, 28, 28, 1), "float32", None, "code"),),
        "arguments": (Argument("units", "16", "guess"),),
        "chains": (
            Chain("inputs", (Link("conv1", 10), Link("leaky1", 11)), "x", (Link("conv2", 12),), "return", 12),
        ),
        "traces": (Trace("conv1/kernel", "conv1", 7, 12), Trace("conv1/bias", "conv1", 7, 12)),
    }
    return ModelReport(
        class_name=name, before=before, after=after, verdict=verdict, reasons=reasons, **{**values, **other}
    )


def report(*models: ModelReport) -> VerificationReport:
    return VerificationReport(models or (model(),), 3.5)
