"""The keys of `[tool.kerasfix]`: one table for the reader, for `--show-settings` and for the JSON schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kerasfix.findings import Severity
from kerasfix.verify.settings import BACKENDS


class ConfigError(Exception):
    """Settings that cannot be read or mean nothing; says where and why in one line."""


class Kind(Protocol):
    """What a key can be set to."""

    def read(self, value: Any, where: str) -> Any:
        """The value as kerasfix uses it.

        Raises:
            ConfigError: if it is none of this kind.
        """

    def schema(self) -> dict[str, Any]:
        """The same as a JSON schema."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Attributes:
        name: As it is written.
        about: What it is for, in one or two sentences.
        kind: What it can be set to.
        default: What holds if nobody sets it.
    """

    name: str
    about: str
    kind: Kind
    default: Any = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words or numbers."""

    values: tuple[str | int, ...]

    def read(self, value: Any, where: str) -> Any:
        # True is 1 for Python, but not for TOML.
        if type(value) in (str, int) and value in self.values:
            return value
        listed = [str(each) for each in self.values]
        wanted = f"one of {', '.join(listed)}" if len(listed) > 2 else " or ".join(listed)
        hint = suggestion(value, listed) if isinstance(value, str) and value not in listed else ""
        raise ConfigError(f"{where}: must be {wanted}{hint}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, value: Any, where: str) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where}: must be true or false")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not empty."""

    def read(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where}: must be a text")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of rules, or beginnings of codes; ALL for all of them."""

    def read(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ConfigError(f'{where}: must be a list of codes, like ["KF1", "KF201"]')
        allowed = beginnings()
        for each in value:
            if each not in allowed:
                raise ConfigError(f"{where}: no rule {each}{suggestion(each, allowed)}")
        return tuple("KF" if each == "ALL" else each for each in value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"enum": sorted(beginnings())}}


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns that name files."""

    def read(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            raise ConfigError(f'{where}: must be a list of patterns, like ["vendored", "*_pb2.py"]')
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Text().schema()}


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one sample."""

    def read(self, value: Any, where: str) -> tuple[int, ...]:
        if not isinstance(value, list) or not all(type(size) is int and size > 0 for size in value):
            raise ConfigError(f"{where}: must be the shape of one sample, like [28, 28, 1]")
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "integer", "minimum": 1}}


@dataclass(frozen=True, slots=True)
class Anything:
    """A table of whatever somebody else's constructor takes."""

    def read(self, value: Any, where: str) -> Mapping[str, Any]:
        return _table(value, where)

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of known keys; those that are not set have their defaults.

    Attributes:
        keys: The known keys.
        others: What any other key can be set to; None if there is no other.
    """

    keys: tuple[Key, ...] = ()
    others: Kind | None = None

    def read(self, value: Any, where: str) -> dict[str, Any]:
        kinds = {key.name: key.kind for key in self.keys}
        found: dict[str, Any] = {}
        for name, each in _table(value, where).items():
            kind = kinds.get(name, self.others)
            if kind is None:
                raise ConfigError(f"{where}: {_unknown(name, kinds)}")
            try:
                found[name] = kind.read(each, f"{where}.{name}")
            except ConfigError as error:
                hint = "" if name in kinds or isinstance(each, dict) else suggestion(name, kinds)
                raise ConfigError(f"{error}{hint}") from None
        return found

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {key.name: _described(key) for key in self.keys},
            "additionalProperties": False if self.others is None else self.others.schema(),
        }


@dataclass(frozen=True, slots=True)
class Classes:
    """Facts about classes, by their dotted names: a word, or a table for more."""

    table: Table

    def read(self, value: Any, where: str) -> dict[str, dict[str, Any]]:
        effect = self.table.keys[0]
        found: dict[str, dict[str, Any]] = {}
        for name, each in _table(value, where).items():
            if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
                # Without the quotes, TOML makes tables in tables of it.
                raise ConfigError(
                    f'{where}.{name}: a class is named with its package, in quotes: "package.layers.Name"'
                )
            here = f'{where}."{name}"'
            if isinstance(each, dict):
                found[name] = self.table.read(each, here)
                if effect.name not in found[name]:
                    raise ConfigError(f"{here}: {effect.name} is missing")
            else:
                found[name] = {effect.name: effect.kind.read(each, here)}
        return found

    def schema(self) -> dict[str, Any]:
        effect = self.table.keys[0]
        return {
            "type": "object",
            "patternProperties": {
                r"^[^\W\d]\w*(\.[^\W\d]\w*)+$": {
                    "anyOf": [effect.kind.schema(), {**self.table.schema(), "required": [effect.name]}]
                }
            },
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class CodesByPattern:
    """Lists of codes, by the pattern of the files in which they do not count."""

    codes: Codes = field(default_factory=Codes)

    def read(self, value: Any, where: str) -> dict[str, tuple[str, ...]]:
        return {
            name: self.codes.read(each, f'{where}."{name}"') for name, each in _table(value, where).items()
        }

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.codes.schema()}


EFFECTS = ("stochastic", "updates-state", "augments", "wraps", "none")
_LAYER = Table(
    (
        Key(
            "effect",
            "How it depends on the training flag: stochastic (random in training, identity in inference), "
            "updates-state (other numbers in training, and averages that only training moves), augments "
            "(changes its input in training; a bare call does so too), wraps (whatever the layer inside "
            "does), none.",
            Choice(EFFECTS),
        ),
        Key("rate-argument", "The constructor's argument that switches it off at 0.", Text()),
    )
)
_MODEL = Table(
    (
        Key("init", "Arguments of the constructor by name.", Anything()),
        Key("input", "The shape of one sample, without the batch.", Shape()),
    )
)
_VERIFY = Table(
    (
        Key(
            "backend", "What Keras 3 runs the models on (default: what the code would get).", Choice(BACKENDS)
        ),
        Key("keras", "The Keras that runs the models (default: what the code would get).", Choice((2, 3))),
    ),
    others=_MODEL,
)
KEYS: tuple[Key, ...] = (
    Key("select", "Only these rules: codes or beginnings of codes; ALL for all.", Codes(), ("KF",)),
    Key("ignore", "Not these rules. The longer beginning wins over `select`.", Codes(), ()),
    Key(
        "per-file-ignores", "Rules that do not count in the files that a pattern names.", CodesByPattern(), {}
    ),
    Key("fixable", "Only the fixes of these rules are made.", Codes(), ("KF",)),
    Key("unfixable", "The fixes of these rules are not made.", Codes(), ()),
    Key(
        "exclude",
        "Files and folders that are left out, instead of the usual folders of tools (build, .venv, ...).",
        Patterns(),
    ),
    Key("extend-exclude", "Files and folders that are left out besides.", Patterns(), ()),
    Key(
        "force-exclude", "Leave excluded files out even if they are named on the command line.", Flag(), False
    ),
    Key("respect-gitignore", "Leave out what .gitignore names.", Flag(), True),
    Key(
        "min-severity",
        "Only what is as bad as this or worse is shown, fixed and counted.",
        Choice(tuple(each.value for each in Severity)),
        "info",
    ),
    Key("layers", "Layer classes of other packages that depend on the training flag.", Classes(_LAYER), {}),
    Key("verify", "The Keras that models are run on, and how each class is constructed.", _VERIFY, {}),
)
EVERYTHING = Table(KEYS)


def beginnings() -> frozenset[str]:
    """All codes of rules and their beginnings, from KF on, and ALL."""
    from kerasfix.rules import codes

    return frozenset({"ALL", *(code[:length] for code in codes() for length in range(2, len(code) + 1))})


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean select?` if one of the known words is nearly this one."""
    plain = word.lower().replace("_", "-")
    near = sorted((_distance(plain, each.lower()), each) for each in known)
    if not near or near[0][0] > max(1, len(word) // 3):
        return ""
    return f"; did you mean {near[0][1]}?"


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    there_is = f"; there is {', '.join(known)}"
    return f"unknown key {name}{suggestion(name, known) or there_is}"


def _distance(one: str, other: str) -> int:
    """How many letters to put in, take out, replace or swap with the next one, to get from one to other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for here, letter in enumerate(one, 1):
        older, before, row = before, row, [here]
        for there, wanted in enumerate(other, 1):
            cost = min(row[-1] + 1, before[there] + 1, before[there - 1] + (letter != wanted))
            if here > 1 and there > 1 and letter == other[there - 2] and one[here - 2] == wanted:
                cost = min(cost, older[there - 2] + 1)
            row.append(cost)
    return row[-1]


def _described(key: Key) -> dict[str, Any]:
    default = list(key.default) if isinstance(key.default, tuple) else key.default
    described = {"description": key.about, **key.kind.schema()}
    return described if key.default is None else {**described, "default": default}


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a table")
    return value
