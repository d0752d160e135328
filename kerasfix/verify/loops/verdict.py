"""What the difference between two runs of a training function amounts to. Pure: no files, no processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kerasfix.verify.report import LIMITS, Observation, SensitiveLayer, Verdict, VerdictKind
from kerasfix.verify.verdict import PATCHED, few, layer_name, where_raised

#: The phase in which a function is watched.
PHASE = "loop"


def judge_loop(before: Observation, after: Observation, models: Sequence[str]) -> Verdict:
    """Compare the original with the patched function.

    Args:
        models: Those that the fix is about, by the names that the layers' paths begin with.
    """
    stopped = next((each for each in (after, before) if each.stopped in LIMITS), None)
    if stopped is not None:
        which = "patched" if stopped is after else "original"
        return Verdict(VerdictKind.NOT_VERIFIED, (f"not verified: the {which} function {stopped.raised}",))
    if before.raised is not None and after.raised is not None:
        reason = f"not verified: it raises before and after: {after.raised}"
        return Verdict(VerdictKind.NOT_VERIFIED, (reason,))
    worse = tuple(_worse(before, after))
    if worse:
        return Verdict(VerdictKind.WORSE, worse)
    if before.raised is not None:
        return Verdict(
            VerdictKind.PROVED,
            (f"the original raises {before.raised}{where_raised(before)}; the patched one runs",),
        )
    mended, strange = tuple(_mended(before, after, models)), tuple(_strange(before, after, models))
    if strange:
        return Verdict(VerdictKind.NOT_PROVED, strange)
    if mended:
        return Verdict(VerdictKind.PROVED, mended)
    left = [path for path, layer in after.sensitive.items() if _is_of(path, models) and not _trains(layer)]
    if left:
        return Verdict(
            VerdictKind.NOT_PROVED, (f"{few(left)}: runs in inference mode in the loop before and after",)
        )
    return Verdict(
        VerdictKind.UNCHANGED, ("it trains before and after, and nothing that was watched differs",)
    )


def _worse(before: Observation, after: Observation) -> Iterator[str]:
    if before.raised is None and after.raised is not None:
        yield f"the original ran; the patched function raises {after.raised}{where_raised(after, PATCHED)}"
        return
    if before.raised is not None:
        return
    yield from _new("no gradient any more", before.missing_gradient, after.missing_gradient)
    yield from _new("gradient not finite now", before.nonfinite_gradient, after.nonfinite_gradient)
    still = set(after.zero_gradient)
    # Behind a ReLU that Dropout has silenced a gradient may be zero for two steps.
    unmoved = [name for name in after.not_moved if name not in still]
    yield from _new("does not move any more", before.not_moved, unmoved)
    for path, layer in after.sensitive.items():
        old = before.sensitive.get(path)
        if old is not None and old.trained_in(PHASE) and layer.trained_in(PHASE) is False:
            yield f"{layer_name(path, layer)} does not run in training mode in the loop any more"


def _mended(before: Observation, after: Observation, models: Sequence[str]) -> Iterator[str]:
    for path, new in after.sensitive.items():
        old = before.sensitive.get(path)
        if old is None or not _is_of(path, models) or not _was_changed(old, new):
            continue
        if new.kind != "user" and new.trained_in(PHASE) is not False:
            yield f"{layer_name(path, new)} did not run in training mode in the loop; now it does"


def _strange(before: Observation, after: Observation, models: Sequence[str]) -> Iterator[str]:
    """What changed that the fix says nothing of."""
    for path, new in after.sensitive.items():
        old = before.sensitive.get(path)
        if (
            old is not None
            and not _is_of(path, models)
            and old.trained_in(PHASE) is False
            and new.trained_in(PHASE)
        ):
            name = layer_name(path, new)
            yield f"{name} runs in training mode in the loop now, and the fix is not about it"


def _was_changed(old: SensitiveLayer, new: SensitiveLayer) -> bool:
    """Whether calls of a layer were told to train that were not before.

    Other calls of the same model may rightly stay as they are: of the two networks of a GAN each step trains
    one.
    """
    before, after = _received(old), _received(new)
    return (True in after and True not in before) or (after == {True} and before != {True})


def _trains(layer: SensitiveLayer) -> bool:
    """Whether a call in the loop was told to train."""
    return True in _received(layer)


def _received(layer: SensitiveLayer) -> set[bool | None]:
    received = layer.received.get(PHASE)
    return {*received} if isinstance(received, tuple) else {received}


def _is_of(path: str, models: Sequence[str]) -> bool:
    return any(path == model or path.startswith(model + ".") for model in models)


def _new(what: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    names = [name for name in after if name not in before]
    if names:
        yield f"{few(names)}: {what}"
