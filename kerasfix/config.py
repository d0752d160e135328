"""`[tool.kerasfix]` of the nearest pyproject.toml.

[tool.kerasfix]
min-severity = "warning"

[tool.kerasfix.verify]
backend = "jax"

[tool.kerasfix.verify.Generator]
init = { units = 64 }
input = [100]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasfix.findings import Severity
from kerasfix.verify.settings import BACKENDS, ModelSettings, Wish


class ConfigError(Exception):
    """Settings that cannot be read or mean nothing; says where and why in one line."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a project says of itself.

    Attributes:
        min_severity: The least severity that is shown, fixed and counted.
        verify: What verification has to be told, by class name.
        wish: The backend and the Keras that models are run on.
    """

    min_severity: Severity = Severity.INFO
    verify: Mapping[str, ModelSettings] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)


def read_config(start: Path) -> Config:
    """The configuration from the pyproject.toml nearest to a file or folder.

    Raises:
        ConfigError: if that file is no TOML, or says something that kerasfix does not know.
    """
    path = _nearest(start)
    if path is None:
        return Config()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    # Most projects say nothing of kerasfix, and a TOML parser is not worth loading for them.
    data = _parsed(path, text) if "kerasfix" in text else {}
    where = f"{path}: tool.kerasfix"
    tool = _table(_table(data.get("tool", {}), f"{path}: tool").get("kerasfix", {}), where, _KEYS)
    models = _table(tool.get("verify", {}), f"{where}.verify")
    classes = {name: value for name, value in models.items() if name not in _WISHES}
    return Config(
        _severity(tool.get("min-severity", "info"), f"{where}.min-severity"),
        {name: _model(value, f"{where}.verify.{name}") for name, value in classes.items()},
        _wish(models, f"{where}.verify"),
    )


_KEYS = ("min-severity", "verify")
_WISHES = ("backend", "keras")


def _parsed(path: Path, text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    return data


def _severity(value: Any, where: str) -> Severity:
    known = [each.value for each in Severity]
    if value not in known:
        raise ConfigError(f"{where}: must be one of {', '.join(known)}")
    return Severity(value)


def _nearest(start: Path) -> Path | None:
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder / "pyproject.toml"
    return None


def _wish(verify: Mapping[str, Any], where: str) -> Wish:
    backend, keras = verify.get("backend"), verify.get("keras")
    if backend is not None and backend not in BACKENDS:
        raise ConfigError(f"{where}.backend: must be one of {', '.join(BACKENDS)}")
    if keras is not None and (type(keras) is not int or keras not in (2, 3)):
        raise ConfigError(f"{where}.keras: must be 2 or 3")
    return Wish(backend, keras)


def _model(value: Any, where: str) -> ModelSettings:
    table = _table(value, where, ("init", "input"))
    init = _table(table.get("init", {}), f"{where}.init")
    shape = table.get("input")
    if shape is not None and not (
        isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
    ):
        raise ConfigError(f"{where}.input: must be the shape of one sample, like [28, 28, 1]")
    return ModelSettings(init, None if shape is None else tuple(shape))


def _table(value: Any, where: str, keys: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a table")
    unknown = sorted(set(value) - set(keys)) if keys is not None else []
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]}; there is {', '.join(keys or ())}")
    return value
