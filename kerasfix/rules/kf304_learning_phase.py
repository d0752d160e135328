"""# learning-phase (KF304)

## What it does
Finds `K.set_learning_phase(...)`, `K.learning_phase()`, `K.learning_phase_scope(...)` and
`K.in_train_phase(...)` of `keras.backend`, in any spelling. Code that asks first whether Keras has them is
left in peace.

## Why it is bad
Keras 3 has no learning phase: the names raise an AttributeError. In Keras 2 it was a global switch that did
less than it seems: it decided for layers and models that are called and given no flag, and for nothing else.
`fit`, `evaluate` and `predict` pass a flag of their own, so `set_learning_phase(0)` does not freeze a model
in `fit`; it did only in graphs of TensorFlow 1.

## Example
    K.set_learning_phase(1)
    logits = model(images)

Use instead:

    logits = model(images, training=True)

## Fix safety
Repair: the calls that a setting governs, from it to the next one, are given the flag, those in functions
that are called in between among them; then all settings of the module go, and their import if nothing else
needs it. A suggestion where something may rely on it that is not known: a function of another package that
is given a model, a model that comes from nowhere in sight, whatever runs after a function that left it set,
a graph of TensorFlow 1; also where a model is trained in a gradient tape after `set_learning_phase(0)`, and
where a model is made between a 0 and a 1, since Keras on TensorFlow 1 kept the mode that it was made in
(Keras 2 on TensorFlow 2 and Keras 3 do not). Explained, no more, are a setting under a condition, one to
something that is not a constant, and a 1 after which no call in sight could take its place.

`if training is None: training = K.learning_phase()` becomes `training = False`, which is what it gave:
Keras 2 hands a phase that was set to `call` itself. Other questions for the phase are answered by the
parameter `training`: a suggestion where one is at hand and it is tested for truth, else an explanation.

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
from kerasfix.analysis.scope import Function
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
    # Where no call is in sight that takes over what a setting says, nothing would be left of it.
    on = [program.phases.region(use) for use in settings if use.value]
    is_told = any(_told(region) or region.is_explicit for region in on)
    answers = _settled([_of_setting(program, use, is_told) for use in uses if use in settings])
    answers += [_of_reading(program, use) for use in uses if use not in settings]
    edits = _edits(program, answers)
    for answer in sorted(answers, key=lambda each: (each.use.node.lineno, each.use.node.col_offset)):
        yield _finding(program, answer, edits.get(id(answer), ()))


# --- What sets it --------------------------------------------------------------------------------------


def _told(region: Region) -> list[Call]:
    """The calls that get the flag."""
    return [*region.sure, *region.likely]


def _of_setting(program: Program, use: PhaseUse, is_told: bool) -> _Answer:
    region = program.phases.region(use)
    reasons = [*_refusals(use)]
    if not reasons and use.value and not is_told:
        reasons = region.doubts
    if reasons:
        return _Answer(use, help=f"{left_alone(reasons)}. {_by_hand(use, region)}")
    assert use.statement is not None
    from kerasfix.codemods.training import add_training

    answer = _Answer(use, Applicability.REPAIR, goes=use.statement, message="Remove it")
    try:
        for call in _told(region):
            spot = call.spot
            answer.edits += add_training(spot.module.source, call.node, spot.function, str(use.value))
    except CannotEdit as error:
        return _Answer(use, help=f"{left_alone([str(error)])}. {_by_hand(use, region)}")
    if _told(region):
        answer.message = f"Pass `training={use.value}` to {_listed(_told(region), use)} and remove it"
    if region.doubts:
        answer.how = Applicability.SUGGESTION
        answer.help = f"A suggestion only, because {some(region.doubts)}"
    return answer


def _settled(answers: list[_Answer]) -> list[_Answer]:
    """All settings of a module go together, or those that stay would govern what the others did."""
    kept = [each.use for each in answers if each.how is None]
    on = [use for use in kept if use.value is not False]
    doubtful = [each.use for each in answers if each.how is Applicability.SUGGESTION]
    if on:
        why = f"the setting in line {on[0].node.lineno} stays, and would go on where this one ends it"
        return [replace(each, how=None, help=left_alone([why])) if each.how else each for each in answers]
    if not kept and not doubtful:
        return answers
    line = (kept or doubtful)[0].node.lineno
    why = f"A suggestion only, because the setting in line {line} {'stays' if kept else 'may have to stay'}"
    return [
        replace(each, how=Applicability.SUGGESTION, help=each.help or why) if each.how else each
        for each in answers
    ]


def _refusals(use: PhaseUse) -> Iterator[str]:
    """Why nothing can be edited."""
    if use.value is None:
        yield "what it sets is not written there as a constant"
    elif use.statement is None:
        yield "it is part of an expression"
    elif use.nesting is Nesting.CONDITION:
        yield "a condition decides whether it is set"


def _by_hand(use: PhaseUse, region: Region) -> str:
    value = f"`training={use.value}`"
    if use.nesting is Nesting.CONDITION:
        value = "what the condition says, as `training=`,"
    elif use.value is None:
        given = [ast.unparse(each) for each in use.node.args] if isinstance(use.node, ast.Call) else []
        value = f"`training={given[0]}`" if given else "the mode"
    calls = [*_told(region), *region.partly]
    where = _listed(calls, use) if calls else "the models that it is meant for, where they are called,"
    return f"Pass {value} to {where} and remove it; fit, evaluate and predict need nothing"


def _listed(calls: Sequence[Call], use: PhaseUse) -> str:
    places = [place_of(call.node, call.spot.module, use.spot.module) for call in calls]
    names = [f"`{ast.unparse(call.node.func)}` in {place}" for call, place in zip(calls, places, strict=True)]
    if len(names) <= _MOST_CALLS:
        return listed(names)
    return f"{len(names)} calls, the first of them of {names[0]},"


# --- What asks for it ----------------------------------------------------------------------------------

_WITH_FLAG = "Use the parameter `training`, which is None where nobody says anything; None counts as False"
_HELP = {
    Read.FLAG: _WITH_FLAG,
    Read.TEST: _WITH_FLAG,
    Read.DEFAULT: (
        "A suggestion only, because Keras does not hand the flag to this function itself: its callers may"
        " leave it to a phase that was set"
    ),
    Read.CALL: "Give `call` the parameter `training=None`, which Keras fills in, and use that",
    Read.FUNCTION: (
        "`keras.Model(inputs, outputs)` does what `K.function` did: call it with `training=False` or"
        " `training=True` where the function was given 0 or 1"
    ),
    Read.SCOPE: "Pass `training=` to the layers and models that are called in the block",
    Read.SETTING: "Pass `training=` to the layers and models where they are called",
    Read.VALUE: (
        "Keras 3 keeps no such state: hand the mode on as a parameter, and pass it as `training=` where"
        " layers and models are called"
    ),
}


def _of_reading(program: Program, use: PhaseUse) -> _Answer:
    found = asked(use)
    if found.read is Read.CHOICE:
        return _Answer(use, help=_choice_help(use, found))
    if found.read is Read.SCOPE and isinstance(use.node, ast.Call):
        governed = program.phases.region(use).sure
        where = _listed(governed, use) if governed else "the layers and models that are called in the block"
        value = f"`training={use.value}`" if use.value is not None else "`training=`"
        return _Answer(use, help=f"Pass {value} to {where} and take the block away")
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
    first, second = [_called(each, use) for each in given[:2]] if short else ("a", "b")
    if use.word == "in_test_phase":
        first, second = second, first
    where = " in a `call` that takes `training=None`" if found.in_call else ""
    return (
        f"Write `{first} if training else {second}`{where}; where the flag is a tensor,"
        " `keras.ops.cond(training, ..., ...)`"
    )


def _called(text: str, use: PhaseUse) -> str:
    """A function is called where Keras called it."""
    return f"{text}()" if any(isinstance(each, Function) for each in use.spot.scope.lookup(text)) else text


# --- Together ------------------------------------------------------------------------------------------


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


_IMPORTS = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import backend as K
from tensorflow.keras import layers

"""
_WITHOUT = _IMPORTS.replace("from tensorflow.keras import backend as K\n", "")
_MODEL = "model = keras.Sequential([layers.Dense(4), layers.BatchNormalization()])\n"

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The bare call behind it gets the flag, one that has a flag is left, and the import goes too",
            _IMPORTS
            + _MODEL
            + """\

# The statistics of the batch.
K.set_learning_phase(1)  # training
logits = model(images)
targets = model(images, training=False)
model.fit(images, targets)
""",
            _WITHOUT
            + _MODEL
            + """\

# The statistics of the batch.
logits = model(images, training=True)
targets = model(images, training=False)
model.fit(images, targets)
""",
        ),
        Case(
            "Each setting of a loop ends where the next one begins; a function goes on with its caller's",
            """\
import tensorflow as tf
from tensorflow.keras import layers, models, backend as K

net = models.Sequential([layers.Dense(4), layers.Dropout(0.5)])


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x))
    return tape.gradient(loss, net.trainable_variables)


for epoch in range(3):
    K.set_learning_phase(1)
    for x in train_data:
        step(x)

    K.set_learning_phase(0)
    for x in test_data:
        print(tf.reduce_mean(net(x)))
""",
            """\
import tensorflow as tf
from tensorflow.keras import layers, models

net = models.Sequential([layers.Dense(4), layers.Dropout(0.5)])


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x, training=True))
    return tape.gradient(loss, net.trainable_variables)


for epoch in range(3):
    for x in train_data:
        step(x)

    for x in test_data:
        print(tf.reduce_mean(net(x, training=False)))
""",
        ),
        Case(
            "Set in a function, it stays set when that is left",
            _IMPORTS
            + _MODEL
            + """\

def set_up():
    K.set_learning_phase(True)


def main():
    set_up()
    return model(tf.zeros((8, 4)))


if __name__ == "__main__":
    print(main())
""",
            _WITHOUT
            + _MODEL
            + """\

def set_up():
    pass


def main():
    set_up()
    return model(tf.zeros((8, 4)), training=True)


if __name__ == "__main__":
    print(main())
""",
        ),
        Case(
            "It does nothing to fit, evaluate and predict, in any spelling and on any line",
            """\
import tensorflow as tf
import tensorflow.keras.backend as backend
from keras.backend import clear_session, set_learning_phase

model = tf.keras.applications.ResNet50()
set_learning_phase(0); model.compile("sgd", "mse")
model.fit(x, y); tf.keras.backend.set_learning_phase(False)
tf.compat.v1.keras.backend.set_learning_phase(value=0)
backend.set_learning_phase(0)
model.predict(x)
""",
            """\
import tensorflow as tf
from keras.backend import clear_session

model = tf.keras.applications.ResNet50()
model.compile("sgd", "mse")
model.fit(x, y)
model.predict(x)
""",
        ),
        Case(
            "A functional model is not bound to the setting that it was built under",
            _IMPORTS
            + """\
K.set_learning_phase(0)
inputs = keras.Input((4,))
outputs = layers.Dropout(0.5)(layers.BatchNormalization()(inputs))
model = keras.Model(inputs, outputs)
K.set_learning_phase(1)
samples = [model(x) for _ in range(10)]
""",
            _WITHOUT
            + """\
inputs = keras.Input((4,))
outputs = layers.Dropout(0.5)(layers.BatchNormalization()(inputs))
model = keras.Model(inputs, outputs)
samples = [model(x, training=True) for _ in range(10)]
""",
        ),
        Case(
            "Within `call` the flag of the outer call counts; a class that trains by itself is kept from it",
            _IMPORTS
            + """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(x, training=training)


class Outer(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def call(self, x):
        return self.net(x)


net, flip = Net(), layers.RandomFlip()
K.set_learning_phase(0)
y = net(flip(x))
""",
            _WITHOUT
            + """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(x, training=training)


class Outer(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def call(self, x):
        return self.net(x)


net, flip = Net(), layers.RandomFlip()
y = net(flip(x, training=False), training=False)
""",
        ),
        Case(
            "What comes from elsewhere may be a model too: a suggestion",
            _IMPORTS
            + _MODEL
            + """\
teacher = keras.models.load_model("teacher.keras")
K.set_learning_phase(1)
loss = keras.losses.mse(model(x), teacher(x))
""",
            _WITHOUT
            + _MODEL
            + """\
teacher = keras.models.load_model("teacher.keras")
loss = keras.losses.mse(model(x, training=True), teacher(x))
""",
        ),
        Case(
            "Where a model is trained in inference mode, somebody has to say whether that was meant",
            _IMPORTS
            + _MODEL
            + """\
K.set_learning_phase(0)
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(x))
""",
            _WITHOUT
            + _MODEL
            + """\
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(x))
""",
        ),
        Case(
            "The phase as the default of the flag is False, since Keras 2 hands over one that was set",
            """\
from tensorflow.keras import backend as K
from tensorflow.keras import layers
import tensorflow as tf


class Noise(layers.Layer):
    def call(self, inputs, training=None):
        if training is None:
            training = K.learning_phase()
        return tf.cond(tf.cast(training, "bool"), lambda: inputs + 1.0, lambda: inputs)


class Other(layers.Layer):
    def call(self, inputs, training=None):
        training = K.learning_phase() if training is None else training
        return inputs + 1.0 if training else inputs
""",
            """\
from tensorflow.keras import layers
import tensorflow as tf


class Noise(layers.Layer):
    def call(self, inputs, training=None):
        if training is None:
            training = False
        return tf.cond(tf.cast(training, "bool"), lambda: inputs + 1.0, lambda: inputs)


class Other(layers.Layer):
    def call(self, inputs, training=None):
        training = False if training is None else training
        return inputs + 1.0 if training else inputs
""",
        ),
        Case(
            "Where the parameter is at hand, it answers",
            _IMPORTS
            + """\
class Noise(layers.Layer):
    def call(self, inputs, training=None):
        if K.learning_phase() == 1:
            inputs = K.clip(inputs, 0, 1)
        return inputs
""",
            _IMPORTS
            + """\
class Noise(layers.Layer):
    def call(self, inputs, training=None):
        if training:
            inputs = K.clip(inputs, 0, 1)
        return inputs
""",
        ),
        Case(
            "Set when an object is made, and put back after another setting: its methods go on with it",
            _IMPORTS
            + """\
class Trainer:
    def __init__(self):
        K.set_learning_phase(1)
        self.net = keras.Sequential([layers.Dense(3), layers.Dropout(0.1)])

    @tf.function
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.net(x))
        return tape.gradient(loss, self.net.trainable_variables)

    def train(self, data):
        for x in data:
            self.step(x)
            self.sample(x)

    def sample(self, x):
        K.set_learning_phase(0)
        y = self.net(x)
        K.set_learning_phase(1)
        return y
""",
            _WITHOUT
            + """\
class Trainer:
    def __init__(self):
        self.net = keras.Sequential([layers.Dense(3), layers.Dropout(0.1)])

    @tf.function
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.net(x, training=True))
        return tape.gradient(loss, self.net.trainable_variables)

    def train(self, data):
        for x in data:
            self.step(x)
            self.sample(x)

    def sample(self, x):
        y = self.net(x, training=False)
        return y
""",
        ),
        Case(
            "Under a condition, or to what is not written there: explained",
            _IMPORTS
            + _MODEL
            + """\
if arguments.train:
    K.set_learning_phase(1)
else:
    K.set_learning_phase(0)
model(x)


def evaluate(model, x):
    before = K.learning_phase()
    K.set_learning_phase(0)
    y = model(x)
    K.set_learning_phase(before)
    return y
""",
        ),
        Case(
            "A function of a test, after which nobody knows what runs: explained",
            """\
from tensorflow.keras.backend import set_learning_phase
from mine import Quantizer


def test_quantizer():
    set_learning_phase(1)
    assert Quantizer()([1.0]) == 1.0
""",
        ),
        Case(
            "What has another shape in Keras 3 is explained",
            _IMPORTS
            + _MODEL
            + """\
features = K.function([model.input, K.learning_phase()], [model.layers[0].output])
with K.learning_phase_scope(1):
    y = model(x)
K.set_learning_phase(0)


class Noise(layers.Layer):
    def call(self, inputs):
        return K.in_train_phase(inputs + 1.0, inputs)
""",
            _IMPORTS
            + _MODEL
            + """\
features = K.function([model.input, K.learning_phase()], [model.layers[0].output])
with K.learning_phase_scope(1):
    y = model(x)


class Noise(layers.Layer):
    def call(self, inputs):
        return K.in_train_phase(inputs + 1.0, inputs)
""",
        ),
        Case(
            "Left alone with what runs under it, where another setting stays",
            """\
from tensorflow import keras
from tensorflow.keras import backend as K

model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])


def predict(x, fast):
    if fast:
        K.set_learning_phase(1)
    y = model(x)
    K.set_learning_phase(0)
    return y + model(x)
""",
        ),
        Case(
            "A suggestion beside one that stays and says the same; commas as in the function around",
            """\
from tensorflow import keras
from tensorflow.keras import backend as K

model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])


def first(x,fast):
    if fast:
        K.set_learning_phase(0)
    return model(x,None)


def second(x,y):
    K.set_learning_phase(0)
    return [model(x,None),model(y,None)]
""",
            """\
from tensorflow import keras
from tensorflow.keras import backend as K

model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])


def first(x,fast):
    if fast:
        K.set_learning_phase(0)
    return model(x,None)


def second(x,y):
    return [model(x,None),model(y,None)]
""",
        ),
    ),
    valid=(
        Case(
            "Who asks first whether Keras has it is prepared",
            _IMPORTS
            + """\
try:
    K.set_learning_phase(0)
except AttributeError:
    pass
if hasattr(K, "set_learning_phase"):
    K.set_learning_phase(0)
if tf.__version__ < "2.16":
    K.set_learning_phase(0)
""",
        ),
        Case(
            "A function of one's own that is called so",
            """\
from keras import layers
from mine.phases import set_learning_phase
from mine import backend as K


def learning_phase():
    return 0


set_learning_phase(1)
K.set_learning_phase(learning_phase())
""",
        ),
        Case(
            "A flag of the command line, and an attribute, by that name",
            """\
import keras

flags.DEFINE_boolean(name="set_learning_phase_to_train", default=True, help="learning_phase")


class Gate(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.uses_learning_phase = True
        self.learning_phase = self.set_learning_phase(1)

    def set_learning_phase(self, learning_phase):
        return learning_phase
""",
        ),
        Case(
            "The flag, passed as it should be",
            _IMPORTS + _MODEL + "K.clear_session()\ny = model(x, training=True)\n",
        ),
        Case(
            "TensorFlow's private Keras still has it",
            """\
from tensorflow.python.keras import backend as K

K.set_learning_phase(0)
""",
        ),
        Case(
            "Whose `K` it is, is not known",
            """\
import keras


def configure(K):
    K.set_learning_phase(0)
    return K.learning_phase(), K.learning_phase


from keras import backend as K
""",
        ),
        Case(
            "A name that something else was bound to",
            """\
import keras
from keras import backend as K

K = Settings()
K.set_learning_phase(0)
""",
        ),
        Case(
            "A method of another object, and a word in a text",
            '''\
import keras


def tune(trainer):
    """Calls K.set_learning_phase(0)."""
    trainer.backend.set_learning_phase(0)  # not K.set_learning_phase(0)
''',
        ),
    ),
)
