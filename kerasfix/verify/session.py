"""The way in: compare the original and the patched version of a model class by running both.

Importing this module imports neither TensorFlow nor Keras nor NumPy; only the child process does.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from kerasfix.findings import Chain
from kerasfix.verify.endings import understood
from kerasfix.verify.errors import SliceError, VerifyError
from kerasfix.verify.evidence import Evidence, companions_of, evidence_for
from kerasfix.verify.fallback import why_not_on_keras_3
from kerasfix.verify.given import arguments_of, inputs_of
from kerasfix.verify.holders import places_of
from kerasfix.verify.loops.compare import Loops, LoopTarget
from kerasfix.verify.pairing import Observe, Pair, Seen, observe_both
from kerasfix.verify.pool import Pool
from kerasfix.verify.program import Shelf
from kerasfix.verify.report import (
    ModelReport,
    Verdict,
    VerdictKind,
)
from kerasfix.verify.runner import Device, Runner
from kerasfix.verify.settings import ModelSettings, Wish
from kerasfix.verify.slice import Slice, slice_class
from kerasfix.verify.traces import traces_of
from kerasfix.verify.verdict import Lines, judge, on_other_inputs

_SEED = 20_231
_STEPS = 3
_PROBE_SHARE = 0.4


@dataclass(frozen=True)
class Target:
    """A class to verify.

    Attributes:
        path: Its file; not read itself, but the modules that it imports are found from there.
        line: The line of the class statement.
        made_lines: Attribute of a layer -> the line that makes it.
        lost_lines: Attribute of a layer -> the line that loses its output.
        chains: Its broken chains, for the report.
    """

    path: Path
    class_name: str
    line: int
    made_lines: Mapping[str, int] = field(default_factory=dict)
    lost_lines: Mapping[str, int] = field(default_factory=dict)
    chains: tuple[Chain, ...] = ()


class Session:
    """Compares models; one session per run of kerasfix. A context manager.

    Keras is imported once, when the first model is compared. What a version showed is remembered, so
    comparing one original with several patched candidates runs the original once.

    Args:
        python: The interpreter that runs the models, see `interpreter.find_python`.
        device: "cpu" hides GPUs, "gpu" insists on one, "auto" takes one if it is there, "gpu:1" insists
            on that one.
        timeout: Seconds for one run of one version of a model.
        memory_mb: MiB of resident memory for one run.
        on_progress: Called with a short line when something new begins.
        models: Settings of classes that cannot be driven without them, by class name.
        wish: The backend and the Keras to run the models on; what the code would get if None.
    """

    def __init__(
        self,
        python: Path,
        *,
        device: Device = "auto",
        timeout: float = 120.0,
        memory_mb: int = 8192,
        on_progress: Callable[[str], None] | None = None,
        models: Mapping[str, ModelSettings] | None = None,
        wish: Wish | None = None,
    ) -> None:
        self._models = models or {}
        self._progress = on_progress or (lambda _message: None)
        self._pool = Pool(
            python,
            wish=wish or Wish(),
            device=device,
            timeout=timeout,
            memory_mb=memory_mb,
            on_progress=on_progress,
        )
        self._specs: dict[str, Mapping[str, Any]] = {}
        self._seen: dict[tuple[str, str, str], Seen] = {}
        self._shelf = Shelf()
        self._loops = Loops(self._pool, self._shelf, lambda message: self._progress(message))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes. May be called more than once."""
        self._pool.close()

    @property
    def device(self) -> str:
        """The name of the GPU in use, or "CPU"; starts the child process.

        Raises:
            VerifyError: see `Runner.start`.
        """
        return self._pool.default().device

    @property
    def import_seconds(self) -> float | None:
        """How long it took until Keras was imported; None if no model was run."""
        return self._pool.import_seconds

    @property
    def not_kept_in(self) -> tuple[str, ...]:
        """What this system does not keep models in of, see `report.FENCES`."""
        return self._pool.not_kept_in

    def compare(
        self,
        target: Target,
        original: str,
        patched: str,
        *,
        claims: Sequence[str] = (),
        outputs_must_match: bool = True,
        changed: Sequence[Lines] = (),
        claimed: Sequence[Lines] = (),
        others: Mapping[str, tuple[str, str]] | None = None,
    ) -> ModelReport:
        """Run both versions of a class on the same weights and inputs, and judge the difference.

        Args:
            original: The text of the whole module as it is.
            patched: The text of the whole module as it would be.
            claims: Attributes of the layers that the fix is said to bring back.
            outputs_must_match: Whether the outputs in inference mode must stay as they are.
            changed: First and last line of each change, in the patched text. What of it is never run is told.
            claimed: Those of them that the claims are about.
            others: Other modules of the project, by their absolute paths: as they are and as they would be.
                Those that are not given are read from disk where the class needs them.

        Returns:
            Always a report: a model that cannot be driven gets the verdict "not-verified" and the reason.

        Raises:
            VerifyError: if no model can be run at all (no Keras, no GPU where one is demanded).
        """
        started = time.monotonic()
        try:
            evidence = evidence_for(target.path, patched, target.class_name)
            versions = self._slices(target, original, patched, others or {}, evidence)
            runner = self._pool.runner_for(versions[1])
        except SliceError as error:
            verdict = Verdict(VerdictKind.NOT_VERIFIED, (f"not verified: {error}",))
            return self._report(target, Seen(), Seen(), verdict, started)
        runner.start()
        notes: tuple[str, ...] = ()
        wider = functools.partial(self._slices, target, original, patched, others or {}, evidence, held=True)
        pair = self._driven(runner, target, versions, wider, evidence, changed)
        reason = why_not_on_keras_3(pair.after.stopped_by)
        other = self._started_instead_of(runner) if reason else None
        if other is not None:
            again = self._driven(other, target, versions, wider, evidence, changed)
            if again.after.is_driven:
                runner, pair = other, again
                notes = (f"run on Keras 2, because Keras 3 refuses it: {reason}",)
        before, after = pair.before, pair.after
        if before.observation is None or after.observation is None:
            reasons = after.reason if after.observation is None else before.reason
            verdict = Verdict(VerdictKind.NOT_VERIFIED, reasons)
        else:
            verdict = judge(before.observation, after.observation, claims, outputs_must_match, claimed)
            if not pair.in_common:
                verdict = on_other_inputs(verdict, outputs_must_match, _taken(before), _taken(after))
        verdict = replace(verdict, reasons=(*verdict.reasons, *notes))
        return self._report(target, before, after, verdict, started, runner)

    def compare_loop(
        self, target: LoopTarget, original: str, patched: str, others: Mapping[str, tuple[str, str]]
    ) -> ModelReport:
        """The same for a function that trains: both versions are called, and watched while they train.

        Raises:
            VerifyError: see `compare`.
        """
        return self._loops.compare(target, original, patched, others)

    def _started_instead_of(self, runner: Runner) -> Runner | None:
        """The runner of Keras 2, if there is one that starts: without it Keras 3 has the word."""
        other = self._pool.runner_instead_of(runner)
        try:
            if other is not None:
                other.start()
        except VerifyError:
            return None
        return other

    def _slices(
        self,
        target: Target,
        original: str,
        patched: str,
        others: Mapping[str, tuple[str, str]],
        evidence: Evidence,
        *,
        held: bool = False,
    ) -> tuple[Slice, Slice]:
        file = str(target.path.absolute())
        beside = {path: texts for path, texts in others.items() if path != file}
        before, after = (
            slice_class(
                text,
                target.class_name,
                file,
                others={path: texts[version] for path, texts in beside.items()},
                shelf=self._shelf,
                companions=companions_of(patched, target.class_name, evidence),
                holders=places_of(evidence["holders"]) if held else (),
            )
            for version, text in enumerate((original, patched))
        )
        return before, after

    def _driven(
        self,
        runner: Runner,
        target: Target,
        versions: tuple[Slice, Slice],
        wider: Callable[[], tuple[Slice, Slice]],
        evidence: Evidence,
        changed: Sequence[Lines],
    ) -> Pair:
        """Both versions, alone; if that is in vain, on what others give to the class.

        Args:
            wider: Gives the versions with those others.
        """
        pair = self._observe_both(runner, target, *versions, evidence, changed)
        if not evidence["holders"] or not (pair.after.was_not_fed and pair.before.was_not_fed):
            return pair
        again = self._observe_both(runner, target, *wider(), evidence, changed, held=True)
        return pair if again.after.was_not_fed else again

    def _observe_both(
        self,
        runner: Runner,
        target: Target,
        original: Slice,
        patched: Slice,
        evidence: Evidence,
        changed: Sequence[Lines],
        *,
        held: bool = False,
    ) -> Pair:
        """Both versions on one input; what the original takes is kept for the next candidate.

        Args:
            held: Whether to look for it in what other classes give to this one; that takes a run of theirs.
        """
        key = f"{runner.kind}::{_key(target)}"

        def observing(version: Slice, label: str, changed: Sequence[Lines]) -> Observe:
            return lambda spec, unwanted: self._observe(
                runner, target, version, label, spec, evidence, unwanted, changed, held
            )

        pair = observe_both(
            observing(original, "original", ()),
            observing(patched, "patched", changed),
            self._specs.get(key),
        )
        if pair.before.takes_it and pair.before.spec is not None:
            self._specs[key] = pair.before.spec
        return pair

    def _observe(
        self,
        runner: Runner,
        target: Target,
        version: Slice,
        label: str,
        spec: Mapping[str, Any] | None,
        evidence: Evidence,
        unwanted: Sequence[Mapping[str, Any]],
        changed: Sequence[Lines],
        held: bool,
    ) -> Seen:
        program = f"{version.key}\0{changed}\0{held}"
        cache_key = (f"{runner.kind}::{_key(target)}", program, repr((spec, *unwanted)))
        if cache_key not in self._seen:
            self._progress(f"{target.class_name}: {label}{', other inputs' if unwanted else ''}")
            settings = self._models.get(target.class_name, ModelSettings())
            outcome = runner.run(
                {
                    "kind": "observe",
                    "parts": [part.to_json() for part in version.parts],
                    "class": target.class_name,
                    "seed": _SEED,
                    "steps": _STEPS,
                    "input": spec,
                    "unwanted": list(unwanted),
                    "changed": list(changed),
                    "init": dict(settings.init),
                    "hints": evidence["hints"] if settings.input is None else [list(settings.input)],
                    "hints_from": "code" if settings.input is None else "configuration",
                    "sites": evidence["sites"],
                    "holders": evidence["holders"] if held else [],
                    "searched": held,
                    "configs": evidence["configs"],
                    "weights": str(runner.folder / f"weights-{_digest(_key(target))}.npz"),
                    "probe_seconds": runner.timeout * _PROBE_SHARE,
                }
            )
            try:
                seen = understood(outcome, spec, target.class_name, self._pool.timeout, self._pool.memory_mb)
            except (LookupError, TypeError, ValueError, AttributeError):
                # The model writes to the same folder, and may have put something in the place of the result.
                seen = Seen(refused="result", reason=("not verified: what the run left makes no sense",))
            self._seen[cache_key] = seen
            if seen.spec is not None:
                # Asked again with the input that it found, it would show the same.
                self._seen[(cache_key[0], program, repr((seen.spec,)))] = seen
        return self._seen[cache_key]

    def _report(
        self,
        target: Target,
        before: Seen,
        after: Seen,
        verdict: Verdict,
        started: float,
        runner: Runner | None = None,
    ) -> ModelReport:
        facts = (runner.facts if runner else None) or {}
        version, backend = after.keras or before.keras or (facts.get("keras"), facts.get("backend"))
        spec = before.spec or after.spec
        return ModelReport(
            file=str(target.path),
            class_name=target.class_name,
            line=target.line,
            python=str(self._pool.python),
            keras_version=version,
            backend=backend,
            backend_version=facts.get("backend_version"),
            device=facts.get("device"),
            driver=facts.get("driver"),
            not_kept_in=facts.get("not_kept_in"),
            before=before.observation,
            after=after.observation,
            verdict=verdict.kind,
            reasons=verdict.reasons,
            seconds=round(time.monotonic() - started, 3),
            inputs=inputs_of(spec),
            arguments=arguments_of(spec),
            chains=target.chains,
            traces=traces_of(before.observation, target.made_lines, target.lost_lines),
        )


def _key(target: Target) -> str:
    return f"{target.path}::{target.class_name}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _taken(seen: Seen) -> str:
    """What a version was given, in a sentence."""
    return " and ".join(str(array.shape) for array in inputs_of(seen.spec))
