"""What it takes to call a parameter of `call` by the name that Keras sets: all that has to change together.

The versions of `call` in a family of classes have one name for it, and so has every call that passes it by
keyword. A call that cannot be told makes the renaming doubtful: it would raise afterwards.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call
from kerasfix.analysis.index import ClassInfo, Method, Module
from kerasfix.analysis.instances import Instances, Who
from kerasfix.analysis.named_methods import NamedMethods, family_of, method_blockers, passes, position
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.tapes import place_of
from kerasfix.analysis.threads import Objections
from kerasfix.analysis.training import TrainingFlow
from kerasfix.syntax import children, walk

_PARTIAL = "functools.partial"
# More arguments than any call has.
_NEVER = 1000


@dataclass(eq=False)
class Renaming:
    """All that has to change for a parameter to be called `training`.

    Attributes:
        old: What it is called.
        methods: The methods whose parameter it is.
        keywords: The keyword arguments that pass it.
        positional: The calls that pass it by position, with the names of the arguments from there on.
        blockers: Sentences that say why it cannot be done.
        doubts: Sentences that say what may pass the old name and is not in sight.
    """

    old: str
    methods: list[Method] = field(default_factory=list)
    keywords: list[tuple[Module, ast.keyword]] = field(default_factory=list)
    positional: list[tuple[Module, ast.Call, dict[int, str]]] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


class Renames:
    """The renamings of a project.

    Args:
        flow: Its layers and classes.
        instances: What its calls call.
        callers: Its calls.
        objections: What files that are not looked at have against a renaming.
    """

    def __init__(
        self, flow: TrainingFlow, instances: Instances, callers: Callers, objections: Objections
    ) -> None:
        self.flow = flow
        self.instances = instances
        self.callers = callers
        self.objections = objections
        self._made: dict[tuple[Method, str], Renaming] = {}
        self._method_names: dict[str, set[str]] = {}

    def renaming(self, call: Method, old: str) -> Renaming:
        """What it takes to call the parameter `old` of a `call` by its right name."""
        if (call, old) not in self._made:
            seeds = {call.owner}
            while True:
                attempt = _Attempt(self, old, seeds)
                if not attempt.joined:
                    break
                seeds |= attempt.joined
            for method in attempt.versions:
                self._made[method, old] = attempt.renaming
        return self._made[call, old]

    def method_names(self, word: str) -> set[str]:
        """Attributes that, in the modules that say a word, can only be methods: nothing sets them."""
        if word not in self._method_names:
            defined: set[str] = set()
            stored: set[str] = set()
            for module in self.flow.project.given:
                for node in walk(module.source.tree) if word in module.words else ():
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                        defined.add(node.name)
                    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                        stored.add(node.attr)
            self._method_names[word] = defined - stored
        return self._method_names[word]


class _Attempt:
    """One renaming in the making.

    Attributes:
        versions: The versions of `call` that are renamed.
        joined: Classes of other families of which instances are called at the same place; they have to be
            renamed together.
    """

    def __init__(self, renames: Renames, old: str, seeds: set[ClassInfo]) -> None:
        self._flow = renames.flow
        self._instances = renames.instances
        self._callers = renames.callers
        self._given = renames.flow.project.given
        self._objections = renames.objections
        self._method_names = renames.method_names(old)
        self.old = old
        self.joined: set[ClassInfo] = set()
        self._named = NamedMethods(self._flow, renames.callers, renames.objections, old)
        self.family = family_of(seeds)
        self.versions = [
            call for info in self.family if (call := info.methods.get("call")) is not None and call.takes(old)
        ]
        self._classes = {info for info in self._flow.project.classes if info.find("call") in self.versions}
        self._speaking = [
            module
            for module in self._given
            if any(self._flow.project.may_meet(module, info) for info in self._classes)
        ]
        self._heirs = {heir for info in self._classes for heir in (info, *info.descendants)}
        self._is_used = any(self._flow.users(info) for info in self._heirs)
        self._position = min(
            (place for call in self.versions if (place := position(call, old)) is not None), default=_NEVER
        )
        self.renaming = Renaming(old, list(self.versions))
        self._named.add_helpers(self.renaming.methods)
        self._check_methods()
        # Those that speak of the classes first: what they say of them is the better reason.
        for module in sorted(self._given, key=lambda module: module not in self._speaking):
            if old in module.words or module in self._speaking:
                for each in self._callers.calls(module):
                    self._see(each)
        self._check_surroundings()

    # --- Methods -------------------------------------------------------------------------------------------

    def _check_methods(self) -> None:
        blockers = self.renaming.blockers
        for method in self.versions:
            blockers += method_blockers(method, self.old)
        for info in self.family:
            if "__call__" in info.methods:
                blockers.append(f"{info.name} overrides `__call__`")

    # --- Calls ---------------------------------------------------------------------------------------------

    def _see(self, call: Call) -> None:
        """Take one call of the project into account."""
        func, spot = call.node.func, call.spot
        keyword = call.keyword(self.old)
        targets = self._named.targets(call)
        if targets:
            self._see_method(call, targets)
            return
        if not self._is_used:
            made = self._flow.project.class_named(func, spot.scope)
            self._is_used = made is not None and made in self._heirs
        by_position = len(call.node.args) > self._position
        if keyword is None and not call.has_double_star and not by_position:
            # It passes nothing that could be the flag.
            return
        who = self._instances.called(func, spot)
        is_partial = spot.scope.dotted(func) == _PARTIAL and bool(call.node.args)
        if is_partial:
            who = self._instances.called(call.node.args[0], spot)
        if who.classes & self._classes:
            self._see_instance(call, who, by_position=not is_partial)
        elif keyword is not None and not who.complete and not self._is_method_name(func):
            self._doubt(call, "may be an instance of it")

    def _is_method_name(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and func.attr in self._method_names

    def _see_method(self, call: Call, targets: tuple[Method, ...]) -> None:
        renamed = [target for target in targets if target in self.renaming.methods]
        if not renamed:
            return
        keyword = call.keyword(self.old)
        if keyword is not None:
            self._rename(call, keyword)
            if len(renamed) < len(targets):
                self._block(call, "can also be another method")
        elif call.has_double_star and not any(passes(call, target, self.old) for target in renamed):
            self._doubt(call, "may get it through `**`")

    def _see_instance(self, call: Call, who: Who, *, by_position: bool) -> None:
        keyword = call.keyword(self.old)
        if not who.complete:
            if keyword is not None or call.has_double_star:
                self._doubt(call, "may be an instance of it or something else")
            return
        self._is_used = True
        others = who.classes - self._classes
        self.joined |= {info for info in others if _takes(info, self.old)}
        if keyword is not None:
            self._rename(call, keyword)
            if any(_has_its_own_way(info) for info in others):
                self._doubt(call, "may be something that wants the old name")
            return
        methods = {method for info in who.classes & self._classes if (method := info.find("call"))}
        if any(passes(call, method, self.old) for method in methods):
            # What stays a positional argument means the same afterwards.
            if by_position and not others and not call.has_star:
                names = _names_from(call.node, methods, self.old)
                if names:
                    self.renaming.positional.append((call.spot.module, call.node, names))
        elif call.has_double_star:
            self._doubt(call, "may get it through `**`")

    def _rename(self, call: Call, keyword: ast.keyword) -> None:
        self.renaming.keywords.append((call.spot.module, keyword))
        if call.keyword(FLAG) is not None:
            self._block(call, f"gets a `{FLAG}` as well")

    # --- The rest ------------------------------------------------------------------------------------------

    def _check_surroundings(self) -> None:
        doubts = self.renaming.doubts
        if not self._is_used:
            names = " or ".join(dict.fromkeys(method.owner.name for method in self.versions))
            doubts.append(f"nothing in sight makes or calls {names}")
        for info in dict.fromkeys([method.owner for method in self.versions]):
            if any(each.is_open for each in (info, *info.descendants)):
                doubts.append(f"a base class of {info.name}, or of a subclass of it, is not in sight")
            doubts += self._objections(info, "call", self.old)
        for module in self._speaking:
            for node in _keys(module.source.tree, self.old):
                place = place_of(node, module, self.versions[0].owner.module)
                doubts.append(f"{place} puts `{self.old}` into a dict")
        doubts[:] = dict.fromkeys(doubts)
        self.renaming.blockers[:] = dict.fromkeys(self.renaming.blockers)

    def _doubt(self, call: Call, why: str) -> None:
        self.renaming.doubts.append(f"`{ast.unparse(call.node.func)}` on {self._place(call)} {why}")

    def _block(self, call: Call, why: str) -> None:
        self.renaming.blockers.append(f"`{ast.unparse(call.node.func)}` on {self._place(call)} {why}")

    def _place(self, call: Call) -> str:
        return place_of(call.node, call.spot.module, self.versions[0].owner.module)


def _takes(info: ClassInfo, name: str) -> bool:
    call = info.find("call")
    return call is not None and call.takes(name)


def _has_its_own_way(info: ClassInfo) -> bool:
    """Whether a call of an instance takes arguments that its `call` does not name."""
    call = info.find("call")
    return (
        call is None
        or call.node.args.kwarg is not None
        or any("__call__" in each.methods for each in info.family)
    )


def _names_from(call: ast.Call, methods: set[Method], old: str) -> dict[int, str]:
    """The names of the positional arguments from the flag on; none where the methods differ."""
    found = {method.parameters[: len(call.args)] for method in methods}
    if len(found) != 1:
        return {}
    [parameters] = found
    if old not in parameters or len(parameters) < len(call.args):
        return {}
    start = parameters.index(old)
    names = {index: parameters[index] for index in range(start, len(call.args))} | {start: FLAG}
    given = {keyword.arg for keyword in call.keywords}
    return {} if given & set(names.values()) else names


def _keys(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    """Where a dict that may become keyword arguments gets an entry of this name."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name="get_config"):
                continue
            case ast.Dict(keys=keys):
                yield from (key for key in keys if isinstance(key, ast.Constant) and key.value == name)
            case ast.Call(func=ast.Name(id="dict") | ast.Attribute(attr="update"), keywords=keywords):
                if any(keyword.arg == name for keyword in keywords):
                    yield node
            case ast.Call(func=ast.Attribute(attr="setdefault"), args=[ast.Constant(value=str() as key), *_]):
                if key == name:
                    yield node
            case ast.Subscript(slice=ast.Constant(value=str() as key), ctx=ast.Store()) if key == name:
                yield node
        waiting += children(node)
