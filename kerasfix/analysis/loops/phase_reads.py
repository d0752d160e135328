"""What a program does with the learning phase that it asks for."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum

from kerasfix.analysis.calls import Spot
from kerasfix.analysis.loops.phases import PhaseUse
from kerasfix.analysis.scope import named_parameters
from kerasfix.analysis.sites import FLAG

_FUNCTION = "keras.backend.function"


class Read(Enum):
    """Why it is asked for.

    DEFAULT: As the mode if nobody gave one: `if training is None: training = K.learning_phase()`.
    TEST: To choose, where the parameter `training` is at hand.
    FLAG: For something else, where the parameter `training` is at hand.
    CALL: In the `call` of a layer or model that takes no flag.
    FUNCTION: As an input of a `K.function`.
    CHOICE: Keras is asked to choose: `K.in_train_phase(a, b)`.
    SCOPE: It is set for a block.
    SETTING: As a function that sets it, which goes somewhere else.
    VALUE: For anything else.
    """

    DEFAULT = "default"
    TEST = "test"
    FLAG = "flag"
    CALL = "call"
    FUNCTION = "function"
    CHOICE = "choice"
    SCOPE = "scope"
    SETTING = "setting"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Asked:
    """A reading of the learning phase.

    Attributes:
        read: Why.
        node: What to replace.
        value: With what; empty if that takes more than another expression.
        in_call: Whether Keras calls the method that it stands in, and hands it the flag.
    """

    read: Read
    node: ast.expr
    value: str = ""
    in_call: bool = False


def asked(use: PhaseUse) -> Asked:
    """What a use that sets nothing is for."""
    node, spot = use.node, use.spot
    in_call = spot.method is not None and spot.method.owner.kind is not None and spot.method.name == "call"
    if use.word == "set_learning_phase":
        return Asked(Read.SETTING, node)
    if use.word == "learning_phase_scope":
        return Asked(Read.SCOPE, node)
    if use.word in ("in_train_phase", "in_test_phase"):
        return Asked(Read.CHOICE, node, in_call=in_call)
    if any(_is_keras_function(outer, spot) for outer in use.around):
        return Asked(Read.FUNCTION, node)
    if _takes_flag(spot):
        if isinstance(node, ast.Call) and _is_default(use):
            return Asked(Read.DEFAULT, node, "False", in_call)
        tested = _tested(use) if isinstance(node, ast.Call) else None
        if tested is not None:
            return Asked(Read.TEST, tested, FLAG, in_call)
        return Asked(Read.FLAG, node, in_call=in_call)
    return Asked(Read.CALL if in_call else Read.VALUE, node, in_call=in_call)


def _takes_flag(spot: Spot) -> bool:
    return spot.function is not None and any(each.arg == FLAG for each in named_parameters(spot.function))


def _is_default(use: PhaseUse) -> bool:
    """Whether it stands for the flag only where that is None."""
    match use.around:
        case (
            ast.Assign(targets=[ast.Name(id="training")]),
            ast.If(test=test, body=[_]) as outer,
            *_,
        ):
            return _is_none(test) and use.around[0] is outer.body[0]
        case (ast.IfExp(test=test, body=body, orelse=orelse), *_):
            return use.node is (body if _is_none(test) else orelse if _is_none(test, ast.IsNot) else None)
    return False


def _is_none(test: ast.expr, operator: type[ast.cmpop] = ast.Is) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="training"), ops=[how], comparators=[ast.Constant(value=None)]):
            return isinstance(how, operator)
    return False


def _tested(use: PhaseUse) -> ast.expr | None:
    """The condition of an `if` that asks whether it is set."""
    node: ast.expr = use.node
    around = list(use.around)
    match around[0]:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=1)]) as compared:
            if left is node:
                node = compared
                del around[0]
    match around[0]:
        case ast.If(test=test) | ast.IfExp(test=test) if test is node:
            return node
    return None


def _is_keras_function(node: ast.AST, spot: Spot) -> bool:
    return isinstance(node, ast.Call) and spot.scope.dotted(node.func) == _FUNCTION
