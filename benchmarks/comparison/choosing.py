"""Experiments with settings, silencers, baselines and what chooses findings and fixes."""

from __future__ import annotations

import re
import subprocess

from benchmarks.comparison.cell import YES, Cell, seen
from benchmarks.comparison.trial import NAME, Experiment, Missing, Trial


def _whole(trial: Trial, feature: str) -> Cell:
    """Yes, or what the tool's table says against it."""
    note = trial.peer.notes.get(feature, "")
    return Cell("partly", note) if note else YES


def reads_settings(trial: Trial) -> Cell:
    """Settings in pyproject.toml switch a rule off."""
    trial.write()
    assert trial.finds()
    trial.settings("ignore")
    return _whole(trial, "config") if trial.passes("configured") else Cell("no", "they change nothing")


def refuses_unknown(trial: Trial) -> Cell:
    trial.write()
    if not trial.peer.settings:
        return Cell("none")
    trial.settings("unknown")
    done = trial.run("check")
    names = "disabel" in done.said or "ignroe" in done.said
    if not names:
        return Cell("no", "it is passed over in silence")
    if re.search(r"(did you mean|mean|similar)[^\n]*(ignore|disable)", done.said, re.I | re.S):
        return YES
    return Cell("partly", "an error or warning that names it, without a suggestion")


def by_file(trial: Trial) -> Cell:
    trial.write()
    trial.settings("per file")
    return _whole(trial, "per file") if trial.passes() else Cell("no", "the fault is still reported")


def leaves_out(trial: Trial) -> Cell:
    """A file named by the settings is left out of its folder."""
    trial.write()
    trial.write(name="other.py")
    if "path exclude" in trial.peer.commands:
        said = trial.report("path exclude").partition("changed:")[2]
        is_left_out = "other.py" in said and NAME not in said
        return Cell("partly", "only on the command line") if is_left_out else Cell("no", "it is not left out")
    trial.settings("exclude")
    said = trial.report("folder")
    is_left_out = "other.py" in said and NAME not in said
    return _whole(trial, "exclude") if is_left_out else Cell("no", "it is not left out")


def respects_gitignore(trial: Trial) -> Cell:
    subprocess.run(["git", "init", "--quiet"], cwd=trial.folder, check=True)
    trial.write()
    trial.write(name="other.py")
    trial.write(f"{NAME}\n", ".gitignore")
    if "folder" not in trial.peer.commands:
        return Cell("none", "")
    said = trial.report("folder")
    return seen("other.py" in said and NAME not in said, "the file is looked at all the same")


def nearest(trial: Trial) -> Cell:
    """The settings of the folder that a file lies in count, not those of the folder that the tool runs in."""
    if not trial.peer.settings:
        return Cell("none")
    name, text = trial.peer.settings["ignore"]
    trial.write(text, f"inner/{name}")
    trial.write(name=f"inner/{NAME}")
    return seen(trial.passes("configured", f"inner/{NAME}"), "only those of the folder where it runs")


def shows_settings(trial: Trial) -> Cell:
    trial.write()
    trial.settings("ignore")
    done = trial.run("show settings")
    if done.crashed:
        return Cell("no", f"a traceback: «{done.headline}»")
    return seen(len(done.out.splitlines()) > 3, "shows nothing")


def _with(text: str, old: str, comment: str) -> str:
    return "\n".join(f"{line}  {comment}" if old in line else line for line in text.split("\n"))


def silences_line(trial: Trial) -> Cell:
    if "line" not in trial.peer.silencers:
        raise Missing
    comment = trial.peer.silencers["line"]
    before = trial.write(_with(trial.peer.source, trial.peer.old, comment))
    if not trial.passes():
        return _heeds_sometimes(trial, comment)
    trial.run("fix")
    if trial.file.read_bytes() != before:
        return Cell("partly", f"`{comment}` silences the report, but its fix is made all the same")
    return YES


def _heeds_sometimes(trial: Trial, comment: str) -> Cell:
    """Whether another rule of the tool heeds the comment."""
    if "silenced" in trial.peer.commands:
        trial.write(f"import os  {comment}\nimport sys\n")
        trial.run("silenced")
        if trial.file.read_text("utf-8").startswith("import os") and b"sys" not in trial.file.read_bytes():
            return Cell("partly", f"`{comment}` is heeded by single rules (unused imports), not by others")
    return Cell("no", f"`{comment}` is passed over")


def silences_file(trial: Trial) -> Cell:
    if "file" not in trial.peer.silencers:
        raise Missing
    trial.write(trial.peer.silencers["file"] + "\n" + trial.peer.source)
    return seen(trial.passes(), "it is passed over")


def _idle(trial: Trial) -> None:
    if "unused" not in trial.peer.commands:
        raise Missing
    trial.write(_with(trial.peer.fixed, trial.peer.new, trial.peer.silencers["unused"]))


def reports_unused(trial: Trial) -> Cell:
    _idle(trial)
    return seen(bool(re.search(r"unused|KF000|RUF100", trial.report("unused"), re.I)), "nothing is reported")


def removes_unused(trial: Trial) -> Cell:
    _idle(trial)
    trial.run("unused fix")
    return seen(trial.peer.silencers["unused"].encode() not in trial.file.read_bytes(), "it stays")


def adds_silencers(trial: Trial) -> Cell:
    trial.write()
    trial.run("add silencers")
    return seen(b"noqa" in trial.file.read_bytes() and trial.passes(), "the fault is still reported")


def keeps_baseline(trial: Trial) -> Cell:
    """What was there is passed by, even lines further down; what is new is reported."""
    trial.write()
    trial.run("baseline")
    trial.write("# one line more\n" + trial.peer.source)
    if trial.run("baseline").status != 0:
        return Cell("no", "what it lists is reported all the same")
    trial.write("# one line more\n" + trial.peer.source)
    trial.write(trial.peer.source.replace("Net", "Other"), "new.py")
    new = trial.run("baseline", file="new.py")
    return seen(trial.peer.code in new.said, "a new fault is not reported")


def walks_through(trial: Trial) -> Cell:
    before = trial.write()
    done = trial.run("interactive", b"q\n" if trial.peer.name == "kerasfix" else b"n\n")
    if trial.peer.new not in done.said:
        return Cell("no", f"no fix is shown; «{done.last_line}»")
    if trial.file.read_bytes() != before:
        return Cell("no", "the fix is made though the answer was no")
    trial.run("interactive", b"y\n")
    return seen(
        trial.file.read_bytes() == trial.peer.fixed.encode(), "the fix is not made though the answer was yes"
    )


def selects(trial: Trial) -> Cell:
    trial.write()
    return seen(trial.passes("select"), "other rules' findings are reported")


def ignores(trial: Trial) -> Cell:
    trial.write()
    return _whole(trial, "ignore") if trial.passes("ignore") else Cell("no", "the fault is reported")


def leaves_unfixable(trial: Trial) -> Cell:
    """A rule reports and does not fix."""
    if "unfixable" not in trial.peer.commands:
        raise Missing
    before = trial.write()
    said = trial.report("unfixable")
    if trial.file.read_bytes() != before:
        return Cell("no", "the fix is made")
    return seen(trial.peer.code in said, "a rule can only be left out as a whole, with its report")


def counts(trial: Trial) -> Cell:
    trial.write()
    said = trial.report("statistics")
    if not re.search(rf"(?m)^.*\b1\b.*{trial.peer.code}|{trial.peer.code}'?:? +1\b", said):
        return Cell("no", "no count")
    return _whole(trial, "statistics")


def explains(trial: Trial) -> Cell:
    return seen(len(trial.run("explain").said.splitlines()) > 8, "no more than a few words")


def lists_rules(trial: Trial) -> Cell:
    text = trial.run("list").out
    if not any(each in text for each in (trial.peer.code, "request_headers", "remove-unnecessary-f-str")):
        return Cell("no", "the rule is not in it")
    if text.lstrip().startswith(("[", "{")):
        return YES
    codes_alone = trial.peer.name == "TorchFix"
    return Cell("partly", "codes in its `--help`" if codes_alone else "names alone, as text; no JSON")


def exits_zero(trial: Trial) -> Cell:
    trial.write()
    done = trial.run("exit zero")
    return Cell("no", f"exit code {done.status}") if done.status else _whole(trial, "exit zero")


def takes_back(trial: Trial) -> Cell:
    """The last fix is taken back; and not if somebody has changed the file since."""
    before = trial.write()
    trial.run("fix")
    trial.run("undo")
    if trial.file.read_bytes() != before:
        return Cell("no", "the text does not come back")
    trial.run("fix")
    changed = trial.write(trial.file.read_bytes() + b"# mine\n")
    refused = trial.run("undo")
    return seen(refused.status != 0 and trial.file.read_bytes() == changed, "a later change is lost")


def needs(name: str, experiment: Experiment) -> Experiment:
    """The experiment, where the tool has a command line of that name."""

    def asked(trial: Trial) -> Cell:
        if name not in trial.peer.commands:
            raise Missing
        return experiment(trial)

    return asked
