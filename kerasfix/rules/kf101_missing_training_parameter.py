"""# missing-training-parameter (KF101)

## What it does
Finds a `call` that reaches a layer that depends on the training flag (BatchNormalization, Dropout, a layer
of your own that uses one) but takes no parameter `training`.

## Why it is bad
Under Keras 3, `fit()` on a model whose `call` takes no `training` runs every such layer in inference mode:
Dropout is off, BatchNormalization is frozen at its initial statistics, and nothing is said; up to Keras 3.9
even `model(x, training=True)` does. Keras 2 handed the flag on by itself. A layer reads the flag from the
context of the call, if the model around it has one: explicit is safer there, and on JAX nothing else works.

## Example
    class Net(keras.Model):
        def call(self, x):
            return self.drop(self.dense(x))

Use instead:

    class Net(keras.Model):
        def call(self, x, training=None):
            return self.drop(self.dense(x), training=training)

## Fix safety
A repair: `fit()` trains Dropout and BatchNormalization afterwards, as Keras documents. The parameter and
every call that needs it are written together or not at all, helper methods and `super().call()` included:
from Keras 3.10 an explicit None blocks what a layer would have inherited.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo, Kind, Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.thread import Thread
from kerasfix.analysis.threads import OTHER_FLAG_NAMES
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, left_alone, listed, severity
from kerasfix.syntax import walk

_RULE = ("KF101", "missing-training-parameter")


def check(program: Program) -> Iterator[Finding]:
    for info in program.classes:
        call = info.methods.get("call")
        if call is None or call.takes(FLAG) or any(call.takes(name) for name in OTHER_FLAG_NAMES):
            continue
        if program.flow.needs_flag(call):
            yield _finding(program, info, call)


def _finding(program: Program, info: ClassInfo, call: Method) -> Finding:
    reached = [
        site.class_names
        for method in program.flow.reachable(call)
        for site in program.flow.sites(method)
        if not site.helpers and not site.is_decided and program.flow.site_depends(site)
    ]
    thread = program.threads.thread(call)
    if thread.blockers:
        fix, help = None, left_alone(thread.blockers)
    else:
        given = [site.class_names for site in thread.passes if not site.helpers]
        fix, help = _fix(info, thread, given or reached)
        if thread.refused and not help:
            help = f"Not all of it gets the flag: {listed(list(dict.fromkeys(thread.refused)))}"
    return finding(
        program,
        _RULE,
        call.node,
        f"`call` of {info.name} reaches {listed(reached)} but takes no `training`: "
        f"{_consequence(program, info, reached)}",
        severity=_severity(program, info),
        owner=info.name,
        fix=fix,
        help=help,
    )


def _fix(info: ClassInfo, thread: Thread, reached: list[str]) -> tuple[Fix | None, str]:
    from kerasfix.codemods.training import thread_edits

    return attempt(
        f"Take `training=None` and pass `training=training` to {listed(reached)}",
        Applicability.REPAIR,
        lambda: thread_edits(thread),
        effect=(
            f"fit() then runs {listed(reached)} in training mode, as Keras documents"
            if info.role is Kind.MODEL
            else "Then they follow the flag that `call` is given, on every backend"
        ),
    )


def _severity(program: Program, info: ClassInfo) -> Severity:
    if program.module.is_on_jax:
        return Severity.ERROR
    if info.role is not Kind.MODEL:
        # The context that Keras keeps beside the call serves a layer, if the models around it have one.
        return severity(program, Severity.INFO)
    is_sure = not program.flow.users(info) and not _trains_by_hand(info)
    return severity(program, Severity.ERROR if is_sure else Severity.WARNING)


def _trains_by_hand(info: ClassInfo) -> bool:
    """Whether a `train_step` of its own calls the model with the flag, which works from Keras 3.10 on."""
    step = info.find("train_step")
    return step is not None and any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == step.self_name
        and any(keyword.arg == FLAG for keyword in node.keywords)
        for node in walk(step.node)
    )


def _consequence(program: Program, info: ClassInfo, reached: list[str]) -> str:
    if program.module.is_keras2_only:
        if info.role is Kind.MODEL:
            return "Keras 2 hands the flag on by itself, Keras 3 does not"
        return "Keras 2 hands the flag on by itself, Keras 3 only inside a model that has it"
    if program.module.is_on_jax:
        return "on JAX, where no context is kept, they never train"
    if info.role is Kind.MODEL:
        how = _untrained(reached)
        if _trains_by_hand(info):
            return f"up to Keras 3.9, its `train_step` trains this model {how}"
        return f"under Keras 3, fit() trains this model {how}; up to Keras 3.9 so does {_CALL}"
    return (
        "Keras' call context serves it in models that have the flag; explicit is safer, and on JAX "
        "subclassed models need it"
    )


_CALL = "model(x, training=True)"


def _untrained(reached: list[str]) -> str:
    """What training looks like for layers that nobody tells of it."""
    off = [name for name in dict.fromkeys(reached) if "BatchNormalization" not in name]
    parts = [f"with {listed(off)} in inference mode"] if off else []
    if any("BatchNormalization" in name for name in reached):
        parts.append("with BatchNormalization frozen")
    return " and ".join(parts)


RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "A model whose call does not take the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(self.dense(x))
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)
""",
        ),
        Case(
            "Through a layer of the same file and a helper method, all at once",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self._norm(x)

    def _norm(self, x):
        return self.bn(x)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, inputs, mask=None):
        return self.block(inputs)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self._norm(x, training=training)

    def _norm(self, x, training=None):
        return self.bn(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, inputs, mask=None, training=None):
        return self.block(inputs, training=training)
""",
        ),
        Case(
            "Through super().call, with the base class in the same file",
            """\
class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self.bn(x)


class Scaled(Base):
    def call(self, x):
        return 2.0 * super().call(x)
""",
            """\
class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(x, training=training)


class Scaled(Base):
    def call(self, x, training=None):
        return 2.0 * super().call(x, training=training)
""",
        ),
        Case(
            "An annotated signature, one parameter a line, a comment and a trailing comma",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(
        self,
        inputs: tf.Tensor,  # images
    ) -> tf.Tensor:
        return self.bn(
            inputs,  # normalised
        )
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(
        self,
        inputs: tf.Tensor,  # images
        training: bool | None = None,
    ) -> tf.Tensor:
        return self.bn(
            inputs,  # normalised
            training=training,
        )
""",
        ),
        Case(
            "The flag goes before **kwargs, and to a Bidirectional that wraps dropout",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = layers.Bidirectional(layers.LSTM(4, dropout=0.2))

    def call(self, inputs, **kwargs):
        return self.rnn(inputs)
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = layers.Bidirectional(layers.LSTM(4, dropout=0.2))

    def call(self, inputs, training=None, **kwargs):
        return self.rnn(inputs, training=training)
""",
        ),
        Case(
            "A loop over layers that all accept the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dropout(0.1) for _ in range(3)]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dropout(0.1) for _ in range(3)]

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x, training=training)
        return x
""",
        ),
        Case(
            "What was handed on with **kwargs, which Keras 3 leaves empty",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, **kwargs):
        return self.drop(self.bn(x, **kwargs))
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None, **kwargs):
        return self.drop(self.bn(x, training=training, **kwargs), training=training)
""",
        ),
        Case(
            "Found, but not edited: **kwargs may already carry the flag to something unknown",
            """\
class Net(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.block = block

    def call(self, x, **kwargs):
        return self.block(self.bn(x), **kwargs)
""",
        ),
        Case(
            "Found, but not edited: the attribute is a lambda in the other branch",
            """\
class Net(keras.Model):
    def __init__(self, projected):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        if projected:
            self.shortcut = layers.BatchNormalization()
        else:
            self.shortcut = lambda x: x

    def call(self, x):
        return self.shortcut(x) + self.drop(x)
""",
        ),
        Case(
            "A helper that a subclass overrides gets the flag there too",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self.norm(x)

    def norm(self, x):
        return self.bn(x)


class Plain(Net):
    def norm(self, x):
        return x
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(x, training=training)

    def norm(self, x, training=None):
        return self.bn(x, training=training)


class Plain(Net):
    def norm(self, x, training=None):
        return x
""",
        ),
        Case(
            "A train_step that calls the model with the flag, and one that does not",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)

    def train_step(self, data):
        return self(data, training=True)


class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self.bn(x)

    def train_step(self, data):
        return self.compute_loss(data, self(data), training=True)
""",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)

    def train_step(self, data):
        return self(data, training=True)


class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(x, training=training)

    def train_step(self, data):
        return self.compute_loss(data, self(data), training=True)
""",
        ),
        Case(
            "A layer inside that cannot take the flag goes on as it did",
            """\
class Block(layers.Layer):
    def __init__(self, other):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.other = other

    def call(self, x, **kwargs):
        return self.other(self.bn(x), **kwargs)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block(None)
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(self.block(x))
""",
            """\
class Block(layers.Layer):
    def __init__(self, other):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.other = other

    def call(self, x, **kwargs):
        return self.other(self.bn(x), **kwargs)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block(None)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.block(x), training=training)
""",
        ),
        Case(
            "A call that gives more than its callee takes: the rest may be meant as the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.head(x, True)

    def head(self, x):
        return self.drop(x)
""",
        ),
        Case(
            "A call that does not name its `self`, whose place the flag would take",
            """\
class Net(keras.Model):
    def call(*given):
        self, x = given
        return layers.Dropout(0.5)(x)
""",
        ),
    ),
    valid=(
        Case(
            "A script that makes its next model of the same names: only that one has a Dropout",
            """\
from tensorflow import keras
from tensorflow.keras import layers

inputs = keras.Input((64,))
outputs = layers.Dense(1)(inputs)
head = keras.Model(inputs, outputs)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = head

    def call(self, x):
        return self.head(x)


inputs = keras.Input((64,))
outputs = layers.Dropout(0.5)(inputs)
other = keras.Model(inputs, outputs)
""",
        ),
        Case(
            "Nothing here depends on the flag: LSTM and MultiHeadAttention without dropout",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = layers.LSTM(4)
        self.att = layers.MultiHeadAttention(2, 4, dropout=0.0)
        self.norm = layers.LayerNormalization()

    def call(self, x):
        x = self.rnn(x)
        return self.norm(self.att(x, x))
""",
        ),
        Case(
            "Augmentation trains in a bare call, and passing the flag would change that",
            """\
class Augment(layers.Layer):
    def __init__(self):
        super().__init__()
        self.flip = layers.RandomFlip()

    def call(self, x):
        return self.flip(x)
""",
        ),
        Case(
            "A Dropout of another library is not Keras'",
            """\
import tensorflow as tf
from mylib.nn import Dropout


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = Dropout(0.5)

    def call(self, x):
        return self.drop(x)
""",
        ),
        Case(
            "Monte-Carlo dropout: the constant is on purpose",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x, training=True)
""",
        ),
        Case(
            "A model that is built functionally in its constructor",
            """\
class Net(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        outputs = layers.Dropout(0.5)(layers.Dense(4)(inputs))
        super().__init__(inputs=inputs, outputs=outputs)
""",
        ),
        Case(
            "A frozen BatchNormalization and a Dropout of rate 0 do not depend on the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization(trainable=False)
        self.drop = layers.Dropout(0.0)

    def call(self, x):
        return self.drop(self.bn(x))
""",
        ),
        Case(
            "Not a Keras class",
            """\
class Net:
    def __init__(self):
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
""",
        ),
    ),
)
