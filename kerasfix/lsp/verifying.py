"""The lens above a class: original and patched model run in a process of their own, and the lens tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from kerasfix.lsp.texts import Checked, Document

if TYPE_CHECKING:
    from kerasfix.lsp.server import KerasfixServer


class Verifying:
    """Runs verifications for one client, one at a time.

    Args:
        server: Whom to tell.
    """

    def __init__(self, server: KerasfixServer) -> None:
        self._server = server
        self._process: asyncio.subprocess.Process | None = None
        # By path and class: the versions that it was said of, and what.
        self._verdicts: dict[tuple[Path, str], tuple[tuple[int | None, ...], str]] = {}
        self._turn = asyncio.Lock()

    def verdicts(self, document: Document) -> dict[str, str]:
        """What is known of the classes of a document as it is now, by their names."""
        return {
            name: said
            for (path, name), (versions, said) in self._verdicts.items()
            if path == document.path and versions == document.versions
        }

    async def run(self, checked: Checked, name: str) -> None:
        """Verify the fixes of a document, and show what came of one class."""
        document = checked.document
        async with self._turn:
            self._show(f"Verifying {name} ...")
            models, said = await self._models(document)
        for model in models:
            title = _title(model)
            self._verdicts[document.path, model["class_name"]] = (document.versions, title)
            if model["class_name"] == name:
                said = title
        self._show(said or f"kerasfix: no fix touches {name}, so there is nothing to compare")
        workspace = self._server.client_capabilities.workspace
        if workspace is not None and workspace.code_lens is not None and workspace.code_lens.refresh_support:
            self._server.workspace_code_lens_refresh(None)

    async def _models(self, document: Document) -> tuple[list[dict[str, Any]], str]:
        """The reports on the models of a document; else what kept it from being verified."""
        with tempfile.TemporaryDirectory(prefix="kerasfix-") as folder:
            report = Path(folder, "report.json")
            command = [
                sys.executable,
                "-m",
                "kerasfix",
                "--verify",
                "--report",
                str(report),
                "-o",
                os.devnull,
            ]
            data = document.texts[0].source.data
            if document.cells is None:
                command += ["--stdin-filename", str(document.path), "-"]
            else:
                # What is typed into a notebook is verified once it is saved.
                command.append(str(document.path))
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
                _, trouble = await self._process.communicate(data)
            except asyncio.CancelledError:
                self.stop()
                raise
            finally:
                self._process = None
            try:
                return json.loads(report.read_text("utf-8"))["models"], ""
            except (OSError, ValueError, KeyError):
                last = trouble.decode("utf-8", "replace").strip().splitlines()[-1:]
                return [], f"kerasfix: {last[0] if last else 'the verification said nothing'}"

    def stop(self) -> None:
        """End what runs, with all its children."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGTERM)
                else:
                    process.terminate()

    def _show(self, message: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))


def _title(model: dict[str, Any]) -> str:
    reasons = model["reasons"]
    return f"kerasfix: {model['class_name']} {model['verdict']}" + (f" ({reasons[0]})" if reasons else "")
