"""Find where a Keras model loses its training flag or its gradient, and fix the source.

    >>> import kerasfix
    >>> fixed = kerasfix.fix(text)  # doctest: +SKIP
    >>> [finding.code for finding in fixed.applied]  # doctest: +SKIP
    ['KF102', 'KF103']

`check` and `fix` look at text only: nothing of it runs. What runs models is `kerasfix --verify`.
"""

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
