"""# learning-phase (KF304)

## What it does
Finds `K.set_learning_phase(...)`, `K.learning_phase()`, `K.learning_phase_scope(...)` and `K.in_train_phase(...)`
of `keras.backend`, in any spelling. Code that asks first whether Keras has them is left in peace.

## Why it is bad
Keras 3 has no learning phase: the names raise an AttributeError. In Keras 2 the switch was global, and did less
than it seems: it decided for layers and models that are called and given no flag, and for nothing else. `fit`,
`evaluate` and `predict` pass a flag of their own, and so `set_learning_phase(0)` never froze a model in training.

## Example
    K.set_learning_phase(1)
    logits = model(images)

Use instead:

    logits = model(images, training=True)

## Fix safety
Repair: the calls that a setting governs, from it to the next one, are given the flag, those in functions that
are called in between among them; then all settings of the module go, and their import if nothing else needs
it. A suggestion where something may rely on it that is not known: a function of another package that is given
a model, a model that comes from nowhere in sight, whatever runs after a function that left it set, a graph of
TensorFlow 1. A setting under a condition, or to something that is not a constant, is explained, no more. A
functional model is not bound to the setting that it was built under.

`if training is None: training = K.learning_phase()` becomes `training = False`, which is what it gave: Keras 2
hands a phase that was set to `call` itself. Other questions for the phase are answered by the parameter
`training`: a suggestion where one is at hand and it is tested for truth, else an explanation.

## References
- https://keras.io/guides/migrating_to_keras_3/
- https://www.tensorflow.org/api_docs/python/tf/keras/layers/Layer#call (`training`)
- Measured with Keras 3.15.1 and tf_keras 2.21: `tests/keras/test_learning_phase_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kerasfix.analysis.calls import Call
from kerasfix.analysis.loops.phase_calls import Region
from kerasfix.analysis.loops.phase_reads import Asked, Read, asked
from kerasfix.analysis.loops.phases import Nesting, PhaseUse
from kerasfix.analysis.program import Program
from kerasfix.analysis.tapes import place_of
from kerasfix.codemods import CannotEdit
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, finding, left_alone, listed, severity, some
from kerasfix.source import Edit

_RULE = ("KF304", "learning-phase")
_MOST_CALLS = 3


@dataclass(slots=True)
class _Answer:
    """What is to be done about one use.

    Attributes:
        use: The use.
        how: How far the edits can be trusted; None if there are none.
        edits: Edits beside the removal of the statement.
        goes: The statement that goes away, or the expression that is replaced.
        message: What the edits do.
        effect: What runs differently afterwards.
        help: What to do by hand, or what is doubtful.
    """

    use: PhaseUse
    how: Applicability | None = None
    edits: list[Edit] = field(default_factory=list)
    goes: ast.stmt | ast.expr | None = None
    message: str = ""
    effect: str = ""
    help: str = ""


def check(program: Program) -> Iterator[Finding]:
    uses = [use for use in program.phases.uses(program.module) if use.nesting is not Nesting.GUARD]
    if not uses:
        return
    settings = program.phases.settings(program.module)
    answers = _settled([_of_setting(program, use) for use in uses if use in settings], settings)
    answers += [_of_reading(program, use) for use in uses if use not in settings]
    edits = _edits(program, answers)
    for answer in sorted(answers, key=lambda each: (each.use.node.lineno, each.use.node.col_offset)):
        yield _finding(program, answer, edits.get(id(answer), ()))


# --- What sets it --------------------------------------------------------------------------------------------


def _of_setting(program: Program, use: PhaseUse) -> _Answer:
    region = program.phases.region(use)
    reason = _refusal(use)
    if reason is not None:
        return _Answer(use, help=f"{left_alone([reason])}. {_by_hand(use, region)}")
    assert use.statement is not None
    from kerasfix.codemods.training import add_training

    answer = _Answer(use, Applicability.REPAIR, goes=use.statement, message="Remove it")
    try:
        for call in region.sure:
            spot = call.spot
            answer.edits += add_training(spot.module.source, call.node, spot.function, str(use.value))
    except CannotEdit as error:
        return _Answer(use, help=f"{left_alone([str(error)])}. {_by_hand(use, region)}")
    if region.sure:
        answer.message = f"Pass `training={use.value}` to {_listed(region.sure, use)} and remove it"
    if region.doubts:
        answer.how = Applicability.SUGGESTION
        answer.help = f"A suggestion only, because {some(region.doubts)}"
    return answer


def _settled(answers: list[_Answer], settings: Sequence[PhaseUse]) -> list[_Answer]:
    """All settings of a module go together, or those that stay would govern what the others did."""
    kept = [each for each in settings if each not in [answer.use for answer in answers if answer.how]]
    doubtful = [each for each in answers if each.how is Applicability.SUGGESTION]
    if not kept and not doubtful:
        return answers
    if kept:
        why = f"A suggestion only, because the setting in line {kept[0].node.lineno} stays"
    else:
        why = f"A suggestion only, as that in line {doubtful[0].use.node.lineno} is"
    return [
        replace(each, how=Applicability.SUGGESTION, help=each.help or why) if each.how else each
        for each in answers
    ]


def _refusal(use: PhaseUse) -> str | None:
    """Why nothing can be edited."""
    if use.value is None:
        return "what it sets is not written there as a constant"
    if use.statement is None:
        return "it is part of an expression"
    if use.nesting is Nesting.CONDITION:
        return "a condition decides whether it is set"
    return None


def _by_hand(use: PhaseUse, region: Region) -> str:
    value = "the same mode" if use.value is None else f"`training={use.value}`"
    if use.value is None and isinstance(use.node, ast.Call) and use.node.args:
        value = f"`training={ast.unparse(use.node.args[0])}`"
    governed = (
        _listed(region.sure, use)
        if region.sure
        else "the models that it is meant for, where they are called,"
    )
    return f"Pass {value} to {governed} and remove it; fit, evaluate and predict need nothing"


def _listed(calls: Sequence[Call], use: PhaseUse) -> str:
    places = [place_of(call.node, call.spot.module, use.spot.module) for call in calls]
    names = [f"`{ast.unparse(call.node.func)}` in {place}" for call, place in zip(calls, places, strict=True)]
    if len(names) <= _MOST_CALLS:
        return listed(names)
    return f"{len(names)} calls, the first of them of {names[0]},"


# --- What asks for it ----------------------------------------------------------------------------------------

_WITH_FLAG = "Use the parameter `training`, which is None where nobody says anything; None counts as False"
_HELP = {
    Read.FLAG: _WITH_FLAG,
    Read.TEST: _WITH_FLAG,
    Read.DEFAULT: _WITH_FLAG,
    Read.CALL: "Give `call` the parameter `training=None`, which Keras fills in, and use that",
    Read.FUNCTION: (
        "In Keras 3, `keras.Model(inputs, outputs)` does what `K.function` did: call it with `training=False` or"
        " `training=True` where the function was given 0 or 1"
    ),
    Read.SCOPE: "Pass `training=` to the layers and models that are called in the block, and take the block away",
    Read.SETTING: "Pass `training=` to the layers and models where they are called",
    Read.VALUE: (
        "Keras 3 keeps no such state: hand the mode on as a parameter, and pass it as `training=` where layers and"
        " models are called"
    ),
}


def _of_reading(program: Program, use: PhaseUse) -> _Answer:
    found = asked(use)
    if found.read is Read.CHOICE:
        return _Answer(use, help=_choice_help(use, found))
    if not found.value:
        return _Answer(use, help=_HELP[found.read])
    start, end = program.source.span(found.node)
    is_sure = found.read is Read.DEFAULT and found.in_call and not _is_graph(program)
    return _Answer(
        use,
        Applicability.REPAIR if is_sure else Applicability.SUGGESTION,
        [Edit(start, end, found.value, program.module.file)],
        found.node,
        f"Write `{found.value}`",
        "" if found.read is Read.DEFAULT else "The parameter decides, which Keras fills in",
        "" if is_sure else _HELP[found.read],
    )


def _is_graph(program: Program) -> bool:
    return bool({"disable_eager_execution", "disable_v2_behavior"} & program.module.words)


def _choice_help(use: PhaseUse, found: Asked) -> str:
    given = [ast.unparse(each) for each in use.node.args] if isinstance(use.node, ast.Call) else []
    short = len(given) >= 2 and all(len(each) <= 30 and "lambda" not in each for each in given[:2])
    first, second = given[:2] if short else ("a", "b")
    if use.word == "in_test_phase":
        first, second = second, first
    where = " in a `call` that takes `training=None`" if found.in_call else ""
    return (
        f"Write `{first} if training else {second}`{where}; where the flag is a tensor,"
        " `keras.ops.cond(training, ..., ...)`"
    )


# --- Together ------------------------------------------------------------------------------------------------


def _edits(program: Program, answers: Sequence[_Answer]) -> dict[int, tuple[Edit, ...]]:
    """The edits for each answer: all settings go at once, and imports with the last that needs them."""
    repairs = [each for each in answers if each.how is Applicability.REPAIR]
    suggestions = [each for each in answers if each.how is Applicability.SUGGESTION]
    found: dict[int, tuple[Edit, ...]] = {}
    for group, stronger in ((repairs, []), (suggestions, repairs)):
        if group:
            found |= _of_group(program, group, stronger)
    return found


def _of_group(program: Program, group: list[_Answer], stronger: list[_Answer]) -> dict[int, tuple[Edit, ...]]:
    from kerasfix.codemods.removal import base_name, remove_imports

    def freed(answers: Sequence[_Answer]) -> tuple[list[Edit], list[ast.stmt]]:
        names = {name for each in answers if (name := base_name(each.use.func)) is not None}
        return remove_imports(program.module, names, [each.goes for each in answers if each.goes is not None])

    try:
        for answers in (group, [*stronger, *group]):
            edits, imports = freed(answers)
            if edits or imports:
                together = _joined(program, answers, edits, imports)
                return {id(each): together for each in group}
        settings = [each for each in group if isinstance(each.goes, ast.stmt)]
        together = _joined(program, settings, [], [])
    except CannotEdit as error:
        for each in group:
            each.how, each.help = None, left_alone([str(error)])
        return {}
    return {id(each): together if each in settings else tuple(each.edits) for each in group}


def _joined(
    program: Program, answers: Sequence[_Answer], edits: list[Edit], imports: list[ast.stmt]
) -> tuple[Edit, ...]:
    from kerasfix.codemods.removal import remove_statements

    gone = [each.goes for each in answers if isinstance(each.goes, ast.stmt)]
    made = [*edits, *(edit for each in answers for edit in each.edits)]
    return tuple(sorted({*made, *remove_statements(program.source, [*gone, *imports])}))


def _finding(program: Program, answer: _Answer, edits: tuple[Edit, ...]) -> Finding:
    use = answer.use
    text = use.text if len(use.text) <= 60 else f"{ast.unparse(use.func)}(...)"
    fix = Fix(answer.message, answer.how, edits, answer.effect) if answer.how and edits else None
    return finding(
        program,
        _RULE,
        use.node,
        f"`{text}` raises in Keras 3, which has no learning phase",
        severity=severity(program, Severity.ERROR),
        owner=use.spot.method.owner.name if use.spot.method is not None else "",
        fix=fix,
        help=answer.help,
    )


_START = """\
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras import layers

model = tf.keras.Sequential([layers.Dense(4), layers.BatchNormalization()])

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The bare call behind it is told its mode, and the import goes too",
            _START + "K.set_learning_phase(1)\nlogits = model(images)\n",
            _START.replace("from tensorflow.keras import backend as K\n", "")
            + "logits = model(images, training=True)\n",
        ),
    ),
    valid=(Case("x", "import keras\n"),),
)
