"""# training-hidden (KF111)

## What it does
Finds ways on which the training flag never arrives though it looks as if it did: `kwargs.get("training")` in
a `call(self, x, **kwargs)`, `super().call(x)` without the flag, a literal `training=None`, a decorator
without `functools.wraps`.

## Why it is bad
Keras 3 passes `training` only to a `call` that names it in its signature; `**kwargs` stays empty, even for
`model(x, training=True)`. `super().call(x)` goes around the context that Keras keeps, so that the parent gets
its own default. And from Keras 3.10 an explicit None is an answer: the layer runs in inference mode always.

## Example
    def call(self, x, **kwargs):
        return self.drop(x, training=kwargs.get("training"))

Use instead:

    def call(self, x, training=None, **kwargs):
        return self.drop(x, training=training)

## Fix safety
A repair: `fit()` trains these layers afterwards. It is made where every step of the way is in sight: where
`**kwargs` goes anywhere else, where callers are not known, nothing is edited.

## References
- https://keras.io/guides/making_new_layers_and_models_via_subclassing/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.decorators import hidden_by
from kerasfix.analysis.hidden import readings
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.training import Dependence
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, left_alone, severity
from kerasfix.rules.passing import is_super_call, passing_fix

_RULE = ("KF111", "training-hidden")
_EFFECT = "fit() then runs it in training mode"


def check(program: Program) -> Iterator[Finding]:
    for info in program.classes:
        call = info.methods.get("call")
        if call is not None and call.takes(FLAG):
            yield from _behind_decorator(program, info, call)
        elif call is not None:
            yield from _in_keywords(program, info, call)
    for method in program.methods:
        for site in program.flow.sites(method):
            if _is_bare_super(site) and program.flow.site_depends(site):
                yield _super_call(program, site)
            elif _is_literal_none(site) and program.flow.site_depends(site):
                yield _literal_none(program, site)


def _in_keywords(program: Program, info: ClassInfo, call: Method) -> Iterator[Finding]:
    found = readings(call)
    if not found.reads:
        return
    blockers = [*found.blockers, *program.threads.outside_blockers(call)]
    fix, help = None, left_alone(blockers)
    if not blockers:
        from kerasfix.codemods.hidden import name_the_flag

        fix, help = attempt(
            f"Name `training={False if found.is_off else None}` in the signature and read that",
            Applicability.REPAIR,
            lambda: name_the_flag(call, found),
            "fit() then sets it",
        )
    yield finding(
        program,
        _RULE,
        found.reads[0].node,
        f"`call` of {info.name} looks for `training` in `**{found.name}`, where Keras 3 never puts it",
        severity=severity(program, Severity.ERROR),
        owner=info.name,
        fix=fix,
        help=help,
    )


def _behind_decorator(program: Program, info: ClassInfo, call: Method) -> Iterator[Finding]:
    hidden = hidden_by(call)
    if hidden is None or program.flow.depends(info) is Dependence.INDEPENDENT:
        return
    fix, help = None, left_alone(list(hidden.blockers))
    if hidden.in_sight:
        from kerasfix.codemods.decorators import add_wraps

        fix, help = attempt(
            f"Let `{hidden.function.name}` wrap it with `functools.wraps`",
            Applicability.REPAIR,
            lambda: add_wraps(hidden),
            "Keras then sees the signature, and fit() sets the flag",
        )
    yield finding(
        program,
        _RULE,
        call.node,
        f"The decorator `{hidden.function.name}` hides the flag of `call` of {info.name}: Keras 3 reads the "
        "signature of the function that it returns",
        severity=severity(program, Severity.ERROR),
        owner=info.name,
        fix=fix,
        help=help,
    )


def _is_bare_super(site: Site) -> bool:
    return is_super_call(site) and site.passed is Passed.ABSENT and site.flag_in_reach


def _super_call(program: Program, site: Site) -> Finding:
    fix, help = passing_fix(program, site, _EFFECT, Applicability.REPAIR)
    return finding(
        program,
        _RULE,
        site.call,
        "`super().call` gets no flag: no context reaches it, and the parent sees its own default",
        severity=severity(program, Severity.ERROR),
        owner=site.method.owner.name,
        fix=fix,
        help=help,
    )


def _is_literal_none(site: Site) -> bool:
    if site.passed is not Passed.KEYWORD or site.helpers:
        return False
    return isinstance(site.value, ast.Constant) and site.value.value is None


def _literal_none(program: Program, site: Site) -> Finding:
    fix, help = None, "Pass the flag of the method; it has none"
    if site.flag_in_reach:
        blockers = program.threads.thread(site.method).blockers
        help = left_alone(blockers)
        if not blockers:
            from kerasfix.codemods.training import replace_flag, thread_edits

            thread = program.threads.thread(site.method)
            fix, help = attempt(
                "Pass `training=training`",
                Applicability.REPAIR,
                lambda: (*replace_flag(site, FLAG), *thread_edits(thread, but=site)),
                _EFFECT,
            )
    assert site.value is not None
    return finding(
        program,
        _RULE,
        site.value,
        f"The {site.class_names} `{site.text}` gets a literal `training=None`, inference from Keras 3.10 on",
        severity=severity(program, Severity.ERROR),
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

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Read from **kwargs where it is needed",
            _INIT
            + """\
    def call(self, x, **kwargs):
        x = self.bn(x, training=kwargs.get("training"))
        return self.drop(x, training=kwargs.get('training', None))
""",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        x = self.bn(x, training=training)
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Read into a variable of its name",
            _INIT
            + """\
    def call(self, *args, **kwargs):
        training = kwargs.pop("training", None)
        return self.drop(self.dense(args[0]), training=training)
""",
            _INIT
            + """\
    def call(self, *args, training=None, **kwargs):
        return self.drop(self.dense(args[0]), training=training)
""",
        ),
        Case(
            "Read into a variable of another name",
            _INIT
            + """\
    def call(self, x, **kwargs):
        flag = kwargs["training"]
        return self.drop(x, training=flag)
""",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        flag = training
        return self.drop(x, training=flag)
""",
        ),
        Case(
            "Found, but not edited: **kwargs goes on to something else",
            _INIT
            + """\
    def call(self, x, **kwargs):
        training = kwargs.get("training", None)
        return self.drop(self.other(x, **kwargs), training=training)
""",
        ),
        Case(
            "The parent has the flag and is not given it",
            """\
class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(x, training=training)


class Scaled(Base):
    def call(self, x, training=None):
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
            "The parent is a layer of Keras",
            """\
class Noisy(layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs) + 1.0
""",
            """\
class Noisy(layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=training) + 1.0
""",
        ),
        Case(
            "A decorator that hands everything on, but shows a signature of its own",
            """\
from keras import Model, layers


def logged(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    @logged
    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
            """\
import functools

from keras import Model, layers


def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    @logged
    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "A literal None",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training=None)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Found, but not edited: a literal None, and no flag to pass",
            _INIT
            + """\
    def call(self, x):
        return self.drop(x, training=None)
""",
        ),
        Case(
            "Read where it is needed, and once more in the last line of the file",
            _INIT
            + """\
    def call(self, x, **kwargs):
        x = self.drop(x, training=kwargs.get("training"))
        training = kwargs.get("training")""",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        x = self.drop(x, training=training)
""",
        ),
    ),
    valid=(
        Case(
            "A decorator that shows what it wraps",
            """\
import functools

from keras import Model, layers


def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    @logged
    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "The flag is passed up",
            """\
class Always(layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


class Plain(layers.Dense):
    def call(self, inputs, training=None):
        return super().call(inputs)
""",
        ),
        Case(
            "Other things in **kwargs, and None for a layer that does not care",
            _INIT
            + """\
    def call(self, x, training=None, **kwargs):
        x = self.dense(x, training=None)
        return self.drop(x, training=training) * kwargs.get("scale", 1.0)
""",
        ),
    ),
)
