"""What a program makes, as data: layers and weights, what each is called, and where the source makes it."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.index import ClassInfo, Module
from kerasfix.log.naming import number_of

# The argument that is the last dimension of the kernel, and the only one of the bias.
_SIZES = {"Dense": "units", "Conv1D": "filters", "Conv2D": "filters", "Conv3D": "filters"}


class Fit(enum.IntEnum):
    """How well a name in a log fits something that is made, the best first.

    EXACT: it has this name. NUMBER: it is named by its class, and its number is not known, or another one.
    GUESS: its name is computed.
    """

    EXACT = 0
    NUMBER = 1
    GUESS = 2


@dataclass(frozen=True, slots=True)
class Name:
    """What a layer is called, as far as the source says it.

    Attributes:
        exact: The name, if it is known.
        pattern: What a computed name looks like.
        least: The smallest number that it can have, of a layer that is named by its class.
        auto: Whether it is named by its class.
    """

    exact: str | None = None
    pattern: re.Pattern[str] | None = None
    least: int = 0
    auto: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A line of the source."""

    module: Module
    line: int


@dataclass(eq=False)
class Made:
    """Something that is made at one place of the source: a layer, a model, or a weight of one.

    Attributes:
        class_name: Its class; empty for a weight.
        call: The call that makes it.
        module: Where that call stands.
        owner: What it is made in: the model whose constructor runs, or the Sequential around it.
        attribute: The attribute that holds it, or the variable; as it is written (`self.conv1`).
        holder: The class of which that is an attribute.
        held_at: Where it is assigned.
        info: Its class, if that is one of the project.
        function: The function in which it is made, outside of classes.
        many: Whether it stands for several, made in a loop.
        is_foreign: Whether its class is not one of Keras itself.
        alone: Whether nothing in sight makes what it is in, so that its number is only likely.
    """

    class_name: str
    call: ast.Call
    module: Module
    owner: Made | None = None
    attribute: str = ""
    holder: ClassInfo | None = None
    held_at: Spot | None = None
    info: ClassInfo | None = None
    function: str = ""
    many: bool = False
    is_foreign: bool = False
    alone: bool = False
    name: Name = field(default_factory=Name)

    @property
    def is_weight(self) -> bool:
        return not self.class_name

    @property
    def chain(self) -> Iterator[Made]:
        """It, and what it is in, step by step."""
        here: Made | None = self
        while here is not None:
            yield here
            here = here.owner

    @property
    def plain_attribute(self) -> str:
        """The attribute without `self`: `conv1`."""
        return self.attribute.rpartition(".")[2]

    @property
    def made_at(self) -> Spot:
        return Spot(self.module, self.call.lineno)

    @property
    def site(self) -> tuple[object, ...]:
        """What two instances have in common that the same lines make."""
        return self.call, self.holder, self.attribute

    @property
    def size(self) -> int | None:
        """The number of units or filters, where the source writes it as a number."""
        argument = _SIZES.get(self.class_name)
        if argument is None or self.is_foreign:
            return None
        given = next((each.value for each in self.call.keywords if each.arg == argument), None)
        value = given or next(iter(self.call.args), None)
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, int) else None

    def fit(self, name: str) -> Fit | None:
        """How well a name in a log fits it; None if it cannot be its name."""
        if self.name.exact == name:
            return Fit.EXACT
        if self.name.auto:
            return Fit.NUMBER if number_of(name, self.class_name) is not None else None
        if self.name.pattern is not None:
            return Fit.GUESS if self.name.pattern.fullmatch(name) else None
        # TensorFlow numbers the second thing of a name.
        base = self.name.exact
        return Fit.NUMBER if base and re.fullmatch(re.escape(base) + r"_\d+", name) else None
