"""# training-default-false (KF108)

## What it does
Finds a `call` whose parameter `training` defaults to False.

## Why it is bad
Little: Keras replaces a default by the mode it is in, so the numbers are the same as with None. But None is
what Keras documents, what its own layers take, and what tells "nobody asked" from "asked for inference".
The code of its own lets people ignore it.

## Example
    def call(self, x, training=False):

Use instead:

    def call(self, x, training=None):

## Fix safety
Safe: the same numbers in fit, evaluate, predict and a plain call. A suggestion where an augmentation layer or
something that kerasfix cannot see gets the flag, since to it None and False may differ. Not reported where
the flag is compared or computed with.

## References
- https://keras.io/api/layers/base_layer/ (`call`)
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.flag_uses import Use, flag_uses
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed
from kerasfix.analysis.threads import decorator_blockers
from kerasfix.analysis.training import Dependence
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding

_RULE = ("KF108", "training-default-false")


def check(program: Program) -> Iterator[Finding]:
    for info in program.classes:
        call = info.methods.get("call")
        if call is None or not _is_false(call.default(FLAG)):
            continue
        if program.flow.depends(info) is Dependence.INDEPENDENT:
            continue
        uses = flag_uses(call, program.flow)
        if any(site.passed is Passed.ABSENT for site in program.threads.callers(call)):
            # A plain `super().call(x)` gets the default itself, and None is not what it was.
            uses |= {Use.CONTEXT}
        if any(decorator_blockers(call)):
            continue
        if not uses & {Use.COMPARED, Use.OTHER}:
            yield _finding(program, info, call, uses)


def _finding(program: Program, info: ClassInfo, call: Method, uses: set[Use]) -> Finding:
    from kerasfix.codemods.training import default_to_none

    applicability, doubt = Applicability.SAFE, ""
    if Use.AUGMENTS in uses:
        applicability = Applicability.SUGGESTION
        doubt = "An augmentation layer gets the flag, and to it None is not False under Keras 2"
    elif Use.CONTEXT in uses:
        applicability = Applicability.SUGGESTION
        doubt = "A layer that augments, or that is not in sight, is called bare and may read the flag"
    elif Use.FOREIGN in uses:
        applicability = Applicability.SUGGESTION
        doubt = "Something that is not in sight gets the flag, and to it None may not be False"
    default = call.default(FLAG)
    assert default is not None
    fix, help = attempt("Make it `training=None`", applicability, lambda: default_to_none(call))
    return finding(
        program,
        _RULE,
        default,
        f"The default of `training` in `call` of {info.name} is False; Keras' convention is None",
        severity=Severity.INFO,
        owner=info.name,
        fix=fix,
        help=help or doubt,
    )


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


_INIT = """\
class Net(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.flip = layers.RandomFlip()
        self.block = block

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The flag is handed to layers and tested for truth",
            _INIT
            + """\
    def call(self, x, training = False):
        if training and x is not None:
            x = x + 1.0
        return self.drop(x, training=training)
""",
            _INIT
            + """\
    def call(self, x, training = None):
        if training and x is not None:
            x = x + 1.0
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Annotated, in the file's own way of writing types",
            """\
from typing import Optional

from keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training: bool = False, scale: Optional[float] = None):
        return self.drop(x, training=training)
""",
            """\
from typing import Optional

from keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training: Optional[bool] = None, scale: Optional[float] = None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "An augmentation layer gets the flag, or may read it",
            _INIT
            + """\
    def call(self, x, training=False):
        return self.drop(self.flip(x, training=training))


class Bare(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.flip = layers.RandomFlip()

    def call(self, x, training=False):
        return self.drop(self.flip(x), training=training)


class Foreign(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.block = block

    def call(self, x, training=False):
        return self.drop(self.block(x, training=training), training=training)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(self.flip(x, training=training))


class Bare(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.flip = layers.RandomFlip()

    def call(self, x, training=None):
        return self.drop(self.flip(x), training=training)


class Foreign(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.block = block

    def call(self, x, training=None):
        return self.drop(self.block(x, training=training), training=training)
""",
        ),
    ),
    valid=(
        Case(
            "None has a meaning of its own, or would raise",
            _INIT
            + """\
    def call(self, x, training=False):
        if training is not False:
            x = x + 1.0
        return self.drop(x, training=training)


class Cond(keras.Model):
    def call(self, x, training=False):
        return tf.cond(training, lambda: x + 1.0, lambda: x)
""",
        ),
        Case(
            "The flag is not used",
            _INIT
            + """\
    def call(self, x, training=False):
        return x
""",
        ),
        Case(
            "A parent that compares the flag, and is called without it",
            """\
class Base(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=False):
        if training is not False:
            x = x + 1.0
        return self.drop(x, training=training)


class Net(Base):
    def call(self, x):
        return super().call(x)
""",
        ),
    ),
)
