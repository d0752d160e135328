"""`--output-format sarif`: SARIF 2.1.0, with the pages of the rules, the fixes, and the ways of a chain.

The format is described at https://docs.oasis-open.org/sarif/sarif/v2.1.0/. Of the ways that it leaves open:
columns count characters (`columnKind`), files are named from the root of the repository (`SRCROOT`), and
places in a notebook are those of its file, which is JSON: whoever makes a fix in the text of the file writes
what `--apply` writes. Cell and line stand in the message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kerasfix import __version__
from kerasfix.findings import Chain, Finding, Fix, Link, Severity
from kerasfix.output.fingerprints import Fingerprints
from kerasfix.output.formats import Asked, Format
from kerasfix.output.patch import repository
from kerasfix.output.sarif_rules import LEVELS, rule_objects
from kerasfix.output.told import FILE_ERROR, INVALID_SYNTAX, Document, Entry, Told, text
from kerasfix.output.views import Place, View
from kerasfix.source import Edit, Position, SourceError

_Object = dict[str, Any]
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "SRCROOT"
#: In which the name of a finding is kept; a new number if it is ever made of something else.
_FINGERPRINT = "kerasfix/v1"
_NOTIFICATIONS = {
    FILE_ERROR: "A file could not be looked at, or not be written",
    INVALID_SYNTAX: "A file, or a cell of a notebook, is no Python",
}


def make(asked: Asked) -> Format:
    return Document(asked, document)


def document(told: Told) -> str:
    """One run, as the text of a SARIF log."""
    files = _Files(told)
    entries = list(told.entries())
    worst: dict[str, Severity] = {}
    for entry in entries:
        if entry.finding is not None:
            known = worst.setdefault(entry.code, entry.severity)
            worst[entry.code] = entry.severity if entry.severity.is_at_least(known) else known
    codes = sorted(worst)
    fingerprints = Fingerprints()
    run = {
        "tool": {"driver": _driver(worst)},
        "invocations": [_invocation(entries, files, told.exit_code)],
        "columnKind": "unicodeCodePoints",
        # Python ends lines at these, SARIF by itself not at the last.
        "newlineSequences": ["\r\n", "\n", "\r"],
        "originalUriBaseIds": {_BASE: {"uri": files.base_uri}},
        "artifacts": files.artifacts(),
        "results": [
            _result(finding, entry, codes.index(entry.code), files, fingerprints)
            for entry in entries
            if (finding := entry.finding) is not None
        ],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


class _Files:
    """How the files of a run are named, and their texts.

    Args:
        told: The run.
    """

    def __init__(self, told: Told) -> None:
        here = Path.cwd()
        self._base = repository(here / "any") or here
        self._is_nameless = told.is_nameless
        self.views: Mapping[str, View] = {view.report.source.file: view for view in told.views()}

    @property
    def base_uri(self) -> str:
        return self._base.as_uri().rstrip("/") + "/"

    def location(self, path: Path) -> _Object:
        """Where a file is: from the base if it lies below it."""
        if self._is_nameless:
            return {"uri": "-"}
        absolute = Path(os.path.abspath(path))
        if not absolute.is_relative_to(self._base):
            return {"uri": absolute.as_uri()}
        # As bytes: a name need not be text.
        relative = absolute.relative_to(self._base).as_posix()
        return {"uri": quote(os.fsencode(relative)), "uriBaseId": _BASE}

    def relative(self, path: Path) -> str:
        return str(self.location(path)["uri"])

    def of_problem(self, path: Path, place: Place) -> _Object:
        """The place of a syntax error."""
        view = next((each for each in self.views.values() if each.report.path == path), None)
        if view is None or view.book is None or place.cell is None:
            return {"startLine": place.line, "startColumn": place.column}
        at = view.book.position(place.cell, place.line)
        return {"startLine": at.line, "startColumn": at.column}

    def artifacts(self) -> list[_Object]:
        """The files that have findings, and in which encoding the positions count."""
        return [
            {
                "location": self.location(view.report.path),
                "encoding": view.report.encoding.name,
                "roles": ["analysisTarget"],
            }
            for view in self.views.values()
            if view.has_findings
        ]


def _driver(worst: Mapping[str, Severity]) -> _Object:
    return {
        "name": "kerasfix",
        "version": __version__,
        "rules": rule_objects(worst),
        "notifications": [
            {"id": code, "shortDescription": {"text": what}} for code, what in _NOTIFICATIONS.items()
        ],
    }


def _invocation(entries: Iterable[Entry], files: _Files, exit_code: int) -> _Object:
    problems = [entry for entry in entries if entry.finding is None]
    return {
        "executionSuccessful": not problems and exit_code != 2,
        "exitCode": exit_code,
        "toolExecutionNotifications": [_notification(entry, files) for entry in problems],
    }


def _notification(entry: Entry, files: _Files) -> _Object:
    location: _Object = {"artifactLocation": files.location(entry.path)}
    if entry.code == INVALID_SYNTAX:
        location["region"] = files.of_problem(entry.path, entry.start)
    return {
        "descriptor": {"id": entry.code},
        "level": "error",
        "message": _message(_in_cell(entry.start, entry.message)),
        "locations": [{"physicalLocation": location}],
    }


def _result(finding: Finding, entry: Entry, rule: int, files: _Files, fingerprints: Fingerprints) -> _Object:
    view = files.views[finding.file]
    message = _in_cell(entry.start, entry.message)
    if finding.help:
        message += f"\n{view.said(finding.help)}"
    location = _location(view, files, _region(view, finding.start, finding.end))
    if logical := _logical(finding, entry.start):
        location["logicalLocations"] = logical
    result = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": _message(message),
        "locations": [location],
        "partialFingerprints": {_FINGERPRINT: fingerprints.of(entry, files.relative(entry.path))},
    }
    if finding.chain is not None:
        result["codeFlows"] = _code_flows(finding, finding.chain, view, files)
    own = [] if finding.fix is None else [_fix(finding.fix, view, files, is_other=False)]
    others = [_fix(each, view, files, is_other=True) for each in finding.others]
    if fixes := [each for each in (*own, *others) if each is not None]:
        result["fixes"] = fixes
    return result


def _location(view: View, files: _Files, region: _Object) -> _Object:
    artifact = files.location(view.report.path)
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _region(view: View, start: int, end: int) -> _Object:
    if view.book is not None:
        return _between(*view.in_book(view.book, start, end))
    return _between(_place(view, start), _place(view, end))


def _between(first: Position | Place, last: Position | Place) -> _Object:
    return {
        "startLine": first.line,
        "startColumn": first.column,
        "endLine": last.line,
        "endColumn": last.column,
    }


def _place(view: View, offset: int) -> Place:
    """A place as SARIF counts: behind the line feed that ends a file there is no other line."""
    if 0 < offset == len(view.source.text) and view.place(offset).column == 1:
        last = view.place(offset - 1)
        return Place(last.line, last.column + 1, last.cell)
    return view.place(offset)


def _message(sentence: str) -> _Object:
    """A sentence in which nothing is taken for a placeholder (`{0}`) or a link (`self.layers[0](x)`)."""
    sentence = text(sentence).replace("{", "{{").replace("}", "}}")
    return {"text": sentence.replace("](", "] (")}


def _in_cell(place: Place, message: str) -> str:
    return message if place.cell is None else f"Cell {place.cell}, line {place.line}: {message}"


def _logical(finding: Finding, place: Place) -> list[_Object]:
    """What people call the place: the method or class, and the cell."""
    found: list[_Object] = []
    if finding.method:
        whole = ".".join(each for each in (finding.owner, finding.method) if each)
        found.append({"name": finding.method, "fullyQualifiedName": whole, "kind": "function"})
    elif finding.owner:
        found.append({"name": finding.owner, "fullyQualifiedName": finding.owner, "kind": "type"})
    if place.cell is not None:
        found.append({"name": f"cell {place.cell}", "kind": "cell"})
    return found


def _code_flows(finding: Finding, chain: Chain, view: View, files: _Files) -> list[_Object]:
    """The two ways of a chain, from layer to layer: what is lost, and what the output is made of instead."""
    here = _location(view, files, _region(view, finding.start, finding.end))
    lost = {**here, "message": _message(f"{chain.variable}: nothing reads it")}
    taken = {**here, "message": _message(f"{chain.source} is read once more")}
    ways = [
        (
            f"The way that is lost, from {chain.source}",
            [*(_step(each, view, files) for each in chain.lost), lost],
        ),
        (
            f"The way from {chain.source} to {chain.end}",
            [taken, *(_step(each, view, files) for each in chain.taken)],
        ),
    ]
    return [
        {
            "message": _message(what),
            "threadFlows": [{"locations": [{"location": step} for step in steps]}],
        }
        for what, steps in ways
    ]


def _step(link: Link, view: View, files: _Files) -> _Object:
    region: _Object = {"startLine": link.line}
    if view.book is not None:
        # A cell may be one line of the file.
        start = view.source.line_starts[link.line - 1]
        region = _region(view, start, start + len(view.source.line(link.line)))
    return {**_location(view, files, region), "message": _message(link.name)}


def _fix(fix: Fix, view: View, files: _Files, *, is_other: bool) -> _Object | None:
    """A fix with all its files; None for one that would change what is no Python in a notebook."""
    by_file: dict[str, list[Edit]] = {}
    for edit in sorted(fix.edits, key=lambda edit: (edit.file != view.report.source.file, edit.file, edit)):
        by_file.setdefault(edit.file, []).append(edit)
    try:
        changes = [_change(files.views[file], edits, files) for file, edits in by_file.items()]
    except SourceError:
        return None
    what = f"{fix.message}. {fix.effect}".rstrip(" .")
    return {
        "description": _message(view.said(what)),
        "artifactChanges": changes,
        # `isAlternative`: another way than the one that kerasfix would take, which it never makes by itself.
        "properties": {"kind": fix.applicability.value, "isAlternative": is_other},
    }


def _change(view: View, edits: Sequence[Edit], files: _Files) -> _Object:
    """What is to be replaced in a file; of a notebook, the strings of its JSON that hold the changed lines.

    Raises:
        SourceError: if that would change what is no Python in a notebook.
    """
    if view.book is None:
        regions = [(_region(view, edit.start, edit.end), edit.content) for edit in edits]
    else:
        place = view.book.file.position
        regions = [
            (_between(place(edit.start), place(edit.end)), edit.content) for edit in view.book.written(edits)
        ]
    return {
        "artifactLocation": files.location(view.report.path),
        "replacements": [
            {"deletedRegion": region, "insertedContent": {"text": content}} for region, content in regions
        ],
    }
