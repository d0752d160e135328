"""Training flags under names that Keras does not know: which parameter is one, and where its name stands."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import Method
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.sites import FLAG, Site
from kerasfix.analysis.threads import OTHER_FLAG_NAMES
from kerasfix.analysis.training import Dependence, TrainingFlow
from kerasfix.analysis.values import BuiltinLayer, UserLayer
from kerasfix.syntax import children, own_nodes, parents_in, walk

# Functions that choose by their first argument.
_CHOOSING = frozenset({"cond", "smart_cond", "switch", "in_train_phase"})
_COMPREHENSION = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Use(enum.Enum):
    """What one use of a parameter says of it.

    OWN: It is the flag: it is tested for truth.
    HANDED: It is the flag: it is handed on as such to a layer that depends on it, or to something unknown.
    NONE: It is no flag.
    """

    OWN = "own"
    HANDED = "handed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OtherFlag:
    """The training flag of a `call` under a name that Keras does not know.

    Attributes:
        name: The parameter.
        reaches_layers: Whether a layer depends on it, not just the code of the class itself.
    """

    name: str
    reaches_layers: bool


def other_flag(call: Method, flow: TrainingFlow) -> OtherFlag | None:
    """The training flag of a `call`, if it is called something else.

    A parameter is one if it is tested for truth or handed on as a flag, and something depends on it.
    """
    if call.takes(FLAG):
        return None
    keyword_only = [argument.arg for argument in call.node.args.kwonlyargs]
    # The first one is the input, whatever its name is.
    for name in (*call.parameters[1:], *keyword_only):
        if name in OTHER_FLAG_NAMES:
            uses = _uses(call, name, flow, set())
            if uses is not None and (uses or _is_idle(call, name, flow)):
                return OtherFlag(name, Use.HANDED in uses or _calls_dependent(call, flow))
    return None


def _is_idle(call: Method, name: str, flow: TrainingFlow) -> bool:
    """Whether nobody reads a parameter although a layer needs the flag."""
    return not occurrences(call.node, name).names and flow.needs_flag(call)


def _calls_dependent(call: Method, flow: TrainingFlow) -> bool:
    """Whether a layer that depends on the flag is called, in whatever mode."""
    return any(
        flow.value_depends(value) is Dependence.DEPENDS
        for method in flow.reachable(call)
        for site in flow.sites(method)
        for value in site.values
    )


def _uses(method: Method, name: str, flow: TrainingFlow, seen: set[tuple[Method, str]]) -> set[Use] | None:
    """How a parameter is used as the training flag; None if it is none."""
    if (method, name) in seen:
        return set()
    if not _may_be_flag(method, name):
        return None
    seen.add((method, name))
    sites = {site.call: site for site in flow.sites(method)}
    parents = parents_in(method.node)
    uses = {
        _use(node, parents, sites, flow, seen)
        for node in occurrences(method.node, name).names
        if isinstance(node.ctx, ast.Load)
    }
    return None if Use.NONE in uses else {use for use in uses if use is not None}


def _may_be_flag(method: Method, name: str) -> bool:
    """Whether the default and the annotation of a parameter leave it open that it is a flag."""
    default = method.default(name)
    if isinstance(default, ast.Constant) and default.value not in (None, True, False):
        return False
    annotation = next(argument.annotation for argument in method.named if argument.arg == name)
    return not (isinstance(annotation, ast.Name) and annotation.id == "str")


def _use(
    name: ast.Name,
    parents: dict[ast.AST, ast.AST],
    sites: dict[ast.Call, Site],
    flow: TrainingFlow,
    seen: set[tuple[Method, str]],
) -> Use | None:
    """What one use says of the parameter, if anything."""
    node: ast.AST = name
    parent = parents[node]
    keyword: ast.keyword | None = None
    while isinstance(parent, ast.BoolOp | ast.keyword):
        keyword = parent if isinstance(parent, ast.keyword) else keyword
        node, parent = parent, parents[parent]
    match parent:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if test is node:
            return Use.OWN
        case ast.UnaryOp(op=ast.Not()):
            return Use.OWN
        case ast.Compare(left=left, comparators=others):
            values = [each.value for each in (left, *others) if isinstance(each, ast.Constant)]
            if any(isinstance(value, str) for value in values):
                return Use.NONE
            return Use.OWN if any(value in (None, True, False) for value in values) else None
        case ast.Assign(targets=[ast.Name(id=target)]) if target == FLAG:
            return Use.HANDED
        case ast.Call():
            handed = _handed(parent, node, keyword)
            if handed is None:
                return None
            if parent in sites:
                return _use_by(sites[parent], handed, flow, seen)
            if isinstance(handed, int):
                chooses = handed == 0 and _last_name(parent.func) in _CHOOSING
                return Use.OWN if chooses else None
            return Use.HANDED if handed == FLAG or handed in OTHER_FLAG_NAMES else None
    return None


def _handed(call: ast.Call, node: ast.AST, keyword: ast.keyword | None) -> str | int | None:
    """As which argument something is handed over: a keyword or a position."""
    if keyword is not None:
        return keyword.arg
    if node not in call.args or any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    return call.args.index(node)


def _use_by(site: Site, handed: str | int, flow: TrainingFlow, seen: set[tuple[Method, str]]) -> Use | None:
    """What a layer or a helper makes of an argument."""
    methods = [*site.helpers]
    methods += [
        call
        for value in site.values
        if isinstance(value, UserLayer) and (call := value.info.find("call")) is not None
    ]
    found = [_use_in(method, handed, flow, seen) for method in methods]
    positions = {value.fact.training_position for value in site.values if isinstance(value, BuiltinLayer)}
    if (handed == FLAG or handed in positions) and not site.helpers:
        depends = {flow.value_depends(value) for value in site.values}
        found.append(Use.HANDED if depends - {Dependence.INDEPENDENT} else None)
    return next((use for use in (Use.HANDED, Use.OWN) if use in found), None)


def _use_in(
    method: Method, handed: str | int, flow: TrainingFlow, seen: set[tuple[Method, str]]
) -> Use | None:
    """What a method makes of an argument."""
    if isinstance(handed, int):
        if handed >= len(method.parameters):
            return None
        handed = method.parameters[handed]
    if handed == FLAG:
        # Of layers, `value_depends` says it.
        return Use.HANDED if method.takes(FLAG) and method.name != "call" else None
    uses = _uses(method, handed, flow, seen) if method.takes(handed) else None
    return next((use for use in (Use.HANDED, Use.OWN) if use in (uses or ())), None)


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
            for each in walk(generator.target)
        ):
            reasons.append(f"`{name}` is also the variable of a comprehension")
        elif isinstance(node, ast.ClassDef) and any(
            isinstance(each, ast.Name) and each.id == name for each in walk(node)
        ):
            reasons.append(f"`{name}` is used in a class inside of the method")
        elif name in _bound_names(node):
            reasons.append(f"`{name}` is bound in a way that is not followed")
        waiting += children(node)[::-1]
    if any(_says(node, new) for node in walk(function)):
        reasons.append(f"`{function.name}` uses the name `{new}` for something else")
    if any(isinstance(node, ast.Call) and _last_name(node.func) in _LOOKING for node in walk(function)):
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
