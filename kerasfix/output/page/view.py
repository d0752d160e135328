"""What the page shows of each model, worked out from the report so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kerasfix.output.chain import UNICODE, chain_lines
from kerasfix.output.console import Line
from kerasfix.output.page.charts import MOST_BARS
from kerasfix.output.page.strands import (
    MOST_CALLS,
    Strand,
    largest_norm,
    never_called,
    strands_of,
)
from kerasfix.output.proof import (
    VERDICTS,
    FlagRow,
    Row,
    fed_with,
    flag_phases,
    flag_rows,
    made_as,
    proof_rows,
    where_lost,
)
from kerasfix.verify.places import told_lines
from kerasfix.verify.report import (
    STEPS,
    ModelReport,
    Observation,
    VerdictKind,
    VerificationReport,
)

_NOTHING = "-"
# What is wrong first.
_ORDER = [
    VerdictKind.WORSE,
    VerdictKind.NOT_PROVED,
    VerdictKind.NOT_REACHED,
    VerdictKind.NOT_VERIFIED,
    VerdictKind.PROVED,
    VerdictKind.UNCHANGED,
]


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A trainable variable: the norms of its gradient, what there is to say instead, and its lines."""

    name: str
    before: float | None
    after: float | None
    before_text: str
    after_text: str
    made_line: str
    lost_line: str

    @property
    def is_wrong(self) -> bool:
        return self.before is None or self.after is None or not (self.before and self.after)


@dataclass(frozen=True, slots=True)
class Drawing:
    """The way through the layers of one version, or of both if nothing tells them apart."""

    title: str
    strands: Sequence[Strand]
    never_called: Sequence[str]
    left_out: int


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model, as the page shows it."""

    number: int
    report: ModelReport
    verdict: str
    rows: Sequence[Row]
    drawings: Sequence[Drawing]
    variables: Sequence[VariableRow]
    flags: Sequence[FlagRow]
    phases: Sequence[str]
    losses: Mapping[str, Sequence[float | None]]
    times: Sequence[tuple[str, float | None, float | None]]
    notes: Sequence[str]
    lost: str
    made_as: str
    fed_with: str
    chains: Sequence[Sequence[Line]]

    @property
    def charted(self) -> Sequence[VariableRow]:
        """The variables of the chart: those that are wrong first if there are too many."""
        if len(self.variables) <= MOST_BARS:
            return self.variables
        return sorted(self.variables, key=lambda row: not row.is_wrong)[:MOST_BARS]

    @property
    def has_norms(self) -> bool:
        return any(row.before or row.after for row in self.variables)


def views_of(report: VerificationReport) -> list[ModelView]:
    """All models, what is wrong first."""
    models = sorted(report.models, key=lambda model: _ORDER.index(model.verdict))
    return [_view(number, model) for number, model in enumerate(models, start=1)]


def _view(number: int, model: ModelReport) -> ModelView:
    seen = {name: each for name in ("before", "after") if (each := getattr(model, name)) is not None}
    flags = flag_rows(model)
    return ModelView(
        number,
        model,
        VERDICTS[model.verdict][0],
        proof_rows(model),
        _drawings(seen),
        _variables(model),
        flags,
        flag_phases(flags),
        _losses(model),
        _times(model),
        [*dict.fromkeys(note for each in seen.values() for note in each.notes)],
        where_lost(model),
        made_as(model),
        fed_with(model),
        [[*chain_lines(chain, UNICODE)] for chain in model.chains],
    )


def _drawings(seen: Mapping[str, Observation]) -> list[Drawing]:
    largest = largest_norm([*seen.values()])
    drawings = [
        Drawing(name, strands_of(each, largest), never_called(each), max(len(each.calls) - MOST_CALLS, 0))
        for name, each in seen.items()
        if each.calls or each.layers_not_called
    ]
    if len(drawings) == 2 and _look(drawings[0]) == _look(drawings[1]):
        return [Drawing("before and after", *_look(drawings[1]))]
    return drawings


def _look(drawing: Drawing) -> tuple[Sequence[Strand], Sequence[str], int]:
    return drawing.strands, drawing.never_called, drawing.left_out


def _variables(model: ModelReport) -> list[VariableRow]:
    seen = [each for each in (model.before, model.after) if each is not None]
    names = dict.fromkeys(name for each in seen for name in each.trainable)
    traces = {trace.variable: trace for trace in model.traces}
    rows = []
    for name in names:
        (before, before_text), (after, after_text) = _norm(model.before, name), _norm(model.after, name)
        trace = traces.get(name)
        made = _line(trace.made_line, trace.made_cell) if trace else ""
        lost = _line(trace.lost_line, trace.lost_cell) if trace else ""
        rows.append(VariableRow(name, before, after, before_text, after_text, made, lost))
    return rows


def _line(line: int | None, cell: int | None) -> str:
    """A line below a heading that says that it is one."""
    return "" if line is None else told_lines([(line, cell)]).removeprefix("line ")


def _norm(seen: Observation | None, name: str) -> tuple[float | None, str]:
    if seen is None or name not in seen.trainable:
        return None, _NOTHING
    if not seen.gradients_seen:
        return None, "not taken"
    if name in seen.missing_gradient:
        return None, "no gradient"
    if name in seen.nonfinite_gradient:
        return None, "not finite"
    norm = seen.gradient_norms.get(name)
    return norm, _NOTHING if norm is None else f"{norm:.3g}"


def _losses(model: ModelReport) -> dict[str, Sequence[float | None]]:
    """Both versions, so that each keeps its colour; nothing if neither got beyond one step."""
    versions = {"before": model.before, "after": model.after}
    losses = {name: seen.losses.get("fit", ()) if seen else () for name, seen in versions.items()}
    return {**losses} if any(len(each) > 1 for each in losses.values()) else {}


def _times(model: ModelReport) -> list[tuple[str, float | None, float | None]]:
    before, after = (each.seconds if each else {} for each in (model.before, model.after))
    steps = [step for step in STEPS if step in before or step in after]
    return [(step, before.get(step), after.get(step)) for step in dict.fromkeys([*steps, *before, *after])]
