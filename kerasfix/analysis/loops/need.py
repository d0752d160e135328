"""Whether a call of a model needs the flag, and whether it is given one."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.evaluate import Place
from kerasfix.analysis.index import ClassInfo, Kind
from kerasfix.analysis.sites import FLAG, call_signatures, gives_too_much
from kerasfix.analysis.training import Dependence, TrainingFlow, is_true
from kerasfix.analysis.values import BuiltinLayer, Stack, UserLayer, Value, flat, is_layer


class Need(enum.Enum):
    """What the flag means to what is called. RELIES: a bare call runs in training mode."""

    YES = "yes"
    NO = "no"
    RELIES = "relies"
    UNKNOWN = "unknown"


class Needs:
    """Tells what calls need.

    Args:
        flow: The layers and classes of the project.
        callers: Who calls what.
    """

    def __init__(self, flow: TrainingFlow, callers: Callers) -> None:
        self._flow = flow
        self._callers = callers
        self._graphs: dict[ClassInfo, Dependence] = {}

    def of(self, values: Sequence[Value]) -> Need:
        """What a call of one of these values needs."""
        infos = [value.info for value in values if isinstance(value, UserLayer)]
        if not values or any(info.role is None for info in infos):
            # No layer at all: a function, or a `tf.Module`, which would not take the argument.
            return Need.NO
        if any(_refuses(info) for info in infos):
            return Need.NO
        if not all(is_layer(value) for value in values):
            return Need.UNKNOWN
        found = {self._depends(value) for value in values}
        if any(self.trains_by_default(info) for info in infos):
            return Need.RELIES if Dependence.DEPENDS in found else Need.NO
        if Dependence.AUGMENTS in found:
            # A bare call is training, and its outputs are what the author saw.
            return Need.NO
        if Dependence.DEPENDS in found:
            return Need.YES
        return Need.UNKNOWN if Dependence.UNKNOWN in found else Need.NO

    def are_graphs(self, values: Sequence[Value]) -> bool:
        """Whether they are made of a graph, of which there may be more than is in sight."""
        infos = [value.info for value in values if isinstance(value, UserLayer)]
        return bool(infos) and all(info.role is Kind.MODEL and info.find("call") is None for info in infos)

    def trains_by_default(self, info: ClassInfo) -> bool:
        """Whether a bare call of an instance runs in training mode."""
        call = info.find("call")
        return call is not None and is_true(call.default(FLAG))

    def _depends(self, value: Value) -> Dependence:
        found = self._flow.value_depends(value)
        if isinstance(value, UserLayer) and found is Dependence.UNKNOWN and not value.frozen:
            return self._as_graph(value.info)
        return found

    def _as_graph(self, info: ClassInfo) -> Dependence:
        """Of a model without a `call`, the graph that it is made of: `Trainer(inputs, outputs)`."""
        if info.find("call") is not None or info.role is not Kind.MODEL or info.is_open:
            return Dependence.UNKNOWN
        if any("__call__" in each.methods for each in info.family):
            return Dependence.UNKNOWN
        if info not in self._graphs:
            self._graphs[info] = Dependence.UNKNOWN
            found = {self._flow.value_depends(value) for value in self._graph(info)}
            order = (Dependence.AUGMENTS, Dependence.DEPENDS, Dependence.UNKNOWN, Dependence.INDEPENDENT)
            self._graphs[info] = next((each for each in order if each in found), Dependence.UNKNOWN)
        return self._graphs[info]

    def _graph(self, info: ClassInfo) -> Iterator[Value]:
        project = self._flow.project
        for module in project.given:
            if not module.speaks_of(info):
                continue
            for call in self._callers.calls(module):
                if project.class_named(call.node.func, call.spot.scope) in (info, *info.descendants):
                    keyword = call.keyword("outputs")
                    outputs = (
                        keyword.value if keyword else call.node.args[1] if len(call.node.args) > 1 else None
                    )
                    if outputs is not None:
                        yield from self._flow.layers.evaluator.graph(outputs, Place(call.spot.scope))

    def layers_of(self, values: Sequence[Value]) -> list[str]:
        """The classes of Keras layers that behave differently, as far as they are in sight."""
        found: dict[str, None] = {}
        for value in values:
            found.update(dict.fromkeys(self._layers(value, frozenset())))
        return list(found)

    def _layers(self, value: Value, above: frozenset[ClassInfo]) -> Iterator[str]:
        match value:
            case BuiltinLayer() if self._flow.value_depends(value) is Dependence.DEPENDS:
                inner = [each for one in value.inner for each in flat(one)]
                if inner:
                    for each in inner:
                        yield from self._layers(each, above)
                else:
                    yield value.class_name
            case Stack(layers=layers):
                for each in (one for layer in layers for one in flat(layer)):
                    yield from self._layers(each, above)
            case UserLayer(info=info) if info not in above:
                call = info.find("call")
                if call is None:
                    for each in self._graph(info):
                        yield from self._layers(each, above | {info})
                    return
                for method in self._flow.reachable(call):
                    for site in self._flow.sites(method):
                        if not site.is_decided:
                            for each in site.values:
                                yield from self._layers(each, above | {info})


def _refuses(info: ClassInfo) -> bool:
    """Whether a class has a `__call__` of its own that takes no flag."""
    own = info.find("__call__")
    return own is not None and not own.takes(FLAG) and own.node.args.kwarg is None


def passes_flag(call: ast.Call, values: Sequence[Value]) -> bool:
    """Whether a call gives the flag, or may."""
    if any(keyword.arg in (FLAG, None) for keyword in call.keywords):
        return True
    if any(isinstance(each, ast.Starred) for each in call.args):
        return True
    return passes_by_position(call, values)


def passes_by_position(call: ast.Call, values: Sequence[Value]) -> bool:
    """Whether the flag is among the positional arguments of a call, or one too many is meant for it."""
    positions = {names.index(FLAG) for value in values for names in call_signatures(value) if FLAG in names}
    methods = [value.info.find("call") for value in values if isinstance(value, UserLayer)]
    return any(len(call.args) > position for position in positions) or any(
        gives_too_much(call, each) for each in methods if each is not None
    )


def given_flag(call: ast.Call) -> ast.expr | None:
    """What a call gives as the flag, by keyword."""
    return next((each.value for each in call.keywords if each.arg == FLAG), None)
