"""Experiments with notebooks."""

from __future__ import annotations

import json
import re

from benchmarks.comparison.cell import YES, Cell, seen
from benchmarks.comparison.trial import Trial

_NAME = "models.ipynb"


def _code(source: str, **more: object) -> dict[str, object]:
    lines = source.splitlines(keepends=True)
    return {
        "source": lines,
        "outputs": [],
        "metadata": {},
        "execution_count": None,
        "cell_type": "code",
        **more,
    }


def _notebook(*cells: dict[str, object]) -> str:
    """A notebook as few programs write it: three spaces, keys in another order, escapes, no last newline."""
    whole = {
        "nbformat_minor": 4,
        "nbformat": 4,
        "metadata": {"language_info": {"name": "python"}, "author": "René"},
        "cells": list(cells),
    }
    return json.dumps(whole, indent=3, ensure_ascii=True)


def _parts(text: str) -> tuple[str, str]:
    """The imports of a program, and the rest."""
    head, _, rest = text.partition("\n\n\n")
    return (head, rest) if head.startswith(("import", "from")) else ("answer = 42", text)


def _whole(text: str) -> str:
    imports, rest = _parts(text)
    output = {"output_type": "stream", "name": "stdout", "text": ["été\n"]}
    return _notebook(_code(imports), _code("%matplotlib inline\n!pip list\n"), _code(rest, outputs=[output]))


def fixes_notebook(trial: Trial) -> Cell:
    trial.write(_whole(trial.peer.source), _NAME)
    done = trial.run("fix", file=_NAME)
    after = json.loads((trial.folder / _NAME).read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in after["cells"]]
    if _parts(trial.peer.fixed)[1] in sources:
        return YES
    if done.crashed:
        return Cell("no", f"a traceback: «{done.last_line}»")
    return Cell("no", "passed by, without a word" if _NAME not in done.said else "the fault stays")


def keeps_notebook(trial: Trial) -> Cell:
    before, wanted = _whole(trial.peer.source), _whole(trial.peer.fixed)
    trial.write(before, _NAME)
    trial.run("fix", file=_NAME)
    after = (trial.folder / _NAME).read_text("utf-8")
    if after == before:
        return Cell("none")
    if after == wanted:
        return YES
    losses = []
    if "\\u00e9" not in after:
        losses.append("escapes become letters")
    if not re.search(r'^   "', after, re.M):
        losses.append("another indent")
    if after.endswith("\n"):
        losses.append("a newline at the end")
    if after.find('"cells"') < after.find('"nbformat"'):
        losses.append("keys in another order")
    seen_losses = "; ".join(losses) or "other bytes change"
    if _keeps_usual(trial):
        return Cell(
            "partly", f"a notebook as Jupyter writes it stays; in one of another shape: {seen_losses}"
        )
    return Cell("no", seen_losses)


def _keeps_usual(trial: Trial) -> bool:
    """Whether a notebook in the shape that Jupyter gives it stays as it is outside the edit."""

    def usual(text: str) -> str:
        return json.dumps(json.loads(_whole(text)), indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    trial.write(usual(trial.peer.source), "usual.ipynb")
    trial.run("fix", file="usual.ipynb")
    return (trial.folder / "usual.ipynb").read_text("utf-8") == usual(trial.peer.fixed)


def joins_cells(trial: Trial) -> Cell:
    """A name that one cell imports counts as used in another."""
    if trial.peer.name == "ruff":
        trial.write(_notebook(_code("import os\n"), _code("print(os.getcwd())\n")), _NAME)
        return seen(
            "F401" not in trial.report(file=_NAME), "an import that another cell uses is called unused"
        )
    trial.write(_whole(trial.peer.source), _NAME)
    return YES if trial.finds(file=_NAME) else Cell("none")


def names_cell(trial: Trial) -> Cell:
    trial.write(_whole(trial.peer.source), _NAME)
    said = trial.report(file=_NAME)
    if trial.peer.code not in said:
        return Cell("none")
    return seen(bool(re.search(r"cell[ :_]?3", said)), "the cell is not named")


def refuses_old(trial: Trial) -> Cell:
    """A notebook of nbformat 3 is named as what is not read."""
    if fixes_notebook(trial).mark != "yes":
        return Cell("none")
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [], "metadata": {}}]}
    trial.write(json.dumps(old), _NAME)
    done = trial.run("check", file=_NAME)
    if done.crashed:
        return Cell("no", f"a traceback: «{done.last_line}»")
    if re.search(r"nbformat 3|version 3|not supported", done.said, re.I):
        return YES
    if done.status and done.said.strip():
        return Cell("partly", f"a message that does not name the version: «{done.headline}»")
    return Cell("no", "passed by, without a word")
