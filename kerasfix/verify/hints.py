"""Input shapes that a module's own text speaks of: probing begins with what the author had in mind."""

from __future__ import annotations

import ast
import re

from kerasfix.source import Source, SourceError
from kerasfix.verify.names import dotted_name

_SHAPE_KEYWORDS = {"shape", "input_shape", "batch_shape", "batch_input_shape"}
_WITH_BATCH = {"batch_shape", "batch_input_shape"}
# Calls whose first argument is a whole shape, batch included.
_SAMPLE_CALLS = {"zeros", "ones", "normal", "uniform", "build", "TensorSpec", "randn", "rand"}
_LATENT_NAME = re.compile(r"(^|_)(z|noise|latent|code)(_|$)|latent|noise", re.IGNORECASE)
_MOST_HINTS = 12
# Data sets that come with Keras -> the shapes that their samples are given in.
_DATA_SETS = {
    "mnist": ([28, 28, 1], [28, 28], [784]),
    "fashion_mnist": ([28, 28, 1], [28, 28], [784]),
    "cifar10": ([32, 32, 3],),
    "cifar100": ([32, 32, 3],),
    "boston_housing": ([13],),
    "california_housing": ([8],),
}
_LARGEST_AXIS = 4096


def input_shapes(text: str) -> list[list[int]]:
    """Shapes without the batch axis, in the order in which they appear.

    >>> input_shapes("NOISE = 100\\nz = tf.random.normal([16, NOISE])\\n")
    [[100]]
    """
    try:
        tree = Source(text).tree
    except SourceError:
        return []
    constants = _constants(tree)
    found: list[list[int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _shapes_of_call(node, constants)
    found += _shapes_of_data_sets(tree)
    found += [[value] for name, value in constants.items() if _LATENT_NAME.search(name)]
    unique: list[list[int]] = []
    for shape in found:
        if shape not in unique and 0 < len(shape) < 5 and all(0 < size <= _LARGEST_AXIS for size in shape):
            unique.append(shape)
    return unique[:_MOST_HINTS]


def _shapes_of_data_sets(tree: ast.Module) -> list[list[int]]:
    """Those of `keras.datasets.mnist.load_data()`."""
    names = [dotted_name(node.func) or "" for node in ast.walk(tree) if isinstance(node, ast.Call)]
    steps = [name.split(".") for name in names if name.endswith(".load_data")]
    return [list(shape) for step in steps for shape in _DATA_SETS.get(step[-2], ())]


def _constants(tree: ast.Module) -> dict[str, int]:
    """Module-level integer constants; one that is bound twice is none."""
    values: dict[str, int] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = statement.value
            if isinstance(value, ast.Constant) and type(value.value) is int:
                values[statement.targets[0].id] = value.value
    return values


def _shapes_of_call(node: ast.Call, constants: dict[str, int]) -> list[list[int]]:
    name = (dotted_name(node.func) or "").rpartition(".")[2]
    found = [
        _sizes(keyword.value, constants, batch=keyword.arg in _WITH_BATCH)
        for keyword in node.keywords
        # Only of an input: `shape=` of a weight or of a reshape says nothing.
        if keyword.arg in _SHAPE_KEYWORDS and (keyword.arg != "shape" or name in {"Input", "InputLayer"})
    ]
    if node.args and name == "Input":
        found.append(_sizes(node.args[0], constants, batch=False))
    elif node.args and name in {"randn", "rand"}:
        found.append(_sizes(ast.Tuple(elts=node.args), constants, batch=True))
    elif node.args and name in _SAMPLE_CALLS:
        found.append(_sizes(node.args[0], constants, batch=True))
    return [shape for shape in found if shape is not None]


def _sizes(node: ast.expr, constants: dict[str, int], *, batch: bool) -> list[int] | None:
    if not isinstance(node, (ast.Tuple, ast.List)):
        return None
    elements = node.elts[1:] if batch else node.elts
    sizes = []
    for element in elements:
        value = (
            element.value if isinstance(element, ast.Constant) else constants.get(dotted_name(element) or "")
        )
        if type(value) is not int:
            return None
        sizes.append(value)
    return sizes or None
