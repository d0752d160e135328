"""The learning phase of Keras 2: where a module sets it, and where it asks for it.

It is a global switch. What it says holds for calls of layers and models that are given no flag, and for
those alone: not in `fit`, `evaluate` and `predict`, which pass one, and not inside of a `call` that got one.
Keras 3 has none of these names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from kerasfix.analysis.calls import Call, Spot
from kerasfix.analysis.frames import frames_in
from kerasfix.analysis.index import Module
from kerasfix.analysis.scope import Scope
from kerasfix.analysis.spelling import full_name, root
from kerasfix.syntax import own_nodes, parents_in

_BACKEND = "keras.backend."
WORDS = frozenset(
    {
        "set_learning_phase",
        "learning_phase",
        "symbolic_learning_phase",
        "learning_phase_scope",
        "in_train_phase",
        "in_test_phase",
    }
)
# TensorFlow still has it for itself; it is gone with no version of Keras.
_PRIVATE = "tensorflow.python.keras"


class Nesting(Enum):
    """What decides whether a statement runs: nothing, a loop, a condition or an exception, or a test of what
    Keras has.
    """

    STRAIGHT = "straight"
    LOOP = "loop"
    CONDITION = "condition"
    GUARD = "guard"


@dataclass(frozen=True, eq=False)
class PhaseUse:
    """One use of one of the names.

    Attributes:
        word: The name, for example "learning_phase".
        node: The call; the name itself where it is not called.
        spot: Where it stands.
        around: What it is a part of, the innermost first.
    """

    word: str
    node: ast.Call | ast.Attribute | ast.Name
    spot: Spot
    around: tuple[ast.AST, ...]

    @property
    def func(self) -> ast.expr:
        return self.node.func if isinstance(self.node, ast.Call) else self.node

    @property
    def text(self) -> str:
        return ast.unparse(self.node)

    @property
    def statement(self) -> ast.Expr | None:
        """The statement that it is all of."""
        first = self.around[0] if self.around else None
        return first if isinstance(first, ast.Expr) else None

    @property
    def value(self) -> bool | None:
        """What `set_learning_phase` sets; None if that is not written there."""
        if not isinstance(self.node, ast.Call):
            return None
        given = [*self.node.args, *(each.value for each in self.node.keywords)]
        match given:
            case [ast.Constant(value=bool() | int() as value)] if value in (0, 1):
                return bool(value)
        return None

    @property
    def nesting(self) -> Nesting:
        """What decides, within its function or module, whether it runs."""
        found = Nesting.STRAIGHT
        inner: ast.AST = self.node
        for outer in self.around:
            match outer:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                    break
                case ast.Try() if inner in outer.body and _catches_missing(outer):
                    return Nesting.GUARD
                case ast.If(test=test) | ast.IfExp(test=test) if inner is not test and _asks_keras(test):
                    return Nesting.GUARD
                case ast.If(test=test) if _is_main(test):
                    pass
                case ast.If() | ast.IfExp() | ast.Try() | ast.ExceptHandler() | ast.Match() | ast.BoolOp():
                    found = Nesting.CONDITION
                case ast.For() | ast.AsyncFor() | ast.While() if found is Nesting.STRAIGHT:
                    found = Nesting.LOOP
            inner = outer
        return found


def phase_uses(module: Module, calls: list[Call]) -> list[PhaseUse]:
    """The uses of these names in a module, in the order of the source.

    Args:
        module: The module.
        calls: All calls of it.
    """
    parents = parents_in(module.source.tree)
    found = []
    seen: set[ast.expr] = set()
    for call in calls:
        seen.add(call.node.func)
        word = _word(call.node.func, call.spot.scope)
        if word is not None:
            found.append(PhaseUse(word, call.node, call.spot, tuple(_around(call.node, parents))))
    for frame in frames_in(module):
        spot = Spot(module, frame.scope, None if isinstance(frame.node, ast.Module) else frame.node)
        for node in own_nodes(frame.node.body):
            if isinstance(node, ast.Attribute | ast.Name) and node not in seen:
                word = _word(node, frame.scope) if isinstance(node.ctx, ast.Load) else None
                if word is not None:
                    found.append(PhaseUse(word, node, spot, tuple(_around(node, parents))))
    return sorted(found, key=lambda use: (use.node.lineno, use.node.col_offset))


def _word(node: ast.expr, scope: Scope) -> str | None:
    """Which of the names an expression is."""
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    dotted = scope.dotted(node) if last in WORDS or isinstance(node, ast.Name) else None
    if dotted is None or not dotted.startswith(_BACKEND):
        return None
    spelled = full_name(node, scope)
    if spelled is not None and root(spelled) == _PRIVATE:
        return None
    word = dotted.rpartition(".")[2]
    return word if word in WORDS else None


def _around(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in parents:
        node = parents[node]
        yield node


def _catches_missing(node: ast.Try) -> bool:
    """Whether somebody expects that Keras has no such thing."""
    caught = [handler.type for handler in node.handlers]
    names = {
        each.id
        for kind in caught
        for each in ([kind] if not isinstance(kind, ast.Tuple) else kind.elts)
        if isinstance(each, ast.Name)
    }
    return None in caught or bool(names & {"AttributeError", "Exception", "BaseException"})


def _asks_keras(test: ast.expr) -> bool:
    """Whether a condition asks which Keras this is, or what it has."""
    for node in own_nodes([test]):
        match node:
            case ast.Call(func=ast.Name(id="hasattr")):
                return True
            case ast.Attribute(attr=name) | ast.Name(id=name) if "version" in name.lower():
                return True
    return False


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant()]):
            return True
    return False
