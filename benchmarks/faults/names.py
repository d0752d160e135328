"""Names that are no words: every format has to say them, and git has to take the diff."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

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


def _case(what: str, name: bytes) -> None:
    @fault(f"a name with {what}")
    def make(place: Place) -> Outcome:
        path = place.make(name)
        wrong = []
        for shape in FORMATS:
            over = place.run("--output-format", shape, ".")
            said = faults_of(over, (1,)) or _unreadable(shape, over.stdout)
            wrong += [f"{shape}: {said}"] if said else []
        wrong += [f"--diff: {said}" for said in (_through_git(place, name),) if said]
        wrong += [
            f"--diff from outside: {said}" for said in (_through_git(place, name, outside=True),) if said
        ]
        given = b"./" + name if name.startswith(b"-") else name
        over = place.run("--apply", given)
        wrong += [said for said in (faults_of(over, (0,), "Fixed"),) if said]
        lost = place.lost() or ("" if place.is_new(path) else "no fix was made")
        happened = place.told(over)
        undone = place.run("--undo")
        wrong += [f"--undo: {said}" for said in (faults_of(undone, (0,), "Restored"),) if said]
        if not place.is_old(path):
            lost = lost or "--undo did not bring it back"
        return Outcome(happened, lost, "; ".join(wrong))


for _what, _name in _NAMES.items():
    _case(_what, _name)


@fault("a name that begins with a dash, behind --")
def dashes(place: Place) -> Outcome:
    path = place.make("--apply.py")
    over = place.run("--apply", "--", "--apply.py")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or ("" if place.is_new(path) else "the fix"))


@fault("a name that is no UTF-8 where the locale is C, and cannot write it")
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
    """What keeps a document from being read; empty if nothing."""
    try:
        text = output.decode("utf-8")
        if shape in ("json", "sarif", "gitlab"):
            json.loads(text)
        elif shape == "junit":
            ElementTree.fromstring(text)
        elif shape == "concise" and len(text.splitlines()) != 3:
            return f"{len(text.splitlines())} lines instead of 3"
        elif shape == "github" and sum(line.startswith("::") for line in text.splitlines()) != 1:
            return "not one command"
    except (ValueError, ElementTree.ParseError) as error:
        return f"cannot be read: {error}"
    return ""


def _through_git(place: Place, name: bytes, *, outside: bool = False) -> str:
    """What keeps git from taking the diff to the very bytes of --apply; empty if nothing."""
    if shutil.which("git") is None:
        raise Impossible("there is no git")
    copy = place.root / ("out" if outside else "in")
    repository = copy / "repository"
    (repository / "pkg").mkdir(parents=True)
    where = os.path.join(os.fsencode(repository / "pkg"), name)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    shutil.copy(os.path.join(os.fsencode(place.tree), name), where)
    git = {**place.environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "init", "-q", repository], env=git, check=True)
    here = copy if outside else repository / "pkg"
    over = place.run("--diff", "repository" if outside else ".", cwd=here)
    if said := faults_of(over, (1,)):
        return said
    # From outside, paths count from the root of the repository.
    root = repository if outside else here
    applied = subprocess.run(["git", "apply", "-"], input=over.stdout, cwd=root, env=git, capture_output=True)
    if applied.returncode:
        return f"git apply: {applied.stderr.decode(errors='replace').splitlines()[0]}"
    with open(where, "rb") as file:
        return "" if b"training=training" in file.read() else "git apply did nothing"
