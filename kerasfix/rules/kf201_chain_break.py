"""# chain-break (KF201)

## What it does
Finds layer outputs that are never read because the next layer consumes an older tensor.

## Why it is bad
The layers before it run and count for nothing: their weights get no gradient and never learn. All that Keras
says is «Gradients do not exist for variables [...]», without a line; for layers without weights it says
nothing. Dropout and the training flag have nothing to do with it.

## Example
    x = self.conv1(inputs)
    x = self.relu1(x)
    x = self.conv2(inputs)

Use instead:

    x = self.conv1(inputs)
    x = self.relu1(x)
    x = self.conv2(x)

## Fix safety
A suggestion: which tensor was meant is the author's to know. Shapes of weights change, so that saved weights
may no longer load. With `--verify` it is written if a run shows that the lost layers are reached and that all
their variables get a gradient. Branches that are joined, skips, appended outputs and auxiliary heads are
reads like any other and are not reported.

An output that nothing reads, and nothing overwrites, may be meant so. It is offered to the next layer that
reads an older tensor only if that layer is the only one to go on from there, or numbers say that it comes
next; not if names say that it is a head, a shortcut or one of parallel ways (`value`, `identity`, `wq` and
`wk`). Then it is shown as a possibility, and never written.

## References
- https://www.tensorflow.org/guide/autodiff#getting_a_gradient_of_none
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerasfix.analysis.breaks import breaks_in, called_elsewhere
from kerasfix.analysis.chains import way_on
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse, LostChain
from kerasfix.analysis.program import Program
from kerasfix.analysis.repairs import Break, Repair, consumer
from kerasfix.analysis.rounds import LostRounds, lost_rounds
from kerasfix.findings import Applicability, Chain, Finding, Fix, Link, Severity
from kerasfix.rules.base import Case, Rule, finding, listed
from kerasfix.source import Edit

_RULE = ("KF201", "chain-break")
_EFFECT = "Shapes of weights may change, so that saved weights no longer load"


def check(program: Program) -> Iterator[Finding]:
    for use in program.layer_uses:
        for each in breaks_in(use):
            yield _finding(program, use, each)
        for rounds in lost_rounds(use):
            yield _loop_finding(program, use, rounds)


def _is_run(program: Program, use: LayerUse) -> bool:
    """Whether a run of a model reaches the place: only then does it prove something."""
    method = use.frame.method
    return not use.builds and method is not None and program.threads.runs_in_call(method)


def _finding(program: Program, use: LayerUse, broken: Break) -> Finding:
    chain, read = broken.chain, broken.read
    name = chain.end.name
    lost = list(dict.fromkeys(call.name for call in chain.calls))
    # For an output that may be unused on purpose, a run proves nothing.
    mends = tuple(lost) if broken.is_overwritten and _is_run(program, use) else ()
    fixes = [_fix(program, repair, name, mends) for repair in broken.repairs]
    instead = f"instead of `{name}`" if broken.is_overwritten else f"and nothing reads `{name}`"
    return finding(
        program,
        _RULE,
        read,
        f"`{consumer(use, read)}` reads `{read.id}` {instead}, so that the output of {listed(lost)} is lost: "
        f"{_consequence(program, use, chain)}",
        severity=Severity.ERROR if broken.is_likely else Severity.WARNING,
        owner=use.frame.owner_name,
        method=use.frame.name,
        loses=tuple(lost),
        # What nothing speaks for but that it is possible is not to be written with everything else.
        fix=fixes[0] if fixes and broken.is_likely else None,
        help=_help(broken, name, lost),
        others=tuple(fixes[1:] if broken.is_likely else fixes),
        chain=_chain(use, broken),
    )


def _help(broken: Break, name: str, lost: list[str]) -> str:
    if not broken.repairs:
        return f"What should use this output has to read `{name}`; if nothing should, the layer can go"
    if broken.is_likely:
        return ""
    return f"If the output is not meant to be used, {listed(lost)} can go"


def _consequence(program: Program, use: LayerUse, chain: LostChain) -> str:
    lost = {call.name: program.weights.of_any(call.values) for call in chain.calls}
    count = "1 layer" if len(lost) == 1 else f"{len(lost)} layers"
    if use.builds:
        return f"{count}, no part of the model"
    weighty = [name for name, has in lost.items() if has is not False]
    if not weighty:
        return f"{count}, without effect"
    elsewhere = called_elsewhere(program.layer_calls, chain)
    its = "its" if len(lost) == 1 else "their"
    if elsewhere.isdisjoint(weighty):
        return f"{count}, {its} weights get no gradient"
    starved = [name for name in weighty if name not in elsewhere]
    if not starved:
        return f"{count}, {its} weights get a gradient from other calls only"
    return f"{count}, the weights of {listed(starved)} get no gradient"


def _fix(program: Program, repair: Repair, name: str, mends: tuple[str, ...]) -> Fix:
    from kerasfix.codemods.dataflow import read_instead

    edits = tuple(edit for place in repair.places for edit in read_instead(program.source, place, name))
    lines = list(dict.fromkeys(str(place.lineno) for place in repair.places))
    where = f"line {lines[0]}" if len(lines) == 1 else f"lines {listed(lines)}"
    message = f"Read `{name}` instead of `{ast.unparse(repair.places[0])}` on {where}: {repair.why}"
    return _suggestion(message, edits, mends)


def _suggestion(message: str, edits: Sequence[Edit], mends: tuple[str, ...]) -> Fix:
    return Fix(message, Applicability.SUGGESTION, tuple(edits), effect=_EFFECT, mends=mends)


def _chain(use: LayerUse, broken: Break) -> Chain:
    taken, end = way_on(use, broken.read)
    chain = broken.chain
    return Chain(broken.read.id, _links(chain.calls), chain.end.name, _links(taken), end, broken.read.lineno)


def _links(calls: Sequence[LayerCall]) -> tuple[Link, ...]:
    return tuple(Link(call.name, call.node.lineno) for call in calls)


def _loop_finding(program: Program, use: LayerUse, rounds: LostRounds) -> Finding:
    from kerasfix.codemods.dataflow import assign_before, read_instead

    read, name = rounds.read, rounds.name
    edits = read_instead(program.source, read, name)
    if not rounds.has_value:
        edits = (*assign_before(program.source, rounds.loop, name, read.id, use.frame.node), *edits)
    func = ast.unparse(rounds.call.node.func)
    return finding(
        program,
        _RULE,
        read,
        f"Every round of the loop reads `{read.id}`, so that all outputs of `{func}` but the last are lost: "
        + ("no part of the model" if use.builds else "their weights get no gradient"),
        severity=Severity.ERROR,
        owner=use.frame.owner_name,
        method=use.frame.name,
        loses=rounds.layers,
        fix=_suggestion(
            f"Read `{name}`, the output of the round before",
            edits,
            rounds.layers if _is_run(program, use) else (),
        ),
    )


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, padding="same")
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(4, 3, padding="same")
        self.bn2 = layers.BatchNormalization()
        self.add = layers.Add()
        self.stack = [layers.Dense(4) for _ in range(3)]
        self.out = layers.Dense(1)

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "The second block reads the input again; the skip that wants it stays",
            _INIT
            + """\
    def call(self, i, training=None):
        x = self.conv1(i)
        x = self.bn1(x, training=training)
        x = tf.nn.relu(x)
        print(x.shape)
        # second half
        x = self.bn2(self.conv2(i), training=training)
        x = self.add([i, x])
        return self.out(x)
""",
            _INIT
            + """\
    def call(self, i, training=None):
        x = self.conv1(i)
        x = self.bn1(x, training=training)
        x = tf.nn.relu(x)
        print(x.shape)
        # second half
        x = self.bn2(self.conv2(x), training=training)
        x = self.add([i, x])
        return self.out(x)
""",
        ),
        Case(
            "Several breaks in one method",
            _INIT
            + """\
    def call(self,state):
        h=self.conv1(state)
        h=self.conv2(state)
        h=self.bn2(state)
        return self.out(h)
""",
            _INIT
            + """\
    def call(self,state):
        h=self.conv1(state)
        h=self.conv2(h)
        h=self.bn2(h)
        return self.out(h)
""",
        ),
        Case(
            "A result kept in a name that nobody reads",
            _INIT
            + """\
    def call(self, x):
        a = self.conv1(x)
        b = self.conv2(x)
        return self.out(b)
""",
            _INIT
            + """\
    def call(self, x):
        a = self.conv1(x)
        b = self.conv2(a)
        return self.out(b)
""",
        ),
        Case(
            "Found, but not edited: a result that nobody reads, which may be meant",
            _INIT
            + """\
    def call(self, x):
        h = self.conv1(x)
        value = self.bn1(h)
        return self.out(h)
""",
        ),
        Case(
            "A loop that throws away all but the last result",
            _INIT
            + """\
    def call(self, inputs):
        for layer in self.stack:
            x = layer(inputs)
        return self.out(x)
""",
            _INIT
            + """\
    def call(self, inputs):
        x = inputs
        for layer in self.stack:
            x = layer(x)
        return self.out(x)
""",
        ),
        Case(
            "In a function that builds a model, with a layer of one's own",
            """\
import keras
from keras import layers
from project import utils

class Block(layers.Layer):
    def call(self, x):
        return 2 * x

def build(columns):
    features = utils.combined(columns)
    x = Block()(features)
    x = layers.Dense(1)(features)
    return keras.Model(columns, x)
""",
            """\
import keras
from keras import layers
from project import utils

class Block(layers.Layer):
    def call(self, x):
        return 2 * x

def build(columns):
    features = utils.combined(columns)
    x = Block()(features)
    x = layers.Dense(1)(x)
    return keras.Model(columns, x)
""",
        ),
        Case(
            "The other name that a residual block gives its input; the skip stays",
            _INIT
            + """\
    def call(self, x):
        residual = x
        x = self.bn1(x)
        x = self.conv1(residual)
        x = residual + x
        return self.out(x)
""",
            _INIT
            + """\
    def call(self, x):
        residual = x
        x = self.bn1(x)
        x = self.conv1(x)
        x = residual + x
        return self.out(x)
""",
        ),
        Case(
            "In a function that builds a model, names that are made up for layers",
            """\
import keras
from keras import layers
from project import weights

def block(given, base):
    x = layers.Conv2D(4, 3, kernel_regularizer=weights(), name=base.format(1))(given)
    x = layers.ReLU(name=base.format(2))(given)
    return x
""",
            """\
import keras
from keras import layers
from project import weights

def block(given, base):
    x = layers.Conv2D(4, 3, kernel_regularizer=weights(), name=base.format(1))(given)
    x = layers.ReLU(name=base.format(2))(x)
    return x
""",
        ),
        Case(
            "In a function that builds a model, a result in a name that nobody reads",
            """\
import keras
from keras import layers

def build(shape):
    inputs = keras.Input(shape)
    deep = layers.Dense(8)(inputs)
    hidden = layers.Dense(4)(deep)
    logit = layers.Dense(1)(deep)
    return keras.Model(inputs, logit)
""",
            """\
import keras
from keras import layers

def build(shape):
    inputs = keras.Input(shape)
    deep = layers.Dense(8)(inputs)
    hidden = layers.Dense(4)(deep)
    logit = layers.Dense(1)(hidden)
    return keras.Model(inputs, logit)
""",
        ),
        Case(
            "In a branch, and in a method other than call",
            _INIT
            + """\
    def call(self, x):
        return self.head(x, True)

    def head(self, x, deep):
        h = self.conv1(x)
        if deep:
            h = self.bn1(h)
            h = self.conv2(x)
        return self.out(h)
""",
            _INIT
            + """\
    def call(self, x):
        return self.head(x, True)

    def head(self, x, deep):
        h = self.conv1(x)
        if deep:
            h = self.bn1(h)
            h = self.conv2(h)
        return self.out(h)
""",
        ),
    ),
    valid=(
        Case(
            "Branches that are joined, twin heads, a projection shortcut",
            _INIT
            + """\
    def call(self, x):
        a = self.conv1(x)
        b = self.conv2(x)
        shortcut = x
        if a.shape != b.shape:
            shortcut = self.bn1(x)
        y = self.add([a, b, shortcut])
        return self.out(y), self.bn2(y)
""",
        ),
        Case(
            "Either branch, try and except, an early return",
            _INIT
            + """\
    def call(self, x, deep=False):
        if deep:
            h = self.conv1(x)
        elif x is None:
            return self.bn1(x)
        else:
            h = self.conv2(x)
        try:
            y = self.bn1(h)
        except ValueError:
            y = self.bn2(h)
        return self.out(y)
""",
        ),
        Case(
            "A value that is kept: appended, stored, captured",
            _INIT
            + """\
    def call(self, x):
        outs = []
        h = self.conv1(x)
        outs.append(h)
        h = self.conv2(x)
        self.feature = h
        h = self.bn1(x)
        later = lambda: h
        h = self.bn2(x)
        return self.out(h), outs, later
""",
        ),
        Case(
            "`inputs` rebound by each layer, and a loop that goes on with its result",
            _INIT
            + """\
    def call(self, inputs):
        x = self.conv1(inputs)
        inputs = x
        x = self.conv2(inputs)
        for layer in self.stack:
            y = layer(x)
            x = y
        return self.out(x)
""",
        ),
        Case(
            "One head for each element",
            _INIT
            + """\
    def call(self, x):
        scores = []
        for layer in self.stack:
            y = layer(x)
            scores.append(y)
        return scores
""",
        ),
    ),
)
