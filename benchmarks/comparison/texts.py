"""Experiments with what a fix leaves alone: every byte outside the edit."""

from __future__ import annotations

import codecs
import os
import stat
import subprocess
from collections.abc import Callable

from benchmarks.comparison.cell import Cell, seen
from benchmarks.comparison.trial import Experiment, Trial

Change = Callable[[str], bytes]


def keeps(change: Change) -> Experiment:
    """An experiment: a text in some shape is fixed, and nothing but the fault may change."""

    def experiment(trial: Trial) -> Cell:
        before = change(trial.peer.source)
        wanted = change(trial.peer.fixed)
        trial.write(before)
        done = trial.run("fix")
        after = trial.file.read_bytes()
        if after == wanted:
            return seen(True, "")
        if after == before:
            why = f": «{done.headline}»" if done.crashed or done.status else ""
            return Cell("no", f"the fault stays{why}")
        return Cell("no", _difference(wanted, after))

    return experiment


def _short(line: str) -> str:
    return line if len(line) <= 100 else line[:97] + "…"


def _difference(wanted: bytes, after: bytes) -> str:
    at = next((at for at, (a, b) in enumerate(zip(wanted, after, strict=False)) if a != b), None)
    at = min(len(wanted), len(after)) if at is None else at
    return f"`{after[max(at - 6, 0) : at + 10]!r}` where `{wanted[max(at - 6, 0) : at + 10]!r}` belongs"


def plain(text: str) -> bytes:
    return text.encode()


def windows(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def mixed(text: str) -> bytes:
    """Windows' line endings up to the first empty line, others after it."""
    head, gap, rest = text.partition("\n\n")
    return windows(head) + (gap + rest).encode()


def marked(text: str) -> bytes:
    return codecs.BOM_UTF8 + text.encode()


def tabs(text: str) -> bytes:
    return text.replace("    ", "\t").encode()


def unfinished(text: str) -> bytes:
    return text.rstrip("\n").encode()


def fed(text: str) -> bytes:
    return text.replace("\n\n\n", "\n\n\f\n", 1).encode()


def western(text: str) -> bytes:
    return ("# -*- coding: latin-1 -*-\n# caf\xe9\n" + text).encode("latin-1")


def keeps_mode(trial: Trial) -> Cell:
    """A script stays one that can be run."""
    trial.write()
    os.chmod(trial.file, 0o755)
    trial.run("fix")
    mode = stat.S_IMODE(trial.file.stat().st_mode)
    return seen(mode == 0o755, f"its mode is {mode:o} then, not 755")


def keeps_link(trial: Trial) -> Cell:
    """A link stays a link, and the file behind it is fixed."""
    trial.write(name="elsewhere/real.py")
    trial.file.symlink_to("elsewhere/real.py")
    trial.run("fix")
    if not trial.file.is_symlink():
        return Cell("no", "the link becomes a file of its own")
    real = (trial.folder / "elsewhere/real.py").read_bytes()
    return seen(real == trial.peer.fixed.encode(), "the file behind the link is not fixed")


def is_quiet_again(trial: Trial) -> Cell:
    trial.write()
    trial.run("fix")
    once = trial.file.read_bytes()
    trial.run("fix")
    return seen(once == trial.file.read_bytes(), "a second run changes more")


def writes_nothing_on_check(trial: Trial) -> Cell:
    before = trial.write()
    found = trial.finds()
    if trial.file.read_bytes() != before:
        return Cell("no", "the file is changed")
    return seen(found, "the fault is not reported")


def diff_applies(trial: Trial) -> Cell:
    """What it prints as a diff goes through `git apply` and gives what its fix gives."""
    subprocess.run(["git", "init", "--quiet"], cwd=trial.folder, check=True)
    trial.write()
    text = trial.run("diff").out
    if trial.out.exists() and "@@" in trial.out.read_text("utf-8"):
        return Cell("partly", "the diff is a string in its JSON report, without names of files")
    if "+" not in text or "@@" not in text:
        return Cell("no", "prints no diff")
    applied = subprocess.run(
        ["git", "apply", "--ignore-whitespace", "-p0" if f"--- {trial.file.name}" in text else "-p1", "-"],
        cwd=trial.folder,
        input=text.encode(),
        capture_output=True,
    )
    if trial.file.read_bytes() == trial.peer.fixed.encode():
        return seen(True, "")
    why = applied.stderr.decode().strip().splitlines()
    why_line = why[0].replace(str(trial.folder), "…") if why else "another result than its fix"
    return Cell("partly", f"prints a diff that `git apply` does not take («{_short(why_line)}»)")
