"""Known findings, kept in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Done, Run

NET = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x)
"""
MORE = NET.replace("return self.drop(x)", "x = self.drop(x)\n        return self.drop(x)")


@pytest.fixture
def known(tmp_path: Path, kerasfix: Run) -> Path:
    """A folder whose findings are known."""
    (tmp_path / "net.py").write_text(NET)
    done = kerasfix("--baseline", "known.json", ".")
    assert (done.returncode, done.stdout) == (0, "No faults found\n")
    assert done.stderr == "known.json: written, 1 known finding\n"
    return tmp_path


def _entries(folder: Path) -> list[dict[str, object]]:
    return list(json.loads((folder / "known.json").read_text())["findings"])


def _again(kerasfix: Run, *options: str) -> Done:
    return kerasfix("--baseline", "known.json", *options, ".")


def test_a_known_finding_is_one_line_without_a_line_number(known: Path) -> None:
    line = '{"file": "net.py", "code": "KF103", "in": "Net.call", "line": "return self.drop(x)", "count": 1}'
    expected = f'{{\n  "kerasfix-baseline": 1,\n  "findings": [\n    {line}\n  ]\n}}\n'
    assert (known / "known.json").read_text() == expected


def test_old_code_does_not_stand_in_the_way_of_new(known: Path, kerasfix: Run) -> None:
    done = _again(kerasfix)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No faults found\n", "")
    (known / "net.py").write_text(MORE)
    done = _again(kerasfix)
    assert done.returncode == 1
    assert done.stdout.startswith("net.py:10:13: KF103")
    assert "1 fault in 1 file" in done.stdout


def test_moved_and_indented_lines_are_the_same(known: Path, kerasfix: Run) -> None:
    moved = "# a comment\n\n" + NET.replace("return self", "if x is not None:\n            return  self")
    (known / "net.py").write_text(moved)
    assert _again(kerasfix).returncode == 0


def test_the_same_line_once_more_is_new(known: Path, kerasfix: Run) -> None:
    twice = NET.replace(
        "return self.drop(x)", "if x:\n            return self.drop(x)\n        return self.drop(x)"
    )
    (known / "net.py").write_text(twice)
    done = _again(kerasfix)
    assert (done.returncode, done.stdout.count("KF103")) == (1, 1)
    assert done.stdout.startswith("net.py:12:")


def test_the_same_line_in_another_class_is_new(known: Path, kerasfix: Run) -> None:
    (known / "net.py").write_text(NET.replace("class Net", "class Other"))
    done = _again(kerasfix)
    assert done.returncode == 1
    assert done.stderr == "known.json: 1 entry is gone for good; --update-baseline takes them out\n"


def test_a_renamed_file_keeps_what_is_known_of_it(known: Path, kerasfix: Run) -> None:
    (known / "models").mkdir()
    (known / "net.py").rename(known / "models" / "gan.py")
    assert _again(kerasfix).returncode == 0
    done = _again(kerasfix, "--update-baseline")
    assert done.stderr == "known.json: written, 1 known finding, 0 gone\n"
    assert [each["file"] for each in _entries(known)] == ["models/gan.py"]


def test_a_copy_of_a_file_is_new(known: Path, kerasfix: Run) -> None:
    (known / "copy.py").write_text(NET)
    done = _again(kerasfix)
    assert (done.returncode, done.stdout.count("KF103")) == (1, 1)
    assert done.stdout.startswith("copy.py")


def test_what_is_gone_is_said_and_taken_out_when_asked(known: Path, kerasfix: Run) -> None:
    (known / "net.py").write_text(NET.replace("(x)\n", "(x, training=training)\n"))
    done = _again(kerasfix)
    assert (done.returncode, "1 entry is gone for good" in done.stderr) == (0, True)
    done = _again(kerasfix, "--update-baseline")
    assert done.stderr == "known.json: written, 0 known findings, 1 gone\n"
    assert _entries(known) == []


def test_an_update_brings_new_findings_in(known: Path, kerasfix: Run) -> None:
    (known / "net.py").write_text(MORE)
    done = _again(kerasfix, "--update-baseline")
    assert (done.returncode, done.stdout) == (0, "No faults found\n")
    assert len(_entries(known)) == 2
    assert _entries(known) == sorted(_entries(known), key=lambda each: str(each["line"]))


def test_files_and_rules_that_were_not_looked_at_stay(known: Path, kerasfix: Run) -> None:
    (known / "other.py").write_text(NET.replace("Net", "Other"))
    before = _entries(known)
    done = kerasfix("--baseline", "known.json", "--update-baseline", "other.py")
    assert done.stderr == "known.json: written, 2 known findings, 0 gone\n"
    assert [each["file"] for each in _entries(known)] == ["net.py", "other.py"]
    done = _again(kerasfix, "--update-baseline", "--select", "KF2")
    assert done.stderr == "known.json: written, 2 known findings, 0 gone\n"
    assert before[0] in _entries(known)
    (known / "net.py").write_text("import keras\nclass\n")
    assert _again(kerasfix).stderr.count("gone") == 0


def test_what_is_not_bad_enough_is_not_written_and_not_gone(tmp_path: Path, kerasfix: Run) -> None:
    style = NET.replace("training=None", "training=False").replace("drop(x)", "drop(x, training=training)")
    (tmp_path / "net.py").write_text(style)
    kerasfix("--baseline", "known.json", "--min-severity", "error", ".")
    assert _entries(tmp_path) == []
    assert _again(kerasfix, "--update-baseline").stderr == "known.json: written, 1 known finding, 0 gone\n"
    assert _again(kerasfix, "--min-severity", "error").stderr == ""
    _again(kerasfix, "--min-severity", "error", "--update-baseline")
    assert len(_entries(tmp_path)) == 1


def test_only_what_is_new_is_fixed(known: Path, kerasfix: Run) -> None:
    (known / "net.py").write_text(MORE)
    assert _again(kerasfix, "--apply").returncode == 0
    assert (known / "net.py").read_text() == MORE.replace(
        "x = self.drop(x)", "x = self.drop(x, training=training)"
    )
    assert _again(kerasfix, "--diff").stdout == ""


def test_standard_input_knows_it_too(known: Path, kerasfix: Run) -> None:
    options = ("--baseline", "known.json", "--stdin-filename", "net.py", "-")
    assert kerasfix(*options, stdin=NET).returncode == 0
    assert kerasfix(*options, stdin=MORE).returncode == 1


def test_all_formats_respect_it(known: Path, kerasfix: Run) -> None:
    assert _again(kerasfix, "--output-format", "json").stdout == "[]\n"


def test_paths_count_from_the_baseline(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "net.py").write_text(NET)
    done = kerasfix("--baseline", "ci/known.json", "src")
    assert done.returncode == 0
    [entry] = json.loads((tmp_path / "ci" / "known.json").read_text())["findings"]
    assert entry["file"] == "../src/net.py"
    assert kerasfix("--baseline", "ci/known.json", "src/net.py").returncode == 0


def test_two_branches_that_brought_the_same_finding_merge(known: Path, kerasfix: Run) -> None:
    lines = (known / "known.json").read_text().splitlines(keepends=True)
    lines.insert(3, lines[3].rstrip() + ",\n")
    (known / "known.json").write_text("".join(lines))
    assert _again(kerasfix).returncode == 0
    _again(kerasfix, "--update-baseline")
    assert [each["count"] for each in _entries(known)] == [1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a baseline"),
        ("[]", "not a baseline"),
        ('{"kerasfix-baseline": 2, "findings": []}', "another version"),
        ('{"kerasfix-baseline": 1, "findings": [{"file": "net.py"}]}', "is no finding"),
        ('{"kerasfix-baseline": 1, "findings": [3]}', "is no finding"),
    ],
)
def test_a_broken_baseline_is_one_message(content: str, reason: str, tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "known.json").write_text(content)
    done = _again(kerasfix)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert reason in done.stderr
    assert (tmp_path / "known.json").read_text() == content


@pytest.mark.parametrize("option", ["--diff", "--apply"])
def test_a_run_that_writes_code_makes_no_baseline(option: str, tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = _again(kerasfix, option)
    assert (done.returncode, (tmp_path / "net.py").read_text()) == (2, NET)
    assert not (tmp_path / "known.json").exists()


@pytest.mark.parametrize(
    "options",
    [("--update-baseline",), ("--baseline", "known.json", "--update-baseline", "--apply")],
)
def test_an_update_needs_a_baseline_and_nothing_else(options: tuple[str, ...], kerasfix: Run) -> None:
    done = kerasfix(*options, ".")
    assert done.returncode == 2
    assert "--update-baseline" in done.stderr
