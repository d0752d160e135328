"""How far a call came before it raised: which of two failures is the nearer miss."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass

from .load import one_line

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_FRAMEWORKS = tuple(
    os.sep + part + os.sep for part in ("keras", "tf_keras", "tensorflow", "torch", "jax", "jaxlib", "numpy")
)
_LIBRARIES = os.sep + "site-packages"

Depth = tuple[int, ...]


@dataclass(frozen=True)
class Failure:
    """What an attempt raised.

    Attributes:
        depth: The lines of the user's code that were running, the outermost first: of two calls that take
            the same way, the one that came farther down has the greater.
    """

    message: str
    depth: Depth

    @staticmethod
    def of(error: BaseException) -> Failure:
        return Failure(one_line(error), depth_of(error))


def depth_of(error: BaseException) -> Depth:
    """The lines of code that is neither ours nor a framework's, the outermost first."""
    frames = traceback.walk_tb(error.__traceback__)
    return tuple(line for frame, line in frames if _is_users(frame.f_code.co_filename))


def _is_users(file: str) -> bool:
    if file.startswith((_HERE, "<frozen")):
        return False
    return not any(_LIBRARIES + part in file for part in _FRAMEWORKS)
