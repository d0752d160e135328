"""# positional-training (KF104)

## What it does
Finds a layer or model that is given the training flag by position.

## Why it is bad
Keras 3 takes only tensors by position and raises «Only input tensors may be passed as positional arguments».
Keras 2 accepted it.

## Example
    x = self.bn(x, training)

Use instead:

    x = self.bn(x, training=training)

## Fix safety
Safe: the same call, or one that raised. Arguments behind the flag become keywords too, by the names of the
called layer; where these are not known, nothing is edited. Plain helper methods may keep the position.

## References
- https://keras.io/guides/migrating_to_keras_3/
- Measured with Keras 3.0.5 to 3.15.1 and tf_keras 2.21: `tests/keras/test_facts.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Passed, Site, call_signatures
from kerasfix.analysis.values import Nothing
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, severity

_RULE = ("KF104", "positional-training")


def check(program: Program) -> Iterator[Finding]:
    for method in program.methods:
        for site in program.flow.sites(method):
            if not site.helpers and site.passed in (Passed.POSITIONAL, Passed.UNCLEAR):
                position = _flag_position(site)
                if position is not None:
                    yield _finding(program, site, position)


def _flag_position(site: Site) -> int | None:
    """Where the flag stands among the positional arguments; None if none of them is one."""
    if any(isinstance(argument, ast.Starred) for argument in site.call.args):
        return None
    if any(keyword.arg is None for keyword in site.call.keywords):
        return None
    if site.passed is Passed.POSITIONAL:
        assert site.value is not None
        return site.call.args.index(site.value) if _looks_like_flag(site.value) else None
    # The layers or the Keras versions differ in where they take it; its name tells.
    named = [index for index, argument in enumerate(site.call.args) if _is_the_flag(argument)]
    return named[0] if named else None


def _finding(program: Program, site: Site, position: int) -> Finding:
    names = _keywords(site, position)
    fix, help = None, "Left alone, because the names of the arguments at and behind the flag are not known"
    if names is not None:
        from kerasfix.codemods.training import name_flag

        fix, help = attempt("Pass it by keyword", Applicability.SAFE, lambda: name_flag(site, names))
    return finding(
        program,
        _RULE,
        site.call.args[position],
        f"The {site.class_names} `{site.text}` gets the training flag by position, which raises in Keras 3",
        severity=severity(program, Severity.ERROR),
        owner=site.method.owner.name,
        fix=fix,
        help=help,
    )


def _keywords(site: Site, position: int) -> dict[int, str] | None:
    """Position and name of the flag and of all that follows it; None where a name is not known.

    Of several signatures (Keras 2 and 3, a layer in either branch) those count that have the flag there.
    """
    count = len(site.call.args)
    found: set[tuple[str, ...]] = set()
    for value in site.values:
        if isinstance(value, Nothing):
            continue
        fitting = {
            parameters[position:count]
            for parameters in call_signatures(value)
            if len(parameters) >= count and parameters[position] == FLAG
        }
        if len(fitting) != 1:
            return None
        found |= fitting
    given = {keyword.arg for keyword in site.call.keywords}
    if len(found) != 1 or given & set(names := found.pop()):
        return None
    return dict(enumerate(names, position))


def _is_the_flag(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == FLAG


def _looks_like_flag(value: ast.expr | None) -> bool:
    """A tensor in this place (a mask, a state) would be another mistake; only flags are named."""
    match value:
        case ast.Constant(value=bool() | None):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return "train" in name.lower()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _looks_like_flag(operand)
    return False


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.rnn = layers.LSTM(4, dropout=0.2)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "By position, nested, and as a constant",
            _INIT
            + """\
    def call(self,x,training=None):
        x=self.drop(self.bn(x,training),training)
        return self.drop(x,True)
""",
            _INIT
            + """\
    def call(self,x,training=None):
        x=self.drop(self.bn(x,training=training),training=training)
        return self.drop(x,training=True)
""",
        ),
        Case(
            "What follows the flag becomes a keyword too, by the callee's names",
            """\
class Block(layers.Layer):
    def call(self, x, training=None, mask=None):
        return x if training else x * mask


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None, mask=None):
        return self.block(x, training, mask)
""",
            """\
class Block(layers.Layer):
    def call(self, x, training=None, mask=None):
        return x if training else x * mask


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x, training=None, mask=None):
        return self.block(x, training=training, mask=mask)
""",
        ),
        Case(
            "An LSTM takes the flag at different places in Keras 2 and 3; the place tells which was meant",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.rnn(x, None, training)
        return self.rnn(x, None, None, training)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.rnn(x, None, training=training)
        return self.rnn(x, None, None, training=training)
""",
        ),
        Case(
            "Found, but not edited: the name of what follows is not known",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training, x)
""",
        ),
        Case(
            "The flag turned round",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, not training)
""",
            _INIT
            + """\
    def call(self, x, training=None):
        return self.drop(x, training=not training)
""",
        ),
    ),
    valid=(
        Case(
            "A helper method is no layer, and a mask is no flag",
            _INIT
            + """\
    def call(self, x, training=None, mask=None):
        x = self._block(x, training)
        return self.rnn(x, mask, training=training)

    def _block(self, x, training):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "An unknown layer, whose second parameter may be anything",
            """\
class Net(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def call(self, x, training=None):
        return self.block(x, training)
""",
        ),
    ),
)
