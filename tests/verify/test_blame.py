"""What an error says about the arguments of a constructor; nothing here imports Keras."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from kerasfix.verify.worker.alternatives import words_quoted
from kerasfix.verify.worker.arguments import Maker
from kerasfix.verify.worker.attempts import Attempts
from kerasfix.verify.worker.blame import blamed, forms, value_at, with_value
from kerasfix.verify.worker.depth import Failure
from kerasfix.verify.worker.guesses import FACTORY, IMAGE_MODEL, LAYER, SETTINGS
from kerasfix.verify.worker.reading import keywords_of, usages
from kerasfix.verify.worker.values import by_usage

BATCHED = {"$name": "BatchNormalization"}
KERAS = SimpleNamespace(layers=SimpleNamespace(Layer=object))


@pytest.mark.parametrize(
    ("message", "current", "wanted"),
    [
        ("'int' object is not iterable", 16, [16, 16]),
        ("cannot unpack non-iterable int object", 16, {"$tuple": [16, 16]}),
        ("not enough values to unpack (expected 3, got 2)", [8, 8], {"$tuple": [8, 8, 8]}),
        ('can only concatenate tuple (not "int") to tuple', 16, {"$tuple": [16]}),
        ("'int' object is not callable", 16, FACTORY),
        ('can only concatenate list (not "int") to list', [8, 8], 8),
        ('can only concatenate tuple (not "int") to tuple', {"$tuple": [8]}, 8),
        ("'int' object has no attribute 'hidden_size'", 16, SETTINGS),
        ("'int' object has no attribute 'get_layer'", 16, IMAGE_MODEL),
        ("'int' object has no attribute 'lower'", 16, "relu"),
        ("expected min_ndim=4, found ndim=2", {"$tuple": [16]}, {"$tuple": [32, 32, 3]}),
        (
            "expected shape=(None, 32, 32, 3), found shape=(4, 16)",
            {"$model": [32, 32, 3]},
            {"$model": [16]},
        ),
        ("Unrecognized keyword arguments passed to LayerNormalization: {'momentum': 0.9}", FACTORY, BATCHED),
        ("seed should be an integer", "glorot_uniform", 4),
        ("module 'keras.layers' has no attribute 'relu'", "relu", "ReLU"),
        ("argument after ** must be a mapping, not int", [16, 16], [SETTINGS, SETTINGS]),
        ("Value for attr 'T' of int32 is not in the list of allowed values: half, float", 4, 4.0),
    ],
)
def test_values_of_another_form(message: str, current: Any, wanted: Any) -> None:
    found = list(forms(message, "xyzzy", current, making=True))
    assert wanted in found
    assert all(type(value) is not type(current) or value != current for value in found)


def test_what_is_no_number_is_not_blamed_for_being_one() -> None:
    assert list(forms("'int' object is not iterable", "sizes", [3, 3, "x"], making=True))
    assert not list(forms("'int' object is not iterable", "mode", "same", making=True))
    assert not list(forms("'float' object is not callable", "units", 16, making=False))


def test_what_is_called_in_a_call_is_a_layer_first() -> None:
    assert next(forms("'int' object is not callable", "xyzzy", 16, making=False)) == LAYER


def test_settings_are_blamed_where_the_lines_read_them() -> None:
    arguments = {"config": SETTINGS, "units": 16}
    lines = ["for size in self._config.sizes", 'helper(config["rates"], units)', "config.get('mode')"]
    assert blamed(lines, ["config", "units"], arguments) == [
        ("config", "sizes"),
        ("config",),
        ("config", "rates"),
        ("units",),
        ("config", "mode"),
    ]


def test_a_setting_is_replaced_in_the_recipe() -> None:
    own = {"$call": "Config", "positional": [], "named": {"sizes": 16}}
    assert value_at({"config": own}, ("config", "sizes"), None) == 16
    assert value_at({"config": SETTINGS}, ("config", "num_heads"), None) == 2
    changed = with_value({"config": own}, ("config", "sizes"), [4, 4])
    assert changed == {"config": {"$call": "Config", "positional": [], "named": {"sizes": [4, 4]}}}
    assert with_value({"config": SETTINGS}, ("config", "sizes"), 3) == {"config": {"$settings": {"sizes": 3}}}


def test_what_came_farther_is_tried_first() -> None:
    attempts = Attempts([{"a": 1}, {"a": 2}])
    assert attempts.take() == {"a": 1}
    attempts.failed(Failure("early", (5,)), [{"a": 3}, {"a": 3}])
    assert attempts.take() == {"a": 3}
    attempts.failed(Failure("late", (9,)), [{"a": 4}])
    assert [attempts.take() for _ in range(3)] == [{"a": 4}, {"a": 2}, None]
    assert attempts.number == 4
    attempts.first([{"a": 2}, {"a": 5}])
    assert attempts.take() == {"a": 5}


class _Block:
    def __init__(self, widths: Any, name: str) -> None:
        self.parts = [object() for _ in widths]


class _Configured:
    """Reads settings as programs do: by attribute, by key, under another name, further down."""

    def __init__(self, config: Any, columns: Any, **kwargs: Any) -> None:
        self.rate = config.rate_of_it
        self.sizes = config.sizes
        inner = config["inner"]
        self.depth = inner.depth + inner.more
        self.block = _Block(config.get("block_widths"), "block")
        self.names = [column["name"] for column in columns]
        self.width = kwargs["width"]
        self.items = kwargs.get("items_num") + 1
        self.seed = kwargs.get("seed", 3)
        self.last = [object() for _ in self.sizes]


def test_settings_are_what_the_code_does_with_them() -> None:
    found = usages(_Configured)
    value = by_usage("config", found["config"])
    assert value["$settings"]["sizes"] == [16, 16]
    assert value["$settings"]["block_widths"] == [16, 16]
    assert value["$settings"]["inner"] == SETTINGS
    assert "rate_of_it" not in value["$settings"]


def test_several_objects_are_called_differently() -> None:
    columns = by_usage("columns", usages(_Configured)["columns"])
    assert [column["$settings"]["name"] for column in columns] == ["driven1", "driven2"]


def test_keywords_that_a_constructor_cannot_do_without() -> None:
    assert keywords_of(vars(_Configured)["__init__"]) == ["width", "items_num"]
    assert keywords_of(vars(_Block)["__init__"]) == []
    arguments, made = next(Maker(_Configured, KERAS, {}, []).working())
    assert (arguments["width"], made.items) == (32, 5)


class _Pair:
    """Its constructor keeps whatever it is given; only the call takes it apart."""

    def __init__(self, patches: Any, units: int) -> None:
        self.patches = patches
        self.units = units

    def call(self, x: int) -> int:
        height, width = self.patches
        return int(height * width * x)


class _Powers:
    """Counts with what it was not given."""

    def __init__(self, xyzzy: Any = None, frobs: Any = None) -> None:
        self.power = xyzzy + 1
        self.frobs = [frob + 1 for frob in frobs]


def test_what_is_counted_with_is_a_number_and_what_is_looped_over_is_several() -> None:
    assert next(Maker(_Powers, KERAS, {}, []).working())[0] == {"xyzzy": 4, "frobs": [16, 16]}


def test_a_choice_that_a_failed_call_names_is_taken() -> None:
    class Chooses:
        def __init__(self, pooling: str) -> None:
            self.pooling = pooling

    maker = Maker(Chooses, KERAS, {}, [])
    attempts = maker.working()
    arguments, _ = next(attempts)
    maker.mend(arguments, Failure("ValueError: pooling must be 'mean' or 'sum'", ()))
    assert [item["pooling"] for item, _ in itertools.islice(attempts, 2)] == ["mean", "sum"]


class _Encoder:
    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def call(self, x: Any) -> Any:
        mean, _, _ = self.encoder(x)
        return mean


def test_a_part_has_as_many_results_as_it_is_taken_apart_into() -> None:
    found = by_usage("encoder", usages(_Encoder)["encoder"])
    assert (found["$model"], found["outputs"]) == (None, 3)


class _Reads:
    def __init__(self, xyzzy: Any) -> None:
        self.width = xyzzy.hidden_size
        self.xyzzy = xyzzy

    def call(self, x: Any) -> Any:
        return self.xyzzy(x)


def test_a_part_has_what_is_read_of_it_and_can_be_called() -> None:
    class Layer:
        def __call__(self, x: Any) -> Any:
            return self.call(x)  # type: ignore[attr-defined]

    keras = SimpleNamespace(layers=SimpleNamespace(Layer=Layer, Dense=lambda units: lambda x: x + units))
    arguments, made = next(Maker(_Reads, keras, {}, []).working())
    assert arguments["xyzzy"] == {"$model": None, "outputs": 1, "attributes": {"hidden_size": 16}}
    assert (made.width, made.call(1)) == (16, 17)


def test_a_failed_call_blames_the_argument_that_it_read() -> None:
    maker = Maker(_Pair, KERAS, {}, [])
    attempts = maker.working()
    arguments, made = next(attempts)
    with pytest.raises(TypeError) as caught:
        made.call(1)
    maker.mend(arguments, Failure.of(caught.value))
    better, made = next(attempts)
    assert better == {"patches": [16, 16], "units": 16}
    assert made.call(1) == 256


def test_sizes_that_were_left_open_are_filled_in() -> None:
    message = "TypeError: unsupported operand type(s) for //: 'NoneType' and 'int'"
    current = {"$tuple": [None, None, 3]}
    assert next(forms(message, "input_shape", current, making=True)) == {"$tuple": [32, 32, 3]}


def test_lists_in_lists_of_the_rank_that_is_asked_for() -> None:
    first = next(forms("AssertionError: Require `table` rank 3 or 4.", "table", [0.5, 0.5], making=True))
    assert first == [[[0.5, 0.5, 0.5, 0.5]]]


def test_one_of_several_where_a_number_is_divided() -> None:
    message = "TypeError: unsupported operand type(s) for //: 'ListWrapper' and 'int'"
    assert next(forms(message, "hidden_size", [16, 16], making=False)) == 16
    assert words_quoted(message) == []
    assert words_quoted("mode must be 'sum'. Received: mean (of type <class 'str'>)") == ["sum"]


def test_none_of_what_there_must_be_some() -> None:
    message = "ValueError: invalid value for `units`, expected a positive integer. Received: units=0"
    assert next(forms(message, "num_experts", 0, making=False)) == 2
    assert list(forms(message, "num_experts", 3, making=False)) == []


def test_a_layer_may_go_by_its_name() -> None:
    message = "ValueError: Unknown normalization layer: <class 'keras.src.layers.LayerNormalization'>"
    assert next(forms(message, "norm_layer", FACTORY, making=True)) == "batch_norm"
    assert next(forms("Unknown activation: <class 'x.Y'>.", "act_layer", FACTORY, making=True)) == "relu"
