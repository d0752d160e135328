"""An editor as the language server sees one: opens texts, types, asks, and makes the edits that it gets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient, client_capabilities, make_test_lsp_client

IMPORTS = "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\n\n\n"
NET = IMPORTS + (
    "class Net(keras.Model):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.drop = layers.Dropout(0.5)\n"
    "\n"
    "    def call(self, x):\n"
    "        return self.drop(x)\n"
)
MENDED = NET.replace("(self, x):", "(self, x, training=None):").replace(
    "drop(x)", "drop(x, training=training)"
)


class Editor:
    """What has one server process and some texts."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> str:
        uri = self.uri(name)
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, text: str) -> None:
        """The text becomes another one."""
        self.texts[uri] = text
        self.versions[uri] += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri]),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def pull(self, uri: str) -> list[types.Diagnostic]:
        report = await self.client.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
        )
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        return list(report.items)

    async def pushed(self, uri: str, version: int) -> list[types.Diagnostic]:
        """What the server says of a version of a text, when it has said it."""
        for _ in range(600):
            if uri in self.client.diagnostics and self.said.get(uri) == version:
                return list(self.client.diagnostics[uri])
            await asyncio.sleep(0.05)
        raise AssertionError(f"no diagnostics of version {version} of {uri}")

    @property
    def said(self) -> dict[str, int]:
        return getattr(self.client, "said", {})

    async def actions(self, uri: str, range_: types.Range, *only: str) -> list[types.CodeAction]:
        context = types.CodeActionContext([], only=list(only) or None)  # type: ignore[arg-type]
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(types.TextDocumentIdentifier(uri), range_, context)
        )
        return [each for each in found or () if isinstance(each, types.CodeAction)]

    def make(self, edit: types.WorkspaceEdit | None) -> None:
        """Make an edit of the server's in the texts, as UTF-16 counts columns."""
        assert edit is not None
        for change in edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            uri = change.text_document.uri
            assert change.text_document.version == self.versions[uri]
            text = self.texts[uri]
            made = [(_offset(text, e.range.start), _offset(text, e.range.end), e) for e in change.edits]
            for start, end, each in sorted(made, key=lambda one: one[0], reverse=True):
                assert isinstance(each, types.TextEdit)
                text = text[:start] + each.new_text + text[end:]
            self.type(uri, text)


def _offset(text: str, position: types.Position) -> int:
    lines = text.splitlines(keepends=True)
    before = sum(len(line) for line in lines[: position.line])
    line = lines[position.line] if position.line < len(lines) else ""
    return before + len(line.encode("utf-16-le")[: position.character * 2].decode("utf-16-le"))


@asynccontextmanager
async def editor(
    folder: Path, like: str = "visual-studio-code", options: Any = None, **capabilities: Any
) -> AsyncIterator[Editor]:
    """An editor with a server of its own.

    Args:
        folder: What is open in it.
        like: The editor whose capabilities it has, by pytest-lsp's names.
        options: What it tells the server in the beginning.
        capabilities: `encodings`: the position encodings that it knows; `pull`: whether it asks for
            diagnostics itself.
    """
    client = make_test_lsp_client()
    said: dict[str, int] = {}
    client.said = said

    # pytest-lsp's own handler forgets the version.
    client.protocol.fm.features.pop(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def publish(params: types.PublishDiagnosticsParams) -> None:
        client.diagnostics[params.uri] = list(params.diagnostics)
        if params.version is not None:
            said[params.uri] = params.version

    await client.start_io(sys.executable, "-m", "kerasfix.lsp")
    known = client_capabilities(like)
    if "encodings" in capabilities:
        known.general = known.general or types.GeneralClientCapabilities()
        known.general.position_encodings = capabilities["encodings"]
    if not capabilities.get("pull", True) and known.text_document is not None:
        known.text_document.diagnostic = None
    await client.initialize_session(
        types.InitializeParams(
            capabilities=known,
            root_uri=folder.as_uri(),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
            initialization_options=options,
        )
    )
    try:
        yield Editor(client, folder)
    finally:
        await client.shutdown_session()
        await client.stop()
