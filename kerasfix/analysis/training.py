"""Who depends on the training flag.

A class depends on it if a layer that its `call` reaches does. Classes reach each other, so this is a fixed
point over the project, not a look at one `call`.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Sequence
from functools import cached_property

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.analysis.sites import FLAG, NOT_FORWARD, Site, sites_in
from kerasfix.analysis.values import (
    BuiltinLayer,
    Nothing,
    Stack,
    UserLayer,
    Value,
    flat,
    is_layer,
)
from kerasfix.keras.layers import LAYERS, Effect, fact
from kerasfix.syntax import of_kind


class Dependence(enum.Enum):
    """What the training flag means to a layer. AUGMENTS: a bare call is training, so never edited."""

    INDEPENDENT = "independent"
    DEPENDS = "depends"
    AUGMENTS = "augments"
    UNKNOWN = "unknown"


class TrainingFlow:
    """Where the training flag goes in the Keras classes of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.layers = LayerIndex(project)
        self._sites: dict[Method, list[Site]] = {}
        self._reachable: dict[Method, list[Method]] = {}
        # Classes that depend on the flag, and those of them that do through a layer that they call.
        self._dependent: set[ClassInfo] = set()
        self._needy: set[ClassInfo] = set()
        # Classes that were looked at, each with those whose answer hangs on it.
        self._askers: dict[ClassInfo, set[ClassInfo]] = {}
        self._waiting: list[ClassInfo] = []
        self._asking: ClassInfo | None = None

    def sites(self, method: Method) -> list[Site]:
        """The calls in a method that computes something, in the order of the source."""
        if method.name in NOT_FORWARD:
            return []
        if method not in self._sites:
            self._sites[method] = list(sites_in(method, self.layers))
        return self._sites[method]

    def depends(self, info: ClassInfo) -> Dependence:
        """Whether the numbers of a class depend on the flag, now or once its `call` is mended."""
        self._settle(info)
        call = info.find("call")
        if any("__call__" in each.methods for each in info.family):
            return Dependence.UNKNOWN
        if call is None:
            stack = self.layers.evaluator.stack_of(info)
            return _builtin_dependence(info) if stack is None else self.value_depends(stack)
        if info not in self._dependent:
            return Dependence.INDEPENDENT
        if is_true(call.default(FLAG)) and info not in self._needy:
            # The default that Keras gives its own augmentation layers: a bare call is meant to train.
            return Dependence.AUGMENTS
        return Dependence.DEPENDS

    def users(self, info: ClassInfo) -> list[Site]:
        """The calls of an instance of `info`, in the methods of the given classes."""
        return self._users.get(info, [])

    @cached_property
    def _users(self) -> dict[ClassInfo, list[Site]]:
        found: dict[ClassInfo, list[Site]] = {}
        for method in self.project.methods():
            for site in self.sites(method):
                for info in {value.info for value in site.values if isinstance(value, UserLayer)}:
                    found.setdefault(info, []).append(site)
        return found

    def calls_dependent_layer(self, info: ClassInfo) -> bool:
        """Whether `call` reaches a layer that depends on the flag, not only reads the flag itself."""
        self._settle(info)
        return info in self._needy

    def value_depends(self, value: Value) -> Dependence:
        match value:
            case BuiltinLayer():
                return self._builtin_depends(value)
            case UserLayer(info=info, frozen=is_frozen):
                # What a frozen model still does in training is for its own layers to say.
                depends = self.depends(info)
                unsure = is_frozen and depends is Dependence.DEPENDS
                return Dependence.UNKNOWN if unsure else depends
            case Stack(layers=inner):
                return self._strongest(inner)
            case Nothing():
                return Dependence.INDEPENDENT
            case _:
                return Dependence.UNKNOWN

    def site_depends(self, site: Site) -> bool:
        """Whether the call needs the flag: for certain a layer or helper that depends on it."""
        if site.helpers:
            return any(self.needs_flag(helper) for helper in site.helpers)
        return self._is_needed_by(site.values)

    def _is_needed_by(self, values: Sequence[Value]) -> bool:
        found = {self.value_depends(value) for value in values}
        return (
            Dependence.DEPENDS in found
            and Dependence.AUGMENTS not in found
            and all(is_layer(value) for value in values)
        )

    def is_mixed(self, site: Site) -> bool:
        """Whether a layer that needs the flag is only one of the things that may be called here."""
        found = [self.value_depends(value) for value in site.values]
        return Dependence.DEPENDS in found and not all(is_layer(value) for value in site.values)

    def needs_flag(self, method: Method) -> bool:
        """Whether a layer that depends on the flag is called in `method` or in a helper of it.

        A mode that the author chose (Monte-Carlo dropout, a frozen backbone) is no need.
        """
        return any(
            self.site_depends(site)
            for reached in self.reachable(method)
            for site in self.sites(reached)
            if not site.helpers and not site.is_decided
        )

    def reachable(self, start: Method) -> list[Method]:
        """The methods that a call of `start` can run, itself first."""
        if start not in self._reachable:
            self._reachable[start] = self._reach(start)
        return self._reachable[start]

    def _reach(self, start: Method) -> list[Method]:
        found = {start: None}
        waiting = [start]
        while waiting:
            for site in self.sites(waiting.pop(0)):
                if not site.is_decided:
                    new = [helper for helper in site.helpers if helper not in found]
                    found.update(dict.fromkeys(new))
                    waiting += new
        return list(found)

    def _needs_flag_in(self, info: ClassInfo, start: Method) -> bool:
        """Whether `start` needs the flag in an instance of just the class `info`."""
        is_alone = len(start.receivers) == 1 and len(info.ancestors) == 1
        found = {start: None}
        waiting = [start]
        while waiting:
            for site in self.sites(waiting.pop(0)):
                if site.is_decided:
                    continue
                if site.helpers:
                    helper = site.helper_in(info)
                    if helper is not None and helper not in found:
                        found[helper] = None
                        waiting.append(helper)
                    continue
                values = (
                    site.values
                    if is_alone
                    else self.layers.values_in(site.call.func, info, site.method, site.scope)
                )
                if self._is_needed_by(values):
                    return True
        return False

    def _settle(self, info: ClassInfo) -> None:
        """Find out whether a class depends on the flag, and all classes on which the answer hangs.

        Classes that reach each other are asked again until nothing changes; an answer can only become yes.
        """
        is_new = info not in self._askers
        askers = self._askers.setdefault(info, set())
        if self._asking is not None:
            askers.add(self._asking)
        if not is_new:
            return
        self._waiting.append(info)
        if self._asking is not None:
            return
        while self._waiting:
            each = self._waiting.pop()
            self._asking = each
            try:
                changed = self._ask(each)
            finally:
                self._asking = None
            if changed:
                self._waiting += [asker for asker in self._askers[each] if asker not in self._waiting]

    def _ask(self, info: ClassInfo) -> bool:
        """Look at one class; whether the answer is new."""
        call = info.find("call")
        if call is None:
            return False
        before = info in self._dependent, info in self._needy
        if info not in self._needy and self._needs_flag_in(info, call):
            self._needy.add(info)
        if info in self._needy or self._reads_flag(call):
            self._dependent.add(info)
        return before != (info in self._dependent, info in self._needy)

    def _reads_flag(self, call: Method) -> bool:
        """Whether a `call` does anything with its flag, other than to hand it on to what ignores it."""
        if not call.takes(FLAG):
            return False
        ignored = {
            site.value
            for site in self.sites(call)
            if site.value is not None and not site.helpers and self._ignore_flag(site.values)
        }
        return any(
            node.id == FLAG and isinstance(node.ctx, ast.Load) and node not in ignored
            for statement in call.node.body
            for node in of_kind(statement, ast.Name)
        )

    def _ignore_flag(self, values: Sequence[Value]) -> bool:
        return all(
            self.value_depends(value) is Dependence.INDEPENDENT
            # `**kwargs` may carry it to somewhere.
            and (
                not isinstance(value, UserLayer)
                or (call := value.info.find("call")) is None
                or call.takes(FLAG)
            )
            for value in values
        )

    def _builtin_depends(self, layer: BuiltinLayer) -> Dependence:
        match layer.fact.effect:
            case Effect.NONE:
                return Dependence.INDEPENDENT
            case Effect.AUGMENTS:
                return Dependence.AUGMENTS
            case Effect.STOCHASTIC:
                return _rate_depends(layer)
            case Effect.UPDATES_STATE:
                # The layers of other packages do not hand `trainable` on to what is in them.
                is_frozen = layer.frozen or (layer.fact.name in LAYERS and _is_frozen(layer.call))
                return Dependence.INDEPENDENT if is_frozen else Dependence.DEPENDS
            case Effect.DROPOUT_ARGUMENT:
                return _dropout_depends(layer)
            case Effect.WRAPS:
                return self._strongest(tuple(each for value in layer.inner for each in flat(value)))
            case _:
                return Dependence.UNKNOWN

    def _strongest(self, values: tuple[Value, ...]) -> Dependence:
        found = {self.value_depends(value) for value in values}
        for each in (Dependence.AUGMENTS, Dependence.DEPENDS, Dependence.UNKNOWN):
            if each in found:
                return each
        return Dependence.INDEPENDENT


def is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _builtin_dependence(info: ClassInfo) -> Dependence:
    """What a class without a `call` of its own inherits from the Keras layers below it."""
    effects = {known.effect for name in info.builtin_bases if (known := fact(name)) is not None}
    if info.is_open or not effects:
        return Dependence.UNKNOWN
    if Effect.AUGMENTS in effects:
        return Dependence.AUGMENTS
    if effects & {Effect.STOCHASTIC, Effect.UPDATES_STATE}:
        return Dependence.DEPENDS
    return Dependence.INDEPENDENT if effects == {Effect.NONE} else Dependence.UNKNOWN


def _argument(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and len(call.args) > position:
        return call.args[position]
    return None


def _is_zero(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, str) and not node.value


def _rate_depends(layer: BuiltinLayer) -> Dependence:
    """A rate that is written as 0 makes a Dropout the identity; a rate that is not in sight counts."""
    rate = _argument(layer.call, layer.fact.rate_argument or "rate", layer.fact.rate_position)
    return Dependence.INDEPENDENT if rate is not None and _is_zero(rate) else Dependence.DEPENDS


def _dropout_depends(layer: BuiltinLayer) -> Dependence:
    known = layer.fact
    for step, name in enumerate(known.dropout_arguments):
        position = None if known.dropout_position is None else known.dropout_position + step
        rate = _argument(layer.call, name, position)
        if rate is not None and not _is_zero(rate):
            return Dependence.DEPENDS
    if any(keyword.arg is None for keyword in layer.call.keywords):
        return Dependence.UNKNOWN
    return Dependence.INDEPENDENT


def _is_frozen(call: ast.Call) -> bool:
    """Whether the layer is made with `trainable=False`: then the flag has no effect on it."""
    value = _argument(call, "trainable", None)
    return isinstance(value, ast.Constant) and value.value is False
