"""Training flags under names that Keras does not know: which parameter is one, and where its name stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import Method
from kerasfix.analysis.scope import Function, named_parameters, own_nodes
from kerasfix.analysis.sites import FLAG, Site
from kerasfix.analysis.threads import OTHER_FLAG_NAMES
from kerasfix.analysis.training import Dependence, TrainingFlow
from kerasfix.analysis.values import BuiltinLayer, UserLayer

# Functions that choose by their first argument.
_CHOOSING = frozenset({"cond", "smart_cond", "switch", "in_train_phase"})
_COMPREHENSION = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def other_flag(call: Method, flow: TrainingFlow) -> str | None:
    """The parameter that is the training flag of a `call`, if it is called something else.

    It is one if it is tested for truth or handed on as a flag, and something depends on it.
    """
    if call.takes(FLAG):
        return None
    keyword_only = [argument.arg for argument in call.node.args.kwonlyargs]
    # The first one is the input, whatever its name is.
    for name in (*call.parameters[1:], *keyword_only):
        if name in OTHER_FLAG_NAMES:
            names = occurrences(call.node, name).names
            if names and _is_flag(call, name, flow, set()):
                return name
            if not names and _may_be_flag(call, name) and flow.needs_flag(call):
                return name
    return None


def _is_flag(method: Method, name: str, flow: TrainingFlow, seen: set[tuple[Method, str]]) -> bool:
    """Whether a parameter is used as the training flag, and something depends on it."""
    if (method, name) in seen or not _may_be_flag(method, name):
        return False
    seen.add((method, name))
    sites = {site.call: site for site in flow.sites(method)}
    parents = {child: node for node in ast.walk(method.node) for child in ast.iter_child_nodes(node)}
    uses = [
        _is_used_as_flag(node, parents, sites, flow, seen)
        for node in occurrences(method.node, name).names
        if isinstance(node.ctx, ast.Load)
    ]
    return True in uses and False not in uses


def _may_be_flag(method: Method, name: str) -> bool:
    """Whether the default and the annotation of a parameter leave it open that it is a flag."""
    default = method.default(name)
    if isinstance(default, ast.Constant) and default.value not in (None, True, False):
        return False
    annotation = next(argument.annotation for argument in method.named if argument.arg == name)
    return not (isinstance(annotation, ast.Name) and annotation.id == "str")


def _is_used_as_flag(
    name: ast.Name,
    parents: dict[ast.AST, ast.AST],
    sites: dict[ast.Call, Site],
    flow: TrainingFlow,
    seen: set[tuple[Method, str]],
) -> bool | None:
    """Whether one use shows that it is the flag, or that it is none; None if it says nothing."""
    node: ast.AST = name
    parent = parents[node]
    keyword: ast.keyword | None = None
    while isinstance(parent, ast.BoolOp | ast.keyword):
        keyword = parent if isinstance(parent, ast.keyword) else keyword
        node, parent = parent, parents[parent]
    match parent:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if test is node:
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(left=left, comparators=others):
            values = [each.value for each in (left, *others) if isinstance(each, ast.Constant)]
            if any(isinstance(value, str) for value in values):
                return False
            return True if any(value in (None, True, False) for value in values) else None
        case ast.Assign(targets=[ast.Name(id=target)]) if target == FLAG:
            return True
        case ast.Call():
            handed = _handed(parent, node, keyword)
            if handed is None:
                return None
            if parent in sites:
                return _matters(sites[parent], handed, flow, seen)
            if isinstance(handed, int):
                chooses = handed == 0 and _last_name(parent.func) in _CHOOSING
                return True if chooses else None
            return True if handed == FLAG or handed in OTHER_FLAG_NAMES else None
    return None


def _handed(call: ast.Call, node: ast.AST, keyword: ast.keyword | None) -> str | int | None:
    """As which argument something is handed over: a keyword or a position."""
    if keyword is not None:
        return keyword.arg
    if node not in call.args or any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    return call.args.index(node)


def _matters(site: Site, handed: str | int, flow: TrainingFlow, seen: set[tuple[Method, str]]) -> bool | None:
    """Whether what is called takes an argument as its training flag, and depends on it."""
    if site.helpers:
        found = [_takes_as_flag(helper, handed, flow, seen) for helper in site.helpers]
    else:
        found = [
            _takes_as_flag(call, handed, flow, seen)
            for value in site.values
            if isinstance(value, UserLayer) and (call := value.info.find("call")) is not None
        ]
        positions = {value.fact.training_position for value in site.values if isinstance(value, BuiltinLayer)}
        if handed == FLAG or handed in positions:
            depends = {flow.value_depends(value) for value in site.values}
            found.append(bool(depends - {Dependence.INDEPENDENT}))
    return True if any(found) else None


def _takes_as_flag(
    method: Method, handed: str | int, flow: TrainingFlow, seen: set[tuple[Method, str]]
) -> bool:
    if isinstance(handed, int):
        if handed >= len(method.parameters):
            return False
        handed = method.parameters[handed]
    if handed == FLAG:
        # Of layers, `value_depends` says it.
        return method.takes(FLAG) and method.name != "call"
    return method.takes(handed) and _is_flag(method, handed, flow, seen)


def _last_name(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where the name of a parameter stands in its function.

    Attributes:
        names: The reads and writes of the parameter, also in nested functions.
        reasons: Why it cannot be given another name.
    """

    names: list[ast.Name]
    reasons: list[str]


def occurrences(function: Function, name: str, new: str = FLAG) -> Occurrences:
    """All that has to change for a parameter to be called `new`, and what forbids it."""
    found: list[ast.Name] = []
    reasons: list[str] = []
    waiting: list[ast.AST] = function.body[::-1]  # type: ignore[assignment]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.Lambda) and _binds(node, name):
            # Its own; the defaults and decorators are read outside of it.
            waiting += [each for each in _outside(node) if each is not None]
            continue
        if isinstance(node, ast.Name) and node.id == name:
            found.append(node)
        elif isinstance(node, _COMPREHENSION) and any(
            isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store)
            for generator in node.generators
            for each in ast.walk(generator.target)
        ):
            reasons.append(f"`{name}` is also the variable of a comprehension")
        elif isinstance(node, ast.ClassDef) and any(
            isinstance(each, ast.Name) and each.id == name for each in ast.walk(node)
        ):
            reasons.append(f"`{name}` is used in a class inside of the method")
        elif name in _bound_names(node):
            reasons.append(f"`{name}` is bound in a way that is not followed")
        waiting += list(ast.iter_child_nodes(node))[::-1]
    if any(_says(node, new) for node in ast.walk(function)):
        reasons.append(f"`{function.name}` uses the name `{new}` for something else")
    if any(isinstance(node, ast.Call) and _last_name(node.func) in _LOOKING for node in ast.walk(function)):
        reasons.append(f"`{function.name}` looks at its variables by their names")
    return Occurrences(found, reasons)


_LOOKING = frozenset({"locals", "eval", "exec", "vars"})


def _binds(node: Function | ast.Lambda, name: str) -> bool:
    """Whether a nested function has a variable of its own of this name."""
    extra = [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
    if any(argument.arg == name for argument in (*named_parameters(node), *extra)):
        return True
    if isinstance(node, ast.Lambda):
        return False
    inside = list(own_nodes(node.body))
    if any(isinstance(each, ast.Nonlocal) and name in each.names for each in inside):
        return False
    return any(
        isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store) for each in inside
    )


def _outside(node: Function | ast.Lambda) -> Iterator[ast.AST | None]:
    yield from node.args.defaults
    yield from node.args.kw_defaults
    if not isinstance(node, ast.Lambda):
        yield from node.decorator_list


def _bound_names(node: ast.AST) -> list[str | None]:
    """Names that a node binds, or says, other than by an `ast.Name`."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return [name]
        case ast.MatchMapping(rest=rest):
            return [rest]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return [*names]
        case ast.alias(name=name, asname=asname):
            return [asname or name.partition(".")[0]]
    return []


def _says(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.arg):
        return node.arg == name
    return name in _bound_names(node)
