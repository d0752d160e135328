"""What the rules share that look at training loops: the finding at a call of what is trained."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.loops.evaluation import Used
from kerasfix.analysis.loops.need import Need, given_flag
from kerasfix.analysis.loops.trained import TrainedCall
from kerasfix.analysis.program import Program
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.sites import FLAG
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
        if not trained.is_source or "keras" not in program.module.words:
            # A method of something that is not in sight, or no model of Keras.
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
            "Pass `training=False`",
            class_,
            lambda: add_training(source, node, spot.function, "False"),
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
    from kerasfix.codemods.training import add_training

    source, function = trained.spot.module.source, trained.spot.function

    def directly() -> tuple[Edit, ...]:
        return add_training(source, trained.call, function, "True")

    message, effect = "Pass `training=True`", _effect(program, trained.values, "training")
    if not trained.whole:
        note = "Not certain, because only some of its variables are trained"
        fix, help = attempt(message, Applicability.SUGGESTION, directly, effect)
        return fix, help or note
    if not trained.ways:
        return attempt(message, Applicability.REPAIR, directly, effect)
    others = program.loops.other_calls(trained)
    assert function is not None
    if others is None:
        fix, help = attempt(message, Applicability.SUGGESTION, directly, effect)
        return fix, help or f"Not certain, because `{function.name}` may be called where nothing is trained"
    if not others:
        return attempt(message, Applicability.REPAIR, directly, effect)
    places = listed([f"line {each.node.lineno}" for each in others])
    reason = f"`{function.name}` is called where nothing is trained too, on {places}"
    if trained.hands_on or not _may_gain(trained):
        return None, left_alone([reason])
    fix, help = attempt(
        f"Take `training=False` in `{function.name}`, and pass `training=True` where it trains",
        Applicability.REPAIR,
        lambda: _thread(trained),
        effect,
    )
    return fix, help or f"Not just `training=True`, because {reason}"


def _may_gain(trained: TrainedCall) -> bool:
    """Whether a function can be given a parameter more: nobody overrides it, or calls it with `*args`."""
    function, method = trained.spot.function, trained.spot.method
    if function is None or function.args.kwarg or function.args.vararg:
        return False
    if any(argument.arg == FLAG for argument in named_parameters(function)):
        return False
    if method is not None and method.node is function:
        return all(
            method.name not in each.methods for each in method.owner.family if each is not method.owner
        )
    return all(given_flag(call) is None for call in trained.ways)


def _thread(trained: TrainedCall) -> tuple[Edit, ...]:
    """The function gets the flag and hands it on, and whoever trains says so."""
    from kerasfix.codemods.training import add_training, gain_mode

    source, function = trained.spot.module.source, trained.spot.function
    assert function is not None
    edits = [*gain_mode(source, function), *add_training(source, trained.call, function, FLAG)]
    for call, spot in trained.ways.items():
        edits += add_training(spot.module.source, call, spot.function, "True")
    return tuple(sorted(set(edits)))


def _effect(program: Program, values: Sequence[Value], mode: str) -> str:
    layers = program.loops.needs.layers_of(values)[:_MOST_LAYERS]
    return f"{listed(layers) or 'It'} then {'run' if len(layers) > 1 else 'runs'} in {mode} mode"
