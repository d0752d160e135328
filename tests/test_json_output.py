"""`--output-format json`: who reads ruff's JSON can read it, and its edits do what --apply does."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kerasfix import workspace, writing
from kerasfix.findings import Applicability
from kerasfix.verify import interpreter, session
from kerasfix.verify.report import VerdictKind
from tests.conftest import Run, run_command
from tests.test_architecture import _loaded
from tests.test_command_line import CLEAN, FAULTY, MENDED
from tests.test_notebooks import IMPORTS, NET, code, dumped, lines
from tests.test_projects import BASE, CHILD
from tests.test_proving import TWO_BREAKS, _Runs

DOCS = Path(__file__).parent.parent / "docs" / "json.md"
JSON = ("--output-format", "json")
# What ruff 0.17 writes; its order does not matter.
RUFF_FINDING = {
    "cell",
    "code",
    "end_location",
    "filename",
    "fix",
    "location",
    "message",
    "name",
    "noqa_row",
    "severity",
    "url",
}
RUFF_FIX = {"applicability", "edits", "message"}
RUFF_EDIT = {"content", "end_location", "location"}
RUFF_PLACE = {"column", "row"}
WIDE = FAULTY.replace("self.drop(x)", "'é🙂', self.drop(x)")
NOWHERE = "import os\n" + WIDE.replace("drop(x)", "drop(nowhere)")
NESTED = FAULTY.replace("self.drop(x)", "self.drop(self.drop(self.drop(x)))")
NO_FLAG = FAULTY.replace(", training=None", "").replace("self.drop(x)", "self.drop(x) + self.drop(2 * x)")
TWO_WAYS = """\
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(3, 3)
        self.conv2 = layers.Conv2D(3, 3)
        self.add = layers.Add()

    def call(self, i):
        x = self.conv1(i)
        x = self.add([i, self.conv2(i)])
        return x
"""
FORM_FEED = WIDE.replace("class Net", "\x0cclass Net").replace("        return", "\x0c        return")


def _of(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    assert isinstance(found, list)
    return found


def _places(entry: dict[str, Any]) -> list[tuple[int, int]]:
    return [(entry[key]["row"], entry[key]["column"]) for key in ("location", "end_location")]


def _assert_same_shape(mine: Any, ruffs: Any) -> None:
    """All keys of ruff's, and under each what its readers take."""
    if isinstance(ruffs, dict):
        assert ruffs.keys() <= mine.keys()
        for key, value in ruffs.items():
            _assert_same_shape(mine[key], value)
    elif isinstance(ruffs, list):
        assert isinstance(mine, list)
        _assert_same_shape(mine[0], ruffs[0])
    elif mine is not None:
        assert type(mine) is type(ruffs)


def test_a_finding_has_every_key_of_ruffs(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix(*JSON, "net.py")
    [finding] = _of(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert finding.keys() >= RUFF_FINDING
    assert finding["fix"].keys() >= RUFF_FIX
    [edit] = finding["fix"]["edits"]
    assert edit.keys() == RUFF_EDIT
    assert edit["location"].keys() == finding["location"].keys() == RUFF_PLACE
    assert finding["filename"] == str(tmp_path / "net.py")
    assert (finding["code"], finding["name"], finding["severity"]) == ("KF103", "training-not-passed", "info")
    assert _places(finding) == [(10, 16), (10, 28)]
    assert (edit["content"], *_places(edit)) == (", training=training", (10, 27), (10, 27))
    assert (finding["noqa_row"], finding["url"], finding["cell"]) == (10, None, None)
    assert (finding["owner"], finding["help"], finding["others"], finding["chain"]) == ("Net", None, [], None)


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize(
    "text",
    [
        NOWHERE,
        NOWHERE.replace("\n", "\r\n"),
        NOWHERE.replace("\n", "\r"),
        NOWHERE.replace("    ", "\t"),
        "\ufeff" + NOWHERE,
        "import os\n" + FORM_FEED.replace("drop(x)", "drop(nowhere)"),
        NOWHERE.replace("'é🙂'", "'''\u2028\n'''"),
    ],
    ids=["lf", "crlf", "cr", "tabs", "byte order mark", "form feed", "line separator"],
)
def test_ruff_itself_counts_and_names_alike(tmp_path: Path, kerasfix: Run, text: str) -> None:
    # Ruff tells where `nowhere` ends; there kerasfix inserts.
    (tmp_path / "net.py").write_bytes(text.encode())
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F401,F821"]
    done = subprocess.run([*command, *JSON, "net.py"], cwd=tmp_path, capture_output=True, check=False)
    unused, undefined = _of(done.stdout.decode())
    [finding] = _of(kerasfix(*JSON, "net.py").stdout)
    assert unused["code"] == "F401"
    _assert_same_shape(finding, unused)
    assert finding["filename"] == unused["filename"]
    assert _places(finding["fix"]["edits"][0])[0] == _places(undefined)[1]


def test_its_words_for_a_fix_are_ruffs_with_its_own_beside_them(dcgan: Path, kerasfix: Run) -> None:
    fixes = [finding["fix"] for finding in _of(kerasfix(*JSON, ".").stdout)]
    pairs = {(fix["kind"], fix["applicability"]) for fix in fixes}
    assert pairs == {("safe", "safe"), ("repair", "unsafe"), ("suggestion", "unsafe")}
    assert {kind for kind, _ in pairs} == {each.value for each in Applicability}
    [repair, *_] = [fix for fix in fixes if fix["kind"] == "repair"]
    assert repair["effect"] == "A plain model(x) then runs in inference mode"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FAULTY, "utf-8"),
        (WIDE, "utf-8"),
        (WIDE.replace("\n", "\r\n"), "utf-8"),
        (WIDE.replace("\n", "\r"), "utf-8"),
        (WIDE.replace("    ", "\t"), "utf-8"),
        (WIDE, "utf-8-sig"),
        (FORM_FEED.replace("\n", "\r\n"), "utf-8-sig"),
        ("# coding: latin-1\n# caf\xe9\n" + FAULTY.replace("return ", "return '\xe9', "), "latin-1"),
        (FAULTY.rstrip("\n"), "utf-8"),
        (NESTED, "utf-8"),
        (NO_FLAG.replace("\n", "\r\n"), "utf-8"),
    ],
    ids=[
        "plain",
        "wide",
        "crlf",
        "cr",
        "tabs",
        "byte order mark",
        "form feed",
        "latin-1",
        "no final newline",
        "nested",
        "a parameter",
    ],
)
def test_the_program_of_the_page_writes_what_apply_writes(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch, text: str, encoding: str
) -> None:
    _assert_the_program_does_what_apply_does(tmp_path, monkeypatch, {"net.py": text.encode(encoding)})


def test_it_also_makes_fixes_of_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"base.py": BASE.encode(), "child.py": CHILD.replace("\n", "\r\n").encode()}
    _assert_the_program_does_what_apply_does(tmp_path, monkeypatch, files)


def test_edits_of_a_notebook_count_in_their_cells(tmp_path: Path, kerasfix: Run) -> None:
    path = tmp_path / "a.ipynb"
    cells = [
        code(lines("%matplotlib inline\n" + IMPORTS)),
        code(lines("# é🙂\n" + NET)),
        code(NET.replace("Net", "N")),
    ]
    path.write_bytes(dumped(*cells))
    sources = {number: "".join(cell["source"]) for number, cell in enumerate(cells, 1)}
    edits = {
        (edit["cell"], *_places(edit), edit["content"])
        for finding in _of(kerasfix(*JSON, ".").stdout)
        for edit in finding["fix"]["edits"]
    }
    assert {cell for cell, *_ in edits} == {2, 3}
    for cell, (row, column), (end_row, end_column), content in sorted(edits, reverse=True):
        starts = [0, *(match.end() for match in re.finditer("\n", sources[cell]))]
        start, end = starts[row - 1] + column - 1, starts[end_row - 1] + end_column - 1
        sources[cell] = sources[cell][:start] + content + sources[cell][end:]
    kerasfix("--apply", ".")
    applied = json.loads(path.read_bytes())["cells"]
    assert {number: "".join(cell["source"]) for number, cell in enumerate(applied, 1)} == sources


def _assert_the_program_does_what_apply_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    run_command(folder, "--apply", ".")
    applied = {name: (folder / name).read_bytes() for name in files}
    assert applied != files
    for name, data in files.items():
        (folder / name).write_bytes(data)

    def run(command: list[str], **_options: Any) -> SimpleNamespace:
        assert command[0] == "kerasfix"
        return SimpleNamespace(stdout=run_command(folder, *command[1:]).stdout_bytes)

    [program] = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", run)
        exec(compile(program, str(DOCS), "exec"), {"__name__": "docs"})
    assert {name: (folder / name).read_bytes() for name in files} == applied


def test_all_edits_of_one_array_count_in_one_text(dcgan: Path, kerasfix: Run) -> None:
    text = (dcgan / "dcgan.py").read_text()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    edits = {
        (*_places(edit), edit["content"])
        for finding in _of(kerasfix(*JSON, ".").stdout)
        for edit in finding["fix"]["edits"]
    }
    for (row, column), (end_row, end_column), content in sorted(edits, reverse=True):
        start, end = starts[row - 1] + column - 1, starts[end_row - 1] + end_column - 1
        text = text[:start] + content + text[end:]
    kerasfix("--apply", "--suggestions", ".")
    assert (dcgan / "dcgan.py").read_text() == text


def test_the_same_edit_stands_in_every_finding_that_wants_it(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "child.py").write_text(CHILD)
    findings = _of(kerasfix(*JSON, ".").stdout)
    names = {str(tmp_path / "base.py"), str(tmp_path / "child.py")}
    for finding in findings:
        edits = finding["fix"]["edits"]
        own = [edit for edit in edits if "filename" not in edit]
        assert edits[: len(own)] == own
        assert {edit["filename"] for edit in edits[len(own) :]} == names - {finding["filename"]}
        # Who takes an edit of another file for one of this file must not make it.
        assert (finding["fix"]["kind"], finding["fix"]["applicability"]) == ("repair", "display")


def test_a_chain_is_what_the_drawing_shows(dcgan: Path, kerasfix: Run) -> None:
    drawn = kerasfix("--select", "KF201", ".").stdout.splitlines()
    [finding] = _of(kerasfix("--select", "KF201", *JSON, ".").stdout)
    chain = finding["chain"]
    assert chain.keys() == {"source", "lost", "variable", "taken", "end", "row"}
    lost = " - ".join(link["name"] for link in chain["lost"])
    taken = " - ".join([*(link["name"] for link in chain["taken"]), chain["end"]])
    assert f"    {chain['source']} -+- {lost} -x {chain['variable']}: nothing reads it" in drawn
    assert f"{' ' * 11} '- {taken}" in drawn
    lines = (dcgan / "dcgan.py").read_text().splitlines()
    for link in (*chain["lost"], *chain["taken"]):
        assert f"self.{link['name']}(" in lines[link["row"] - 1]
    assert chain["row"] == finding["location"]["row"] == 58
    assert finding["loses"] == finding["fix"]["mends"] == ["conv1", "leaky1", "dropout1"]
    assert (finding["owner"], finding["method"]) == ("DiscriminatorModel", "call")


def test_the_other_repairs_stand_in_their_order(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(TWO_WAYS)
    [first] = _of(kerasfix(*JSON, "--select", "KF201", ".").stdout)
    text = kerasfix("--select", "KF201", ".").stdout
    block = text.partition("net.py:")[2].partition("net.py:")[0]
    told = re.findall(r"^  (?:fix|or|perhaps) \((\w+)\): (.*)$", block, re.MULTILINE)
    fixes = [first["fix"], *first["others"]]
    assert len(fixes) == 2
    assert [(fix["kind"], f"{fix['message']}. {fix['effect'] or ''}".rstrip(" .")) for fix in fixes] == told
    assert {other["applicability"] for other in first["others"]} == {"display"}
    assert all(other.keys() == first["fix"].keys() and other["edits"] for other in first["others"])


def test_without_findings_it_is_an_empty_array(tmp_path: Path, kerasfix: Run) -> None:
    done = kerasfix(*JSON, ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    (tmp_path / "net.py").write_text(CLEAN)
    done = kerasfix(*JSON, ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_what_cannot_be_looked_at_is_in_it_too(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "broken.py").write_text("import keras\n\nx = 'é🙂' )\n")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9 keras class\n")
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix(*JSON, "broken.py", "latin.py", "gone.py", "net.py")
    broken, latin, gone, finding = _of(done.stdout)
    assert done.returncode == 2
    assert done.stderr == kerasfix("broken.py", "latin.py", "gone.py", "net.py").stderr
    assert (broken["code"], *_places(broken)) == ("invalid-syntax", (3, 10), (3, 10))
    assert broken["message"] == "syntax error: unmatched ')'"
    assert (broken["severity"], broken["fix"]) == ("error", None)
    for each in (latin, gone):
        assert (each["code"], *_places(each)) == ("file-error", (1, 1), (1, 1))
    assert gone["filename"] == str(tmp_path / "gone.py")
    assert finding["code"] == "KF103"
    assert broken.keys() == finding.keys()


def test_apply_says_what_is_left_where_it_is_now(dcgan: Path, kerasfix: Run) -> None:
    text = (dcgan / "dcgan.py").read_text().replace("        x=self.dropout1(x)\n", "")
    # What --apply writes in front of the suggestion moves it.
    text = text.replace("x=self.conv2(inputs)", "x=self.dropout1(x); x=self.conv2(inputs)")
    (dcgan / "dcgan.py").write_text(text)
    done = kerasfix("--apply", *JSON, ".")
    left = _of(done.stdout)
    assert {finding["code"] for finding in left} >= {"KF201"}
    assert {finding["fix"]["kind"] for finding in left if finding["fix"]} == {"suggestion"}
    assert "Fixed dcgan.py: KF102 (2), KF103" in done.stderr
    lines = (dcgan / "dcgan.py").read_text().splitlines()
    for finding in left:
        if finding["code"] == "KF201":
            (row, start), (end_row, end) = _places(finding)
            assert (row, lines[row - 1][start - 1 : end - 1]) == (end_row, "inputs")
    assert left == _of(kerasfix(*JSON, ".").stdout)


def test_a_diff_and_a_filter_keep_standard_output_and_a_file_takes_the_findings(
    dcgan: Path, kerasfix: Run
) -> None:
    source = (dcgan / "dcgan.py").read_text()
    findings = _of(kerasfix(*JSON, ".").stdout)
    diff = kerasfix("--diff", ".")
    assert kerasfix("--diff", *JSON, ".") == diff
    assert kerasfix("--diff", *JSON, "-o", "out/of/findings.json", ".") == diff
    assert _of((dcgan / "out/of/findings.json").read_text()) == findings
    fixed = kerasfix("-", "--apply", stdin=source)
    done = kerasfix("-", "--apply", *JSON, stdin=source)
    assert (done.stdout, done.returncode) == (fixed.stdout, fixed.returncode)
    done = kerasfix("-", "--apply", *JSON, "-o", "left.json", stdin=source)
    assert done.stdout == fixed.stdout
    assert [each["code"] for each in _of((dcgan / "left.json").read_text())] == ["KF201"]


def test_standard_input_has_the_name_that_it_was_given(tmp_path: Path, kerasfix: Run) -> None:
    [finding] = _of(kerasfix("-", *JSON, "--stdin-filename", "net.py", stdin=FAULTY).stdout)
    assert finding["filename"] == str(tmp_path / "net.py")
    [finding] = _of(kerasfix("-", *JSON, stdin=FAULTY).stdout)
    assert finding["filename"] == "-"
    [problem] = _of(kerasfix("-", *JSON, stdin="class (:\n").stdout)
    assert (problem["filename"], problem["code"]) == ("-", "invalid-syntax")


@pytest.mark.parametrize("options", [[], ["--apply"]])
def test_text_can_go_to_a_file_too(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    expected = kerasfix(*options, "net.py")
    (tmp_path / "net.py").write_text(FAULTY)
    # A file gets no colour, whatever people want on their screens.
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    command = [sys.executable, "-m", "kerasfix", *options, "--output-file", "out.txt", "net.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, "", "")
    assert (tmp_path / "out.txt").read_text() == expected.stdout


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix(*JSON, "-o", "net.py/out.json", "net.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("net.py/out.json: error: cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_a_name_that_is_no_text_does_not_break_it(tmp_path: Path) -> None:
    name = b"net\xff.py"
    try:
        Path(tmp_path, "x").write_text("")
        with open(bytes(tmp_path) + b"/" + name, "w") as file:
            file.write(FAULTY)
    except OSError:
        pytest.skip("the file system wants names in UTF-8")
    command = [sys.executable, "-m", "kerasfix", *JSON, "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    [finding] = _of(done.stdout.decode("ascii"))
    assert finding["filename"] == str(tmp_path / "net\ufffd.py")


def test_what_could_not_be_written_is_said_and_stays_as_it_was(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "child.py").write_text(CHILD)

    def refuse(file: workspace.InputFile, data: bytes) -> None:
        if file.path.name == "child.py" and data != CHILD.encode():
            raise workspace.WorkspaceError("cannot be written: Read-only file system")
        write(file, data)

    write = writing.write
    before = _of(kerasfix(*JSON, ".").stdout)
    monkeypatch.setattr(writing, "write", refuse)
    done = kerasfix("--apply", *JSON, ".")
    entries = _of(done.stdout)
    problems = [each for each in entries if each["code"] == "file-error"]
    assert [Path(each["filename"]).name for each in problems] == ["base.py", "child.py"]
    # Neither file was written, so their findings and fixes are what they were.
    assert [each for each in entries if each not in problems] == before
    assert done.returncode == 2


def test_what_a_run_of_the_models_shows_is_not_in_the_array(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Session(_Runs):
        not_kept_in = ()

        def __init__(self, *_arguments: object, **_options: object) -> None:
            super().__init__(lambda *_: VerdictKind.NOT_VERIFIED)

        def __enter__(self) -> Session:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(interpreter, "check_python", lambda _python: None)
    (tmp_path / "net.py").write_text(TWO_BREAKS)
    done = kerasfix("--verify", *JSON, ".")
    assert len(_of(done.stdout)) == 4
    assert "Net (net.py:" in done.stderr
    assert "Not verified: Net, Other" in done.stderr
    done = kerasfix("--apply", "--verify", *JSON, ".")
    assert [finding["code"] for finding in _of(done.stdout)] == ["KF201", "KF201"]
    assert "Fixed net.py: " in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("options", [JSON, ("-o", "x.txt")])
def test_the_explanation_of_a_log_has_one_format(kerasfix: Run, options: tuple[str, ...]) -> None:
    done = kerasfix("--explain-log", "train.log", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--explain-log goes with neither --output-format nor --output-file" in done.stderr


def test_it_loads_nothing_that_only_people_need(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    assert not _loaded(*JSON, "net.py", cwd=tmp_path) & {"tensorflow", "keras", "numpy", "rich"}


def test_the_page_names_every_key(dcgan: Path, kerasfix: Run) -> None:
    page = DOCS.read_text("utf-8")
    findings = _of(kerasfix(*JSON, ".").stdout)
    [broken] = [each for each in findings if each["chain"]]
    fix, chain = broken["fix"], broken["chain"]
    for part in (broken, fix, fix["edits"][0], chain, chain["lost"][0]):
        for key in part:
            assert f"`{key}`" in page, key


def test_where_apply_leaves_nothing_it_is_an_empty_array(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix("--apply", *JSON, "net.py")
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert done.stderr == "Fixed net.py: KF103\n"
    assert (tmp_path / "net.py").read_text() == MENDED
