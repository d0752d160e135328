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
from kerasfix.analysis.threads import Thread
from kerasfix.analysis.training import Dependence
from kerasfix.analysis.values import UserLayer
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.keras import names
from kerasfix.rules.base import Case, Rule, attempt, finding, listed

_RULE = ("KF103", "training-not-passed")


def check(program: Program) -> Iterator[Finding]:
    for method in program.methods:
        for site in program.flow.sites(method):
            if site.passed is not Passed.ABSENT or not program.flow.site_depends(site):
                continue
            if site.flag_in_reach:
                takes = not site.helpers or any(helper.takes(FLAG) for helper in site.helpers)
                if takes and not _builds_a_graph(method):
                    yield _direct(program, site)
            elif not site.helpers and program.threads.gets_flag(method):
                yield _through_helper(program, site)


def _direct(program: Program, site: Site) -> Finding:
    """A bare call in a method that has the flag; the callers of the method must hand it over too."""
    thread = program.threads.thread(site.method)
    blockers = [*filter(None, [program.threads.blocker(site)]), *thread.blockers]
    fix, help = None, f"Left alone, because {listed(blockers)}"
    if not blockers:
        from kerasfix.codemods.training import pass_flag, thread_edits

        others = [each for each in thread.passes if each is not site]
        fix, help = attempt(
            "Pass `training=training`" + (", here and where it is called" if others else ""),
            _applicability(program, site, thread),
            lambda: (*pass_flag(site), *thread_edits(thread, but=site)),
        )
    what = f"the {site.class_names} `{site.text}`" if not site.helpers else f"`{site.text}`"
    message = f"`{site.method.name}` has the flag but calls {what} without it"
    return _finding(program, site, message, fix, help)


def _applicability(program: Program, site: Site, thread: Thread) -> Applicability:
    """Safe if a layer gets what the context gave it; a method that had a default gets another value."""
    if site.method.name != "call" and not program.threads.gets_flag(site.method):
        return Applicability.SUGGESTION
    passes = [site, *thread.passes]
    if any(helper.takes(FLAG) for each in passes for helper in each.helpers):
        return Applicability.REPAIR
    return Applicability.REPAIR if _may_leak(program, site) else Applicability.SAFE


def _may_leak(program: Program, site: Site) -> bool:
    """Whether a sibling, or a layer in it, has a mode of its own.

    Under Keras 3 that becomes the mode of the bare calls behind it, so that passing the flag changes them.
    """
    flow = program.flow
    waiting = [site.method.owner.find("call") or site.method, site.method]
    seen: set[Method] = set()
    while waiting:
        method = waiting.pop()
        if method in seen:
            continue
        seen.add(method)
        for each in flow.sites(method):
            if each.is_decided or any(flow.value_depends(v) is Dependence.AUGMENTS for v in each.values):
                return True
            inner = [value.info.find("call") for value in each.values if isinstance(value, UserLayer)]
            waiting += [found for found in (*each.helpers, *inner) if found is not None]
    return False


def _builds_a_graph(method: Method) -> bool:
    """Whether a method builds a functional model, into which the flag would be written for ever."""
    return any(
        isinstance(node, ast.Call) and method.scope.dotted(node.func) in (names.INPUT, names.MODEL)
        for node in ast.walk(method.node)
    )


def _through_helper(program: Program, site: Site) -> Finding:
    thread = program.threads.thread(site.method)
    fix, help = None, f"Left alone, because {listed(thread.blockers)}" if thread.blockers else ""
    if not thread.blockers:
        from kerasfix.codemods.training import thread_edits

        gaining = listed([f"`{method.name}`" for method in thread.gains])
        fix, help = attempt(
            f"Take `training=None` in {gaining} and pass it on",
            _applicability(program, site, thread),
            lambda: thread_edits(thread),
        )
    message = (
        f"The flag that `call` gets does not reach the {site.class_names} `{site.text}` "
        f"in the helper `{site.method.name}`"
    )
    return _finding(program, site, message, fix, help)


def _finding(program: Program, site: Site, message: str, fix: Fix | None, help: str) -> Finding:
    return finding(
        program,
        _RULE,
        site.call,
        message,
        severity=Severity.INFO if program.module.is_keras2_only else Severity.WARNING,
        owner=site.method.owner.name,
        fix=fix,
        help=help,
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
    ),
    valid=(
        Case(
            "It is passed, by keyword, through **kwargs or as a constant on purpose",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        x = self.bn(x, training=training)
        x = self.drop(x, **kwargs)
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
