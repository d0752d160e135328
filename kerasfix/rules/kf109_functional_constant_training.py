"""# functional-constant-training (KF109)

## What it does
Finds `layer(x, training=True)` and `layer(x, training=False)` where a functional model is built, of a layer
or model that depends on the flag.

## Why it is bad
Keras 2 kept the constant for ever. Keras 3 (3.0 to 3.15) lets `fit`, `evaluate` and `predict` override it,
and says nothing: Monte-Carlo dropout no longer drops in `predict`, so that all samples are the same; a
backbone that is called with `training=False` and is not frozen retrains the statistics of its
BatchNormalization in `fit`. Only a plain `model(x)` honours it, and there it becomes the mode of the layers
behind it.

## Example
    x = layers.Dropout(0.5)(x, training=True)

Use instead a layer that fixes the mode in its own `call`, which every Keras honours:

    @keras.utils.register_keras_serializable()
    class AlwaysTrainingDropout(layers.Dropout):
        def call(self, inputs, training=None):
            return super().call(inputs, training=True)

    x = AlwaysTrainingDropout(0.5)(x)

## Fix safety
A suggestion: whether the constant was meant is the author's to know. A Dropout, a noise layer or a
BatchNormalization that is made in the call and given True becomes such a layer. A model of
`keras.applications` that is given False is wrapped in one that keeps it in inference mode while its weights
learn; where the code says that it is to be frozen and does not do it, `base.trainable = False` is added. Both
layers are registered, so that a saved model loads in a program that has them. The names of the layers in the
model change.

Not reported: augmentation layers; a model that is frozen in the same file and never thawed, or whose
`trainable` is set in a way that is not followed; a call whose result nobody reads; tensors that do not come
from an `Input` in the same file.

## References
- https://keras.io/guides/transfer_learning/
- Measured with Keras 3.9 and 3.15 on TensorFlow, 3.15 on JAX, and tf_keras 2.21:
  `tests/keras/test_functional_constant_repair.py`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.analysis.frozen import Freezing, State, TrainableSettings
from kerasfix.analysis.functional import FixedMode
from kerasfix.analysis.index import Module
from kerasfix.analysis.program import Program
from kerasfix.codemods import CannotEdit
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.keras.layers import Effect
from kerasfix.rules.base import Case, Rule, attempt, finding
from kerasfix.source import Edit
from kerasfix.syntax import walk

_RULE = ("KF109", "functional-constant-training")
_SAYS_FROZEN = re.compile(r"freez|frozen|transfer.?learning|feature.?extract", re.IGNORECASE)
_NEW_LAYER = "The layer gets another name in the model"


def check(program: Program) -> Iterator[Finding]:
    module = program.module
    sites = list(program.functional.fixed_modes())
    if not sites:
        return
    settings = TrainableSettings(module.source.tree)
    found = [(site, settings.of(ast.unparse(site.call.func))) for site in sites]
    found = [each for each in found if not _is_settled(*each)]
    before = _first_statement(module, [site for site, _ in found if _can_wrap(site)])
    for site, freezing in found:
        yield _finding(program, site, freezing, before)


def _is_settled(site: FixedMode, freezing: Freezing) -> bool:
    """Whether a frozen model makes the constant False true whatever Keras asks for."""
    return not site.mode and site.layer is None and freezing.state in (State.FROZEN, State.UNCLEAR)


def _finding(program: Program, site: FixedMode, freezing: Freezing, before: ast.stmt | None) -> Finding:
    fix, help = None, _by_hand(site, freezing)
    if _should_freeze(program, site, freezing):
        fix, why = attempt(
            "Freeze it, as the code around it says",
            Applicability.SUGGESTION,
            lambda: _freeze(program, site),
            "Its weights and statistics no longer change in fit",
        )
        help = why or help
    elif _can_wrap(site):
        assert before is not None
        what = "Make it a layer that is always in training mode"
        if not site.mode:
            what = "Wrap it in a layer that keeps it in inference mode"
        fix, why = attempt(
            what, Applicability.SUGGESTION, lambda: _wrap(program.module, site, before), _NEW_LAYER
        )
        help = why or ("" if freezing.state is State.THAWED else help)
    info = site.frame.method.owner if site.frame.method is not None else None
    return finding(
        program,
        _RULE,
        site.call,
        _message(site, freezing),
        severity=_severity(program, site),
        owner=info.name if info is not None else "",
        fix=fix,
        help=help,
    )


def _severity(program: Program, site: FixedMode) -> Severity:
    # A model of one's own that is called with False may be made to be exported, and see no `fit`.
    may_be_right = not site.mode and site.layer is None and not site.backbones
    return Severity.INFO if may_be_right or program.module.is_keras2_only else Severity.WARNING


def _message(site: FixedMode, freezing: Freezing) -> str:
    if site.mode:
        return (
            f"The {site.name} is given `training=True` in a functional model: `predict` and `evaluate` of "
            "Keras 3 override that and run it in inference mode"
        )
    what = "train its BatchNormalization" if site.backbones else "run it in training mode"
    since = f" once it is thawed (line {freezing.line})" if freezing.state is State.THAWED else ""
    return (
        f"The {site.name} is given `training=False` in a functional model: `fit` and "
        f"`model(x, training=True)` of Keras 3 override that and {what}{since}"
    )


def _by_hand(site: FixedMode, freezing: Freezing) -> str:
    if site.mode:
        return (
            "If it is to be in training mode only in `fit`, leave the constant out; if always, a layer whose "
            "own `call` passes `training=True` holds in every Keras"
        )
    if site.layer is not None and site.layer.fact.effect is Effect.STOCHASTIC:
        return "A layer that never does anything can go; if it is to work in `fit`, leave the constant out"
    if site.layer is not None:
        return "`trainable=False` in its constructor keeps it in inference mode in every Keras, frozen"
    if freezing.state is State.THAWED or not site.backbones:
        return "A layer whose own `call` passes `training=False` keeps it in inference mode in every Keras"
    name = ast.unparse(site.call.func)
    return f"If its weights are not to learn either, `{name}.trainable = False` is all it takes"


# --- The repairs -----------------------------------------------------------------------------------------


def _can_wrap(site: FixedMode) -> bool:
    if site.mode:
        return site.layer is not None and (
            site.layer.fact.effect is Effect.STOCHASTIC or site.layer.fact.name == "BatchNormalization"
        )
    return bool(site.backbones)


def _wrap(module: Module, site: FixedMode, before: ast.stmt) -> tuple[Edit, ...]:
    from kerasfix.codemods.fixed_mode import always_inference, always_training

    if site.layer is None:
        return always_inference(module, site.call, site.backbones[0], before)
    if site.layer.fact.name == "BatchNormalization" and "mask" in module.source.text.lower():
        raise CannotEdit("a mask may reach it, which the layer would have to hand on")
    return always_training(module, site.frame.scope, site.call, site.layer.fact.name, before)


def _should_freeze(program: Program, site: FixedMode, freezing: Freezing) -> bool:
    """Whether the code says that a pretrained model is frozen, and nothing in it does that."""
    if site.mode or freezing.state is not State.TRAINABLE or len(site.backbones) != 1:
        return False
    given = {keyword.arg: keyword.value for keyword in site.backbones[0].call.keywords}
    weights, top = given.get("weights"), given.get("include_top")
    if isinstance(weights, ast.Constant) and weights.value is None:
        return False
    if not isinstance(top, ast.Constant) or top.value is not False:
        return False
    source = program.source
    first, last = site.backbones[0].call.lineno, site.call.end_lineno or site.call.lineno
    around = [source.line(number) for number in range(max(1, first - 3), last + 1)]
    return _SAYS_FROZEN.search("\n".join(around)) is not None


def _freeze(program: Program, site: FixedMode) -> tuple[Edit, ...]:
    from kerasfix.codemods.dataflow import assign_before

    source = program.source
    statement = next(
        step.node for step in site.frame.flow.steps.values() if site.call in walk(step.node) and step.reads
    )
    if source.line(statement.lineno)[: statement.col_offset].strip():
        raise CannotEdit("another statement stands on its line")
    name = f"{ast.unparse(site.call.func)}.trainable"
    return assign_before(source, statement, name, "False", site.frame.node)


def _first_statement(module: Module, sites: list[FixedMode]) -> ast.stmt | None:
    """The first statement at the top of the module that one of the calls stands in."""
    lines = [site.call.lineno for site in sites]
    for statement in module.source.tree.body:
        if any(statement.lineno <= line <= (statement.end_lineno or line) for line in lines):
            return statement
    return None


_DROPOUT = """\
@keras.utils.register_keras_serializable()
class AlwaysTrainingDropout(layers.Dropout):
    \"\"\"A Dropout that stays in training mode, whatever `fit` and `predict` ask for.\"\"\"

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


"""
_NORMALIZATION = """\
@keras.utils.register_keras_serializable()
class AlwaysTrainingBatchNormalization(layers.BatchNormalization):
    \"\"\"A BatchNormalization that stays in training mode, whatever `fit` and `predict` ask for.\"\"\"

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


"""
_INFERENCE = """\
@keras.utils.register_keras_serializable()
class AlwaysInference(layers.Wrapper):
    \"\"\"Runs the model inside in inference mode, whatever `fit` asks for.\"\"\"

    def call(self, inputs, training=None):
        return self.layer(inputs, training=False)


"""
_STAR = "from tensorflow.keras.layers import *\nfrom tensorflow.keras.models import Model\n\n"

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Monte-Carlo dropout, in a script and in a function, with the author's spacing",
            """\
# The model
inputs = keras.Input((4,))
x = layers.Dense(4)(inputs)
x = layers.Dropout(0.5)( x,training=True )
model = keras.Model(inputs, layers.Dense(1)(x))


def build():
    i = keras.Input((4,))
    return keras.Model(i, layers.Dropout(rate=0.5, name="mc")(i, training=True))
""",
            _DROPOUT
            + """\
# The model
inputs = keras.Input((4,))
x = layers.Dense(4)(inputs)
x = AlwaysTrainingDropout(0.5)( x )
model = keras.Model(inputs, layers.Dense(1)(x))


def build():
    i = keras.Input((4,))
    return keras.Model(i, AlwaysTrainingDropout(rate=0.5, name="mc")(i))
""",
        ),
        Case(
            "The blocks of a U-Net, which get their tensors from another function; nested calls",
            """\
# A block.
def block(tensor, filters, drop=True):
    g = layers.Conv2D(filters, 3)(tensor)
    if drop:
        g = layers.Dropout(0.5)(layers.BatchNormalization()(g, training=True), training=True)
    return layers.ReLU()(g)


class Builder:
    def build(self):
        image = keras.Input((8, 8, 1))
        return keras.Model(image, self.head(block(image, 4)))

    def head(self, features):
        return layers.Dropout(
            0.5
        )(
            features,
            training=True,  # MC
        )
""",
            _DROPOUT
            + _NORMALIZATION
            + """\
# A block.
def block(tensor, filters, drop=True):
    g = layers.Conv2D(filters, 3)(tensor)
    if drop:
        g = AlwaysTrainingDropout(0.5)(AlwaysTrainingBatchNormalization()(g))
    return layers.ReLU()(g)


class Builder:
    def build(self):
        image = keras.Input((8, 8, 1))
        return keras.Model(image, self.head(block(image, 4)))

    def head(self, features):
        return AlwaysTrainingDropout(
            0.5
        )(
            features,  # MC
        )
""",
        ),
        Case(
            "A star import brings the layer; what registers it has to be imported",
            _STAR
            + """\
inputs = Input((4,))
model = Model(inputs, Dropout(0.5)(inputs, training=True))
""",
            """\
from tensorflow.keras.layers import *
from tensorflow.keras.models import Model
from tensorflow.keras.utils import register_keras_serializable


@register_keras_serializable()
class AlwaysTrainingDropout(Dropout):
    \"\"\"A Dropout that stays in training mode, whatever `fit` and `predict` ask for.\"\"\"

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


inputs = Input((4,))
model = Model(inputs, AlwaysTrainingDropout(0.5)(inputs))
""",
        ),
        Case(
            "A backbone that is not frozen",
            """\
def build():
    base = keras.applications.ResNet50(include_top=False, pooling="avg")
    inputs = keras.Input((224, 224, 3))
    x = keras.applications.resnet50.preprocess_input(inputs)
    x = base(x, training=False)
    return keras.Model(inputs, layers.Dense(2)(x))
""",
            _INFERENCE
            + """\
def build():
    base = keras.applications.ResNet50(include_top=False, pooling="avg")
    inputs = keras.Input((224, 224, 3))
    x = keras.applications.resnet50.preprocess_input(inputs)
    x = AlwaysInference(base)(x)
    return keras.Model(inputs, layers.Dense(2)(x))
""",
        ),
        Case(
            "A backbone that is thawed for fine-tuning",
            """\
base = keras.applications.MobileNetV2(include_top=False)
base.trainable = False
inputs = keras.Input((96, 96, 3))
model = keras.Model(inputs, base(inputs, training=False))
model.fit(data)
base.trainable = True
for layer in base.layers[:100]:
    layer.trainable = False
model.fit(data)
""",
            _INFERENCE
            + """\
base = keras.applications.MobileNetV2(include_top=False)
base.trainable = False
inputs = keras.Input((96, 96, 3))
model = keras.Model(inputs, AlwaysInference(base)(inputs))
model.fit(data)
base.trainable = True
for layer in base.layers[:100]:
    layer.trainable = False
model.fit(data)
""",
        ),
        Case(
            "A backbone that the author believes to be frozen",
            """\
def build():
    # Frozen feature extractor
    base = keras.applications.ResNet50(include_top=False)
    inputs = keras.Input((224, 224, 3))
    x=base(inputs, training=False)
    return keras.Model(inputs, x)
""",
            """\
def build():
    # Frozen feature extractor
    base = keras.applications.ResNet50(include_top=False)
    inputs = keras.Input((224, 224, 3))
    base.trainable = False
    x=base(inputs, training=False)
    return keras.Model(inputs, x)
""",
        ),
        Case(
            "Found, but not edited: a layer in a variable, a recurrent layer, models made in sight, False",
            """\
drop = layers.Dropout(0.5)
inputs = keras.Input((4, 4))
x = drop(inputs, training=True)
x = layers.LSTM(4, dropout=0.5, return_sequences=True)(x, training=True)
x = layers.BatchNormalization()(x, training=False)
encoder = keras.Model(inputs, layers.Dropout(0.1)(x))
stack = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
other = keras.Input((4, 4))
model = keras.Model(other, stack(encoder(other, training=False), training=True))
""",
        ),
        Case(
            "Found, but not edited: a model that is given more than its input",
            """\
from tensorflow import keras

inputs = keras.Input((8, 8, 3))
base = keras.applications.ResNet50(include_top=False, weights=None)
outputs = base(inputs, None, training=False)
model = keras.Model(inputs, outputs)
""",
        ),
        Case(
            "Found, but not edited: a Dropout that never does anything",
            """\
from tensorflow import keras
from tensorflow.keras import layers

inputs = keras.Input((8,))
outputs = layers.Dropout(0.5)(inputs, training=False)
model = keras.Model(inputs, outputs)
""",
        ),
        Case(
            "No weights that are kept, and a whole classifier: the words around it are about something else",
            """\
from tensorflow import keras

# The backbone is frozen.
inputs = keras.Input((8, 8, 3))
base = keras.applications.ResNet50(include_top=False, weights=None)
outputs = base(inputs, training=False)
model = keras.Model(inputs, outputs)


# Transfer learning.
given = keras.Input((8, 8, 3))
whole = keras.applications.ResNet50()
scores = whole(given, training=False)
other = keras.Model(given, scores)
""",
            """\
from tensorflow import keras


@keras.utils.register_keras_serializable()
class AlwaysInference(keras.layers.Wrapper):
    \"\"\"Runs the model inside in inference mode, whatever `fit` asks for.\"\"\"

    def call(self, inputs, training=None):
        return self.layer(inputs, training=False)


# The backbone is frozen.
inputs = keras.Input((8, 8, 3))
base = keras.applications.ResNet50(include_top=False, weights=None)
outputs = AlwaysInference(base)(inputs)
model = keras.Model(inputs, outputs)


# Transfer learning.
given = keras.Input((8, 8, 3))
whole = keras.applications.ResNet50()
scores = AlwaysInference(whole)(given)
other = keras.Model(given, scores)
""",
        ),
        Case(
            "A class on one line shows no indentation",
            """\
from tensorflow import keras
from tensorflow.keras import layers


class Old(Exception): pass


class Other(Exception):
  \"\"\"Two spaces.\"\"\"


inputs = keras.Input((8,))
outputs = layers.Dropout(0.5)(inputs, training=True)
model = keras.Model(inputs, outputs)
""",
            """\
from tensorflow import keras
from tensorflow.keras import layers


class Old(Exception): pass


class Other(Exception):
  \"\"\"Two spaces.\"\"\"


@keras.utils.register_keras_serializable()
class AlwaysTrainingDropout(layers.Dropout):
  \"\"\"A Dropout that stays in training mode, whatever `fit` and `predict` ask for.\"\"\"

  def call(self, inputs, training=None):
    return super().call(inputs, training=True)


inputs = keras.Input((8,))
outputs = AlwaysTrainingDropout(0.5)(inputs)
model = keras.Model(inputs, outputs)
""",
        ),
    ),
    valid=(
        Case(
            "A frozen backbone, or one whose freezing is left to somebody else",
            """\
def build(freeze):
    a = keras.applications.ResNet50(include_top=False)
    a.trainable = False
    b = keras.applications.ResNet50(include_top=False)
    for layer in b.layers:
        layer.trainable = False
    c = keras.applications.ResNet50(include_top=False)
    c.trainable = not freeze
    d = keras.applications.ResNet50(include_top=False)
    freeze_layers(d)
    e = keras.applications.VGG16(include_top=False)
    f = keras.applications.ResNet50(include_top=False)
    f.trainable = True
    for layer in f.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    inputs = keras.Input((224, 224, 3))
    return [each(inputs, training=False) for each in (a, b)] + [
        a(inputs, training=False),
        b(inputs, training=False),
        c(inputs, training=False),
        d(inputs, training=False),
        e(inputs, training=False),
        f(inputs, training=False),
    ]
""",
        ),
        Case(
            "Data, though it goes by the name of a tensor",
            """\
inputs = keras.Input((4,))
x = layers.Dense(4)(inputs)
model = keras.Model(inputs, layers.Dropout(0.5)(x))
x = load()
y = layers.Dropout(0.5)(x, training=True)
for x, _ in batches:
    y = model(x, training=True)


def step(inputs):
    return model(inputs, training=True)


with tf.GradientTape() as tape:
    y = model(load(), training=True)
step(load())
shape = layers.Dense(2)(inputs).shape
noise = layers.GaussianNoise(1.0)(tf.zeros(shape), training=True)
""",
        ),
        Case(
            "Augmentation, layers that need no flag, a frozen layer, a flag that is no constant",
            """\
def build(mc):
    inputs = keras.Input((8, 8, 3))
    x = layers.RandomFlip()(inputs, training=True)
    x = keras.Sequential([layers.RandomFlip()])(x, training=False)
    x = layers.Conv2D(4, 3)(x, training=True)
    x = layers.BatchNormalization(trainable=False)(x, training=False)
    x = layers.LSTM(4)(layers.Reshape((8, 8))(x), training=True)
    x = layers.Dropout(0.0)(x, training=True)
    return layers.Dropout(0.5)(x, training=mc)
""",
        ),
        Case(
            "A model that is called to be built, and what is called is not known",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


def make(block, name):
    net = Net()
    inputs = keras.Input((4,))
    net(inputs, training=False)
    outputs = net(inputs, training=True)
    return net, block(inputs, training=True), getattr(layers, name)(0.5)(inputs, training=True)
""",
        ),
        Case(
            "What a `call` does is not a functional model, also if somebody draws it as one",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.block(x)

    def block(self, x):
        return self.drop(x, training=True)

    def summary_model(self):
        x = keras.Input((4,))
        return keras.Model(x, self.call(x))
""",
        ),
    ),
)
