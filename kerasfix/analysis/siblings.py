"""Layers whose names stand in a row (conv1, conv2), and what the calls of some say about another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

from kerasfix.analysis import comments
from kerasfix.analysis.dataflow import DataFlow, Definition, Step
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.threads import Threads
from kerasfix.analysis.unused import HeldLayer, UnusedLayers
from kerasfix.analysis.weights import Weights
from kerasfix.syntax import own_nodes, parents_in

_TOKEN = re.compile(r"\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")
# `wq`, `wk` and `wv` are a row too.
_LETTERS = re.compile(r"[A-Za-z][a-z]")
# What is written where one layer stands in two places on purpose.
_SHARES = (
    r"\bshar(?:e|es|ed|ing)\b|\btied\b|\btying\b|siamese"
    r"|\bsame (?:\w+ )?(?:layer|weights?|encoder|decoder|network|block|tower)"
)
_DOCUMENTED = re.compile(_SHARES, re.IGNORECASE)
_SHARED = re.compile(rf"{_SHARES}|\bre-?us|\bagain\b|\btwice\b|on purpose|intention", re.IGNORECASE)
_BRANCHES = ("body", "orelse", "finalbody", "handlers")
_REPEATING = ast.For | ast.AsyncFor | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, eq=False)
class Repeat:
    """A call that stands where a layer should that is never called.

    Attributes:
        call: The call.
        layer: The layer that it calls, and that others call too.
        sibling: The layer that is never called.
        method: Where it stands.
        count: How often `layer` is called there.
    """

    call: ast.Call
    layer: HeldLayer
    sibling: HeldLayer
    method: Method
    count: int


@dataclass(frozen=True, eq=False)
class Place:
    """Where a layer that is never called should be, told by how its siblings stand.

    Attributes:
        method: The method.
        model: The call of a sibling that the new call is to look like.
        at: The call that it is put around; or the statement behind which it gets one of its own.
        variable: What its own statement reads and assigns; empty if that is a copy of the statement above.
        says: How the siblings stand, for messages.
    """

    method: Method
    model: ast.Call
    at: ast.Call | ast.stmt
    variable: str
    says: str


class Forward:
    """The calls of layers in one method that runs in `call`.

    Args:
        method: The method.
        held: The layers that its class makes.
    """

    def __init__(self, method: Method, held: Mapping[str, HeldLayer]) -> None:
        self.method = method
        self._held = held
        self.calls: dict[str, list[ast.Call]] = {}
        for node in own_nodes(method.node.body):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                    if owner == method.self_name and name in held:
                        self.calls.setdefault(name, []).append(node)
        for calls in self.calls.values():
            calls.sort(key=lambda call: (call.end_lineno, call.end_col_offset))

    @cached_property
    def flow(self) -> DataFlow:
        return DataFlow(self.method.node)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return parents_in(self.method.node)

    @cached_property
    def steps(self) -> dict[ast.AST, Step]:
        """The statement whose whole value a call is."""
        return {step.value: step for step in self.flow.steps.values() if step.value is not None}

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that an expression stands in."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def name_of(self, node: ast.expr) -> str | None:
        """The attribute of a layer whose call a node is."""
        return next((name for name, calls in self.calls.items() if node in calls), None)

    def stand_together(self, calls: Iterable[ast.Call]) -> bool:
        """Whether some calls are made in the same branch, each once."""
        ways = [self._way_to(call) for call in calls]
        return all(way is not None and way == ways[0] for way in ways)

    def run_together(self, calls: Sequence[ast.Call]) -> bool:
        """Whether one run of the method can make all of some calls, each once."""
        ways = [way for call in calls if (way := self._way_to(call)) is not None]
        if len(ways) < len(calls):
            return False
        return all(
            one.get(branch, None if _leaves(branch, name) else name) == name
            for one, other in permutations(ways, 2)
            for branch, name in other.items()
        )

    def _way_to(self, call: ast.Call) -> dict[ast.AST, str] | None:
        """The branches that a call stands in, each with its part of the statement; None in a loop."""
        found: dict[ast.AST, str] = {}
        node: ast.AST = call
        while node is not self.method.node:
            above = self.parents[node]
            if isinstance(above, _REPEATING | ast.Lambda):
                return None
            if isinstance(above, ast.Match):
                found[above] = f"case {above.cases.index(node)}" if isinstance(node, ast.match_case) else ""
            elif isinstance(above, ast.If | ast.IfExp | ast.Try | ast.BoolOp):
                found.update((above, name) for name in _BRANCHES if _is_in(node, getattr(above, name, None)))
            node = above
        return found

    def single(self, name: str) -> ast.Call | None:
        """The call of a layer, if there is one only."""
        calls = self.calls.get(name, [])
        return calls[0] if len(calls) == 1 else None

    def reads(self, call: ast.Call) -> tuple[ast.Name, Definition] | None:
        """The variable that a call is given first, and the one definition that this has its value from."""
        if call.args and isinstance(call.args[0], ast.Name):
            seen = [*self.flow.reaching.get(call.args[0], ())]
            if len(seen) == 1:
                return call.args[0], seen[0]
        return None


def tokens(name: str) -> list[str]:
    """The words and numbers of a name; one without a number is the first of its row."""
    found = _TOKEN.findall(name)
    return found if any(each.isdecimal() for each in found) else [*found, "1"]


def difference(name: str, other: str) -> tuple[str, str] | None:
    """How two names in a row differ: `conv1_a`, `conv2_a` in ("1", "2"); None if they are in no row."""
    if _LETTERS.fullmatch(name) and _LETTERS.fullmatch(other) and name[0] == other[0] and name != other:
        return name[1], other[1]
    ours, theirs = tokens(name), tokens(other)
    if len(ours) != len(theirs):
        return None
    changes = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    if len(changes) != 1 or changes[0][0].isdecimal() != changes[0][1].isdecimal():
        return None
    shared = [a for a, b in zip(ours, theirs, strict=True) if a == b and not a.isdecimal()]
    return changes[0] if shared else None


class Siblings:
    """What the rows of layers of a project say about those that are never called.

    Args:
        unused: The layers that nobody uses.
        weights: Which layers have weights.
        threads: Which methods run in `call`.
    """

    def __init__(self, unused: UnusedLayers, weights: Weights, threads: Threads) -> None:
        self._unused = unused
        self._weights = weights
        self._threads = threads
        self._forwards: dict[ClassInfo, list[Forward]] = {}

    def repeats(self, info: ClassInfo) -> list[Repeat]:
        """Layers of a class that are called as often as they and their unused siblings should be together.

        The calls are told apart by the order in which the layers are made.
        """
        unused = self._unused.uncalled(info)
        return list(self._repeats(info, {each.name: each for each in unused})) if unused else []

    def places(self, layer: HeldLayer) -> list[Place]:
        """Where the siblings of a layer that is never called say that its call belongs."""
        held = self._unused.held(layer.info)
        found: list[Place] = []
        for name, sibling in held.items():
            step = difference(name, layer.name)
            if step is None or sibling.class_name is None or sibling.class_name != layer.class_name:
                continue
            for forward in self._calls_in(layer.info):
                call = forward.single(name)
                if call is not None and forward.stand_together([call]):
                    found += _beside(name, step, call, forward, held)
                    found += _in_row(layer, name, step, call, forward, held)
        return found

    def _calls_in(self, info: ClassInfo) -> list[Forward]:
        if info not in self._forwards:
            held = self._unused.held(info)
            self._forwards[info] = [
                Forward(method, held)
                for method in info.methods.values()
                if self._threads.runs_in_call(method)
            ]
        return self._forwards[info]

    def _repeats(self, info: ClassInfo, idle: Mapping[str, HeldLayer]) -> Iterator[Repeat]:
        held, forwards = self._unused.held(info), self._calls_in(info)
        for name, layer in held.items():
            around = [forward for forward in forwards if name in forward.calls]
            if len(around) != 1 or name in idle:
                continue
            calls = around[0].calls[name]
            family = [each for each in idle.values() if self._may_stand_for(layer, each)]
            if not family or len(calls) != len(family) + 1 or not around[0].run_together(calls):
                continue
            if _is_shared(info, around[0], calls):
                continue
            others = list(_busy(held, name, forwards))
            if any(self._may_stand_for(other, each) for each in family for other in others):
                continue
            row = sorted([layer, *family], key=lambda each: each.line)
            for call, meant in zip(calls, row, strict=True):
                if meant is not layer:
                    yield Repeat(call, layer, meant, around[0].method, len(calls))

    def _may_stand_for(self, layer: HeldLayer, unused: HeldLayer) -> bool:
        """Whether a layer can be called by mistake for another one, and it matters."""
        if layer.class_name is None or layer.class_name != unused.class_name:
            return False
        if difference(layer.name, unused.name) is None:
            return False
        is_alike = _told(layer.makings[0].value) == _told(unused.makings[0].value)
        return not is_alike or self._weights.of_any(layer.values) is not False


def _is_shared(info: ClassInfo, forward: Forward, calls: list[ast.Call]) -> bool:
    """Whether a comment by one of some calls, or a docstring, says that they share a layer on purpose."""
    said = [text for call in calls for text in comments.beside(info.module.source, forward.statement(call))]
    documented = [ast.get_docstring(node) or "" for node in (info.node, forward.method.node)]
    return any(_SHARED.search(text) for text in said) or any(_DOCUMENTED.search(text) for text in documented)


def _busy(held: Mapping[str, HeldLayer], name: str, forwards: list[Forward]) -> Iterator[HeldLayer]:
    """The other layers that are called more than once."""
    for other, layer in held.items():
        if other != name and any(len(each.calls.get(other, ())) > 1 for each in forwards):
            yield layer


def _told(node: ast.expr) -> str:
    """A construction without the name that it gives."""
    if not isinstance(node, ast.Call):
        return ast.dump(node)
    keywords = [each for each in node.keywords if each.arg != "name"]
    return ast.dump(ast.Call(node.func, node.args, keywords))


def _beside(
    name: str,
    step: tuple[str, str],
    call: ast.Call,
    forward: Forward,
    held: Mapping[str, HeldLayer],
) -> Iterator[Place]:
    """bn2 belongs behind conv2, because bn1 stands behind conv1."""
    before = _producer(call, forward)
    if before is None or difference(before, name) is not None:
        return
    for other in held:
        changed = difference(before, other)
        target = forward.single(other) if changed == step else None
        if target is None or held[other].class_name != held[before].class_name:
            continue
        if not forward.stand_together([call, target]):
            continue
        says = f"`{name}` stands behind `{before}`"
        if isinstance(call.args[0], ast.Call):
            if not isinstance(forward.parents[target], ast.Expr | ast.Starred):
                yield Place(forward.method, call, target, "", says)
        else:
            statement = forward.steps.get(target)
            variable = _variable(statement)
            if statement is not None and variable is not None and _is_read(statement, forward):
                yield Place(forward.method, call, statement.node, variable, says)


def _producer(call: ast.Call, forward: Forward) -> str | None:
    """The layer whose output a call is given, with nothing in between."""
    if call.args and isinstance(call.args[0], ast.Call):
        return forward.name_of(call.args[0])
    read = forward.reads(call)
    if read is None or read[1].step is None or read[1].step.value is None:
        return None
    return forward.name_of(read[1].step.value)


def _in_row(
    layer: HeldLayer,
    name: str,
    step: tuple[str, str],
    call: ast.Call,
    forward: Forward,
    held: Mapping[str, HeldLayer],
) -> Iterator[Place]:
    """conv3 belongs behind conv2, because conv2 follows conv1; conv2 between conv1 and conv3."""
    if not all(each.isdecimal() for each in step) or int(step[1]) != int(step[0]) + 1:
        return
    here = forward.steps.get(call) or _around(call, forward)
    if here is None or _variable(here) is None:
        return
    for other in held:
        apart = difference(name, other)
        second = forward.single(other)
        if apart is None or second is None or apart[0] != step[0] or not apart[1].isdecimal():
            continue
        if held[other].class_name != layer.class_name or abs(int(apart[1]) - int(step[1])) > 2:
            continue
        there = forward.steps.get(second) or _around(second, forward)
        if there is None or not _look_alike(here, call, there, second):
            continue
        first, last = (there, here) if int(apart[1]) < int(step[0]) else (here, there)
        distance = int(apart[1]) - int(step[0])
        if distance in (-1, 2) and _follows(first, last, forward) and _is_read(here, forward):
            says = f"`{other}` and `{name}` follow each other"
            yield Place(forward.method, call, here.node, "", says)
            return


def _around(call: ast.Call, forward: Forward) -> Step | None:
    """The statement `x = tf.nn.relu(self.conv1(x))` around a call."""
    node: ast.AST = call
    while node in forward.parents and not isinstance(node, ast.stmt):
        node = forward.parents[node]
    step = forward.flow.steps.get(node) if isinstance(node, ast.stmt) else None
    return step if step is not None and step.value is not None else None


def _look_alike(one: Step, call: ast.Call, other: Step, second: ast.Call) -> bool:
    """Whether two statements are the same but for the layer that they call."""
    assert isinstance(call.func, ast.Attribute)
    assert isinstance(second.func, ast.Attribute)
    mine, theirs = ast.dump(one.node), ast.dump(other.node)
    return mine.replace(f"attr='{call.func.attr}'", "") == theirs.replace(f"attr='{second.func.attr}'", "")


def _follows(first: Step, last: Step, forward: Forward) -> bool:
    """Whether a statement reads what another one gives to the variable that both of them assign."""
    name = _variable(first)
    own = first.definitions.get(name or "")
    reads = [read for read in last.reads if read.id == name]
    return bool(reads) and all(forward.flow.reaching[read] == {own} for read in reads)


def _is_read(step: Step, forward: Forward) -> bool:
    return any(forward.flow.readers(definition) for definition in step.definitions.values())


def _variable(step: Step | None) -> str | None:
    """The one variable that a statement assigns."""
    match step.node if step is not None else None:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def _leaves(branch: ast.AST, name: str) -> bool:
    """Whether what comes after a branch does not run after this part of it."""
    block = getattr(branch, name, None)
    return isinstance(block, list) and bool(block) and isinstance(block[-1], ast.Return | ast.Raise)


def _is_in(node: ast.AST, block: object) -> bool:
    return node is block or (isinstance(block, list) and node in block)
