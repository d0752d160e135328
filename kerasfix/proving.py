"""Which fixes of a file to write, as far as running its models can tell.

The static half says what it would change; `kerasfix.verify` runs original and patched models; here the two
meet. A suggestion is written if a run shows that it mends what it claims. A class whose patched version is
worse keeps its original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.program import Program
from kerasfix.engine import Allow, Engine, FileReport, Problem
from kerasfix.findings import Applicability, Finding
from kerasfix.plan import Plan
from kerasfix.source import Source
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target

# What tells a suggestion from another one of its class, in whatever round it is found.
_Key = tuple[str, str, str, tuple[str, ...]]
# Begins the reason why a suggestion was not written.
TRIED = "the suggestion was tried and is not proved: "
# Suggestions that fail together are tried one by one; more of them in one class than this are not.
_MOST_ALONE = 8


@dataclass(slots=True)
class Proof:
    """What came of verifying one file.

    Attributes:
        plan: What is to be written: all that is allowed, without what made a model worse.
        models: One report for each class that the plan touches.
        proved: The suggestions that a run proved.
    """

    plan: Plan
    models: list[ModelReport] = field(default_factory=list)
    proved: set[_Key] = field(default_factory=set)

    @property
    def is_worse(self) -> bool:
        return any(model.verdict is VerdictKind.WORSE for model in self.models)


def prove(report: FileReport, allow: Allow, engine: Engine, session: Session) -> Proof | Problem:
    """Verify the fixes of one file class by class, and settle which of them to write.

    Args:
        report: The file with its findings.
        allow: The fixes that are written without proof.
        engine: Makes the plans.
        session: Runs the models.

    Raises:
        VerifyError: if no model can be run at all.
    """
    base = engine.plan(report, allow)
    if isinstance(base, Problem):
        return base
    proof = Proof(base)
    rejected: set[str] = set()
    for target in _targets(report, base):
        suggestions = [
            each for each in base.left if each.owner == target.class_name and _is_open_suggestion(each)
        ]
        verdict = _examine(report, allow, engine, session, target, suggestions, proof)
        if isinstance(verdict, Problem):
            return verdict
        proof.models.append(verdict)
        if verdict.verdict is VerdictKind.WORSE:
            rejected.add(target.class_name)

    def settled(finding: Finding) -> bool:
        return finding.owner not in rejected and (allow(finding) or _key(finding) in proof.proved)

    final = engine.plan(report, settled)
    if isinstance(final, Problem):
        return final
    proof.plan = final
    return proof


def _examine(
    report: FileReport,
    allow: Allow,
    engine: Engine,
    session: Session,
    target: Target,
    suggestions: list[Finding],
    proof: Proof,
) -> ModelReport | Problem:
    """The report on one class, with as many of its suggestions as could be proved."""

    def run(wanted: list[Finding]) -> ModelReport | Problem:
        keys = {_key(each) for each in wanted}
        plan = engine.plan(report, lambda each: allow(each) or _key(each) in keys)
        if isinstance(plan, Problem):
            return plan
        claims = tuple(name for each in wanted if each.fix for name in each.fix.mends)
        # A mended chain computes something else; all other fixes leave inference as it is.
        return session.compare(
            target, report.text, plan.text, claims=claims, outputs_must_match=not _changes_outputs(plan)
        )

    def accept(wanted: list[Finding], model: ModelReport | Problem) -> bool:
        proved = isinstance(model, ModelReport) and model.verdict is VerdictKind.PROVED
        if proved:
            proof.proved |= {_key(each) for each in wanted}
        return proved

    together = run(suggestions)
    if not suggestions or accept(suggestions, together) or isinstance(together, Problem):
        return together
    if together.verdict is VerdictKind.NOT_VERIFIED:
        return together
    candidates = suggestions[:_MOST_ALONE] if len(suggestions) > 1 else []
    alone = [each for each in candidates if accept([each], run([each]))]
    # The report on the class says what is written, so the last run is of just that.
    final = run(alone)
    if isinstance(final, Problem):
        return final
    tried = f"{TRIED}{'; '.join(together.reasons)}"
    return replace(final, reasons=(*final.reasons, tried))


def _changes_outputs(plan: Plan) -> bool:
    return any(each.fix is not None and each.fix.mends for each in plan.applied)


def _is_open_suggestion(finding: Finding) -> bool:
    """Whether a suggestion makes a claim that a run can prove."""
    fix = finding.fix
    return fix is not None and fix.applicability is Applicability.SUGGESTION and bool(fix.mends)


def _key(finding: Finding) -> _Key:
    return finding.code, finding.owner, finding.method, finding.fix.mends if finding.fix else ()


def _targets(report: FileReport, plan: Plan) -> Iterator[Target]:
    """The classes that the plan changes or has a provable suggestion for, in the order of the source."""
    touched = {each.owner for each in plan.applied}
    touched |= {each.owner for each in plan.left if _is_open_suggestion(each)}
    program = Program(Source(report.text))
    for info in program.module.keras_classes:
        if info.name in touched:
            yield Target(
                report.path,
                info.name,
                info.node.lineno,
                made_lines=_made_lines(program, info),
                lost_lines=_lost_lines(report, program, info),
            )


def _made_lines(program: Program, info: ClassInfo) -> dict[str, int]:
    return {
        name: attribute.made_at[0].lineno
        for name, attribute in program.flow.layers.attributes(info).items()
        if attribute.made_at
    }


def _lost_lines(report: FileReport, program: Program, info: ClassInfo) -> dict[str, int]:
    """Layer -> the line that loses its output; what `call` loses counts before what other methods do."""
    own = [finding for finding in report.findings if finding.owner == info.name]
    own.sort(key=lambda finding: finding.method == "call")
    return {name: program.source.position(finding.start).line for finding in own for name in finding.loses}
