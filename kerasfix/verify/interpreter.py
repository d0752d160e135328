"""Which Python runs the models, and whether it can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from kerasfix.verify.choice import Installed
from kerasfix.verify.errors import VerifyError

_OLDEST = (3, 9)
_CHECK_SECONDS = 60
_CHECK = """
import importlib.metadata, importlib.util, json, os, sys
found, versions = {}, {}
for name in ("keras", "tensorflow", "tf_keras", "torch", "jax"):
    try:
        found[name] = importlib.util.find_spec(name) is not None
    except Exception:
        found[name] = False
    for distribution in (name, name + "-cpu", name + "-nightly") if found[name] else ():
        try:
            versions[name] = importlib.metadata.version(distribution)
            break
        except Exception:
            versions[name] = ""
backend = os.environ.get("KERAS_BACKEND")
if not backend:
    folder = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    try:
        with open(os.path.join(folder, "keras.json"), encoding="utf-8") as file:
            backend = json.load(file).get("backend")
    except Exception:
        backend = None
    if backend == "tensorflow":
        # Keras itself writes that into the file when it is first imported: nobody has asked for it.
        backend = None
legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true")
facts = {"found": found, "versions": versions, "backend": backend, "legacy": legacy}
print(json.dumps({"version": list(sys.version_info[:2]), **facts}))
"""


def find_python(
    file: Path, explicit: Path | None = None, environment: Mapping[str, str] | None = None
) -> Path:
    """The Python that runs the models of `file`.

    In this order: `explicit`; the nearest virtual environment (`.venv` or `venv`) in the folder of the file
        or
    above; the activated one (`VIRTUAL_ENV`); the Python that runs kerasfix.

    Args:
        environment: Environment variables; those of this process if None.

    Raises:
        VerifyError: if `explicit` is not a file that can be run.
    """
    if explicit is not None:
        # Not resolved: a virtual environment's python is a link, and following it leaves the environment.
        python = Path.cwd() / explicit
        python = _python_in(python) or python
        if not python.is_file() or not os.access(python, os.X_OK):
            raise VerifyError(f"--python {explicit}: no such interpreter")
        return python
    activated = (os.environ if environment is None else environment).get("VIRTUAL_ENV")
    folders = [parent / name for parent in file.absolute().parents for name in (".venv", "venv")]
    for folder in [*folders, *([Path(activated)] if activated else [])]:
        inside = _python_in(folder)
        if inside is not None:
            return inside
    return Path(sys.executable)


def check_python(python: Path, environment: Mapping[str, str] | None = None) -> Installed:
    """Make sure that a Python is new enough and has Keras with a backend. Imports none of them.

    Returns:
        What it has, and what its environment says of Keras.

    Raises:
        VerifyError: one line that says what to install, and where.
    """
    command = [str(python), "-c", _CHECK]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=True, env=environment
        )
        facts = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise VerifyError(f"{python} does not run: {error}") from None
    version, found = tuple(facts["version"]), facts["found"]
    if version < _OLDEST:
        raise VerifyError(
            f"{python} is Python {_dotted(version)}; verification needs {_dotted(_OLDEST)} or newer"
        )
    if not (found["tensorflow"] or (found["keras"] and (found["torch"] or found["jax"]))):
        raise VerifyError(_what_to_install(python))
    return Installed(facts.get("versions", {}), facts.get("backend"), bool(facts.get("legacy")))


def _what_to_install(python: Path) -> str:
    if python == Path(sys.executable):
        how = "pip install 'kerasfix[verify]'"
    else:
        how = f"{python} -m pip install tensorflow, or name another Python with --python"
    return f"--verify trains models, and {python} has no TensorFlow: {how}"


def _dotted(version: Iterable[int]) -> str:
    return ".".join(str(part) for part in version)


def _python_in(folder: Path) -> Path | None:
    for name in ("bin/python", "bin/python3", "Scripts/python.exe"):
        python = folder / name
        if python.is_file() and os.access(python, os.X_OK):
            return python
    return None
