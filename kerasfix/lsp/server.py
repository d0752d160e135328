"""The server: what a client asks, and when checks run.

Checks run one after the other in a thread of their own, a moment after the last keystroke; what they say of a
text that has changed meanwhile is thrown away. All open documents are one project.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from kerasfix import __version__
from kerasfix.findings import Severity
from kerasfix.lsp.answers import FIX_ALL, VERIFY, Answers, wants_fix_all
from kerasfix.lsp.checking import Checker
from kerasfix.lsp.texts import Checked, Document, Text
from kerasfix.lsp.verifying import Verifying
from kerasfix.notebook import Cells
from kerasfix.selection import Selection
from kerasfix.source import Source

_log = logging.getLogger(__name__)
# Seconds of quiet before a text is looked at.
DEBOUNCE = 0.15
_NOTEBOOK = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook="jupyter-notebook",
            cells=[types.NotebookCellLanguage(language="python")],
        )
    ],
    save=True,
)


class KerasfixServer(LanguageServer):
    """Keeps what is known of the open documents of one client."""

    def __init__(self) -> None:
        super().__init__(
            "kerasfix", __version__, types.TextDocumentSyncKind.Incremental, notebook_document_sync=_NOTEBOOK
        )
        self.checker = Checker(Selection())
        self.verifying = Verifying(self)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kerasfix")
        self._waiting: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._checked: dict[str, Checked] = {}
        # What the client was told last, so that it is told nothing twice.
        self._told: dict[str, tuple[int | None, list[types.Diagnostic]]] = {}

    # --- What is open -------------------------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """All that the client has open, notebooks as one document each."""
        found = [self._notebook(uri) for uri in self.workspace.notebook_documents]
        cells = {text.uri for document in found for text in document.texts}
        for uri, document in self.workspace.text_documents.items():
            if uri not in cells and document.language_id in (None, "", "python"):
                text = Text(uri, document.version, Source(document.source))
                found.append(Document(self._path(uri), (text,)))
        return [each for each in found if each.texts]

    def _notebook(self, uri: str) -> Document:
        notebook = self.workspace.notebook_documents[uri]
        texts: list[Text] = []
        numbered: list[tuple[int, str]] = []
        for number, cell in enumerate(notebook.cells, 1):
            document = self.workspace.text_documents.get(cell.document)
            if cell.kind is types.NotebookCellKind.Code and document is not None:
                texts.append(Text(cell.document, document.version, Source(document.source)))
                numbered.append((number, document.source))
        return Document(self._path(uri), tuple(texts), Cells(numbered))

    def _path(self, uri: str) -> Path:
        path = to_fs_path(uri) if uri.startswith("file:") else None
        # A text that was never saved lies in the folder that is open.
        folder = Path(self.workspace.root_path or ".")
        return Path(path) if path else folder / f"{unquote(urlsplit(uri).path).replace('/', '_')}.py"

    def units(self, text: str) -> int:
        return int(self.workspace.position_codec.client_num_units(text))

    def answers(self) -> Answers:
        by_file = {str(each.path.resolve()): each for each in self.documents()}
        return Answers(self.units, by_file.get)

    def text(self, uri: str, checked: Checked) -> Text:
        return next(text for text in checked.document.texts if text.uri == uri)

    # --- Checks -------------------------------------------------------------------------------------------

    def later(self) -> None:
        """Check when the client has been quiet for a moment."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().create_task(self._check_later())

    async def _check_later(self) -> None:
        await asyncio.sleep(DEBOUNCE)
        await self.check()
        self.publish()

    async def check(self) -> None:
        """See to it that what is known is about what is open now."""
        # Who asks while a check of the same text runs waits for what that finds, and makes no second one.
        async with self._one_at_a_time:
            await self._check()

    async def _check(self) -> None:
        documents = self.documents()
        if all(self._is_known(each) for each in documents) and len(documents) == self._count:
            return
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self.checker.check, documents)
        except Exception:
            # A fault of ours must not end the editor's session; the log says what it was.
            _log.exception("a check failed")
            return
        self._checked = {text.uri: each for each in found for text in each.document.texts}

    @property
    def _count(self) -> int:
        return len({id(each) for each in self._checked.values()})

    def _is_known(self, document: Document) -> bool:
        known = self._checked.get(document.texts[0].uri)
        if known is None or [text.uri for text in known.document.texts] != [
            text.uri for text in document.texts
        ]:
            return False
        return known.document.versions == document.versions

    async def checked(self, uri: str) -> Checked | None:
        """What is known of a text as it is now."""
        await self.check()
        found = self._checked.get(uri)
        is_current = found is not None and any(
            text.uri == uri and text.version == self._version(uri) for text in found.document.texts
        )
        return found if is_current else None

    def _version(self, uri: str) -> int | None:
        document = self.workspace.text_documents.get(uri)
        return document.version if document is not None else None

    def everything(self) -> list[Checked]:
        return list({id(each): each for each in self._checked.values()}.values())

    def forget(self) -> None:
        """Something changed in the project's files."""
        self.checker.forget()
        self._checked.clear()

    # --- Diagnostics --------------------------------------------------------------------------------------

    @property
    def pulls(self) -> bool:
        """Whether the client asks for diagnostics itself."""
        capabilities = self.client_capabilities.text_document
        return capabilities is not None and capabilities.diagnostic is not None

    def publish(self) -> None:
        """Tell the client what it does not know yet."""
        if self.pulls:
            workspace = self.client_capabilities.workspace
            if (
                workspace
                and workspace.diagnostics
                and workspace.diagnostics.refresh_support
                and self._is_news()
            ):
                self.workspace_diagnostic_refresh(None)
            return
        answers = self.answers()
        for each in self.everything():
            if not self._is_known(each.document):
                continue
            for text, found in answers.diagnostics(each).items():
                if self._version(text.uri) == text.version and self._told.get(text.uri) != (
                    text.version,
                    found,
                ):
                    self._told[text.uri] = (text.version, found)
                    self.text_document_publish_diagnostics(
                        types.PublishDiagnosticsParams(text.uri, found, text.version)
                    )

    def _is_news(self) -> bool:
        """Whether a text has other findings than when the client last asked, without being changed itself."""
        answers = self.answers()
        for each in self.everything():
            for text, found in answers.diagnostics(each).items():
                known = self._told.get(text.uri)
                if known is not None and known[0] == text.version and known[1] != found:
                    return True
        return False

    def told(self, text: Text, found: list[types.Diagnostic]) -> None:
        self._told[text.uri] = (text.version, found)

    def closed(self, uri: str) -> None:
        """A text that nobody looks at has no diagnostics."""
        self._checked.pop(uri, None)
        if self._told.pop(uri, None) is not None and not self.pulls:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self.verifying.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)


def make_server() -> KerasfixServer:
    """A server that is ready to be started."""
    server = KerasfixServer()
    _register_sync(server)
    _register_features(server)
    return server


def _register_sync(server: KerasfixServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        options = params.initialization_options
        server.checker = Checker(_selection(options if isinstance(options, dict) else {}))

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    async def changed(_params: Any) -> None:
        server.later()

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def saved(_params: Any) -> None:
        server.forget()
        server.later()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)
        server.later()

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    async def notebook_closed(params: types.DidCloseNotebookDocumentParams) -> None:
        for cell in params.cell_text_documents:
            server.closed(cell.uri)
        server.later()

    @server.feature(types.SHUTDOWN)
    def shutdown(_params: None) -> None:
        server.stop()


def _register_features(server: KerasfixServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(
            inter_file_dependencies=True, workspace_diagnostics=False, identifier="kerasfix"
        ),
    )
    async def diagnostic(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        checked = await server.checked(params.text_document.uri)
        items: list[types.Diagnostic] = []
        if checked is not None:
            text = server.text(params.text_document.uri, checked)
            items = server.answers().diagnostics(checked)[text]
            server.told(text, items)
        return types.RelatedFullDocumentDiagnosticReport(items=items)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL]),
    )
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri, wanted = params.text_document.uri, params.context.only
        checked = await server.checked(uri)
        if checked is None or checked.report is None:
            return []
        answers = server.answers()
        found = answers.actions(checked, server.text(uri, checked), params.range, wanted)
        if wants_fix_all(wanted) and checked.findings:
            plans = await asyncio.get_running_loop().run_in_executor(
                None, server.checker.plan, server.everything()
            )
            everything = answers.fix_all(plans)
            found += [everything] if everything is not None else []
        return found

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        checked = await server.checked(params.text_document.uri)
        if checked is None:
            return None
        text = server.text(params.text_document.uri, checked)
        return server.answers().hover(checked, text, params.position)

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    async def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        checked = await server.checked(params.text_document.uri)
        if checked is None:
            return []
        text = server.text(params.text_document.uri, checked)
        return server.answers().lenses(checked, text, server.verifying.verdicts(checked.document))

    @server.command(VERIFY)
    async def verify(uri: str, name: str) -> None:
        checked = await server.checked(uri)
        if checked is not None:
            await server.verifying.run(checked, name)


def _selection(options: dict[str, Any]) -> Selection:
    """What a client wants: `{"select": ["KF1"], "ignore": [], "minSeverity": "warning"}`."""
    known = [each.value for each in Severity]
    severity = options.get("minSeverity")
    return Selection(
        _codes(options.get("select")),
        _codes(options.get("ignore")),
        Severity(severity) if severity in known else Severity.INFO,
    )


def _codes(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    return tuple(each.upper() for each in given if isinstance(each, str))
