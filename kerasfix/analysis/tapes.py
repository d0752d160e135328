"""Calls that train a model and give it no flag: what relies on a default of True."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, field

from kerasfix.analysis.calls import Spot, function_spot
from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.instances import Instances, Who
from kerasfix.analysis.scope import Function, Scope
from kerasfix.analysis.sites import FLAG, Passed
from kerasfix.analysis.training import TrainingFlow
from kerasfix.keras import names
from kerasfix.syntax import own_nodes, walk

# What takes gradients, with a tape or without.
_TAKES_GRADIENTS = frozenset(
    {
        "GradientTape",
        "gradient",
        "apply_gradients",
        "minimize",
        "backward",
        "value_and_grad",
        "stateless_call",
    }
)
# Keras calls these itself and passes the flag.
_DRIVEN = frozenset({"call", "fit", "evaluate", "predict", "compile", "build", "__init__"})


@dataclass(slots=True)
class Relying:
    """Calls in gradient tapes and `train_step` methods that pass no flag.

    Attributes:
        sure: Calls of an instance of the class, each with its module and the function around it (None at
            module level).
        doubtful: Places of calls of something that may be one: "line 7", "line 7 of train.py".
    """

    sure: list[tuple[Module, Function | None, ast.Call]] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)


class HandTraining:
    """Where the modules of a project train without `fit`.

    Args:
        flow: The layers and classes of the project.
        instances: What its calls call.
    """

    def __init__(self, flow: TrainingFlow, instances: Instances) -> None:
        self._flow = flow
        self._instances = instances
        self._of_module: dict[Module, list[_Block]] = {}
        self._who: dict[tuple[_Block, ast.Call], Who] = {}

    def relying_on_default(self, info: ClassInfo) -> Relying:
        """The calls that run `info` in training mode only because its default says so.

        A call of a class that calls `info` without a flag counts as a call of `info`. Looked at are the
        modules that an instance of one of these classes can have got into.
        """
        wanted = self._with_containers(info)
        found = Relying()
        doubtful: list[tuple[ast.Call, Module]] = []
        seen: set[ast.Call] = set()
        project = self._flow.project
        modules = [
            module
            for module in project.given
            if _TAKES_GRADIENTS & module.words | {"train_step"} & module.words
            and any(project.may_meet(module, each) for each in wanted)
        ]
        for block in (block for module in modules for block in self._blocks(module)):
            for node in (node for statement in block.body for node in walk(statement)):
                if not isinstance(node, ast.Call) or node in seen or _passes_flag(node, info):
                    continue
                seen.add(node)
                answer = self._called(node, block).is_one_of(wanted)
                if answer and block.is_tape:
                    found.sure.append((block.module, block.spot.function, node))
                elif answer or answer is None:
                    doubtful.append((node, block.module))
        doubtful.sort(key=lambda call: (call[1].file, call[0].lineno))
        found.doubtful = [place_of(node, module, info.module) for node, module in doubtful]
        return found

    def _called(self, call: ast.Call, block: _Block) -> Who:
        # Each class asks for the same calls again.
        key = block, call
        if key not in self._who:
            self._who[key] = self._instances.called_at(call, block.spot)
        return self._who[key]

    def _blocks(self, module: Module) -> list[_Block]:
        if module not in self._of_module:
            self._of_module[module] = _training_blocks(module)
        return self._of_module[module]

    def _with_containers(self, info: ClassInfo) -> set[ClassInfo]:
        """`info`, and the classes that call it without a flag, directly or through others."""
        found: set[ClassInfo] = set()
        waiting = [info]
        while waiting:
            each = waiting.pop()
            if each in found:
                continue
            found.add(each)
            for site in self._flow.users(each):
                if site.passed is not Passed.KEYWORD:
                    waiting += site.method.owner.family
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Statements that train something; `is_tape` if all of them are recorded for gradients."""

    module: Module
    spot: Spot
    body: list[ast.stmt]
    is_tape: bool


def place_of(node: ast.expr, module: Module, seen_from: Module) -> str:
    """The place of a node, for a message about something in the module `seen_from`."""
    where = "" if module is seen_from else f" of {os.path.basename(module.file)}"
    return f"line {node.lineno}{where}"


def _training_blocks(module: Module) -> list[_Block]:
    """Gradient tapes and train steps, and the functions that they are part of or call."""
    start = Spot(module, module.scope)
    blocks = [
        _Block(module, function_spot(step.node, start, step), step.node.body, True)
        for info in module.keras_classes
        if (step := info.methods.get("train_step")) is not None
    ]
    functions: dict[str, list[_Block]] = {}
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    waiting = [(start, module.source.tree.body)]
    while waiting:
        spot, body = waiting.pop()
        for statement in body:
            if isinstance(statement, Function):
                inner = function_spot(statement, spot, methods.get(statement))
                functions.setdefault(statement.name, []).append(_Block(module, inner, statement.body, False))
                waiting.append((inner, statement.body))
                continue
            if isinstance(statement, ast.With) and opens_tape(statement, spot.scope):
                blocks.append(_Block(module, spot, statement.body, True))
            for name in ("body", "orelse", "finalbody", "handlers"):
                waiting += [
                    (spot, child.body if isinstance(child, ast.ExceptHandler) else [child])
                    for child in getattr(statement, name, ())
                ]
    blocks += [each for group in functions.values() for each in group if _trains(each.body)]
    if _trains(module.source.tree.body):
        blocks.append(_Block(module, start, _outside_of_definitions(module.source.tree.body), False))
    for block in blocks:
        for name in sorted(_called_names(block.body)):
            blocks += functions.pop(name, [])
    return blocks


def _outside_of_definitions(body: list[ast.stmt]) -> list[ast.stmt]:
    return [statement for statement in body if not isinstance(statement, Function | ast.ClassDef)]


def _trains(body: list[ast.stmt]) -> bool:
    """Whether statements take gradients by hand."""
    return any(isinstance(node, ast.Attribute) and node.attr in _TAKES_GRADIENTS for node in own_nodes(body))


def _called_names(body: list[ast.stmt]) -> set[str]:
    """The names of functions and methods that statements call or hand on."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for statement in body
        for node in walk(statement)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    } - _DRIVEN


def opens_tape(node: ast.With, scope: Scope) -> bool:
    """Whether a `with` records what is done in it for gradients."""
    return any(is_tape(item.context_expr, scope) for item in node.items)


def is_tape(made: ast.expr, scope: Scope) -> bool:
    """Whether an expression makes a gradient tape, or is a variable that holds one."""
    options = [made, *(scope.lookup(made.id) if isinstance(made, ast.Name) else ())]
    return any(
        isinstance(each, ast.Call) and scope.dotted(each.func) == names.GRADIENT_TAPE for each in options
    )


def _passes_flag(call: ast.Call, info: ClassInfo) -> bool:
    if any(keyword.arg in (FLAG, None) for keyword in call.keywords):
        return True
    method = info.find("call")
    parameters = method.parameters if method is not None else ()
    position = parameters.index(FLAG) if FLAG in parameters else len(call.args)
    return len(call.args) > position or any(isinstance(each, ast.Starred) for each in call.args)
