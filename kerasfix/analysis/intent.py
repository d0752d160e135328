"""What the code around a call says about whether a constant was meant: names, conditions, comments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.analysis.scope import Function
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.threads import OTHER_FLAG_NAMES
from kerasfix.source import Source
from kerasfix.syntax import children, of_kind, walk

# Words of a name (`mc_dropout`, `frozenEncoder`, `predict_samples`) that say that a mode is fixed on purpose.
_WORDS = frozenset(
    [
        *("mc", "mcd", "montecarlo", "monte", "bayes", "bayesian", "uncertainty"),
        *("always", "permanent", "fixed", "frozen", "freeze", "pretrained"),
        *("teacher", "target", "ema", "momentum"),
        *("infer", "inference", "predict", "prediction", "predictions", "generate"),
        *("sample", "samples", "sampling"),
        *("eval", "evaluate", "evaluation", "test", "val", "valid", "validation"),
    ]
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMMENT = re.compile(
    r"monte.?carlo|uncertaint|\bfrozen\b|\bfreez|inference.mode|fine.?tun|on purpose|intentional|deliberate"
    r"|\balways\b|(?-i:\bMC\b)",
    re.IGNORECASE,
)

# What a docstring has to say for the whole of a class or method.
_DOCSTRING = re.compile(r"monte.?carlo|\bMC.?dropout|uncertaint|\bfrozen\b", re.IGNORECASE)
# Functions that run one of two others: tf.cond, keras.ops.cond, tf.keras.backend.in_train_phase, ...
_BY_PHASE = "in_train_phase"
_CHOOSERS = frozenset({"cond", "smart_cond", _BY_PHASE})


def sounds_meant(*texts: str) -> bool:
    """Whether a word of a name or of a condition says that a mode is fixed on purpose."""
    return any(word.lower() in _WORDS for text in texts for word in _WORD.findall(text))


def is_described(*nodes: Function | ast.ClassDef) -> bool:
    """Whether the docstring of a class or method says that a mode is fixed on purpose."""
    return any(_DOCSTRING.search(ast.get_docstring(node) or "") for node in nodes)


def says_why(source: Source, function: Function, call: ast.Call, code: str) -> bool:
    """Whether a comment on the lines of a call, or right above its statement, lets a finding pass."""
    statement = min(
        (
            node
            for node in walk(function)
            if isinstance(node, ast.stmt) and any(child is call for child in walk(node))
        ),
        key=lambda node: (node.end_lineno or node.lineno) - node.lineno,
    )
    lines = [source.line(number) for number in range(call.lineno, (call.end_lineno or call.lineno) + 1)]
    comments = [line.partition("#")[2] for line in lines]
    above = statement.lineno - 1
    while above > 0 and source.line(above).lstrip().startswith("#"):
        comments.append(source.line(above))
        above -= 1
    silencing = re.compile(rf"kerasfix:\s*ignore\[[^\]]*\b{code}\b|noqa:[^#]*\b{code}\b")
    return any(_COMMENT.search(comment) or silencing.search(comment) for comment in comments)


def fits_its_condition(function: Function, call: ast.Call, mode: bool) -> bool:
    """Whether the conditions under which a call runs say that its constant is right, or was chosen.

    That is so under `if training` for True, under a condition whose names say so (`if self.mc_dropout`), and
    where the other branch calls the same layer in another way.
    """
    for test, branch, other in _conditions(function, call):
        asked = _asks_for(test)
        if asked is not None:
            return (asked if branch else not asked) is mode
        text = ast.unparse(test)
        if sounds_meant(text) or "train" in text.lower() or _calls(other, ast.unparse(call.func)):
            return True
    return False


def _conditions(function: Function, call: ast.Call) -> Iterator[tuple[ast.expr, bool, list[ast.AST]]]:
    """The conditions under which a call runs, innermost first: test, its truth there, the other branch."""
    found: list[tuple[ast.expr, bool, list[ast.AST]]] = []
    waiting: list[ast.AST] = [function]
    while waiting:
        node = waiting.pop()
        for name in ("body", "orelse", "finalbody", "handlers"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                found += _left_early(block, call)
        if isinstance(node, ast.If | ast.IfExp):
            body = node.body if isinstance(node.body, list) else [node.body]
            orelse = node.orelse if isinstance(node.orelse, list) else [node.orelse]
            if _holds(body, call):
                found.append((node.test, True, [*orelse]))
            elif _holds(orelse, call):
                found.append((node.test, False, [*body]))
        waiting += [child for child in children(node) if _holds([child], call)]
    for node in of_kind(function, ast.Call):
        yield from _chosen(node, function, call)
    yield from found[::-1]


def _chosen(
    chooser: ast.Call, function: Function, call: ast.Call
) -> Iterator[tuple[ast.expr, bool, list[ast.AST]]]:
    """`tf.cond(training, lambda: ..., lambda: ...)`, also with functions that are defined above."""
    match chooser.func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _CHOOSERS:
            pass
        case _:
            return
    given = [*chooser.args, *(keyword.value for keyword in chooser.keywords if keyword.arg != FLAG)]
    test = next((keyword.value for keyword in chooser.keywords if keyword.arg == FLAG), None)
    if name == _BY_PHASE:
        # Without the flag, Keras asks for its own phase.
        test = test or (given.pop() if len(given) > 2 else ast.Name(FLAG))
    elif given:
        test = given.pop(0)
    if test is None or len(given) != 2:
        return
    bodies = {node.name: node for node in of_kind(function, ast.FunctionDef, ast.AsyncFunctionDef)}
    branches: list[ast.AST] = [bodies.get(getattr(each, "id", ""), each) for each in given]
    if _holds(branches[:1], call):
        yield test, True, branches[1:]
    elif _holds(branches[1:], call):
        yield test, False, branches[:1]


def _left_early(block: list[ast.stmt], call: ast.Call) -> Iterator[tuple[ast.expr, bool, list[ast.AST]]]:
    """Conditions that leave the block before the call is reached: `if training: return ...`."""
    for statement in block:
        if _holds([statement], call):
            return
        if (
            isinstance(statement, ast.If)
            and not statement.orelse
            and isinstance(statement.body[-1], ast.Return | ast.Raise)
        ):
            yield statement.test, False, [*statement.body]


def _holds(nodes: list[ast.stmt] | list[ast.expr] | list[ast.AST], call: ast.Call) -> bool:
    return any(child is call for node in nodes for child in walk(node))


def _calls(nodes: list[ast.AST], func: str) -> bool:
    return any(
        isinstance(child, ast.Call) and ast.unparse(child.func) == func
        for node in nodes
        for child in walk(node)
    )


def _asks_for(test: ast.expr) -> bool | None:
    """Whether a condition holds in training (True) or in inference (False); None if it asks for neither."""
    match test:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name == FLAG or name in OTHER_FLAG_NAMES:
            return True
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            asked = _asks_for(inner)
            return None if asked is None else not asked
        case ast.Compare(
            left=ast.Name(id=name), ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=value)]
        ):
            return value if name == FLAG and isinstance(value, bool) else None
    return None
