"""The rules as SARIF describes them, made of the rules' own pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kerasfix.findings import Severity
from kerasfix.rules import rule
from kerasfix.rules.base import Rule

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# GitHub's words for the same.
_PROBLEM_SEVERITIES = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "recommendation",
}
# What the first digit of a code stands for.
_GROUPS = {"1": "training-flag", "2": "chain", "3": "training-loop"}
_WHAT = re.compile(r"^## What it does\n(.*?)\n(?:\n|$)", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r".*?[.:](?=\s|$)")


def rule_objects(worst: Mapping[str, Severity]) -> list[dict[str, Any]]:
    """The rules that found something, in the order of their codes.

    Args:
        worst: The worst severity that each of them gave; a rule has none of its own, it goes by Keras version
            and role.
    """
    known = ((rule(code), severity) for code, severity in sorted(worst.items()))
    return [_object(each, severity) for each, severity in known if each is not None]


def _object(rule: Rule, severity: Severity) -> dict[str, Any]:
    page = rule.documentation
    what = _what(page) or rule.name
    first = _SENTENCE.match(what)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": first[0].rstrip(".:") if first else what},
        "fullDescription": {"text": what},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": LEVELS[severity]},
        # A false finding costs more than a missed one: that is how all of them are made.
        "properties": {
            "tags": ["keras", _GROUPS[rule.code[2]]],
            "precision": "high",
            "problem.severity": _PROBLEM_SEVERITIES[severity],
        },
    }


def _what(page: str) -> str:
    found = _WHAT.search(page)
    return " ".join(found[1].split()) if found else ""
