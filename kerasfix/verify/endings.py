"""Runs that were ended, or ended themselves, as observations."""

from __future__ import annotations

import signal

from kerasfix.verify.report import Observation
from kerasfix.verify.runner import Outcome


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
