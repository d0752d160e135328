"""What verification is told of a class in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasfix.config import ConfigError, verify_settings
from kerasfix.verify.settings import ModelSettings


def test_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kerasfix.verify.Net]\ninput = [4]\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert verify_settings(inner / "net.py") == {"Net": ModelSettings(input=(4,))}
    (inner / "pyproject.toml").write_text("[tool.kerasfix.verify.Net]\ninit = { units = 3 }\n")
    assert verify_settings(inner / "net.py") == {"Net": ModelSettings(init={"units": 3})}


def test_a_project_without_settings_has_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert verify_settings(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.kerasfix", "Expected"),
        ("[tool.kerasfix]\nverfiy = {}", "unknown key verfiy; there is verify"),
        ("[tool.kerasfix.verify]\nNet = 3", "verify.Net: must be a table"),
        ("[tool.kerasfix.verify.Net]\nunits = 3", "unknown key units; there is init, input"),
        ("[tool.kerasfix.verify.Net]\ninput = [0]", "must be the shape of one sample"),
        ("[tool.kerasfix.verify.Net]\ninput = '28'", "must be the shape of one sample"),
    ],
)
def test_what_it_does_not_know_is_an_error_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        verify_settings(tmp_path)
    assert reason in str(error.value)
    assert "pyproject.toml" in str(error.value)
