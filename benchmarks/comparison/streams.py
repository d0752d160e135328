"""Experiments with standard input and with the formats of reports."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

from benchmarks.comparison.cell import YES, Cell, seen
from benchmarks.comparison.trial import Missing, Trial

_BROKEN = b"def broken(:\n    pass\n"


def _named(is_so: bool) -> Cell:
    return YES if is_so else Cell("partly", "it cannot be given a name")


def checks_stdin(trial: Trial) -> Cell:
    said = trial.report("stdin check", trial.peer.source.encode())
    if trial.peer.code not in said:
        return Cell("no", "the fault is not reported")
    note = trial.peer.notes.get("stdin check", "")
    return Cell("partly", note) if note else _named("models.py" in said)


def fixes_stdin(trial: Trial) -> Cell:
    out = trial.run("stdin fix", trial.peer.source.encode()).stdout
    return seen(out == trial.peer.fixed.encode(), "standard output is not the fixed text alone")


def differs_stdin(trial: Trial) -> Cell:
    text = trial.run("stdin diff", trial.peer.source.encode()).out
    return seen("@@" in text and "+" in text, "no diff on standard output")


def gives_back_what_is_broken(trial: Trial) -> Cell:
    """A text that is no Python comes back as it was, and the exit code tells."""
    if "stdin fix" not in trial.peer.commands:
        return Cell("none")
    done = trial.run("stdin fix", _BROKEN)
    if done.stdout != _BROKEN:
        return Cell("no", "nothing comes back" if not done.stdout else "something else comes back")
    return seen(done.status != 0, "it comes back, with exit code 0")


def shows_code(trial: Trial) -> Cell:
    trial.write()
    said = trial.report()
    line = next(line for line in trial.peer.source.splitlines() if trial.peer.old in line).strip()
    if line not in said:
        return Cell("no", "the line is not shown")
    return seen("^" in said, "the line is shown, without a mark at the place")


def is_concise(trial: Trial) -> Cell:
    trial.write()
    said = trial.run("concise").said
    found = re.search(r"^(.*)models\.py:\d+:\d+: ?(\S+)", said, re.MULTILINE)
    if found:
        return YES
    return seen(bool(re.search(r"models\.py:\d+:\d+ ", said)), "no line of that form")


def has_json(trial: Trial) -> Cell:
    """JSON with a place, and the fix as edits with places."""
    trial.write()
    done = trial.run("json")
    text = trial.out.read_text("utf-8") if trial.out.exists() else done.out
    data = json.loads(text)
    if isinstance(data, list) and data[0]["fix"]["edits"][0]["location"]:
        return YES
    return Cell(
        "partly", f"JSON of another shape ({', '.join(data)}); the fix is a diff, not edits with places"
    )


def _sarif(trial: Trial) -> dict[str, object]:
    trial.write()
    data = json.loads(trial.run("sarif").out)
    assert data["version"] == "2.1.0"
    result: dict[str, object] = data["runs"][0]["results"][0]
    return result


def has_sarif(trial: Trial) -> Cell:
    return seen("locations" in _sarif(trial), "no places in it")


def has_sarif_fixes(trial: Trial) -> Cell:
    if "sarif" not in trial.peer.commands:
        return Cell("none")
    return seen(bool(_sarif(trial).get("fixes")), "no `fixes` in it")


def has_github(trial: Trial) -> Cell:
    trial.write()
    return seen(
        bool(re.search(r"^::(error|warning|notice) .*file=", trial.run("github").out, re.M)), "no annotation"
    )


def has_gitlab(trial: Trial) -> Cell:
    trial.write()
    first = json.loads(trial.run("gitlab").out)[0]
    return seen({"description", "check_name", "fingerprint", "location"} <= set(first), "keys are missing")


def has_junit(trial: Trial) -> Cell:
    trial.write()
    root = ElementTree.fromstring(trial.run("junit").stdout)
    return seen(root.find(".//testcase/failure") is not None, "no failed test case")


def writes_report(trial: Trial) -> Cell:
    trial.write()
    done = trial.run("output file")
    if not trial.out.exists():
        return Cell("no", "no file is written")
    note = trial.peer.notes.get("output file", "")
    text = trial.out.read_text("utf-8")
    if trial.peer.code not in text and "models.py" not in text:
        return Cell("no", f"the fault is not in it; «{done.headline}»")
    return Cell("partly", note) if note else YES


def separates(trial: Trial) -> Cell:
    """What a program reads is on standard output; the talk beside it is not."""
    trial.write()
    for name in ("json", "concise"):
        try:
            done = trial.run(name)
        except Missing:
            continue
        lines = [line for line in done.out.splitlines() if line.strip()]
        if name == "json":
            return seen(not trial.out.exists() and lines[0] in "[{", "talk on standard output")
        loose = [line for line in lines if "models.py:" not in line]
        return seen(not loose, f"also «{loose[0] if loose else ''}» on standard output")
    raise Missing
