"""What every rule is made of."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kerasfix.analysis.program import Program
from kerasfix.codemods import CannotEdit
from kerasfix.findings import Applicability, Chain, Finding, Fix, Loop, Severity
from kerasfix.source import Edit


@dataclass(frozen=True, slots=True)
class Case:
    """A program, and what a rule makes of it; one test runs all cases of all rules.

    Attributes:
        why: What the case shows.
        source: The program, from its first class on; `HEADER` is put before it unless it has imports.
        fixed: The program afterwards; None where the rule leaves it as it is.
    """

    why: str
    source: str
    fixed: str | None = None


_MOST_NAMED = 3
HEADER = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


"""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        code: For example "KF103".
        name: For example "training-not-passed".
        check: Yields the findings in a program.
        invalid: Cases in which the rule finds something.
        valid: Cases in which it must not.
        runs_last: Whether it is about what the other rules found.
    """

    code: str
    name: str
    check: Callable[[Program], Iterator[Finding]]
    invalid: tuple[Case, ...] = field(default=(), repr=False)
    valid: tuple[Case, ...] = field(default=(), repr=False)
    runs_last: bool = False

    @property
    def documentation(self) -> str:
        """The rule's page: the documentation of the module that it stands in."""
        return (sys.modules[self.check.__module__].__doc__ or "").strip()

    @property
    def summary(self) -> str:
        """What it does, in the first sentence of its page, as Markdown."""
        what = self.documentation.partition("\n## What it does\n")[2].strip().partition("\n\n")[0]
        return re.split(r"(?<=[.:;])\s", " ".join(what.split()))[0].rstrip(".:;")


def finding(
    program: Program,
    rule: tuple[str, str],
    node: ast.expr | ast.stmt | ast.arg,
    message: str,
    *,
    severity: Severity,
    owner: str,
    method: str = "",
    loses: tuple[str, ...] = (),
    fix: Fix | None = None,
    help: str = "",
    others: tuple[Fix, ...] = (),
    chain: Chain | None = None,
    loops: tuple[Loop, ...] = (),
) -> Finding:
    """A finding that spans `node`; of a function or class it spans the first line only."""
    start, end = program.source.span(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        end = start + len(program.source.line(node.lineno)[node.col_offset :].rstrip())
    code, name = rule
    file = program.source.file
    return Finding(
        code,
        name,
        message,
        start,
        end,
        severity,
        fix=fix,
        help=help,
        owner=owner,
        method=method,
        loses=loses,
        file=file,
        others=others,
        chain=chain,
        loops=loops,
    )


def severity(program: Program, under_keras_3: Severity) -> Severity:
    """How much something matters that only Keras 3 does: little in a program that imports Keras 2 alone."""
    return Severity.INFO if program.module.is_keras2_only else under_keras_3


def attempt(
    message: str,
    applicability: Applicability,
    edits: Callable[[], tuple[Edit, ...]],
    effect: str = "",
) -> tuple[Fix | None, str]:
    """A fix and no help, or no fix and why: for edits that may not be possible."""
    try:
        return Fix(message, applicability, edits(), effect), ""
    except CannotEdit as error:
        return None, left_alone([str(error)])


def left_alone(reasons: list[str]) -> str:
    """Why there is no fix."""
    return f"Left alone, because {some(reasons)}"


def some(named: list[str], what: str = "reason") -> str:
    """The first few of many reasons, or of whatever they are: they are enough."""
    unique = list(dict.fromkeys(named))
    rest = len(unique) - _MOST_NAMED
    if rest > 0:
        unique = [*unique[:_MOST_NAMED], f"{rest} more {what}s" if rest > 1 else f"one more {what}"]
    return listed(unique)


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    unique = list(dict.fromkeys(names))
    return " and ".join([", ".join(unique[:-1]), unique[-1]] if len(unique) > 1 else unique)
