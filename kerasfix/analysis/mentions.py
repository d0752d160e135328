"""What is done with an attribute of a class besides calling it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.scope import Function
from kerasfix.analysis.sites import NOT_FORWARD
from kerasfix.syntax import parents_in, walk

# What may be asked of a layer without training it.
_HARMLESS = frozenset(
    {
        "build",
        "built",
        "compute_output_shape",
        "filters",
        "get_config",
        "input_dim",
        "name",
        "output_dim",
        "output_shape",
        "output_size",
        "supports_masking",
        "units",
    }
)
_GROWS = frozenset({"append", "extend", "insert", "add"})
_LOOPS_OVER = frozenset({"enumerate", "reversed", "zip", "list", "len", "range"})


class Mentions:
    """The mentions of attributes in one module, and in those that speak of its classes.

    Args:
        module: The module.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._parents: dict[Function, dict[ast.AST, ast.AST]] = {}

    def are_calls(self, name: str, info: ClassInfo, calls: set[ast.Call]) -> bool:
        """Whether all that is done with an attribute of a class is to make it and to call it.

        Args:
            name: The attribute.
            info: The class.
            calls: The calls that count as such.
        """
        for each in info.family:
            for method in each.methods.values():
                for node in walk(method.node):
                    if (
                        isinstance(node, ast.Attribute)
                        and node.attr == name
                        and isinstance(node.ctx, ast.Load)
                        and not self._is_call(node, method.node, calls)
                    ):
                        return False
                    if isinstance(node, ast.Constant) and node.value == name:
                        return False
        return not any(True for module in self._about(info) for _ in _outside(module, name, info))

    def _about(self, info: ClassInfo) -> list[Module]:
        return list({self._module: None, **self._module.project.speaking(info)})

    def _is_call(self, node: ast.Attribute, function: Function, calls: set[ast.Call]) -> bool:
        if function not in self._parents:
            self._parents[function] = parents_in(function)
        parents = self._parents[function]
        here: ast.AST = node
        parent = parents[here]
        while isinstance(parent, ast.Subscript) and parent.value is here:
            here, parent = parent, parents[parent]
        if isinstance(parent, ast.Call) and parent.func is here:
            return parent in calls
        if isinstance(parent, ast.Attribute):
            return parent.attr in _HARMLESS or (function.name in NOT_FORWARD and parent.attr in _GROWS)
        if isinstance(here, ast.Subscript) and not isinstance(here.ctx, ast.Load):
            return True
        while isinstance(parent, ast.Call) and getattr(parent.func, "id", "") in _LOOPS_OVER:
            if getattr(parent.func, "id", "") == "len":
                return True
            here, parent = parent, parents[parent]
        if isinstance(parent, ast.For) and parent.iter is here:
            return _are_called_in(parent, function, calls)
        return False


def _are_called_in(loop: ast.For, function: Function, calls: set[ast.Call]) -> bool:
    """Whether the variables of a loop are called, and nothing else is done with those that are."""
    targets = {node.id for node in walk(loop.target) if isinstance(node, ast.Name)}
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name) and call.func.id in targets}
    funcs = {call.func for call in calls}
    reads = [node for node in walk(function) if isinstance(node, ast.Name) and node.id in called]
    return bool(called) and all(node in funcs or isinstance(node.ctx, ast.Store) for node in reads)


def _outside(module: Module, name: str, info: ClassInfo) -> Iterator[ast.AST]:
    """The reads of an attribute of something other than `self`."""
    for node in module.reads.get(name, ()):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        ):
            yield node
