"""`[tool.kerasfix]` of the nearest pyproject.toml.

So far it holds what verification has to be told of a class:

    [tool.kerasfix.verify.Generator]
    init = { units = 64 }
    input = [100]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasfix.verify.errors import VerifyError
from kerasfix.verify.settings import ModelSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class ConfigError(VerifyError):
    """Settings that cannot be read or mean nothing; says where and why in one line."""


def verify_settings(start: Path) -> dict[str, ModelSettings]:
    """The verification settings by class name, from the pyproject.toml nearest to a file or folder.

    Raises:
        ConfigError: if that file is no TOML, or says something that kerasfix does not know.
    """
    path = _nearest(start)
    if path is None:
        return {}
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    tool = _table(data.get("tool", {}).get("kerasfix", {}), f"{path}: tool.kerasfix", ("verify",))
    models = _table(tool.get("verify", {}), f"{path}: tool.kerasfix.verify")
    return {name: _model(value, f"{path}: tool.kerasfix.verify.{name}") for name, value in models.items()}


def _nearest(start: Path) -> Path | None:
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder / "pyproject.toml"
    return None


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
