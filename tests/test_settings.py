"""What is chosen, by the configuration and by options: rules, files, fixes; and how settings are shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import kerasfix as library
from kerasfix.config import ConfigError, read_config
from kerasfix.engine import Engine
from kerasfix.finder import Finder
from kerasfix.keys import KEYS, suggestion
from kerasfix.rules import all_rules, codes
from kerasfix.selection import Selection
from kerasfix.settings import Settings
from kerasfix.source import Source
from tests.conftest import Run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parent.parent / "docs"
NET = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.drop(x)
"""
# Finds KF103 and KF108.
FOUND = {"KF103", "KF108"}


def _config(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.kerasfix]\n{text}\n")


def _codes(stdout: str) -> set[str]:
    return {rule.code for rule in all_rules() if f": {rule.code} " in stdout}


# --- where it stands


def test_kerasfix_toml_counts_before_pyproject(tmp_path: Path) -> None:
    _config(tmp_path, "select = ['KF1']")
    assert read_config(tmp_path).select == ("KF1",)
    (tmp_path / "kerasfix.toml").write_text("select = ['KF2']\n")
    config = read_config(tmp_path / "net.py")
    assert (config.select, config.file) == (("KF2",), tmp_path / "kerasfix.toml")


def test_a_pyproject_that_says_nothing_of_kerasfix_is_passed_by(tmp_path: Path) -> None:
    _config(tmp_path, "select = ['KF1']")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project]\nname = 'kerasfix-user'\n")
    assert read_config(inner).select == ("KF1",)
    (inner / "pyproject.toml").write_text("[tool.kerasfix]\n")
    assert read_config(inner).select == ()


def test_a_key_in_kerasfix_toml_has_no_head(tmp_path: Path) -> None:
    (tmp_path / "kerasfix.toml").write_text("[tool.kerasfix]\nselect = ['KF1']\n")
    with pytest.raises(ConfigError, match=r"kerasfix\.toml: unknown key tool"):
        read_config(tmp_path)


# --- rules


@pytest.mark.parametrize(
    ("told", "options", "found"),
    [
        ("", (), FOUND),
        ("select = ['KF103']", (), {"KF103"}),
        ("select = ['ALL']", (), FOUND),
        ("ignore = ['KF103']", (), {"KF108"}),
        ("ignore = ['KF1']\nselect = ['KF103']", (), {"KF103"}),
        ("select = ['KF1']\nignore = ['KF10']", (), set()),
        ("select = ['KF103']", ("--select", "KF108"), {"KF108"}),
        ("ignore = ['KF103']", ("--select", "KF103"), {"KF103"}),
        ("ignore = ['KF103']", ("--ignore", "KF108"), set()),
        ("select = ['KF103']", ("--ignore", "KF1"), set()),
        ("", ("--select", "KF1", "--ignore", "KF103"), {"KF108"}),
        ("", ("--select", "KF103", "--ignore", "KF1"), {"KF103"}),
        ("ignore = ['KF1']", ("--select", "all"), FOUND),
    ],
)
def test_the_command_line_wins_and_the_longer_code_wins(
    told: str, options: tuple[str, ...], found: set[str], tmp_path: Path, kerasfix: Run
) -> None:
    (tmp_path / "net.py").write_text(NET)
    _config(tmp_path, told)
    done = kerasfix(*options, "net.py")
    assert (_codes(done.stdout), done.returncode) == (found, 1 if found else 0)


def test_a_code_that_is_nearly_one_is_suggested(kerasfix: Run) -> None:
    assert "no rule KF113; did you mean KF103?" in kerasfix("--select", "KF113", ".").stderr
    assert "no rule X; there are KF000, KF101" in kerasfix("--ignore", "X", ".").stderr


def test_rules_do_not_count_in_some_files(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "tests" / "inner").mkdir(parents=True)
    for name in ("net.py", "tests/net.py", "tests/inner/net.py", "tests/conftest.py"):
        (tmp_path / name).write_text(NET)
    _config(tmp_path, "[tool.kerasfix.per-file-ignores]\n'tests/*' = ['KF103']\n'conftest.py' = ['KF1']")
    found = json.loads(kerasfix("--output-format", "json", ".").stdout)
    told = [(Path(each["filename"]).relative_to(tmp_path).as_posix(), each["code"]) for each in found]
    assert sorted(told) == [
        ("net.py", "KF103"),
        ("net.py", "KF108"),
        ("tests/inner/net.py", "KF108"),
        ("tests/net.py", "KF108"),
    ]
    _config(tmp_path, "[tool.kerasfix.per-file-ignores]\n'!tests/**' = ['KF1']")
    found = json.loads(kerasfix("--output-format", "json", ".").stdout)
    assert {Path(each["filename"]).parent.name for each in found} == {"tests", "inner"}


def test_a_silencer_of_what_does_not_count_in_a_file_is_not_called_unused(
    tmp_path: Path, kerasfix: Run
) -> None:
    (tmp_path / "net.py").write_text(NET.replace("self.drop(x)", "self.drop(x)  # noqa: KF103"))
    _config(tmp_path, "[tool.kerasfix.per-file-ignores]\n'net.py' = ['KF1']")
    assert kerasfix(".").returncode == 0


# --- fixes


def test_some_fixes_are_not_made(tmp_path: Path, kerasfix: Run) -> None:
    fixed_103 = NET.replace("drop(x)", "drop(x, training=training)")
    fixed_108 = NET.replace("=False", "=None")
    for told, options, expected in (
        ("fixable = ['KF103']", (), fixed_103),
        ("unfixable = ['KF103']", (), fixed_108),
        ("fixable = ['KF103']", ("--fixable", "KF108"), fixed_108),
        ("unfixable = ['KF103']", ("--fixable", "KF103"), fixed_103),
        ("unfixable = ['KF103']", ("--unfixable", "KF108"), NET),
        ("unfixable = ['KF1']\nfixable = ['KF108']", (), fixed_108),
    ):
        (tmp_path / "net.py").write_text(NET)
        _config(tmp_path, told)
        done = kerasfix("--apply", *options, "net.py")
        assert (tmp_path / "net.py").read_text() == expected, (told, options)
        assert done.returncode == 1


def test_a_finding_whose_fix_is_not_made_says_so(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    found = json.loads(kerasfix("--unfixable", "KF103", "--output-format", "json", ".").stdout)
    [left] = [each for each in found if each["code"] == "KF103"]
    assert (left["fix"], left["others"]) == (None, [])
    assert "unfixable" in left["help"]


# --- files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.py", "build/b.py", "old/c.py", "old/keep.py", "gen_pb2.py", "secret/d.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(NET)
    (tmp_path / ".gitignore").write_text("secret\n")
    return tmp_path


def _files(kerasfix: Run, *options: str) -> list[str]:
    done = kerasfix("--output-format", "json", "--select", "KF103", *options)
    return sorted({"/".join(Path(each["filename"]).parts[-2:]) for each in json.loads(done.stdout)})


def _named(tree: Path, *names: str) -> list[str]:
    return sorted(name if "/" in name else f"{tree.name}/{name}" for name in names)


def test_files_and_folders_are_left_out(tree: Path, kerasfix: Run) -> None:
    assert _files(kerasfix, ".") == _named(tree, "a.py", "old/c.py", "old/keep.py", "gen_pb2.py")
    _config(tree, "extend-exclude = ['old', '*_pb2.py']")
    assert _files(kerasfix, ".") == _named(tree, "a.py")
    _config(tree, "exclude = ['old/*', '!old/keep.py']")
    assert _files(kerasfix, ".") == _named(tree, "a.py", "build/b.py", "old/keep.py", "gen_pb2.py")
    assert _files(kerasfix, "--exclude", "a.py,build", "--extend-exclude", "old", ".") == _named(
        tree, "gen_pb2.py"
    )
    _config(tree, "respect-gitignore = false\nextend-exclude = ['/old', 'gen*']")
    assert _files(kerasfix, ".") == _named(tree, "a.py", "secret/d.py")
    assert _files(kerasfix, "--respect-gitignore", ".") == _named(tree, "a.py")


def test_a_file_that_is_named_is_looked_at_unless_forced_out(tree: Path, kerasfix: Run) -> None:
    _config(tree, "extend-exclude = ['old']")
    named = ("a.py", "build/b.py", "old/c.py", "old")
    assert _files(kerasfix, *named) == _named(tree, "a.py", "build/b.py", "old/c.py", "old/keep.py")
    assert _files(kerasfix, "--force-exclude", *named) == _named(tree, "a.py")
    _config(tree, "extend-exclude = ['old']\nforce-exclude = true")
    assert _files(kerasfix, *named) == _named(tree, "a.py")
    assert len(_files(kerasfix, "--no-force-exclude", *named)) == 4


def test_a_forced_exclusion_leaves_standard_input_as_it_is(tree: Path, kerasfix: Run) -> None:
    options = ("--extend-exclude", "old", "--force-exclude", "--stdin-filename", "old/c.py", "-")
    done = kerasfix("--apply", *options, stdin=NET)
    assert (done.returncode, done.stdout) == (0, NET)
    assert kerasfix(*options, stdin=NET).returncode == 0
    assert kerasfix(*options[2:], stdin=NET).returncode == 1


def test_patterns_count_from_where_they_are_written(tree: Path, kerasfix: Run) -> None:
    _config(tree, "extend-exclude = ['/old/c.py']")
    assert _files(kerasfix, "old") == _named(tree, "old/keep.py")
    assert _files(kerasfix, "--extend-exclude", "old/keep.py", "old") == []


# --- layers


TOLD = """\
import keras
from mylib.layers import DropPath


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.path = {made}

    def call(self, x, training=None):
        return self.path(x)
"""


@pytest.mark.parametrize(
    ("told", "made", "found"),
    [
        ("'mylib.layers.Other' = 'stochastic'", "DropPath(0.1)", []),
        ("'mylib.layers.DropPath' = 'stochastic'", "DropPath(0.1)", ["KF103"]),
        ("'mylib.layers.DropPath' = 'stochastic'", "DropPath(rate=0)", []),
        ("'mylib.layers.DropPath' = 'updates-state'", "DropPath()", ["KF103"]),
        ("'mylib.layers.DropPath' = 'augments'", "DropPath()", []),
        ("'mylib.layers.DropPath' = 'none'", "DropPath()", []),
        ("'mylib.layers.DropPath' = 'wraps'", "DropPath(keras.layers.Dropout(0.5))", ["KF103"]),
        ("'mylib.layers.DropPath' = 'wraps'", "DropPath(keras.layers.Dense(5))", []),
        ("'mylib.layers.DropPath' = { effect = 'stochastic', rate-argument = 'p' }", "DropPath(p=0)", []),
        ("'mylib.layers.DropPath' = { effect = 'stochastic', rate-argument = 'p' }", "DropPath(0)", []),
        (
            "'mylib.layers.DropPath' = { effect = 'stochastic', rate-argument = 'p' }",
            "DropPath(2)",
            ["KF103"],
        ),
    ],
)
def test_layers_of_other_packages_are_known_by_what_is_told(
    told: str, made: str, found: list[str], tmp_path: Path, kerasfix: Run
) -> None:
    (tmp_path / "net.py").write_text(TOLD.format(made=made))
    _config(tmp_path, f"[tool.kerasfix.layers]\n{told}")
    assert sorted(_codes(kerasfix("--ignore", "KF2", "net.py").stdout)) == found


def test_an_augmentation_layer_makes_a_fix_a_suggestion(tmp_path: Path) -> None:
    text = (
        TOLD.format(made="DropPath()").replace("None", "False").replace("(x)\n", "(x, training=training)\n")
    )
    for effect, expected in (("stochastic", "safe"), ("augments", "suggestion")):
        _config(tmp_path, f"[tool.kerasfix.layers]\n'mylib.layers.DropPath' = '{effect}'")
        engine = Engine(Finder(layers=read_config(tmp_path).layers))
        [found] = engine.check_source(Source(text))
        assert found.fix is not None
        assert (found.code, found.fix.applicability.value) == ("KF108", expected)


def test_a_base_of_another_package_makes_a_class_a_layer(tmp_path: Path, kerasfix: Run) -> None:
    text = TOLD.format(made="keras.layers.Dropout(0.5)").replace("keras.Model", "DropPath")
    (tmp_path / "net.py").write_text(text)
    assert "KF103" not in _codes(kerasfix("net.py").stdout)
    _config(tmp_path, "[tool.kerasfix.layers]\n'mylib.layers.DropPath' = 'none'")
    assert "KF103" in _codes(kerasfix("net.py").stdout)


def test_what_is_told_in_one_run_is_not_known_in_the_next(tmp_path: Path) -> None:
    _config(tmp_path, "[tool.kerasfix.layers]\n'mylib.layers.DropPath' = 'stochastic'")
    source = Source(TOLD.format(made="DropPath(0.1)"))
    told = Engine(Finder(layers=read_config(tmp_path).layers))
    assert [each.code for each in told.check_source(source)] == ["KF103"]
    assert Engine().check_source(source) == []
    assert library.check(source.text) == []
    assert [each.code for each in told.check_source(source)] == ["KF103"]


def test_a_told_layer_is_fixed_and_explained_from_a_log(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(TOLD.format(made="DropPath(0.1)"))
    _config(tmp_path, "[tool.kerasfix.layers]\n'mylib.layers.DropPath' = 'stochastic'")
    assert kerasfix("--apply", "net.py").returncode == 0
    assert "self.path(x, training=training)" in (tmp_path / "net.py").read_text()


# --- what is said


def test_statistics(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(
        NET.replace("return self.drop(x)", "x = self.drop(x)\n        return self.drop(x)")
    )
    done = kerasfix("--statistics", ".")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "2  KF103  [*] training-not-passed",
        "1  KF108  [*] training-default-false",
    ]
    found = json.loads(kerasfix("--statistics", "--output-format", "json", ".").stdout)
    assert found[0] == {
        "code": "KF103",
        "name": "training-not-passed",
        "count": 2,
        "fixable": True,
        "fixable_count": 2,
    }
    assert kerasfix("--statistics", "-o", "out.txt", ".").stdout == ""
    assert "KF108" in (tmp_path / "out.txt").read_text()
    assert kerasfix("--statistics", "--select", "KF2", ".").stdout == "No faults found\n"


def test_statistics_tell_what_apply_does_not_write(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = kerasfix("--statistics", "--unfixable", "KF103", ".")
    assert "1  KF103  [ ] training-not-passed\n" in done.stdout


def test_exit_zero(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = kerasfix("--exit-zero", ".")
    assert (done.returncode, _codes(done.stdout)) == (0, FOUND)
    assert kerasfix("--exit-zero", "--diff", ".").returncode == 0
    (tmp_path / "net.py").write_text("import keras\nclass\n")
    assert kerasfix("--exit-zero", ".").returncode == 2


def test_rules_are_listed(kerasfix: Run) -> None:
    done = kerasfix("--list-rules")
    assert done.returncode == 0
    assert [line[:5] for line in done.stdout.splitlines()] == [rule.code for rule in all_rules()]
    listed = json.loads(kerasfix("--list-rules", "--output-format", "json").stdout)
    assert [each["code"] for each in listed] == list(codes())
    for each, rule in zip(listed, all_rules(), strict=True):
        assert each["explanation"] == rule.documentation
        assert each["summary"].startswith("Finds")
        assert not each["summary"].endswith(".")


def test_settings_are_shown_with_their_places(tmp_path: Path, kerasfix: Run) -> None:
    text = "select = ['KF1']\nignore = ['KF108']\nextend-exclude = ['old']\n"
    tables = "[tool.kerasfix.layers]\n'my.Drop' = 'stochastic'\n[tool.kerasfix.verify.Net]\ninput = [4]\n"
    _config(tmp_path, text + tables)
    done = kerasfix(
        "--show-settings", "--ignore", "KF104", "--min-severity", "error", "--no-respect-gitignore"
    )
    assert done.returncode == 0
    head, *lines = done.stdout.splitlines()
    assert head == f"# {tmp_path / 'pyproject.toml'}"
    shown = {" ".join(line.split()) for line in lines}
    assert shown >= {
        'select = ["KF1"] # pyproject.toml',
        'ignore = ["KF108", "KF104"] # pyproject.toml and --ignore',
        'min-severity = "error" # --min-severity',
        "respect-gitignore = false # --no-respect-gitignore",
        'extend-exclude = ["old"] # pyproject.toml',
        "# exclude: as usual # default",
        "force-exclude = false # default",
        'layers = { "my.Drop" = { effect = "stochastic" } } # pyproject.toml',
        "verify = { Net = { input = [4] } } # pyproject.toml",
    }


def test_what_is_shown_is_read_again(tmp_path: Path, kerasfix: Run) -> None:
    _config(
        tmp_path,
        "select = ['KF1']\nfixable = ['KF10']\n[tool.kerasfix.per-file-ignores]\n'*_\"x.py' = ['KF1']",
    )
    config = read_config(tmp_path)
    shown = kerasfix("--show-settings").stdout
    (tmp_path / "kerasfix.toml").write_text(shown)
    again = read_config(tmp_path)
    assert again.file == tmp_path / "kerasfix.toml"
    for key in KEYS:
        assert again.told.get(key.name, key.default) == config.told.get(key.name, key.default)


def test_settings_that_cannot_be_read_are_one_message(tmp_path: Path, kerasfix: Run) -> None:
    _config(tmp_path, "slect = ['KF1']")
    done = kerasfix("--show-settings")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "unknown key slect; did you mean select?" in done.stderr


def test_settings_without_a_file(tmp_path: Path, kerasfix: Run) -> None:
    assert kerasfix("--show-settings").stdout.startswith("# No kerasfix.toml")
    assert Settings().selection(read_config(tmp_path)) == Selection()


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("selct", "select"),
        ("slecet", "select"),
        ("IGNORE", "ignore"),
        ("min_severity", "min-severity"),
        ("zzz", ""),
    ],
)
def test_a_near_word_is_found(word: str, near: str) -> None:
    found = suggestion(word, [key.name for key in KEYS])
    assert found == (f"; did you mean {near}?" if near else "")


def test_the_documentation_has_every_key() -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")
    for key in KEYS:
        assert f"`{key.name}`" in page.partition("| key |")[2], key.name


# --- the schema


GOOD = [
    "",
    "select = ['KF1', 'ALL']\nignore = []\nfixable = ['KF103']",
    "exclude = ['a']\nextend-exclude = ['*.py']\nforce-exclude = true\nrespect-gitignore = false",
    "min-severity = 'warning'\n[per-file-ignores]\n'a.py' = ['KF103']",
    "[layers]\n'a.B' = 'none'\n'a.b.C' = { effect = 'stochastic', rate-argument = 'p' }",
    "[verify]\nbackend = 'jax'\nkeras = 2\n[verify.Net]\ninit = { units = 3 }\ninput = [28, 1]",
]
BAD = [
    "selct = ['KF1']",
    "select = 'KF1'",
    "select = ['KF999']",
    "min-severity = 'bad'",
    "force-exclude = 'yes'",
    "exclude = [1]",
    "exclude = ['']",
    "per-file-ignores = ['KF1']",
    "[per-file-ignores]\n'a.py' = ['X']",
    "[layers]\nB = 'none'",
    "[layers]\n'a.B' = 'no'",
    "[layers]\n'a.B' = { rate-argument = 'p' }",
    "[layers]\n'a.B' = { effect = 'none', rat = 'p' }",
    "[verify]\nbackend = 'theano'",
    "[verify]\nkeras = '2'",
    "[verify]\nNet = 3",
    "[verify.Net]\nunits = 3",
    "[verify.Net]\ninput = [0]",
    "[verify.Net]\ninit = 3",
]


def _schema() -> dict[str, Any]:
    sys.path.insert(0, str(DOCS))
    try:
        import make_schema
    finally:
        sys.path.pop(0)
    assert make_schema.FILE.read_text("utf-8") == make_schema.text(), "run: python docs/make_schema.py"
    return dict(make_schema.schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(_schema())


@pytest.mark.parametrize("text", GOOD)
def test_the_schema_takes_what_the_reader_takes(text: str, tmp_path: Path) -> None:
    (tmp_path / "kerasfix.toml").write_text(text)
    read_config(tmp_path)
    jsonschema.validate(tomllib.loads(text), _schema())


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_reader_refuses(text: str, tmp_path: Path) -> None:
    (tmp_path / "kerasfix.toml").write_text(text)
    with pytest.raises(ConfigError):
        read_config(tmp_path)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), _schema())
