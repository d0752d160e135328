"""# overridden-dunder-call (KF107)

## What it does
Finds Keras layers and models that define `__call__` where `call` is meant, or whose `__call__` keeps the
training flag from their `call`.

## Why it is bad
Keras' own `__call__` builds the layer, casts its inputs, collects its losses and sets the training flag. A
class that overrides it goes without: under Keras 3 its Dropout and BatchNormalization never train in `fit`,
and `model(x, training=True)` raises if `__call__` does not take the flag.

## Example
    class Block(layers.Layer):
        def __call__(self, x):
            return self.norm(x)

Use instead:

    class Block(layers.Layer):
        def call(self, x):
            return self.norm(x)

## Fix safety
A suggestion: Keras then does what it does for every layer, which may refuse what this one was called with
(arguments that are no tensors). Only the name is changed, in all classes of the family at once, together
with `super().__call__` in them. Nothing is edited where `call` exists, where Keras' own `__call__` is called,
where somebody uses `__call__` by name, or where it has decorators or takes `*args` or `**kwargs`.

Not reported: classes with a base that is not known, and all that is no layer or model (initializers, losses,
metrics, schedules, `tf.Module`), for which `__call__` is right; and a `__call__` that hands all that it gets,
or the flag, to Keras' own.

## References
- https://keras.io/api/layers/base_layer/ (`call`)
- Measured with Keras 3.15 and tf_keras 2.21: `tests/keras/test_dunder_call_repair.py`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo, Kind, Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.tapes import place_of
from kerasfix.analysis.values import Nothing, is_layer
from kerasfix.codemods import CannotEdit
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.rules.base import Case, Rule, attempt, finding, left_alone
from kerasfix.source import Edit
from kerasfix.syntax import walk

_RULE = ("KF107", "overridden-dunder-call")
_DUNDER = "__call__"
_OF_KERAS = frozenset({"add_weight", "add_loss", "add_metric", "Variable"})
# Bases that Keras ships and that leave `call` to their subclasses.
_WITHOUT_CALL = frozenset({"Layer", "Wrapper", "AbstractRNNCell", "PreprocessingLayer"})


def check(program: Program) -> Iterator[Finding]:
    for info in program.module.keras_classes:
        dunder = info.methods.get(_DUNDER)
        if dunder is None or info.is_open or _has_another_meaning(info, dunder):
            continue
        above = _calls_of_keras(info, dunder)
        if above or _has_call(info):
            if above and not _hands_on(info, dunder, above):
                yield _swallowed(program, info, dunder)
        elif _has_something_to_gain(program, info, dunder):
            yield _instead_of_call(program, info, dunder)


def _has_another_meaning(info: ClassInfo, dunder: Method) -> bool:
    """Whether it is called as an initializer, a loss or a schedule, and only keeps weights as a layer."""
    return dunder.parameters[:1] in (("shape",), ("step",), ("y_true",)) or any(
        each.name.endswith(("Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Schedule"))
        for each in info.ancestors
    )


def _has_something_to_gain(program: Program, info: ClassInfo, dunder: Method) -> bool:
    """Whether there is anything that Keras does around a `call`: build and track layers and weights, set the
    flag, collect losses, train. What only computes is better off without the casting of its inputs.
    """
    if info.role is Kind.MODEL or "build" in info.methods or dunder.takes(FLAG):
        return True
    attributes = program.flow.layers.attributes(info)
    return any(
        is_layer(value) and not isinstance(value, Nothing)
        for each in attributes.values()
        for value in each.values
    ) or any(
        isinstance(node, ast.Attribute) and node.attr in _OF_KERAS
        for each in info.ancestors
        for method in each.methods.values()
        for node in walk(method.node)
    )


def _has_call(info: ClassInfo) -> bool:
    """Whether `call` is there: in the family, from Keras, or because a functional model is made."""
    if any("call" in each.methods or _names_call(each.node) for each in info.family):
        return True
    return bool(set(info.builtin_bases) - _WITHOUT_CALL) or any(
        isinstance(node, ast.Call) and _makes_functional(node)
        for each in info.ancestors
        for node in walk(each.node)
    )


def _names_call(node: ast.ClassDef) -> bool:
    """Whether a class uses or sets a `call` that it does not write (`self.call(x)`, `call = other`)."""
    return any(
        (isinstance(each, ast.Attribute) and each.attr == "call")
        or (isinstance(each, ast.Name) and each.id == "call" and isinstance(each.ctx, ast.Store))
        for each in walk(node)
    )


def _makes_functional(call: ast.Call) -> bool:
    """Whether it is `super().__init__(inputs, outputs)`."""
    keywords = {keyword.arg for keyword in call.keywords}
    return ast.unparse(call.func).endswith("super().__init__") and (
        len(call.args) > 1 or bool(keywords & {"inputs", "outputs"})
    )


def _calls_of_keras(info: ClassInfo, dunder: Method) -> list[ast.Call]:
    """The calls of Keras' own `__call__` in one that overrides it."""
    if info.find_above(_DUNDER) is not None:
        return []
    return [node for node in walk(dunder.node) if isinstance(node, ast.Call) and _goes_up(node.func)]


def _goes_up(func: ast.expr) -> bool:
    """Whether it is `super().__call__` or `Base.__call__`."""
    match func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
            return name == _DUNDER
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
            return name == _DUNDER and owner[:1].isupper()
    return False


def _hands_on(info: ClassInfo, dunder: Method, above: list[ast.Call]) -> bool:
    """Whether the flag gets through, or nothing in `call` asks for it."""
    call = info.find("call")
    if call is not None and not call.takes(FLAG) and call.node.args.kwarg is None:
        return True
    return all(
        any(keyword.arg in (FLAG, None) for keyword in node.keywords)
        or any(isinstance(argument, ast.Starred) for argument in node.args)
        for node in above
    )


def _swallowed(program: Program, info: ClassInfo, dunder: Method) -> Finding:
    takes = dunder.takes(FLAG) or dunder.node.args.kwarg is not None
    what = "takes the training flag and does not hand it on" if takes else "does not take the training flag"
    return finding(
        program,
        _RULE,
        dunder.node,
        f"`__call__` of {info.name} {what}, so that its `call` runs in inference mode",
        severity=Severity.WARNING,
        owner=info.name,
        help=f"Pass `{FLAG}={FLAG}` to `super().__call__`, or do in `call` what it does",
    )


def _instead_of_call(program: Program, info: ClassInfo, dunder: Method) -> Finding:
    blockers = list(dict.fromkeys(_blockers(program, info)))
    fix, help = None, left_alone(blockers)
    if not blockers:
        fix, help = attempt(
            "Rename it to `call`",
            Applicability.SUGGESTION,
            lambda: _rename(program, info),
            "Keras then builds the layer, sets the training flag and collects the losses",
        )
    return finding(
        program,
        _RULE,
        dunder.node,
        f"{info.name} defines `__call__` instead of `call`, so that Keras neither builds it nor gives it the "
        "training flag",
        severity=Severity.WARNING if _calls_what_depends(program, dunder) else Severity.INFO,
        owner=info.name,
        fix=fix,
        help=help,
    )


def _calls_what_depends(program: Program, dunder: Method) -> bool:
    """Whether a layer that depends on the flag is called in it, with a flag of its own or without."""
    flow = program.flow
    return any(flow.site_depends(site) for method in flow.reachable(dunder) for site in flow.sites(method))


def _family(info: ClassInfo) -> list[Method]:
    """Every `__call__` that one instance can have; those renamed apart would hide each other."""
    related = dict.fromkeys(each for member in info.family for each in member.family)
    return [each.methods[_DUNDER] for each in related if _DUNDER in each.methods]


def _blockers(program: Program, info: ClassInfo) -> Iterator[str]:
    methods = _family(info)
    for method in methods:
        if method.owner.module is not info.module:
            yield f"{method.owner.name} in another file defines `__call__` too"
        if "call" in method.owner.methods:
            yield f"{method.owner.name} has a `call` besides"
        if method.node.decorator_list:
            yield "`__call__` has decorators"
        constructor = method.owner.methods.get("__init__")
        if constructor is not None and not constructor.goes_up:
            yield f"`__init__` of {method.owner.name} does not call that of Keras, which `call` needs"
        if method.node.args.vararg is not None or method.node.args.kwarg is not None:
            yield "`__call__` takes `*args` or `**kwargs`, which Keras fills in its own way"
        elif not method.parameters:
            yield "`__call__` takes no input, which `call` must"
    inside = {id(node) for method in methods for node in walk(method.node)}
    modules = [module for module in program.module.project.given if module.speaks_of(info)]
    for module in modules:
        for node in walk(module.source.tree) if _DUNDER in module.words else ():
            if not isinstance(node, ast.Attribute) or node.attr != _DUNDER:
                continue
            if not _goes_up(node) or id(node) not in inside:
                yield f"{place_of(node, module, info.module)} uses `{ast.unparse(node)}` by name"


def _rename(program: Program, info: ClassInfo) -> tuple[Edit, ...]:
    source = program.source
    edits: list[Edit] = []
    for method in _family(info):
        start = source.text.find(_DUNDER, source.offset(method.node.lineno, method.node.col_offset))
        edits.append(Edit(start, start + len(_DUNDER), "call", program.source.file))
        for node in walk(method.node):
            if isinstance(node, ast.Attribute) and _goes_up(node):
                _, end = source.span(node)
                if source.text[end - len(_DUNDER) : end] != _DUNDER:
                    raise CannotEdit("`__call__` is not written in one piece")
                edits.append(Edit(end - len(_DUNDER), end, "call", program.source.file))
    return tuple(sorted(edits))


RULE = Rule(
    *_RULE,
    check,
    invalid=(
        Case(
            "A layer without call; the name is all that changes",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def __call__(self,x , training = None):  # __call__
        return self.norm(x, training=training)
""",
            """\
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self,x , training = None):  # __call__
        return self.norm(x, training=training)
""",
        ),
        Case(
            "A family of classes, all at once",
            """\
class Base(keras.Model):
    def __call__(self, x):
        return x + 1


class Net(Base):
    def __call__(self, x):
        return super().__call__(x) * 2
""",
            """\
class Base(keras.Model):
    def call(self, x):
        return x + 1


class Net(Base):
    def call(self, x):
        return super().call(x) * 2
""",
        ),
        Case(
            "Found, but not edited: `call` is there, and does not get the flag",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def __call__(self, x, training=None):
        return super().__call__(x)

    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            "Found, but not edited: somebody uses it by name",
            """\
class Net(keras.Model):
    def __call__(self, x):
        return x

    def twice(self, x):
        return self.__call__(self.__call__(x))
""",
        ),
        Case(
            "Found, but not edited: a decorator, and arguments of any kind",
            """\
class Net(keras.Model):
    @tf.function
    def __call__(self, x):
        return x


class Other(layers.Layer):
    def __call__(self, *args, **kwargs):
        self.add_loss(0.1)
        return args
""",
        ),
        Case(
            "A layer that Keras would build",
            """\
class Scale(layers.Layer):
    def build(self, shape):
        self.factor = 2.0

    def __call__(self, x):
        return x * self.factor
""",
            """\
class Scale(layers.Layer):
    def build(self, shape):
        self.factor = 2.0

    def call(self, x):
        return x * self.factor
""",
        ),
    ),
    valid=(
        Case(
            "A layer that only computes",
            """\
class Decode(layers.Layer):
    def __call__(self, boxes, scores):
        return tf.image.non_max_suppression(boxes, scores, 10)
""",
        ),
        Case(
            "It hands on what it gets",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def __call__(self, x, training=None, **kwargs):
        return super().__call__([x], training=training, **kwargs)

    def call(self, x, training=None):
        return self.drop(x[0], training=training)


class Cell(layers.LSTM):
    def __call__(self, x, initial_state=None, **kwargs):
        return super(Cell, self).__call__(x, initial_state=initial_state, **kwargs)


class Quiet(layers.Layer):
    def __call__(self, x):
        return super().__call__(x)

    def call(self, x):
        return x
""",
        ),
        Case(
            "No layers: a plain class, a tf.Module, an initializer, a loss, a schedule, a metric",
            """\
class Plain:
    def __call__(self, x):
        return x


class Module(tf.Module):
    def __call__(self, x):
        return x


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return tf.ones(shape)


class Loss(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return y_true


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return step


class Metric(keras.metrics.Metric):
    def __call__(self, x):
        return x
""",
        ),
        Case(
            "A layer that is called as an initializer, and a class whose bases are not known",
            """\
class TrainableNormal(layers.Layer):
    def __call__(self, shape, dtype=None):
        return self.scale * tf.ones(shape)


class Net(Unknown, keras.Model):
    def __call__(self, x):
        return x


class Other(keras.Model, tf.Module):
    def __call__(self, x):
        return x
""",
        ),
        Case(
            "A `call` in the family, whoever has it",
            """\
class Base(layers.Layer):
    def __call__(self, x):
        return self.call(x)


class Block(Base):
    def call(self, x):
        return x


class Abstract(layers.Layer):
    def __call__(self, x):
        return self.call(x)


class Functional(keras.Model):
    def __init__(self, inputs, outputs):
        super().__init__(inputs=inputs, outputs=outputs)

    def __call__(self, x):
        return x
""",
        ),
        Case(
            "A layer only to keep its weights: the name says what it is called as",
            """\
class ScaledInitializer(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, size):
        return self.scale * tf.ones(size)


class ScaledRegularizer(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, weights):
        return self.scale * tf.reduce_sum(weights)


class ScaledConstraint(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, weights):
        return self.scale * weights


class ScaledLoss(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, truth, given):
        return self.scale * (truth - given)


class ScaledMetric(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, truth, given):
        return self.scale * (truth + given)


class ScaledSchedule(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight()

    def __call__(self, count):
        return self.scale * count
""",
        ),
        Case(
            "A `call` that `__call__` does not use, and one that is another function",
            """\
class Net(keras.Model):
    def __call__(self, x):
        return x

    def call(self, x):
        return x + 1


class Other(keras.Model):
    call = compute

    def __call__(self, x):
        return x
""",
        ),
    ),
)
