"""Which fixes of a file to write, as far as running its models can tell.

The static half says what it would change; `kerasfix.verify` runs original and patched models; here the two
meet. A suggestion is written if a run shows that it mends what it claims; of several ways to mend one fault
each is tried, and written if it alone is proved. A class whose patched version is worse keeps its original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.program import Program
from kerasfix.engine import Allow, ByFile, Engine, FileReport, Problem
from kerasfix.findings import Applicability, Finding, Fix
from kerasfix.keras.layers import LayerFact
from kerasfix.plan import Plan
from kerasfix.proving_cells import told_by_cell
from kerasfix.proving_loops import STEP, Key, key_of, loop_targets
from kerasfix.source import Source
from kerasfix.verify.loops.compare import LoopTarget
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target

# What tells a suggestion from another one of its class, in whatever round it is found.
_Key = tuple[str, str, str, str, tuple[str, ...]]
# Begins the reason why a suggestion was not written.
TRIED = "the suggestion was tried and is not proved: "
# Suggestions that fail together are tried one by one; more of them in one class than this are not.
_MOST_ALONE = 8


def prove(
    reports: Sequence[FileReport],
    allow: Allow,
    engine: Engine,
    session: Session,
    tell: Callable[[ModelReport], None],
) -> dict[str, Plan | Problem]:
    """Verify the fixes of files that belong together class by class, and settle which of them to write.

    Args:
        reports: The files with their findings.
        allow: The fixes that are written without proof.
        engine: Makes the plans.
        session: Runs the models.
        tell: Called with the report on each class that a plan touches.

    Returns:
        By `Source.file`: what is to be written, all that is allowed or was proved, without what made a model
        worse.

    Raises:
        VerifyError: if no model can be run at all.
    """
    proof = _Proof(reports, allow, engine, session, engine.plan(reports, allow))
    # Classes that could not be driven: their own training step may be. And those whose step `fit` has run.
    unknown: dict[tuple[str, str], ModelReport] = {}
    driven: set[tuple[str, str]] = set()
    for report in reports:
        file = report.source.file
        plan = proof.base.get(file)
        if not isinstance(plan, Plan):
            continue
        steps = {loop.owner for each in plan.applied for loop in each.loops if loop.function == STEP}
        for target in _targets(report, plan, engine.layers):
            suggestions = [
                each for each in plan.left if each.owner == target.class_name and _is_open_suggestion(each)
            ]
            seen = proof.examine(report, target, suggestions)
            if isinstance(seen, Problem):
                proof.failed[file] = seen
                break
            if seen.verdict is VerdictKind.NOT_VERIFIED and target.class_name in steps:
                unknown[file, target.class_name] = seen
                continue
            if _ran_its_step(seen):
                driven.add((file, target.class_name))
            tell(seen)
            if seen.verdict is VerdictKind.WORSE:
                proof.rejected.add((file, target.class_name))
    plans = proof.settled()
    for report in reports:
        file = report.source.file
        for key, loop in loop_targets(report, reports, plans):
            if file in proof.failed:
                break
            if loop.function == STEP and (file, loop.owner) in driven:
                continue
            seen = proof.examine_loop(report, loop, key)
            as_class = unknown.pop((file, loop.owner), None)
            tell(as_class if as_class is not None and seen.verdict is VerdictKind.NOT_VERIFIED else seen)
    for seen in unknown.values():
        tell(seen)
    return proof.settled()


@dataclass(slots=True)
class _Proof:
    """What is known while the classes of a run are verified.

    Attributes:
        base: The plans of all that is allowed without proof.
        proved: The suggestions that a run proved.
        ways: Of those with several ways, which one: 0 is the finding's own fix.
        rejected: File and name of the classes that got worse.
        refused_loops: The training functions that got worse by the fixes of their calls.
        refused: Files of training functions that got worse by other fixes.
        failed: Files whose plans cannot be made.
    """

    reports: Sequence[FileReport]
    allow: Allow
    engine: Engine
    session: Session
    base: dict[str, Plan | Problem]
    proved: set[_Key] = field(default_factory=set)
    ways: dict[_Key, int] = field(default_factory=dict)
    rejected: set[tuple[str, str]] = field(default_factory=set)
    refused_loops: set[Key] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    failed: dict[str, Problem] = field(default_factory=dict)

    def settled(self) -> dict[str, Plan | Problem]:
        """The plans to write."""
        if not (self.proved or self.rejected or self.refused_loops):
            return {**self.base, **self.failed}

        def wanted(finding: Finding) -> bool:
            is_rejected = (
                (finding.file, finding.owner) in self.rejected
                or finding.file in self.refused
                or any(key_of(loop) in self.refused_loops for loop in finding.loops)
            )
            return not is_rejected and (self.allow(finding) or _key(finding) in self.proved)

        return {**self.engine.plan(self.reports, wanted, self._chosen), **self.failed}

    def examine(
        self, report: FileReport, target: Target, suggestions: list[Finding]
    ) -> ModelReport | Problem:
        """The report on one class, with as many of its suggestions as could be proved."""
        clear = [each for each in suggestions if len(_ways(each)) == 1]
        seen, proved = self._examine_clear(report, target, clear)
        for each in suggestions:
            if len(_ways(each)) > 1 and _can_go_on(seen):
                seen, proved = self._examine_ways(report, target, each, seen, proved)
        return seen

    def examine_loop(self, report: FileReport, target: LoopTarget, key: Key) -> ModelReport:
        """The report on one training function; what makes it worse is not written."""
        seen = self._run_loop(report, target)
        if seen.verdict is VerdictKind.WORSE:
            self.refused_loops.add(key)
            if self._run_loop(report, target).verdict is VerdictKind.WORSE:
                # It is not the flag that it passes: something else in the file is.
                self.refused.add(report.source.file)
        return seen

    def _run_loop(self, report: FileReport, target: LoopTarget) -> ModelReport:
        plans = self.settled()
        texts = self._texts(plans)
        original, patched = texts[report.source.file]
        return _told(self.session.compare_loop(target, original, patched, texts), report, plans)

    def _examine_clear(
        self, report: FileReport, target: Target, suggestions: list[Finding]
    ) -> tuple[ModelReport | Problem, list[Finding]]:
        """The report on one class with its suggestions that have one way each, and those that are proved."""
        together = self._run(report, target, suggestions)
        if not suggestions or self._accept(suggestions, together) or isinstance(together, Problem):
            return together, suggestions
        if together.verdict is VerdictKind.NOT_VERIFIED:
            return together, []
        candidates = suggestions[:_MOST_ALONE] if len(suggestions) > 1 else []
        alone = [each for each in candidates if self._accept([each], self._run(report, target, [each]))]
        # The report on the class says what is written, so the last run is of just that.
        final = self._run(report, target, alone)
        return _with_reason(final, f"{TRIED}{'; '.join(together.reasons)}"), alone

    def _examine_ways(
        self,
        report: FileReport,
        target: Target,
        finding: Finding,
        before: ModelReport | Problem,
        others: list[Finding],
    ) -> tuple[ModelReport | Problem, list[Finding]]:
        """The report with one more suggestion, if just one of its ways is proved."""
        key = _key(finding)
        found: dict[int, ModelReport] = {}
        for way in range(len(_ways(finding))):
            self.ways[key] = way
            seen = self._run(report, target, [*others, finding])
            if isinstance(seen, ModelReport) and seen.verdict is VerdictKind.PROVED:
                found[way] = seen
        self.ways.pop(key)
        if len(found) == 1:
            [(self.ways[key], seen)] = found.items()
            self.proved.add(key)
            return seen, [*others, finding]
        if found:
            reason = f"{len(found)} ways to mend it are proved, and which one is meant is yours to say"
            return _with_reason(before, reason), others
        return _with_reason(before, f"{TRIED}none of {len(_ways(finding))} ways mends it"), others

    def _chosen(self, _sources: Mapping[str, Source], found: ByFile) -> ByFile:
        """Findings, each with the way that is tried, or that was proved, as its fix."""
        return {file: [self._with_way(each) for each in findings] for file, findings in found.items()}

    def _with_way(self, finding: Finding) -> Finding:
        way = self.ways.get(_key(finding), 0)
        if not way:
            return finding
        ways = _ways(finding)
        return replace(finding, fix=ways[way], others=(*ways[:way], *ways[way + 1 :]))

    def _run(self, report: FileReport, target: Target, wanted: list[Finding]) -> ModelReport | Problem:
        keys = {_key(each) for each in wanted}
        plans = self.base
        if wanted:
            plans = self.engine.plan(
                self.reports, lambda each: self.allow(each) or _key(each) in keys, self._chosen
            )
        plan = plans[report.source.file]
        if isinstance(plan, Problem):
            return plan
        # Several findings may have one fix in common.
        claims = tuple(dict.fromkeys(name for each in wanted if each.fix for name in each.fix.mends))
        known = self.base[report.source.file]
        claimed = set(plan.edits) - set(known.edits if isinstance(known, Plan) else ())
        changed = dict(zip(plan.edits, changed_lines(plan), strict=True))
        # A mended chain computes something else; all other fixes leave inference as it is.
        seen = self.session.compare(
            target,
            report.text,
            plan.text,
            claims=claims,
            outputs_must_match=not _changes_outputs(plan),
            changed=tuple(changed.values()),
            claimed=tuple(lines for edit, lines in changed.items() if wanted and edit in claimed),
            others=self._texts(plans),
        )
        return _told(seen, report, plans)

    def _texts(self, plans: dict[str, Plan | Problem]) -> dict[str, tuple[str, str]]:
        """All files as they are and as they would be; one that cannot be planned stays as it is."""
        texts = {}
        for report in self.reports:
            plan = plans.get(report.source.file)
            text = plan.text if isinstance(plan, Plan) else report.text
            texts[report.source.file] = (report.text, text)
        return texts

    def _accept(self, wanted: list[Finding], model: ModelReport | Problem) -> bool:
        is_proved = isinstance(model, ModelReport) and model.verdict is VerdictKind.PROVED
        if is_proved:
            self.proved |= {_key(each) for each in wanted}
        return is_proved


def _told(model: ModelReport, report: FileReport, plans: Mapping[str, Plan | Problem]) -> ModelReport:
    """A report as people read it: of a notebook, by cell."""
    if report.notebook is None:
        return model
    plan = plans.get(report.source.file)
    after = plan.edits if isinstance(plan, Plan) else ()
    return told_by_cell(model, report.notebook.after(), report.notebook.after(after))


def _ran_its_step(model: ModelReport) -> bool:
    """Whether a model was fitted by its own `train_step`."""
    layers = model.after.sensitive.values() if model.after is not None else ()
    return any(STEP in layer.received for layer in layers)


def changed_lines(plan: Plan) -> list[tuple[int, int]]:
    """The first and the last line of each edit, in the text that it leads to."""
    patched = Source(plan.text)
    lines = []
    shift = 0
    for edit in plan.edits:
        content = edit.content
        # What is inserted as a line of its own begins with the end of the line before it.
        first = edit.start + shift + len(content) - len(content.lstrip())
        last = edit.start + shift + len(content.rstrip())
        shift += len(content) - (edit.end - edit.start)
        begin, end = patched.position(first).line, patched.position(max(first, last - 1)).line
        lines.append((begin, end))
    return lines


def _changes_outputs(plan: Plan) -> bool:
    return any(each.fix is not None and each.fix.mends for each in plan.applied)


def _ways(finding: Finding) -> list[Fix]:
    """The fixes of a finding that claim to mend something, its own first."""
    assert finding.fix is not None
    return [finding.fix, *(each for each in finding.others if each.mends)]


def _can_go_on(model: ModelReport | Problem) -> bool:
    """Whether more can be tried on a class: it was run, and nothing made it worse."""
    if isinstance(model, Problem):
        return False
    return model.verdict not in (VerdictKind.NOT_VERIFIED, VerdictKind.WORSE)


def _with_reason(model: ModelReport | Problem, reason: str) -> ModelReport | Problem:
    return model if isinstance(model, Problem) else replace(model, reasons=(*model.reasons, reason))


def _is_open_suggestion(finding: Finding) -> bool:
    """Whether a suggestion makes a claim that a run can prove."""
    fix = finding.fix
    return fix is not None and fix.applicability is Applicability.SUGGESTION and bool(fix.mends)


def _key(finding: Finding) -> _Key:
    mends = finding.fix.mends if finding.fix else ()
    return finding.file, finding.code, finding.owner, finding.method, mends


def _targets(report: FileReport, plan: Plan, layers: Mapping[str, LayerFact]) -> Iterator[Target]:
    """The classes that the plan changes or has a provable suggestion for, in the order of the source."""
    touched = {each.owner for each in plan.applied}
    touched |= {each.owner for each in plan.left if _is_open_suggestion(each)}
    program = Program.of(report.source, layers)
    for info in program.module.keras_classes:
        if info.name in touched:
            yield Target(
                report.path,
                info.name,
                info.node.lineno,
                made_lines=_made_lines(program, info),
                lost_lines=_lost_lines(report, program, info),
                chains=tuple(
                    dict.fromkeys(
                        each.chain
                        for each in report.findings
                        if each.owner == info.name and each.chain is not None
                    )
                ),
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
