"""# layer-created-in-call (KF205)

## What it does
Finds a layer that is made in `call`, or in a method that runs in it: `layers.Dense(4)(x)`.

## Why it is bad
It is another layer at every call. If it has weights, they are new numbers each time: the model does not know
them, nothing trains or saves them, a bare call gives another output every time, and `fit` on TensorFlow
raises «tf.function only supports singleton tf.Variables created on the first call». Keras 3 raises so for
Dropout, noise and augmentation as well, which keep their random state in a variable; Keras 2 does not. Other
layers without weights work; they are missing in `model.layers` and in summaries.

## Example
    def call(self, x):
        x = layers.Dense(4)(x)
        return self.out(x)

Use instead:

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)
        self.dense = layers.Dense(4)

    def call(self, x):
        x = self.dense(x)
        return self.out(x)

## Fix safety
A suggestion: it moves all such layers of a class into its constructor, where their arguments mean the same
there. Those with weights are new layers of the model, so that weights saved before do not have them.
`--verify` writes it if a run shows that these weights belong to the model then, and get a gradient. Left
alone where the arguments are made from the inputs or may change between calls, in loops and in helper methods
(one layer would be shared), and where the class has no constructor of its own or one that returns early.

Severity: error with weights, and under Keras 3 with a random state (a warning where the rate is not a plain
number, which may be 0); info without. Not reported in `__init__`
and `build`, under conditions that look as if they held only once (`if self.dense is None`, `hasattr`,
`self.built`), in functions that build functional models, and in classes whose constructor calls `call` to
build a graph.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
- https://www.tensorflow.org/guide/function#creating_tfvariables
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.analysis.created import CreatedLayer, hindrances, names_taken
from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.program import Program
from kerasfix.analysis.values import BuiltinLayer
from kerasfix.codemods import CannotEdit
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.keras.attributes import TAKEN
from kerasfix.rules.base import Case, Rule, finding, left_alone, severity
from kerasfix.source import Edit

_RULE = ("KF205", "layer-created-in-call")
_EFFECT = "They are made once and belong to the model: weights that were saved before do not have them"
# BatchNormalization -> batch_normalization, Conv2D -> conv2d, MyLSTMCell -> my_lstm_cell
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")


def check(program: Program) -> Iterator[Finding]:
    for info in program.module.classes:
        found = list(program.created.of(info))
        if found:
            fix, why_not = _fix(program, info, found)
            for created in found:
                yield _finding(program, created, fix, why_not.get(created, ""))


def _finding(program: Program, created: CreatedLayer, fix: Fix | None, why_not: str) -> Finding:
    consequence, how_bad = _consequence(program, created)
    return finding(
        program,
        _RULE,
        created.making,
        f"`{_short(created.making)}` is made anew whenever `{created.method.name}` runs{consequence}",
        severity=how_bad,
        owner=created.method.owner.name,
        method=created.method.name,
        fix=None if why_not else fix,
        help=why_not and f"Make it in `__init__` or `build` and call it here. {why_not}",
    )


def _consequence(program: Program, created: CreatedLayer) -> tuple[str, Severity]:
    raises = "" if program.module.is_on_jax else "; `fit` on TensorFlow raises"
    has_weights = program.weights.of(created.value)
    if has_weights:
        return f", with new weights that nothing trains or saves{raises}", Severity.ERROR
    rate = _rate(created)
    is_off = isinstance(rate, ast.Constant) and rate.value == 0
    if program.weights.has_seed(created.value) and raises and not is_off:
        return (
            ", with a new random state, with which `fit` of Keras 3 on TensorFlow raises"
            + ("" if rate is None or isinstance(rate, ast.Constant) else " if its rate is above 0"),
            severity(program, Severity.ERROR if isinstance(rate, ast.Constant | None) else Severity.WARNING),
        )
    if has_weights is None and not isinstance(created.value, BuiltinLayer):
        return ", with new weights if it has any", Severity.WARNING
    return "; the model does not know it", Severity.INFO


def _rate(created: CreatedLayer) -> ast.expr | None:
    """The rate of a Dropout or of noise, which at 0 takes no random state."""
    known = created.value.fact if isinstance(created.value, BuiltinLayer) else None
    if known is None or known.rate_argument is None:
        return None
    making = created.making
    named = [each.value for each in making.keywords if each.arg == known.rate_argument]
    return next(iter([*making.args[:1], *named]), None)


def _short(making: ast.Call) -> str:
    """A construction on one line: a long one without its arguments."""
    text = ast.unparse(making)
    return text if len(text) <= 40 else f"{ast.unparse(making.func)}(...)"


def _fix(
    program: Program, info: ClassInfo, found: list[CreatedLayer]
) -> tuple[Fix | None, dict[CreatedLayer, str]]:
    """One fix for all layers of a class that can be moved, and why the others cannot."""
    from kerasfix.codemods.layers import lines_after, moved

    taken = {*TAKEN, *names_taken(info)}
    why_not: dict[CreatedLayer, str] = {}
    lines: list[str] = []
    trained: list[str] = []
    edits: list[Edit] = []
    constructor = info.methods.get("__init__")
    for created in found:
        reasons = list(hindrances(created))
        if reasons or constructor is None:
            why_not[created] = left_alone(reasons)
            continue
        name = _name(created, taken)
        try:
            line, here = moved(program.source, created, name, constructor.node)
        except CannotEdit as error:
            why_not[created] = left_alone([str(error)])
            continue
        taken |= {name}
        lines.append(line)
        if program.weights.of(created.value):
            trained.append(name)
        edits += here
    if constructor is None or not lines:
        return None, why_not
    try:
        added = lines_after(program.source, constructor.node.body[-1], lines)
    except CannotEdit as error:
        return None, {each: left_alone([str(error)]) for each in found}
    message = "Make it in `__init__`" if len(lines) == 1 else f"Make all {len(lines)} of them in `__init__`"
    return Fix(
        message, Applicability.SUGGESTION, (added, *edits), effect=_EFFECT, mends=tuple(trained)
    ), why_not


def _name(created: CreatedLayer, taken: set[str]) -> str:
    """A free attribute: what the variable is called, else the class."""
    func = created.making.func
    class_name = func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)
    name = created.variable or _WORD_START.sub("_", class_name).lower()
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


_HEAD = """\
class Net(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.units = units
        self.out = layers.Dense(1)
        self.shared = None

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Called as soon as it is made, and kept in a variable",
            _HEAD
            + """\
    def call(self, x, training=None):
        x = layers.Dense(self.units)(x)
        x = layers.BatchNormalization()(x, training=training)
        head = keras.Sequential([layers.Dense(4), layers.Dense(2)])
        x = head(x)
        x = layers.Dense(4, activation="relu")(x)
        return self.out(layers.Flatten()(x))
""",
            """\
class Net(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.units = units
        self.out = layers.Dense(1)
        self.shared = None
        self.dense = layers.Dense(self.units)
        self.batch_normalization = layers.BatchNormalization()
        self.head = keras.Sequential([layers.Dense(4), layers.Dense(2)])
        self.dense_2 = layers.Dense(4, activation="relu")
        self.flatten = layers.Flatten()

    def call(self, x, training=None):
        x = self.dense(x)
        x = self.batch_normalization(x, training=training)
        x = self.head(x)
        x = self.dense_2(x)
        return self.out(self.flatten(x))
""",
        ),
        Case(
            "A constructor that ends behind a page break",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
\f        self.units = 4

    def call(self, x):
        return layers.Flatten()(layers.Dense(self.units)(x))
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
\f        self.units = 4
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(self.units)

    def call(self, x):
        return self.flatten(self.dense(x))
""",
        ),
        Case(
            "A layer of the project, a name that is taken, and tabs",
            """\
class Block(layers.Layer):
\tdef build(self, shape):
\t\tself.kernel = self.add_weight(shape=(4, 4))

\tdef call(self, x):
\t\treturn x @ self.kernel


class Net(keras.Model):
\tdef __init__(self):
\t\tsuper().__init__()
\t\tself.block = 4

\tdef call(self, x):
\t\treturn Block()(x)
""",
            """\
class Block(layers.Layer):
\tdef build(self, shape):
\t\tself.kernel = self.add_weight(shape=(4, 4))

\tdef call(self, x):
\t\treturn x @ self.kernel


class Net(keras.Model):
\tdef __init__(self):
\t\tsuper().__init__()
\t\tself.block = 4
\t\tself.block_2 = Block()

\tdef call(self, x):
\t\treturn self.block_2(x)
""",
        ),
        Case(
            "Found, but not edited: arguments from the inputs, loops, helper methods, attributes that change",
            _HEAD
            + """\
    def call(self, x):
        self.shared = x.shape[-1]
        x = layers.Dense(x.shape[-1])(x)
        for _ in range(3):
            x = layers.Dense(4)(x)
        x = layers.Dense(self.shared)(x)
        if self.units:
            x = layers.Dropout(self.units)(x)
        return self.head(x)

    def head(self, x):
        return layers.Dense(4)(x)
""",
        ),
        Case(
            "Found, but not edited: no constructor, or one that returns early",
            """\
class Net(keras.Model):
    def call(self, x):
        return layers.Dense(4)(x)


class Early(keras.Model):
    def __init__(self, small=False):
        super().__init__()
        if small:
            return
        self.out = layers.Dense(1)

    def call(self, x):
        return layers.Dropout(0.5)(x)
""",
        ),
        Case(
            "Over several lines, at the depth of the constructor",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.deep = True

    def call(self, x):
        head = layers.Dense(
            4,
            name="head",
        )
        return head(x)
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.deep = True
        self.head = layers.Dense(
            4,
            name="head",
        )

    def call(self, x):
        return self.head(x)
""",
        ),
        Case(
            "Found, but not edited: over several lines, deeper than the constructor",
            """\
class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.deep = True

    def call(self, x, deep=False):
        if deep:
            x = x + 1.0
            x = layers.Dense(
                4,
                name="head",
            )(x)
        return x
""",
        ),
    ),
    valid=(
        Case(
            "Made once: in `__init__`, in `build`, under a condition",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = None
        self.head = layers.Dense(4)
        self.warm = layers.Dense(4)(tf.zeros((1, 4)))

    def build(self, shape):
        self.first = layers.Dense(shape[-1])
        self.first(tf.zeros((1, 4)))

    def make(self):
        self.dense = layers.Dense(4)
        out = layers.Dense(4)
        return out(tf.zeros((1, 4)))

    def call(self, x):
        if self.dense is None:
            self.dense = layers.Dense(4)
            x = layers.Dense(4)(x)
        if not hasattr(self, "late"):
            late = layers.Dense(4)
            x = late(x)
            self.make()
        if not self.built:
            x = layers.Dense(4)(x)
        return self.head(self.dense(x))
""",
        ),
        Case(
            "Builders of functional models, in and outside of classes",
            """\
def block(x):
    x = layers.Dense(4)(x)
    return layers.Dropout(0.5)(x)


def build():
    inputs = keras.Input((4,))
    return keras.Model(inputs, block(inputs))


class Net(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs=inputs, outputs=self.call(inputs))

    def call(self, x):
        return layers.Dense(4)(x)


class Factory:
    def call(self, x):
        return layers.Dense(4)(x)


class Built(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = self.build_net()

    def build_net(self):
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(4)(inputs))

    def call(self, x):
        return self.net(x)
""",
        ),
        Case(
            "Layers that are kept, handed in or only named",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.kind = layers.Dense
        self.stack = []

    def call(self, x, layer):
        found = layers.Dense
        extra = layers.Dense(4)
        self.stack.append(extra)
        return layer(extra(x))
""",
        ),
    ),
)
