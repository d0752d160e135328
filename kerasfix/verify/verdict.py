"""What the difference between two observations amounts to. Pure: no files, no processes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence

from kerasfix.verify.places import Place, told_lines
from kerasfix.verify.report import (
    LIMITS,
    Observation,
    SensitiveLayer,
    Verdict,
    VerdictKind,
)

#: The first and the last line of a change.
Lines = tuple[int, int]

#: What lines are of that do not count in the file as it is.
PATCHED = " of the patched file"
#: Of more than these a sentence names the first, and says how many more there are.
MOST_NAMES = 6
# The worker writes down no more of them.
_MOST_CALLS = 2000
# Rounding differs between runs and devices; a changed computation differs by far more.
_RELATIVE = 1e-4
_ABSOLUTE = 1e-5
# Phases in which a layer has no business in training mode.
INFERENCE = ("predict", "evaluate", "call")
# Without these nothing is known about the training of a model.
_TRAINING = ("tape", "fit")
_PHASE_NAMES = {"call": "a bare call", "tape": "a gradient tape", "train_step": "its own train_step"}
# Phases in which a layer that depends on the flag has to train.
_FITTING = ("fit", "train_step")


def judge(
    before: Observation | None,
    after: Observation | None,
    claims: Sequence[str] = (),
    outputs_must_match: bool = True,
    claimed: Sequence[Lines] = (),
) -> Verdict:
    """Compare the original with the patched model.

    Args:
        before: The original; None if it could not be driven.
        after: The patched version; None if it could not be driven.
        claims: Attributes of the layers that the fix is said to bring back ("conv1"; "blocks" stands for all
            of `blocks[0]`, `blocks[1]`, ...).
        outputs_must_match: Whether the fix must leave the outputs in inference mode as they were.
        claimed: What is to be proved, as first and last line of each change in the patched text.
    """
    if before is None or after is None:
        return Verdict(VerdictKind.NOT_VERIFIED, ("the model was not run in both versions",))
    stopped = _stopped(before, after)
    if stopped is not None:
        return stopped
    worse = tuple(_worsened(before, after, outputs_must_match))
    if worse:
        return Verdict(VerdictKind.WORSE, worse)
    if not before.ran and not after.ran:
        return Verdict(VerdictKind.NOT_VERIFIED, (f"it raises before and after: {after.raised}",))
    mended = tuple(_mended(before, after))
    unreached = tuple(_not_reached(after.unreached_lines))
    if claims:
        untried = [
            (line, cell)
            for line, cell in after.unreached_lines
            if any(begin <= line <= end for begin, end in claimed)
        ]
        if untried:
            return Verdict(VerdictKind.NOT_PROVED, tuple(_not_reached(untried)))
        failed = tuple(_failed_claims(before, after, claims))
        if failed:
            return Verdict(VerdictKind.NOT_PROVED, failed)
        known = [each for each in claims if any(_belongs(path, each) for path in before.layers)]
        mended = (*mended, *_newcomers(before, after, claims))
        if known or not before.ran:
            mended = (*mended, _claims_kept(before, known or claims))
    if after.changed_lines and not after.changed_lines_reached:
        # Whatever differs, it is not by this fix.
        return Verdict(VerdictKind.NOT_REACHED, unreached)
    if mended:
        return Verdict(VerdictKind.PROVED, (*mended, *unreached))
    unseen = tuple(
        f"{phase_name(phase)} raises {after.errors[phase]}" for phase in _TRAINING if phase in after.errors
    )
    if unseen:
        return Verdict(VerdictKind.NOT_VERIFIED, unseen)
    same = "it trains before and after, and nothing that was watched differs"
    if unreached:
        return Verdict(VerdictKind.NOT_REACHED, (same, *unreached))
    return Verdict(VerdictKind.UNCHANGED, (same,))


def _not_reached(lines: Sequence[Place]) -> Iterator[str]:
    if lines:
        yield f"not reached by this run: {told_lines(lines, MOST_NAMES)}{PATCHED}"


def on_other_inputs(verdict: Verdict, outputs_must_match: bool, before: str, after: str) -> Verdict:
    """What a verdict is worth if no input was found that both versions take.

    Each was run on its own. A fix of the chain may change what the model takes, if it mends something; any
    other fix that makes a model refuse what it took breaks it.

    Args:
        before: What the original takes.
        after: What the patched model takes.
    """
    reason = f"no input was found that both take: the original takes {before}, the patched model {after}"
    if verdict.kind in (VerdictKind.WORSE, VerdictKind.NOT_VERIFIED):
        return Verdict(verdict.kind, (*verdict.reasons, reason))
    if verdict.kind in (VerdictKind.UNCHANGED, VerdictKind.NOT_REACHED):
        return Verdict(VerdictKind.WORSE, (reason,))
    kind = VerdictKind.WORSE if outputs_must_match else verdict.kind
    return Verdict(kind, (*verdict.reasons, reason))


def _stopped(before: Observation, after: Observation) -> Verdict | None:
    """A limit depends on the machine too: it proves nothing, and only a new one counts against a fix."""
    if after.stopped in LIMITS:
        if before.stopped in LIMITS or before.raised is not None:
            return Verdict(VerdictKind.NOT_VERIFIED, (f"the patched model {after.raised}",))
        return Verdict(VerdictKind.WORSE, (f"the original ran; the patched model {after.raised}",))
    if before.stopped in LIMITS:
        return Verdict(VerdictKind.NOT_VERIFIED, (f"the original {before.raised}",))
    return None


def _worsened(before: Observation, after: Observation, outputs_must_match: bool) -> Iterator[str]:
    yield from _new_errors(before, after)
    if not (before.ran and after.ran):
        return
    if before.gradients_seen and after.gradients_seen:
        yield from _worse_gradients(before, after)
    for path, old, new in _common_layers(before, after):
        for phase in _FITTING:
            if old.trained_in(phase) and new.trained_in(phase) is False:
                yield f"{layer_name(path, new)} does not run in training mode in {phase_name(phase)} any more"
        for phase in INFERENCE:
            if old.trained_in(phase) is False and new.trained_in(phase):
                yield f"{layer_name(path, new)} runs in training mode in {phase_name(phase)} now"
    if outputs_must_match:
        yield from _different_outputs(before, after)


def _worse_gradients(before: Observation, after: Observation) -> Iterator[str]:
    yield from _new_names("no gradient any more", before.missing_gradient, after.missing_gradient)
    yield from _new_names("gradient not finite now", before.nonfinite_gradient, after.nonfinite_gradient)
    yield from _new_names("not reached any more", before.layers_not_reached, after.layers_not_reached)
    yield from _fewer_calls(before, after)


def _fewer_calls(before: Observation, after: Observation) -> Iterator[str]:
    """A layer that is called several times may lose one of its calls, and no variable tells."""
    if max(len(before.calls), len(after.calls)) >= _MOST_CALLS:
        return
    old, new = before.used_calls(), after.used_calls()
    gone = {
        path: count - new[path]
        for path, count in old.items()
        if count > new[path] and path in after.layers and path not in after.layers_not_reached
    }
    # A repeated layer may have given calls to those that were never called.
    if sum(gone.values()) > sum(count for path, count in new.items() if not old[path]):
        for path in gone:
            yield f"{path}: the output of {_count(new[path], 'call')} is used, of {old[path]} before"


def _new_errors(before: Observation, after: Observation) -> Iterator[str]:
    if not before.ran:
        return
    if not after.ran:
        yield f"the original ran; the patched model raises {after.raised}{where_raised(after, PATCHED)}"
        return
    for phase, message in after.errors.items():
        if phase not in before.errors:
            yield f"{phase_name(phase)} raises {message} now"


def _different_outputs(before: Observation, after: Observation) -> Iterator[str]:
    if before.outputs is None or after.outputs is None or before.outputs_random:
        return
    if _left_training_mode(before, after):
        return
    if after.outputs_random:
        yield "its outputs in inference mode are random now"
    elif len(before.outputs) != len(after.outputs):
        yield "its outputs in inference mode have another shape"
    else:
        scale = max((abs(value) for value in before.outputs if math.isfinite(value)), default=0.0)
        pairs = zip(before.outputs, after.outputs, strict=True)
        largest = max((_distance(a, b) for a, b in pairs), default=0.0)
        if largest > _ABSOLUTE + _RELATIVE * scale:
            yield f"its outputs in inference mode differ (by up to {largest:.3g})"


def _distance(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return abs(a - b) if math.isfinite(a) and math.isfinite(b) else math.inf


def _left_training_mode(before: Observation, after: Observation) -> bool:
    """Whether inference ran in training mode before: then its outputs must change."""
    return any(
        old.trained_in("predict") and not new.trained_in("predict")
        for _, old, new in _common_layers(before, after)
    )


def _mended(before: Observation, after: Observation) -> Iterator[str]:
    if not before.ran:
        if not any(phase in after.errors for phase in _TRAINING):
            yield f"the original raises {before.raised}{where_raised(before)}; the patched model runs"
            count = after.trainable_count
            if not after.missing_gradient:
                yield f"{count} of {count} trainable variables have a gradient"
        return
    for phase, message in before.errors.items():
        if phase not in after.errors:
            yield f"{phase_name(phase)} raised {message}; now it runs"
    if before.gradients_seen and after.gradients_seen:
        yield from _mended_gradients(before, after)
    for path, old, new in _common_layers(before, after):
        for phase in _FITTING:
            if old.trained_in(phase) is False and new.trained_in(phase):
                where = phase_name(phase)
                yield f"{layer_name(path, new)} did not run in training mode in {where}; now it does"
        for phase in INFERENCE:
            if old.trained_in(phase) and new.trained_in(phase) is False:
                yield f"{layer_name(path, new)} ran in training mode in {phase_name(phase)}; now it does not"


def _mended_gradients(before: Observation, after: Observation) -> Iterator[str]:
    if before.missing_gradient and not after.missing_gradient:
        count = after.trainable_count
        yield (
            f"{len(before.missing_gradient)} of {before.trainable_count} trainable variables had no gradient "
            f"({few(before.missing_gradient)}); now {count} of {count} have one"
        )
    reached = [path for path in before.layers_not_reached if path not in after.layers_not_reached]
    reached = [path for path in reached if path in after.layers]
    if reached:
        plural = "layers were" if len(reached) > 1 else "layer was"
        yield f"{len(reached)} {plural} not reached ({few(reached)}); now reached"
    lost, old, new = before.lost_calls(), before.used_calls(), after.used_calls()
    for path in _found_calls(before, after):
        yield (
            f"{path}: the output of {lost[path]} of {_count(lost[path] + old[path], 'call')} was lost; "
            f"now {new[path]} reach the model's"
        )


def _found_calls(before: Observation, after: Observation) -> list[str]:
    """Layers that are called several times, of whose calls more reach the output now."""
    old, new = before.used_calls(), after.used_calls()
    still = after.lost_calls()
    return [
        path for path, count in before.lost_calls().items() if still[path] < count and new[path] > old[path]
    ]


def _failed_claims(before: Observation, after: Observation, claims: Sequence[str]) -> Iterator[str]:
    if not after.gradients_seen:
        yield f"a gradient tape raises {after.errors.get('tape')}"
        return
    found = [*before.layers_not_reached, *_found_calls(before, after)]
    for claim in claims:
        paths = [path for path in after.layers if _belongs(path, claim)]
        if not paths:
            yield f"the model has no layer `{claim}`"
        elif lost := [path for path in paths if path in after.layers_not_reached]:
            yield f"{few(lost)}: should be reached by the fix, still not reached"
        elif not any(_belongs(path, claim) for path in before.layers):
            yield from _failed_newcomer(after, claim)
        elif before.gradients_seen and not any(_belongs(path, claim) for path in found):
            yield f"`{claim}` was reached before already"


def _failed_newcomer(after: Observation, claim: str) -> Iterator[str]:
    """A layer that the original made anew at every call belongs to the model now, and trains."""
    own = [name for name in after.trainable if _belongs(name.rpartition("/")[0], claim)]
    if not own:
        yield f"`{claim}` has no trainable variable"
    for lost, what in ((after.missing_gradient, "no gradient"), (after.not_moved, "not moved by fit")):
        if names := [name for name in own if name in lost]:
            yield f"{few(names)}: {what}"


def _newcomers(before: Observation, after: Observation, claims: Sequence[str]) -> Iterator[str]:
    """What it means that layers are the model's own now."""
    new = [each for each in claims if not any(_belongs(path, each) for path in before.layers)]
    if new and before.ran:
        own = [
            name for name in after.trainable if any(_belongs(name.rpartition("/")[0], each) for each in new)
        ]
        count = _count(len(own), "trainable variable")
        yield f"{count} of {few(new)} belong to the model now, and get a gradient"
        if before.outputs_random and not after.outputs_random:
            yield "the same inputs gave other outputs at every call; now they give the same"


def _claims_kept(before: Observation, claims: Sequence[str]) -> str:
    # An original that raises cannot be asked what it reached.
    verb = "not reached before, reached now" if before.gradients_seen else "reached"
    return f"what the fix should bring back ({few(claims)}): {verb}"


def _belongs(path: str, claim: str) -> bool:
    return path == claim or path.startswith((claim + "[", claim + "."))


def _common_layers(
    before: Observation, after: Observation
) -> Iterator[tuple[str, SensitiveLayer, SensitiveLayer]]:
    for path, new in after.sensitive.items():
        if path in before.sensitive:
            yield path, before.sensitive[path], new


def _new_names(what: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    known = set(before)
    names = [name for name in after if name not in known]
    if names:
        yield f"{few(names)}: {what}"


def few(names: Sequence[str]) -> str:
    """Some names for a sentence; of many the first, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def layer_name(path: str, layer: SensitiveLayer) -> str:
    """A layer in a sentence."""
    return f"{path} ({layer.class_name})"


def phase_name(phase: str) -> str:
    """A phase in a sentence: "a bare call" for "call"."""
    return _PHASE_NAMES.get(phase, phase)


def where_raised(observation: Observation, text: str = "") -> str:
    """` (line 30, at block.py:8)`, as far as it is known.

    Args:
        text: What the line is one of, `PATCHED` if that is not the file as it is.
    """
    line = observation.raised_line
    parts = [f"{told_lines([(line, observation.raised_cell)])}{text}"] if line else []
    if observation.raised_at:
        parts.append(f"at {os.path.basename(observation.raised_at)}")
    return f" ({', '.join(parts)})" if parts else ""
