"""What the rules share that look at training loops: the finding at a call of what is trained."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.loops.evaluation import Used
from kerasfix.analysis.loops.need import Need, given_flag
from kerasfix.analysis.loops.settlement import Settlement
from kerasfix.analysis.loops.trained import TrainedCall
from kerasfix.analysis.program import Program
from kerasfix.analysis.scope import Function, default_values, named_parameters
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.training import is_true
from kerasfix.analysis.values import Value
from kerasfix.findings import Applicability, Finding, Fix, Loop, Severity
from kerasfix.rules.base import attempt, finding, left_alone, listed
from kerasfix.source import Edit
from kerasfix.syntax import own_nodes

_MOST_LAYERS = 3


def trained_finding(program: Program, rule: tuple[str, str], trained: TrainedCall) -> Finding | None:
    """What there is to say of a call of what is trained, which gives no flag; None if it needs none."""
    need = program.loops.need(trained)
    if need not in (Need.YES, Need.UNKNOWN):
        return None
    owner = trained.spot.method.owner.name if trained.spot.method is not None else ""
    name = f"`{trained.text}`"
    if need is Need.UNKNOWN:
        is_loop = trained.is_source and trained.is_applied and trained.whole
        if not is_loop or "keras" not in program.module.words or "backward" in program.module.words:
            # A method of something that is not in sight, a look at gradients, or no model of Keras.
            return None
        return finding(
            program,
            rule,
            trained.call,
            f"{name} is trained here and called without the flag",
            severity=Severity.INFO,
            owner=owner,
            help=left_alone(["what it is, and whether it depends on the flag, is not in sight"])
            + "; if it has Dropout or BatchNormalization, pass `training=True`",
        )
    fix, help = _fix(program, trained)
    return finding(
        program,
        rule,
        trained.call,
        f"{name} is trained here but runs in inference mode: its call passes no `training=True`",
        severity=Severity.ERROR,
        owner=owner,
        fix=fix,
        help=help,
        loops=tuple(_loops(program, trained)),
    )


def used_finding(program: Program, rule: tuple[str, str], used: Used) -> Finding:
    """What there is to say of a call of a model that is used, not trained, and not told so."""
    from kerasfix.codemods.training import add_training, replace_value

    node, spot = used.call.node, used.call.spot
    source, name = spot.module.source, f"`{ast.unparse(node.func)}`"
    where = f"`{spot.function.name}`" if spot.function is not None else "a loop over held-out data"
    given = given_flag(node)
    effect = _effect(program, used.values, "inference")
    if given is not None:
        message = f"{name} is told to run in training mode in {where}"
        how_bad, class_ = Severity.WARNING, Applicability.SUGGESTION
        fix, help = attempt(
            "Pass `training=False`", class_, lambda: replace_value(source, given, "False"), effect
        )
    else:
        relies = used.need is Need.RELIES
        why = "runs in training mode, which is its default" if relies else "is called without the flag"
        message = f"{name} {why}, in {where}"
        how_bad = Severity.WARNING if relies else Severity.INFO
        class_ = Applicability.REPAIR if relies else Applicability.SAFE
        fix, help = attempt(
            f"Pass `training={_not_training(spot.function)}`",
            class_,
            lambda: add_training(source, node, spot.function, _not_training(spot.function)),
            effect if relies else "",
        )
    owner = spot.method.owner.name if spot.method is not None else ""
    return finding(program, rule, node, message, severity=how_bad, owner=owner, fix=fix, help=help)


def _loops(program: Program, trained: TrainedCall) -> Iterator[Loop]:
    """The functions that train what is called."""
    model, context = trained.model, trained.context
    while isinstance(model, ast.Name) and (given := program.loops.holders.given(model.id, context)):
        model, context = given.node, given.context
    for function, spot in trained.roots.items():
        name, line = (function.name, function.lineno) if function else ("", trained.call.lineno)
        method = spot.method if spot.method is not None and spot.method.node is function else None
        owner = method.owner.name if method is not None else ""
        obstacle = _obstacle(function, spot)
        yield Loop(spot.module.source.file, name, line, (ast.unparse(model),), obstacle, owner)


def _obstacle(function: Function | None, spot: Spot) -> str:
    """What keeps somebody from calling a loop by itself."""
    if function is None:
        return "it stands at the top level of the file, and kerasfix runs definitions only"
    if len(spot.functions) > 1:
        return f"it is made by `{spot.functions[-1][0].name}`, which kerasfix does not run"
    words = {getattr(node, "id", getattr(node, "attr", "")) for node in own_nodes(function.body)}
    if not words & {"GradientTape", "minimize"}:
        library = "PyTorch" if "backward" in words else "JAX"
        return f"it takes its gradients with {library}, and kerasfix runs loops on TensorFlow only"
    return ""


def _fix(program: Program, trained: TrainedCall) -> tuple[Fix | None, str]:
    settlement = program.loops.settlement(trained)
    if settlement.blockers:
        return None, left_alone(settlement.blockers)
    message = "Pass `training=True`"
    if settlement.gains:
        names = listed([f"`{each.name}`" for each in settlement.gains])
        message = f"Take `training=False` in {names}, and pass `training=True` where it trains"
    elif settlement.shared:
        message = "Pass `training=training`, and `training=True` where it trains"
    fix, help = attempt(
        message,
        Applicability.REPAIR if trained.whole else Applicability.SUGGESTION,
        lambda: _edits(settlement),
        _effect(program, trained.values, "training"),
    )
    if help:
        return fix, help
    if not trained.whole:
        return fix, "Not certain, because only some of its variables are trained"
    return fix, _shared(settlement)


def _shared(settlement: Settlement) -> str:
    """Why it is more than one edit."""
    for function, others in settlement.shared.items():
        if others:
            places = listed([f"line {each.node.lineno}" for each in others])
            return (
                "Not just `training=True`, because "
                f"`{function.name}` runs where nothing is trained too, called on {places}"
            )
        return f"Not just `training=True`, because `{function.name}` may be called where nothing is trained"
    return ""


def _edits(settlement: Settlement) -> tuple[Edit, ...]:
    """The functions between get the flag and hand it on, and whoever trains says so."""
    from kerasfix.codemods.training import add_training, gain_mode

    edits: list[Edit] = []
    for function, spot in settlement.gains.items():
        edits += gain_mode(spot.module.source, function)
    for call, (spot, value) in settlement.passes.items():
        edits += add_training(spot.module.source, call, spot.function, value)
    return tuple(sorted(set(edits)))


def _not_training(function: Function | None) -> str:
    """What to say in evaluation code: what its function is told, if it is, unless that is True by default."""
    if function is None or not any(each.arg == FLAG for each in named_parameters(function)):
        return "False"
    return "False" if is_true(default_values(function).get(FLAG)) else FLAG


def _effect(program: Program, values: Sequence[Value], mode: str) -> str:
    layers = program.loops.needs.layers_of(values)[:_MOST_LAYERS]
    return f"{listed(layers) or 'It'} then {'run' if len(layers) > 1 else 'runs'} in {mode} mode"
