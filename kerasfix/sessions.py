"""The session of a run in which models are run: begun only if it is wanted, ended however the run ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasfix.output.progress import Progress, progress_line

if TYPE_CHECKING:
    from kerasfix.config import Config
    from kerasfix.settings import Settings
    from kerasfix.verify.session import Session


_FENCES = {
    "files": "writing outside of its folder",
    "network": "using the network",
    "signals": "ending other processes",
    "processes": "leaving processes behind",
}


@dataclass(frozen=True, slots=True)
class Proving:
    """What verification needs: who runs the models, and the line that says so."""

    session: Session
    progress: Progress


@contextmanager
def proving_session(settings: Settings, config: Config) -> Iterator[Proving | None]:
    """A verification session with a progress line, if one is wanted."""
    if not settings.verify:
        yield None
        return
    from kerasfix.verify.choice import check_wish
    from kerasfix.verify.interpreter import check_python, find_python
    from kerasfix.verify.session import Session
    from kerasfix.verify.settings import Wish

    python, wish = find_python(settings.first_path, settings.python), settings.wish(config)
    installed = check_python(python)
    if wish != Wish():
        check_wish(wish, installed, python)
    with (
        _ended_politely(),
        progress_line() as progress,
        Session(
            python,
            device=settings.device,
            timeout=settings.timeout,
            memory_mb=settings.memory,
            on_progress=progress,
            models=config.verify,
            wish=wish,
        ) as session,
    ):
        yield Proving(session, progress)
        progress.pause()
        _tell_what_is_open(session.not_kept_in)


def _tell_what_is_open(fences: Sequence[str]) -> None:
    """Say once what this system does not keep models from."""
    if fences:
        from kerasfix.output import console

        told = ", ".join(_FENCES[each] for each in fences)
        note = f"this system does not keep a model from {told} (docs/containment.md)"
        console.standard_error().line(("note: ", "bold"), (note, ""))


@contextmanager
def _ended_politely() -> Iterator[None]:
    """End child processes and temporary files also when this process is told to end."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {}
    try:
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                before[getattr(signal, name)] = signal.signal(getattr(signal, name), leave)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
