"""Every format with every mode: what is on standard output is a whole document, and nothing else is."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from kerasfix.engine import Problem
from kerasfix.output.formats import FORMATS, Asked, make
from kerasfix.verify import interpreter, session
from kerasfix.verify.report import VerdictKind
from tests.conftest import Done, Run
from tests.test_command_line import CLEAN, FAULTY, MENDED
from tests.test_notebooks import IMPORTS, code, dumped, lines
from tests.test_proving import TWO_BREAKS, _Runs

# (code, file, place of the line if it has one there)
Seen = list[tuple[str, str, tuple[int, int] | None]]
MACHINE = [name for name in FORMATS if name != "text"]
BROKEN = "import keras\n\nx = 'é🙂' )\n"
AWKWARD = [
    "a b.py",
    "a,b;c=d.py",
    "100%25.py",
    "::error::.py",
    "line\nbreak\r.py",
    "é🙂.py",
    "<&\">'.py",
    "\x1b[1m\x0c.py",
]
DOCS = Path(__file__).parent.parent / "docs" / "formats.md"


def _concise(text: str) -> Seen:
    *found, last = re.findall(r"(?:.*)\n", text)
    if not last.startswith("No "):
        found = [each for each in found if not each.startswith("Found ")]
    seen: Seen = []
    for line in [*found, last]:
        if match := re.fullmatch(r"(.*?)(?::cell \d+)?:(\d+):(\d+): ([\w-]+):? .*\n", line):
            seen.append((match[4], match[1], (int(match[2]), int(match[3]))))
        else:
            assert re.fullmatch(
                r"No faults found|No Python files found|\d+ fixable.*|\d+ suggestions?.*|Found .*",
                line.rstrip(),
            )
    return seen


def _json(text: str) -> Seen:
    return [
        (each["code"], each["filename"], (each["location"]["row"], each["location"]["column"]))
        for each in json.loads(text)
    ]


def _sarif(text: str) -> Seen:
    [run] = json.loads(text)["runs"]
    seen: Seen = []
    for each in run["invocations"][0]["toolExecutionNotifications"]:
        [location] = each["locations"]
        region = location["physicalLocation"].get("region", {"startLine": 1, "startColumn": 1})
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        seen.append((each["descriptor"]["id"], uri, (region["startLine"], region["startColumn"])))
    for each in run["results"]:
        [location] = each["locations"]
        region = location["physicalLocation"]["region"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        seen.append((each["ruleId"], uri, (region["startLine"], region["startColumn"])))
    return seen


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as the runner of GitHub Actions reads them: command, properties, message."""
    found = []
    for line in text.split("\n")[:-1]:
        # What has no command in it is a line of the log for the runner.
        match = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
        assert match is not None, line
        pairs = (pair.partition("=") for pair in match[2].split(","))
        properties = {key: _unescaped(value, {"%3A": ":", "%2C": ","}) for key, _, value in pairs}
        found.append((match[1], properties, _unescaped(match[3], {})))
    return found


def _unescaped(value: str, more: dict[str, str]) -> str:
    for written, meant in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
        value = value.replace(written, meant)
    return value


def _github(text: str) -> Seen:
    seen: Seen = []
    for _, properties, _ in commands(text):
        match = re.fullmatch(r"kerasfix \(([\w-]+)\)", properties["title"])
        assert match is not None
        seen.append((match[1], properties["file"], (int(properties["line"]), int(properties["col"]))))
    return seen


def _gitlab(text: str) -> Seen:
    found = json.loads(text)
    assert len({each["fingerprint"] for each in found}) == len(found)
    return [
        (
            each["check_name"],
            each["location"]["path"],
            tuple(each["location"]["positions"]["begin"].values()),
        )
        for each in found
    ]


def _junit(text: str) -> Seen:
    root = ElementTree.fromstring(text.encode())
    seen: Seen = []
    for suite in root:
        for case in suite:
            for said in (*case.iter("failure"), *case.iter("error")):
                place = (int(case.get("line", 0)), int(case.get("column", 0)))
                seen.append((said.attrib["type"], suite.attrib["name"], place if place[0] else None))
    return seen


READERS: dict[str, Callable[[str], Seen]] = {
    "concise": _concise,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "gitlab": _gitlab,
    "junit": _junit,
}


def read(name: str, text: str) -> list[tuple[str, tuple[int, int] | None]]:
    """What a document says was found, and where; in order of the places."""
    return sorted((each[0], each[2]) for each in READERS[name](text))


KF103 = [("KF103", (10, 16))]
every_format = pytest.mark.parametrize("name", MACHINE)


@pytest.fixture(autouse=True)
def _no_project_of_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitLab that runs these tests names its own project."""
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)


def test_there_is_a_reader_for_every_format() -> None:
    assert [*READERS] == MACHINE


@every_format
def test_a_check_writes_its_findings_and_nothing_else(tmp_path: Path, kerasfix: Run, name: str) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix("--output-format", name, "net.py")
    assert (read(name, done.stdout), done.stderr, done.returncode) == (KF103, "", 1)
    [(_, file, _)] = READERS[name](done.stdout)
    absolute = name in ("json", "github", "junit")
    assert file == (str(tmp_path / "net.py") if absolute else "net.py")


@every_format
def test_with_apply_it_is_what_is_left(dcgan: Path, kerasfix: Run, name: str) -> None:
    done = kerasfix("--apply", "--output-format", name, ".")
    assert read(name, done.stdout) == [("KF201", (58, 22))]
    assert done.stderr.startswith("Fixed dcgan.py: KF102 (2), KF103 (2), KF104\n")
    assert done.returncode == 1


@every_format
def test_a_diff_has_standard_output_for_itself(dcgan: Path, kerasfix: Run, name: str) -> None:
    findings = read(name, kerasfix("--output-format", name, ".").stdout)
    assert len(findings) == 6
    diff = kerasfix("--diff", ".")
    assert kerasfix("--diff", "--output-format", name, ".") == diff
    assert kerasfix("--diff", "--output-format", name, "-o", "found", ".") == diff
    assert read(name, (dcgan / "found").read_text("utf-8")) == findings


@every_format
def test_a_filter_too(tmp_path: Path, kerasfix: Run, name: str) -> None:
    done = kerasfix("-", "--apply", "--output-format", name, "-o", "left", stdin=FAULTY)
    assert (done.stdout, done.stderr, done.returncode) == (MENDED, "", 0)
    assert read(name, (tmp_path / "left").read_text("utf-8")) == []


@every_format
@pytest.mark.parametrize("given", [True, False])
def test_standard_input_is_called_what_people_call_it(kerasfix: Run, name: str, given: bool) -> None:
    options = ["--stdin-filename", "sub/net.py"] if given else []
    done = kerasfix("-", "--output-format", name, *options, stdin=FAULTY)
    [(_, file, place)] = READERS[name](done.stdout)
    assert place == (10, 16)
    assert file.endswith("sub/net.py") if given else file == "-"


@every_format
@pytest.mark.parametrize("files", [{}, {"net.py": CLEAN}], ids=["no file", "a sound file"])
def test_where_nothing_is_found_it_is_a_document_all_the_same(
    tmp_path: Path, kerasfix: Run, name: str, files: dict[str, str]
) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    done = kerasfix("--output-format", name, ".")
    assert (read(name, done.stdout), done.stderr, done.returncode) == ([], "", 0)


@every_format
def test_what_cannot_be_looked_at_is_in_it_and_on_standard_error(
    tmp_path: Path, kerasfix: Run, name: str
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "net.py").write_text(FAULTY)
    arguments = ["broken.py", "gone.py", "net.py"]
    done = kerasfix("--output-format", name, *arguments)
    expected = [*KF103, ("file-error", (1, 1)), ("invalid-syntax", (3, 10))]
    assert (read(name, done.stdout), done.returncode) == (expected, 2)
    assert done.stderr == kerasfix(*arguments).stderr
    done = kerasfix("--output-format", name, "broken.py")
    assert read(name, done.stdout) == [("invalid-syntax", (3, 10))]


@every_format
def test_a_cell_is_named_wherever_a_line_is_not_one_of_the_file(
    tmp_path: Path, kerasfix: Run, name: str
) -> None:
    net = FAULTY.partition("\n\n\n")[2]
    (tmp_path / "a.ipynb").write_bytes(
        dumped(code(lines(IMPORTS + "\nfrom keras import Model")), code(lines("x = )")), code(lines(net)))
    )
    done = kerasfix("--output-format", name, ".")
    found = dict(read(name, done.stdout))
    assert found.keys() == {"KF103", "invalid-syntax"}
    before = (tmp_path / "a.ipynb").read_text("utf-8").partition("self.drop(x)")[0]
    in_file = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    others = {"github": (1, 1), "gitlab": (1, 1), "junit": None, "sarif": in_file}
    assert found["KF103"] == others.get(name, (7, 16))
    assert done.returncode == 2
    said = done.stdout if name != "json" else json.dumps([each["cell"] for each in json.loads(done.stdout)])
    assert re.search({"json": "3"}.get(name, "[Cc]ell 3[,:].*7"), said)
    assert re.search({"json": "2"}.get(name, "[Cc]ell 2[,:].*1"), said)


def test_gitlab_has_paths_from_the_root_of_the_project(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path.parent))
    [(_, file, _)] = _gitlab(kerasfix("--output-format", "gitlab", "net.py").stdout)
    assert file == f"{tmp_path.name}/net.py"


class Session(_Runs):
    """A session in which nothing could be run."""

    import_seconds = None
    not_kept_in = ()

    def __init__(self, *_arguments: object, **_options: object) -> None:
        super().__init__(lambda *_: VerdictKind.NOT_VERIFIED)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@every_format
def test_what_a_run_of_the_models_shows_is_on_standard_error(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(interpreter, "check_python", lambda _python: None)
    (tmp_path / "net.py").write_text(TWO_BREAKS)
    done = kerasfix("--verify", "--output-format", name, ".")
    assert [each for each, _ in read(name, done.stdout)] == ["KF101", "KF103", "KF201", "KF201"]
    assert "Net (net.py:" in done.stderr
    done = kerasfix("--verify", "--apply", "--output-format", name, ".")
    assert [each for each, _ in read(name, done.stdout)] == ["KF201", "KF201"]
    assert "Fixed net.py: " in done.stderr
    assert "Written without verification: Net, Other" in done.stderr


@every_format
@pytest.mark.parametrize("file", AWKWARD)
def test_a_file_may_be_called_anything(tmp_path: Path, kerasfix: Run, name: str, file: str) -> None:
    try:
        (tmp_path / file).write_text(FAULTY)
    except OSError:
        pytest.skip("no such name on this file system")
    [(_, named, _)] = found = READERS[name](kerasfix("--output-format", name, ".").stdout)
    assert [(each[0], each[2]) for each in found] == KF103
    if name in ("json", "github"):
        assert named == str(tmp_path / file)
    if name == "gitlab":
        assert named == file


@every_format
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_neither_a_name_that_is_no_text_nor_a_poor_locale_breaks_it(
    tmp_path: Path, name: str, encoding: str
) -> None:
    try:
        for file in (b"net\xff.py", "né🙂t.py".encode()):
            with open(bytes(tmp_path) + b"/" + file, "w") as stream:
                stream.write(FAULTY)
    except OSError:
        pytest.skip("the file system wants names in UTF-8")
    done = subprocess.run(
        [sys.executable, "-m", "kerasfix", "--output-format", name, "."],
        cwd=tmp_path,
        capture_output=True,
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "0"},
        check=False,
    )
    assert (read(name, done.stdout.decode(encoding)), done.stderr) == (KF103 * 2, b"")


@every_format
def test_a_message_may_hold_anything(name: str) -> None:
    out = io.StringIO()
    written = make(name, Asked(out))
    sentence = "half a \ud800 character, a bell \x07, \x00, ]]>, 100%0A, {0}, a[0](x) and\n::error::more"
    written.problem(Problem(Path("net.py"), sentence, 3, 7))
    written.finish(2)
    assert read(name, out.getvalue()) == [("invalid-syntax", (3, 7))]
    # Whoever takes the document has to be able to write it.
    out.getvalue().encode()
    if name != "json":
        assert "\\ud800" not in out.getvalue()


def test_only_the_format_that_is_asked_for_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    for name in FORMATS:
        loaded = _modules(tmp_path, "--output-format", name, "net.py")
        # An editor's lines and GitHub's have the same way to spell a name.
        also = {"as_concise"} if name == "github" else set()
        assert loaded & set(FORMATS.values()) == {FORMATS[name], *also}
    for arguments in (["--help"], ["--diff", "--output-format", "sarif", "net.py"]):
        assert not _modules(tmp_path, *arguments) & set(FORMATS.values())


def _modules(folder: Path, *arguments: str) -> set[str]:
    program = (
        "import sys\nfrom kerasfix.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    prefix = "kerasfix.output."
    return {each.removeprefix(prefix) for each in done.stderr.split() if each.startswith(prefix)}


def test_every_format_has_a_section_of_the_page() -> None:
    headings = re.findall(r"^## (.*)$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert headings == [*FORMATS]


# What ruff writes for the same places, as far as it is a shape.


def _ruff(folder: Path, name: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821"]
    done = subprocess.run(
        [*command, "--output-format", name, "net.py"], cwd=folder, capture_output=True, check=False
    )
    return done.stdout.decode()


@pytest.fixture
def both(tmp_path: Path, kerasfix: Run) -> Callable[[str], tuple[str, str]]:
    """What kerasfix and ruff write about one file with a finding of each."""
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    (tmp_path / "net.py").write_text(FAULTY.replace("self.drop(x)", "self.drop(é)"))

    def written(name: str) -> tuple[str, str]:
        mine: Done = kerasfix("--output-format", name, "net.py")
        return mine.stdout, _ruff(tmp_path, name)

    return written


def test_concise_lines_are_ruffs(both: Callable[[str], tuple[str, str]]) -> None:
    for line in (text.splitlines()[0] for text in both("concise")):
        assert re.fullmatch(r"net\.py:10:\d+: [A-Z]+\d+ \S.*", line)
    assert [text.splitlines()[1].split()[0] for text in both("concise")] == ["Found", "Found"]


def test_commands_are_ruffs(both: Callable[[str], tuple[str, str]]) -> None:
    mine, ruffs = (commands(text)[0] for text in both("github"))
    assert [*mine[1]] == [*ruffs[1]]
    assert mine[1]["file"] == ruffs[1]["file"]
    assert re.sub(r"KF103 .*", "", mine[2], flags=re.DOTALL) == "net.py:10:16: "
    assert re.sub(r"F821 .*", "", ruffs[2], flags=re.DOTALL) == "net.py:10:26: "


def test_a_code_quality_report_is_ruffs(both: Callable[[str], tuple[str, str]]) -> None:
    mine, ruffs = (json.loads(text)[0] for text in both("gitlab"))

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(each) for key, each in value.items()}
        return type(value)

    assert shape(mine) == shape(ruffs)
    assert mine["location"]["path"] == ruffs["location"]["path"]


def test_a_test_report_is_ruffs(both: Callable[[str], tuple[str, str]]) -> None:
    mine, ruffs = (ElementTree.fromstring(text.encode()) for text in both("junit"))
    pairs = [*zip(mine.iter(), ruffs.iter(), strict=True)]
    assert len(pairs) == 6
    for one, other in pairs:
        assert one.tag == other.tag
        # Ruff does not name the kind of a failure, which some servers want.
        assert {*one.keys()} - {"type"} == {*other.keys()}
    [case], [ruffs_case] = mine.iter("testcase"), ruffs.iter("testcase")
    assert case.get("classname") == ruffs_case.get("classname")


def test_an_empty_test_report_is_ruffs(tmp_path: Path, kerasfix: Run) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    (tmp_path / "net.py").write_text(CLEAN)
    texts = (kerasfix("--output-format", "junit", "net.py").stdout, _ruff(tmp_path, "junit"))
    mine, ruffs = (ElementTree.fromstring(text) for text in texts)
    assert [(each.tag, {*each.keys()}) for each in mine.iter()] == [
        (each.tag, {*each.keys()}) for each in ruffs.iter()
    ]
