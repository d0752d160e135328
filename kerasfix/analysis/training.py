"""Who depends on the training flag.

A class depends on it if a layer that its `call` reaches does. Classes reach each other, so this is a fixed
point over the module, not a look at one `call`.
"""

from __future__ import annotations

import ast
import enum
from functools import cached_property

from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.layers import (
    BuiltinLayer,
    LayerIndex,
    Nothing,
    Stack,
    UserLayer,
    Value,
    flat,
    is_layer,
)
from kerasfix.analysis.sites import FLAG, NOT_FORWARD, Site, sites_in
from kerasfix.keras.layers import Effect, fact


class Dependence(enum.Enum):
    """What the training flag means to a layer. AUGMENTS: a bare call is training, so never edited."""

    INDEPENDENT = "independent"
    DEPENDS = "depends"
    AUGMENTS = "augments"
    UNKNOWN = "unknown"


class TrainingFlow:
    """Where the training flag goes in the Keras classes of one module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.layers = LayerIndex(module)
        # Classes that depend on the flag, and those of them that do through a layer that they call.
        self._dependent: set[ClassInfo] = set()
        self._needy: set[ClassInfo] = set()
        self._settle()

    @cached_property
    def sites(self) -> dict[Method, list[Site]]:
        """The calls in each forward method of each class that Keras drives, in the order of the source."""
        family = {each: None for info in self.module.keras_classes for each in info.family}
        return {
            method: list(sites_in(method, self.layers))
            for info in family
            for method in info.methods.values()
            if method.name not in NOT_FORWARD
        }

    def depends(self, info: ClassInfo) -> Dependence:
        """Whether the numbers of a class depend on the flag, now or once its `call` is mended."""
        call = info.find("call")
        if any("__call__" in each.methods for each in info.family):
            return Dependence.UNKNOWN
        if call is None:
            return _builtin_dependence(info)
        if info not in self._dependent:
            return Dependence.INDEPENDENT
        if is_true(call.default(FLAG)) and info not in self._needy:
            # The default that Keras gives its own augmentation layers: a bare call is meant to train.
            return Dependence.AUGMENTS
        return Dependence.DEPENDS

    def users(self, info: ClassInfo) -> list[Site]:
        """The calls of an instance of `info`, in the methods of the module's classes."""
        return self._users.get(info, [])

    @cached_property
    def _users(self) -> dict[ClassInfo, list[Site]]:
        found: dict[ClassInfo, list[Site]] = {}
        for sites in self.sites.values():
            for site in sites:
                for info in {value.info for value in site.values if isinstance(value, UserLayer)}:
                    found.setdefault(info, []).append(site)
        return found

    def calls_dependent_layer(self, info: ClassInfo) -> bool:
        """Whether `call` reaches a layer that depends on the flag, not only reads the flag itself."""
        return info in self._needy

    def value_depends(self, value: Value) -> Dependence:
        match value:
            case BuiltinLayer():
                return self._builtin_depends(value)
            case UserLayer(info=info):
                return self.depends(info)
            case Stack(layers=inner):
                return self._strongest(inner)
            case Nothing():
                return Dependence.INDEPENDENT
            case _:
                return Dependence.UNKNOWN

    def site_depends(self, site: Site) -> bool:
        """Whether the call needs the flag: for certain a layer or helper that depends on it."""
        if site.helper is not None:
            return self.needs_flag(site.helper)
        found = {self.value_depends(value) for value in site.values}
        return (
            Dependence.DEPENDS in found
            and Dependence.AUGMENTS not in found
            and all(is_layer(value) for value in site.values)
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
            for site in self.sites.get(reached, ())
            if site.helper is None and not site.is_decided
        )

    def reachable(self, start: Method) -> list[Method]:
        """The methods that a call of `start` runs, itself first."""
        found = [start]
        for method in found:
            for site in self.sites.get(method, ()):
                if site.helper is not None and not site.is_decided and site.helper not in found:
                    found.append(site.helper)
        return found

    def _settle(self) -> None:
        """Find all classes that depend on the flag; each round can only add some."""
        while True:
            known = len(self._dependent), len(self._needy)
            for info in self.module.keras_classes:
                call = info.find("call")
                if call is None:
                    continue
                if self.needs_flag(call):
                    self._needy.add(info)
                if info in self._needy or _reads_flag(call):
                    self._dependent.add(info)
            if known == (len(self._dependent), len(self._needy)):
                return

    def _builtin_depends(self, layer: BuiltinLayer) -> Dependence:
        match layer.fact.effect:
            case Effect.NONE:
                return Dependence.INDEPENDENT
            case Effect.AUGMENTS:
                return Dependence.AUGMENTS
            case Effect.STOCHASTIC:
                return _rate_depends(layer)
            case Effect.UPDATES_STATE:
                return Dependence.INDEPENDENT if _is_frozen(layer.call) else Dependence.DEPENDS
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


def _reads_flag(method: Method) -> bool:
    return method.takes(FLAG) and any(
        isinstance(node, ast.Name) and node.id == FLAG and isinstance(node.ctx, ast.Load)
        for statement in method.node.body
        for node in ast.walk(statement)
    )


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
