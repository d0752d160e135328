"""What is done with an attribute of a class besides calling it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.analysis.scope import Function
from kerasfix.analysis.sites import NOT_FORWARD
from kerasfix.syntax import of_kind, parents_in, walk

# What may be asked of a layer without training it.
HARMLESS = frozenset(
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
        calls: The calls of layers in it.
    """

    def __init__(self, module: Module, calls: set[ast.Call]) -> None:
        self._module = module
        self._calls = calls
        self._funcs = {call.func for call in calls}
        self._called = {func.id for func in self._funcs if isinstance(func, ast.Name)}
        self._of_class: dict[ClassInfo, dict[str, bool]] = {}

    def are_calls(self, name: str, info: ClassInfo) -> bool:
        """Whether all that is done with an attribute of a class is to make it and to call it."""
        return self._in_family(info).get(name, True) and not any(
            True for module in self._about(info) for _ in _outside(module, name)
        )

    def _about(self, info: ClassInfo) -> list[Module]:
        return list({self._module: None, **self._module.project.speaking(info)})

    def _in_family(self, info: ClassInfo) -> dict[str, bool]:
        """For each attribute that the class or one of its family reads, whether it is called and no more.

        A text that says its name may be meant for `getattr`.
        """
        if info not in self._of_class:
            found = self._of_class[info] = {}
            for method in (method for each in info.family for method in each.methods.values()):
                parents = parents_in(method.node)
                odd = self._odd_names(method.node)
                for node in of_kind(method.node, ast.Attribute, ast.Constant):
                    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                        is_call = self._is_call(node, method.node, parents, odd)
                        found[node.attr] = found.get(node.attr, True) and is_call
                    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found[node.value] = False
        return self._of_class[info]

    def _odd_names(self, function: Function) -> set[str]:
        """The names in a function that are read for anything else than to be called as layers."""
        return {
            node.id
            for node in of_kind(function, ast.Name)
            if isinstance(node.ctx, ast.Load) and node not in self._funcs
        }

    def _is_call(
        self, node: ast.Attribute, function: Function, parents: dict[ast.AST, ast.AST], odd: set[str]
    ) -> bool:
        here: ast.AST = node
        parent = parents[here]
        while isinstance(parent, ast.Subscript) and parent.value is here:
            here, parent = parent, parents[parent]
        if isinstance(parent, ast.Call) and parent.func is here:
            return parent in self._calls
        if isinstance(parent, ast.Attribute):
            return parent.attr in HARMLESS or (function.name in NOT_FORWARD and parent.attr in _GROWS)
        if isinstance(here, ast.Subscript) and not isinstance(here.ctx, ast.Load):
            return True
        while isinstance(parent, ast.Call) and getattr(parent.func, "id", "") in _LOOPS_OVER:
            if getattr(parent.func, "id", "") == "len":
                return True
            here, parent = parent, parents[parent]
        if isinstance(parent, ast.For) and parent.iter is here:
            # Its variables are called, and nothing else is done with those that are.
            targets = {each.id for each in walk(parent.target) if isinstance(each, ast.Name)}
            called = targets & self._called
            return bool(called) and not called & odd
        return False


def _outside(module: Module, name: str) -> Iterator[ast.AST]:
    """The reads of an attribute of something other than `self`."""
    for node in module.reads.get(name, ()):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        ):
            yield node
