"""Inputs by what reads them and by what errors say; nothing here imports Keras."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kerasfix.verify.worker.candidates import Array, Spec, specs, with_optional
from kerasfix.verify.worker.depth import Failure, progress
from kerasfix.verify.worker.documented import documented_shapes, spoken_shapes
from kerasfix.verify.worker.drive import _by_name, _by_place
from kerasfix.verify.worker.inputs import arrays_for
from kerasfix.verify.worker.layout import layout_of
from kerasfix.verify.worker.sizes import shapes_kept
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


class _UnpacksTheFirst:
    def call(self, inputs: Any) -> Any:
        x, memory = inputs[:2]
        return x, memory


class _Counts:
    def call(self, inputs: Any) -> Any:
        if len(inputs) != 3:
            raise ValueError("three are wanted")
        return self.first(inputs)  # type: ignore[attr-defined]


NAMES = {"words": "input_ids"}


class _NamesElsewhere:
    def __init__(self) -> None:
        self.key = "mask"

    def call(self, inputs: Any) -> Any:
        ids = inputs[NAMES["words"]]
        return ids, inputs.get(self.key), inputs[self.missing]  # type: ignore[attr-defined]


class _TakesBoth:
    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            low, high = inputs["P3"], inputs["P4"]
        else:
            low, high = inputs
        return low, high


class _UnpacksWhatItMade:
    def call(self, x: Any) -> Any:
        x = self.features(x)  # type: ignore[attr-defined]
        x, _others = x
        return x


class _BuildIsTold:
    def build(self, input_shape: Any) -> None:
        self.width = input_shape[0][-1] + input_shape[2][-1]

    def call(self, inputs: Any) -> Any:
        return self.first(inputs)  # type: ignore[attr-defined]


class _BuildIsToldNames:
    def build(self, shapes: Any) -> None:
        self.width = shapes["left"][-1] + shapes["right"][-1]

    def call(self, inputs: Any) -> Any:
        return self.first(inputs)  # type: ignore[attr-defined]


class _BuildIsToldOne:
    def build(self, input_shape: Any) -> None:
        self.width = input_shape[-1] + input_shape[1]

    def call(self, inputs: Any) -> Any:
        return self.first(inputs)  # type: ignore[attr-defined]


class _TakesWhatComes:
    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.loss(*args, **kwargs)

    def loss(self, left: Any, right: Any, weights: Any = None) -> Any:
        return left, right, weights


class _Keys:
    def call(self, inputs: Any) -> Any:
        return inputs["ids"] + inputs.get("mask")


class _Arguments:
    def call(self, query: Any, value: Any, height: int, mask: Any = None) -> Any:
        return query[:, :, 0] + value


class _Loops:
    def call(self, inputs: Any) -> Any:
        return sum(inputs[name] for name in ("left", "right"))


class _HandsOver:
    def call(self, inputs: Any) -> Any:
        return self.merged(inputs)

    def merged(self, features: Any) -> Any:
        return features["ids"] + features.get("mask")


class _Pair:
    def call(self, pair: Any) -> Any:
        nodes, edges = pair
        return nodes, edges

    __call__ = call


class _HandsToLayer:
    def __init__(self) -> None:
        self.inner = _Pair()

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


class _MayBeLeftOut:
    def call(self, x: Any, mask: Any = None, use_bias: Any = None, cache: Any = None, rate: Any = 1) -> Any:
        return x * mask


class _Listed:
    """Passes messages.

    Inputs:
        - Node features of shape ([N], F)
        - Pairs of nodes (2, [M]),
          as integers
    """

    def call(self, inputs: Any) -> Any:
        nodes, edge_index = inputs
        return nodes, edge_index


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
        (_Loops, ("dict", ["left", "right"], ["left", "right"])),
        (_HandsOver, ("dict", ["ids", "mask"], ["ids", "mask"])),
        (_HandsToLayer, ("list", ["nodes", "edges"], [None, None])),
        (_UnpacksTheFirst, ("list", ["x", "memory"], [None, None])),
        (_Counts, ("list", ["input0", "input1", "input2"], [None, None, None])),
        (_NamesElsewhere, ("dict", ["input_ids", "mask"], ["input_ids", "mask"])),
        (_TakesBoth, ("dict", ["P3", "P4"], ["P3", "P4"])),
        (_UnpacksWhatItMade, ("one", ["x"], [None])),
        (_BuildIsTold, ("list", ["input0", "input1", "input2"], [None, None, None])),
        (_BuildIsToldNames, ("dict", ["left", "right"], ["left", "right"])),
        (_BuildIsToldOne, ("one", ["inputs"], [None])),
        (_TakesWhatComes, ("args", ["left", "right"], ["left", "right"])),
    ],
)
def test_how_inputs_are_taken(cls: type, expected: object) -> None:
    assert layout(cls) == expected


def test_arguments_that_are_no_tensors_are_constants() -> None:
    assert layout_of(_Arguments()).constants == (("height", 32),)


def test_tensors_that_may_be_left_out_are_known() -> None:
    assert [slot.key for slot in layout_of(_MayBeLeftOut()).optional] == ["mask"]
    call = Spec("one", (Array((4, 16, 8)),))
    found = list(with_optional(_MayBeLeftOut(), call))
    assert found == [Spec("args", (*call.items, Array((4, 16), "bool", name="mask")))]
    assert list(with_optional(_OneTensor(), call)) == []


def test_the_tensor_that_a_name_speaks_of_is_given() -> None:
    spec = Spec("args", (Array((4, 16), name="left"), Array((4, 16), name="right")))
    [more] = with_optional(_TakesWhatComes(), spec, "weights")
    assert [item.name for item in more.items] == ["left", "right", "weights"]
    assert not list(with_optional(_TakesWhatComes(), spec, "others"))


@pytest.mark.parametrize(
    ("kept", "shapes"),
    [
        ({"image_size": 64}, [[64, 64, 3]]),
        ({"config": SimpleNamespace(input_size=(64, 48), in_channels=1)}, [[64, 48, 1]]),
        ({"cfg": {"img_resolution": [32, 32], "channels": 512}}, [[32, 32, 3]]),
        ({"input_shape_": (8, 8), "image_shape": (28, 28, 1)}, [[28, 28, 1]]),
        ({"image_size": None, "input_size": "large", "other": 64}, []),
    ],
)
def test_an_instance_says_what_its_pictures_are_like(kept: dict[str, Any], shapes: list[list[int]]) -> None:
    assert shapes_kept(SimpleNamespace(**kept)) == shapes


class _OverAGrid:
    def call(self, inputs: Any) -> Any:
        x, grid_size = inputs
        return x[:, :, 0], grid_size


def test_the_height_and_the_width_of_what_has_become_a_sequence() -> None:
    keras = SimpleNamespace(Model=Embedding, layers=SimpleNamespace(Layer=Embedding))
    first = specs(_OverAGrid(), keras, [], [16])[0]
    assert [item.shape for item in first.items] == [(4, 16, 16), (2,)]
    assert list(arrays_for(first, 7)[1]) == [4, 4]
    one = Spec("args", (Array((4, 16, 16)),), (("grid_size", 4),))
    better = steered(one, "TypeError: cannot unpack non-iterable int object")[0]
    assert better.constants == (("grid_size", (4, 4)),)


class _MasksLeftOut:
    def call(self, inputs: Any, mask: Any = None) -> Any:
        nodes, edges = inputs
        return nodes * mask[0] + edges


def test_each_item_of_a_list_may_want_a_mask() -> None:
    call = Spec("list", (Array((4, 16, 8)), Array((4, 16, 16))))
    first = next(with_optional(_MasksLeftOut(), call))
    assert [(item.name, item.shape, item.listed) for item in first.items] == [
        (None, (4, 16, 8), True),
        (None, (4, 16, 16), True),
        ("mask", (4, 16, 1), True),
        ("mask", (4, 16, 1), True),
    ]
    names, listed = [item.name for item in first.items], [item.listed for item in first.items]
    assert _by_place(names, listed, "abcd") == [["a", "b"]]
    assert _by_name(names, listed, "abcd") == {"mask": ["c", "d"]}
    assert _by_place([None, "mask"], [False, False], "ab") == ["a"]


def test_shapes_of_inputs_that_the_class_lists() -> None:
    assert [slot.shape for slot in layout_of(_Listed()).slots] == [(4, 16), (2, 4)]

    class Heir(_Listed):
        def call(self, inputs: Any) -> Any:
            left, right = inputs
            return left, right

    # A class' own words only.
    assert [slot.shape for slot in layout_of(Heir()).slots] == [None, None]


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
        ((4, 16), "Dimension must be 3 but is 16 for", (4, 3)),
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
    message = "Value for attr 'Tindices' of float is not in the list of allowed values: int16, int32"
    assert [spec.items[0].dtype for spec in steered(one(4, 16), message)] == ["int32"]
    message = "cannot compute Mul as input #1 was expected to be a float tensor but is a int32 tensor"
    assert "float32" in [spec.items[0].dtype for spec in steered(one(4, 16, dtype="int32"), message)]


def test_an_error_speaks_of_another_structure() -> None:
    spec = steered(one(4, 16), "KeyError: 'image'")[0]
    assert (spec.kind, spec.items[0].name) == ("dict", "image")
    more = steered(spec, "KeyError: 'text'")[0]
    assert [item.name for item in more.items] == ["image", "text"]
    assert steered(one(4, 16), "should be called on a list of 2 inputs")[0].kind == "list"
    three = steered(one(4, 16), "Expected 3 inputs tensors (X, A, E), got 4.")
    assert Spec("list", (Array((4, 16)),) * 3) in three
    # What takes several seldom takes any: embeddings, sequences.
    assert Spec("list", (Array((4, 1, 16)),) * 3) in three
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


def _fails(x: int) -> None:
    y = x + 1
    if y > 5:
        raise ValueError("late")
    raise ValueError("early", y, 1 / 0)


def _raised_by(x: int) -> Exception:
    with pytest.raises((ValueError, ZeroDivisionError)) as caught:
        _fails(x)
    return caught.value


def test_of_two_failures_the_one_that_came_farther_down_is_deeper() -> None:
    failures = [Failure.of(_raised_by(x)) for x in (1, 9)]
    early, late = sorted(failures, key=lambda failure: failure.depth, reverse=True)
    assert late.message == "ValueError: late"
    assert early.message.startswith("ZeroDivisionError")


def test_a_change_is_followed_if_it_brought_the_call_farther() -> None:
    before = Failure("expected ndim=3, found ndim=2", (10, 5))
    farther = Failure("expected ndim=3, found ndim=2 elsewhere", (12,))
    other_numbers = Failure("expected ndim=4, found ndim=3", (10, 5))
    elsewhere = Failure("not a tensor", (10, 5))
    earlier = Failure("not a tensor", (9,))
    order = [progress(before, now) for now in (farther, elsewhere, earlier, other_numbers, before)]
    assert order == sorted(order)
    assert order[0] < 0 < order[3] < order[4]
