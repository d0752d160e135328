"""# repeated-layer (KF204)

## What it does
Finds a layer that is called more than once in a method while a sibling of it, of the same class and with a
name that differs in one number or word, is made and never called: `self.in1_1` twice, `self.in1_2` never.

## Why it is bad
A line was copied and one of its names was not changed. Two places of the model share weights that were meant
to be their own, and the sibling never gets any. Nothing says so: all weights that exist get a gradient.

## Example
    x = self.in1_1(x)
    x = self.in1_1(x)

Use instead:

    x = self.in1_1(x)
    x = self.in1_2(x)

## Fix safety
A suggestion: two places may share a layer on purpose. Which call stands for which layer is told by the order
in which the layers are made. The model gets more weights, so that saved weights no longer load. With
`--verify` it is written if a run shows that the sibling is reached then.

Silent unless nobody calls the sibling, with all the care of KF203; where one run of the method cannot make
all of the calls (`if` and `else`, loops); where a comment by a call, or a docstring, says that the layer is
shared; and for layers without weights that are made alike, which may take each other's place.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kerasfix.analysis.program import Program
from kerasfix.analysis.siblings import Repeat
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding

_RULE = ("KF204", "repeated-layer")
_EFFECT = "The two places no longer share weights; saved weights no longer load"
_TIMES = {2: "twice"}


def check(program: Program) -> Iterator[Finding]:
    for info in program.module.classes:
        for repeat in program.siblings.repeats(info):
            yield _finding(program, repeat)


def _finding(program: Program, repeat: Repeat) -> Finding:
    from kerasfix.codemods.layers import call_instead

    name, sibling = repeat.layer.name, repeat.sibling.name
    fix, help = attempt(
        f"Call `self.{sibling}`",
        Applicability.SUGGESTION,
        lambda: call_instead(program.source, repeat.call, sibling),
        _EFFECT,
    )
    times = _TIMES.get(repeat.count, f"{repeat.count} times")
    return finding(
        program,
        _RULE,
        repeat.call.func,
        f"`self.{name}` is called {times} in `{repeat.method.name}`, and its sibling `self.{sibling}` "
        f"({repeat.sibling.class_names}) is never called",
        severity=Severity.WARNING,
        owner=repeat.layer.info.name,
        method=repeat.method.name,
        loses=(sibling,),
        fix=replace(fix, mends=(sibling,)) if fix is not None else None,
        help=help,
    )


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.in1_1 = layers.Dense(4)
        self.in1_2 = layers.Dense(4)
        self.left_norm = layers.LayerNormalization()
        self.right_norm = layers.LayerNormalization()
        self.pool1 = layers.MaxPooling1D()
        self.pool2 = layers.MaxPooling1D()

"""
_ROW = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(4)
        self.fc2 = layers.Dense(4)
        self.fc3 = layers.Dense(4)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Copied, and one number not changed; words count as well",
            _INIT
            + """\
    def call(self, x, y):
        x = self.in1_1(x)
        x = self.in1_1(x)
        return self.right_norm(self.pool1(x)), self.right_norm(self.pool2(y))
""",
            _INIT
            + """\
    def call(self, x, y):
        x = self.in1_1(x)
        x = self.in1_2(x)
        return self.left_norm(self.pool1(x)), self.right_norm(self.pool2(y))
""",
        ),
        Case(
            "A row of three",
            _ROW
            + """\
    def call(self, x):
        x = self.fc1(x)
        x = self.fc1(x)
        return self.fc1(x)
""",
            _ROW
            + """\
    def call(self, x):
        x = self.fc1(x)
        x = self.fc2(x)
        return self.fc3(x)
""",
        ),
    ),
    valid=(
        Case(
            "Twins that share a layer, and siblings that are called somewhere",
            _INIT
            + """\
    def call(self, x, y):
        x, y = self.in1_1(x), self.in1_1(y)
        x, y = self.left_norm(x), self.left_norm(y)
        return self.pool1(x), self.pool2(y)

    def head(self, x):
        return self.right_norm(self.in1_2(x))
""",
        ),
        Case(
            "Either branch, a loop, and layers that may take each other's place",
            _INIT
            + """\
    def call(self, x, y, deep=False):
        if deep:
            x = self.in1_1(x)
        else:
            x = self.in1_1(y)
        for _ in range(2):
            x = self.left_norm(x)
            y = self.left_norm(y)
        return self.pool1(x), self.pool1(y)
""",
        ),
        Case(
            "Two layers that either of two others may stand for",
            _ROW
            + """\
    def call(self, x):
        x = self.fc1(x)
        x = self.fc2(x)
        x = self.fc1(x)
        return self.fc2(x)
""",
        ),
        Case(
            "A sibling that is kept for old checkpoints, and one of another class",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(4)
        # Old weights have it.
        self.fc2 = layers.Dense(4)

        self.block1 = layers.Dense(4)
        self.block2 = layers.LayerNormalization()

    def call(self, x):
        x = self.block1(self.block1(x))
        return self.fc1(self.fc1(x))
""",
        ),
    ),
)
