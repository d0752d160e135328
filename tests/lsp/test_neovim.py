"""A real editor: Neovim opens a model, gets the findings, makes the quick fix, and saves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parent.parent / "fixtures" / "dcgan" / "dcgan.py"
SCRIPT = """\
local function fail(message)
  io.stderr:write(message .. "\\n")
  vim.cmd("cquit 1")
end

local id = vim.lsp.start_client({
  name = "kerasfix",
  cmd = { "@PYTHON@", "-m", "kerasfix.lsp" },
  root_dir = "@FOLDER@",
})
vim.lsp.buf_attach_client(0, id)
local function found()
  return vim.diagnostic.get(0)
end
if not vim.wait(60000, function() return #found() > 0 end, 50) then fail("no diagnostics") end
for _, each in ipairs(found()) do
  print(string.format("%s %d:%d", each.code, each.lnum + 1, each.col + 1))
end

local client = vim.lsp.get_client_by_id(id)
local everything = {
  textDocument = vim.lsp.util.make_text_document_params(),
  range = { start = { line = 0, character = 0 }, ["end"] = { line = 0, character = 0 } },
  context = { diagnostics = {}, only = { "@KIND@" } },
}
if "@KIND@" == "quickfix" then
  local last = vim.api.nvim_buf_line_count(0)
  everything.range["end"] = { line = last, character = 0 }
end
local answers = vim.lsp.buf_request_sync(0, "textDocument/codeAction", everything, 60000)
for _, answer in pairs(answers or {}) do
  for _, action in ipairs(answer.result or {}) do
    if action.isPreferred or "@KIND@" ~= "quickfix" then
      print(action.title)
      vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
      break
    end
  end
end
vim.cmd("write")
vim.cmd("qall!")
"""


@pytest.fixture
def nvim() -> str:
    found = shutil.which("nvim")
    if found is None:
        pytest.skip("Neovim is not installed")
    return found


def drive(nvim: str, file: Path, kind: str) -> str:
    script = file.with_suffix(".lua")
    text = (
        SCRIPT.replace("@PYTHON@", sys.executable)
        .replace("@FOLDER@", str(file.parent))
        .replace("@KIND@", kind)
    )
    script.write_text(text)
    done = subprocess.run(
        [nvim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}", str(file)],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_neovim_makes_a_quick_fix(nvim: str, tmp_path: Path) -> None:
    file = tmp_path / "dcgan.py"
    shutil.copy(FIXTURE, file)
    said = drive(nvim, file, "quickfix")
    assert "KF10" in said
    assert file.read_text() != FIXTURE.read_text()
    changed = sum(
        a != b for a, b in zip(file.read_text().split("\n"), FIXTURE.read_text().split("\n"), strict=True)
    )
    assert 0 < changed < 6


def test_neovim_fixes_all(nvim: str, tmp_path: Path) -> None:
    file, other = tmp_path / "dcgan.py", tmp_path / "other.py"
    shutil.copy(FIXTURE, file)
    shutil.copy(FIXTURE, other)
    drive(nvim, file, "source.fixAll")
    subprocess.run(
        [sys.executable, "-m", "kerasfix", "--apply", str(other)], capture_output=True, check=False
    )
    assert file.read_bytes() == other.read_bytes()
