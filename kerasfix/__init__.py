"""Find where a Keras model loses its training flag or its gradient, and fix the source.

    >>> import kerasfix
    >>> fixed = kerasfix.fix(text)  # doctest: +SKIP
    >>> [finding.code for finding in fixed.applied]  # doctest: +SKIP
    ['KF102', 'KF103']

`check` and `fix` look at text only: nothing of it runs. What runs models is `kerasfix --verify`.
"""

import os
import sys

if sys.argv[:1] == ["-m"] and not getattr(sys.flags, "safe_path", sys.flags.isolated):
    # For `python -m NAME` Python looks for modules in the current folder first, and there may be a click.py.
    # What is checked must not run: where NAME is kerasfix, that folder is left out. "-m" stands here until
    # the module is found.
    _name = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    try:
        _here = os.getcwd()
    except OSError:
        # It is gone, and so is all that was in it.
        _here = ""
    if _name.split(".")[0] == "kerasfix" and sys.path[:1] == [_here]:
        del sys.path[0]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasfix.api import Fixed, check, fix
    from kerasfix.findings import Applicability, Finding, Fix, Severity
    from kerasfix.plan import PlanError
    from kerasfix.source import Edit, SourceError

__version__ = "0.1.0"

__all__ = [
    "Applicability",
    "Edit",
    "Finding",
    "Fix",
    "Fixed",
    "PlanError",
    "Severity",
    "SourceError",
    "__version__",
    "check",
    "fix",
]

# Loaded when somebody asks: whoever runs the command needs few of them, and `--version` none.
_HOMES = {
    **dict.fromkeys(("Fixed", "check", "fix"), "api"),
    **dict.fromkeys(("Applicability", "Finding", "Fix", "Severity"), "findings"),
    **dict.fromkeys(("Edit", "SourceError"), "source"),
    "PlanError": "plan",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
