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
import re
from collections.abc import Iterator

from kerasfix.analysis.dataflow import DataFlow, Definition, Step
from kerasfix.analysis.lost import LayerCall, LayerUse, LostChain
from kerasfix.analysis.program import Program
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, finding, listed
from kerasfix.source import Edit
from kerasfix.syntax import walk

_RULE = ("KF201", "chain-break")
_NUMBER = re.compile(r"(\d+)")
# Parameters that go along with the tensors and are read by every layer.
_NO_TENSOR = re.compile(r"^training$|mask", re.IGNORECASE)
_EFFECT = "Shapes of weights may change, so that saved weights no longer load"


def check(program: Program) -> Iterator[Finding]:
    for use in program.layer_uses:
        for chain in use.lost_chains():
            found = _broken(program, use, chain)
            if found is not None:
                yield found
        for step in use.data_flow.steps.values():
            if isinstance(step.node, ast.For):
                yield from _loop(program, use, step)


def _broken(program: Program, use: LayerUse, chain: LostChain) -> Finding | None:
    """The finding for one lost chain, if a later layer consumes the tensor that the chain began with."""
    flow = use.data_flow
    later = (each for each in flow.definitions() if each is not chain.end and chain.end in each.kills)
    overwriting = [each.step for each in later]
    steps = [step for step in overwriting if step is not None and _computes(step)]
    if overwriting:
        reads = [[read for read in step.reads if _is_older(flow, read, chain)] for step in steps]
        found = [read for each in reads for read in each]
        if not found:
            return None
        # One read in each statement that takes the place of the lost value: then all of them are meant.
        sure = len(overwriting) == len(steps) and all(len(each) == 1 for each in reads)
        # A run shows only what `call` reaches.
        provable = sure and _is_run(program, use)
        return _finding(program, use, chain, found, sure=sure, provable=provable)
    reader = _later_reader(use, chain)
    if reader is None:
        return None
    call, read = reader
    # Two heads read one tensor too, and one of them may not be used on purpose: a run would prove nothing.
    sure = _follows(chain.calls[-1].name, call.name) and _is_bound_at(use.frame.node, chain.end, call)
    return _finding(program, use, chain, [read], sure=sure, provable=False)


def _is_run(program: Program, use: LayerUse) -> bool:
    """Whether a run of a model reaches the place: only then does it prove something."""
    method = use.frame.method
    return not use.builds and method is not None and program.threads.runs_in_call(method)


def _computes(step: Step) -> bool:
    return isinstance(step.value, ast.Call | ast.BinOp)


def _is_older(flow: DataFlow, read: ast.Name, chain: LostChain) -> bool:
    """Whether a read sees a tensor that the lost chain was made from."""
    seen = flow.reaching[read]
    return bool(seen) and seen <= chain.origins and not _NO_TENSOR.search(read.id)


def _later_reader(use: LayerUse, chain: LostChain) -> tuple[LayerCall, ast.Name] | None:
    """Where nothing overwrites the lost name: the next layer that reads what the chain began with."""
    end = chain.end.step
    if end is None or chain.end.name.startswith("_") or end.value is not chain.calls[-1].node:
        return None
    for step in sorted(use.data_flow.steps.values(), key=lambda step: step.order):
        if step.order <= end.order:
            continue
        if isinstance(step.node, ast.Delete):
            return None
        for call in use.calls(step):
            read = call.consumed
            if read is not None and use.data_flow.reaching[read] <= chain.sources:
                return call, read
    return None


def _is_bound_at(root: ast.AST, end: Definition, call: LayerCall) -> bool:
    """Whether the lost name surely has its value at a call: both stand in one block."""
    assert end.step is not None
    for node in walk(root):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and end.step.node in block:
                return any(call.node in walk(statement) for statement in block)
    return False


def _follows(first: str, second: str) -> bool:
    """Whether two names are neighbours in a numbered row: conv1 and conv2, block_2a and block_3a."""
    old, new = _NUMBER.split(first), _NUMBER.split(second)
    if len(old) != len(new):
        return False
    changes = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    if len(changes) != 1 or not all(part.isdecimal() for part in changes[0]):
        return False
    return int(changes[0][1]) == int(changes[0][0]) + 1


def _finding(
    program: Program, use: LayerUse, chain: LostChain, reads: list[ast.Name], *, sure: bool, provable: bool
) -> Finding:
    read, name = reads[0], chain.end.name
    lost = list(dict.fromkeys(call.name for call in chain.calls))
    fix, help = None, f"What should use this output has to read `{name}`; if nothing should, the layer can go"
    if sure:
        from kerasfix.codemods.dataflow import read_instead

        edits = tuple(edit for each in reads for edit in read_instead(program.source, each, name))
        fix = _fix(f"Read `{name}` instead of `{read.id}`", edits, lost if provable else [])
        help = ""
    consumer = _consumer(program, read, use.frame.node)
    reads_what = f"`{read.id}` instead of `{name}`" if sure else f"`{read.id}` and nothing reads `{name}`"
    return finding(
        program,
        _RULE,
        read,
        f"`{consumer}` reads {reads_what}, so that the output of {listed(lost)} "
        f"is lost and {_consequence(use, lost)}",
        severity=Severity.ERROR,
        owner=use.frame.owner_name,
        method=use.frame.name,
        loses=tuple(lost),
        fix=fix,
        help=help,
    )


def _consequence(use: LayerUse, lost: list[str]) -> str:
    if use.builds:
        return (
            "the layer is no part of the model" if len(lost) == 1 else "the layers are no part of the model"
        )
    return "its weights get no gradient" if len(lost) == 1 else "their weights get no gradient"


def _loop(program: Program, use: LayerUse, head: Step) -> Iterator[Finding]:
    """`for layer in self.stack: x = layer(inputs)`: all results but the last are thrown away."""
    loop = head.node
    assert isinstance(loop, ast.For)
    if any(isinstance(node, ast.Break | ast.Return | ast.Continue) for node in walk(loop)):
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
        yield _loop_finding(program, use, definition, loop, call)


def _loop_call(use: LayerUse, step: Step, loop: ast.For) -> LayerCall | None:
    """The call, in a statement of a loop, of a layer that changes from round to round."""
    targets = {node.id for node in walk(loop.target) if isinstance(node, ast.Name)}
    for call in use.calls(step):
        reads = {node.id for node in walk(call.node.func) if isinstance(node, ast.Name)}
        if reads & targets:
            return call
    return None


def _reads_in(loop: ast.For, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for node in walk(loop)
    )


def _is_from_outside(flow: DataFlow, read: ast.Name, loop: ast.For) -> bool:
    return all(
        each.step is None or loop not in (*each.step.loops, each.step.node) for each in flow.reaching[read]
    )


def _loop_finding(
    program: Program, use: LayerUse, definition: Definition, loop: ast.For, call: LayerCall
) -> Finding:
    from kerasfix.codemods.dataflow import assign_before, read_instead

    read, name = call.consumed, definition.name
    assert read is not None
    lost = _loop_layers(loop) if _is_run(program, use) else []
    edits = read_instead(program.source, read, name)
    if not definition.kills - {definition}:
        edits = (*assign_before(program.source, loop, name, read.id, use.frame.node), *edits)
    return finding(
        program,
        _RULE,
        read,
        f"Every round of the loop reads `{read.id}`, so that all outputs of `{ast.unparse(call.node.func)}` "
        "but the last are lost and their weights get no gradient",
        severity=Severity.ERROR,
        owner=use.frame.owner_name,
        method=use.frame.name,
        loses=tuple(_loop_layers(loop)),
        fix=_fix(f"Read `{name}`, the output of the round before", edits, lost),
    )


def _loop_layers(loop: ast.For) -> list[str]:
    """The attribute that the loop runs over, whose layers a mended loop reaches."""
    return [node.attr for node in walk(loop.iter) if isinstance(node, ast.Attribute)][:1]


def _fix(message: str, edits: tuple[Edit, ...], lost: list[str]) -> Fix:
    return Fix(message, Applicability.SUGGESTION, edits, effect=_EFFECT, mends=tuple(lost))


def _consumer(program: Program, read: ast.Name, root: ast.AST) -> str:
    """What reads the variable: the innermost call around it."""
    around = [
        node
        for node in walk(root)
        if isinstance(node, ast.Call) and any(child is read for child in walk(node))
    ]
    return ast.unparse(around[-1].func) if around else program.source.line(read.lineno).strip()


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
