"""The language server, spoken to as editors speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from kerasfix.lsp.server import make_server
from kerasfix.lsp.texts import Checked, Document, Text
from kerasfix.source import Source
from tests.lsp.editor import IMPORTS, MENDED, NET, Editor, editor

Script = Callable[[Editor], Awaitable[None]]
START = types.Range(types.Position(0, 0), types.Position(0, 0))


def play(folder: Path, script: Script, **how: Any) -> None:
    """Do with a fresh editor what a script says."""

    async def session() -> None:
        async with editor(folder, **how) as one:
            await asyncio.wait_for(script(one), 60)

    asyncio.run(session())


def test_findings_are_pushed_while_people_type(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", MENDED)
        assert await one.pushed(uri, 1) == []
        one.type(uri, NET)
        [found] = await one.pushed(uri, 2)
        assert (found.code, found.source, found.severity) == (
            "KF101",
            "kerasfix",
            types.DiagnosticSeverity.Error,
        )
        assert (found.range.start, found.range.end) == (types.Position(10, 4), types.Position(10, 22))
        one.type(uri, MENDED)
        assert await one.pushed(uri, 3) == []

    play(tmp_path, script, pull=False)


def test_the_disk_is_not_asked_for_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MENDED)

    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        assert [each.code for each in await one.pull(uri)] == ["KF101"]
        assert (tmp_path / "net.py").read_text() == MENDED

    play(tmp_path, script)


def test_half_a_line_is_no_reason_to_stop(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET + "x = (")
        assert await one.pull(uri) == []
        one.type(uri, NET)
        assert len(await one.pull(uri)) == 1

    play(tmp_path, script)


def test_a_quick_fix_says_how_sure_it_is_and_mends(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        [found] = await one.pull(uri)
        fix, ignore = await one.actions(uri, found.range, "quickfix")
        assert fix.title == "KF101: Take `training=None` and pass `training=training` to Dropout (repair)"
        assert fix.is_preferred
        assert ignore.title == "KF101: Ignore on this line"
        one.make(fix.edit)
        assert one.texts[uri] == MENDED
        assert await one.pull(uri) == []

    play(tmp_path, script)


def test_ignoring_puts_a_comment_where_it_counts(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        [found] = await one.pull(uri)
        *_, ignore = await one.actions(uri, found.range, "quickfix")
        one.make(ignore.edit)
        assert "  # noqa: KF101\n" in one.texts[uri]
        assert await one.pull(uri) == []

    play(tmp_path, script)


def test_the_configuration_chooses_rules(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kerasfix]\nignore = ["KF101"]\n')

    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        assert await one.pull(uri) == []

    play(tmp_path, script)


def test_fix_all_leaves_suggestions_to_people(tmp_path: Path) -> None:
    broken = NET + (
        "\n\nclass Chain(keras.Model):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.one = layers.Dense(4)\n"
        "        self.two = layers.Dense(4)\n"
        "\n"
        "    def call(self, x):\n"
        "        y = self.one(x)\n"
        "        y = self.two(x)\n"
        "        return y\n"
    )

    async def script(one: Editor) -> None:
        uri = one.open("net.py", broken)
        [everything] = await one.actions(uri, START, "source.fixAll")
        assert everything.kind == "source.fixAll.kerasfix"
        one.make(everything.edit)
        assert one.texts[uri] == broken.replace(NET, MENDED)
        [chain] = await one.pull(uri)
        assert chain.code == "KF201"
        assert [each.message for each in chain.related_information or ()] == ["the output of one is lost"]
        assert await one.actions(uri, START, "source.fixAll.ruff") == []

    play(tmp_path, script)


@pytest.mark.parametrize(
    ("encoding", "more"),
    [
        (types.PositionEncodingKind.Utf8, 3),
        (types.PositionEncodingKind.Utf16, 1),
        (types.PositionEncodingKind.Utf32, 0),
    ],
)
def test_columns_count_as_the_client_counts(
    encoding: types.PositionEncodingKind, more: int, tmp_path: Path
) -> None:
    """A die before the call takes four bytes, two code units or one character."""
    text = MENDED.replace("self.drop(x, training=training)", "'🎲', self.drop(x)")

    async def script(one: Editor) -> None:
        uri = one.open("net.py", text)
        [found] = await one.pull(uri)
        in_characters = text.splitlines()[11].index("self.drop")
        assert found.range.start == types.Position(11, in_characters + more)
        assert found.range.end == types.Position(11, in_characters + more + len("self.drop(x)"))

    play(tmp_path, script, encodings=[encoding])


def test_a_hover_shows_the_page_of_the_rule(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        place = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(10, 10))
        hover = await one.client.text_document_hover_async(place)
        assert hover is not None
        assert isinstance(hover.contents, types.MarkupContent)
        assert hover.contents.value.startswith("**KF101** `call` of Net reaches Dropout")
        assert "# missing-training-parameter (KF101)" in hover.contents.value
        nowhere = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(1, 0))
        assert await one.client.text_document_hover_async(nowhere) is None

    play(tmp_path, script)


def test_a_fix_may_need_two_open_files(tmp_path: Path) -> None:
    base = NET.replace("class Net", "class Base").replace("def call", "def body")
    heir = (
        "from base import Base\n\n\nclass Net(Base):\n    def call(self, x):\n        return self.body(x)\n"
    )
    for name, text in (("base.py", base), ("net.py", heir)):
        (tmp_path / name).write_text(text)

    async def script(one: Editor) -> None:
        uri = one.open("net.py", heir)
        assert all("Ignore" in each.title for each in await one.actions(uri, _all(heir), "quickfix"))
        other = one.open("base.py", base)
        fixes = [each for each in await one.actions(uri, _all(heir), "quickfix") if each.is_preferred]
        one.make(fixes[0].edit)
        assert "def body(self, x, training=None)" in one.texts[other]
        assert "self.body(x, training=training)" in one.texts[uri]

    play(tmp_path, script)


def _all(text: str) -> types.Range:
    return types.Range(types.Position(0, 0), types.Position(text.count("\n"), 0))


def test_what_is_saved_elsewhere_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text(MENDED)
    uses = IMPORTS + (
        "from parts import Net\n\n\n"
        "class Whole(keras.Model):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.net = Net()\n"
        "\n"
        "    def call(self, x):\n"
        "        return self.net(x)\n"
    )

    async def script(one: Editor) -> None:
        uri = one.open("whole.py", uses)
        assert [each.code for each in await one.pull(uri)] == ["KF101"]
        harmless = MENDED.replace("layers.Dropout(0.5)", "layers.Dense(5)")
        (tmp_path / "parts.py").write_text(
            harmless.replace("self.drop(x, training=training)", "self.drop(x)")
        )
        one.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([]))
        assert await one.pull(uri) == []

    play(tmp_path, script)


def test_cells_of_a_notebook_have_their_own_findings(tmp_path: Path) -> None:
    sources = ["%matplotlib inline\n" + IMPORTS.rstrip(), NET.removeprefix(IMPORTS), "net = Net()\nnet?"]
    uris = [f"vscode-notebook-cell:/net.ipynb#{number}" for number in range(3)]

    async def script(one: Editor) -> None:
        cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris]
        book = types.NotebookDocument(one.uri("net.ipynb"), "jupyter-notebook", 1, cells)
        items = [types.TextDocumentItem(u, "python", 1, s) for u, s in zip(uris, sources, strict=True)]
        one.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(book, items))
        one.texts.update(zip(uris, sources, strict=True))
        one.versions.update(dict.fromkeys(uris, 1))
        [found] = await one.pull(uris[1])
        assert (found.code, found.range.start) == ("KF101", types.Position(5, 4))
        assert await one.pull(uris[0]) == []
        fix, _ = await one.actions(uris[1], found.range, "quickfix")
        for change in (fix.edit and fix.edit.document_changes) or ():
            assert isinstance(change, types.TextDocumentEdit)
            assert change.text_document.uri == uris[1]
            starts = [each.range.start for each in change.edits]
            assert starts == [types.Position(5, 20), types.Position(6, 26)]

    play(tmp_path, script)


def test_the_client_chooses_rules(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        assert await one.pull(one.open("net.py", NET)) == []

    play(tmp_path, script, options={"ignore": ["KF1"]})


def test_the_project_chooses_severities(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kerasfix]\nmin-severity = "error"\n')
    info = NET.replace("(self, x):", "(self, x, training=None):")

    async def script(one: Editor) -> None:
        uri = one.open("net.py", info)
        assert await one.pull(uri) == []
        one.type(uri, NET)
        assert len(await one.pull(uri)) == 1

    play(tmp_path, script)


def test_a_closed_text_has_no_findings(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        assert await one.pushed(uri, 1)
        one.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )
        for _ in range(100):
            if not one.client.diagnostics[uri]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the findings stayed")

    play(tmp_path, script, pull=False)


def test_a_thousand_keystrokes_leave_one_answer_and_no_process(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        for number in range(1000):
            one.type(uri, NET + f"x = {number}\n")
        found = await one.pushed(uri, 1001)
        assert [each.code for each in found] == ["KF101"]

    play(tmp_path, script, pull=False)


def test_a_model_can_be_verified_from_above_its_class(tmp_path: Path) -> None:
    async def script(one: Editor) -> None:
        uri = one.open("net.py", NET)
        where = types.CodeLensParams(types.TextDocumentIdentifier(uri))
        [lens] = await one.client.text_document_code_lens_async(where) or []
        assert lens.command is not None
        assert lens.command.title == "kerasfix: verify Net"
        assert lens.range.start == types.Position(5, 0)
        run = types.ExecuteCommandParams(lens.command.command, arguments=lens.command.arguments)
        await one.client.workspace_execute_command_async(run)
        [lens] = await one.client.text_document_code_lens_async(where) or []
        assert lens.command is not None
        assert lens.command.title.startswith(
            "kerasfix: Net proved (drop (Dropout) did not run in training mode"
        )
        assert any("Net proved" in message.message for message in one.client.messages)

    play(tmp_path, script)


def test_who_asks_while_a_check_runs_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check after a moment of quiet and an editor that asks itself are one check."""
    server = make_server()
    document = Document(tmp_path / "a.py", (Text("file:///a.py", 1, Source(NET)),))
    seen: list[list[Document]] = []

    def check(documents: list[Document]) -> list[Checked]:
        seen.append(documents)
        time.sleep(0.05)
        return [Checked(each, None) for each in documents]

    async def twice() -> None:
        await asyncio.gather(server.check(), server.check())

    monkeypatch.setattr(server, "documents", lambda: [document])
    monkeypatch.setattr(server.checker, "check", check)
    asyncio.run(twice())
    server.stop()
    assert seen == [[document]]
