"""Where a module sets `trainable`, and of what: whether the author froze a layer on purpose.

Statements are read in the order of the source, wherever they stand; what is set through something that
cannot be followed (`model.layers[1]`, a loop over the layers of another model) makes the answer unsure.
"""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kerasfix.syntax import children, walk

_FREEZES = re.compile(r"freez|trainable", re.IGNORECASE)


class State(enum.Enum):
    """What the source says of a layer. UNCLEAR: it may be frozen, somewhere or in some runs."""

    TRAINABLE = "trainable"
    FROZEN = "frozen"
    THAWED = "thawed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class _Event:
    """One `subject.trainable = value`, or a loop that does so for the layers of `subject`.

    Attributes:
        subject: The source of what is set.
        line: Where.
        value: True, False, or None if it is decided elsewhere.
        whole: Whether all of the subject is set.
    """

    subject: str
    line: int
    value: bool | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Freezing:
    """What is known of one layer; `line` is where it is thawed, or where a part of it stays trainable."""

    state: State
    line: int = 0


class TrainableSettings:
    """All that a module does to `trainable`."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    def of(self, subject: str, *, alone: bool = False) -> Freezing:
        """What becomes of the layer that goes by `subject` (`base`, `self.base`).

        Args:
            subject: The source of what is called.
            alone: Whether nothing else in the module can reach it.
        """
        own = [event for event in self._events if event.subject == subject]
        if not own:
            # It may be reached through the model that it is a part of.
            others = not alone and any(event.value is not True for event in self._events)
            return Freezing(State.UNCLEAR if others else State.TRAINABLE)
        if any(event.value is None for event in own):
            return Freezing(State.UNCLEAR)
        frozen = [event.line for event in own if event.whole and event.value is False]
        thawed = [event.line for event in own if event.value is True and event.line > max(frozen, default=0)]
        if frozen and not thawed:
            return Freezing(State.FROZEN)
        return Freezing(State.THAWED, min(thawed or [event.line for event in own]))

    @cached_property
    def _events(self) -> list[_Event]:
        return sorted(_events_in(self._tree), key=lambda event: event.line)


def _events_in(tree: ast.Module) -> Iterator[_Event]:
    # With each node go the loop variables around it, and whose layers they run over.
    waiting: list[tuple[ast.AST, dict[str, tuple[str, bool]]]] = [(tree, {})]
    while waiting:
        node, loops = waiting.pop()
        if isinstance(node, ast.For):
            run = _layers_of(node.iter)
            names = [each.id for each in walk(node.target) if isinstance(each, ast.Name)]
            if run is not None and names:
                # A loop that spares or picks the BatchNormalization knows what it does.
                if any("Normalization" in ast.unparse(child) for child in node.body):
                    yield _Event(run[0], node.lineno, None, False)
                loops = {**loops, names[-1]: run}
        elif isinstance(node, ast.Call):
            yield from _frozen_by(node)
        elif isinstance(node, ast.Assign):
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr == "trainable":
                    yield _event(target.value, value if isinstance(value, bool) else None, loops)
        waiting += [(child, loops) for child in children(node)]


def _frozen_by(call: ast.Call) -> Iterator[_Event]:
    """`base.freeze()`, `freeze_layers(base)`, `set_trainable(base, False)`: somebody takes care of it."""
    match call.func:
        case ast.Name(id=name) if _FREEZES.search(name):
            subjects = [ast.unparse(argument) for argument in call.args[:1]]
        case ast.Attribute(value=owner, attr=name) if _FREEZES.search(name):
            subjects = [ast.unparse(each) for each in (owner, *call.args[:1])]
        case _:
            return
    yield from (_Event(subject, call.lineno, None, False) for subject in subjects)


def _event(subject: ast.expr, value: bool | None, loops: dict[str, tuple[str, bool]]) -> _Event:
    if isinstance(subject, ast.Name) and subject.id in loops:
        of, whole = loops[subject.id]
        return _Event(of, subject.lineno, value, whole)
    part = _layers_of(subject)
    if part is not None:
        return _Event(part[0], subject.lineno, None if value is False else value, False)
    return _Event(ast.unparse(subject), subject.lineno, value, True)


def _layers_of(node: ast.expr) -> tuple[str, bool] | None:
    """Whose layers an expression gives, and whether all of them: `base.layers`, `base.layers[:-4]`."""
    match node:
        case ast.Attribute(value=owner, attr="layers" | "submodules"):
            return ast.unparse(owner), True
        case ast.Subscript(value=inner):
            found = _layers_of(inner)
            return None if found is None else (found[0], False)
        case ast.Call(func=ast.Attribute(value=owner, attr="get_layer" | "_flatten_layers" as name)):
            return ast.unparse(owner), name != "get_layer"
        case ast.Call(func=ast.Name(id="enumerate" | "reversed" | "list"), args=[inner, *_]):
            return _layers_of(inner)
    return None
