"""# constant-training (KF106)

## What it does
Finds `training=True` or `training=False` written into a `call`, or into a helper that `call` reaches, at a
layer that depends on the flag.

## Why it is bad
The layer then has that mode whatever the model is asked to do: with True it trains in `predict` and
`evaluate` too, with False it never trains. Under Keras 3 the constant also becomes the mode of the layers
behind it that are called without the flag.

## Example
    def call(self, x, training=None):
        return self.drop(self.dense(x), training=True)

Use instead:

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)

## Fix safety
A suggestion, which `--verify` alone never writes: Monte-Carlo dropout and frozen backbones are written just
so. A comment that says why keeps it quiet, on the line of the call or right above its statement:
`# kerasfix: ignore[KF106]`, `# noqa: KF106`, or plain words, of which one of these is looked for: Monte
Carlo, MC, uncertainty, frozen or freeze, inference mode, fine-tune, on purpose, intentional, deliberate,
always.

Not reported where the code says why: the layer is frozen; its name, that of its class or method, that of the
condition around it or a docstring says so (`mc_dropout`, `frozen`, `teacher`, `predict_...`, `sample_...`);
the other branch calls it otherwise; it stands under `if training` and says the same; the class does nothing
but fix the mode of one layer. `train_step`, `test_step` and `predict_step` know their mode, and augmentation
is left alone.

## References
- https://keras.io/guides/transfer_learning/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.frozen import State, TrainableSettings
from kerasfix.analysis.intent import fits_its_condition, is_described, says_why, sounds_meant
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.values import BuiltinLayer, Stack, UserLayer
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.keras import names
from kerasfix.keras.layers import Effect
from kerasfix.rules.base import Case, Rule, attempt, finding
from kerasfix.syntax import own_nodes, walk

_RULE = ("KF106", "constant-training")
_KNOWS_ITS_MODE = frozenset({"train_step", "test_step", "predict_step"})


def check(program: Program) -> Iterator[Finding]:
    settings = TrainableSettings(program.source.tree)
    for method in program.methods:
        if method.name in _KNOWS_ITS_MODE:
            continue
        for site in program.flow.sites(method):
            mode = _constant(site)
            if mode is None or not program.flow.site_depends(site) or not _computes(program, site):
                continue
            if not _is_meant(program, site, mode) and not (not mode and _is_frozen(site, settings)):
                yield _finding(program, site, mode)


def _constant(site: Site) -> bool | None:
    if site.passed is Passed.KEYWORD and isinstance(site.value, ast.Constant):
        return site.value.value if isinstance(site.value.value, bool) else None
    return None


def _computes(program: Program, site: Site) -> bool:
    """Whether some `call` leads to it, and none of it builds a functional model (see KF109)."""
    method = site.method
    return program.threads.runs_in_call(method) and not any(
        isinstance(node, ast.Call) and method.scope.dotted(node.func) == names.INPUT
        for node in own_nodes(method.node.body)
    )


def _is_meant(program: Program, site: Site, mode: bool) -> bool:
    method, owner = site.method, site.method.owner
    return (
        sounds_meant(site.text, owner.name, "" if method.name == "call" else method.name)
        or fits_its_condition(method.node, site.call, mode)
        or _only_fixes_a_mode(program, site)
        or is_described(method.node, owner.node)
        or _is_explained(program, site)
    )


def _is_explained(program: Program, site: Site) -> bool:
    """Whether a comment says why. One that silences this rule is left to do it, or KF000 finds it idle."""
    start, _ = program.source.span(site.call)
    return not program.silencers.silence(_RULE[0], start) and says_why(
        program.source, site.method.node, site.call, _RULE[0]
    )


def _only_fixes_a_mode(program: Program, site: Site) -> bool:
    """Whether the whole of a `call` is to call one layer with its own input."""
    call = site.method.node
    body = [each for each in call.body if not isinstance(each, ast.Expr) or each.value is site.call]
    if call.name != "call" or len(body) != 1 or len(program.flow.sites(site.method)) != 1:
        return False
    match body[0]:
        case ast.Return(value=value) if value is site.call:
            given = [argument.id for argument in site.call.args if isinstance(argument, ast.Name)]
            return given == list(site.method.parameters[:1])
    return False


def _is_frozen(site: Site, settings: TrainableSettings) -> bool:
    """Whether the layer is made frozen, or something sets its `trainable`."""
    for value in site.values:
        if isinstance(value, BuiltinLayer | UserLayer | Stack) and any(
            keyword.arg == "trainable" and isinstance(keyword.value, ast.Constant) and not keyword.value.value
            for keyword in value.call.keywords
        ):
            return True
    func = site.call.func
    spelled = [ast.unparse(func), site.method.self_name or "self"]
    spelled += [local for local in _made_as(site) if local]
    return any(settings.of(each, alone=True).state is not State.TRAINABLE for each in spelled)


def _made_as(site: Site) -> Iterator[str]:
    """The local names that the class puts into the attribute that is called."""
    func = site.call.func
    if not isinstance(func, ast.Attribute):
        return
    for info in site.method.owner.family:
        for node in walk(info.node):
            match node:
                case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=local)):
                    if name == func.attr:
                        yield local


def _finding(program: Program, site: Site, mode: bool) -> Finding:
    fix = None
    help = "Take `training=None` in `call` and pass it on; if it is meant, a comment that says why is enough"
    if site.flag_in_reach:
        from kerasfix.codemods.training import replace_flag

        fix, help = attempt(
            "Pass `training=training`",
            Applicability.SUGGESTION,
            lambda: replace_flag(site, FLAG),
            "The layer then trains in fit and nowhere else",
        )
        help = help or "If it is meant, a comment that says why is enough"
    builtin = any(isinstance(value, BuiltinLayer) for value in site.values)
    return finding(
        program,
        _RULE,
        site.call,
        f"{_name(site)} is given `training={mode}` in `{site.method.name}`, so that {_what(site, mode)}",
        severity=Severity.WARNING if mode or builtin else Severity.INFO,
        owner=site.method.owner.name,
        fix=fix,
        help=help,
    )


def _name(site: Site) -> str:
    return f"`{site.text}`" if site.helpers else f"The {site.class_names} `{site.text}`"


def _what(site: Site, mode: bool) -> str:
    if not mode:
        return "it never trains, in `fit` neither"
    effects = {value.fact.effect for value in site.values if isinstance(value, BuiltinLayer)}
    if effects == {Effect.STOCHASTIC}:
        return "predictions are random"
    return "it trains in `predict` and `evaluate` too"


_INIT = """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.mc_drop = layers.Dropout(0.5)
        self.flip = layers.RandomFlip()
        self.block = Block()
        self.frozen = layers.BatchNormalization(trainable=False)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "Dropout that drops in predict, normalization that never trains, comments that say nothing",
            _INIT
            + """\
    def call(self,x,training=None):
        # dropout against overfitting
        x=self.drop( x,training = True )  # applied during training
        x=self.bn(x,training=False)
        return self.block(x,training=False)
""",
            _INIT
            + """\
    def call(self,x,training=None):
        # dropout against overfitting
        x=self.drop( x,training = training )  # applied during training
        x=self.bn(x,training=training)
        return self.block(x,training=training)
""",
        ),
        Case(
            "In a helper, and given to a helper",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._tail(self._head(x, training=training), training=True)

    def _head(self, x, training=None):
        return self.drop(x, training=True)

    def _tail(self, x, training=None):
        return self.drop(x, training=training)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self._tail(self._head(x, training=training), training=training)

    def _head(self, x, training=None):
        return self.drop(x, training=training)

    def _tail(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "At odds with the condition that it stands under",
            _INIT
            + """\
    def call(self, x, training=None):
        if training:
            x = self.bn(x, training=False)
        return x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        if training:
            x = self.bn(x, training=training)
        return x
""",
        ),
        Case(
            "Found, but not edited: there is no flag to pass",
            _INIT
            + """\
    def call(self, x):
        x = self.dense(x)
        return self.drop(x, training=True)
""",
        ),
    ),
    valid=(
        Case(
            "A comment says why, on the line or above the statement",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.drop(x, training=True)  # Monte-Carlo dropout
        # MC: also in predict
        x = self.drop(x, training=True)
        # Its statistics are to stay as they are, so it runs
        # in inference mode.
        x = self.bn(
            x, training=False
        )
        x = self.bn(x, training=False)  # kerasfix: ignore[KF103, KF106]
        x = self.bn(x, training=False)  # noqa: E501, KF106
        x = self.drop(x, training=True)  # on purpose
        return self.drop(x, training=True)  # Always drops.
""",
        ),
        Case(
            "The layer is frozen, by its constructor or by the class",
            """\
class Backbone(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.bn(x, training=training)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.one = Backbone(trainable=False)
        self.two = Backbone()
        self.two.trainable = False
        three = Backbone()
        three.trainable = False
        self.three = three
        self.four = Backbone()
        for layer in self.four.layers:
            layer.trainable = False

    def call(self, x, training=None):
        x = self.one(x, training=False)
        x = self.two(x, training=False)
        x = self.three(x, training=False)
        return self.four(x, training=False)
""",
        ),
        Case(
            "The names say it: of the layer, of the method, of the condition, of the class",
            _INIT
            + """\
        self.uses_mc = True

    def call(self, x, training=None):
        x = self.mc_drop(x, training=True)
        x = self.frozen(x, training=False)
        if self.uses_mc:
            x = self.drop(x, training=True)
        return self.sample_once(x)

    def sample_once(self, x):
        return self.drop(x, training=True)


class MCNet(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.dense(self.drop(x, training=True))
""",
        ),
        Case(
            "Right under its condition",
            _INIT
            + """\
    def call(self, x, training=None):
        if training:
            x = self.drop(x, training=True)
        else:
            x = self.bn(x, training=False)
        if not training:
            return self.bn(x, training=False)
        return self.bn(self.drop(x, training=True), training=True)
""",
        ),
        Case(
            "Right under its condition, in other words",
            _INIT
            + """\
    def call(self, x, training=None, mode="train"):
        if not training:
            return x

        def dropped():
            return self.drop(x, training=True)

        x = tf.cond(training, dropped, lambda: self.drop(x, training=False))
        x = tf.cond(training, lambda: self.bn(x, training=True), lambda: x)
        if mode == "train":
            x = self.bn(x, training=True)
        return self.bn(self.drop(x, training=True), training=True)
""",
        ),
        Case(
            "A docstring says it",
            _INIT.replace("Net(keras.Model):", 'Net(keras.Model):\n    """Monte-Carlo dropout."""')
            + """\
    def call(self, x, training=None):
        return self.dense(self.drop(x, training=True))
""",
        ),
        Case(
            "The other branch passes the flag",
            _INIT
            + """\
    def call(self, x, training=None, update=True):
        if update:
            x = self.bn(x, training=training)
        else:
            x = self.bn(x, training=False)
        return self.drop(x, training=training) if update else self.drop(x, training=False)
""",
        ),
        Case(
            "Steps know their mode, and so does what no `call` leads to",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.bn(x, training=training)

    def train_step(self, data):
        return self.bn(data, training=True)

    def embed(self, x):
        return self.bn(x, training=False)
""",
        ),
        Case(
            "Augmentation, and a layer that needs no flag",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.dense(self.flip(x, training=False), training=True)
""",
        ),
        Case(
            "A class whose only purpose is to fix a mode",
            """\
class Noisy(layers.Layer):
    def __init__(self, rate):
        super().__init__()
        self.drop = layers.Dropout(rate)

    def call(self, x):
        return self.drop(x, training=True)


class Dropping(layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)
""",
        ),
        Case(
            "A comment that silences it among other codes",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.bn(x, training=False)  # noqa: E501, KF106
""",
        ),
    ),
)
