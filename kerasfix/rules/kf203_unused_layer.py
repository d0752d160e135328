"""# unused-layer (KF203)

## What it does
Finds a layer that a class makes for itself and that nobody ever calls or reads.

## Why it is bad
It is no part of what the model computes. Its weights are never even made, so that nothing is missing in
`trainable_variables`, no gradient is reported as missing, and Keras 2 says nothing at all; `fit` of Keras 3
may warn that the model «looks like it has unbuilt state». A normalization or dropout that somebody relies on
does not happen.

## Example
    x = self.conv1(x)
    x = self.bn1(x)
    x = self.conv2(x)
    return self.out(x)      # self.bn2 is made in __init__

Use instead:

    x = self.conv1(x)
    x = self.bn1(x)
    x = self.conv2(x)
    x = self.bn2(x)
    return self.out(x)

## Fix safety
A suggestion, and only where the siblings of the layer show its place: `bn2` behind `conv2` as `bn1` stands
behind `conv1`, `conv3` behind `conv2` which follows `conv1`. The model computes something else afterwards and
has more weights, so that saved weights may no longer load. With `--verify` it is written if a run shows that
the layer is reached then. Layers without weights are reported as info.

Silent for classes with an unknown base, without a `call`, or finished elsewhere (`Net.call = call`); where
`self.layers`, `getattr`, `vars` or their like, or a function of another package that gets `self`, may reach
the layer; where a subclass, another class or another file says its name; for functional subclasses; for
layers that a comment or a docstring says are kept, for old checkpoints or otherwise, and for those whose
call is commented out.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.program import Program
from kerasfix.analysis.siblings import Place
from kerasfix.analysis.unused import HeldLayer
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding
from kerasfix.source import Edit
from kerasfix.syntax import walk

_RULE = ("KF203", "unused-layer")
_EFFECT = "The model computes something else then; saved weights may no longer load"
_HELP = "Call it where it belongs, or delete it; a comment beside it that says why it is kept silences this"


def check(program: Program) -> Iterator[Finding]:
    for info in program.module.classes:
        repeated = {repeat.sibling for repeat in program.siblings.repeats(info)}
        for layer in program.unused.of(info):
            if layer not in repeated:
                yield _finding(program, info, layer)


def _finding(program: Program, info: ClassInfo, layer: HeldLayer) -> Finding:
    has_weights = program.weights.of_any(layer.values)
    places = program.siblings.places(layer)
    fix, help = None, _HELP
    if len({place.at for place in places}) == 1:
        fix, why_not = _fix(program, layer, places[0])
        help = "" if fix is not None else f"{_HELP}. {why_not}"
    return finding(
        program,
        _RULE,
        layer.makings[0].statement,
        f"`self.{layer.name}` ({layer.class_names}) is made and never called, so that "
        + _consequence(layer, has_weights),
        severity=Severity.WARNING if has_weights else Severity.INFO,
        owner=info.name,
        method=places[0].method.name if fix is not None else "",
        loses=(layer.name,),
        fix=fix,
        help=help,
    )


def _consequence(layer: HeldLayer, has_weights: bool | None) -> str:
    if not has_weights:
        return "it has no effect"
    built = any(
        isinstance(node, ast.Attribute)
        and node.attr == "build"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == layer.name
        for node in walk(layer.info.node)
    )
    return "its weights get no gradient" if built else "it never gets weights and learns nothing"


def _fix(program: Program, layer: HeldLayer, place: Place) -> tuple[Fix | None, str]:
    def edits() -> tuple[Edit, ...]:
        from kerasfix.codemods.layers import call_after, call_around

        source, node = program.source, place.at
        if isinstance(node, ast.Call):
            return call_around(source, node, place.model, layer.name)
        return call_after(source, node, place.model, layer.name, place.variable, place.method.node)

    message = f"Call it in `{place.method.name}`, as {place.says}"
    fix, help = attempt(message, Applicability.SUGGESTION, edits, _EFFECT)
    return (replace(fix, mends=(layer.name,)) if fix is not None else None), help


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, padding="same")
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(4, 3, padding="same")
        self.bn2 = layers.BatchNormalization()
        self.out = layers.Dense(1)

"""
_PAIR = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.head = layers.Dense(1)

    def call(self, x):
        return self.dense(x)
"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The second normalization belongs behind the second convolution",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.conv1(x)
        x = self.bn1(x, training=training)
        x = tf.nn.relu(x)
        x = self.conv2(x)  # the second block
        x = tf.nn.relu(x)
        return self.out(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.conv1(x)
        x = self.bn1(x, training=training)
        x = tf.nn.relu(x)
        x = self.conv2(x)  # the second block
        x = self.bn2(x, training=training)
        x = tf.nn.relu(x)
        return self.out(x)
""",
        ),
        Case(
            "Around the call, as its sibling stands",
            _INIT
            + """\
    def call(self, x, training=None):
        x = tf.nn.relu(self.bn1(self.conv1(x), training=training))
        x = tf.nn.relu(self.conv2(x))
        return self.out(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = tf.nn.relu(self.bn1(self.conv1(x), training=training))
        x = tf.nn.relu(self.bn2(self.conv2(x), training=training))
        return self.out(x)
""",
        ),
        Case(
            "The third of a row",
            """\
class Actor(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(64)
        self.fc2 = layers.Dense(64)
        self.fc3 = layers.Dense(64)
        self.out = layers.Dense(1)

    def call(self, state):
        x=tf.nn.relu(self.fc1(state))
        x=tf.nn.relu(self.fc2(x))
        return self.out(x)
""",
        ),
        Case(
            "The third of a row, told by two that are alike",
            """\
class Actor(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(64)
        self.fc2 = layers.Dense(64)
        self.fc3 = layers.Dense(64)
        self.out = layers.Dense(1)

    def call(self, x):
        x=tf.nn.relu(self.fc1(x))
        x=tf.nn.relu(self.fc2(x))
        return self.out(x)
""",
            """\
class Actor(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(64)
        self.fc2 = layers.Dense(64)
        self.fc3 = layers.Dense(64)
        self.out = layers.Dense(1)

    def call(self, x):
        x=tf.nn.relu(self.fc1(x))
        x=tf.nn.relu(self.fc2(x))
        x=tf.nn.relu(self.fc3(x))
        return self.out(x)
""",
        ),
        Case("Found, but not edited: nothing shows where it belongs", _PAIR),
        Case(
            "A list of layers that is filled and never used",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.blocks = []
        for i in range(3):
            self.blocks.append(layers.Dense(4))

    def call(self, x):
        return self.dense(x)
""",
        ),
        Case(
            "Another class has an attribute of that name",
            _PAIR
            + """\


class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(x)
""",
        ),
        Case(
            "Built, and never called",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.head = layers.Dense(1)
        self.head.build((None, 4))

    def call(self, x):
        return self.dense(x)
""",
        ),
        Case(
            "Found, but not edited: the call of its sibling says what may be meant for it alone",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(4, 3)
        self.bn2 = layers.BatchNormalization()

    def call(self, x, training=None):
        x = self.bn1(self.conv1(x), training=self.is_on(training))
        return self.conv2(x)
""",
        ),
    ),
    valid=(
        Case(
            "Read in another way: handed on, returned, watched, called in a loop",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(4)
        self.b = layers.Dense(4)
        self.c = layers.Dense(4)
        self.d = layers.Dense(4)
        self.stack = [self.a]
        self.blocks = [layers.Dense(4) for _ in range(3)]

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        for block in self.blocks:
            x = block(x)
        return tf.matmul(x, self.c.kernel)

    def head(self):
        return self.b

    @property
    def kernel(self):
        return self.d.weights
""",
        ),
        Case(
            "By a subclass, a base class, another file or a script",
            """\
class Base(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(4)
        self.third = layers.Dense(4)

    def call(self, x):
        return self.second(x)


class Net(Base):
    def __init__(self):
        super().__init__()
        self.second = layers.Dense(4)

    def head(self, x):
        return self.first(x)


net = Net()
print(net.third(tf.zeros((1, 4))))
""",
        ),
        Case(
            "Reached without being named",
            """\
class Loop(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(4)

    def call(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Named(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Dense(4)

    def call(self, x):
        for i in range(1, 2):
            x = getattr(self, f"conv{i}")(x)
        return x


class Vars(keras.Model):
    def __init__(self):
        super().__init__()
        self.b = layers.Dense(4)

    def call(self, x):
        return vars(self)["b"](x)


class Dict(keras.Model):
    def __init__(self):
        super().__init__()
        self.c = layers.Dense(4)

    def call(self, x):
        return self.__dict__["c"](x)


class Found(keras.Model):
    def __init__(self):
        super().__init__()
        self.e = layers.Dense(4, name="last")

    def call(self, x):
        return x


last = Found().get_layer("last")
""",
        ),
        Case(
            "A class with an unknown base, without `call`, or with one that is to come",
            """\
from somewhere import Base


class Open(Base, keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(4)

    def call(self, x):
        return x


class Bare(keras.Model):
    def __init__(self):
        super().__init__()
        self.b = layers.Dense(4)


class Abstract(keras.Model):
    def __init__(self):
        super().__init__()
        self.c = layers.Dense(4)

    def call(self, x):
        raise NotImplementedError


class Cell(layers.LSTMCell):
    def build(self, shape):
        self.d = layers.Dense(4)

    def call(self, x, states):
        return super().call(x, states)
""",
        ),
        Case(
            "Finished elsewhere",
            _PAIR
            + """\


def call(self, x):
    return x


Net.call = call
""",
        ),
        Case(
            "A functional model that keeps its layers",
            """\
class Net(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        outputs = layers.Dense(1)(inputs)
        super().__init__(inputs=inputs, outputs=outputs)
        self.dense = layers.Dense(4)

    def call(self, x):
        return super().call(x)
""",
        ),
        Case(
            "Kept on purpose, or switched off for now",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        # Old checkpoints have it.
        self.pooler = layers.Dense(4)

        self.head = layers.Dense(4)  # TODO: call it

        self.drop = layers.Dropout(0.5)

    def call(self, x):
        # x = self.drop(x)
        return self.dense(x)


class Old(keras.Model):
    '''A model whose head is unused.'''

    def __init__(self):
        super().__init__()
        self.head = layers.Dense(4)

    def call(self, x):
        return x
""",
        ),
        Case(
            "Handed in, or made by somebody who may hold it too",
            """\
def shared():
    return layers.Dense(4)


class Net(keras.Model):
    def __init__(self, encoder, made):
        super().__init__()
        self.encoder = encoder
        self.made = shared()
        layer = layers.Dense(4)
        self.layer = layer
        made.append(layer)

    def call(self, x):
        return x
""",
        ),
        Case(
            "The same layer twice is another rule's",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(4)
        self.fc2 = layers.Dense(4)

    def call(self, x):
        return self.fc1(self.fc1(x))
""",
        ),
    ),
)
