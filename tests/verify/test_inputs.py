"""Inputs by what reads them and by what errors say; nothing here imports Keras."""

from __future__ import annotations

from typing import Any

import pytest

from kerasfix.verify.worker.candidates import Array, Spec
from kerasfix.verify.worker.layout import documented_shapes, layout_of, spoken_shapes
from kerasfix.verify.worker.steering import steered


class Embedding:
    __module__ = "keras.layers"
    input_dim = 7

    def __call__(self, x: Any) -> Any:
        return x


class _OneTensor:
    def __init__(self) -> None:
        self.blocks = [Embedding()]

    def call(self, x: Any, training: Any = None) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


class _Helper:
    def __init__(self) -> None:
        self.inner = _OneTensor()
        self.inner.__class__ = type("Inner", (_OneTensor,), {"__call__": _OneTensor.call})

    def call(self, x: Any) -> Any:
        _batch, _height, _width, _channels = x.shape
        return self.prepared(x)

    def prepared(self, y: Any) -> Any:
        return self.inner(y)


class _Rebinds:
    def call(self, x: Any) -> Any:
        y = x[:, 0, None]
        x = self.project(x, y)  # type: ignore[attr-defined]
        return x[:, :, :, 0]


class _Unpacks:
    def call(self, inputs: Any) -> Any:
        x, adjacency = inputs
        return x, adjacency


class _Keys:
    def call(self, inputs: Any) -> Any:
        return inputs["ids"] + inputs.get("mask")


class _Arguments:
    def call(self, query: Any, value: Any, height: int, mask: Any = None) -> Any:
        return query[:, :, 0] + value


class _Indices:
    def call(self, inputs: Any) -> Any:
        first = inputs[0]
        return first + inputs[1]


def layout(cls: type) -> tuple[str, list[str], list[str | None]]:
    found = layout_of(cls())
    return found.kind, [slot.label for slot in found.slots], [slot.key for slot in found.slots]


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (_OneTensor, ("one", ["x"], [None])),
        (_Unpacks, ("list", ["x", "adjacency"], [None, None])),
        (_Keys, ("dict", ["ids", "mask"], ["ids", "mask"])),
        (_Arguments, ("args", ["query", "value"], [None, "value"])),
        (_Indices, ("list", ["first", "input1"], [None, None])),
    ],
)
def test_how_inputs_are_taken(cls: type, expected: object) -> None:
    assert layout(cls) == expected


def test_arguments_that_are_no_tensors_are_constants() -> None:
    assert layout_of(_Arguments()).constants == (("height", 32),)


def test_the_layers_that_read_an_input_are_found_in_loops_and_helpers() -> None:
    assert [type(layer).__name__ for layer in layout_of(_OneTensor()).slots[0].readers] == ["Embedding"]
    assert layout_of(_Helper()).slots[0].ranks == [4]


def test_what_is_done_to_a_name_after_it_was_bound_anew_says_nothing() -> None:
    assert layout_of(_Rebinds()).slots[0].ranks == []


def test_ranks_that_subscripts_speak_of() -> None:
    assert layout_of(_Arguments()).slots[0].ranks == [3]


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("x: Tensor of shape `(batch, seq_len, dim)`.", [(4, 16, 16)]),
        (
            "n: of shape `([N], F)`. e: shape `(2, M, )`.\nReturns: Tensor of shape `(N, )`.",
            [(4, 16), (2, 4)],
        ),
        ("(batch, 3, 3) is mentioned, no shape is given", []),
    ],
)
def test_shapes_in_docstrings(text: str, shapes: object) -> None:
    assert documented_shapes(text) == shapes


def test_shapes_with_names_in_messages() -> None:
    text = "inputs with shape (None,1,embedding_size) and (None,T,embedding_size), got (4, 16),(4, 16)"
    assert spoken_shapes(text) == [(4, 1, 16), (4, 16, 16)]


def one(*shape: int, dtype: str = "float32") -> Spec:
    return Spec("one", (Array(shape, dtype),))


@pytest.mark.parametrize(
    ("shape", "message", "wanted"),
    [
        ((4, 16), "expected min_ndim=4, found ndim=2. Full shape received: (4, 16)", (4, 32, 32, 3)),
        ((4, 16), "expected ndim=3, found ndim=2", (4, 16, 16)),
        ((4, 16), "expected axis -1 of input shape to have value 8, but received", (4, 8)),
        ((4, 16), "Dimensions must be equal, but are 16 and 24 for", (4, 24)),
        ((4, 16), "not enough values to unpack (expected 3, got 2)", (4, 16, 16)),
        ((4, 16, 16), "too many values to unpack (expected 2)", (4, 16)),
        ((4, 16), "tuple index out of range", (4, 16, 16)),
        ((4, 16), "needs a three-dimensional input of shape [batch, sequence, width]", (4, 16, 16)),
        ((4, 30, 30, 3), "height must be divisible by 4", (4, 32, 32, 4)),
        (
            (4, 10),
            "total size of the tensor must be unchanged. Received: input_shape=(10,), target_shape=(4, 4)",
            (4, 16),
        ),
        ((4, 16), "Incompatible shapes: [4,16] vs. [4,32]", (4, 32)),
    ],
)
def test_an_error_speaks_of_another_shape(
    shape: tuple[int, ...], message: str, wanted: tuple[int, ...]
) -> None:
    assert wanted in [spec.items[0].shape for spec in steered(one(*shape), "ValueError: " + message)]


def test_an_error_speaks_of_another_dtype() -> None:
    message = "Value passed to parameter 'indices' has DataType float32 not in list of allowed values: int32"
    assert [spec.items[0].dtype for spec in steered(one(4, 16), message)] == ["int32"]
    message = "cannot compute Mul as input #1 was expected to be a float tensor but is a int32 tensor"
    assert "float32" in [spec.items[0].dtype for spec in steered(one(4, 16, dtype="int32"), message)]


def test_an_error_speaks_of_another_structure() -> None:
    spec = steered(one(4, 16), "KeyError: 'image'")[0]
    assert (spec.kind, spec.items[0].name) == ("dict", "image")
    more = steered(spec, "KeyError: 'text'")[0]
    assert [item.name for item in more.items] == ["image", "text"]
    assert steered(one(4, 16), "should be called on a list of 2 inputs")[0].kind == "list"
    missing = steered(one(4, 16), "TypeError: missing a required argument: 'context'")[0]
    assert (missing.kind, [item.name for item in missing.items]) == ("args", [None, "context"])
    pair = Spec("list", (Array((4, 16)), Array((4, 16))))
    assert one(4, 16) in steered(pair, 'Layer "stem" expects 1 input(s), but it received 2 input tensors')


def test_an_error_speaks_of_an_argument_that_is_no_tensor() -> None:
    spec = Spec("args", (Array((4, 16)), Array((4, 16), name="stride")))
    found = steered(spec, "TypeError: Only integers, slices (`:`) are valid indices")
    assert found[0] == Spec("args", (Array((4, 16)),), (("stride", 1),))


def test_an_error_speaks_of_a_sparse_tensor() -> None:
    pair = Spec("list", (Array((4, 16)), Array((4, 16))))
    first = steered(pair, "AssertionError: A must be a SparseTensor")[0]
    assert [item.sparse for item in first.items] == [False, True]


def test_no_candidate_is_giant() -> None:
    assert steered(one(4, 16), "expected axis -1 of input shape to have value 100000000") == []


def test_a_spec_travels_as_json() -> None:
    spec = Spec("args", (Array((4, 2), "int32", 5, "ids"),), (("height", 3),))
    assert Spec.from_json(spec.to_json()) == spec
