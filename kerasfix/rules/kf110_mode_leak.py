"""# mode-leak (KF110)

## What it does
Finds a layer that depends on the training flag and is called without it, behind a call of the same `call`
that is given True or False.

## Why it is bad
Under Keras 3 the mode that one layer is given becomes the mode of the bare calls behind it. After
`self.base(x, training=False)`, the usual line of transfer learning, a bare Dropout or BatchNormalization of
the head stays in inference mode, in `fit()` too, and nothing is said. Behind a constant True, `predict()`
runs in training mode. Keras 2 did neither.

## Example
    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.head(self.drop(x))

Use instead:

    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.head(self.drop(x, training=training))

## Fix safety
A repair: the layer follows `fit()` and `predict()` again, as it did under Keras 2. The constant stays; it is
the author's. Where the flag has to come through helper methods, all of them change or none.

## References
- https://github.com/keras-team/keras/pull/23166
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import Method
from kerasfix.analysis.leaks import Constant
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import Passed, Site
from kerasfix.analysis.tapes import place_of
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, finding
from kerasfix.rules.passing import passing_fix

_RULE = ("KF110", "mode-leak")


def check(program: Program) -> Iterator[Finding]:
    for method in program.methods:
        behind = _leaks(program, method)
        for site in program.flow.sites(method):
            if site.call not in behind or site.passed is not Passed.ABSENT:
                continue
            if site.flag_in_reach or (method.name != "call" and program.threads.gets_flag(method)):
                yield _finding(program, site, behind[site.call])


def _leaks(program: Program, method: Method) -> dict[ast.Call, Constant]:
    return {} if program.module.is_keras2_only else program.leaks.behind(method)


def _finding(program: Program, site: Site, constant: Constant) -> Finding:
    effect = (
        f"predict() and evaluate() then run `{site.text}` in inference mode"
        if constant.value
        else f"fit() then runs `{site.text}` in training mode"
    )
    fix, help = passing_fix(program, site, effect, Applicability.REPAIR)
    what = (
        "is in training mode also in predict()" if constant.value else "stays in inference mode also in fit()"
    )
    where = place_of(constant.call, program.module, program.module)
    if constant.inside is not None and constant.module is not None:
        inner = place_of(constant.inside, constant.module, program.module)
        where = f"{inner}, inside `{ast.unparse(constant.call.func)}`"
    return finding(
        program,
        _RULE,
        site.call,
        f"The {site.class_names} `{site.text}` is called bare behind the `training={constant.value}` "
        f"of {where}: under Keras 3 it {what}",
        severity=Severity.ERROR,
        owner=site.method.owner.name,
        fix=fix,
        help=help,
    )


_INIT = """\
class Net(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.drop = layers.Dropout(0.5)
        self.bn = layers.BatchNormalization()

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Transfer learning: the head never trains its Dropout",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.drop(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.drop(x, training=training)
""",
        ),
        Case(
            "In one expression the inner call comes first, and a loop does not matter",
            _INIT
            + """\
    def call(self, xs, training=None):
        out = []
        for x in xs:
            out.append(self.bn(self.base(x, training=True)))
        return out
""",
            _INIT
            + """\
    def call(self, xs, training=None):
        out = []
        for x in xs:
            out.append(self.bn(self.base(x, training=True), training=training))
        return out
""",
        ),
        Case(
            "The constant stands in one helper, the layer in another",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.head(self.features(x))

    def features(self, x):
        return self.base(x, training=False)

    def head(self, x):
        return self.bn(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.head(self.features(x), training=training)

    def features(self, x):
        return self.base(x, training=False)

    def head(self, x, training=None):
        return self.bn(x, training=training)
""",
        ),
        Case(
            "The constant stands inside a layer in front, however that is called",
            """\
class Frozen(layers.Layer):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def call(self, x, training=None):
        return self.base(x, training=False)


class Net(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.features = Frozen(base)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.features(x, training=training)
        return self.drop(x)
""",
            """\
class Frozen(layers.Layer):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def call(self, x, training=None):
        return self.base(x, training=False)


class Net(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.features = Frozen(base)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.features(x, training=training)
        return self.drop(x, training=training)
""",
        ),
    ),
    valid=(
        Case(
            "A layer in front whose last layer is given the flag leaves nothing behind",
            """\
class Head(layers.Layer):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(self.base(x, training=False), training=training)


class Net(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.head = Head(base)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.head(x, training=training))
""",
        ),
        Case(
            "A branch that is left, an `and` that may stop short, something that is no layer",
            _INIT
            + """\
    def call(self, x, training=None, mode=None):
        if mode == "features":
            return self.base(x, training=False)
        y = mode and self.base(x, training=True)
        self.log.note(x, training=True)
        match mode:
            case "plain":
                x = self.base(x, training=False)
            case _:
                x = self.drop(x)
        return x
""",
        ),
        Case(
            "In front of the constant, or in the other branch",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.drop(x)
        if self.frozen:
            x = self.base(x, training=False)
        else:
            x = self.bn(x)
        return x
""",
        ),
        Case(
            "A call in between that is given the flag sets it right for those behind it",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.drop(self.bn(x, training=training))
""",
        ),
        Case(
            "The layer behind the constant gets the flag",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Only Keras 2, which does not leak",
            """\
import tf_keras
from tf_keras import layers


class Net(tf_keras.Model):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.base(x, training=False)
        return self.drop(x)
""",
        ),
    ),
)
