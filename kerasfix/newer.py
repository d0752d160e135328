"""Programs for a newer Python than this one: which version first knew what a line says."""

from __future__ import annotations

import re
import sys

# What a line looks like that an older Python does not know. Lines are only asked for that it refused.
_SINCE: tuple[tuple[tuple[int, int], str], ...] = (
    ((3, 11), r"\bexcept\s*\*|\[[^\]]*(?<![\w)\]])\*\w+\s*[,\]]"),
    ((3, 12), r"^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|^\s*type\s+\w+\s*(?:\[[^\]]*\]\s*)?="),
    # A quote or a backslash within the braces of an f-string.
    ((3, 12), r"""\b[rR]?[fF][rR]?(["'])[^{]*\{[^}]*(?:\1|\\)[^}]*\}"""),
    ((3, 14), r"^\s*except\s+[\w.]+\s*,[^:(]*:|\b(?:[tT][rR]?|[rR][tT])[\"']"),
)


def needs(line: str) -> str:
    """The version of Python for which a line was written that this one refused, as "3.12"; empty if that
    cannot be told.
    """
    for since, pattern in _SINCE:
        if since > sys.version_info[:2] and re.search(pattern, line):
            return f"{since[0]}.{since[1]}"
    return ""
