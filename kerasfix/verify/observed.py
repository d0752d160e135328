"""What the worker writes down, as the dataclasses of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfix.verify.report import LayerCall, Observation, SensitiveLayer


def observation(data: Mapping[str, Any]) -> Observation:
    """The worker's JSON as a dataclass."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    values["losses"] = {phase: tuple(losses) for phase, losses in data.get("losses", {}).items()}
    values["calls"] = tuple(
        LayerCall(**{**item, "reads": tuple(item["reads"])}) for item in data.get("calls", ())
    )
    values["sensitive"] = {
        path: SensitiveLayer(
            **{**layer, "received": {phase: _received(seen) for phase, seen in layer["received"].items()}}
        )
        for path, layer in data.get("sensitive", {}).items()
    }
    return Observation(**values)


def _received(values: list[bool | None]) -> bool | tuple[bool | None, ...] | None:
    return values[0] if len(values) == 1 else tuple(values)
