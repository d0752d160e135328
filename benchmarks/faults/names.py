"""Names that are no words: every format has to say them, and git has to take the diff."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.faults.place import Impossible, Outcome, Place, fault, faults_of

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
_NAMES = {
    "a line feed": b"new\nline.py",
    "a carriage return": b"car\rriage.py",
    "bytes that are no UTF-8": b"l\xe4yer\xff.py",
    "an escape sequence of a terminal": b"red\x1b[31m.py",
    "a dash in front": b"-rf.py",
    "spaces": b" a b .py",
    "quotes and a backslash": b"q'u\"o\\te.py",
    "a tab": b"t\tab.py",
    "a line separator (U+2028)": "line\u2028sep.py".encode(),
    "a next line (U+0085)": "next\x85line.py".encode(),
    "letters that run from right to left": "\u202eyp.py".encode(),
    "emoji": "🧠.py".encode(),
    "what a workflow command ends with": b"a,b::c%0A.py",
    "brackets of rich": b"[bold]red[/].py",
    "colons": b"a.py:1:2: KF999 x.py",
    "what looks like another folder": b"\\..\\up.py",
    "all bytes that a name can have": bytes({*range(1, 256)} - {47})[:200] + b".py",
}


def _make_all(place: Place) -> list[Path]:
    return [place.make(name) for name in _NAMES.values()]


def _in_format(shape: str) -> None:
    @fault(f"{len(_NAMES)} names with odd characters (--output-format {shape})")
    def make(place: Place) -> Outcome:
        _make_all(place)
        over = place.run("--output-format", shape, ".")
        wrong = faults_of(over, (1,)) or _unreadable(shape, over.stdout)
        return Outcome(f"exit {over.status}, a document that can be read", place.lost(), wrong)


for _shape in FORMATS:
    _in_format(_shape)


@fault(f"{len(_NAMES)} names with odd characters (--apply, then --undo)")
def written(place: Place) -> Outcome:
    paths = _make_all(place)
    over = place.run("--apply", ".")
    lost = place.lost() or ("" if all(place.is_new(path) for path in paths) else "a fix was not made")
    undone = place.run("--undo")
    wrong = faults_of(over, (0,), "Fixed") or faults_of(undone, (0,), "Restored")
    if not all(place.is_old(path) for path in paths):
        lost = lost or "--undo did not bring all files back"
    return Outcome(f"exit {over.status}, each is fixed and brought back", lost, wrong)


@fault(f"{len(_NAMES)} names with odd characters (--diff, then git apply)")
def through_git(place: Place) -> Outcome:
    return _through_git(place, ".", "pkg")


@fault(f"{len(_NAMES)} names with odd characters (--diff of a folder beside, then git apply at the root)")
def through_git_beside(place: Place) -> Outcome:
    return _through_git(place, "../pkg", "beside")


@fault("a name that begins with a dash, behind --")
def dashes(place: Place) -> Outcome:
    path = place.make("--apply.py")
    over = place.run("--apply", "--", "--apply.py")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or ("" if place.is_new(path) else "the fix"))


@fault("a name that is no UTF-8 where the locale is C, and cannot write it", quick=False)
def c_locale(place: Place) -> Outcome:
    path = place.make(b"l\xe4yer\xff.py")
    place.make("größe.py")
    wrong = []
    environment = {**place.environment, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for shape in FORMATS:
        over = place.run("--output-format", shape, ".", env=environment)
        wrong += [f"{shape}: {said}" for said in (faults_of(over, (1,)),) if said]
    for option in ("--diff", "--apply", "--undo"):
        over = place.run(option, ".", env=environment)
        wrong += [f"{option}: {said}" for said in (faults_of(over, (0, 1)),) if said]
    return Outcome(place.told(over), place.lost() or ("" if place.is_old(path) else "it"), "; ".join(wrong))


@fault("an --output-file and a --baseline whose names are no UTF-8")
def odd_outputs(place: Place) -> Outcome:
    place.make()
    written = place.run("--output-format", "json", "-o", b"rep\xff.json", "--baseline", b"kn\xff.json", ".")
    outcome = place.outcome(written, 0)
    again = faults_of(place.run("--baseline", b"kn\xff.json", "."), (0,))
    return Outcome(outcome.happened, outcome.lost, outcome.wrong or again)


def _unreadable(shape: str, output: bytes) -> str:
    """What keeps a document from being read, and one finding a file from being found; empty if nothing."""
    try:
        text = output.decode("utf-8")
        if shape == "sarif":
            found = len(json.loads(text)["runs"][0]["results"])
        elif shape in ("json", "gitlab"):
            found = len(json.loads(text))
        elif shape == "junit":
            found = len(ElementTree.fromstring(text).findall(".//failure"))
        elif shape == "github":
            found = sum(line.startswith("::") for line in text.splitlines())
        else:
            found = sum(" KF103 `call` has the flag" in line for line in text.splitlines())
    except (ValueError, ElementTree.ParseError) as error:
        return f"cannot be read: {error}"
    return "" if found == len(_NAMES) else f"{found} findings instead of {len(_NAMES)}"


def _through_git(place: Place, given: str, folder: str) -> Outcome:
    """Let git take the diff of a repository, made in one of its folders."""
    if shutil.which("git") is None:
        raise Impossible("there is no git")
    repository = place.tree
    paths = [place.make(os.path.join(b"pkg", name)) for name in _NAMES.values()]
    (repository / "beside").mkdir()
    git = {**place.environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "init", "-q", repository], env=git, check=True)
    over = place.run("--diff", given, cwd=repository / folder)
    applied = subprocess.run(
        ["git", "apply", "-"],
        input=over.stdout,
        cwd=repository if given.startswith("..") else repository / folder,
        env=git,
        capture_output=True,
    )
    wrong = faults_of(over, (1,))
    if applied.returncode:
        wrong = wrong or f"git apply: {applied.stderr.decode(errors='replace').splitlines()[0]}"
    left = [path for path in paths if not place.is_new(path)]
    if left:
        wrong = wrong or f"git apply did nothing to {len(left)} files, as {left[0].name!r}"
    return Outcome(f"exit {over.status}, git takes the diff", place.lost(), wrong)
