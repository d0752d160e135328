"""Shapes that a model may want, in the order in which it is worth trying them."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .sensitive import words
from .walk import layers_of

BATCH = 4
_LARGEST = 256 * 256 * 3

_VECTORS = [(16,), (32,), (100,), (10,), (64,), (128,), (784,), (1,), (2,), (8,), (4,), (3,)]
_IMAGES = [
    (28, 28, 1),
    (32, 32, 3),
    (64, 64, 3),
    (128, 128, 3),
    (28, 28),
    (224, 224, 3),
    (256, 256, 3),
    (32, 32, 1),
]
_SEQUENCES = [(16, 8), (16, 16), (16, 32), (16, 64), (32, 1), (64, 8), (28, 28), (8, 128), (8, 256)]
_TOKENS = [(16,), (8,), (32,), (4,), (64,), (100,)]
_VOLUMES = [(16, 16, 16, 1), (4, 16, 16, 1), (8, 32, 32, 3)]
_FAMILY_OF_LAYER = (
    (re.compile(r"Embedding"), "tokens"),
    (re.compile(r"ConvLSTM2D|(Conv|Pooling|Padding|Cropping|UpSampling)\w*3D|Conv3DTranspose"), "volumes"),
    (re.compile(r"2D|^Random|^CenterCrop|^Resizing|^Rescaling"), "images"),
    (re.compile(r"1D|LSTM|GRU|RNN|Bidirectional|TimeDistributed|Attention"), "sequences"),
    (re.compile(r"^Flatten$"), "images"),
    (re.compile(r"^Dense$"), "vectors"),
)
_SWITCHES = words("training mask is_training train trainable isTraining is_train")


@dataclass(frozen=True)
class Array:
    """One input: the shape with the batch, the dtype, for integers the first value that is too large."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    high: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Spec:
    """All inputs of one call.

    Attributes:
        kind: "one" tensor, a "list" or "tuple" of tensors, a "dict", or several positional "args".
    """

    kind: str
    items: tuple[Array, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "items": [vars(item) for item in self.items]}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Spec:
        items = tuple(Array(**{**item, "shape": tuple(item["shape"])}) for item in data["items"])
        return Spec(data["kind"], items)


@dataclass(frozen=True)
class Layout:
    """How a model takes its inputs: the kind as in `Spec`, and a name for each if it is a dictionary."""

    kind: str
    names: tuple[str | None, ...]


def layout_of(model: Any) -> Layout:
    """Read off the signature of `call` and off how its first lines take the inputs apart."""
    try:
        parameters = list(inspect.signature(type(model).call).parameters.values())[1:]
    except (TypeError, ValueError):
        return Layout("one", (None,))
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        item.name
        for item in parameters
        if item.kind in positional and item.default is item.empty and item.name not in _SWITCHES
    ]
    if len(needed) > 1:
        return Layout("args", (None,) * len(needed))
    return (_unpacked(type(model), needed[0]) if needed else None) or Layout("one", (None,))


def _unpacked(cls: type, parameter: str) -> Layout | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls.call)))  # type: ignore[attr-defined]
    except (OSError, TypeError, SyntaxError):
        return None
    keys: list[str] = []
    indices: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.List)):
            if _is_name(node.value, parameter):
                return Layout("tuple", (None,) * len(node.targets[0].elts))
        elif isinstance(node, ast.Subscript) and _is_name(node.value, parameter):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                keys.append(node.slice.value)
            elif isinstance(node.slice, ast.Constant) and type(node.slice.value) is int:
                indices.add(node.slice.value)
    if keys:
        return Layout("dict", tuple(dict.fromkeys(keys)))
    if indices and min(indices) >= 0 and max(indices) > 0:
        return Layout("tuple", (None,) * (max(indices) + 1))
    return None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def specs(model: Any, keras: Any, hints: list[list[int]]) -> list[Spec]:
    """Candidates, best first: what the code says, then what the model's layers want, small before large."""
    layout = layout_of(model)
    arrays = list(dict.fromkeys(_arrays(model, keras, hints)))
    if len(layout.names) == 1:
        return [_spec(layout, (array,)) for array in arrays]
    few = list({(len(array.shape), array.dtype): array for array in reversed(arrays)}.values())[::-1]
    same = [_spec(layout, (array,) * len(layout.names)) for array in arrays]
    mixed = [_spec(layout, combination) for combination in itertools.product(few, repeat=len(layout.names))]
    return list(dict.fromkeys([*same, *mixed[:150]]))


def _spec(layout: Layout, arrays: tuple[Array, ...]) -> Spec:
    return Spec(layout.kind, tuple(replace(array, name=name) for array, name in zip(arrays, layout.names)))


def known_spec(model: Any) -> Spec | None:
    """The inputs of a model that has been built as a graph of layers already."""
    inputs = getattr(model, "inputs", None)
    if not getattr(model, "built", False) or not isinstance(inputs, (list, tuple)) or not inputs:
        return None
    arrays = []
    for tensor in inputs:
        dtype = str(getattr(tensor.dtype, "name", tensor.dtype))
        shape = tuple(16 if size is None else int(size) for size in tuple(tensor.shape)[1:])
        arrays.append(Array((BATCH, *shape), dtype, None if "float" in dtype else 2))
    return Spec("one" if len(arrays) == 1 else "list", tuple(arrays))


def _arrays(model: Any, keras: Any, hints: list[list[int]]) -> Iterator[Array]:
    layers = [found.layer for found in layers_of(model, keras)]
    vocabulary = [int(layer.input_dim) for layer in layers if type(layer).__name__ == "Embedding"]
    high = min(vocabulary) if vocabulary else None
    families = _families([type(layer).__name__ for layer in layers])
    # A hint may speak of another class of the file: it waits if its rank is not what this model asks for.
    near = [shape for shape in map(tuple, hints) if len(shape) in _RANKS[families[0]]]
    far = [shape for shape in map(tuple, hints) if shape not in near]
    as_token = families[0] == "tokens"
    yield from (_array(shape, high if as_token else None) for shape in near)
    for family in families:
        as_token = family == "tokens"
        yield from (_array(shape, (high or 2) if as_token else None) for shape in _SHAPES[family])
    yield from (_array(shape, None) for shape in far)


def _array(shape: tuple[int, ...], high: int | None) -> Array:
    """Integers below `high`, or floats if it is None."""
    return Array((BATCH, *shape)) if high is None else Array((BATCH, *shape), "int32", high)


_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "vectors": list(_VECTORS),
    "images": list(_IMAGES),
    "sequences": list(_SEQUENCES),
    "tokens": list(_TOKENS),
    "volumes": list(_VOLUMES),
}
_RANKS = {"vectors": {1}, "images": {2, 3}, "sequences": {2}, "tokens": {1}, "volumes": {4}}


def _families(class_names: list[str]) -> list[str]:
    """Families of shapes in the order in which the model's layers ask for them."""
    wanted = []
    for name in class_names:
        family = next((family for pattern, family in _FAMILY_OF_LAYER if pattern.search(name)), None)
        if family and name != "Conv2DTranspose":
            wanted.append(family)
    # A vocabulary is decisive wherever it is made; then the layer that was made first.
    wanted.sort(key=lambda family: family != "tokens")
    return list(dict.fromkeys([*wanted, "vectors", "images", "sequences", "tokens", "volumes"]))


def steered(spec: Spec, message: str) -> list[Spec]:
    """New candidates that an error message speaks of: one input with another shape."""
    found = []
    for index, array in enumerate(spec.items):
        for shape in _steered_shapes(array.shape, message):
            if _is_sensible(shape):
                items = (*spec.items[:index], replace(array, shape=shape), *spec.items[index + 1 :])
                found.append(Spec(spec.kind, items))
    return found


def _steered_shapes(shape: tuple[int, ...], message: str) -> Iterator[tuple[int, ...]]:
    match = re.search(
        r"expected axis (-?\d+) of input shape to have value (\d+).*?shape=?\s*\(([^)]*)\)", message
    )
    if match and match.group(3).count(",") + 1 >= len(shape) - 1:
        axis = int(match.group(1))
        if -len(shape) < axis < len(shape) and axis != 0:
            changed = list(shape)
            changed[axis] = int(match.group(2))
            yield tuple(changed)
    match = re.search(r"expected (?:min_)?ndim=(\d+), found ndim=(\d+)", message)
    if match and int(match.group(2)) == len(shape):
        for family in ("vectors", "sequences", "images", "volumes"):
            for tail in _SHAPES[family][:3]:
                if len(tail) + 1 == int(match.group(1)):
                    yield (shape[0], *tail)
    match = re.search(r"total size of the tensor must be unchanged.*?target_shape=\(([\d, ]+)\)", message)
    if match:
        size = 1
        for number in re.findall(r"\d+", match.group(1)):
            size *= int(number)
        yield (shape[0], size)
    for wanted in _mismatches(message):
        for index in range(len(shape) - 1, 0, -1):
            if shape[index] in wanted:
                for size in wanted - {shape[index]}:
                    yield (*shape[:index], size, *shape[index + 1 :])


def _mismatches(message: str) -> Iterator[set[int]]:
    """Pairs of sizes that should have been equal."""
    for pattern in (
        r"Dimensions must be equal, but are (\d+) and (\d+)",
        r"Matrix size-incompatible: In\[0\]: \[\d+,(\d+)\], In\[1\]: \[(\d+),\d+\]",
    ):
        match = re.search(pattern, message)
        if match:
            yield {int(match.group(1)), int(match.group(2))}


def _is_sensible(shape: tuple[int, ...]) -> bool:
    elements = 1
    for size in shape[1:]:
        elements *= size
    return 0 < elements <= _LARGEST
