"""What error messages say about inputs: names, numbers, axes, states; nothing here imports Keras."""

from __future__ import annotations

from typing import Any

from kerasfix.verify.worker.candidates import Array, Spec, specs
from kerasfix.verify.worker.drive import _by_name
from kerasfix.verify.worker.inputs import arrays_for
from kerasfix.verify.worker.layout import layout_of
from kerasfix.verify.worker.load import one_line
from kerasfix.verify.worker.sizes import words_in
from kerasfix.verify.worker.steering import steered


def one(*shape: int, dtype: str = "float32") -> Spec:
    return Spec("one", (Array(shape, dtype),))


NO_TENSOR = "AttributeError: 'SymbolicTensor' object has no attribute 'items'"


def test_inputs_go_by_the_names_that_the_model_was_made_with() -> None:
    columns = [{"$settings": {"name": "age", "size": 3}}, {"$settings": {"name": "city"}}]
    words = words_in({"columns": columns, "mode": "mean", "kind": "not a name"})
    assert words == ["age", "city"]
    first, scalar = steered(one(4, 16), NO_TENSOR, words)[:2]
    assert (first.kind, [item.name for item in first.items]) == ("dict", ["age", "city"])
    assert [(item.shape, item.dtype) for item in scalar.items] == [((4,), "int32")] * 2


def test_a_name_that_was_made_up_gives_way_to_one_that_is_asked_for() -> None:
    made_up = steered(one(4, 16), NO_TENSOR)[0]
    named = steered(made_up, "KeyError: 'image'")[0]
    assert [item.name for item in named.items] == ["image"]


def test_a_name_that_the_model_looks_up_in_vain_is_left_out() -> None:
    spec = Spec("dict", (Array((4,), name="age"), Array((4,), name="mean")))
    assert steered(spec, "KeyError: 'mean'") == [Spec("dict", spec.items[:1])]
    assert words_in({"mode": "mean"}) == ["mean"]


def test_integers_that_have_to_ascend() -> None:
    spec = Spec("list", (Array((4, 16)), Array((4,), "int32", 4)))
    better = steered(spec, "InvalidArgumentError: segment ids are not increasing")[0]
    assert [item.ordered for item in better.items] == [False, True]
    values = arrays_for(better, 7)[1]
    assert list(values) == sorted(values)
    assert list(arrays_for(spec, 7)[1]) != sorted(arrays_for(spec, 7)[1])


def test_a_batch_of_one_sample() -> None:
    pair = Spec("list", (Array((4, 8, 16)), Array((4, 8, 8))))
    better = steered(pair, "ValueError: full-batch methods only support a batch dimension of one")
    assert [[item.shape for item in spec.items] for spec in better] == [[(1, 8, 16), (1, 8, 8)]]


def test_integers_that_have_to_be_smaller() -> None:
    spec = Spec("one", (Array((4, 16), "int32", 64),))
    assert steered(spec, "indices[0,3] = 9 is not in [0, 8)")[0].items[0].high == 8
    assert steered(spec, "indices[0,3] = 99 is not in [0, 100)") == []


def test_lengths_are_counts_of_at_least_one() -> None:
    spec = Spec("one", (Array((100,), "int32", 3, low=1),))
    assert set(arrays_for(spec, 7)[0]) == {1, 2}


def test_what_is_short_of_an_axis_is_made_wider() -> None:
    spec = Spec("args", (Array((4, 16, 8)), Array((4, 16), name="mask")))
    message = "Dimensions must be equal, but are 8 and 16 for Mul with input shapes: [4,16,8], [4,16]."
    shapes = [[item.shape for item in found.items] for found in steered(spec, message)]
    assert [(4, 16, 8), (4, 16, 1)] in shapes
    assert [(4, 16, 8), (4, 1, 16)] in shapes
    assert shapes.index([(4, 16, 8), (4, 16, 1)]) < shapes.index([(4, 16, 8), (4, 1, 16)])


def test_one_number_for_each_sample() -> None:
    message = "Dimensions must be equal, but are 64 and 4 for Mul with input shapes: [64,1,8], [4,16,8]."
    shapes = [spec.items[0].shape for spec in steered(one(4, 16, dtype="int32"), message)]
    assert (4, 1) in shapes
    assert (4,) in shapes


def test_a_vector_of_samples_is_a_rank_too() -> None:
    assert (4,) in [spec.items[0].shape for spec in steered(one(4, 16), "Shape must be rank 1 but is rank 2")]


def test_a_tensor_that_is_taken_as_a_list_of_many() -> None:
    found = steered(one(4, 16), "slice index 6 of dimension 0 out of bounds")
    assert next(len(spec.items) for spec in found if spec.kind == "list") == 7


def test_states_are_handed_over_as_a_list() -> None:
    spec = Spec("args", (Array((4, 16)), Array((4, 8), name="states")))
    better = steered(spec, "IndexError: list index out of range")[0]
    assert [(item.name, item.listed) for item in better.items] == [
        (None, False),
        ("states", True),
        ("states", True),
    ]
    assert Spec.from_json(better.to_json()) == better
    names, listed = [item.name for item in better.items], [item.listed for item in better.items]
    assert _by_name(names, listed, ["x", "h", "c"]) == {"states": ["h", "c"]}


class _Cell:
    state_size = (8, 12)

    def call(self, inputs: Any, states: Any) -> Any:
        return inputs, states


class _Plain:
    def call(self, inputs: Any, states: Any) -> Any:
        return inputs, states


def test_the_states_of_a_cell_have_the_sizes_that_it_names() -> None:
    slots = layout_of(_Cell()).slots
    assert [(slot.key, slot.shape, slot.listed) for slot in slots] == [
        (None, None, False),
        ("states", (4, 8), True),
        ("states", (4, 12), True),
    ]
    assert [slot.listed for slot in layout_of(_Plain()).slots] == [False, False]


class _Lengths:
    def call(self, inputs: Any, sequence_lengths: Any) -> Any:
        return inputs, sequence_lengths


class _Keras:
    class layers:
        class Layer:
            pass

    class metrics:
        class Metric:
            pass

    Model = layers.Layer


def test_lengths_are_one_number_for_each_sample() -> None:
    first = specs(_Lengths(), _Keras, [], [])[0]
    assert (first.items[1].shape, first.items[1].dtype) == ((4,), "int32")


NOT_EQUAL = "ValueError: Dimensions must be equal, but are 32 and 64 for ' = AddV2[T=DT_FLOAT]'"


def images(*names: str | int, size: int = 32) -> Spec:
    return Spec("dict", tuple(Array((4, size, size, 3), name=name) for name in names))


def test_of_several_feature_maps_each_is_half_as_large_as_the_one_before_or_twice() -> None:
    falling, rising = steered(images("P3", "P4", "P5"), NOT_EQUAL)[:2]
    assert [item.shape[1:3] for item in falling.items] == [(32, 32), (16, 16), (8, 8)]
    assert [item.shape[1:3] for item in rising.items] == [(8, 8), (16, 16), (32, 32)]
    shapes = "ValueError: Inputs have incompatible shapes. Received shapes (32, 32, 8) and (64, 64, 8)"
    assert steered(images(2, 3), shapes)[0].items[0].shape == (4, 16, 16, 3)


def test_height_and_width_change_together() -> None:
    first = steered(images("a"), "ValueError: Dimensions must be equal, but are 32 and 24 for AddV2")[0]
    assert first.items[0].shape == (4, 24, 24, 3)


def test_a_dictionary_with_numbers_for_keys() -> None:
    message = "ValueError: expects a dict with int keys. Expect feature keys: [2, 3, 4], got: Tensor"
    first = steered(one(4, 16), message)[0]
    assert (first.kind, [item.name for item in first.items]) == ("dict", [2, 3, 4])
    assert [item.shape for item in first.items] == [(4, 32, 32, 3)] * 3
    more = steered(images(2, 3), "KeyError: 4")[0]
    assert [item.name for item in more.items] == [2, 3, 4]


def test_all_inputs_change_that_have_the_size_that_was_found() -> None:
    message = (
        "ValueError: Input 0 of layer 'dense' is incompatible with the layer: expected axis -1 of "
        "input shape to have value 24, but received input with shape (4, 256, 3)"
    )
    spec = Spec("list", (Array((4, 16, 16, 3)), Array((4, 16, 8)), Array((4, 256, 3))))
    first = steered(spec, message)[0]
    assert [item.shape for item in first.items] == [(4, 16, 16, 24), (4, 16, 8), (4, 256, 24)]


def test_a_deep_image_is_small() -> None:
    message = (
        "expected axis -1 of input shape to have value 1024, but received input with shape (4, 32, 32, 3)"
    )
    assert steered(one(4, 32, 32, 3), message)[0].items[0].shape == (4, 8, 8, 1024)


def test_the_type_of_an_index_within_an_operation_is_no_wish_for_integers() -> None:
    message = "Shape must be rank 3 but is rank 4 for ' = ConcatV2[N=2, T=DT_FLOAT, Tidx=DT_INT32]'"
    assert {item.dtype for spec in steered(one(4, 8, 8, 3), message) for item in spec.items} == {"float32"}


def test_the_last_axis_of_what_must_be_boxes() -> None:
    message = "Expected `boxes` to have a final dimension of `4`. Instead, got `boxes.shape=(4, 16, 8)`."
    spec = Spec("args", (Array((4, 16, 8)), Array((4, 9), name="labels")))
    assert [item.shape for item in steered(spec, message)[0].items] == [(4, 16, 4), (4, 9)]


def test_layers_and_heads_that_have_become_one_axis_are_made_fewer() -> None:
    message = "expected axis -1 of input shape to have value 16, but received input with shape (4, 14, 64)"
    shapes = [spec.items[0].shape for spec in steered(one(4, 8, 8, 14, 14), message)]
    assert (4, 2, 8, 14, 14) in shapes[:2]


def test_a_sample_holds_as_much_as_it_is_reshaped_into() -> None:
    divided = "ValueError: Dimension size must be evenly divisible by 16384 but is 1024 for ' = Reshape'"
    assert (4, 1024, 16) in [spec.items[0].shape for spec in steered(one(4, 16, 16), divided)]
    told = "ValueError: Cannot reshape a tensor with 1024 elements to shape [4,64,16] (4096 elements)"
    assert (4, 64, 16) in [spec.items[0].shape for spec in steered(one(4, 16, 16), told)]
    # Too much of it comes of an axis too many.
    wide = "ValueError: Cannot reshape a tensor with 65536 elements to shape [4,32,2,16] (4096 elements)"
    assert (4, 16, 16) in [spec.items[0].shape for spec in steered(one(4, 32, 32, 16), wide)]


def test_a_square_of_all_nodes_grows_on_both_sides() -> None:
    spec = Spec("args", (Array((4, 32, 8)), Array((4, 4), name="adjacency")))
    shapes = [each.items[1].shape for each in steered(spec, "Dimensions must be equal, but are 4 and 32")]
    assert (32, 32) in shapes


def test_numbers_that_are_looked_up_or_must_not_be_negative() -> None:
    pixels = steered(one(4, 8, 8, 3), "InvalidArgumentError: indices[0,0,6] = -1 is not in [0, 256)")[0]
    values = arrays_for(pixels, 7)[0]
    assert 0 <= values.min() < 64 < 192 < values.max() < 256
    spec = Spec("args", (Array((4, 8)), Array((4, 4), name="adjacency")))
    better = steered(spec, "InvalidArgumentError: adjacency must be non-negative")[0]
    assert [item.high for item in better.items] == [None, 1]
    assert arrays_for(better, 7)[1].min() >= 0


def test_what_a_mask_is_missing_beside_it_is_no_mask() -> None:
    spec = Spec("dict", (Array((4, 16), "bool", name="padding_mask"),))
    better = steered(spec, "KeyError: 'x'")[0]
    assert [(item.name, item.dtype) for item in better.items] == [("padding_mask", "bool"), ("x", "float32")]


def test_what_keras_wraps_around_a_missing_key_is_left_out() -> None:
    wrapped = "Exception encountered when calling Net.\n\n\x1b[1m'x'\x1b[0m\n\nArguments received by Net"
    assert one_line(KeyError(wrapped)) == "KeyError: 'x'"
    assert one_line(KeyError("x")) == "KeyError: 'x'"


def test_an_image_has_as_many_patches_as_there_are_places() -> None:
    message = "ValueError: Dimensions must be equal, but are 65 and 3137 for ' = AddV2'"
    assert steered(one(4, 32, 32, 3), message)[0].items[0].shape == (4, 224, 224, 3)
