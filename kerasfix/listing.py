"""What kerasfix says of itself: its rules, and the settings that count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kerasfix.config import Config
from kerasfix.keys import KEYS
from kerasfix.settings import Settings


def rules_text() -> str:
    """Code, name and what each rule does, a line each."""
    from kerasfix.rules import all_rules

    width = max(len(rule.name) for rule in all_rules())
    return "".join(f"{rule.code}  {rule.name:{width}}  {rule.summary}\n" for rule in all_rules())


def rules_document() -> str:
    """The rules as a JSON array."""
    from kerasfix.rules import all_rules

    entries = [
        {"code": rule.code, "name": rule.name, "summary": rule.summary, "explanation": rule.documentation}
        for rule in all_rules()
    ]
    return json.dumps(entries, indent=2) + "\n"


def settings_text(settings: Settings, config: Config) -> str:
    """The settings that count, as TOML, each with the place that it comes from."""
    head = "# No kerasfix.toml, and no pyproject.toml with [tool.kerasfix]\n"
    if config.file is not None:
        head = f"# {config.file}\n"
    lines = [
        (f"{name} = {_toml(value)}" if value is not None else f"# {name}: as usual", origin)
        for name, value, origin in _settled(settings, config)
    ]
    width = max(min(len(line), 50) for line, _ in lines)
    return head + "".join(f"{line:{width}}  # {origin}\n" for line, origin in lines)


def _settled(settings: Settings, config: Config) -> Iterator[tuple[str, Any, str]]:
    """Name, value and origin of each key."""
    selection = settings.selection(config)
    exclusion = settings.exclusion(config)
    wish = settings.wish(config)
    verify = {
        **{name: value for name, value in (("backend", wish.backend), ("keras", wish.keras)) if value},
        **{name: each for name, each in config.told.get("verify", {}).items() if isinstance(each, dict)},
    }
    values: dict[str, Any] = {
        "select": selection.select or ("KF",),
        "ignore": (*selection.ignore, *selection.banned),
        "per-file-ignores": config.per_file_ignores,
        "fixable": selection.fixable or ("KF",),
        "unfixable": selection.unfixable,
        "exclude": settings.exclude or config.exclude,
        "extend-exclude": (*config.extend_exclude, *settings.extend_exclude),
        "force-exclude": exclusion.is_forced,
        "respect-gitignore": exclusion.has_ignored,
        "min-severity": selection.min_severity.value,
        "layers": config.told.get("layers", {}),
        "verify": verify,
    }
    for key in KEYS:
        origin = " and ".join(_origins(key.name, settings, config)) or "default"
        yield key.name, values[key.name], origin


# Options that are added to what the configuration says, each with the one in whose presence they are not.
_ADDED = {"ignore": "select", "unfixable": "fixable", "extend-exclude": "", "verify": ""}
_OPTIONS = {"verify": ("backend", "keras")}


def _origins(name: str, settings: Settings, config: Config) -> Iterator[str]:
    options = _OPTIONS.get(name, (name,))
    given = [each for each in options if getattr(settings, each.replace("-", "_"), None) not in (None, ())]
    replaced = bool(given) and name not in _ADDED
    if name in _ADDED and _ADDED[name] and getattr(settings, _ADDED[name]):
        replaced = True
    if name in config.told and not replaced and config.file is not None:
        yield config.file.name
    for each in given:
        is_off = getattr(settings, each.replace("-", "_")) is False
        yield f"--{'no-' if is_off else ''}{each}"


def _toml(value: Any) -> str:
    """A value as it is written in TOML."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_name(name)} = {_toml(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    # Dates, which a constructor may be given, are written as they are.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int) else str(value)


def _name(name: str) -> str:
    is_bare = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if is_bare else json.dumps(name, ensure_ascii=False)
