"""The rules, one file each, found by their file names; nothing lists them by hand."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from kerasfix.rules.base import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of this package, in the order of the codes."""
    return tuple(importlib.import_module(f"{__name__}.{name}").RULE for name in _names())


def codes() -> tuple[str, ...]:
    """The codes of all rules; none of them is loaded for it."""
    return tuple(name.partition("_")[0].upper() for name in _names())


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__) if each.name.startswith("kf")))


def rule(code: str) -> Rule | None:
    """The rule with a code such as "KF103", in any case, or a name such as "chain-break"; or None."""
    return next((each for each in all_rules() if code.lower() in (each.code.lower(), each.name)), None)
