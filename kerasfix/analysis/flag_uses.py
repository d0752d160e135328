"""What a method does with its flag, and so whether None would mean the same there as False."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator

from kerasfix.analysis.index import Method
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.training import Dependence, TrainingFlow
from kerasfix.analysis.values import UserLayer
from kerasfix.syntax import parents_in, walk

# Methods of Keras layers, and of tensors and containers that layers hold, that call no layer.
_NO_LAYER = frozenset(
    [
        "add_loss",
        "add_metric",
        "add_weight",
        "append",
        "assign",
        "assign_add",
        "get",
        "items",
        "keys",
        "next",
        "shape",
        "values",
    ]
)


class Use(enum.Enum):
    """One use of the flag, from harmless to not.

    LAYER: Handed to a layer or helper that takes None as Keras' own layers do.
    BRANCH: Tested for truth.
    AUGMENTS: Handed to an augmentation layer, to which None and False are not the same under Keras 2.
    FOREIGN: Handed, as `training=`, to something that kerasfix cannot see.
    CONTEXT: Not handed to a call that may read it from Keras' context all the same: an augmentation layer, or
        something that kerasfix cannot see.
    COMPARED: Compared (`is None`, `== False`): None means something of its own here.
    OTHER: Anything else (`tf.cond(training, ...)`, arithmetic), where None may raise.
    """

    LAYER = "layer"
    BRANCH = "branch"
    AUGMENTS = "augments"
    FOREIGN = "foreign"
    CONTEXT = "context"
    COMPARED = "compared"
    OTHER = "other"


def flag_uses(method: Method, flow: TrainingFlow) -> set[Use]:
    """All uses of the flag in a method, and in the helpers and layers of the module that it is handed to."""
    found: set[Use] = set()
    waiting = [method]
    seen: set[Method] = set()
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        sites = {site.call: site for site in flow.sites(here)}
        parents = parents_in(here.node)
        # Helpers that get no flag are looked at too: what they call may read the context.
        waiting += [helper for site in sites.values() for helper in site.helpers]
        # And layers that get none: Keras hands it on to those that take it.
        waiting += [
            call for site in sites.values() if site.passed is Passed.ABSENT for call in _receivers(site)
        ]
        if any(_reads_context(node, sites, here, flow) for node in parents):
            found.add(Use.CONTEXT)
        for name in _reads(here):
            use, site = _use(name, parents, sites, flow)
            found.add(use)
            if site is not None:
                waiting += _receivers(site)
    return found


def _reads(method: Method) -> Iterator[ast.Name]:
    for statement in method.node.body:
        for node in walk(statement):
            if isinstance(node, ast.Name) and node.id == FLAG and isinstance(node.ctx, ast.Load):
                yield node


def _use(
    name: ast.Name, parents: dict[ast.AST, ast.AST], sites: dict[ast.Call, Site], flow: TrainingFlow
) -> tuple[Use, Site | None]:
    node: ast.AST = name
    parent = parents[node]
    keyword = None
    while isinstance(parent, ast.BoolOp | ast.keyword):
        keyword = parent.arg if isinstance(parent, ast.keyword) else keyword
        node, parent = parent, parents[parent]
    match parent:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if test is node:
            return Use.BRANCH, None
        case ast.UnaryOp(op=ast.Not()):
            return Use.BRANCH, None
        case ast.Compare():
            return Use.COMPARED, None
        case ast.Call() if parent in sites:
            return _handed_to(sites[parent], flow), sites[parent]
        case ast.Call() if keyword == FLAG:
            return Use.FOREIGN, None
    return Use.OTHER, None


def _handed_to(site: Site, flow: TrainingFlow) -> Use:
    if site.helpers:
        return Use.LAYER if all(helper.takes(FLAG) for helper in site.helpers) else Use.OTHER
    found = {flow.value_depends(value) for value in site.values}
    if Dependence.AUGMENTS in found:
        return Use.AUGMENTS
    return Use.FOREIGN if Dependence.UNKNOWN in found else Use.LAYER


def _reads_context(node: ast.AST, sites: dict[ast.Call, Site], method: Method, flow: TrainingFlow) -> bool:
    """Whether a call that gets no flag may find it in Keras' context."""
    if not isinstance(node, ast.Call) or any(keyword.arg == FLAG for keyword in node.keywords):
        return False
    site = sites.get(node)
    if site is not None and not site.helpers:
        depends = {flow.value_depends(value) for value in site.values}
        return site.passed is Passed.ABSENT and bool(depends & {Dependence.AUGMENTS, Dependence.UNKNOWN})
    if site is not None:
        return False
    match node.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == method.self_name:
            return method.owner.find(name) is None and name not in _NO_LAYER
        case ast.Attribute(value=ast.Attribute() | ast.Subscript(), attr=name):
            # A method of a sublayer.
            return method.scope.dotted(node.func) is None and name not in _NO_LAYER
        case ast.Name(id=name):
            # A function of the module may call a layer that stands beside it.
            return any(isinstance(each, ast.FunctionDef | ast.Lambda) for each in method.scope.lookup(name))
    return False


def _receivers(site: Site) -> Iterator[Method]:
    yield from site.helpers
    for value in site.values:
        call = value.info.find("call") if isinstance(value, UserLayer) else None
        if call is not None and call.takes(FLAG):
            yield call
