"""What a project says of itself: `kerasfix.toml`, or `[tool.kerasfix]` of a pyproject.toml.

[tool.kerasfix]
min-severity = "warning"

[tool.kerasfix.verify]
backend = "jax"

[tool.kerasfix.verify.Generator]
init = { units = 64 }
input = [100]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasfix.findings import Severity
from kerasfix.keys import EVERYTHING, ConfigError
from kerasfix.verify.settings import ModelSettings, Wish

if TYPE_CHECKING:
    from kerasfix.keras.layers import LayerFact

__all__ = ["Config", "ConfigError", "read_config"]

_OWN = "kerasfix.toml"
_SHARED = "pyproject.toml"
_WISHES = ("backend", "keras")


@dataclass(frozen=True, slots=True)
class Config:
    """What a project says of itself.

    Attributes:
        min_severity: The least severity that is shown, fixed and counted.
        verify: What verification has to be told, by class name.
        wish: The backend and the Keras that models are run on.
        select: Codes, or beginnings of codes, of the only rules that speak; all if empty.
        ignore: Codes of rules that do not.
        per_file_ignores: Codes that do not count in the files that a pattern names.
        fixable: Codes of the only rules whose fixes are made; all if empty.
        unfixable: Codes of rules whose fixes are not.
        exclude: Patterns of what is left out instead of the usual folders; None for these.
        extend_exclude: Patterns of what is left out besides.
        force_exclude: Whether what is excluded is left out even if somebody names it.
        respect_gitignore: Whether what git ignores is left out.
        layers: Layer classes of other packages, by their dotted names.
        told: The keys that are set, with their values as kerasfix reads them.
        file: Where they are set; None if nowhere.
    """

    min_severity: Severity = Severity.INFO
    verify: Mapping[str, ModelSettings] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fixable: tuple[str, ...] = ()
    unfixable: tuple[str, ...] = ()
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    layers: Mapping[str, LayerFact] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None

    @property
    def folder(self) -> Path:
        """Where patterns count from: the folder of the file, or the current one."""
        return self.file.parent if self.file is not None else Path().absolute()


def read_config(start: Path) -> Config:
    """The configuration nearest to a file or folder, in its folder or in one above.

    In one folder `kerasfix.toml` counts before `pyproject.toml`, and one that says nothing of kerasfix is
    passed by.

    Raises:
        ConfigError: if that file is no TOML, or says something that kerasfix does not know.
    """
    here = start.absolute()
    for folder in (here, *here.parents):
        for name in (_OWN, _SHARED):
            path = folder / name
            table = _table_of(path) if os.path.isfile(path) else None
            if table is not None:
                return _config(path, table)
    return Config()


def _config(path: Path, table: object) -> Config:
    where = str(path) if path.name == _OWN else f"{path}: tool.kerasfix"
    told = EVERYTHING.read(table, where)
    verify = told.get("verify", {})
    classes = {name: value for name, value in verify.items() if name not in _WISHES}
    return Config(
        min_severity=Severity(told.get("min-severity", "info")),
        verify={
            name: ModelSettings(each.get("init", {}), each.get("input")) for name, each in classes.items()
        },
        wish=Wish(verify.get("backend"), verify.get("keras")),
        select=told.get("select", ()),
        ignore=told.get("ignore", ()),
        per_file_ignores=told.get("per-file-ignores", {}),
        fixable=told.get("fixable", ()),
        unfixable=told.get("unfixable", ()),
        exclude=told.get("exclude"),
        extend_exclude=told.get("extend-exclude", ()),
        force_exclude=told.get("force-exclude", False),
        respect_gitignore=told.get("respect-gitignore", True),
        layers=_layers(told["layers"], path) if "layers" in told else {},
        told=told,
        file=path,
    )


def _table_of(path: Path) -> object | None:
    """What a file says of kerasfix; None if nothing."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    if path.name == _OWN:
        return _parsed(path, text)
    # Most projects say nothing of kerasfix, and a TOML parser is not worth loading for them.
    if "kerasfix" not in text:
        return None
    tool = _parsed(path, text).get("tool", {})
    return tool.get("kerasfix") if isinstance(tool, dict) else None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except ValueError as error:
        # No TOML, or a number with more digits than Python reads.
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to read") from None
    return data


def _layers(told: Mapping[str, Mapping[str, str]], path: Path) -> dict[str, LayerFact]:
    """Rows like those of the tables, for classes that somebody else knows."""
    from kerasfix.keras.names import canonical
    from kerasfix.keras.packages import told_layer

    return {
        canonical(name): told_layer(name, each["effect"], each.get("rate-argument"), str(path))
        for name, each in told.items()
    }
