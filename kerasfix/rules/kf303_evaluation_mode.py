"""# evaluation-mode (KF303)

## What it does
Finds evaluation and inference code of your own that calls a model in training mode: because the default of
its `training` is True, or because the call says so.

## Why it is bad
Metrics are measured and predictions are made with Dropout at work, so they are worse than the model is, and
different every time. BatchNormalization normalises by the batch that it is asked about, and learns from the
data that it is tested on.

## Example
    def evaluate(model, val_ds):
        for x, y in val_ds:
            accuracy.update_state(y, model(x))

Use instead, if the default of the model's `training` is True:

    def evaluate(model, val_ds):
        for x, y in val_ds:
            accuracy.update_state(y, model(x, training=False))

## Fix safety
A repair where the default decides: the model runs in inference mode afterwards, as it does once KF102 has
made the default None. A function that takes `training` itself hands that on. Where the call says
`training=True`, and what it gives is measured on data that is held out, it is a suggestion: Dropout may be
meant to drop there. Where a name or a comment says so (Monte Carlo, uncertainty), nothing is found.

## References
- https://keras.io/api/layers/base_layer/ (`call`)
- https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.analysis.program import Program
from kerasfix.findings import Finding
from kerasfix.rules.base import Case, Rule
from kerasfix.rules.loops import used_finding

_RULE = ("KF303", "evaluation-mode")


def check(program: Program) -> Iterator[Finding]:
    for used in program.evaluations.in_functions(program.module):
        yield used_finding(program, _RULE, used)


_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training={default}):
        return self.drop(self.dense(x), training=training)


net = Net()
accuracy = keras.metrics.Accuracy()


"""
_TRUE, _NONE = _NET.format(default="True"), _NET.format(default="None")

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "An evaluation that gets the default",
            _TRUE
            + """\
def evaluate(val_ds):
    for x, y in val_ds:
        accuracy.update_state(y, net(x))
""",
            _TRUE
            + """\
def evaluate(val_ds):
    for x, y in val_ds:
        accuracy.update_state(y, net(x, training=False))
""",
        ),
        Case(
            "A loop over held-out data that says the wrong thing",
            _NONE
            + """\
for x, y in val_ds:
    accuracy.update_state(y, net(x, training=True))
""",
            _NONE
            + """\
for x, y in val_ds:
    accuracy.update_state(y, net(x, training=False))
""",
        ),
        Case(
            "A function that is written with tight commas, in a file that is not",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(self.bn(x, training=training), training=training)


net = Net()


def evaluate(data,scale):
    return [loss(y,net(x)) for x,y in data]
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=True):
        return self.drop(self.bn(x, training=training), training=training)


net = Net()


def evaluate(data,scale):
    return [loss(y,net(x,training=False)) for x,y in data]
""",
        ),
    ),
    valid=(
        Case(
            "A plain call of a model whose default is None is inference",
            _NONE
            + """\
def evaluate(val_ds):
    for x, y in val_ds:
        accuracy.update_state(y, net(x))
""",
        ),
        Case(
            "Dropout is meant to drop",
            _NONE
            + """\
def evaluate_uncertainty(test_ds):
    for x, y in test_ds:
        accuracy.update_state(y, tf.stack([net(x, training=True) for _ in range(20)]))
""",
        ),
        Case(
            "A call that builds the model",
            _TRUE
            + """\
net(tf.ones((1, 4)))
net.summary()
""",
        ),
    ),
)
