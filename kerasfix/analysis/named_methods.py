"""Methods that call their training flag by the same name: the versions of a `call`, and its helpers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call
from kerasfix.analysis.flag_names import occurrences
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.sites import FLAG, NOT_FORWARD, called_methods
from kerasfix.analysis.threads import OTHER_FLAG_NAMES, Objections, decorator_blockers, place_blockers
from kerasfix.analysis.training import TrainingFlow
from kerasfix.syntax import of_kind, walk


class NamedMethods:
    """The methods of a project, with an eye on one name of a parameter.

    Args:
        flow: The layers and classes.
        callers: The calls.
        objections: What files that are not looked at have against a change.
        old: The name.
    """

    def __init__(self, flow: TrainingFlow, callers: Callers, objections: Objections, old: str) -> None:
        self._project = flow.project
        self._callers = callers
        self._objections = objections
        self._old = old

    def targets(self, call: Call) -> tuple[Method, ...]:
        """The methods that are called, by `self.block(x)`, `super().call(x)`, `Base.call(self, x)`."""
        func, spot = call.node.func, call.spot
        if isinstance(func, ast.Attribute) and func.attr == "call":
            named = self._project.class_named(func.value, spot.scope)
            found = named.find("call") if named is not None else None
            if found is not None:
                return (found,)
        return called_methods(func, spot.method) if spot.method is not None else ()

    def add_helpers(self, methods: list[Method]) -> None:
        """Add the helpers that `methods` hand the flag to under the same name, where they may be renamed."""
        for method in methods:
            for call in self._callers.calls(method.owner.module):
                targets = self.targets(call) if call.spot.method is method else ()
                names = {target.name for target in targets}
                if len(names) != 1 or "call" in names or not passes(call, targets[0], self._old):
                    continue
                [name] = names
                helpers = [
                    each.methods[name]
                    for each in family_of(target.owner for target in targets)
                    if name in each.methods
                ]
                if helpers[0] not in methods and all(map(self._is_free, helpers)):
                    methods += helpers

    def _is_free(self, helper: Method) -> bool:
        """Whether all that uses a helper is in sight, and so is all that has to change for its renaming."""
        if not helper.takes(self._old) or helper.name in NOT_FORWARD or helper.name.startswith("__"):
            return False
        if any(method_blockers(helper, self._old)) or any(self._objections(helper.owner, helper.name)):
            return False
        return all(
            self._is_followed(module, helper)
            for module in self._project.given
            if helper.name in module.words and self._project.may_meet(module, helper.owner)
        ) and not any(_is_fetched(info, helper.name) for info in helper.owner.family)

    def _is_followed(self, module: Module, helper: Method) -> bool:
        """Whether a module only calls a helper, in ways that can be changed."""
        called: set[ast.expr] = set()
        for call in self._callers.calls(module):
            targets = self.targets(call) if call.name == helper.name else ()
            if targets:
                called.add(call.node.func)
            if helper in targets and call.has_double_star and not passes(call, helper, self._old):
                return False
        return not any(
            (isinstance(node, ast.Attribute) and node.attr == helper.name and node not in called)
            or (isinstance(node, ast.Constant) and node.value == helper.name)
            for node in of_kind(module.source.tree, ast.Attribute, ast.Constant)
        )


def _is_fetched(info: ClassInfo, name: str) -> bool:
    """Whether a class takes a method by its name, or as a value in its body: `getattr(self, kind)`."""
    for statement in info.node.body:
        is_method = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in of_kind(statement, ast.Call, ast.Name):
            match node:
                case ast.Call(func=ast.Name(id="getattr"), args=[_, asked, *_]):
                    if not isinstance(asked, ast.Constant):
                        return True
                case ast.Name(id=read, ctx=ast.Load()) if read == name and not is_method:
                    return True
    return False


def family_of(seeds: Iterable[ClassInfo]) -> list[ClassInfo]:
    """All classes that share an instance with one of `seeds`, or with one that does."""
    found: dict[ClassInfo, None] = {}
    waiting = list(seeds)
    while waiting:
        info = waiting.pop(0)
        if info not in found:
            found[info] = None
            waiting += info.family
    return list(found)


def method_blockers(method: Method, old: str) -> Iterator[str]:
    """Why the parameter of one method cannot have another name."""
    owner = method.owner
    yield from place_blockers(method)
    others = sorted(
        argument.arg for argument in method.named if argument.arg in {FLAG, *OTHER_FLAG_NAMES} - {old}
    )
    if others:
        yield f"`{method.name}` of {owner.name} takes `{others[0]}` as well"
    if any(argument.arg == old for argument in method.node.args.posonlyargs):
        yield f"`{old}` is a positional-only parameter"
    yield from occurrences(method.node, old).reasons
    yield from decorator_blockers(method)
    extra = method.node.args.kwarg
    if extra is not None and any(
        isinstance(node, ast.Name) and node.id == extra.arg for node in walk(method.node)
    ):
        yield f"`**{extra.arg}` of `{method.name}` may already carry the flag"


def passes(call: Call, method: Method, name: str) -> bool:
    """Whether a call hands something over as a parameter of a method."""
    if call.keyword(name) is not None:
        return method.takes(name)
    place = position(method, name)
    return place is not None and place < len(call.node.args)


def position(method: Method, name: str) -> int | None:
    """Where a method takes a parameter by position, `self` not counted."""
    return method.parameters.index(name) if name in method.parameters else None
