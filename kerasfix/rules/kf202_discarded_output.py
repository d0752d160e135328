"""# discarded-output (KF202)

## What it does
Finds a layer call whose result is dropped: `self.dropout(x)` as a statement of its own.

## Why it is bad
A layer returns its output, it does not change its input. The layer runs and has no effect; if it has
weights, they get no gradient.

## Example
    x = self.dense(x)
    self.dropout(x)
    return self.out(x)

Use instead:

    x = self.dense(x)
    x = self.dropout(x)
    return self.out(x)

## Fix safety
A suggestion: what the author wanted is not certain, and the model computes something else afterwards. With
`--verify` it is written if a run shows that the layer is reached then. Not reported in constructors and
`build`, at the end of a notebook's cell, which shows it, in methods that only call layers so that these are
built, for `_ = layer(x)`, on made-up inputs, and for layers that are called for what they do: their losses,
metrics, records, checks and prints.

## References
- https://keras.io/api/layers/base_layer/
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.called import attribute_behind
from kerasfix.analysis.dataflow import Step
from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LayerUse
from kerasfix.analysis.program import Program
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, finding
from kerasfix.syntax import walk

_RULE = ("KF202", "discarded-output")


def check(program: Program) -> Iterator[Finding]:
    for use in program.layer_uses:
        is_run = use.builds or _runs_in_call(program, use)
        idle = _called_for_no_output(use.frame.node)
        for step in use.data_flow.steps.values():
            if not isinstance(step.node, ast.Expr) or step.node in idle or _is_shown(use, step.node):
                continue
            for call in use.calls(step)[:1]:
                if use.builds and not isinstance(call.node.func, ast.Call):
                    # A layer that has a name is called once to be built, and again for its result.
                    continue
                if call.node is not step.node.value or not _reads_a_value(use, step):
                    continue
                if use.has_effect(call):
                    continue
                if use.builds and not any(_is_read_later(use, step, name.id) for name in use.tensors(step)):
                    # Nothing is made of the tensor: a layer is tried, no model is built.
                    continue
                target = _consumed(use, step, call)
                # A method that warms up a model drops what it computes on purpose.
                if is_run or (target is not None and _goes_on(use, target)):
                    yield _finding(program, use, step, call, target)


def _is_shown(use: LayerUse, node: ast.Expr) -> bool:
    """Whether a notebook shows the value: it is that of the last line of a cell."""
    source, root = use.frame.module.source, use.frame.node
    if not source.cells or not isinstance(root, ast.Module):
        return False
    below = next((each for each in root.body if each.lineno > node.lineno), None)
    return node in root.body and (below is None or source.cell_of(below) != source.cell_of(node))


def _runs_in_call(program: Program, use: LayerUse) -> bool:
    method = use.frame.method
    return method is not None and program.threads.runs_in_call(method)


def _goes_on(use: LayerUse, target: ast.Name) -> bool:
    """Whether a layer of the same method made a tensor, and something goes on with it to give a result."""
    made = use.data_flow.reaching[target]
    readers = (use.data_flow.step_of(read) for each in made for read in use.data_flow.readers(each))
    return (
        bool(made)
        and all(each.step is not None and use.calls(each.step) for each in made)
        and any(not isinstance(reader.node, ast.Expr) for reader in readers)
        and any(isinstance(step.node, ast.Return) and step.node.value is not None for step in use.in_order)
    )


def _finding(
    program: Program, use: LayerUse, step: Step, call: LayerCall, target: ast.Name | None
) -> Finding:
    assert isinstance(step.node, ast.Expr)
    what = "the layer is no part of the model" if use.builds else "the layer has no effect"
    # A run knows the layers of a list by the attribute that holds it.
    lost = attribute_behind(call.node.func, use.frame) or call.name
    fix = None
    help = "Assign it to the variable that should hold it, or delete the call"
    if target is not None and _is_read_later(use, step, target.id):
        from kerasfix.codemods.dataflow import keep_result

        edits = keep_result(program.source, step.node, target.id, use.frame.node)
        fix = Fix(
            f"Assign it to `{target.id}`",
            Applicability.SUGGESTION,
            edits,
            effect="The model computes something else then",
            # Elsewhere a run does not come by, and proves nothing.
            mends=(lost,) if use.builds or _runs_in_call(program, use) else (),
        )
        help = ""
    return finding(
        program,
        _RULE,
        step.node,
        f"The output of `{ast.unparse(call.node.func)}` is dropped, so {what}",
        severity=Severity.ERROR,
        owner=use.frame.owner_name,
        method=use.frame.name,
        loses=(lost,),
        fix=fix,
        help=help,
    )


def _called_for_no_output(root: ast.AST) -> set[ast.AST]:
    """What runs until the layer is built (`if not self.built: self.head(x)`), or to see whether it fails."""
    return {node for each in walk(root) if _asks_built(each) or _asks_failure(each) for node in walk(each)}


def _asks_built(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Attribute) and "built" in part.attr for part in walk(node.test)
    )


def _asks_failure(node: ast.AST) -> bool:
    """`with pytest.raises(ValueError):`, `with self.assertRaisesRegex(...):`."""
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and "raises" in ast.unparse(item.context_expr.func).rpartition(".")[2].lower()
        for item in node.items
    )


def _consumed(use: LayerUse, step: Step, call: LayerCall) -> ast.Name | None:
    """The variable at the inner end of a row of layers: `x` in `self.bn(self.conv(x))`."""
    inside = {each.node: each for each in use.calls(step)}
    while call.node.args and (inner := call.node.args[0]) in inside:
        assert isinstance(inner, ast.Call)
        call = inside[inner]
    named = (each.value for each in call.node.keywords if each.arg == "inputs")
    return call.consumed or next((each for each in named if isinstance(each, ast.Name)), None)


def _reads_a_value(use: LayerUse, step: Step) -> bool:
    """A call on nothing but made-up numbers (`self.head(tf.zeros((1, 4)))`) only builds the layer."""
    own = use.frame.self_name
    return any(use.data_flow.reaching[name] for name in step.reads if name.id != own)


def _is_read_later(use: LayerUse, step: Step, name: str) -> bool:
    readers = (each for each in use.data_flow.reaching if each.id == name)
    steps = [use.data_flow.step_of(each) for each in readers]
    return any(each.order > step.order or set(each.loops) & set(step.loops) for each in steps)


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)
        self.reg = layers.ActivityRegularization(0.1)
        self.features = layers.DenseFeatures([])

"""

RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "As a statement, also under `if training`",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.dense(x)
        if training:
            self.drop(x, training=training)
        return x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.dense(x)
        if training:
            x = self.drop(x, training=training)
        return x
""",
        ),
        Case(
            "In a function that builds a model on what another one of the project gives it",
            """\
import keras
from keras import layers
from project import utils

class Block(layers.Layer):
    def call(self, x):
        return 2 * x

def build(shape):
    inputs = utils.parse_inputs(shape)
    x = inputs
    Block()(x)
    x = layers.Dense(4)(x)
    return keras.Model(inputs, x)
""",
            """\
import keras
from keras import layers
from project import utils

class Block(layers.Layer):
    def call(self, x):
        return 2 * x

def build(shape):
    inputs = utils.parse_inputs(shape)
    x = inputs
    x = Block()(x)
    x = layers.Dense(4)(x)
    return keras.Model(inputs, x)
""",
        ),
        Case(
            "A Lambda in a function that builds a model",
            """\
import keras
from keras import layers

def build(shape):
    inputs = keras.Input(shape)
    x = layers.Dense(4)(inputs)
    layers.Lambda(lambda y: y * 2)(x)
    return keras.Model(inputs, x)
""",
            """\
import keras
from keras import layers

def build(shape):
    inputs = keras.Input(shape)
    x = layers.Dense(4)(inputs)
    x = layers.Lambda(lambda y: y * 2)(x)
    return keras.Model(inputs, x)
""",
        ),
        Case(
            "A row of layers in one statement",
            _INIT
            + """\
    def call(self, x, training=None):
        self.drop(self.dense(x), training=training)
        return x
""",
            _INIT
            + """\
    def call(self, x, training=None):
        x = self.drop(self.dense(x), training=training)
        return x
""",
        ),
        Case(
            "Found, but not edited: nothing reads the variable afterwards",
            _INIT
            + """\
    def call(self, x, training=None):
        y = self.dense(x)
        self.drop(x, training=training)
        return y
""",
        ),
    ),
    valid=(
        Case(
            "A layer that is called for its loss, one that fills a dict, and one that is built",
            _INIT
            + """\
    def call(self, x):
        self.reg(x)
        self.features(x, cols_to_output_tensors={})
        self.dense(tf.zeros((1, 4)))
        return self.dense(x)
""",
        ),
        Case(
            "Tests of layers",
            """\
import keras
import pytest
from keras import layers
from project import utils

def test_dense():
    x = utils.graph()
    layers.Dense(4)(x)
    return layers.Dense(4)(x)

def check(x):
    with pytest.raises(ValueError):
        layers.Dense(4)(x)
    return layers.Dense(4)(x)
""",
        ),
        Case(
            "A constructor that builds its layers, and a result that is dropped on purpose",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.dense(tf.zeros((1, 4)))

    def call(self, x):
        _ = self.dense(x)
        return self.dense(x)
""",
        ),
        Case(
            "Called to see whether it fails",
            _INIT
            + """\
    def call(self, x, training=None):
        with raises(ValueError):
            self.drop(x, training=training)
        return self.dense(x)
""",
        ),
    ),
)
