"""One call of a layer, as people speak of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from kerasfix.analysis.values import BuiltinLayer, Value


@dataclass(frozen=True, eq=False)
class LayerCall:
    """A call of something that is a layer for certain."""

    node: ast.Call
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """What people call the layer: its attribute (`conv1`), its `name=`, its class."""
        func = self.node.func
        if isinstance(func, ast.Call):
            # A layer that is made to be called: its own name, or that of its class.
            given = next((each.value for each in func.keywords if each.arg == "name"), None)
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                return given.value
            func = func.func
        return func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)

    @cached_property
    def text(self) -> str:
        """What is called, as it stands in the source."""
        return ast.unparse(self.node.func)

    @property
    def is_activation(self) -> bool:
        """Whether it is nothing but an activation."""
        names = {each.fact.name if isinstance(each, BuiltinLayer) else "" for each in self.values}
        return bool(names) and names <= {"Activation", "Softmax"}

    @property
    def consumed(self) -> ast.Name | None:
        """The variable that it reads as its first argument, if it is just that."""
        if self.node.args and isinstance(self.node.args[0], ast.Name):
            return self.node.args[0]
        return None
