"""Experiments with language servers."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.comparison.cell import YES, Cell, seen
from benchmarks.comparison.client import Client
from benchmarks.comparison.trial import Experiment, Missing, Trial


def _served(ask: Experiment) -> Experiment:
    """The experiment, where the tool has a server."""

    def asked(trial: Trial) -> Cell:
        if not trial.peer.server:
            if ask.__name__ != "says_unsaved":
                return Cell("none")
            raise Missing
        return ask(trial)

    return asked


def _opened(trial: Trial, client: Client) -> tuple[str, dict[str, Any]]:
    uri = client.open("models.py", trial.peer.source)
    found = [each for each in client.told(uri) if str(each.get("code")) == trial.peer.code]
    found = found or [each for each in client.told(uri) if trial.peer.code in json.dumps(each)]
    return uri, found[0] if found else {}


def _actions(trial: Trial, only: list[str] | None = None) -> list[dict[str, Any]]:
    with Client(trial.peer, trial.folder) as client:
        uri, finding = _opened(trial, client)
        if not finding:
            return []
        context: dict[str, Any] = {"diagnostics": [finding]} | ({"only": only} if only else {})
        asked = {"textDocument": {"uri": uri}, "range": finding["range"], "context": context}
        actions = client.ask("textDocument/codeAction", asked) or []
        return [
            each
            if "edit" in each or not isinstance(each, dict)
            else client.ask("codeAction/resolve", each) or each
            for each in actions
        ]


@_served
def says_unsaved(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        return seen(bool(_opened(trial, client)[1]), "says nothing of it")


@_served
def offers_fix(trial: Trial) -> Cell:
    for action in _actions(trial):
        if action.get("kind", "").startswith("quickfix") and "newText" in json.dumps(action.get("edit", {})):
            return YES
    return Cell("no", "no code action with an edit")


@_served
def fixes_all(trial: Trial) -> Cell:
    found = [each for each in _actions(trial, ["source.fixAll"]) if "source.fixAll" in each.get("kind", "")]
    if any("newText" in json.dumps(each) for each in found):
        return YES
    with Client(trial.peer, trial.folder) as client:
        uri, _ = _opened(trial, client)
        options = {"tabSize": 4, "insertSpaces": True}
        edits = client.ask("textDocument/formatting", {"textDocument": {"uri": uri}, "options": options})
    if edits and trial.peer.fixed in json.loads(json.dumps(edits))[0]["newText"]:
        return Cell("partly", "no such action; its answer to a request to format is the fixed text")
    return Cell("no", "no such action")


@_served
def silences(trial: Trial) -> Cell:
    texts = [json.dumps(each.get("edit", {})) for each in _actions(trial)]
    return seen(any("noqa" in text or "ignore" in text for text in texts), "no such action")


@_served
def hovers(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        if not client.capabilities.get("hoverProvider"):
            return Cell("no", "no hover")
        uri, finding = _opened(trial, client)
        at = {"textDocument": {"uri": uri}, "position": finding["range"]["start"]}
        if len(json.dumps(client.ask("textDocument/hover", at) or "")) > 200:
            return YES
        comment = trial.peer.silencers["line"]
        line = trial.peer.source.split("\n")[0]
        uri = client.open("silenced.py", f"{line}  {comment}\n")
        at = {
            "textDocument": {"uri": uri},
            "position": {"line": 0, "character": len(line) + 2 + len(comment) - 2},
        }
        over = json.dumps(client.ask("textDocument/hover", at) or "")
        return (
            Cell("partly", "over the code in a `# noqa` comment, not over the fault")
            if len(over) > 200
            else Cell("no", "says nothing")
        )


@_served
def opens_notebooks(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        if not client.capabilities.get("notebookDocumentSync"):
            return Cell("no", "none in its capabilities")
        cell = (trial.folder / "models.ipynb").as_uri() + "#one"
        client.tell(
            "notebookDocument/didOpen",
            {
                "notebookDocument": {
                    "uri": (trial.folder / "models.ipynb").as_uri(),
                    "notebookType": "jupyter-notebook",
                    "version": 1,
                    "cells": [{"kind": 2, "document": cell}],
                },
                "cellTextDocuments": [
                    {"uri": cell, "languageId": "python", "version": 1, "text": trial.peer.source}
                ],
            },
        )
        return seen(trial.peer.code in json.dumps(client.told(cell)), "says nothing of a cell")


@_served
def negotiates(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        chosen = client.capabilities.get("positionEncoding", "utf-16")
        return seen(chosen != "utf-16", f"{chosen}, though the client prefers UTF-8")


@_served
def answers_pull(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        if not client.capabilities.get("diagnosticProvider"):
            return Cell("no", "none in its capabilities; it pushes them")
        uri = client.open("models.py", trial.peer.source)
        said = client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        return seen(trial.peer.code in json.dumps(said), "nothing in the answer")


@_served
def has_lens(trial: Trial) -> Cell:
    with Client(trial.peer, trial.folder) as client:
        if not client.capabilities.get("codeLensProvider"):
            return Cell("none")
        uri, _ = _opened(trial, client)
        lenses = client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
        return seen(bool(lenses), "no lens over a model")
