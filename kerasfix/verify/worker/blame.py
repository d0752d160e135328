"""Which arguments an error speaks of, and values of another form for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .guesses import (
    CELL,
    FACTORY,
    FUNCTION,
    IMAGE,
    IMAGE_MODEL,
    LAYER,
    MISSING,
    SETTINGS,
    STEPS,
    VECTOR_MODEL,
    WIDTH,
    as_list,
    by_name,
)
from .relatives import FUNCTIONAL

Arguments = dict[str, Any]
#: A parameter, or a parameter and the name of a setting in its value.
Place = tuple[str, ...]

_MOST_TEXTS = 9
_FEW = 4
_SEVERAL = re.compile(
    r"not iterable|not subscriptable|has no len|not reversible|non-iterable|can only concatenate list|"
    r"(?:must|should) be (?:of type )?(?:an? )?(?:list|tuple|sequence|iterable)|unsized object"
)
_UNPACKED = re.compile(r"values to unpack \(expected (\d)")
_ADDED = re.compile(r"can only concatenate")
_DIVIDED = re.compile(r"operand type.*: '(?:list|tuple|\w*Wrapper|Tracked\w+)' and '(?:int|float)'")
_NESTED = re.compile(r"\brank (?:of )?([2-4])\b|\b([2-4])-?[dD]\b")
_NOT_KNOWN = re.compile(r"[Uu]n(?:known|supported|recognized)|[Ii]nvalid|not (?:known|supported|recognized)")
_MAPPING = re.compile(r"must be a mapping|indices must be integers|only integer.* valid indices")
ATTRIBUTE = re.compile(r"object has no attribute '(\w+)'")
_NO_FLOAT = re.compile(r"of int\d* is not in the list of allowed values: .*(?:float|half)")
_TYPE = re.compile(
    r"'(int|float|str|bool|NoneType|list|tuple|dict|Settings)' object|non-iterable (int|float|bool|NoneType)"
)
_PYTHON_TYPES = {"NoneType": type(None), "int": int, "float": float, "str": str, "bool": bool, "list": list}
_RANK = re.compile(r"expected (?:min_)?ndim=(\d)")
# By the number of axes with the batch: what a shape without it may be.
_SHAPES = {2: ([WIDTH],), 3: ([STEPS, WIDTH],), 4: ([IMAGE, IMAGE, 3], [3 * IMAGE, 3 * IMAGE, 4])}
# What a small model was given instead of what it was made for.
_FOUND = re.compile(r"expected shape=\(.*\), found shape=\((\d+(?:, \d+)+)\)")
_NO_LAYER = re.compile(r"module '[\w.]*layers' has no attribute")
_DICTIONARIES = ("items", "keys", "values", "get", "pop", "update")


def blamed(texts: Sequence[str], names: Sequence[str], arguments: Arguments) -> list[Place]:
    """What the texts mention, in the order in which they do: parameters, and settings of configurations."""
    found: list[Place] = []
    for text in texts[:_MOST_TEXTS]:
        for name in names:
            if settings_in(arguments.get(name)) is not None:
                found += [(name, key) for key in _keys_of(name, text)]
        words = set(re.findall(r"\w+", text))
        words |= {word.lstrip("_") for word in words}
        found += [(name,) for name in names if name in words]
    # The value of a setting may be at hand under its own name further down.
    for name in names:
        known = settings_in(arguments.get(name)) or {}
        words = {word.lstrip("_") for text in texts[:2] for word in re.findall(r"\w+", text)}
        found += [(name, key) for key in known if key in words]
    return list(dict.fromkeys(found))


def _keys_of(name: str, text: str) -> list[str]:
    """`config.units`, `self._config["units"]`, `config.get("units")`."""
    pattern = rf"\b_*{re.escape(name)}(?:\.get\(|\[)?(?:['\"](\w+)['\"]|\.(\w+)\b(?!\())"
    return [first or second for first, second in re.findall(pattern, text)]


def settings_in(value: Any) -> dict[str, Any] | None:
    """What a recipe for a configuration object sets; None if it is none."""
    if not isinstance(value, dict):
        return None
    if "$settings" in value:
        return dict(value["$settings"])
    return dict(value["named"]) if "$call" in value and value not in (LAYER, CELL) else None


def value_at(arguments: Arguments, place: Place, default: Any) -> Any:
    if len(place) == 1:
        return arguments.get(place[0], default)
    known = settings_in(arguments.get(place[0])) or {}
    guessed = by_name(place[1])
    return known.get(place[1], WIDTH if guessed is MISSING else guessed)


def with_value(arguments: Arguments, place: Place, value: Any) -> Arguments:
    if len(place) == 1:
        return {**arguments, place[0]: value}
    old = arguments[place[0]]
    changed = {**(settings_in(old) or {}), place[1]: value}
    form = "$settings" if "$settings" in old else "named"
    return {**arguments, place[0]: {**old, form: changed}}


def forms(message: str, name: str, current: Any, *, making: bool) -> Iterator[Any]:
    """Values of the form that a message asks for, in the place of a value that it may speak of.

    Args:
        making: Whether the constructor raised it, where what is called makes something.

    >>> list(forms("'int' object is not iterable", "units", 16, making=True))[0]
    [16, 16]
    """
    if not _may_be(message, current):
        return
    if "NoneType" in message and None in (items := _items(current)):
        sized = [IMAGE if item is None else item for item in items]
        yield {"$tuple": sized} if isinstance(current, dict) else sized
    if (match := _NESTED.search(message)) and (items := _items(current)):
        yield from _nested(items[0], int(match.group(1) or match.group(2)))
    if match := _UNPACKED.search(message):
        yield from _so_many(name, current, int(match.group(1)))
    if _is_count(current, 0) and "positive" in message and (known := by_name(name)):
        yield known if known is not MISSING and _is_int(known) else _FEW
    if (_ADDED.search(message) or _DIVIDED.search(message)) and (items := _items(current)):
        # Added to a number: it was to be one.
        yield items[0]
    elif "concatenate tuple" in message:
        yield from ({"$tuple": [WIDTH]}, {"$tuple": [IMAGE, IMAGE, 3]})
    elif _SEVERAL.search(message):
        yield from _several(name, current)
    elif "not callable" in message:
        yield from (FACTORY, FUNCTION, LAYER) if making else (LAYER, FUNCTION)
    elif _MAPPING.search(message):
        yield [SETTINGS, SETTINGS] if isinstance(current, list) else SETTINGS
    elif match := ATTRIBUTE.search(message):
        yield from _with_attribute(match.group(1), current)
    elif _NO_FLOAT.search(message) and _is_int(current):
        yield float(current)
    elif current == FACTORY and "arguments passed to" in message:
        yield {"$name": "BatchNormalization"}
    elif current == FACTORY and _NOT_KNOWN.search(message):
        yield from ("relu",) if "activation" in message else ("batch_norm", "layer_norm", "batch")
    elif (match := _RANK.search(message)) and isinstance(current, dict) and "$tuple" in current:
        yield from ({"$tuple": shape} for shape in _SHAPES.get(int(match.group(1)), ()))
    elif (match := _FOUND.search(message)) and isinstance(current, dict) and "$model" in current:
        yield {"$model": [int(size) for size in re.findall(r"\d+", match.group(1))[1:]]}
    elif isinstance(current, str):
        yield from _no_string(message)


def _may_be(message: str, value: Any) -> bool:
    """Whether a value, or an item of it, is of the type that the message speaks of."""
    match = _TYPE.search(message)
    if not match:
        return True
    kind = _PYTHON_TYPES.get(match.group(1) or match.group(2))
    if kind is None or isinstance(value, dict):
        # A recipe: what becomes of it, only the call shows.
        return isinstance(value, dict) or kind is None
    items = value if isinstance(value, list) else []
    return any(type(item) is kind for item in (value, *items))


def _several(name: str, current: Any) -> Iterator[Any]:
    if isinstance(current, list) and not any(isinstance(item, list) for item in current):
        # Of several, each may be several: kernels with a height and a width.
        yield [[item, item] for item in current]
    items = as_list(name, current if _is_int(current) else by_name(name))
    yield items
    yield {"$tuple": items}
    yield [items, items]


def _so_many(name: str, current: Any, many: int) -> Iterator[Any]:
    items = _items(current) or as_list(name, current)
    yield {"$tuple": [items[0]] * many}
    yield [[items[0]] * many] * 2


def _nested(item: Any, rank: int) -> Iterator[Any]:
    """Lists in lists: one row, which may want several numbers, then one of each."""
    for length in (_FEW, 1):
        value: Any = [item] * length
        for _ in range(rank - 1):
            value = [value]
        yield value


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict) and "$tuple" in value:
        return list(value["$tuple"])
    return list(value) if isinstance(value, list) else []


def unnamed(message: str) -> Any:
    """What may be given where nothing was, for a name that says nothing."""
    return [WIDTH, WIDTH] if _SEVERAL.search(message) else _FEW


def _with_attribute(attribute: str, current: Any) -> Iterator[Any]:
    if isinstance(current, list):
        yield [SETTINGS] * len(current)
    elif attribute in FUNCTIONAL:
        yield from (IMAGE_MODEL, VECTOR_MODEL)
    elif attribute in _DICTIONARIES:
        yield from ({"first": WIDTH, "second": WIDTH}, SETTINGS)
    elif attribute in ("lower", "upper", "startswith", "endswith", "split"):
        yield "relu"
    else:
        yield from (SETTINGS, LAYER)


def _no_string(message: str) -> Iterator[Any]:
    if _NO_LAYER.search(message):
        yield "ReLU"
    elif re.search(r"\bint(?:eger)?s?\b", message):
        yield 4
    elif re.search(r"\bfloat\b", message):
        yield 0.5


def _is_count(value: Any, count: int) -> bool:
    return _is_int(value) and value == count


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
