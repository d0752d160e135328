"""`--output-format github`: workflow commands, which GitHub Actions shows as annotations of the lines.

The shape is that of ruff's; what a command gives a meaning to is escaped, as GitHub's own toolkit does it.
"""

from __future__ import annotations

from kerasfix.findings import Severity
from kerasfix.output.as_concise import on_one_line
from kerasfix.output.formats import Asked, Format
from kerasfix.output.told import Document, Entry, Told

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_MESSAGE, **str.maketrans({":": "%3A", ",": "%2C"})}


def make(asked: Asked) -> Format:
    return Document(asked, document)


def document(told: Told) -> str:
    """A command a line; nothing at all without findings."""
    return "".join(f"{_command(entry, told)}\n" for entry in told.entries())


def _command(entry: Entry, told: Told) -> str:
    properties = {
        "title": f"kerasfix ({entry.code})",
        "file": told.absolute(entry.path),
        **_places(entry),
    }
    listed = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    colon = "" if entry.finding is not None else ":"
    # The place once more: the log of a job shows the message alone.
    place = f"{on_one_line(told.shown(entry.path))}:{entry.start}"
    message = f"{place}: {entry.code}{colon} {entry.message}"
    if entry.hint:
        message += f"\n  help: {entry.hint}"
    return f"::{_COMMANDS[entry.severity]} {listed}::{message.translate(_MESSAGE)}"


def _places(entry: Entry) -> dict[str, str]:
    start, end = entry.start, entry.end
    if start.cell is not None:
        # GitHub counts the lines of the file, in which a cell has none of its own; the message says the cell.
        return {"line": "1", "col": "1", "endLine": "1", "endColumn": "1"}
    if start.line != end.line:
        # GitHub takes columns within one line only.
        return {"line": str(start.line), "endLine": str(end.line)}
    return {
        "line": str(start.line),
        "col": str(start.column),
        "endLine": str(end.line),
        "endColumn": str(end.column),
    }
