"""The page that compares kerasfix with other tools has the rows and tools that its script knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.comparison.cell import Cell
from benchmarks.comparison.features import FEATURES
from benchmarks.comparison.page import SIGNS, key, write_page
from benchmarks.comparison.peers import PEERS

PAGE = Path(__file__).parent.parent / "docs" / "comparison.md"
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """The cells of all rows of the tables, without the lines under their heads."""
    split = [row.split(" | ") for row in _ROW.findall(text)]
    return [row for row in split if set(row) != {"---"}]


def test_the_page_has_the_rows_that_the_script_knows() -> None:
    group = ""
    found = []
    for title, *cells in rows(PAGE.read_text("utf-8")):
        if cells[0].startswith("kerasfix "):
            group = title
        else:
            found.append(f"{group}: {title}")
    assert found == [key(feature) for feature in FEATURES]


def test_the_page_is_about_the_versions_that_the_script_installs() -> None:
    heads = [cells for _, *cells in rows(PAGE.read_text("utf-8")) if cells[0].startswith("kerasfix ")]
    wanted = [f"{peer.name} {peer.version}" for peer in PEERS[1:]]
    assert heads
    assert all(cells[1:] == wanted for cells in heads)


def test_every_mark_that_is_no_plain_yes_has_its_note() -> None:
    text = PAGE.read_text("utf-8")
    notes = set(re.findall(r"^(\d+)\. ", text.partition("## Notes")[2], re.MULTILINE))
    for title, *cells in rows(text):
        for cell in cells:
            if cell.startswith(("✗", "(✓)", "?")):
                number = re.search(r"\[(\d+)\]", cell)
                assert number is not None, f"{title}: {cell}"
                assert number[1] in notes, f"{title}: {cell}"


def test_the_page_names_no_place_of_the_machine() -> None:
    assert not re.search(r"/(tmp|home|root|work|Users)/", PAGE.read_text("utf-8"))


@pytest.mark.parametrize("mark", SIGNS)
def test_a_page_is_made_of_cells(mark: str) -> None:
    feature = FEATURES[0]
    results = {(key(feature), peer.name): Cell("yes") for peer in PEERS}
    results[key(feature), "ruff"] = Cell(mark, "seen so")  # type: ignore[arg-type]
    page = write_page(PEERS, [feature], results, "9.9")
    [head, row] = rows(page)
    assert head[:2] == [feature.group, "kerasfix 9.9"]
    assert row[1:3] == ["✓", f"{SIGNS[mark]} [1](#notes)"]  # type: ignore[index]
    assert "1. seen so" in page


def test_where_another_tool_does_more_the_page_says_so() -> None:
    feature = FEATURES[0]
    results = {(key(feature), peer.name): Cell("no", "nothing") for peer in PEERS}
    results[key(feature), "Fixit"] = Cell("yes")
    page = write_page(PEERS, [feature], results, "9.9")
    assert f"- {feature.group}, {feature.title}: Fixit" in page
