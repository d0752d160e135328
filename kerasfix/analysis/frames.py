"""The bodies of code that run as one: a module, and each of its functions, with their names and data flow."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.dataflow import DataFlow
from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.scope import Function, Scope, function_scope
from kerasfix.syntax import own_nodes


@dataclass(eq=False)
class Frame:
    """The module, or one function of it, at any depth.

    Attributes:
        node: The function or the module.
        module: The module.
        scope: Its names.
        method: The function as a method, if it is one or stands in one.
    """

    node: Function | ast.Module
    module: Module
    scope: Scope
    method: Method | None

    @cached_property
    def flow(self) -> DataFlow:
        return DataFlow(self.node)

    @property
    def is_method(self) -> bool:
        return self.method is not None and self.method.node is self.node

    @property
    def name(self) -> str:
        """The name of the function; empty for the module."""
        return "" if isinstance(self.node, ast.Module) else self.node.name

    @property
    def owner_name(self) -> str:
        """The class around it; empty outside of classes."""
        return self.method.owner.name if self.method is not None else ""

    @property
    def self_name(self) -> str | None:
        return self.method.self_name if self.method is not None else None


def frames_in(module: Module) -> list[Frame]:
    """The module and all its functions, those around before those inside."""
    methods = {method.node: method for info in module.classes for method in info.methods.values()}
    frames = [Frame(module.source.tree, module, module.scope, None)]
    waiting: list[tuple[list[ast.stmt], Scope, Method | None]] = [
        (module.source.tree.body, module.scope, None)
    ]
    while waiting:
        body, scope, method = waiting.pop()
        for node in own_nodes(body):
            if isinstance(node, ast.ClassDef):
                waiting.append((node.body, scope, None))
            elif isinstance(node, Function):
                own = methods.get(node, method)
                inner = own.scope if own is not None and own.node is node else function_scope(node, scope)
                frames.append(Frame(node, module, inner, own))
                waiting.append((node.body, inner, own))
    return frames
