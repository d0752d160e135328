"""The diff is one that git takes, and it says the edits and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerasfix.diff import unified_diff
from kerasfix.source import Edit, apply_edits

_GIT = shutil.which("git")
_needs_git = pytest.mark.skipif(_GIT is None, reason="git is not installed")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repository")
    _git(path, "init", "--quiet")
    return path


def _git(folder: Path, *arguments: str, data: bytes = b"") -> None:
    assert _GIT is not None
    # What the machine's own configuration says of line endings must not count here.
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [_GIT, *arguments], cwd=folder, input=data, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, f"{done.stderr.decode()}\n{data.decode()}"


def _applied(repository: Path, name: str, text: str, edits: Sequence[Edit]) -> str:
    """What git makes of the file with our diff."""
    file = repository / name
    file.write_bytes(text.encode())
    diff = unified_diff(name, text, edits)
    if diff:
        _git(repository, "apply", "--whitespace=nowarn", "-", data=diff.encode())
    return file.read_bytes().decode()


def _lines(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def _at(text: str, old: str, new: str) -> Edit:
    start = text.index(old)
    return Edit(start, start + len(old), new)


def test_a_change_stands_between_three_lines_of_context() -> None:
    text = _lines(1, 9)
    assert unified_diff("m.py", text, [_at(text, "line 5", "new")]) == (
        "--- a/m.py\n"
        "+++ b/m.py\n"
        "@@ -2,7 +2,7 @@\n"
        " line 2\n line 3\n line 4\n"
        "-line 5\n"
        "+new\n"
        " line 6\n line 7\n line 8\n"
    )


def test_nothing_changed_is_no_diff() -> None:
    assert unified_diff("m.py", "a\n", []) == ""


def test_an_edit_that_writes_what_was_there_is_no_diff() -> None:
    assert unified_diff("m.py", "a\nb\n", [Edit(0, 1, "a")]) == ""


def test_lines_that_stay_the_same_inside_an_edit_are_context() -> None:
    diff = unified_diff("m.py", "a\nb\nc\n", [Edit(0, 6, "a\nB\nc\n")])
    assert diff.endswith("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n")


def test_changes_that_are_near_share_a_hunk_and_far_ones_do_not() -> None:
    text = _lines(10, 40)
    near = unified_diff("m.py", text, [_at(text, "line 15", "x"), _at(text, "line 22", "y")])
    far = unified_diff("m.py", text, [_at(text, "line 15", "x"), _at(text, "line 23", "y")])
    assert near.count("@@ -") == 1
    assert far.count("@@ -") == 2


def test_a_later_hunk_counts_the_lines_that_an_earlier_one_added() -> None:
    text = _lines(10, 40)
    diff = unified_diff("m.py", text, [_at(text, "line 10\n", "a\nb\nc\n"), _at(text, "line 30", "x")])
    assert "@@ -1,4 +1,6 @@" in diff
    assert "@@ -18,7 +20,7 @@" in diff


def test_two_edits_of_one_line_are_one_changed_line() -> None:
    diff = unified_diff("m.py", "f(a, b)\n", [Edit(2, 3, "x"), Edit(5, 6, "y")])
    assert diff.endswith("@@ -1 +1 @@\n-f(a, b)\n+f(x, y)\n")


def test_a_missing_last_newline_is_said() -> None:
    diff = unified_diff("m.py", "a\nb", [Edit(2, 3, "c")])
    assert diff.endswith("-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n")


def test_a_file_that_becomes_empty_has_no_first_line() -> None:
    assert "@@ -1,2 +0,0 @@\n" in unified_diff("m.py", "a\nb\n", [Edit(0, 4, "")])


def test_carriage_returns_of_the_file_stay_in_the_diff() -> None:
    assert unified_diff("m.py", "a\r\nb\r\n", [Edit(3, 4, "c")]).endswith(" a\r\n-b\r\n+c\r\n")


@_needs_git
@pytest.mark.parametrize(
    ("text", "edits"),
    [
        pytest.param("a\nb\nc\n", [Edit(0, 1, "x")], id="first line"),
        pytest.param("a\nb\nc\n", [Edit(4, 5, "x")], id="last line"),
        pytest.param("a\nb\nc\n", [Edit(0, 0, "x\n")], id="before the first line"),
        pytest.param("a\nb\nc\n", [Edit(6, 6, "x\n")], id="behind the last line"),
        pytest.param("a\nb\nc\n", [Edit(6, 6, "x")], id="behind the last line, unended"),
        pytest.param("a\nb", [Edit(3, 3, "\nx")], id="behind an unended last line"),
        pytest.param("a\nb", [Edit(3, 3, "\n")], id="last newline added"),
        pytest.param("a\nb\n", [Edit(3, 4, "")], id="last newline removed"),
        pytest.param("a\nb\nc\n", [Edit(2, 4, "")], id="a line removed"),
        pytest.param("a\nb\nc\n", [Edit(1, 2, "")], id="two lines joined"),
        pytest.param("a\nb\nc\n", [Edit(0, 6, "")], id="all removed"),
        pytest.param("a", [Edit(0, 1, "")], id="all of an unended line removed"),
        pytest.param("a\n\n\nb\n", [Edit(2, 2, "x")], id="an empty line filled"),
        pytest.param("a\r\nb\r\n", [Edit(0, 1, "x\r\ny")], id="CRLF"),
        pytest.param("a\rb\rc", [Edit(2, 3, "x")], id="CR alone"),
        pytest.param("a\u2028b\fc\x85d\n", [Edit(2, 3, "x")], id="line separators that are none"),
        pytest.param("ü\n層\n", [Edit(2, 3, "😀")], id="not ASCII"),
        pytest.param("\ta \n b\t\n", [Edit(1, 2, "x")], id="white space at the ends"),
        pytest.param("--- a\n+++ b\n@@ -1 +1 @@\n", [Edit(0, 1, "+")], id="lines that look like a diff"),
        pytest.param(_lines(1, 30), [Edit(0, 1, "L"), Edit(195, 196, "L")], id="two hunks"),
    ],
)
def test_git_makes_of_the_diff_what_the_edits_make(repository: Path, text: str, edits: list[Edit]) -> None:
    assert _applied(repository, "m.py", text, edits) == apply_edits(text, edits)


@_needs_git
def test_git_fills_an_empty_file(repository: Path) -> None:
    assert _applied(repository, "m.py", "", [Edit(0, 0, "x\n")]) == "x\n"


def test_joined_lines_are_one_new_line() -> None:
    diff = unified_diff("m.py", "a\nb\nc\n", [Edit(1, 2, "")])
    assert diff.endswith("@@ -1,3 +1,2 @@\n-a\n-b\n+ab\n c\n")


@st.composite
def _texts_and_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    content = st.text(st.sampled_from("ab \tü\n"), max_size=4)
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = draw(st.text(st.sampled_from("ab\n\n\n \té"), min_size=1, max_size=60)).replace("\n", newline)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    edits: list[Edit] = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        edit = Edit(start, end, draw(content).replace("\n", newline))
        if not any(edit.touches(other) for other in edits):
            edits.append(edit)
    return text, sorted(edits)


@_needs_git
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_texts_and_edits())
def test_git_agrees_on_any_text_and_any_edits(repository: Path, case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    assert _applied(repository, "any.py", text, edits) == apply_edits(text, edits)


@_needs_git
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize(
    "name",
    [
        "plain.py",
        "two words.py",
        " leading.py",
        "trailing ",
        "tab\there.py",
        'quo"ted.py',
        "it's.py",
        "back\\slash.py",
        "ünï.py",
        "日本 語.py",
        "é\t\\.py",
        "line\nbreak.py",
        "\x01\x0b\x7f.py",
        "sep\u2028arator.py",
        "dated 2020-01-01 12:00:00.000000000 +0000",
    ],
)
def test_git_finds_a_file_of_any_name(repository: Path, name: str) -> None:
    assert _applied(repository, name, "a\nb\n", [Edit(0, 1, "c")]) == "c\nb\n"


@_needs_git
def test_git_finds_a_file_in_a_folder(repository: Path) -> None:
    (repository / "sub folder").mkdir()
    assert _applied(repository, "sub folder/m.py", "a\n", [Edit(0, 1, "b")]) == "b\n"


@_needs_git
def test_diffs_of_several_files_are_one_patch(repository: Path) -> None:
    for name in ("one.py", "two.py"):
        (repository / name).write_bytes(b"a\nb")
    patch = "".join(unified_diff(name, "a\nb", [Edit(2, 3, "c")]) for name in ("one.py", "two.py"))
    _git(repository, "apply", "-", data=patch.encode())
    assert [(repository / name).read_bytes() for name in ("one.py", "two.py")] == [b"a\nc", b"a\nc"]
