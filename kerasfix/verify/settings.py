"""What verification is told: how to drive a model, and on which Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The backends of Keras 3 that models are run on; the first is what Keras takes if nobody asks.
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Wish:
    """The Keras that models are run on.

    Attributes:
        backend: One of `BACKENDS`; None for what the code would get.
        keras: 2 or 3; None for what the code would get.
    """

    backend: str | None = None
    keras: int | None = None


@dataclass(frozen=True)
class ModelSettings:
    """The settings of one class, `[tool.kerasfix.verify.ClassName]` of pyproject.toml.

    Attributes:
        init: Arguments of the constructor by name; plain TOML values.
        input: The shape of one sample, without the batch; None to look for one.
    """

    init: Mapping[str, Any] = field(default_factory=dict)
    input: tuple[int, ...] | None = None
