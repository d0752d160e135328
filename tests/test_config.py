"""What verification is told of a class in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasfix.config import Config, ConfigError, read_config
from kerasfix.settings import Settings
from kerasfix.verify.settings import ModelSettings, Wish
from tests.conftest import Run


def test_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kerasfix.verify.Net]\ninput = [4]\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert read_config(inner / "net.py").verify == {"Net": ModelSettings(input=(4,))}
    (inner / "pyproject.toml").write_text("[tool.kerasfix.verify.Net]\ninit = { units = 3 }\n")
    assert read_config(inner / "net.py").verify == {"Net": ModelSettings(init={"units": 3})}


def test_a_project_without_settings_has_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_config(tmp_path) == Config()


def test_the_keras_of_a_project_and_what_an_option_says_instead(tmp_path: Path) -> None:
    text = "[tool.kerasfix.verify]\nbackend = 'jax'\nkeras = 3\n[tool.kerasfix.verify.Net]\ninput = [4]\n"
    (tmp_path / "pyproject.toml").write_text(text)
    config = read_config(tmp_path)
    assert config.verify == {"Net": ModelSettings(input=(4,))}
    assert Settings().wish(config) == Wish("jax", 3)
    assert Settings(backend="torch").wish(config) == Wish("torch", 3)
    assert Settings(keras=2).wish(Config()) == Wish(None, 2)


@pytest.mark.parametrize("line", ["backend = 'theano'", "backend = ['jax']", "keras = 4", "keras = '2'"])
def test_a_keras_that_there_is_not_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.kerasfix.verify]\n{line}\n")
    with pytest.raises(ConfigError, match=r"verify\.(backend|keras): must be"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--backend", "jax"), "--backend needs --verify"),
        (("--keras", "2"), "--keras needs --verify"),
        (("--verify", "--device", "gpu:x"), "is none of auto, cpu, gpu, gpu:0"),
    ],
)
def test_options_of_verification_are_checked(options: tuple[str, ...], reason: str, kerasfix: Run) -> None:
    result = kerasfix(*options, ".")
    assert result.returncode == 2
    assert reason in result.stderr


NET = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training={default}):
        return self.drop(x, training=training)
"""


def test_the_least_severity_chooses_what_is_shown_fixed_and_counted(tmp_path: Path, kerasfix: Run) -> None:
    style = NET.format(default="False")
    (tmp_path / "net.py").write_text(style)
    assert "KF108" in kerasfix("net.py").stdout
    assert kerasfix("--min-severity", "warning", "net.py").returncode == 0
    (tmp_path / "pyproject.toml").write_text("[tool.kerasfix]\nmin-severity = 'warning'\n")
    assert kerasfix("--apply", "net.py").returncode == 0
    assert (tmp_path / "net.py").read_text() == style
    assert kerasfix("--min-severity", "info", "net.py").returncode == 1
    (tmp_path / "net.py").write_text(NET.format(default="True"))
    assert kerasfix("net.py").returncode == 1


def test_a_wrong_configuration_is_one_message(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "pyproject.toml").write_text("[tool.kerasfix]\nseverity = 'warning'\n")
    done = kerasfix("net.py")
    assert done.returncode == 2
    assert "unknown key severity" in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.kerasfix", "Expected"),
        ("[tool.kerasfix]\nmin-severity = 'bad'", "min-severity: must be one of error, warning, info"),
        ("[tool.kerasfix]\nverfiy = {}", "unknown key verfiy; did you mean verify?"),
        (
            "[tool.kerasfix]\nseverity = 'bad'",
            "unknown key severity; there is select, ignore, per-file-ignores",
        ),
        ("[tool.kerasfix]\nper_file_ignores = {}", "did you mean per-file-ignores?"),
        ("[tool.kerasfix]\nmin-severity = 'warnign'", "error, warning, info; did you mean warning?"),
        ("[tool.kerasfix]\nmin-severity = 3", "min-severity: must be one of"),
        ("[tool.kerasfix]\nselect = 'KF1'", "select: must be a list of codes"),
        ("[tool.kerasfix]\nselect = ['KF113']", "select: no rule KF113; did you mean KF103?"),
        ("[tool.kerasfix]\nignore = ['kf201']", "ignore: no rule kf201; did you mean KF201?"),
        ("[tool.kerasfix]\nexclude = ['']", "exclude: must be a list of patterns"),
        ("[tool.kerasfix]\nforce-exclude = 1", "force-exclude: must be true or false"),
        (
            "[tool.kerasfix.per-file-ignores]\n'a.py' = 'KF1'",
            'per-file-ignores."a.py": must be a list of codes',
        ),
        (
            "[tool.kerasfix.layers]\nmylib.layers.Drop = 'wraps'",
            "layers.mylib: a class is named with its package",
        ),
        ("[tool.kerasfix.layers]\n'my.Drop' = 'wrap'", 'layers."my.Drop": must be one of'),
        ("[tool.kerasfix.layers]\n'my.Drop' = 'wrap'", "did you mean wraps?"),
        ("[tool.kerasfix.layers]\n'my.Drop' = { rate-argument = 'p' }", "effect is missing"),
        (
            "[tool.kerasfix.layers]\n'my.Drop' = { effect = 'none', rate = 'p' }",
            "unknown key rate; there is effect",
        ),
        ("[tool.kerasfix.verify]\nbackned = 'jax'", "verify.backned: must be a table; did you mean backend?"),
        ("tool = { kerasfix = 3 }", "tool.kerasfix: must be a table"),
        ("[tool.kerasfix.verify]\nNet = 3", "verify.Net: must be a table"),
        ("[tool.kerasfix.verify.Net]\nunits = 3", "unknown key units; there is init, input"),
        ("[tool.kerasfix.verify.Net]\ninput = [0]", "must be the shape of one sample"),
        ("[tool.kerasfix.verify.Net]\ninput = '28'", "must be the shape of one sample"),
    ],
)
def test_what_it_does_not_know_is_an_error_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config(tmp_path)
    assert reason in str(error.value)
    assert "pyproject.toml" in str(error.value)
