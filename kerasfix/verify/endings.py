"""What came of a run, also of one that was ended or ended itself."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kerasfix.verify.observed import observation
from kerasfix.verify.pairing import Seen
from kerasfix.verify.report import Observation
from kerasfix.verify.runner import Outcome

# The phases in which an input is looked for: without one there is nothing that the other version could be
# compared on.
_LOOKING = ("probe", "holder")


def understood(
    outcome: Outcome, spec: Mapping[str, Any] | None, class_name: str, timeout: float, memory_mb: int
) -> Seen:
    """What a run showed, or why it showed nothing.

    Args:
        spec: The input that it was given; None if it was to find one.
        timeout: Its seconds.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: if what it left makes no sense.
    """
    result = outcome.result
    if result is not None and result["outcome"] == "refused":
        settings = list(result["settings"])
        if settings and not settings[0].startswith("["):
            settings.insert(0, f"[tool.kerasfix.verify.{class_name}]")
        advice = ("in pyproject.toml: " + " / ".join(settings),) if settings else ()
        return Seen(refused=result["what"], reason=(f"not verified: {result['reason']}", *advice))
    if result is not None:
        keras = (result["keras"], result["backend"]) if "keras" in result else None
        seen = replace(observation(result["observation"]), seconds=outcome.seconds)
        return Seen(seen, result["input"], keras)
    stopped = ended(outcome, timeout, memory_mb)
    if outcome.phase in _LOOKING or outcome.ending == "server":
        reason = f"not verified: {stopped.raised} while looking for an input"
        return Seen(refused="inputs", reason=(reason, *outcome.log[-1:]))
    return Seen(replace(stopped, seconds=outcome.seconds), spec or outcome.spec)


def ended(outcome: Outcome, timeout: float, memory_mb: int) -> Observation:
    """A run that was ended, or ended itself, before it could say what it saw."""
    if outcome.ending == "time":
        return Observation(f"did not finish within {timeout:g} s", outcome.phase or None, stopped="time")
    if outcome.ending == "memory":
        return Observation(
            f"took more than {memory_mb} MiB of memory", outcome.phase or None, stopped="memory"
        )
    if outcome.ending == "processes":
        return Observation("started too many processes", outcome.phase or None, stopped="processes")
    if outcome.ending == "disk":
        return Observation(
            f"wrote more than {2 * memory_mb} MiB to the disk", outcome.phase or None, stopped="disk"
        )
    if outcome.ending == "crash":
        raised = f"crashed (signal {outcome.signal}, {_signal_name(outcome.signal)})"
    else:
        raised = "ended its process"
    errors = {outcome.phase: raised} if outcome.phase else {}
    return Observation(raised, outcome.phase or None, errors=errors, stopped="crash", notes=outcome.log)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
