"""# training-parameter-name (KF105)

## What it does
Finds a `call` whose training flag is called `is_training`, `train` or the like.

## Why it is bad
Keras sets a parameter of the name `training` and no other. Under any other name, `fit()`, `evaluate()` and
`predict()` all run in the mode of its default: with False or None the model never trains its Dropout and
BatchNormalization, with True it trains them in `predict()` too, and without a default `fit()` raises.
A None that is handed on also blocks what the layers would have inherited (Keras 3.10 and later).

## Example
    class Net(keras.Model):
        def call(self, x, is_training=False):
            return self.drop(self.dense(x), training=is_training)

    model(x, is_training=True)

Use instead:

    class Net(keras.Model):
        def call(self, x, training=False):
            return self.drop(self.dense(x), training=training)

    model(x, training=True)

## Fix safety
A repair: `fit()` trains afterwards what the flag leads to, as Keras documents, and `predict()` does not. The
parameter, its uses, the versions of `call` in base classes and subclasses, the helper methods that hand it on
under the same name and all calls that pass it are renamed together. The default stays; KF102 and KF108 look
at it. A suggestion where a call that passes the old name may be out of sight: nothing makes or calls the
class, something that cannot be told is called with this keyword, `**` may carry it. A suggestion, too, where
no layer depends on the flag but only code of the class itself (`if not is_training: x = tf.nn.softmax(x)`):
`fit()` would run that in another mode than before. Nothing is edited where the method uses the name
`training` for something else. A functional model that was saved with such a
keyword in its configuration does not load afterwards.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.flag_names import OtherFlag, other_flag
from kerasfix.analysis.index import ClassInfo, Kind, Method
from kerasfix.analysis.program import Program
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, left_alone, some

_RULE = ("KF105", "training-parameter-name")


def check(program: Program) -> Iterator[Finding]:
    for info in program.classes:
        call = info.methods.get("call")
        flag = other_flag(call, program.flow) if call is not None else None
        if call is not None and flag is not None:
            yield _finding(program, info, call, flag)


def _finding(program: Program, info: ClassInfo, call: Method, flag: OtherFlag) -> Finding:
    fix, help = _fix(program, call, flag)
    how_bad = (
        Severity.ERROR if info.role is Kind.MODEL and not program.module.is_keras2_only else Severity.WARNING
    )
    if _is_inherited(program, call, flag):
        how_bad = Severity.INFO
    return finding(
        program,
        _RULE,
        next(argument for argument in call.named if argument.arg == flag.name),
        f"`call` of {info.name} names its training flag `{flag.name}`, which Keras never sets: "
        f"{_consequence(program, info, call, flag)}",
        severity=how_bad,
        owner=info.name,
        fix=fix,
        help=help,
    )


def _fix(program: Program, call: Method, flag: OtherFlag) -> tuple[Fix | None, str]:
    renaming = program.renames.renaming(call, flag.name)
    if renaming.blockers:
        return None, left_alone(renaming.blockers)
    from kerasfix.codemods.rename import rename_edits

    sure = flag.reaches_layers and not renaming.doubts
    others = bool(renaming.keywords or renaming.positional or len(renaming.methods) > 1)
    fix, help = attempt(
        "Call it `training`" + (", here and wherever it is passed" if others else ""),
        Applicability.REPAIR if sure else Applicability.SUGGESTION,
        lambda: rename_edits(renaming),
        effect="fit() then runs in training mode, evaluate() and predict() do not, as Keras documents",
    )
    if fix is None or sure:
        return fix, help
    if renaming.doubts:
        reason = f"a call elsewhere may pass `{flag.name}=`: {some(renaming.doubts)}"
    else:
        reason = (
            "nothing but code of the class itself reads the flag, which may be meant for calls that pass it"
        )
    return fix, f"Not certain, because {reason}"


def _is_inherited(program: Program, call: Method, flag: OtherFlag) -> bool:
    """Whether the layers find the flag all the same: Keras 2 puts what it knows in the place of a None."""
    is_none = isinstance(default := call.default(flag.name), ast.Constant) and default.value is None
    return is_none and flag.reaches_layers and program.module.is_keras2_only


def _consequence(program: Program, info: ClassInfo, call: Method, flag: OtherFlag) -> str:
    if _is_inherited(program, call, flag):
        return "Keras 2 finds it for a layer that is handed None, Keras 3 does not"
    default = call.default(flag.name)
    if info.role is not Kind.MODEL:
        return "only a call that passes it decides what trains"
    if default is None:
        return "fit() raises, because nothing is passed"
    match default:
        case ast.Constant(value=True):
            return "fit(), evaluate() and predict() all run in training mode"
        case ast.Constant(value=False | None):
            return "fit() never runs in training mode"
    return "fit(), evaluate() and predict() run in the mode of its default"


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The parameter, its uses, its entry in the docstring and the calls in a loop",
            _INIT
            + """\
    def call(self, x, is_training=False):
        \"\"\"Compute it.

        Args:
            x: The images.
            is_training: Whether is_training is on.
        \"\"\"
        x = self.drop(self.dense(x), training=is_training)
        if is_training:
            x = x + 1.0
        return x


net = Net()
with tf.GradientTape() as tape:
    y = net(x, is_training = True)
print(net(x, is_training=False))
""",
            _INIT
            + """\
    def call(self, x, training=False):
        \"\"\"Compute it.

        Args:
            x: The images.
            training: Whether is_training is on.
        \"\"\"
        x = self.drop(self.dense(x), training=training)
        if training:
            x = x + 1.0
        return x


net = Net()
with tf.GradientTape() as tape:
    y = net(x, training = True)
print(net(x, training=False))
""",
        ),
        Case(
            "A model and its layer, each with its calls; what was passed by position becomes a keyword",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, train, mask=None):
        return self.bn(x, train)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = Block()
        self.b = Block()

    def call(self, x, is_training=None):
        return self.b(self.a(x, is_training, None), train=is_training)


print(Net()(x, is_training=True))
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training, mask=None):
        return self.bn(x, training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = Block()
        self.b = Block()

    def call(self, x, training=None):
        return self.b(self.a(x, training=training, mask=None), training=training)


print(Net()(x, training=True))
""",
        ),
        Case(
            "A helper method and the call of a base class are renamed with it; a function keeps its names",
            """\
def scaled(x, is_training):
    return x * 2.0 if is_training else x


class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, is_training=False):
        return self.norm(x, is_training=is_training)

    def norm(self, x, is_training):
        return self.bn(x, training=is_training)


class Scaled(Base):
    def call(self, x, is_training=False):
        return scaled(super().call(x, is_training=is_training), is_training=is_training)


Scaled()(x)
""",
            """\
def scaled(x, is_training):
    return x * 2.0 if is_training else x


class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=False):
        return self.norm(x, training=training)

    def norm(self, x, training):
        return self.bn(x, training=training)


class Scaled(Base):
    def call(self, x, training=False):
        return scaled(super().call(x, training=training), is_training=training)


Scaled()(x)
""",
        ),
        Case(
            "A model that is handed to the functions that train and test it",
            _INIT
            + """\
    def call(self, x, is_training=False):
        return self.drop(x, training=is_training)


@tf.function
def train_step(model, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, is_training=True))
    return tape.gradient(loss, model.trainable_variables)


def train(x, model):
    for _ in range(3):
        train_step(model, x)
    return model(x, is_training=False)


train(tf.ones((1, 4)), Net())
""",
            _INIT
            + """\
    def call(self, x, training=False):
        return self.drop(x, training=training)


@tf.function
def train_step(model, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=True))
    return tape.gradient(loss, model.trainable_variables)


def train(x, model):
    for _ in range(3):
        train_step(model, x)
    return model(x, training=False)


train(tf.ones((1, 4)), Net())
""",
        ),
        Case(
            "Lambdas and nested functions see the parameter, unless they have one of that name themselves",
            _INIT
            + """\
    def call(self, x, is_training=None):
        def first(h):
            return self.drop(h, training=is_training)
        def second(h, is_training=is_training):
            return self.drop(h, training=is_training)
        return tf.map_fn(lambda h: first(h) if is_training else second(h, is_training=is_training), x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        def first(h):
            return self.drop(h, training=training)
        def second(h, is_training=training):
            return self.drop(h, training=is_training)
        return tf.map_fn(lambda h: first(h) if training else second(h, is_training=training), x)
""",
        ),
        Case(
            "A flag that nobody reads, before a layer that depends on it",
            _INIT
            + """\
    def call(self, x, is_training=None):
        return self.drop(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x)
""",
        ),
        Case(
            "Found, but not edited: the method has another `training`",
            _INIT
            + """\
    def call(self, x, is_training=None):
        training = is_training and self.trainable
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Found, but not edited: `__call__` is overridden too",
            _INIT
            + """\
    def call(self, x, is_training=None):
        return self.drop(x, training=is_training)

    def __call__(self, x, is_training=None):
        return super().__call__(x, is_training=is_training)
""",
        ),
        Case(
            "Found, but not edited: `**kwargs` may carry the flag that Keras 2 passes",
            _INIT
            + """\
    def call(self, x, is_training=None, **kwargs):
        return self.drop(self.dense(x, **kwargs), training=is_training)
""",
        ),
        Case(
            "For Keras 2 alone, which hands on what it knows in the place of None",
            """\
from tf_keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, is_training=None):
        return self.drop(x, training=is_training)


class Other(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, is_training=False):
        return self.drop(x, training=is_training)
""",
            """\
from tf_keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


class Other(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.drop(x, training=training)
""",
        ),
    ),
    valid=(
        Case(
            "The name that Keras sets",
            _INIT
            + """\
    def call(self, x, training=None, is_training=None):
        return self.drop(x, training=training or is_training)
""",
        ),
        Case(
            "No flag: a string, the input, a number",
            _INIT
            + """\
    def call(self, x, train="yes", train_mode=None, training_phase=0):
        if train_mode == "train":
            x = x + training_phase
        return self.drop(x, training=train == "yes")


class Own(keras.Model):
    def call(self, train, mask=None):
        return train if train is not None else mask
""",
        ),
        Case(
            "Nothing depends on it",
            _INIT
            + """\
    def call(self, x, is_training=None):
        return self.dense(x, training=is_training)
""",
        ),
        Case(
            "Not a Keras class",
            """\
class Net:
    def call(self, x, is_training=None):
        return x if is_training else -x
""",
        ),
        Case(
            "Other methods are called by the author alone",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.block(x, is_training=training)

    def block(self, x, is_training):
        return self.drop(x, training=is_training)
""",
        ),
    ),
)
