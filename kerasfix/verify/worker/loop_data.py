"""Data for a training function: what reaches a model is what that model takes, the rest is like labels."""

from __future__ import annotations

import importlib
import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .candidates import Array, Spec
from .guesses import BATCH, MISSING, STEPS, by_name
from .inputs import _flatten, _values, arrange

Path = tuple[str, ...]
Form = dict[str, Any]

_MOST_VARIANTS = 24
_NUMBER = re.compile(
    r"epoch|step|iter|^num|^n_|size$|dim$|lambda|alpha|beta|gamma|weight|rate$|^lr$|scale|temperature|eps|seed"
)
_COUNT = re.compile(r"epoch|step|iter")
# What takes classes by their numbers, by how it is called or what its class is called.
_TAKES_IDS = re.compile(r"sparse|one_hot|gather|lookup|embedding", re.IGNORECASE)
_MANY = 64


@dataclass(frozen=True)
class Datum:
    """The value of one part of the parameters.

    Attributes:
        array: A tensor of this kind.
        spec: Several, as a model takes them.
        is_label: Whether floats lie between 0 and 1.
        constant: A plain value, if it is neither.
    """

    array: Array | None = None
    spec: Spec | None = None
    is_label: bool = False
    constant: Any = None

    def to_json(self) -> dict[str, Any]:
        return {
            "array": None if self.array is None else vars(self.array),
            "spec": None if self.spec is None else self.spec.to_json(),
            "is_label": self.is_label,
            "constant": self.constant,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Datum:
        array, spec = data["array"], data["spec"]
        return Datum(
            None if array is None else Array(**{**array, "shape": tuple(array["shape"])}),
            None if spec is None else Spec.from_json(spec),
            data["is_label"],
            data["constant"],
        )

    @property
    def items(self) -> list[Array]:
        if self.spec is not None:
            return list(self.spec.items)
        return [] if self.array is None else [self.array]


Choice = dict[Path, Datum]


def leaves_of(form: Form) -> list[Path]:
    """The parts that values are needed for."""
    if "leaf" in form:
        return [tuple(form["leaf"])]
    if "each" in form:
        return leaves_of(form["each"])
    return [leaf for part in (form.get("items") or form["keys"].values()) for leaf in leaves_of(part)]


def build(form: Form, choice: Choice, tensor: Callable[[Any], Any], seed: int) -> Any:
    """A parameter's value, put together as the function takes it apart."""
    if "leaf" in form:
        path = tuple(form["leaf"])
        return _made(choice[path], tensor, seed + zlib.crc32("/".join(path).encode()) % 10_000)
    if "each" in form:
        data = importlib.import_module("tensorflow").data.Dataset
        return data.from_tensors(build(form["each"], choice, tensor, seed)).repeat(2)
    if "items" in form:
        return tuple(build(part, choice, tensor, seed) for part in form["items"])
    return {key: build(part, choice, tensor, seed) for key, part in form["keys"].items()}


def _made(datum: Datum, tensor: Callable[[Any], Any], seed: int) -> Any:
    random = np.random.RandomState(seed)
    if datum.spec is not None:
        return arrange(datum.spec, [tensor(_values(item, random)) for item in datum.spec.items])
    if datum.array is None:
        return datum.constant
    if datum.is_label and "float" in datum.array.dtype:
        return tensor(random.rand(*datum.array.shape).astype(datum.array.dtype))
    return tensor(_values(datum.array, random))


# --- What reaches a model ---------------------------------------------------------------------------------


def reached(call: dict[str, Any]) -> bool:
    """Whether a call is given anything of the parameters."""
    return any(each["origins"] for each in [*call["arguments"], *call["named"].values()])


def claimed(calls: list[tuple[dict[str, Any], Spec, list[str]]], leaves: list[Path]) -> Choice:
    """What models say of the parts that reach them: as they are before what is made of them.

    Args:
        calls: Calls of models, each with what the model takes and the names of its parameters.
    """
    found: Choice = {}
    for is_raw in (True, False):
        for call, spec, names in calls:
            for value, datum in _pairs(call, spec, names):
                origins = [value["raw"]] if is_raw and value["raw"] else [] if is_raw else value["origins"]
                for path in map(tuple, origins):
                    if path in leaves and (datum.spec is None or len(value["origins"]) == 1):
                        found.setdefault(path, datum)
    return found


def _pairs(call: dict[str, Any], spec: Spec, names: list[str]) -> Iterator[tuple[dict[str, Any], Datum]]:
    """The arguments of a call, and what each of them should be."""
    given = dict(zip(names, call["arguments"]))
    given.update(call["named"])
    if spec.kind == "args":
        for position, item in enumerate(spec.items):
            name = item.name or (names[position] if position < len(names) else "")
            if name in given:
                yield given[name], Datum(replace(item, name=None))
        return
    value = next(iter(given.values()), None)
    if value is None:
        return
    if spec.kind == "one":
        yield value, Datum(spec.items[0])
    elif value["items"] is not None and spec.kind != "dict":
        yield from ((part, Datum(item)) for part, item in zip(value["items"], spec.items))
    elif value["keys"] is not None:
        items = {item.name: item for item in spec.items}
        yield from (
            (part, Datum(replace(items[key], name=None)))
            for key, part in value["keys"].items()
            if key in items
        )
    else:
        yield value, Datum(spec=spec)


# --- What does not ----------------------------------------------------------------------------------------


def choices(
    known: Choice,
    leaves: list[Path],
    outputs: list[Array],
    calls: list[dict[str, Any]],
    class_of: Callable[[str], str],
) -> Iterator[Choice]:
    """Values for all parts, the likeliest first.

    Args:
        known: What is settled.
        outputs: What the models give.
        calls: All calls of the function.
        class_of: The class of what is called, "" if it is not in sight.
    """
    open_leaves = [leaf for leaf in leaves if leaf not in known]
    inputs = [item for datum in known.values() for item in datum.items]
    ids = {
        tuple(path)
        for call in calls
        if _TAKES_IDS.search(call["callee"]) or _TAKES_IDS.search(class_of(call["callee"]))
        for value in [*call["arguments"], *call["named"].values()]
        for path in value["origins"]
    }
    variants = []
    for position, leaf in enumerate(open_leaves):
        own = outputs[position : position + 1] if len(outputs) == len(open_leaves) else outputs[:1]
        variants.append(list(dict.fromkeys(_variants(leaf, own, inputs[:1], leaf in ids))))
    if not variants:
        yield dict(known)
        return
    together = [
        tuple(each[min(number, len(each) - 1)] for each in variants)
        for number in range(max(map(len, variants)))
    ]
    mixed = itertools.islice(itertools.product(*variants), 500)
    for values in itertools.islice(dict.fromkeys([*together, *mixed]), _MOST_VARIANTS):
        yield {**known, **dict(zip(open_leaves, values))}


def _variants(leaf: Path, outputs: list[Array], inputs: list[Array], takes_ids: bool) -> Iterator[Datum]:
    if len(leaf) == 1 and _NUMBER.search(leaf[0].lower()):
        guess = by_name(leaf[0])
        yield Datum(constant=1 if _COUNT.search(leaf[0].lower()) or not _is_number(guess) else guess)
    like = [Datum(Array(each.shape), is_label=True) for each in outputs]
    classes = [_ids(each) for each in outputs]
    found = [*classes, *like] if takes_ids else [*like, *classes]
    yield from found
    yield from (Datum(replace(each, name=None), is_label=True) for each in inputs)
    size = (outputs or inputs or [Array((BATCH,))])[0].shape[0]
    yield Datum(Array((size,), "int32", 2))
    yield Datum(Array((size, 1)), is_label=True)
    if len(leaf) == 1:
        guess = by_name(leaf[0])
        yield Datum(constant=guess if _is_number(guess) else 1)


def _ids(output: Array) -> Datum:
    """One class for each place of an output."""
    shape, count = output.shape[:-1], output.shape[-1] if len(output.shape) > 1 else 2
    return Datum(Array(shape or output.shape, "int32", max(2, int(count))))


def _is_number(value: Any) -> bool:
    return value is not MISSING and isinstance(value, (int, float)) and not isinstance(value, bool)


def outputs_of(result: Any) -> list[Array]:
    """The tensors that a model gave, as arrays of the same kind."""
    return [
        Array(tuple(map(int, each.shape)))
        for each in _flatten(result)
        if hasattr(each, "shape") and len(each.shape) > 0
    ]


def signed(signature: Any, names: list[str], known: Choice) -> Choice:
    """What `@tf.function(input_signature=…)` says, its open sizes as the models have them."""
    found: Choice = {}
    for name, spec in zip(names, signature or ()):
        shape = getattr(spec, "shape", None)
        if shape is None or getattr(shape, "rank", None) is None:
            continue
        of_model = known.get((name,), Datum()).array
        sizes = of_model.shape if of_model is not None and len(of_model.shape) == len(shape) else ()
        dtype = str(spec.dtype.name)
        filled = tuple(
            int(size) if size is not None else sizes[axis] if sizes else _open(axis, len(shape))
            for axis, size in enumerate(shape)
        )
        high = (of_model.high if of_model is not None else None) or (2 if "int" in dtype else None)
        found[(name,)] = Datum(Array(filled, dtype, high))
    return found


def _open(axis: int, rank: int) -> int:
    return BATCH if axis == 0 else _MANY if rank == 4 else STEPS
