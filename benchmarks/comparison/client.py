"""The least of an editor: starts a language server, opens a text that is not on the disk, and asks."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.comparison.peers import Peer
from benchmarks.comparison.trial import command, environment

_CAPABILITIES = {
    "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "notebookDocument": {"synchronization": {"dynamicRegistration": False}},
    "textDocument": {
        "publishDiagnostics": {"codeDescriptionSupport": True, "dataSupport": True},
        "hover": {"contentFormat": ["markdown"]},
        "codeAction": {
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "codeActionLiteralSupport": {
                "codeActionKind": {"valueSet": ["quickfix", "source", "source.fixAll"]}
            },
        },
    },
}
PATIENCE = 20


class Client:
    """A server that runs, spoken to over its standard streams."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.folder = folder
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._count = 0
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self._process = subprocess.Popen(
            command(peer, list(peer.server)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment(folder),
        )
        threading.Thread(target=self._listen, daemon=True).start()
        root = folder.as_uri()
        started = self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "x"}],
                "capabilities": _CAPABILITIES,
            },
        )
        self.capabilities: dict[str, Any] = started["capabilities"]
        self.tell("initialized", {})

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self._process.stdin.flush()

    def tell(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        """The answer, or None if there is an error or none in time."""
        self._count += 1
        number = self._count
        self._answers[number] = queue.Queue()
        self._send({"id": number, "method": method, "params": parameters})
        try:
            return self._answers[number].get(timeout=PATIENCE).get("result")
        except queue.Empty:
            return None

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = stream.readline()
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            said = message["params"]
            self.diagnostics[said["uri"]] = said["diagnostics"]
        elif "method" in message and "id" in message:
            items = (
                message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            )
            self._send({"id": message["id"], "result": None if items is None else [None] * len(items)})
        elif message.get("id") in self._answers:
            self._answers[message["id"]].put(message)

    def open(self, name: str, text: str) -> str:
        """Open a text that is nowhere on the disk."""
        uri = (self.folder / name).as_uri()
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})
        return uri

    def told(self, uri: str) -> list[dict[str, Any]]:
        """What the server says of a text, as soon as it says something."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.diagnostics.get(uri):
                return self.diagnostics[uri]
            time.sleep(0.05)
        return []
