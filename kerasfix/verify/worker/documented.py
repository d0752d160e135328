"""Shapes as people write them: in the docstring of a layer, and in what it raises."""

from __future__ import annotations

import re

from .guesses import BATCH, IMAGE, STEPS, WIDTH

_SIZES = (
    (re.compile(r"^(b|n|m|e|k|none|batch\w*|bs)$|nodes|edges"), BATCH),
    (re.compile(r"seq|len|time|step|^[tls]$|tokens"), STEPS),
)
_DOCUMENTED = re.compile(
    r"shape:?\s*(?:of |is |=)?\s*[`'\"]*(?:\(([\w\s,.\[\]*]+)\)|\[([\w\s,.*]+)\])[`'\"]*(?=[\s.,;:]|$)"
)
_LISTED = re.compile(r"\(((?:\[?\w+\]?\s*,\s*)+\[?\w+\]?)\)")
_SPOKEN = re.compile(r"[\[(](\w+(?:\s*,\s*\w+)+)\s*,?[\])]")


def listed_shapes(docstring: str) -> list[tuple[int, ...]]:
    """The last shape in each item of the list of inputs, where each item of it has one.

    >>> listed_shapes("- nodes: of each ([N], F)\\n- pairs: Reverse edges (1, [M])\\n\\nReturns: (N, F)")
    [(4, 16), (1, 4)]
    """
    text = re.split(r"\b(?:Returns?|Outputs?)\b", docstring)[0]
    items = re.findall(r"^\s*[-*] (.*(?:\n[ \t]+(?![-* ]).*)*)", text, re.MULTILINE)
    shapes = [_LISTED.findall(item) for item in items]
    if not all(shapes):
        return []
    return [_sizes([symbol.strip(" []*`") for symbol in found[-1].split(",")]) for found in shapes]


def documented_shapes(docstring: str) -> list[tuple[int, ...]]:
    """Shapes of the arguments in the order in which a docstring gives them, with a size for each symbol.

    >>> documented_shapes("x: Tensor of shape `(N, F)`. e: Indices of shape `(2, M, )`. Returns: shape (N,)")
    [(4, 16), (2, 4)]
    """
    text = re.split(r"\bReturns?\b", docstring)[0]
    found = []
    for round_one, square_one in _DOCUMENTED.findall(text):
        symbols = [symbol.strip(" []*") for symbol in (round_one or square_one).split(",")]
        if any(symbols):
            found.append(_sizes([symbol for symbol in symbols if symbol]))
    return found


def spoken_shapes(message: str) -> list[tuple[int, ...]]:
    """Shapes with names in them, as error messages spell what they want.

    >>> spoken_shapes("expects a three-dimensional input of shape [batch, sequence, width]")
    [(4, 16, 16)]
    """
    found = []
    for match in _SPOKEN.findall(message):
        symbols = [symbol.strip() for symbol in match.split(",") if symbol.strip()]
        if any((symbol.isalpha() and symbol != "None") or "_" in symbol for symbol in symbols):
            found.append(_sizes(symbols))
    return found


def _sizes(symbols: list[str]) -> tuple[int, ...]:
    # Without a height, a width is that of a layer.
    image = any(symbol.lower() in ("h", "height") for symbol in symbols)
    return tuple(_size(symbol, index, image) for index, symbol in enumerate(symbols))


def _size(symbol: str, index: int, image: bool) -> int:
    if symbol.isdigit():
        return int(symbol)
    if image and symbol.lower() in ("h", "w", "height", "width"):
        return IMAGE
    for pattern, size in _SIZES:
        if pattern.search(symbol.lower()) and (index or size == BATCH):
            return size
    return WIDTH if index else BATCH
