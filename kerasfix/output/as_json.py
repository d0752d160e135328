"""Findings for programs: a JSON array in the shape of ruff's, and what kerasfix knows besides.

docs/json.md describes every key. Whoever reads ruff's JSON can read this: rows and columns count from 1,
columns count characters, an end is the place behind the last character.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasfix.engine import Problem
from kerasfix.findings import Applicability, Chain, Finding, Fix, Link, Severity
from kerasfix.output.formats import Asked, Format
from kerasfix.output.told import Document, Told, problem_entry
from kerasfix.output.views import View
from kerasfix.source import Edit, Position

_Object = dict[str, Any]
# Ruff's words: "unsafe" is only made when somebody asks for it, "display" never by a program.
_RUFF_WORDS = {
    Applicability.SAFE: "safe",
    Applicability.REPAIR: "unsafe",
    Applicability.SUGGESTION: "unsafe",
}
_DISPLAY = "display"


def make(asked: Asked) -> Format:
    return Document(asked, document)


def document(told: Told) -> str:
    """All findings and problems as the text of one JSON array."""
    texts = {view.report.source.file: _Text(told.absolute(view.report.path), view) for view in told.views()}
    entries: list[_Object] = []
    for part in told.parts:
        if isinstance(part, Problem):
            entries.append(_problem(part, told.absolute(part.path)))
            continue
        report, plan = part
        entries += (_finding(finding, report.source.file, texts) for finding in plan.left)
    # ASCII alone: no reader and no pipe can take it for another encoding.
    return json.dumps(entries, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class _Text:
    """A file as it is called in the document, and the text in which the offsets of its edits count."""

    name: str
    view: View


def _problem(problem: Problem, name: str) -> _Object:
    """A file that kerasfix could not do its work on, at the line that is to blame if one is known."""
    told = problem_entry(problem)
    place = Position(told.start.line, told.start.column)
    entry = _entry(name, told.code, told.code, told.severity, problem.reason, place, place)
    return {**entry, "cell": problem.cell}


def _finding(finding: Finding, file: str, texts: Mapping[str, _Text]) -> _Object:
    here = texts[file]
    fixes = _Fixes(file, texts)
    start, end = here.view.position(finding.start), here.view.position(finding.end)
    message = here.view.said(finding.message)
    entry = _entry(here.name, finding.code, finding.name, finding.severity, message, start, end)
    return {
        **entry,
        "cell": here.view.place(finding.start).cell,
        "noqa_row": here.view.comment_row(finding.start),
        "fix": fixes.fix(finding.fix) if finding.fix is not None else None,
        "others": [fixes.other(each) for each in finding.others],
        "help": here.view.said(finding.help) or None,
        "owner": finding.owner or None,
        "method": finding.method or None,
        "loses": list(finding.loses),
        "chain": _chain(finding.chain, here.view) if finding.chain is not None else None,
    }


def _entry(
    name: str, code: str, rule: str, severity: Severity, message: str, start: Position, end: Position
) -> _Object:
    """All keys, those that only a finding can fill still empty."""
    return {
        "filename": name,
        "cell": None,
        "location": _place(start),
        "end_location": _place(end),
        "code": code,
        "name": rule,
        "severity": severity.value,
        "message": message,
        # The pages of the rules have no address.
        "noqa_row": None,
        "url": None,
        "fix": None,
        "others": [],
        "help": None,
        "owner": None,
        "method": None,
        "loses": [],
        "chain": None,
    }


@dataclass(frozen=True, slots=True)
class _Fixes:
    """Writes the fixes of findings in one file.

    Attributes:
        file: The `Source.file` of it.
        texts: All files that an edit can be in.
    """

    file: str
    texts: Mapping[str, _Text]

    def fix(self, fix: Fix) -> _Object:
        # Who does not know that an edit can name another file must not make it in this one.
        is_here = all(edit.file == self.file for edit in fix.edits)
        return self._object(fix, _RUFF_WORDS[fix.applicability] if is_here else _DISPLAY)

    def other(self, fix: Fix) -> _Object:
        """A fix that kerasfix itself never makes."""
        return self._object(fix, _DISPLAY)

    def _object(self, fix: Fix, applicability: str) -> _Object:
        return {
            "applicability": applicability,
            "kind": fix.applicability.value,
            "message": fix.message,
            "effect": fix.effect or None,
            "mends": list(fix.mends),
            "edits": [self._edit(edit) for edit in sorted(fix.edits, key=self._order)],
        }

    def _order(self, edit: Edit) -> tuple[bool, str, Edit]:
        """The edits of this file first."""
        return edit.file != self.file, edit.file, edit

    def _edit(self, edit: Edit) -> _Object:
        text = self.texts[edit.file]
        elsewhere: _Object = {} if edit.file == self.file else {"filename": text.name}
        cell = text.view.place(edit.start).cell
        if cell is not None:
            elsewhere["cell"] = cell
        return {
            **elsewhere,
            "content": edit.content,
            "location": _place(text.view.position(edit.start)),
            "end_location": _place(text.view.position(edit.end)),
        }


def _chain(chain: Chain, view: View) -> _Object:
    return {
        "source": chain.source,
        "lost": [_link(each, view) for each in chain.lost],
        "variable": chain.variable,
        "taken": [_link(each, view) for each in chain.taken],
        "end": chain.end,
        **_row(chain.line, view),
    }


def _link(link: Link, view: View) -> _Object:
    return {"name": link.name, **_row(link.line, view)}


def _row(line: int, view: View) -> _Object:
    """A line; of a notebook with its cell, because a chain may run through several."""
    place = view.place_of_line(line)
    return {"row": place.line} if place.cell is None else {"cell": place.cell, "row": place.line}


def _place(position: Position) -> _Object:
    return {"row": position.line, "column": position.column}
