"""Which Python runs the models."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from kerasfix.verify.errors import VerifyError
from kerasfix.verify.interpreter import check_python, find_python


def environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    return python


def test_the_nearest_virtual_environment_wins(tmp_path: Path) -> None:
    environment(tmp_path / ".venv")
    near = environment(tmp_path / "project" / "venv")
    assert find_python(tmp_path / "project" / "models" / "net.py", environment={}) == near


def test_the_projects_environment_wins_over_the_activated_one(tmp_path: Path) -> None:
    activated = environment(tmp_path / "elsewhere")
    variables = {"VIRTUAL_ENV": str(tmp_path / "elsewhere")}
    assert find_python(tmp_path / "net.py", environment=variables) == activated
    own = environment(tmp_path / ".venv")
    assert find_python(tmp_path / "net.py", environment=variables) == own


def test_without_any_environment_it_is_this_python(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    assert find_python(tmp_path / "net.py", environment={}) == Path(sys.executable)


def test_python_may_name_an_interpreter_or_an_environment(tmp_path: Path) -> None:
    environment(tmp_path / ".venv")
    other = environment(tmp_path / "other")
    assert find_python(tmp_path / "net.py", other) == other
    assert find_python(tmp_path / "net.py", tmp_path / "other") == other


def test_an_interpreter_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="no such interpreter"):
        find_python(tmp_path / "net.py", tmp_path / "nothing")


def test_a_python_without_tensorflow_says_what_to_install(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = find_python(tmp_path / "net.py", tmp_path / "bare")
    with pytest.raises(VerifyError, match=r"has no TensorFlow: .* -m pip install tensorflow"):
        check_python(python, {**os.environ, "PYTHONPATH": ""})


def test_this_python_without_tensorflow_is_told_about_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (
        '{"version": [3, 12], "found": {"keras": true, "tensorflow": false, "torch": false, "jax": false}}'
    )
    done = subprocess.CompletedProcess([], 0, answer)
    monkeypatch.setattr("kerasfix.verify.interpreter.subprocess.run", lambda *args, **options: done)
    with pytest.raises(VerifyError, match=r"pip install 'kerasfix\[verify\]'"):
        check_python(Path(sys.executable))


def test_a_python_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 0, '{"version": [3, 8], "found": {}}')
    monkeypatch.setattr("kerasfix.verify.interpreter.subprocess.run", lambda *args, **options: done)
    with pytest.raises(VerifyError, match=r"is Python 3.8; verification needs 3.9 or newer"):
        check_python(Path("old"))


def test_a_broken_python_is_one_clear_line(tmp_path: Path) -> None:
    python = environment(tmp_path / "broken")
    with pytest.raises(VerifyError, match="does not run"):
        check_python(python)


def test_what_an_environment_says_of_keras(tmp_path: Path) -> None:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("KERAS", "TF_USE"))}
    plain["KERAS_HOME"] = str(tmp_path)

    def said(**variables: str) -> tuple[str | None, bool]:
        installed = check_python(Path(sys.executable), {**plain, **variables})
        assert installed.versions["keras"].startswith("3.")
        return installed.backend, installed.legacy

    assert said() == (None, False)
    assert said(KERAS_BACKEND="jax", TF_USE_LEGACY_KERAS="1") == ("jax", True)
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert said() == ("torch", False)
    assert said(KERAS_BACKEND="jax") == ("jax", False)
    # What Keras writes by itself.
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    assert said() == (None, False)
