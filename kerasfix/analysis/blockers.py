"""Which operation in the source lets no gradient through, whatever it is spelled like."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass

from kerasfix.analysis.scope import Scope
from kerasfix.keras.gradients import (
    CASTS,
    KIND_OF,
    LOOKS,
    METHODS,
    NUMBERS,
    WHOLE_NUMBERS,
    ZEROS,
    Kind,
)

_VERSION = re.compile(r"\.compat\.v[12]\b|\.python\.ops\.(?:array|math|nn)_ops\b")
_LOOKING = ("tensorflow.debugging.", "tensorflow.summary.", "tensorflow.assert_", "logging.")
_LOOKING_NAMES = frozenset(
    {"print", "len", "isinstance", "hasattr", "type", "id", "range", "repr", "str", "callable"}
)
_ORDER = ast.Gt | ast.GtE | ast.Lt | ast.LtE | ast.Eq | ast.NotEq
_MOST = 40


_REASONS = {
    Kind.STOPS: "stops it",
    Kind.CHOOSES: "has no gradient",
    Kind.ROUNDS: "has no gradient",
    Kind.COMPARES: "has no gradient",
    Kind.COUNTS: "has no gradient",
    Kind.SHUFFLES: "has no gradient, though it only reorders",
    Kind.LEAVES: "leaves the graph",
}


@dataclass(frozen=True, eq=False)
class Blocker:
    """An operation behind which nothing that made its input is trained.

    Attributes:
        node: The operation.
        name: What it is called, for messages.
        kind: What it is for.
        is_zero: Whether its input gets a gradient of zeros, not none.
    """

    node: ast.expr
    name: str
    kind: Kind
    is_zero: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in the source."""
        return self.node.lineno, self.node.col_offset

    @property
    def reason(self) -> str:
        """What it does to the gradient, after "which"."""
        return "has a gradient of zero everywhere" if self.is_zero else _REASONS[self.kind]


def name_of(func: ast.expr, scope: Scope) -> str | None:
    """The dotted name of what is called, with the versions of TensorFlow's names put together."""
    dotted = scope.dotted(func)
    if dotted is None and isinstance(func, ast.Name) and not scope.lookup(func.id):
        return f"builtins.{func.id}" if hasattr(builtins, func.id) else None
    return None if dotted is None else _VERSION.sub("", dotted)


def blocker_of(call: ast.Call, argument: ast.AST, scope: Scope) -> Blocker | None:
    """What a call does to the gradient of one of its arguments, if it lets nothing through."""
    dotted = name_of(call.func, scope)
    if dotted is None:
        return None
    text = f"`{ast.unparse(call.func)}`"
    if dotted in KIND_OF or dotted in ZEROS:
        return _operation(call, text, dotted)
    if dotted in CASTS:
        kind = _argument(call, 1, "dtype")
        is_first = argument in call.args[:1] or getattr(argument, "arg", None) in ("x", "value")
        if is_first and kind is not None and makes_whole_numbers(kind, scope):
            return Blocker(call, f"{text} to `{ast.unparse(kind)}`", Kind.ROUNDS)
    if dotted.removeprefix("builtins.") in NUMBERS or dotted.startswith("numpy."):
        return Blocker(call, text, Kind.LEAVES)
    return None


def blocker_named(function: ast.expr, scope: Scope) -> Blocker | None:
    """What an operation does that is only named: `Lambda(tf.argmax)`."""
    dotted = name_of(function, scope)
    if dotted is not None and (dotted in KIND_OF or dotted in ZEROS):
        return _operation(function, f"`{ast.unparse(function)}`", dotted)
    return None


def _operation(node: ast.expr, text: str, dotted: str) -> Blocker:
    is_zero = dotted in ZEROS
    return Blocker(node, text, Kind.ROUNDS if is_zero else KIND_OF[dotted], is_zero=is_zero)


def method_blocker(call: ast.Call, scope: Scope) -> Blocker | None:
    """What a method of a tensor does to its gradient: `x.numpy()`, `x.astype("int32")`."""
    assert isinstance(call.func, ast.Attribute)
    name = call.func.attr
    if name in METHODS:
        return Blocker(call, f"`.{name}()`", METHODS[name])
    if name == "astype":
        kind = _argument(call, 0, "dtype")
        if kind is not None and makes_whole_numbers(kind, scope):
            return Blocker(call, f"`.astype({ast.unparse(kind)})`", Kind.ROUNDS)
    return None


def operator_blocker(node: ast.expr) -> Blocker | None:
    """What an operator does: a comparison of values, and the division that rounds."""
    match node:
        case ast.Compare(ops=operators, comparators=others):
            if all(isinstance(each, _ORDER) for each in operators) and not any(map(_is_no_number, others)):
                return Blocker(node, f"the comparison `{_short(node)}`", Kind.COMPARES)
        case ast.BinOp(op=ast.FloorDiv()):
            return Blocker(node, f"the rounding division `{_short(node)}`", Kind.ROUNDS)
    return None


def looks(call: ast.Call, scope: Scope) -> bool:
    """Whether a call only looks at a tensor: its shape, its type."""
    dotted = name_of(call.func, scope)
    if dotted is None:
        return False
    if dotted.startswith("builtins."):
        return dotted.partition(".")[2] in _LOOKING_NAMES
    return dotted in LOOKS or dotted.startswith(_LOOKING)


def makes_whole_numbers(kind: ast.expr, scope: Scope) -> bool:
    """Whether a type of numbers is one of integers or truth values."""
    if isinstance(kind, ast.Constant):
        return kind.value in WHOLE_NUMBERS
    dotted = name_of(kind, scope)
    if dotted is None:
        return False
    home, _, name = dotted.rpartition(".")
    return home in ("builtins", "tensorflow", "tensorflow.dtypes", "numpy") and (
        name.removesuffix("_") in WHOLE_NUMBERS
    )


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _is_no_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str | bytes))


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= _MOST else f"{text[:_MOST].rstrip()} …"
