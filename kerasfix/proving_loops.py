"""Which training functions the fixes of a run touch, so that each is run before and after."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kerasfix.engine import FileReport, Problem
from kerasfix.findings import Finding, Loop
from kerasfix.plan import Plan
from kerasfix.verify.loops.compare import LoopTarget

# A function by its file, its class and its name, and for a loop that has none the reason why it is not run.
Key = tuple[str, str, str, str]
STEP = "train_step"


def key_of(loop: Loop) -> Key:
    """What tells a loop from another one, in whatever round it is found."""
    return loop.file, loop.owner, loop.function, loop.obstacle


def loop_targets(
    report: FileReport, reports: Sequence[FileReport], plans: Mapping[str, Plan | Problem]
) -> Iterator[tuple[Key, LoopTarget]]:
    """The training functions of a file that the plans of all files change, in the order of the source."""
    applied = [each for plan in plans.values() if isinstance(plan, Plan) for each in plan.applied]
    models: dict[Key, dict[str, None]] = {}
    lines: dict[Key, int] = {}
    # Lines count in the text of the round; those of the text as it is are what people want to read.
    for loop in _loops(report, applied):
        models.setdefault(key_of(loop), {}).update(dict.fromkeys(loop.models))
        lines.setdefault(key_of(loop), loop.line)
    for loop in _loops(report, [each for one in reports for each in one.findings]):
        if key_of(loop) in models:
            lines[key_of(loop)] = loop.line
    tree = report.source.tree
    places = {("", each.name): each.lineno for each in tree.body if isinstance(each, ast.FunctionDef)}
    for owner in (each for each in tree.body if isinstance(each, ast.ClassDef)):
        methods = (each for each in owner.body if isinstance(each, ast.FunctionDef))
        places.update({(owner.name, each.name): each.lineno for each in methods})
    found = [
        (
            key,
            LoopTarget(
                report.path, name, places.get((owner, name), lines[key]), tuple(models[key]), obstacle, owner
            ),
        )
        for key in models
        for _, owner, name, obstacle in [key]
    ]
    yield from sorted(found, key=lambda each: each[1].line)


def _loops(report: FileReport, findings: Iterable[Finding]) -> Iterator[Loop]:
    return (loop for each in findings for loop in each.loops if loop.file == report.source.file)
