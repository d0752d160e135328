"""Inputs that a model may want, in the order in which it is worth trying them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .apart import Layout, Slot
from .guesses import BATCH, STEPS, WIDTH
from .layout import layout_of
from .walk import layers_of

LARGEST = 256 * 256 * 3
_MOST_MIXED = 120
_MOST_OPTIONAL = 6

_FAMILY_OF_LAYER = (
    (re.compile(r"Embedding"), "tokens"),
    (re.compile(r"ConvLSTM2D|(Conv|Pooling|Padding|Cropping|UpSampling)\w*3D|Conv3DTranspose"), "volumes"),
    (re.compile(r"2D|^Random|^CenterCrop|^Resizing|^Rescaling"), "images"),
    (re.compile(r"1D|LSTM|GRU|RNN|Bidirectional|TimeDistributed|Attention|Transformer"), "sequences"),
    (re.compile(r"^Flatten$"), "images"),
    (re.compile(r"^Dense$"), "vectors"),
)
# What a tensor is, by what the code calls it.
_KIND_OF_LABEL = (
    (
        re.compile(
            r"^(hw|size|resolution)$|(grid|spatial|image|input|patch|feat\w*|map|x)_(size|shape|resolution)$"
        ),
        "extent",
    ),
    (re.compile(r"mask|is_valid|padding"), "mask"),
    (re.compile(r"(^|_|[a-z])len(s|gths?)$|valid_len"), "lengths"),
    (re.compile(r"edge_?ind|_index$|^index|indices|_idx$|^ind_|_pair|disjoint"), "edges"),
    (re.compile(r"token|_ids?$|^ids$|word|segment|vocab|categor|position(s|_ids)?$|^targets?$"), "tokens"),
    (re.compile(r"^(a|adj\w*|laplacian|adjacency\w*|.*_adj)$"), "square"),
    (re.compile(r"^t$|time_?step|timestep|^time$|sigma|noise_level|log_snr"), "number"),
    (re.compile(r"image|img|pixel|frames"), "image"),
    (re.compile(r"noise|latent|^z$|condition|theta|params|parameters|state|variables"), "vector"),
)
_SEQUENCE_LABEL = re.compile(
    r"hidden|sequence|embedd|memory|context|quer(y|ies)|keys?$|values?$|encod|decod|^[qkv]$"
)
# World -> shape of a "float" without batch; C stands for a width.
_C = -1
_WORLDS: dict[str, list[tuple[int, ...]]] = {
    "vectors": [(_C,), (32,), (100,), (10,), (64,), (128,), (784,), (1,), (2,), (8,), (4,), (3,)],
    "sequences": [(STEPS, _C), (8, _C), (STEPS, 8), (32, 1), (28, 28), (8, 128), (8, 256), (64, 64)],
    "images": [
        (28, 28, 1),
        (32, 32, 3),
        (64, 64, 3),
        (16, 16, _C),
        (8, 8, _C),
        (32, 32, 1),
        (128, 128, 3),
        (28, 28),
        (224, 224, 3),
        (256, 256, 3),
    ],
    "tokens": [(STEPS,), (8,), (32,), (4,), (64,), (100,), (1,)],
    "volumes": [(16, 16, 16, 1), (8, 8, 8, _C), (4, 16, 16, 1), (4, 16, 16, 3), (8, 32, 32, 3)],
}
RANKS = {"vectors": {1}, "images": {2, 3}, "sequences": {2}, "tokens": {1}, "volumes": {4}}
_WORLD_OF_RANK = {2: "vectors", 3: "sequences", 4: "images", 5: "volumes"}
# Shapes without batch of what is no "float", by the world of the others.
_BESIDE: dict[str, dict[str, tuple[int, ...]]] = {
    "vectors": {"mask": (1,), "edges": (2,), "tokens": (STEPS,), "square": (BATCH,), "number": (1,)},
    "sequences": {"mask": (STEPS,), "edges": (STEPS, 2), "tokens": (STEPS,), "square": (STEPS, STEPS)},
    "images": {"mask": (32, 32, 1), "edges": (2,), "tokens": (STEPS,), "square": (32, 32)},
    "tokens": {"mask": (STEPS,), "edges": (2,), "tokens": (STEPS,), "square": (STEPS, STEPS)},
    "volumes": {"mask": (16, 16, 16, 1), "edges": (2,), "tokens": (STEPS,), "square": (16, 16)},
}


@dataclass(frozen=True)
class Array:
    """One input.

    Attributes:
        shape: With the batch.
        high: The first value that is too large; for floating-point numbers None if they are standard normal.
        low: The first value.
        name: What it goes by, if it does not go by its place; a number only in a dictionary.
        ordered: Whether integers ascend.
        listed: Whether it is an item of a list: all of the same name are one, and all without.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    high: int | None = None
    name: str | int | None = None
    sparse: bool = False
    low: int = 0
    ordered: bool = False
    listed: bool = False


@dataclass(frozen=True)
class Spec:
    """All inputs of one call.

    Attributes:
        kind: "one" tensor, a "list" or "tuple" of tensors, a "dict", or several "args": those with a name go
            by keyword.
        constants: Arguments that are no tensors, by keyword.
        structure: Of "args", how the items go into the arguments, if not side by side; see `structure`.
        build: The arguments that `build` is called with before, by name, as JSON, see `recipes`: what holds a
            part may build it, with other shapes than Keras would hand to it.
    """

    kind: str
    items: tuple[Array, ...]
    constants: tuple[tuple[str, Any], ...] = ()
    structure: str = ""
    build: str = ""

    def to_json(self) -> dict[str, Any]:
        constants = [list(pair) for pair in self.constants]
        items = [vars(item) for item in self.items]
        return {
            "kind": self.kind,
            "items": items,
            "constants": constants,
            "structure": self.structure,
            "build": self.build,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Spec:
        items = tuple(Array(**{**item, "shape": tuple(item["shape"])}) for item in data["items"])
        constants = tuple((name, _tupled(value)) for name, value in data.get("constants", ()))
        return Spec(data["kind"], items, constants, data.get("structure", ""), data.get("build", ""))


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def specs(model: Any, keras: Any, hints: list[list[int]], widths: list[int]) -> list[Spec]:
    """Candidates, best first: what the code says, then what the model's layers want, small before large.

    Args:
        hints: Shapes without batch that the text of the program speaks of.
        widths: Sizes that the model was constructed with.
    """
    layout = layout_of(model)
    # The model's own name comes last, for it may make its layers when it is built; unless it is clear.
    layers = [found.layer for found in layers_of(model, keras)]
    layers.insert(0 if re.search(r"[123]D", type(model).__name__) else len(layers), model)
    high = _vocabulary(layers)
    widths = list(dict.fromkeys([*widths, WIDTH]))[:4]
    options = [list(dict.fromkeys(_arrays(slot, layers, high, hints, widths))) for slot in layout.slots]
    if not options:
        return []
    if len(options) == 1:
        return [_spec(layout, (array,)) for array in options[0]]
    worlds = [_spec(layout, arrays) for arrays in _worlds(layout.slots, layers, high, widths)]
    few = [_few(arrays, 24 // len(options)) for arrays in options]
    mixed = [_spec(layout, combination) for combination in itertools.islice(itertools.product(*few), 2000)]
    # Those first that take the best of each.
    mixed.sort(
        key=lambda spec: sum(
            few[i].index(replace(item, name=None, listed=False)) for i, item in enumerate(spec.items)
        )
    )
    told = [
        _spec(layout, tuple(_told(slot, hint, high) for slot in layout.slots)) for hint in map(tuple, hints)
    ]
    alone = []
    if layout.kind == "list":
        # Taken apart, or only looked into.
        alone = [Spec("one", (array,), layout.constants) for array in _few(options[0], 4)]
    return list(dict.fromkeys([*worlds[:2], *told, *worlds, *alone, *mixed[:_MOST_MIXED]]))


def with_optional(model: Any, spec: Spec, name: str | None = None) -> Iterator[Spec]:
    """The same call with tensors that may be left out: all of them, then each alone; or the one of a name."""
    taken = {item.name for item in spec.items}
    slots = [slot for slot in layout_of(model).optional if slot.key not in taken and name in (None, slot.key)]
    slots = slots[:_MOST_OPTIONAL]
    if spec.kind == "list":
        yield from _with_masks(spec, [slot for slot in slots if _kind(slot) == "mask"])
    if spec.kind not in ("one", "args") or not slots:
        return
    first = spec.items[0]
    world = _WORLD_OF_RANK.get(len(first.shape), "vectors") if "int" not in first.dtype else "tokens"
    more = [_beside(slot, world, first) for slot in slots]
    for chosen in [more, *([item] for item in more if len(more) > 1)]:
        yield replace(spec, kind="args", items=(*spec.items, *chosen))


def _with_masks(spec: Spec, slots: list[Slot]) -> Iterator[Spec]:
    """A mask for each item of the list that is the first argument: numbers, as they may be multiplied."""
    items = tuple(replace(item, listed=True) for item in spec.items)
    for slot in slots[:1]:
        shapes = [item.shape[:-1] if len(item.shape) > 2 else item.shape[:1] for item in items]
        for more in ((1,), ()):
            masks = [Array((*shape, *more), high=1, name=slot.key, listed=True) for shape in shapes]
            yield replace(spec, kind="args", items=(*items, *masks))


def _beside(slot: Slot, world: str, first: Array) -> Array:
    """An input for a slot, of a size with the first input."""
    made = replace(_in_world(slot, world, first.shape[1:], first.high, first.shape[-1]), name=slot.key)
    if len(first.shape) > 2 and world == "sequences" and _kind(slot) in ("mask", "tokens"):
        return replace(made, shape=first.shape[:2])
    return made


def _spec(layout: Layout, arrays: tuple[Array, ...]) -> Spec:
    items = tuple(
        replace(array, name=slot.key, listed=slot.listed) for array, slot in zip(arrays, layout.slots)
    )
    return Spec(layout.kind, items, layout.constants)


def _few(arrays: list[Array], most: int) -> list[Array]:
    """One of each rank and dtype."""
    return list({(len(array.shape), array.dtype): array for array in reversed(arrays)}.values())[::-1][
        : max(2, most)
    ]


def _vocabulary(layers: list[Any]) -> int | None:
    sizes = [int(layer.input_dim) for layer in layers if type(layer).__name__ == "Embedding"]
    return min(sizes) if sizes else None


def known_spec(model: Any) -> Spec | None:
    """The inputs of a model that has been built as a graph of layers already."""
    inputs = getattr(model, "inputs", None)
    if not getattr(model, "built", False) or not isinstance(inputs, (list, tuple)) or not inputs:
        return None
    structure = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    names: list[str | None] = [None] * len(inputs)
    kind = "one" if len(inputs) == 1 else "list"
    if isinstance(structure, dict):
        names, inputs, kind = list(structure), list(structure.values()), "dict"
    arrays = []
    for name, tensor in zip(names, inputs):
        dtype = str(getattr(tensor.dtype, "name", tensor.dtype))
        sizes = tuple(tensor.shape)[1:]
        # Pixels that are left open want to be many enough for the strides.
        many = 64 if len(sizes) > 2 else STEPS
        shape = tuple(many if size is None else int(size) for size in sizes)
        arrays.append(Array((BATCH, *shape), dtype, None if "float" in dtype else 2, name))
    return Spec(kind, tuple(arrays))


def _kind(slot: Slot) -> str:
    label = slot.label.lower()
    if any("Embedding" in type(layer).__name__ and hasattr(layer, "input_dim") for layer in slot.readers):
        return "tokens"
    return next((kind for pattern, kind in _KIND_OF_LABEL if pattern.search(label)), "float")


def _told(slot: Slot, shape: tuple[int, ...], high: int | None) -> Array:
    kind = _kind(slot)
    return _special(kind, "sequences", high) if kind in ("mask", "tokens") else _float(shape)


def _worlds(
    slots: list[Slot], layers: list[Any], high: int | None, widths: list[int]
) -> Iterator[tuple[Array, ...]]:
    """Inputs of one call that belong together."""
    names = [family for slot in slots for family in _wanted(slot)]
    names += [name for name in _families(layers) if name != "tokens"]
    for width in widths[:2]:
        for world in dict.fromkeys([*names, "sequences", "vectors", "images", "volumes"]):
            shape = _filled(_WORLDS[world][0 if world != "images" else 1], width)
            yield tuple(_in_world(slot, world, shape, high, width) for slot in slots)
    for world in ("sequences", "vectors", "images"):
        # All alike, whatever the code around each seems to ask for.
        yield tuple(_float(_filled(_WORLDS[world][0], widths[0])) for _ in slots)


def _in_world(slot: Slot, world: str, shape: tuple[int, ...], high: int | None, width: int) -> Array:
    kind = _kind(slot)
    if slot.shape is not None:
        return _documented(slot.shape, slot.label, high)
    if kind == "vector":
        return _float((width,))
    if kind == "image":
        return _float((32, 32, 3))
    if kind != "float":
        return _special(kind, world, high)
    for rank in slot.ranks[:1]:
        if rank in _WORLD_OF_RANK:
            return _float(_filled(_WORLDS[_WORLD_OF_RANK[rank]][0], width))
    return _float(shape)


def _documented(shape: tuple[int, ...], label: str, high: int | None) -> Array:
    if re.search(r"ind(ex|ices)|_idx|_ids?$|_id_|^ids|batch|edge_i|reverse", label):
        return Array(shape, "int64", 2)
    if re.search(r"token", label):
        return Array(shape, "int32", high or 2)
    return Array(shape, "bool") if "mask" in label else Array(shape)


def _special(kind: str, world: str, high: int | None) -> Array:
    if kind == "extent":
        # The height and the width of what has become a sequence.
        side = math.isqrt(STEPS)
        return Array((2,), "int32", side + 1, low=side)
    if kind == "lengths":
        return Array((BATCH,), "int32", STEPS + 1, low=1)
    shape = _BESIDE[world].get(kind, (1,))
    dtype = {"mask": "bool", "tokens": "int32", "edges": "int32"}.get(kind, "float32")
    return Array((BATCH, *shape), dtype, {"tokens": high or 2, "edges": BATCH}.get(kind))


def _arrays(
    slot: Slot, layers: list[Any], high: int | None, hints: list[list[int]], widths: list[int]
) -> Iterator[Array]:
    kind = _kind(slot)
    if slot.shape is not None:
        yield _documented(slot.shape, slot.label, high)
    families = [*_wanted(slot), *_families(layers)]
    families = list(dict.fromkeys([*families, "vectors", "images", "sequences", "tokens", "volumes"]))
    if kind not in ("float", "tokens", "vector", "image"):
        yield _special(kind, "sequences", high)
        yield _special(kind, "vectors", high)
    # A hint may speak of another class of the file: it waits if its rank is not what this model asks for.
    near = [shape for shape in map(tuple, hints) if len(shape) in RANKS[families[0]]]
    as_token = families[0] == "tokens"
    yield from (_float(shape) if not as_token else _token(shape, high) for shape in near)
    first = families[0]
    yield from _of_family(first, high, widths, None)
    # One of each other family before the rest of any.
    for family in families[1:]:
        yield from _of_family(family, high, widths, 2)
    yield from (_float(tuple(shape)) for shape in hints)
    for family in families[1:]:
        yield from _of_family(family, high, widths, None)


def _of_family(family: str, high: int | None, widths: list[int], most: int | None) -> Iterator[Array]:
    for shape in _WORLDS[family][:most]:
        for width in widths if _C in shape else widths[:1]:
            filled = _filled(shape, width)
            yield _token(filled, high) if family == "tokens" else _float(filled)


def _filled(shape: tuple[int, ...], width: int) -> tuple[int, ...]:
    return tuple(width if size == _C else size for size in shape)


def _float(shape: tuple[int, ...]) -> Array:
    return Array((BATCH, *shape))


def _token(shape: tuple[int, ...], high: int | None) -> Array:
    return Array((BATCH, *shape), "int32", high or 2)


def _wanted(slot: Slot) -> list[str]:
    """Families that the slot's own readers and the code around it ask for."""
    kinds = {"tokens": "tokens", "image": "images", "vector": "vectors"}
    found = [kinds[kind]] if (kind := _kind(slot)) in kinds else []
    found += [_WORLD_OF_RANK[rank] for rank in dict.fromkeys(slot.ranks) if rank in _WORLD_OF_RANK]
    found += _families(slot.readers)
    return [*found, "sequences"] if _SEQUENCE_LABEL.search(slot.label.lower()) else found


def _families(layers: list[Any]) -> list[str]:
    """Families of shapes in the order in which layers ask for them."""
    wanted = []
    for layer in layers:
        name = type(layer).__name__
        family = next((family for pattern, family in _FAMILY_OF_LAYER if pattern.search(name)), None)
        if family and name != "Conv2DTranspose" and (family != "tokens" or hasattr(layer, "input_dim")):
            wanted.append(family)
    # A vocabulary is decisive wherever it is made; then the layer that was made first.
    wanted.sort(key=lambda family: family != "tokens")
    return list(dict.fromkeys(wanted))
