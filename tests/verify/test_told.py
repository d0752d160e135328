"""What a class was given is written down so that it can be given again. Nothing here imports Keras."""

from __future__ import annotations

import dataclasses
import enum
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kerasfix.verify.given import spelled
from kerasfix.verify.worker.candidates import Array, Spec
from kerasfix.verify.worker.recipes import Scope, make
from kerasfix.verify.worker.structure import filled
from kerasfix.verify.worker.told import Teller, Untold, spec_of

ROWS = np.zeros((4, 3), "float32")


class Mode(enum.Enum):
    FAST = 1


@dataclasses.dataclass
class Config:
    sizes: tuple[int, ...]
    mode: Mode = Mode.FAST


class Options:
    def __init__(self) -> None:
        self.width = 3
        self._secret = object()


class Layer:
    """A layer as far as its configuration goes; it says less than it was made with if it is `mute`."""

    def __init__(self, size: int, mute: bool = False) -> None:
        self.size = size
        self.mute = mute

    def get_config(self) -> dict[str, Any]:
        return {"size": (lambda: self.size) if self.mute else self.size}


def _written(layer: Layer) -> dict[str, Any]:
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def _read(data: dict[str, Any]) -> Layer:
    # As Keras 2 does with what a layer keeps.
    return Layer(data.pop("config")["size"])


KERAS = SimpleNamespace(
    saving=SimpleNamespace(serialize_keras_object=_written, deserialize_keras_object=_read)
)
SCOPE = Scope({"Config": Config, "Mode": Mode, "Layer": Layer, "relu": np.abs}, KERAS)


def _again(value: Any) -> Any:
    return make(json.loads(json.dumps(Teller(SCOPE).told(value))), SCOPE)


@pytest.mark.parametrize(
    "value",
    [3, "a", None, 2.5, True, [1, (2, "b")], {"a": [None]}, Mode.FAST, Config((1, 2)), Config((3,)), Config],
)
def test_a_value_is_made_again_of_what_is_written(value: Any) -> None:
    assert _again(value) == value
    assert type(_again(value)) is type(value)


def test_arrays_and_numbers_of_numpy_are_made_again() -> None:
    again = _again(np.array([[1, 2]], "int64"))
    assert (again.tolist(), str(again.dtype)) == ([[1, 2]], "int64")
    assert _again(np.float32(0.5)) == 0.5
    with pytest.raises(Untold):
        Teller(SCOPE).told(np.zeros((100, 100)))
    with pytest.raises(Untold):
        Teller(SCOPE).told(np.array(["text"]))


def test_an_object_with_settings_stands_for_itself_as_far_as_they_can_be_told() -> None:
    again = _again(Options())
    assert again.width == 3
    # What it does not have is guessed, as of any configuration.
    assert again.num_heads == 2


def test_a_layer_is_written_by_keras_and_its_configuration_lives_on() -> None:
    recipe = Teller(SCOPE).told(Layer(5))
    assert [make(recipe, SCOPE).size, make(recipe, SCOPE).size] == [5, 5]
    assert spelled(recipe) == "Layer(…)"


def test_a_layer_that_keras_cannot_write_is_told_as_it_was_made() -> None:
    mute = Layer(6, mute=True)
    with pytest.raises(Untold):
        Teller(SCOPE).told(mute)
    made = {id(mute): (Layer, (6,), {"mute": True})}
    recipe = Teller(SCOPE, made).told([mute])
    assert recipe == [{"$call": "Layer", "positional": [6], "named": {"mute": True}}]
    assert make(recipe, SCOPE)[0].size == 6


def test_a_name_that_means_something_else_here_is_told_with_its_module() -> None:
    scope = Scope({"Config": Options}, KERAS)
    assert Teller(scope).told(Config) == {"$name": f"{__name__}.Config"}
    assert make({"$name": f"{__name__}.Config"}, scope) is Config
    with pytest.raises(Untold):
        Teller(scope).told(lambda: 1)


def test_arguments_between_and_inside_of_which_are_tensors() -> None:
    given = [
        ("inputs", [ROWS, (np.ones((), "int32"), 5)], None),
        ("cache", {"keys": ROWS.astype("int64"), "step": 2}, None),
        ("training", True, False),
        ("mask", None, None),
    ]
    spec = spec_of(given)
    assert spec is not None
    assert spec.items == (Array((4, 3), name="inputs[0]"), Array((4, 3), "int64", 2, "cache['keys']"))
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert filled(spec.structure, ["x", "k"]) == ([["x", (1, 5)]], {"cache": {"keys": "k", "step": 2}})


def test_integers_are_as_large_as_they_were_and_ascend_if_they_did() -> None:
    [ids] = spec_of([("ids", np.array([0, 0, 3, 9]), None)]).items  # type: ignore[union-attr]
    assert (ids.high, ids.ordered) == (10, True)
    [ids] = spec_of([("ids", np.array([0, 9, 3]), None)]).items  # type: ignore[union-attr]
    assert (ids.high, ids.ordered) == (10, False)
