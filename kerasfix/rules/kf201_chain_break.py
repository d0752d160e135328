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

## References
- https://www.tensorflow.org/guide/autodiff#getting_a_gradient_of_none
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.dataflow import DataFlow, Definition, Step
from kerasfix.analysis.index import Method
from kerasfix.analysis.lost import LayerCall, LayerUse, LostChain
from kerasfix.analysis.program import Program
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, finding, listed
from kerasfix.source import Edit

_RULE = ("KF201", "chain-break")
_EFFECT = "Shapes of weights may change, so that saved weights no longer load"


def check(program: Program) -> Iterator[Finding]:
    for method in program.forward_methods():
        use = program.layer_use(method)
        for chain in use.lost_chains():
            found = _broken(program, method, use, chain)
            if found is not None:
                yield found
        for step in use.data_flow.steps.values():
            if isinstance(step.node, ast.For):
                yield from _loop(program, method, use, step)


def _broken(program: Program, method: Method, use: LayerUse, chain: LostChain) -> Finding | None:
    """The finding for one lost chain, if a later layer consumes the tensor that the chain began with."""
    for step in _next_steps(use.data_flow, chain.end):
        stale = [
            call.consumed
            for call in use.calls(step)
            if call.consumed is not None and _is_stale(use.data_flow, call.consumed, chain)
        ]
        if stale:
            return _finding(program, method, chain, step, stale)
    return None


def _next_steps(flow: DataFlow, end: Definition) -> Iterator[Step]:
    """Where the chain may have been meant to go on.

    That is the statement that overwrites the lost value; if none does, whatever follows it.
    """
    assert end.step is not None
    overwriting = [each.step for each in flow.definitions() if end in each.kills and each is not end]
    if overwriting:
        yield from (step for step in overwriting if step is not None)
        return
    after = (step for step in flow.steps.values() if step.order > end.step.order)
    yield from sorted(after, key=lambda step: step.order)


def _is_stale(flow: DataFlow, read: ast.Name, chain: LostChain) -> bool:
    """Whether a read sees the tensor that the lost chain started from, or an older one."""
    seen = flow.reaching[read]
    first = min(call.node.lineno for call in chain.calls)
    return bool(seen) and all(
        each in chain.sources or each.step is None or each.step.node.lineno < first for each in seen
    )


def _finding(
    program: Program, method: Method, chain: LostChain, step: Step, stale: list[ast.Name]
) -> Finding:
    read, name = stale[0], chain.end.name
    lost = list(dict.fromkeys(call.name for call in chain.calls))
    consumer = _consumer(step, read)
    fix = None
    help = f"{len(stale)} reads of older tensors could be meant; make the right one read `{name}`"
    if len(stale) == 1:
        from kerasfix.codemods.dataflow import read_instead

        fix = _fix(f"Read `{name}` instead of `{read.id}`", read_instead(program.source, read, name), lost)
        help = ""
    return finding(
        program,
        _RULE,
        read,
        f"`{consumer}` reads `{read.id}` instead of `{name}`, so that the output of {listed(lost)} is lost "
        "and their weights get no gradient",
        severity=Severity.ERROR,
        owner=method.owner.name,
        fix=fix,
        help=help,
    )


def _loop(program: Program, method: Method, use: LayerUse, head: Step) -> Iterator[Finding]:
    """`for layer in self.stack: x = layer(inputs)`: all results but the last are thrown away."""
    loop = head.node
    assert isinstance(loop, ast.For)
    if any(isinstance(node, ast.Break | ast.Return | ast.Continue) for node in ast.walk(loop)):
        return
    for node in loop.body:
        step = use.data_flow.steps.get(node)
        if step is None or step.value is None or len(step.definitions) != 1:
            continue
        (definition,) = step.definitions.values()
        call = _loop_call(use, step, loop)
        if call is None or call.consumed is None or not use.data_flow.readers(definition):
            continue
        if _reads_in(loop, definition.name) or not _is_from_outside(use.data_flow, call.consumed, loop):
            continue
        yield _loop_finding(program, method, definition, loop, call)


def _loop_call(use: LayerUse, step: Step, loop: ast.For) -> LayerCall | None:
    """The call, in a statement of a loop, of a layer that changes from round to round."""
    targets = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    for call in use.calls(step):
        reads = {node.id for node in ast.walk(call.node.func) if isinstance(node, ast.Name)}
        if reads & targets:
            return call
    return None


def _reads_in(loop: ast.For, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(loop)
    )


def _is_from_outside(flow: DataFlow, read: ast.Name, loop: ast.For) -> bool:
    return all(
        each.step is None or loop not in (*each.step.loops, each.step.node) for each in flow.reaching[read]
    )


def _loop_finding(
    program: Program, method: Method, definition: Definition, loop: ast.For, call: LayerCall
) -> Finding:
    from kerasfix.codemods.dataflow import assign_before, read_instead

    read, name = call.consumed, definition.name
    assert read is not None
    edits = read_instead(program.source, read, name)
    if not definition.kills - {definition}:
        edits = (*assign_before(program.source, loop, name, read.id, method.node), *edits)
    return finding(
        program,
        _RULE,
        read,
        f"Every round of the loop reads `{read.id}`, so that all outputs of `{ast.unparse(call.node.func)}` "
        "but the last are lost and their weights get no gradient",
        severity=Severity.ERROR,
        owner=method.owner.name,
        fix=_fix(f"Read `{name}`, the output of the round before", edits, _loop_layers(loop)),
    )


def _loop_layers(loop: ast.For) -> list[str]:
    """The attribute that the loop runs over, whose layers a mended loop reaches."""
    return [node.attr for node in ast.walk(loop.iter) if isinstance(node, ast.Attribute)][:1]


def _fix(message: str, edits: tuple[Edit, ...], lost: list[str]) -> Fix:
    return Fix(message, Applicability.SUGGESTION, edits, effect=_EFFECT, mends=tuple(lost))


def _consumer(step: Step, read: ast.Name) -> str:
    for node in ast.walk(step.node):
        if isinstance(node, ast.Call) and read in node.args:
            return ast.unparse(node.func)
    return ast.unparse(step.node)


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
