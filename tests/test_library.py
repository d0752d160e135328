"""Modules that are only imported are read once while they stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerasfix.analysis.library import Library
from kerasfix.analysis.places import Places


def test_a_module_is_read_once_while_it_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    library = Library()
    first = library.source(str(path))
    assert first is not None
    assert library.source(str(path)) is first
    path.write_text("x = 22\n")
    second = library.source(str(path))
    assert second is not None
    assert second.text == "x = 22\n"
    os.utime(path, ns=(1, 1))
    assert library.source(str(path)) is not second
    assert library.read == {str(path): (1, 7)}


@pytest.mark.parametrize(
    "data", [b"class (\n", b"x = '\xff'\n", b"x = 1\n" * 400_000], ids=["", "bytes", "big"]
)
def test_what_cannot_be_read_is_no_module(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert Library().source(str(path)) is None


def test_a_module_that_is_gone_is_none_and_is_seen_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    library = Library()
    assert library.source(str(path)) is None
    assert library.read == {str(path): None}
    path.write_text("x = 1\n")
    assert library.source(str(path)) is not None


def test_files_on_two_drives_have_no_folder_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Places(["/a/b/c.py", "/a/d.py"]).common_folder == "/a"

    def fail(_paths: object) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", fail)
    assert Places(["/a/b/c.py", "/a/d.py"]).common_folder is None
