"""`--output-format junit`: findings as failed tests, in the shape of ruff's.

For CI servers that show tests and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from kerasfix.output.formats import Asked, Format
from kerasfix.output.told import Document, Entry, Told

_PACKAGE = "org.kerasfix"
# What XML 1.0 has no way to say, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def make(asked: Asked) -> Format:
    return Document(asked, document)


def document(told: Told) -> str:
    """A test suite for each file with findings or problems; without any, one with one test that passed."""
    suites: dict[str, list[Entry]] = {}
    for entry in told.entries():
        suites.setdefault(told.absolute(entry.path), []).append(entry)
    everything = [entry for entries in suites.values() for entry in entries]
    root = Element("testsuites", {"name": "kerasfix", **_counts(everything)})
    for file, entries in suites.items():
        suite = SubElement(root, "testsuite", {"name": _legal(file), **_counts(entries), "package": _PACKAGE})
        for entry in entries:
            _case(suite, file, entry)
    if not suites:
        # A report without a test is an error to some servers.
        suite = SubElement(root, "testsuite", {"name": "kerasfix", **_counts(()), "package": _PACKAGE})
        SubElement(suite, "testcase", {"name": "No faults found", "classname": "kerasfix"})
    ElementTree.indent(root, "    ")
    # In ASCII, so that no locale can spoil what the first line says.
    body = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _counts(entries: Sequence[Entry]) -> dict[str, str]:
    errors = sum(entry.finding is None for entry in entries)
    return {
        "tests": str(len(entries) or 1),
        "skipped": "0",
        "failures": str(len(entries) - errors),
        "errors": str(errors),
    }


def _case(suite: Element, file: str, entry: Entry) -> None:
    is_problem = entry.finding is None
    place = {"line": str(entry.start.line), "column": str(entry.start.column)}
    words = f"line {entry.start.line}, col {entry.start.column}, "
    if entry.start.cell is not None:
        # The line of a cell is none of the file.
        place, words = {}, f"cell {entry.start.cell}, {words}"
    names = {"name": f"{_PACKAGE}.{entry.code}", "classname": _legal(os.path.splitext(file)[0])}
    case = SubElement(suite, "testcase", {**names, **place})
    properties = SubElement(case, "properties")
    SubElement(properties, "property", {"name": "severity", "value": entry.severity.value})
    said = SubElement(
        case,
        "error" if is_problem else "failure",
        {"message": _legal(entry.message), "type": entry.code},
    )
    hint = f"\n{entry.hint}" if entry.hint else ""
    said.text = _legal(f"{words}{entry.message}{hint}")


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text)
