"""What a verification saw, for people: a table for each model, before and after side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kerasfix.output.console import Line, Piece, Table
from kerasfix.proving import TRIED
from kerasfix.verify.places import told_lines
from kerasfix.verify.report import PHASES, ModelReport, Observation, SensitiveLayer, VerdictKind
from kerasfix.verify.verdict import few, where_raised

#: What a verdict is called, and its style.
VERDICTS = {
    VerdictKind.PROVED: ("proved", "bold green"),
    VerdictKind.UNCHANGED: ("same before and after", "green"),
    VerdictKind.WORSE: ("WORSE after the fix, so nothing of it is written", "bold red"),
    VerdictKind.NOT_PROVED: ("not proved", "yellow"),
    VerdictKind.NOT_REACHED: ("not reached by this run", "yellow"),
    VerdictKind.NOT_VERIFIED: ("not verified", "yellow"),
}
_NOT_CALLED = "-"
_BAD, _DOUBTFUL, _GOOD, _PLAIN = "red", "yellow", "green", ""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was watched, as both versions showed it: text and style."""

    label: str
    before: Piece
    after: Piece

    @property
    def badness(self) -> int:
        """The more, the worse it is in either version."""
        styles = (self.before[1], self.after[1])
        return 2 if _BAD in styles else int(_DOUBTFUL in styles)


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Which value of `training` a layer received, by phase; "-" where it was not called."""

    path: str
    class_name: str
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def differs(self) -> bool:
        return self.before != self.after

    def was_called_in(self, phase: str) -> bool:
        return {self.before[phase], self.after[phase]} != {_NOT_CALLED}


def proof_lines(model: ModelReport) -> Iterator[Line | Table]:
    """The verdict on one model, its reasons, and what was seen before and after."""
    verdict, style = VERDICTS[model.verdict]
    yield [
        (f"{model.class_name} ", "bold"),
        (f"({model.place}): ", ""),
        (verdict, style),
        (f"  [{_where(model)}]", "dim"),
    ]
    for reason in model.reasons:
        # What was proved stands in the table below.
        if model.verdict is not VerdictKind.PROVED or reason.startswith(TRIED):
            yield [(f"  {reason.removeprefix('not verified: ')}", "")]
    if model.before is None or model.after is None:
        return
    yield [(f"  run as {made_as(model)} on {fed_with(model)}", "dim")]
    rows = [((row.label, ""), row.before, row.after) for row in proof_rows(model)]
    yield Table(("", "before", "after"), [*rows, *_flag_cells(flag_rows(model))])
    for note in dict.fromkeys([*model.before.notes, *model.after.notes]):
        yield [("  note: ", "bold"), (note, "")]


def made_as(model: ModelReport) -> str:
    """`Net(units=16 by guess, rate=0.5 as configured)`: what the model was constructed with."""
    given = [f"{each.name}={each.value}{_source(each.source)}" for each in model.arguments]
    return f"{model.class_name}({', '.join(given)})"


def fed_with(model: ModelReport) -> str:
    """`(4, 28, 28, 1) float32 as in the code`: the inputs and where they are from."""
    given = [
        f"{each.name + ' ' if each.name else ''}({', '.join(map(str, each.shape))}) {each.dtype}"
        f"{_source(each.source)}"
        for each in model.inputs
    ]
    return ", ".join(given) or "what it takes"


def _source(source: str) -> str:
    names = {"configuration": " as configured", "site": " as in the code", "code": " as in the code"}
    if source.startswith("run of "):
        return f" as in a {source}"
    return names.get(source, " by guess" if source else "")


def proof_rows(model: ModelReport) -> list[Row]:
    """What was watched apart from flags, what is wrong first."""
    before, after = model.before, model.after
    if before is None or after is None:
        return []
    lost = where_lost(model)
    rows = [*_error_rows(before, after)]
    if before.gradients_seen or after.gradients_seen:
        rows.append(Row("no gradient", _gradients(before, lost), _gradients(after, "")))
        if model.kind == "model":
            rows.append(Row("not reached", _layers(before, lost), _layers(after, "")))
    elif not rows:
        rows.append(Row("gradients", *[("not taken", _DOUBTFUL)] * 2))
    rows += _name_rows(before, after, "fit" if model.kind == "model" else "the loop")
    return sorted(rows, key=lambda row: -row.badness)


def flag_rows(model: ModelReport) -> list[FlagRow]:
    """The layers that depend on the flag, those first whose flags differ."""
    if model.before is None or model.after is None:
        return []
    old, new = model.before.sensitive, model.after.sensitive
    received = [layer.received for layer in [*old.values(), *new.values()]]
    phases = [*dict.fromkeys([*PHASES, *(phase for each in received for phase in each)])]
    rows = [
        FlagRow(
            path,
            (new.get(path) or old[path]).class_name,
            {phase: _received(old.get(path), phase) for phase in phases},
            {phase: _received(new.get(path), phase) for phase in phases},
        )
        for path in dict.fromkeys([*old, *new])
    ]
    return sorted(rows, key=lambda row: not row.differs)


def flag_phases(rows: Sequence[FlagRow]) -> list[str]:
    """The phases in which any of these layers was called."""
    phases = rows[0].before if rows else ()
    return [phase for phase in phases if any(row.was_called_in(phase) for row in rows)]


def where_lost(model: ModelReport) -> str:
    """`lost on line 58`: the lines that lost a gradient, as far as they are known, else ""."""
    lost = {(trace.lost_cell or 0, trace.lost_line) for trace in model.traces if trace.lost_line is not None}
    return f"lost on {told_lines([(line, cell or None) for cell, line in sorted(lost)])}" if lost else ""


def _where(model: ModelReport) -> str:
    keras = f"Keras {model.keras_version}" if model.keras_version else None
    backend = " ".join(each for each in (model.backend, model.backend_version) if each)
    driver = f"driver {model.driver}" if model.driver else None
    known = [each for each in (keras, backend, model.device, driver) if each]
    return ", ".join([*known, f"{model.seconds:.1f} s"])


def _error_rows(before: Observation, after: Observation) -> Iterator[Row]:
    if before.raised is not None or after.raised is not None:
        yield Row("raised", _raised(before), _raised(after))
    for phase in dict.fromkeys([*PHASES, *before.errors, *after.errors]):
        # What one phase raises, the others mostly raise too.
        told = [seen.errors.get(phase) not in (None, seen.raised) for seen in (before, after)]
        if any(told):
            cells = [
                (message, _BAD) if (message := seen.errors.get(phase)) else ("runs", _GOOD)
                for seen in (before, after)
            ]
            yield Row(f"raised in {phase}", *cells)


def _raised(seen: Observation) -> Piece:
    if seen.raised is None:
        return "nothing", _GOOD
    return f"{seen.raised}{where_raised(seen)}", _BAD


def _gradients(seen: Observation, lost: str) -> Piece:
    if not seen.gradients_seen:
        return "not taken", _DOUBTFUL
    if not seen.missing_gradient:
        return f"none of {_count(seen.trainable_count, 'variable')}", _GOOD
    return _lost(seen.missing_gradient, seen.trainable_count, "variable", lost), _BAD


def _layers(seen: Observation, lost: str) -> Piece:
    if not seen.gradients_seen:
        return "not seen", _DOUBTFUL
    if not seen.layers_not_reached:
        return f"none of {_count(len(seen.layers), 'layer')}", _GOOD
    return _lost(seen.layers_not_reached, len(seen.layers), "layer", lost), _BAD


def _lost(names: Sequence[str], total: int, noun: str, lost: str) -> str:
    return f"{len(names)} of {_count(total, noun)}: {few(names)}{lost and ', ' + lost}"


def _name_rows(before: Observation, after: Observation, trainer: str) -> Iterator[Row]:
    """What is seldom and seldom good; a variable is named for the first of these that holds for it."""
    old, new = _doubts(before, trainer), _doubts(after, trainer)
    for label in old:
        if old[label] or new[label]:
            cells = [
                (few(names), _DOUBTFUL) if names else ("none", _PLAIN) for names in (old[label], new[label])
            ]
            yield Row(label, *cells)


def _doubts(seen: Observation, trainer: str) -> dict[str, list[str]]:
    known = {*seen.missing_gradient, *seen.nonfinite_gradient, *seen.zero_gradient}
    lost, used = seen.lost_calls(), seen.used_calls()
    return {
        "output lost": [f"{path} ({lost[path]} of {lost[path] + used[path]} calls)" for path in lost],
        "gradient not finite": [*seen.nonfinite_gradient],
        "gradient all zero": [*seen.zero_gradient],
        f"not moved by {trainer}": [name for name in seen.not_moved if name not in known],
    }


def _flag_cells(rows: Sequence[FlagRow]) -> Iterator[tuple[Piece, ...]]:
    """A line of headings, and below them for each layer what it received."""
    if not rows:
        return
    phases = flag_phases(rows)
    widths = {phase: max(len(phase), *(len(each) for each in _of_phase(rows, phase))) for phase in phases}

    def line(values: Mapping[str, str]) -> str:
        return " ".join(values[phase].ljust(widths[phase]) for phase in phases).rstrip()

    head = line({phase: phase for phase in phases})
    yield ("training received in", "dim"), (head, "dim"), (head, "dim")
    for row in rows:
        style = "bold" if row.differs else ""
        yield (f"{row.path} ({row.class_name})", ""), (line(row.before), ""), (line(row.after), style)


def _of_phase(rows: Sequence[FlagRow], phase: str) -> Iterable[str]:
    return [value for row in rows for value in (row.before[phase], row.after[phase])]


def _received(layer: SensitiveLayer | None, phase: str) -> str:
    if layer is None or phase not in layer.received:
        return _NOT_CALLED
    value = layer.received[phase]
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
