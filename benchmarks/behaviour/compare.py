"""What was seen of one object, kept on disk, and how two versions of it compare. Runs in the child."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

Leaves = list[tuple[str, Any]]

# What differs by no more than this is the same number in another order of summation.
RELATIVE, ABSOLUTE = 1e-5, 1e-6
# Compared from version to version; "training" draws random numbers and only has to run.
COMPARED = ("inference", "bare", "predict")


@dataclass(slots=True)
class Call:
    """One call of a layer of the package.

    Attributes:
        kind: The layer's class, "module:name".
        ancestry: The class and its bases in the package.
        inner: The same of all layers that were called in it.
    """

    kind: str
    ancestry: list[str]
    inner: list[str]
    leaves: Leaves


@dataclass(slots=True)
class Seen:
    """What one version of an object did.

    Attributes:
        stage: What it was at when it could not be built.
        outputs: By phase, what the call returned.
        calls: By phase, every layer of the package that was called on the way.
        errors: By phase, what was raised ("construct": the object could not be built).
    """

    stage: str = "constructor"
    weights: list[Any] = field(default_factory=list)
    outputs: dict[str, Leaves] = field(default_factory=dict)
    calls: dict[str, list[Call]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def stage_and_reason(self) -> str:
        return f"{self.stage}: {self.errors['construct']}"


def save(seen: Seen, path: Path) -> None:
    arrays = {f"weight {at}": weight for at, weight in enumerate(seen.weights)}

    def keep(key: str, leaves: Leaves) -> list[str]:
        arrays.update({f"{key} {at}": array for at, (_, array) in enumerate(leaves)})
        return [where for where, _ in leaves]

    tree = {
        "stage": seen.stage,
        "weights": len(seen.weights),
        "errors": seen.errors,
        "outputs": {phase: keep(phase, leaves) for phase, leaves in seen.outputs.items()},
        "calls": {
            phase: [
                (call.kind, call.ancestry, call.inner, keep(f"{phase} call {at}", call.leaves))
                for at, call in enumerate(calls)
            ]
            for phase, calls in seen.calls.items()
            if phase in COMPARED
        },
    }
    np.savez(path, tree=np.asarray(json.dumps(tree)), **arrays)


def load(path: Path) -> Seen:
    with np.load(path) as stored:
        tree = json.loads(str(stored["tree"]))

        def leaves(key: str, places: list[str]) -> Leaves:
            return [(where, stored[f"{key} {at}"]) for at, where in enumerate(places)]

        return Seen(
            tree["stage"],
            [stored[f"weight {at}"] for at in range(tree["weights"])],
            {phase: leaves(phase, places) for phase, places in tree["outputs"].items()},
            {
                phase: [
                    Call(kind, ancestry, inner, leaves(f"{phase} call {at}", places))
                    for at, (kind, ancestry, inner, places) in enumerate(calls)
                ]
                for phase, calls in tree["calls"].items()
            },
            tree["errors"],
        )


def difference(before: Leaves, after: Leaves) -> str:
    """How two outputs differ, or nothing if they are equal."""
    places = [[where for where, _ in leaves] for leaves in (before, after)]
    if places[0] != places[1]:
        return f"another structure: {places[0]} became {places[1]}"
    for (where, one), (_, other) in zip(before, after, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{one.dtype}{list(one.shape)} became {other.dtype}{list(other.shape)} at {where or 'top'}"
        if np.issubdtype(one.dtype, np.inexact):
            if not np.allclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True):
                return f"off by up to {np.nanmax(np.abs(one - other)):.2g} at {where or 'top'}"
        elif not np.array_equal(one, other):
            return f"other values at {where or 'top'}"
    return ""


def call_differences(before: list[Call], after: list[Call]) -> dict[str, str]:
    """By class, the first difference between its calls in two runs; "" if there is none."""
    kinds = dict.fromkeys(call.kind for call in (*before, *after))
    found: dict[str, str] = {}
    for kind in kinds:
        pairs = zip_longest(*([call for call in calls if call.kind == kind] for calls in (before, after)))
        found[kind] = next(
            (
                text
                for one, other in pairs
                if (
                    text := difference(one.leaves, other.leaves)
                    if one and other
                    else "another number of calls"
                )
            ),
            "",
        )
    return found


def finite(leaves: Leaves) -> bool:
    return all(np.isfinite(array).all() for _, array in leaves if np.issubdtype(array.dtype, np.inexact))


def compare(before: Seen, after: Seen) -> dict[str, Any]:
    """What to report of one recipe.

    Returns:
        "classes": by class that was called, its bases, what was called in it, how its outputs differ in
        inference mode, and whether training mode gives others; "differences" and "raised": by phase; and
        "notes". "raised" tells of the patched version alone, "mended" of the original alone.
    """
    if "construct" in after.errors:
        return {"broken": after.stage_and_reason()}
    result: dict[str, Any] = {"classes": {}, "differences": {}, "raised": {}, "mended": {}, "both": {}}
    for phase in (*COMPARED, "training"):
        one, other = before.errors.get(phase), after.errors.get(phase)
        if one or other:
            key = "both" if one and other else "mended" if one else "raised"
            result[key][phase] = one or other
        elif phase in COMPARED and phase in before.outputs:
            found = call_differences(before.calls[phase], after.calls[phase])
            found["output"] = difference(before.outputs[phase], after.outputs[phase])
            result["differences"][phase] = {kind: text for kind, text in found.items() if text}
    if "bare" in result["differences"] and "inference" in before.outputs and "inference" in after.outputs:
        result["trained"] = bool(difference(before.outputs["inference"], before.outputs["bare"]))
        result["infers"] = not difference(after.outputs["inference"], after.outputs["bare"])
    if "inference" in before.outputs and "inference" in after.outputs:
        leaves = after.outputs["inference"]
        result["finite"] = bool(leaves) and finite(leaves)
        found = call_differences(before.calls["inference"], after.calls["inference"])
        modes = call_differences(after.calls["inference"], after.calls.get("training", []))
        for call in after.calls["inference"]:
            known = result["classes"].setdefault(
                call.kind,
                {
                    "ancestry": call.ancestry,
                    "inner": [],
                    "difference": found[call.kind],
                    "mode": bool(modes[call.kind]) and "training" in after.outputs,
                    "empty": True,
                },
            )
            known["inner"] = sorted({*known["inner"], *call.inner})
            known["empty"] = known["empty"] and not call.leaves
    return result
