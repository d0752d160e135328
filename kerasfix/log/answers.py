"""What the source says to a message of Keras: the findings that explain it, and the lines it is about."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kerasfix.analysis.index import Module
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.findings import Finding
from kerasfix.keras.layers import LayerFact
from kerasfix.log.made import Made, Spot
from kerasfix.log.making import Making
from kerasfix.log.mapping import Mapped, Mapper
from kerasfix.log.messages import Topic, Variable
from kerasfix.log.reading import Frame, Said
from kerasfix.source import Source
from kerasfix.syntax import walk

# The log may come from another system.
_SEPARATOR = re.compile(r"[\\/]")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class LayerOf:
    """Variables of one layer, and what the layer is.

    Attributes:
        path: The layer as the log has it (`net/conv2d_1`), or a variable that is in no layer.
        weights: Its variables that are named; empty if the log names the layer itself.
        mapped: What it can be.
        findings: Those of the findings that lose it.
    """

    path: str
    weights: tuple[str, ...]
    mapped: Mapped
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source says to one message.

    Attributes:
        said: The message.
        findings: What explains it, the best first.
        possible: What may explain it, where the message does not say what it is about.
        layers: What it names.
        raised_at: The last line of the source that its traceback went through.
    """

    said: Said
    findings: tuple[Finding, ...] = ()
    possible: tuple[Finding, ...] = ()
    layers: tuple[LayerOf, ...] = ()
    raised_at: Spot | None = None


@dataclass
class Answers:
    """Answers messages about a project.

    Attributes:
        sources: The files that were looked at.
        findings: What is wrong in each, by `Source.file`.
        layers: Layer classes of other packages, besides those that the tables know.
    """

    sources: Mapping[str, Source]
    findings: Mapping[str, Sequence[Finding]]
    layers: Mapping[str, LayerFact] = field(default_factory=dict)
    _project: Project = field(init=False, repr=False)
    _mapper: Mapper = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._project = Project(self.sources, layers=self.layers)
        self._mapper = Mapper(Making(self._project, LayerIndex(self._project)).everything())

    def answer(self, said: Said) -> Answer:
        """What the source says to a message."""
        able = [
            finding
            for findings in self.findings.values()
            for finding in findings
            if finding.code.startswith(said.message.codes)
        ]
        raised_at = self._raised_at(said.frames)
        if said.message.topic is Topic.ARGUMENT:
            return self._argument(said, able, raised_at)
        layers = self._layers(said, able)
        found = dict.fromkeys(finding for layer in layers for finding in layer.findings)
        if said.message.topic is Topic.NO_GRADIENTS and not layers:
            return Answer(said, possible=tuple(able), raised_at=raised_at)
        return Answer(said, tuple(found), layers=tuple(layers), raised_at=raised_at)

    def _layers(self, said: Said, able: Sequence[Finding]) -> list[LayerOf]:
        if said.layer:
            mapped = self._mapper.layer(said.layer)
            return [_with_findings(LayerOf(said.layer, (), mapped), able)]
        groups: dict[str, list[Variable]] = {}
        for variable in said.variables:
            # A variable without a scope stands for itself.
            groups.setdefault("/".join(variable.scopes) or variable.path, []).append(variable)
        return [self._layer(path, variables, able) for path, variables in groups.items()]

    def _layer(self, path: str, variables: Sequence[Variable], able: Sequence[Finding]) -> LayerOf:
        mapped = [self._mapper.variable(each) for each in variables]
        # A weight that the class makes itself stands beside those of a layer only by mistake.
        best = min(mapped, key=lambda each: (not each.candidates, not each.is_certain))
        if not best.candidates and not variables[0].scopes:
            able_to = self._mapper.with_weight(path)
            lost = [each for each in able_to if any(_loses_just(finding, each) for finding in able)]
            best = Mapped(tuple(lost))
        weights = tuple(dict.fromkeys(each.weight for each in variables)) if variables[0].scopes else ()
        return _with_findings(LayerOf(path, weights, best), able)

    def _argument(self, said: Said, able: Sequence[Finding], raised_at: Spot | None) -> Answer:
        """The findings at the line that raised, then those in the classes that the message names."""
        at_line = [each for each in able if raised_at and self._is_at(each, raised_at)]
        named = {*said.classes[:1], *said.callee.split(".")[:-1]}
        in_class = [each for each in able if each.owner in named] if not at_line else []
        found = at_line or in_class
        is_open = raised_at is None or said.message.elsewhere
        possible = able if is_open and not found and not said.callee else ()
        return Answer(said, tuple(found), tuple(possible), raised_at=raised_at)

    def _is_at(self, finding: Finding, spot: Spot) -> bool:
        """Whether a finding is about a statement that a line belongs to."""
        if finding.file != spot.module.file:
            return False
        source = spot.module.source
        first, last = source.position(finding.start).line, source.position(finding.end).line
        inside = [
            node
            for node in walk(source.tree)
            if isinstance(node, ast.stmt)
            and not isinstance(node, (*_FUNCTIONS, ast.ClassDef))
            and node.lineno <= spot.line <= (node.end_lineno or node.lineno)
        ]
        begin = max((node.lineno for node in inside), default=spot.line)
        end = min((node.end_lineno or node.lineno for node in inside), default=spot.line)
        return begin <= last and first <= end

    def _raised_at(self, frames: Iterable[Frame]) -> Spot | None:
        """The innermost frame that is a line of the source."""
        for frame in reversed(list(frames)):
            for module in self._project.given:
                if os.path.basename(module.file) == _SEPARATOR.split(frame.file)[-1]:
                    line = _line_of(module, frame)
                    if line is not None:
                        return Spot(module, line)
        return None


def _line_of(module: Module, frame: Frame) -> int | None:
    """The line of a module that a traceback shows; lines may have moved since."""
    source = module.source
    count = len(source.line_starts)
    if not frame.code:
        is_same = os.path.realpath(frame.file) == module.file and 1 <= frame.line <= count
        return frame.line if is_same and source.line(frame.line).strip() else None
    lines = [number for number in range(1, count + 1) if source.line(number).strip() == frame.code]
    if frame.line in lines:
        return frame.line
    return lines[0] if len(lines) == 1 else None


def _with_findings(layer: LayerOf, able: Sequence[Finding]) -> LayerOf:
    """A layer with the findings that lose it; of several candidates, those that are lost come first."""
    mapped = layer.mapped
    losing = {each: [finding for finding in able if _loses(finding, each)] for each in mapped.candidates}
    ranked = tuple(sorted(losing, key=lambda each: not losing[each]))
    # The number and the fault speak for the same one.
    agree = mapped.is_likely and ranked[0] is mapped.candidates[0] and bool(losing[ranked[0]])
    is_certain = mapped.is_certain or agree
    shown = ranked[:1] if is_certain else ranked
    found = dict.fromkeys(finding for each in shown for finding in losing[each])
    return replace(
        layer, mapped=replace(mapped, candidates=ranked, is_certain=is_certain), findings=tuple(found)
    )


def _loses(finding: Finding, made: Made) -> bool:
    """Whether a finding loses the output of a layer, or of one that it is in."""
    return any(_loses_just(finding, each) for each in made.chain)


def _loses_just(finding: Finding, made: Made) -> bool:
    lost = {_plain(name) for name in finding.loses}
    if made.holder is not None:
        family = {each.name: each.module.file for each in made.holder.ancestors}
        return family.get(finding.owner) == finding.file and made.plain_attribute in lost
    if finding.owner or finding.file != made.module.file or finding.method != made.function:
        return False
    return bool({made.attribute, made.name.exact} & lost)


def _plain(name: str) -> str:
    """`convs` of `self.convs[0]`."""
    return name.partition("[")[0].rpartition(".")[2]
