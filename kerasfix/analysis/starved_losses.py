"""Losses from which no gradient finds back: of a tape written by hand, or of a function for `compile`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.analysis.blockers import Blocker, name_of
from kerasfix.analysis.dataflow import Definition
from kerasfix.analysis.frames import Frame
from kerasfix.analysis.insides import Insides
from kerasfix.analysis.onward import Reach
from kerasfix.analysis.program import Program
from kerasfix.analysis.scope import Function
from kerasfix.analysis.sites import called_methods
from kerasfix.analysis.starved import Starved
from kerasfix.keras import names
from kerasfix.keras.gradients import Kind
from kerasfix.syntax import of_kind, own_nodes, walk

_VARIABLES = frozenset({"trainable_variables", "trainable_weights", "variables", "weights"})
# They return arrays of numpy.
_PREDICTS = frozenset({"predict", "predict_on_batch", "predict_step"})
_PURE = ("tensorflow.", "keras.", "numpy.", "builtins.")
_LOSS = re.compile(r"loss|criterion|mse|mae|cross_?entropy|^cce|^bce", re.IGNORECASE)
_TENSOR_METHODS = frozenset(
    {"numpy", "item", "astype", "append", "mean", "sum", "max", "argmax", "watch", "gradient", "items"}
)
_DRIVEN = frozenset({"compute_loss", "compiled_loss", "compute_metrics"})
_PARAMETER = re.compile(r"pred", re.IGNORECASE)


class StarvedLosses:
    """The tapes and loss functions of one module that train nothing.

    Args:
        program: The module.
        insides: What its functions do.
    """

    def __init__(self, program: Program, insides: Insides) -> None:
        self._program = program
        self._insides = insides

    def find(self) -> Iterator[Starved]:
        if "GradientTape" in self._program.module.words:
            for frame in self._program.frames:
                yield from self._in_tapes(frame)
        yield from self._loss_functions()

    # --- Tapes --------------------------------------------------------------------------------------------

    def _in_tapes(self, frame: Frame) -> Iterator[Starved]:
        for node in own_nodes(frame.node.body):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name() as tape, attr="gradient")):
                    opened = _opened_by(tape, frame)
                    target, sources = _argument(node, 0, "target"), _argument(node, 1, "sources")
                    if opened is not None and target is not None and sources is not None:
                        for owner in _owners(sources, frame):
                            starved = self._in_tape(owner, target, opened, frame)
                            if starved is not None:
                                yield starved

    def _in_tape(self, owner: ast.expr, target: ast.expr, opened: ast.With, frame: Frame) -> Starved | None:
        """What starves a model whose gradient a tape takes."""
        parents = self._insides.parents(frame)
        text = ast.unparse(owner)
        calls: dict[ast.Call, Blocker | None] = {}
        inside = list(own_nodes(opened.body))
        for node in inside:
            if isinstance(node, ast.expr) and _says(node, text):
                call = _call_of(node, parents)
                if call is not None:
                    calls[call] = _prediction(call, node)
                elif not _is_harmless(node, parents):
                    return None
        if not calls or not self._are_all_known(inside, calls, owner, frame):
            return None
        found: list[Blocker] = []
        for call, blocker in calls.items():
            reach = self._insides.paths(frame, frozenset({target}), nowhere_else=True).of(call, blocker)
            if reach.escapes or reach.returns:
                return None
            found += [reach.blocked] if reach.blocked is not None else []
        if not found:
            return None
        first = min(found, key=lambda each: each.place)
        return Starved(
            first, _attribute(owner, frame), frame.owner_name, frame.name, is_all=True, source=text
        )

    def _are_all_known(
        self, inside: list[ast.AST], calls: dict[ast.Call, Blocker | None], owner: ast.expr, frame: Frame
    ) -> bool:
        """Whether nothing else that is called in a tape can run the model unseen."""
        return all(
            self._is_known(node, owner, frame)
            for node in inside
            if isinstance(node, ast.Call) and node not in calls
        ) and not any(isinstance(node, Function | ast.Lambda) for node in inside)

    def _is_known(self, call: ast.Call, owner: ast.expr, frame: Frame) -> bool:
        words = {node.id if isinstance(node, ast.Name) else node.attr for node in _names_in(owner)}
        method = frame.method
        functions: list[Function] = []
        if method is not None:
            functions += [helper.node for helper in called_methods(call.func, method)]
        found = self._program.module.project.function_named(call.func, frame.scope)
        if found is not None:
            functions.append(found[0])
        if functions:
            return not any(self._speaks_of(function, words) for function in functions)
        if (name_of(call.func, frame.scope) or "").startswith(_PURE):
            return True
        match call.func:
            case ast.Name(id=name):
                return _LOSS.search(name) is not None
            case ast.Attribute(value=ast.Name(id=base), attr=name) if base == frame.self_name:
                return _LOSS.search(name) is not None or name in _DRIVEN
            case ast.Attribute(attr=name):
                return name in _TENSOR_METHODS
        return False

    def _speaks_of(self, function: Function, words: set[str]) -> bool:
        """Whether a function names the model, or calls what may."""
        return any(
            (isinstance(node, ast.Name) and node.id in words)
            or (isinstance(node, ast.Attribute) and node.attr in words)
            for node in of_kind(function, ast.Name, ast.Attribute)
        )

    # --- Loss functions -----------------------------------------------------------------------------------

    def _loss_functions(self) -> Iterator[Starved]:
        frames = {frame.node: frame for frame in self._program.frames}
        for function in dict.fromkeys(self._losses()):
            frame = frames.get(function)
            reach, name = self._of_loss(function)
            if frame is None or reach is None or reach.blocked is None or not reach.is_starved:
                continue
            yield Starved(reach.blocked, (), frame.owner_name, function.name, is_all=True, source=name)

    def _of_loss(self, function: Function) -> tuple[Reach | None, str]:
        """What a loss function does with the prediction."""
        arguments = [argument.arg for argument in function.args.args if argument.arg != "self"]
        if len(arguments) < 2 or _PARAMETER.search(arguments[0]):
            # What is called y_pred and stands first is something else.
            return None, ""
        return self._insides.of_function(function, arguments[1]), arguments[1]

    def _losses(self) -> Iterator[Function]:
        """The functions that Keras calls as losses."""
        for info in self._program.module.classes:
            if any((base or "").startswith("keras.losses.Loss") for base in info.outside_bases):
                call = info.methods.get("call")
                if call is not None:
                    yield call.node
        if "compile" not in self._program.module.words:
            return
        for frame in self._program.frames:
            for node in own_nodes(frame.node.body):
                match node:
                    case ast.Call(func=ast.Attribute(attr="compile"), keywords=keywords):
                        for keyword in keywords:
                            if keyword.arg == "loss":
                                yield from self._functions_of(keyword.value, frame)

    def _functions_of(self, node: ast.expr, frame: Frame) -> Iterator[Function]:
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts):
                for part in parts:
                    yield from self._functions_of(part, frame)
            case ast.Name(id=name):
                value = frame.scope.value(name)
                if isinstance(value, Function):
                    yield value
                elif isinstance(value, ast.Call):
                    yield from self._functions_of(value, frame)
            case ast.Call(func=ast.Name(id=name)):
                # A function that makes the loss: the one in it that it returns.
                maker = frame.scope.value(name)
                if isinstance(maker, Function):
                    returned = [each.value for each in own_nodes(maker.body) if isinstance(each, ast.Return)]
                    for inner in maker.body:
                        if isinstance(inner, Function) and all(
                            isinstance(each, ast.Name) and each.id == inner.name for each in returned
                        ):
                            yield inner


def _opened_by(tape: ast.Name, frame: Frame) -> ast.With | None:
    """The `with tf.GradientTape() as tape` that a name comes from."""
    definitions = [*frame.flow.reaching.get(tape, ())]
    nodes = [each.step.node for each in definitions if each.step is not None]
    match nodes:
        case [ast.With(items=[ast.withitem(context_expr=ast.Call(func=func))]) as opened]:
            return opened if frame.scope.dotted(func) == names.GRADIENT_TAPE else None
    return None


def _owners(sources: ast.expr, frame: Frame, steps: int = 4) -> list[ast.expr]:
    """The models whose variables an expression lists."""
    match sources:
        case ast.Attribute(value=owner, attr=name) if name in _VARIABLES:
            return [owner] if all(isinstance(each, ast.Attribute | ast.Name) for each in walk(owner)) else []
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return [*_owners(left, frame, steps), *_owners(right, frame, steps)]
        case ast.Name() if steps:
            definitions = [*frame.flow.reaching.get(sources, ())]
            values = [_value_of(each) for each in definitions]
            if len(values) == 1 and values[0] is not None:
                return _owners(values[0], frame, steps - 1)
    return []


def _attribute(owner: ast.expr, frame: Frame) -> tuple[str, ...]:
    """The attribute of `self` that holds a model."""
    match owner:
        case ast.Attribute(value=ast.Name(id=base), attr=name) if base == frame.self_name:
            return (name,)
    return ()


def _value_of(definition: Definition) -> ast.expr | None:
    return definition.step.value if definition.step is not None and definition.whole else None


def _names_in(node: ast.expr) -> list[ast.Name | ast.Attribute]:
    return [
        each
        for each in walk(node)
        if isinstance(each, ast.Attribute) or (isinstance(each, ast.Name) and each is node)
    ]


def _says(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == text


def _call_of(node: ast.expr, parents: dict[ast.AST, ast.AST]) -> ast.Call | None:
    """The call of a model, or of its `predict`."""
    here: ast.AST = node
    parent = parents[here]
    if isinstance(parent, ast.Attribute) and parent.attr in _PREDICTS | {"call", "__call__"}:
        here, parent = parent, parents[parent]
    return parent if isinstance(parent, ast.Call) and parent.func is here else None


def _prediction(call: ast.Call, owner: ast.expr) -> Blocker | None:
    match call.func:
        case ast.Attribute(attr=name) if name in _PREDICTS and call.func is not owner:
            return Blocker(call, f"`{ast.unparse(call.func)}`", Kind.LEAVES)
    return None


def _is_harmless(node: ast.expr, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a mention of a model in a tape can not be another way from its weights to the loss."""
    parent = parents[node]
    if not isinstance(parent, ast.Attribute):
        return False
    above = parents[parent]
    if parent.attr == "losses":
        return isinstance(above, ast.keyword) and above.arg == "regularization_losses"
    is_called = isinstance(above, ast.Call) and above.func is parent
    return parent.attr in _DRIVEN or (is_called and _LOSS.search(parent.attr) is not None)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)
