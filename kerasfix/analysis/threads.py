"""What it takes to bring the training flag to a method that does not get it: all of it, or nothing.

From Keras 3.10 an explicit None blocks what the layer would have inherited, so a method that gains
`training=None` needs every caller rewritten with it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import UserLayer
from kerasfix.analysis.sites import FLAG, NOT_FORWARD, Passed, Site
from kerasfix.analysis.training import TrainingFlow

# Names that people give the flag and that Keras never fills.
OTHER_FLAG_NAMES = frozenset(
    {
        "is_training",
        "is_train",
        "isTraining",
        "istraining",
        "train",
        "training_flag",
        "train_mode",
        "train_flag",
    }
)
# Decorators from here hand all arguments through.
_TRANSPARENT = ("tensorflow.", "typing.", "typing_extensions.", "abc.")


@dataclass(eq=False)
class Thread:
    """All that has to change together for the flag to reach the layers behind one method.

    Attributes:
        gains: Methods that get a parameter `training=None`.
        passes: Calls that get `training=training`.
        blockers: Sentences that say why it cannot be done; the thread is then not to be made.
    """

    gains: list[Method] = field(default_factory=list)
    passes: list[Site] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)


# Class name, method name -> reasons from elsewhere.
Objections = Callable[[str, str], Iterable[str]]


class Threads:
    """The threads of one module.

    Args:
        flow: Who depends on the flag there.
        objections: Gives, for a class name and a method name, what other files have against the method
            taking the flag.
    """

    def __init__(self, flow: TrainingFlow, objections: Objections) -> None:
        self.flow = flow
        self._objections = objections
        self._taking: dict[ClassInfo, bool] = {}

    def thread(self, start: Method) -> Thread:
        """What it takes to bring the flag to `start`, which does not get it, and on to its layers."""
        thread = Thread()
        waiting = [start]
        while waiting:
            method = waiting.pop(0)
            if method in thread.gains:
                continue
            thread.gains.append(method)
            thread.blockers += _signature_blockers(method)
            thread.blockers += self._reference_blockers(method)
            thread.blockers += self._objections(method.owner.name, method.name)
            for site in self.flow.sites.get(method, ()):
                waiting += self._carry_on(thread, site)
            for site in self._callers(method):
                if site.passed is Passed.ABSENT:
                    waiting += self._carry_to(thread, site)
        thread.passes = list(dict.fromkeys(thread.passes))
        return thread

    def can_take(self, info: ClassInfo) -> bool:
        """Whether a call of this class may be given `training=` and does something with it."""
        if info not in self._taking:
            self._taking[info] = True  # a class that reaches itself takes what it takes
            call = info.find("call")
            if call is None:
                self._taking[info] = bool(info.builtin_bases)
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
            return f"the `call` of {site.class_names} can not take the flag"
        return _call_blocker(site)

    def _carry_on(self, thread: Thread, site: Site) -> list[Method]:
        """Hand the flag on at one call inside a method that gets it; returns helpers that gain it too."""
        if site.passed in (Passed.KEYWORD, Passed.POSITIONAL):
            return []
        if self.flow.is_mixed(site):
            thread.blockers.append(f"`{site.text}` may also be something that takes no `training`")
            return []
        if not self.flow.site_depends(site) or not self._takers(site):
            return []
        return self._carry_to(thread, site)

    def _carry_to(self, thread: Thread, site: Site) -> list[Method]:
        """Pass `training=training` at `site`; its own method must have the flag, or gain it."""
        gaining: list[Method] = []
        if site.method.name in NOT_FORWARD:
            return []
        if not site.flag_in_reach and site.method not in thread.gains:
            if not self._runs_in_call(site.method):
                return []
            gaining.append(site.method)
        blocker = _call_blocker(site)
        if blocker:
            thread.blockers.append(blocker)
            return []
        thread.passes.append(site)
        if site.helper is not None and not site.helper.takes(FLAG):
            gaining.append(site.helper)
        return gaining

    def _takers(self, site: Site) -> bool:
        """Whether passing the flag here has an effect on at least one of the layers."""
        return site.helper is not None or any(
            not isinstance(value, UserLayer) or self.can_take(value.info) for value in site.values
        )

    def _runs_in_call(self, method: Method) -> bool:
        """Whether Keras' call context can be open while `method` runs: some `call` leads to it."""
        for info in method.owner.family:
            call = info.methods.get("call")
            if call is not None and method in self.flow.reachable(call):
                return True
        return False

    def _callers(self, method: Method) -> list[Site]:
        return [site for sites in self.flow.sites.values() for site in sites if site.helper is method]

    def _reference_blockers(self, method: Method) -> Iterator[str]:
        """Uses of a method that a new parameter would break or leave without the flag."""
        if method.name != "call":
            for each in method.owner.family:
                other = each.methods.get(method.name)
                if other is not None and other is not method:
                    yield f"`{method.name}` is overridden in {each.name}"
        followed = {id(site.call.func) for site in self._callers(method)}
        for info in self.flow.module.classes:
            for name, other in info.methods.items():
                # Outside of a forward pass no context is open that an explicit None could block.
                harmless = name in NOT_FORWARD
                for node in ast.walk(other.node):
                    if harmless and isinstance(node, ast.Call):
                        followed.add(id(node.func))
                    elif _is_reference(node, method, info) and id(node) not in followed:
                        yield f"line {node.lineno} uses `{ast.unparse(node)}` in a way that is not followed"


def _signature_blockers(method: Method) -> Iterator[str]:
    names = {*method.parameters, *(argument.arg for argument in method.node.args.kwonlyargs)}
    other = sorted(names & OTHER_FLAG_NAMES)
    if other:
        yield f"`{method.name}` calls its flag `{other[0]}`, which Keras never sets"
    keywords = method.node.args.kwarg
    if keywords is not None and any(
        isinstance(node, ast.Name) and node.id == keywords.arg
        for statement in method.node.body
        for node in ast.walk(statement)
    ):
        yield f"`**{keywords.arg}` of `{method.name}` may already carry the flag"
    for decorator in method.node.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not (method.owner.scope.dotted(named) or "").startswith(_TRANSPARENT):
            yield f"`{method.name}` has the decorator `{ast.unparse(named)}`"
    if any(
        isinstance(node, ast.Name) and node.id == FLAG and isinstance(node.ctx, ast.Store)
        for node in ast.walk(method.node)
    ):
        yield f"`{method.name}` has a variable `{FLAG}` of its own"


def _call_blocker(site: Site) -> str | None:
    call = site.call
    if site.passed is Passed.UNCLEAR:
        return f"`{site.text}` on line {call.lineno} may already get the flag through `*` or `**`"
    if len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp) and not call.keywords:
        return f"`{site.text}` on line {call.lineno} is called with a generator"
    return None


def _is_reference(node: ast.AST, method: Method, info: ClassInfo) -> TypeGuard[ast.Attribute]:
    """Whether `node`, in the class `info`, reads something that can be `method`.

    `something.call` goes around `__call__` and its context, so it counts wherever it stands;
    `subprocess.call` does not.
    """
    if not (isinstance(node, ast.Attribute) and node.attr == method.name and isinstance(node.ctx, ast.Load)):
        return False
    match node.value:
        case ast.Name(id=name) if name == method.self_name:
            return info.find(method.name) is method
        case ast.Call(func=ast.Name(id="super")):
            return info.find_above(method.name) is method
    return info.scope.dotted(node) is None
