"""The workers of a run: at most one for each kind of Keras, started when a model needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kerasfix.verify.choice import Asked, Installed, Kind, asked_by_all, choose
from kerasfix.verify.errors import SliceError, VerifyError
from kerasfix.verify.fallback import kind_instead
from kerasfix.verify.interpreter import check_python
from kerasfix.verify.runner import Device, Runner
from kerasfix.verify.settings import Wish
from kerasfix.verify.slice import Slice


class Pool:
    """Starts runners and ends them all.

    Args:
        python: The interpreter that runs the models.
        wish: The backend and the Keras that the user asks for.
        device: See `Runner`.
        timeout: Seconds for one run of a model.
        memory_mb: MiB of resident memory for one run.
        on_progress: Called with a short line when something new begins.
    """

    def __init__(
        self,
        python: Path,
        *,
        wish: Wish,
        device: Device,
        timeout: float,
        memory_mb: int,
        on_progress: Callable[[str], None] | None,
    ) -> None:
        self.python = python
        self.timeout = timeout
        self.memory_mb = memory_mb
        self._wish = wish
        self._device: Device = device
        self._on_progress = on_progress
        self._installed: Installed | None = None
        self._runners: dict[Kind, Runner] = {}

    def close(self) -> None:
        """End the child processes. May be called more than once."""
        for runner in self._runners.values():
            runner.close()
        self._runners.clear()

    @property
    def installed(self) -> Installed:
        """What the interpreter has.

        Raises:
            VerifyError: if it cannot run Keras at all.
        """
        if self._installed is None:
            self._installed = check_python(self.python)
        return self._installed

    def runner_for(self, needed: Slice) -> Runner:
        """The runner for a class; not started if it is new.

        Raises:
            SliceError: if the Keras that the class asks for is not there.
        """
        return self._runner(needed.asked, asked_by_all(part.text for part in needed.parts))

    def _runner(self, module: Asked, needed: Asked) -> Runner:
        return self._runner_of(choose(module, needed, self._wish, self.installed))

    def runner_instead_of(self, runner: Runner) -> Runner | None:
        """The runner of Keras 2 for a class that Keras 3 refuses; None if there is none or none is wished."""
        kind = kind_instead(runner.kind, self._wish, self.installed)
        return None if kind is None else self._runner_of(kind)

    def _runner_of(self, kind: Kind) -> Runner:
        if kind not in self._runners:
            self._runners[kind] = Runner(
                self.python,
                kind=kind,
                device=self._device,
                timeout=self.timeout,
                memory_mb=self.memory_mb,
                on_progress=self._on_progress,
            )
        return self._runners[kind]

    @property
    def import_seconds(self) -> float | None:
        """How long it took until the first Keras was imported; None if no model was run."""
        found = (runner.import_seconds for runner in self._runners.values())
        return next((seconds for seconds in found if seconds is not None), None)

    @property
    def not_kept_in(self) -> tuple[str, ...]:
        """What this system does not keep models in of, see `report.FENCES`; nothing if no model was run."""
        found = (runner.facts for runner in self._runners.values())
        return next((tuple(facts["not_kept_in"]) for facts in found if facts is not None), ())

    def default(self) -> Runner:
        """The runner for code that asks for nothing.

        Raises:
            VerifyError: if there is no Keras for it.
        """
        try:
            return self._runner(Asked(), Asked(keras=True))
        except SliceError as error:
            raise VerifyError(f"{self.python}: {error}") from None
