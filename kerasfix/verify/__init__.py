"""Proof by running: the original and the patched model are trained for a few steps and compared.

`session.Session` is the way in for classes; `check_gradients` and `assert_gradients` look at a model that is
there already, for people's own tests. Nothing in this package imports Keras by itself: models run in a child
process of the user's own Python (`worker`), which `runner` starts, limits and ends, or where they were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasfix.verify.live import assert_gradients, check_gradients

__all__ = ["assert_gradients", "check_gradients"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kerasfix.verify import live

    return getattr(live, name)
