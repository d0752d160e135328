"""How to drive a model that cannot be driven without being told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelSettings:
    """The settings of one class, `[tool.kerasfix.verify.ClassName]` of pyproject.toml.

    Attributes:
        init: Arguments of the constructor by name; plain TOML values.
        input: The shape of one sample, without the batch; None to look for one.
    """

    init: Mapping[str, Any] = field(default_factory=dict)
    input: tuple[int, ...] | None = None
