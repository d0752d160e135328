"""What a verification saw, for people: before and after, model by model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kerasfix.output.console import Line, Piece
from kerasfix.proving import TRIED
from kerasfix.verify.report import PHASES, ModelReport, Observation, SensitiveLayer, VerdictKind

_VERDICTS = {
    VerdictKind.PROVED: ("proved", "bold green"),
    VerdictKind.UNCHANGED: ("same before and after", "green"),
    VerdictKind.WORSE: ("WORSE after the fix, so nothing of it is written", "bold red"),
    VerdictKind.NOT_PROVED: ("not proved", "yellow"),
    VerdictKind.NOT_VERIFIED: ("not verified", "yellow"),
}
_MOST_NAMES = 6
# Width of a column of flags: "False → None" and two spaces.
_COLUMN = 14


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
        # What was proved stands in the lines below.
        if model.verdict is not VerdictKind.PROVED or reason.startswith(TRIED):
            yield [(f"  {reason.removeprefix('not verified: ')}", "")]
    if model.before is None or model.after is None:
        return
    yield from _labelled("before", _version(model.before, _where_lost(model)))
    yield from _labelled("after", _version(model.after, ""))
    yield from _flag_lines(model.before, model.after)
    for note in dict.fromkeys([*model.before.notes, *model.after.notes]):
        yield [("  note:   ", "bold"), (note, "")]


def _where(model: ModelReport) -> str:
    keras = f"Keras {model.keras_version}" if model.keras_version else None
    backend = " ".join(each for each in (model.backend, model.backend_version) if each)
    driver = f"driver {model.driver}" if model.driver else None
    known = [each for each in (keras, backend, model.device, driver) if each]
    return ", ".join([*known, f"{model.seconds:.1f} s"])


def _where_lost(model: ModelReport) -> str:
    """`, lost on line 58`: the lines that lost a gradient, as far as they are known."""
    lines = sorted({trace.lost_line for trace in model.traces if trace.lost_line is not None})
    if not lines:
        return ""
    return f", lost on line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"


def _labelled(name: str, pieces: Iterable[Piece]) -> Iterator[Line]:
    label = f"  {name + ':':<8}"
    for piece in pieces:
        yield [(label, "bold"), piece]
        label = " " * len(label)


def _version(seen: Observation, lost: str) -> Iterator[Piece]:
    """What one version of a model did, a line each."""
    if seen.raised is not None:
        where = f" (line {seen.raised_line})" if seen.raised_line else ""
        verb = "" if seen.stopped else "raised "
        yield f"{verb}{seen.raised}{where}", "red"
        if not seen.trainable:
            return
    if not seen.gradients_seen:
        yield "no gradients were taken", "yellow"
        return
    total, missing = seen.trainable_count, seen.missing_gradient
    if missing:
        yield f"{len(missing)} of {total} variables without a gradient: {_names(missing)}{lost}", "red"
    else:
        yield f"{total} of {total} variables have a gradient", "green"
    if seen.nonfinite_gradient:
        yield f"gradient not finite: {_names(seen.nonfinite_gradient)}", "yellow"
    if seen.zero_gradient:
        yield f"gradient zero everywhere: {_names(seen.zero_gradient)}", "yellow"
    if seen.layers_not_reached:
        yield f"layers not reached: {_names(seen.layers_not_reached)}{lost}", "red"
    elif seen.layers:
        yield f"all {len(seen.layers)} layers reached", "green"


def _flag_lines(before: Observation, after: Observation) -> Iterator[Line]:
    """For each layer that depends on the flag: what `training` it received in each phase, old → new."""
    paths = list(dict.fromkeys([*before.sensitive, *after.sensitive]))
    if not paths:
        return
    names = {path: f"{path} ({_class_of(path, before, after)})" for path in paths}
    title = "training received by"
    width = max(len(title), *map(len, names.values()))
    head = "".join(f"{phase:<{_COLUMN}}" for phase in PHASES).rstrip()
    yield [(f"  {title:<{width}}  {head}", "dim")]
    for path, name in names.items():
        cells = [
            _cell(_received(before.sensitive.get(path), phase), _received(after.sensitive.get(path), phase))
            for phase in PHASES
        ]
        cells[-1] = (cells[-1][0].rstrip(), cells[-1][1])
        yield [(f"  {name:<{width}}  ", ""), *cells]


def _cell(old: str, new: str) -> Piece:
    text, style = (old, "") if old == new else (f"{old} → {new}", "bold")
    return f"{text:<{_COLUMN}}", style


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
