"""# training-default (KF102)

## What it does
Finds a `call` whose parameter `training` defaults to True or has no default.

## Why it is bad
Keras calls it with None when nobody asked for a mode, and documents that as inference. A default of True
makes a plain `model(x)` train: predictions are random, and BatchNormalization learns from the data that it
is asked about. Without a default, a plain `model(x)` raises under Keras 3.

## Example
    def call(self, x, training=True):

Use instead:

    def call(self, x, training=None):

## Fix safety
A repair: a plain `model(x)` runs in inference mode afterwards. Calls inside a `tf.GradientTape` or a
`train_step` that relied on the default get `training=True`, in all files that were given; in others they have
to be looked for. Evaluation code that got the default is KF303's.
A suggestion where such a call may be one of this class but cannot be told for certain, where nothing but code
of your own reads the flag, or where an augmentation layer sees it: True may be meant.
Where None has a meaning of its own (`if training is None`), nothing is edited.
In `call(self, x, training, mask)` the mask gets `=None` too, or the signature would be a syntax error; no
call changes by that. Where something else follows that has no default, nothing is edited.

## References
- https://keras.io/api/layers/base_layer/ (`call`)
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from kerasfix.analysis.flag_uses import Use, flag_uses
from kerasfix.analysis.index import ClassInfo, Kind, Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed
from kerasfix.analysis.tapes import Relying, place_of
from kerasfix.analysis.threads import decorator_blockers
from kerasfix.analysis.training import Dependence, is_true
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, left_alone, listed, severity, some
from kerasfix.source import Edit

_RULE = ("KF102", "training-default")
# Keras hands in a mask where there is one, and None means that there is none. Who forgot one got an error.
_MASK = re.compile(r"(?:^|_)masks?$")
_UNSURE = {Use.AUGMENTS, Use.FOREIGN}
_BLOCKED = {Use.COMPARED, Use.OTHER}


def check(program: Program) -> Iterator[Finding]:
    for info in program.classes:
        call = info.methods.get("call")
        if call is None or not call.takes(FLAG):
            continue
        if program.flow.depends(info) is Dependence.INDEPENDENT:
            continue
        default = call.default(FLAG)
        if default is None:
            yield _no_default(program, info, call)
        elif is_true(default):
            yield _default_true(program, info, call)


def _default_true(program: Program, info: ClassInfo, call: Method) -> Finding:
    uses = flag_uses(call, program.flow)
    relying = program.hand_training.relying_on_default(info)
    blockers = list(decorator_blockers(call))
    if uses & _BLOCKED:
        blockers.append("`call` does more with the flag than hand it on, so that None may not mean inference")
    fix, help = None, left_alone(blockers) if blockers else ""
    if not blockers:
        relying.doubtful += _bare_containers(program, info)
        sure = program.flow.calls_dependent_layer(info) and not uses & _UNSURE and not relying.doubtful
        # A layer is called by some model; where that is not in sight, it may pass no flag.
        sure = sure and (info.role is Kind.MODEL or bool(program.flow.users(info)))
        # Plain calls of it (`super().call(x)`, `Base.call(self, x)`) get the default itself.
        plain = program.threads.thread(call).blockers
        sure = sure and not plain
        applicability = Applicability.REPAIR if sure else Applicability.SUGGESTION
        fix, help = _fix(call, applicability, relying)
        help = help or (f"Not certain, because {listed(plain)}" if plain else _warning(relying))
    what = "is True, so that a plain model(x) runs in training mode"
    return _finding(program, info, call, what, Severity.WARNING, fix, help)


def _bare_containers(program: Program, info: ClassInfo) -> list[str]:
    """Places of calls of this layer, in other classes, that do not pass the flag and will not."""
    return [
        place_of(site.call, site.method.owner.module, info.module)
        for site in program.flow.users(info)
        if site.passed is Passed.UNCLEAR
        or program.flow.is_mixed(site)
        or (
            site.passed is Passed.ABSENT
            and not site.flag_in_reach
            and (site.method.takes(FLAG) or program.threads.thread(site.method).blockers)
        )
    ]


def _warning(relying: Relying) -> str:
    if relying.doubtful:
        places = some(relying.doubtful, "place")
        return f"A call on {places} may rely on the default, and would need `training=True` then"
    return "A training loop in another file that passes no flag needs `training=True` then"


def _no_default(program: Program, info: ClassInfo, call: Method) -> Finding:
    behind = _required_behind(call)
    blockers = list(decorator_blockers(call))
    blockers += [
        f"`{each.arg}` behind it has no default either; it needs one first, or another place"
        for each in behind
        if not _MASK.search(each.arg) or each.annotation is not None
    ]
    if blockers:
        fix, help = None, left_alone(blockers)
    else:
        fix, help = _fix(call, Applicability.REPAIR, Relying(), [each.arg for each in behind])
    what = "is missing, so that a plain model(x) raises under Keras 3"
    return _finding(program, info, call, what, severity(program, Severity.ERROR), fix, help)


def _finding(
    program: Program,
    info: ClassInfo,
    call: Method,
    what: str,
    how_bad: Severity,
    fix: Fix | None,
    help: str,
) -> Finding:
    return finding(
        program,
        _RULE,
        _parameter(call),
        f"The default of `training` in `call` of {info.name} {what}",
        severity=how_bad,
        owner=info.name,
        fix=fix,
        help=help,
    )


def _fix(
    call: Method, applicability: Applicability, relying: Relying, masks: Sequence[str] = ()
) -> tuple[Fix | None, str]:
    from kerasfix.codemods.training import add_training, default_to_none

    def edits() -> tuple[Edit, ...]:
        calls = [
            add_training(module.source, node, function, "True") for module, function, node in relying.sure
        ]
        return (*default_to_none(call, masks), *(edit for each in calls for edit in each))

    message = "Make it `training=None`"
    if masks:
        message += f", and {' and '.join(f'`{name}=None`' for name in masks)} behind it"
    if relying.sure:
        message += " and pass `training=True` where training relied on it"
    return attempt(message, applicability, edits, "A plain model(x) then runs in inference mode")


def _required_behind(call: Method) -> list[ast.arg]:
    """The parameters behind the flag that have no default: with one in front of them, that is no Python."""
    positional = [*call.node.args.posonlyargs, *call.node.args.args]
    names = [argument.arg for argument in positional]
    required = positional[: len(positional) - len(call.node.args.defaults)]
    return required[names.index(FLAG) + 1 :] if FLAG in names else []


def _parameter(call: Method) -> ast.arg:
    return next(argument for argument in call.named if argument.arg == FLAG)


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The default is True",
            _INIT
            + """\
    def call(self,x,training=True):
        return self.drop(x,training=training)
""",
            _INIT
            + """\
    def call(self,x,training=None):
        return self.drop(x,training=training)
""",
        ),
        Case(
            "No default, annotated, followed by a parameter that has one",
            _INIT
            + """\
    def call(self, x, training: bool, mask=None):
        return self.drop(x, training=training)
""",
            _INIT
            + """\
    def call(self, x, training: bool | None = None, mask=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Masks behind it get a default as well, which changes nothing for who passes them",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attend = layers.MultiHeadAttention(2, 4, dropout=0.1)

    def call(self, x, training, mask, padding_mask):
        return self.attend(x, x, attention_mask=mask & padding_mask, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training, mask):
        return self.block(x, training=training, mask=mask, padding_mask=mask)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attend = layers.MultiHeadAttention(2, 4, dropout=0.1)

    def call(self, x, training=None, mask=None, padding_mask=None):
        return self.attend(x, x, attention_mask=mask & padding_mask, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None, mask=None):
        return self.block(x, training=training, mask=mask, padding_mask=mask)
""",
        ),
        Case(
            "A gradient tape in the same file relied on the default; the evaluation did not mean to",
            _INIT
            + """\
    def call(self, x, training=True):
        return self.drop(x, training=training)


net = Net()


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(x))
    return tape.gradient(loss, net.trainable_variables)


print(net(tf.ones((1, 4))))
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training=training)


net = Net()


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(x, training=True))
    return tape.gradient(loss, net.trainable_variables)


print(net(tf.ones((1, 4))))
""",
        ),
        Case(
            "Found, but not edited: None has a meaning of its own",
            _INIT
            + """\
    def call(self, x, training=True):
        if training is None:
            return x
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Found, but not edited: tf.cond takes no None",
            _INIT
            + """\
    def call(self, x, training=True):
        return tf.cond(training, lambda: self.drop(x, training=training), lambda: x)
""",
        ),
        Case(
            "Found, but not edited: a default in the middle would be a syntax error",
            _INIT
            + """\
    def call(self, x, training, state):
        return self.drop(x + state, training=training)
""",
        ),
        Case(
            "A layer whose container may not hand the flag on",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(x, training=training)


class Net(keras.Model):
    def __init__(self, other):
        super().__init__()
        self.block = Block()
        self.other = other

    def call(self, x, **kwargs):
        return self.other(self.block(x), **kwargs)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


class Net(keras.Model):
    def __init__(self, other):
        super().__init__()
        self.block = Block()
        self.other = other

    def call(self, x, **kwargs):
        return self.other(self.block(x), **kwargs)
""",
        ),
        Case(
            "A layer whose container has the flag, and is to hand it on (KF103)",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None):
        return self.block(x)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None):
        return self.block(x)
""",
        ),
        Case(
            "Found, but not edited: a decorator may look at the signature",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    @checked
    def call(self, x, training):
        return self.drop(x, training=training)
""",
        ),
    ),
    valid=(
        Case(
            "None is the documented default",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "The flag changes nothing here",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x, training=True):
        return self.dense(x)
""",
        ),
    ),
)
