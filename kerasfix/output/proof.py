"""What a verification saw, for people: before and after, model by model."""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.output.console import Line
from kerasfix.verify.report import PHASES, ModelReport, Observation, SensitiveLayer, VerdictKind

_VERDICTS = {
    VerdictKind.PROVED: ("proved", "bold green"),
    VerdictKind.UNCHANGED: ("same before and after", "green"),
    VerdictKind.WORSE: ("WORSE after the fix, so nothing of it is written", "bold red"),
    VerdictKind.NOT_PROVED: ("not proved", "yellow"),
    VerdictKind.NOT_VERIFIED: ("not verified", "yellow"),
}
_MOST_NAMES = 6


def proof_lines(model: ModelReport) -> Iterator[Line]:
    """The verdict on one model, its reasons, and what was seen before and after."""
    verdict, style = _VERDICTS[model.verdict]
    yield [
        (f"{model.class_name} ", "bold"),
        (f"({model.file}:{model.line}): ", ""),
        (verdict, style),
        (f"  [{_where(model)}]", "dim"),
    ]
    for reason in model.reasons:
        yield [(f"  {reason.removeprefix('not verified: ')}", "")]
    if model.before is None or model.after is None:
        return
    lost = {trace.layer: trace.lost_line for trace in model.traces if trace.lost_line is not None}
    yield from _version_lines("before", model.before, lost)
    yield from _version_lines("after", model.after, {})
    yield from _flag_lines(model.before, model.after)


def _where(model: ModelReport) -> str:
    known = [
        f"Keras {model.keras_version}" if model.keras_version else "",
        model.backend or "",
        model.device or "",
    ]
    return ", ".join([*(each for each in known if each), f"{model.seconds:.1f} s"])


def _version_lines(name: str, seen: Observation, lost: dict[str, int]) -> Iterator[Line]:
    label = f"  {name + ':':<8}"
    if seen.raised is not None:
        where = f" (line {seen.raised_line})" if seen.raised_line else ""
        yield [(label, "bold"), (f"raised {seen.raised}{where}", "red")]
        if not seen.trainable:
            return
        label = " " * len(label)
    total = seen.trainable_count
    missing = seen.missing_gradient
    if not seen.gradients_seen:
        yield [(label, "bold"), ("no gradients were taken", "yellow")]
        return
    if missing:
        yield [
            (label, "bold"),
            (f"{len(missing)} of {total} variables without a gradient: {_names(missing)}", "red"),
        ]
    else:
        yield [(label, "bold"), (f"{total} of {total} variables have a gradient", "green")]
    for title, names in (
        ("gradient not finite", seen.nonfinite_gradient),
        ("gradient zero everywhere", seen.zero_gradient),
    ):
        if names:
            yield [(" " * len(label), ""), (f"{title}: {_names(names)}", "yellow")]
    if seen.layers_not_reached:
        lines = sorted(set(lost.values()))
        where = f", lost on line {', '.join(map(str, lines))}" if lines else ""
        yield [
            (" " * len(label), ""),
            (f"layers not reached: {_names(seen.layers_not_reached)}{where}", "red"),
        ]
    elif seen.layers:
        yield [(" " * len(label), ""), (f"all {len(seen.layers)} layers reached", "green")]


def _flag_lines(before: Observation, after: Observation) -> Iterator[Line]:
    """For each layer that depends on the flag: what `training` it received in each phase, old → new."""
    paths = list(dict.fromkeys([*before.sensitive, *after.sensitive]))
    if not paths:
        return
    width = max(len(path) + len(_class_of(path, before, after)) + 3 for path in paths)
    yield [(f"  {'training received by':<{width}}  ", "dim"), *((f"{phase:<18}", "dim") for phase in PHASES)]
    for path in paths:
        name = f"{path} ({_class_of(path, before, after)})"
        old, new = before.sensitive.get(path), after.sensitive.get(path)
        pieces = [(f"  {name:<{width}}  ", "")]
        for phase in PHASES:
            was, now = _received(old, phase), _received(new, phase)
            pieces.append((f"{was if was == now else f'{was} → {now}':<18}", "" if was == now else "bold"))
        yield pieces


def _class_of(path: str, before: Observation, after: Observation) -> str:
    found = after.sensitive.get(path) or before.sensitive.get(path)
    return found.class_name if found else ""


def _received(layer: SensitiveLayer | None, phase: str) -> str:
    if layer is None or phase not in layer.received:
        return "-"
    value = layer.received[phase]
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown
