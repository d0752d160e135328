"""What it takes to hand the training flag on explicitly in a method: all of it, or nothing.

From Keras 3.10 an explicit None blocks what the layer would have inherited. So wherever a method passes a
parameter `training` on, every caller has to hand it over, or a model that worked stops training.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Protocol

from kerasfix.analysis.decorators import hands_on, named
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.references import References
from kerasfix.analysis.sites import FLAG, Passed, Site
from kerasfix.analysis.thread import Thread
from kerasfix.analysis.training import Dependence, TrainingFlow, is_true
from kerasfix.analysis.values import UserLayer, Value, is_layer
from kerasfix.syntax import of_kind

# Names that people give the flag and that Keras never fills.
OTHER_FLAG_NAMES = frozenset(
    {
        "in_training",
        "isTrain",
        "isTraining",
        "is_in_training",
        "is_train",
        "is_train_mode",
        "is_training",
        "is_training_mode",
        "is_training_phase",
        "is_trainning",
        "istrain",
        "istraining",
        "phase_train",
        "train",
        "trainFlag",
        "train_flag",
        "train_mode",
        "train_phase",
        "trainingFlag",
        "trainingMode",
        "training_flag",
        "training_mode",
        "training_phase",
        "trainning",
    }
)
# Keras calls these outside of any layer's call, where no context is open that a None could block.
# Methods that a model is exported with: without a flag they ask for inference.
_EXPORTED = frozenset({"eager_serving", "serve", "serving", "serving_fn"})
_STEPS = frozenset({"train_step", "test_step", "predict_step", "compute_loss", "fit", "evaluate", "predict"})


class Objections(Protocol):
    """What files that are not looked at have against a change."""

    def __call__(self, info: ClassInfo, method: str, renamed: str = "") -> Iterable[str]:
        """What they have against the change of a method.

        Args:
            info: The class.
            method: Its method, that gains the flag or hands it on.
            renamed: What the method calls its flag, if that is what changes.
        """

    def uses(self, function: str, file: str) -> bool:
        """Whether one of them may call a function of `file`."""

    def mentions(self, info: ClassInfo, names: frozenset[str]) -> bool:
        """Whether one of them may meet an instance of a class and says one of some names."""

    def calls(self, info: ClassInfo, name: str) -> bool:
        """Whether one of them may meet an instance of a class and calls an attribute of this name."""


class NoObjections:
    """Where there are no other files."""

    def __call__(self, info: ClassInfo, method: str, renamed: str = "") -> Iterable[str]:
        return ()

    def uses(self, function: str, file: str) -> bool:
        return False

    def mentions(self, info: ClassInfo, names: frozenset[str]) -> bool:
        return False

    def calls(self, info: ClassInfo, name: str) -> bool:
        return False


class Threads:
    """The threads of a project.

    Args:
        flow: Who depends on the flag there.
        objections: Gives, for a class and a method name, what files that are not looked at have against the
            method handing the flag on.
    """

    def __init__(self, flow: TrainingFlow, objections: Objections) -> None:
        self.flow = flow
        self._objections = objections
        self._taking: dict[ClassInfo, bool] = {}
        self._threads: dict[Method, Thread] = {}

    def thread(self, start: Method) -> Thread:
        """What it takes for `start` to pass the flag on: its own parameter, and all that its callers need.

        A method that gains the parameter hands it to every layer and helper in it that needs it. One that
        has it already keeps its own calls as they are; these are findings of their own.
        """
        if start not in self._threads:
            self._threads[start] = self._make(start)
        return self._threads[start]

    def can_take(self, info: ClassInfo) -> bool:
        """Whether a call of this class may be given `training=` and does something with it."""
        if info not in self._taking:
            self._taking[info] = True  # a class that reaches itself takes what it takes
            call = info.find("call")
            if call is None:
                made_of = self.flow.layers.evaluator.stack_of(info)
                self._taking[info] = bool(info.builtin_bases) or made_of is not None
            elif any("__call__" in each.methods for each in info.family):
                self._taking[info] = False
            else:
                self._taking[info] = call.takes(FLAG) or not self.thread(call).blockers
        return self._taking[info]

    def gets_flag(self, method: Method) -> bool:
        """Whether a `call` that takes the flag leads to `method`."""
        return any(
            call.takes(FLAG) and method in self.flow.reachable(call)
            for info in method.owner.family
            if (call := info.find("call")) is not None
        )

    def blocker(self, site: Site) -> str | None:
        """Why one call cannot be given the flag, or None if it can."""
        if not self._takers(site):
            return self._refusal(site)
        takeless = next((each for each in site.helpers if not each.takes(FLAG)), None)
        if takeless is not None:
            return f"`{takeless.name}` of {takeless.owner.name} takes no `training`"
        replaced = (reason for helper in site.helpers for reason in self._references.replaced(helper))
        return (
            _call_blocker(site)
            or next(self._helper_blockers(site), None)
            or (next(replaced, None) if site.helpers else next(self._attribute_blockers(site), None))
        )

    def _attribute_blockers(self, site: Site) -> Iterator[str]:
        """Subclasses that nobody asked to look at, and that put something else where the layer is."""
        func = site.call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            for reason in self._objections(site.method.owner, func.attr):
                if " sets `" in reason or " is overridden in " in reason:
                    yield reason

    def outside_blockers(self, method: Method) -> Iterator[str]:
        """Why a method must not get another signature: who else defines how it is called."""
        yield from decorator_blockers(method)
        yield from place_blockers(method)
        yield from self._reference_blockers(method)
        yield from self._objections(method.owner, method.name)
        for site in self.callers(method):
            yield f"line {site.call.lineno} calls it as `{site.text}`"

    def _make(self, start: Method) -> Thread:
        thread = Thread()
        seen: list[Method] = []
        waiting = [start]
        while waiting:
            method = waiting.pop(0)
            if method in seen:
                continue
            seen.append(method)
            thread.blockers += decorator_blockers(method)
            if not method.takes(FLAG):
                thread.gains.append(method)
                thread.blockers += _signature_blockers(method)
                thread.blockers += self._keyword_blockers(method)
                thread.blockers += place_blockers(method)
                for site in self.flow.sites(method):
                    waiting += self._carry_on(thread, site)
            thread.blockers += self._reference_blockers(method)
            thread.blockers += self._objections(method.owner, method.name)
            for site in self.callers(method):
                if _is_export(site, method):
                    continue
                if site.passed in (Passed.ABSENT, Passed.UNCLEAR):
                    waiting += self._carry_to(thread, site)
                elif site.is_decided:
                    thread.blockers.append(f"line {site.call.lineno} gives `{site.text}` a mode of its own")
        thread.passes = list(dict.fromkeys(thread.passes))
        thread.prune()
        thread.blockers = list(dict.fromkeys(thread.blockers))
        return thread

    def _carry_on(self, thread: Thread, site: Site) -> list[Method]:
        """Hand the flag on at one call inside a method that gains it; returns helpers that gain it too."""
        if site.passed in (Passed.KEYWORD, Passed.POSITIONAL):
            return []
        if self.flow.is_mixed(site):
            thread.blockers.append(f"`{site.text}` may also be something that takes no `training`")
            return []
        if not self.flow.site_depends(site):
            return []
        if not self._takers(site):
            thread.refused.append(self._refusal(site))
            return []
        return self._carry_to(thread, site)

    def _carry_to(self, thread: Thread, site: Site) -> list[Method]:
        """Pass `training=training` at `site`; returns the methods that this draws in."""
        if not site.flag_in_reach and not self.runs_in_call(site.method):
            thread.blockers += _outside_blockers(site)
            return []
        blocker = _call_blocker(site)
        if blocker and not _carries_own_keywords(site):
            thread.blockers.append(blocker)
            return []
        thread.blockers += place_blockers(site.method)
        thread.blockers += self._helper_blockers(site)
        thread.passes.append(site)
        # A caller that has the flag already now hands it on too, and so does every version of the helper.
        return [site.method, *site.helpers]

    def _takers(self, site: Site) -> bool:
        """Whether passing the flag here has an effect on at least one of the layers."""
        return bool(site.helpers) or any(
            not isinstance(value, UserLayer) or self.can_take(value.info) for value in site.values
        )

    def _refusal(self, site: Site) -> str:
        """Why no layer that is called here can take the flag."""
        for value in site.values:
            call = value.info.find("call") if isinstance(value, UserLayer) else None
            reasons = self.thread(call).blockers if call is not None else []
            if reasons:
                return f"the `call` of {site.class_names} can not take the flag ({reasons[0]})"
        return f"the `call` of {site.class_names} can not take the flag"

    def runs_in_call(self, method: Method) -> bool:
        """Whether Keras' call context can be open while `method` runs: some `call` leads to it."""
        for info in method.owner.family:
            call = info.methods.get("call")
            if call is not None and method in self.flow.reachable(call):
                return True
        return False

    def callers(self, method: Method) -> list[Site]:
        """The calls of a method, in the given classes."""
        return self._callers.get(method, [])

    @cached_property
    def _callers(self) -> dict[Method, list[Site]]:
        found: dict[Method, list[Site]] = {}
        for method in self.flow.project.methods():
            for site in self.flow.sites(method):
                for helper in site.helpers:
                    found.setdefault(helper, []).append(site)
        return found

    def _keyword_blockers(self, method: Method) -> Iterator[str]:
        """Uses of the method's `**kwargs` that would miss the flag once the signature names it."""
        keywords = method.node.args.kwarg
        if keywords is None:
            return
        handed_on = {
            keyword.value
            for site in self.flow.sites(method)
            if site.helpers or all(self._is_measured(value) for value in site.values)
            for keyword in site.call.keywords
            if keyword.arg is None
        }
        for statement in method.node.body:
            for node in of_kind(statement, ast.Name):
                if node.id == keywords.arg and node not in handed_on:
                    yield f"`**{keywords.arg}` of `{method.name}` may already carry the flag"
                    return

    def _is_measured(self, value: Value) -> bool:
        return is_layer(value) and self.flow.value_depends(value) is not Dependence.UNKNOWN

    def _reference_blockers(self, method: Method) -> Iterator[str]:
        return self._references.blockers(method, {id(site.call.func) for site in self.callers(method)})

    @cached_property
    def _references(self) -> References:
        return References(self.flow)

    def _helper_blockers(self, site: Site) -> Iterator[str]:
        """Why the helper that is called must not be given another flag than the one that it gets now."""
        for helper in site.helpers:
            if is_true(helper.default(FLAG)):
                yield f"`{helper.name}` of {helper.owner.name} has a default of its own, which is True"
        func = site.call.func
        if site.helpers and not site.is_super and isinstance(func, ast.Attribute):
            for info in site.method.receivers:
                if func.attr in self.flow.layers.attributes(info):
                    yield f"`{func.attr}` is an attribute of {info.name}"


def _is_export(site: Site, method: Method) -> bool:
    """Whether a call is that of an exported model, which gets the default of `method`: inference."""
    return (
        site.method.name in _EXPORTED and site.passed is Passed.ABSENT and not is_true(method.default(FLAG))
    )


def place_blockers(method: Method) -> Iterator[str]:
    """Whether a method is written where nothing may be edited."""
    if not method.owner.module.given:
        name = os.path.basename(method.owner.module.file)
        yield f"{method.owner.name} is written in {name}, which is not among the files given"


def decorator_blockers(method: Method) -> Iterator[str]:
    """Decorators through which the flag may not arrive, or None may not pass."""
    for decorator in method.node.decorator_list:
        if not hands_on(decorator, method):
            what = ast.unparse(named(decorator))
            yield f"`{method.name}` of {method.owner.name} has the decorator `{what}`"
        elif isinstance(decorator, ast.Call) and any(
            keyword.arg == "input_signature" for keyword in decorator.keywords
        ):
            yield f"`{method.name}` of {method.owner.name} has a tf.function with an `input_signature`"


def _signature_blockers(method: Method) -> Iterator[str]:
    other = sorted({argument.arg for argument in method.named} & OTHER_FLAG_NAMES)
    if method.self_name is None:
        # It is among `*args`, or was forgotten; the flag would take its place.
        yield f"`{method.name}` of {method.owner.name} does not name its `self`"
    if other:
        yield f"`{method.name}` calls its flag `{other[0]}`, which Keras never sets"
    if _mentions(method, FLAG):
        yield f"`{method.name}` uses a `{FLAG}` that is not its own parameter"


def _mentions(method: Method, name: str) -> bool:
    return any(node.id == name for statement in method.node.body for node in of_kind(statement, ast.Name))


def _call_blocker(site: Site) -> str | None:
    call = site.call
    if site.passed is Passed.UNCLEAR:
        starred = any(isinstance(each, ast.Starred) for each in call.args)
        if not starred and all(keyword.arg for keyword in call.keywords):
            return f"`{site.text}` on line {call.lineno} may already get the flag by position"
        return f"`{site.text}` on line {call.lineno} may already get the flag through `*` or `**`"
    if len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp) and not call.keywords:
        return f"`{site.text}` on line {call.lineno} is called with a generator"
    return None


def _carries_own_keywords(site: Site) -> bool:
    """Whether all that is unclear is the `**kwargs` of a method that is about to name the flag."""
    if any(isinstance(each, ast.Starred) for each in site.call.args):
        return False
    starred = [keyword.value for keyword in site.call.keywords if keyword.arg is None]
    return bool(starred) and all(site.method.is_own_keywords(value) for value in starred)


def _outside_blockers(site: Site) -> Iterator[str]:
    """A caller that no `call` of its class leads to may still be called from the `call` of another class."""
    if any(is_true(helper.default(FLAG)) for helper in site.helpers):
        yield f"`{site.method.name}` calls it and gets its default, which is True"
    elif site.method.name not in _STEPS:
        yield f"`{site.method.name}` calls it, which other classes may call"
