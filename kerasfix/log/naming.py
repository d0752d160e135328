"""How Keras names layers that are given no name: the class in snake case, and a number from the second on.

The numbers count all layers of a class name in the program, in the order in which they are made. Held to
Keras 3 and Keras 2 by `tests/keras/test_naming_facts.py`.
"""

from __future__ import annotations

import re
from collections import Counter

# What Keras calls a functional model: Keras 3, Keras 2.
FUNCTIONAL = ("functional", "model")


def snake_case(class_name: str, keras: int = 3) -> str:
    """The name that Keras gives the first layer of a class.

    >>> snake_case("Conv2DTranspose"), snake_case("MLPBlock"), snake_case("ResNet50V2")
    ('conv2d_transpose', 'mlp_block', 'res_net50v2')

    Args:
        class_name: The class.
        keras: The generation of Keras; they differ in private classes.
    """
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    return f"private{name}" if keras == 2 and name.startswith("_") else name


class Counters:
    """The numbers that the next layers of a program get."""

    def __init__(self) -> None:
        self._next: Counter[str] = Counter()

    def take(self, base: str) -> int:
        """The number of a layer that is made now; 0 is not written."""
        number = self._next[base]
        self._next[base] += 1
        return number


def numbered(base: str, number: int) -> str:
    """`conv2d` and 0 give `conv2d`, `conv2d` and 2 give `conv2d_2`."""
    return f"{base}_{number}" if number else base


def number_of(name: str, class_name: str) -> int | None:
    """The number in a name that Keras can have given a layer of a class; None for other names.

    >>> number_of("conv2d_3", "Conv2D"), number_of("conv2d", "Conv2D"), number_of("conv2d_3", "Conv2DBlock")
    (3, 0, None)
    """
    for base in {snake_case(class_name), snake_case(class_name, keras=2)}:
        if name == base:
            return 0
        number = name[len(base) + 1 :]
        if name.startswith(f"{base}_") and number.isdecimal() and number[0] != "0":
            return int(number)
    return None
