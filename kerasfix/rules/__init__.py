"""The rules, one file each, found by their file names; nothing lists them by hand."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from kerasfix.rules.base import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of this package, in the order of the codes."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__) if each.name.startswith("kf"))
    return tuple(importlib.import_module(f"{__name__}.{name}").RULE for name in names)


def rule(code: str) -> Rule | None:
    """The rule with a code such as "KF103", in any case, or a name such as "chain-break"; or None."""
    return next((each for each in all_rules() if code.lower() in (each.code.lower(), each.name)), None)
