"""The steps of the GitHub Action are run as GitHub runs them, in bash, with its files and its expressions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasfix import __version__
from tests.test_tools import MENDED, NET, ROOT

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None or os.name == "nt", reason="there is no bash")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
CLEAN = "import keras\n"
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_NAME = r"[A-Za-z_][\w-]*"


@dataclass
class Workflow:
    """A job that uses the action.

    Args:
        folder: The folder that was checked out.
        path: Where commands are looked for.
        given: The inputs.
    """

    folder: Path
    path: str
    given: dict[str, str]
    failed: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    output: str = ""
    uploaded: list[dict[str, str]] = field(default_factory=list)

    def run(self) -> Workflow:
        assert self.given.keys() <= ACTION["inputs"].keys()
        assert ACTION["runs"]["using"] == "composite"
        for step in ACTION["runs"]["steps"]:
            assert step.keys() <= {"name", "id", "if", "uses", "with", "shell", "env", "run"}
            if not self.condition(step.get("if", "success()")):
                continue
            if "uses" not in step:
                self._run(step)
            elif step["uses"].startswith("github/codeql-action/upload-sarif@"):
                self.uploaded.append({key: self.text(value) for key, value in step["with"].items()})
            else:
                assert step["uses"].startswith("actions/setup-python@")
        return self

    @property
    def told(self) -> dict[str, str]:
        """The outputs of the action."""
        return {name: self.text(each["value"]) for name, each in ACTION["outputs"].items()}

    def _run(self, step: dict[str, Any]) -> None:
        assert step["shell"] == "bash"
        # An expression in a script would be run, whatever it says.
        assert "${{" not in step["run"]
        script, told, named = (self.folder.parent / name for name in ("step.sh", "output", "env"))
        script.write_text(step["run"], encoding="utf-8")
        for each in (told, named):
            each.write_text("")
        done = subprocess.run(
            [BASH or "", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env={
                "PATH": self.path,
                "HOME": str(self.folder.parent),
                "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
                "XDG_STATE_HOME": str(self.folder.parent / "state"),
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self.folder),
                "GITHUB_OUTPUT": str(told),
                "GITHUB_ENV": str(named),
                **self.environment,
                **{key: self.text(value) for key, value in step.get("env", {}).items()},
            },
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            check=False,
        )
        self.output += done.stdout + done.stderr
        self.codes[step["name"]] = done.returncode
        self.failed |= done.returncode != 0
        self.environment.update(_values(named))
        if "id" in step:
            self.outputs[step["id"]] = _values(told)

    def text(self, value: str) -> str:
        """A value of the file with its expressions put in."""
        return _EXPRESSION.sub(lambda found: self._value(found[1].strip()), value)

    def _value(self, expression: str) -> str:
        if found := re.fullmatch(rf"inputs\.({_NAME})", expression):
            return self.given.get(found[1], ACTION["inputs"][found[1]]["default"])
        if found := re.fullmatch(rf"steps\.({_NAME})\.outputs\.({_NAME})", expression):
            # What a step did not say is empty.
            return self.outputs.get(found[1], {}).get(found[2], "")
        if expression == "github.action_path":
            return str(ROOT)
        raise AssertionError(f"an expression that this test cannot read: {expression}")

    def condition(self, value: str) -> bool:
        """What an `if` says; without a word about how the steps before ended, they must have succeeded."""
        whole = _EXPRESSION.fullmatch(value)
        terms = [each.strip() for each in (whole[1] if whole else value).split("&&")]
        if not {"!cancelled()", "success()"} & {*terms}:
            terms.append("success()")
        # All of them are read, so that none goes by unknown.
        met = [self._term(each) for each in terms]
        return all(met)

    def _term(self, term: str) -> bool:
        if term in ("!cancelled()", "success()"):
            return term == "!cancelled()" or not self.failed
        found = re.fullmatch(r"(\S+) == '([^']*)'", term)
        if found is None:
            raise AssertionError(f"a condition that this test cannot read: {term}")
        # GitHub does not tell small letters from capital ones.
        return self._value(found[1]).lower() == found[2].lower()


def _values(path: Path) -> dict[str, str]:
    """The file that a step writes outputs or variables to."""
    lines = path.read_text("utf-8").splitlines()
    assert all(re.match(rf"{_NAME}=", line) for line in lines), lines
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands of a machine of GitHub; pip writes down what it is asked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "python": f'exec "{sys.executable}" "$@"',
        "kerasfix": f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m kerasfix "$@"'
        if sys.version_info >= (3, 11)
        else f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m kerasfix "$@"',
        "pip": f"printf '%s\\n' \"$@\" > '{tmp_path / 'pip'}'",
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work space"
    made.mkdir()
    return made


def job(commands: Path, folder: Path, **given: str) -> Workflow:
    names = {key.replace("_", "-"): value for key, value in given.items()}
    return Workflow(folder, f"{commands}{os.pathsep}{os.defpath}", names).run()


def results(path: Path) -> list[str]:
    [run] = json.loads(path.read_text("utf-8"))["runs"]
    return [
        f"{each['locations'][0]['physicalLocation']['artifactLocation']['uri']}: {each['ruleId']}"
        for each in run["results"]
    ]


def test_findings_are_shown_and_uploaded_and_fail_the_job(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder)
    assert done.codes == {"Install kerasfix": 0, "Run kerasfix": 0, "Result": 1}
    assert done.told == {"sarif": "kerasfix.sarif", "exit-code": "1"}
    assert results(folder / "kerasfix.sarif") == ["net.py: KF103"]
    assert re.search(r"^::notice title=kerasfix \(KF103\),file=.*net\.py,line=11,", done.output, re.MULTILINE)
    assert done.uploaded == [{"sarif_file": "kerasfix.sarif", "category": "kerasfix"}]
    # Steps of the job that come behind are not to know of ours.
    assert done.environment == {}
    assert (folder / "net.py").read_text() == NET


def test_no_findings_are_success(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(CLEAN)
    done = job(commands, folder, sarif="out put.sarif", upload="false")
    assert (done.failed, done.told) == (False, {"sarif": "out put.sarif", "exit-code": "0"})
    assert results(folder / "out put.sarif") == []
    assert (done.uploaded, "::" in done.output) == ([], False)


def test_apply_leaves_what_is_left(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, args="--apply")
    assert (done.failed, done.told["exit-code"]) == (False, "0")
    assert (folder / "net.py").read_text() == MENDED
    assert results(folder / "kerasfix.sarif") == []


def test_what_could_not_be_looked_at_fails_the_job_and_is_uploaded(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text("import keras\nx = )\n")
    done = job(commands, folder)
    assert done.codes == {"Install kerasfix": 0, "Run kerasfix": 2}
    assert (done.told["exit-code"], len(done.uploaded)) == ("2", 1)
    assert re.search("^::error title=kerasfix", done.output, re.MULTILINE)


def test_where_nothing_can_be_written_nothing_is_uploaded(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, sarif="net.py/there.sarif")
    assert (done.codes["Run kerasfix"], done.uploaded) == (2, [])


@pytest.mark.parametrize(
    "paths", ["my models", "my models\n", "  my models\n\n  other.py\n", "./my models/net.py\nother.py"]
)
def test_paths_are_lines(paths: str, commands: Path, folder: Path) -> None:
    for name in ("my models/net.py", "other.py", "unasked.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(NET)
    done = job(commands, folder, paths=paths)
    assert done.told["exit-code"] == "1", done.output
    expected = ["my%20models/net.py: KF103", *(["other.py: KF103"] if "other" in paths else [])]
    assert results(folder / "kerasfix.sarif") == expected


def test_options_are_words_of_a_shell(commands: Path, folder: Path) -> None:
    (folder / "my models").mkdir()
    for name in ("my models/net.py", "other.py"):
        (folder / name).write_text(NET)
    done = job(commands, folder, args="--select KF103\n--exclude 'my models'")
    assert results(folder / "kerasfix.sarif") == ["other.py: KF103"], done.output


def test_a_quote_that_is_not_closed_is_named(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, args="--select 'KF103")
    assert (done.codes["Run kerasfix"], done.uploaded) == (2, [])
    assert done.output.startswith("::error title=kerasfix::args: ")
    assert "Traceback" not in done.output


HOSTILE = [
    "$(touch ran)",
    "`touch ran`",
    "; touch ran",
    '"; touch ran; "',
    "'; touch ran; '",
    "x\ntouch ran",
    "&& touch ran #",
    "| touch ran",
    "> ran",
    "${IFS}$(touch${IFS}ran)",
    "a[$(touch ran)]",
    "*",
    "--output-file=ran",
]


@pytest.mark.parametrize("name", ["paths", "args", "sarif", "version"])
@pytest.mark.parametrize("value", HOSTILE)
def test_no_input_is_run(name: str, value: str, commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, **{name: value})
    if (name, value) != ("args", "--output-file=ran"):
        assert not (folder / "ran").exists(), done.output
    assert not (folder.parent / "ran").exists()
    assert (folder / "net.py").read_text() == NET
    # All but these are names of files, or versions, that there may be.
    assert done.told["exit-code"] in {"paths": {"2"}, "args": {"1", "2", ""}}.get(name, {"1"})


def test_a_path_is_no_option(commands: Path, folder: Path) -> None:
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, paths="--apply")
    assert (done.told["exit-code"], (folder / "net.py").read_text()) == ("2", NET)


def test_no_module_of_the_checkout_is_imported(commands: Path, folder: Path) -> None:
    """A pull request may bring a `shlex.py`."""
    for name in ("shlex", "os", "sitecustomize", "click", "json"):
        (folder / f"{name}.py").write_text("open('ran', 'w').close()\n")
    (folder / "net.py").write_text(NET)
    done = job(commands, folder, args="--select KF103")
    assert done.told["exit-code"] == "1", done.output
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("version", "asked"), [("", str(ROOT)), ("0.1.0", "kerasfix==0.1.0"), ("1 -e x", "kerasfix==1 -e x")]
)
def test_what_is_installed(version: str, asked: str, commands: Path, folder: Path) -> None:
    done = job(commands, folder, version=version)
    assert (folder.parent / "pip").read_text().splitlines() == ["install", "--quiet", asked]
    assert done.codes["Install kerasfix"] == 0


def test_the_action_installs_itself_with_pip(tmp_path: Path, folder: Path) -> None:
    """For real, into an environment of its own, but for what it would take from the network."""
    pytest.importorskip("hatchling", reason="what builds the package is not installed")
    pytest.importorskip("ensurepip")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "theirs.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (folder / "net.py").write_text(NET)
    path = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.defpath}"
    made = Workflow(folder, path, {})
    # For pip, "no" means here that there is no isolation.
    made.environment = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    done = made.run()
    assert done.codes == {"Install kerasfix": 0, "Run kerasfix": 0, "Result": 1}, done.output
    assert results(folder / "kerasfix.sarif") == ["net.py: KF103"]
    assert (site / f"kerasfix-{__version__}.dist-info").exists()
