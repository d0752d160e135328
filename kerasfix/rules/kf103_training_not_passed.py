"""# training-not-passed (KF103)

## What it does
Finds a layer that depends on the training flag and is called without it, in a method that has the flag.

## Why it is bad
Whether such a layer trains is left to a context that Keras keeps beside the call. It is lost on JAX (the
layer never trains in `fit()`), behind a sibling that was given a constant, and from Keras 3.10 behind any
call that passed an explicit None. Passing the flag is right in every Keras and on every backend.

## Example
    def call(self, x, training=None):
        return self.drop(self.dense(x))

Use instead:

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)

## Fix safety
Safe: the same numbers with Keras 2 and with Keras 3 on TensorFlow and PyTorch, where the context arrives.
A helper method that calls such a layer gets the parameter `training=None` and all of its callers pass it, or
nothing is edited. A helper or a `super().call` that was called without the flag got its default, and gets
another value then: a repair. So is it where a sibling has a mode of its own (a constant, an augmentation
layer), which under Keras 3 becomes the mode of bare calls behind it. Outside of what `call` reaches it is a
suggestion.

Augmentation layers (RandomFlip, ...) are left alone: their default is True, and passing the flag changes
what a plain `model(x)` does.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.values import BuiltinLayer
from kerasfix.findings import Finding, Severity
from kerasfix.keras import names
from kerasfix.keras.layers import Effect
from kerasfix.rules.base import Case, Rule, finding, severity
from kerasfix.rules.passing import is_super_call, passing_fix
from kerasfix.syntax import walk

_RULE = ("KF103", "training-not-passed")


def check(program: Program) -> Iterator[Finding]:
    for method in program.methods:
        behind_constants = {} if program.module.is_keras2_only else program.leaks.behind(method)
        for site in program.flow.sites(method):
            if site.passed is not Passed.ABSENT or not program.flow.site_depends(site):
                continue
            if site.call in behind_constants or is_super_call(site):
                # KF110 and KF111 say more about these.
                continue
            if site.flag_in_reach:
                takes = not site.helpers or any(helper.takes(FLAG) for helper in site.helpers)
                if takes and not _builds_a_graph(method):
                    yield _finding(program, site)
            elif not site.helpers and method.name != "call" and program.threads.gets_flag(method):
                yield _finding(program, site)


def _finding(program: Program, site: Site) -> Finding:
    fix, help = passing_fix(program, site)
    return finding(
        program,
        _RULE,
        site.call,
        _message(site),
        severity=_severity(program, site),
        owner=site.method.owner.name,
        fix=fix,
        help=help or _note(site),
    )


def _message(site: Site) -> str:
    if not site.flag_in_reach:
        return (
            f"The flag that `call` gets does not reach the {site.class_names} `{site.text}` "
            f"in the helper `{site.method.name}`"
        )
    what = f"`{site.text}`" if site.helpers else f"the {site.class_names} `{site.text}`"
    return f"`{site.method.name}` has the flag but calls {what} without it"


def _severity(program: Program, site: Site) -> Severity:
    if program.module.is_on_jax:
        # Nothing reads a context there: the layer never trains.
        return Severity.ERROR
    # A helper that hands None on blocks what its layers would have read from the context.
    return severity(program, Severity.WARNING if site.helpers else Severity.INFO)


def _note(site: Site) -> str:
    """What to say of `if training: x = self.drop(x)`, where the condition does what the flag does.

    A BatchNormalization under it would work in inference too, without the condition.
    """
    if not all(
        isinstance(value, BuiltinLayer) and value.fact.effect is Effect.STOCHASTIC for value in site.values
    ):
        return ""
    for node in walk(site.method.node):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == FLAG:
            inside = any(each is site.call for statement in node.body for each in walk(statement))
            if inside and len(node.body) == 1 and not node.orelse:
                return "With the flag passed, the condition around it is no longer needed"
    return ""


def _builds_a_graph(method: Method) -> bool:
    """Whether a method builds a functional model, into which the flag would be written for ever."""
    return any(
        isinstance(node, ast.Call) and method.scope.dotted(node.func) in (names.INPUT, names.MODEL)
        for node in walk(method.node)
    )


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.flip = layers.RandomFlip()

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The author's spacing is kept",
            _INIT
            + """\
    def call(self,x,training=None):
        x=self.drop( x )
        return self.bn(x)
""",
            _INIT
            + """\
    def call(self,x,training=None):
        x=self.drop( x,training=training )
        return self.bn(x,training=training)
""",
        ),
        Case(
            "Nested calls, all in one run, and under `if training`",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.bn(self.drop(self.dense(x)))
        if training:
            x = self.drop(x)
        return x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.bn(self.drop(self.dense(x), training=training), training=training)
        if training:
            x = self.drop(x, training=training)
        return x
""",
        ),
        Case(
            "A helper method is threaded through, with all of its callers",
            _INIT
            + """\
    def call(self, inputs, training=None):
        return self._block(self._block(inputs))

    def _block(self, x):
        return self.drop(self.dense(x))
""",
            _INIT
            + """\
    def call(self, inputs, training=None):
        return self._block(self._block(inputs, training=training), training=training)

    def _block(self, x, training=None):
        return self.drop(self.dense(x), training=training)
""",
        ),
        Case(
            "A helper that has the flag but is not given it",
            _INIT
            + """\
    def call(self, inputs, training=None):
        return self._block(inputs)

    def _block(self, x, training=False):
        return self.drop(x, training=training)
""",
            _INIT
            + """\
    def call(self, inputs, training=None):
        return self._block(inputs, training=training)

    def _block(self, x, training=False):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "A lambda and a nested function see the flag of the method around them",
            _INIT
            + """\
    def call(self, x, training=None):
        def block(h):
            return self.drop(h)
        return tf.map_fn(lambda h: self.bn(h), block(x))
""",
            _INIT
            + """\
    def call(self, x, training=None):
        def block(h):
            return self.drop(h, training=training)
        return tf.map_fn(lambda h: self.bn(h, training=training), block(x))
""",
        ),
        Case(
            "A local alias, an element of a dict, and a layer of the same file",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.layers_ = {"bn": layers.BatchNormalization()}

    def call(self, x, training=None):
        bn = self.layers_["bn"]
        return bn(x)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None):
        return self.block(x)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.layers_ = {"bn": layers.BatchNormalization()}

    def call(self, x, training=None):
        bn = self.layers_["bn"]
        return bn(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None):
        return self.block(x, training=training)
""",
        ),
        Case(
            "The **kwargs of a method that names the flag do not hold it",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        return self.drop(x, **kwargs)
""",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        return self.drop(x, training=training, **kwargs)
""",
        ),
        Case(
            "Found, but not edited: the helper is used in a way that is not followed",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self._block(x)
        return tf.map_fn(self._block, x)

    def _block(self, x):
        return self.drop(x)
""",
        ),
        Case(
            "A condition that guards something else; two statements under one; one that has an `else`",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.drop(x)
        if training:
            x = x + 1.0
        if training:
            x = self.drop(x)
            x = x * 2.0
        if training:
            x = self.drop(x)
        else:
            x = x * 0.5
        return x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.drop(x, training=training)
        if training:
            x = x + 1.0
        if training:
            x = self.drop(x, training=training)
            x = x * 2.0
        if training:
            x = self.drop(x, training=training)
        else:
            x = x * 0.5
        return x
""",
        ),
        Case(
            "A helper that has the flag, and is not given it either",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._block(x)

    def _block(self, x, training=None):
        return self.drop(x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._block(x, training=training)

    def _block(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Beside a layer that fixes a mode inside, which a bare call may get",
            """\
class Frozen(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self.bn(x, training=False)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.frozen = Frozen()

    def call(self, x, training=None):
        return self.frozen(self.drop(x))
""",
            """\
class Frozen(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x):
        return self.bn(x, training=False)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.frozen = Frozen()

    def call(self, x, training=None):
        return self.frozen(self.drop(x, training=training))
""",
        ),
        Case(
            "A layer that is given its input by name",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(inputs=x)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(inputs=x, training=training)
""",
        ),
        Case(
            "A helper that calls itself",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._block(x, 2, training=training)

    def _block(self, x, depth, training=None):
        x = self.drop(x, training=training)
        return self._block(x, depth - 1) if depth else x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._block(x, 2, training=training)

    def _block(self, x, depth, training=None):
        x = self.drop(x, training=training)
        return self._block(x, depth - 1, training=training) if depth else x
""",
        ),
    ),
    valid=(
        Case(
            "It is passed, by keyword, through other keywords or as a constant on purpose",
            _INIT
            + """\
    def call(self, x, training=None, options=None):
        x = self.bn(x, training=training)
        x = self.drop(x, **options)
        return self.drop(x, training=True)
""",
        ),
        Case(
            "Augmentation is not edited",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.flip(x)
""",
        ),
        Case(
            "A layer called in the constructor or in build is being built",
            _INIT
            + """\
    def build(self, shape):
        self.bn(tf.zeros((1, 4)))

    def call(self, x, training=None):
        return self.bn(x, training=training)
""",
        ),
        Case(
            "A list that also holds something unknown",
            """\
class Net(keras.Model):
    def __init__(self, extra):
        super().__init__()
        self.steps = [layers.Dropout(0.5), extra]

    def call(self, x, training=None):
        for step in self.steps:
            x = step(x)
        return x
""",
        ),
    ),
)
