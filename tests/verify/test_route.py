"""The way from layer to layer, how large gradients are, and how long it took."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from verify_models import HEADER, dcgan, dcgan_fixed, model

from kerasfix.verify.leavings import seconds_of
from kerasfix.verify.report import LayerCall, ModelReport, Observation
from kerasfix.verify.session import Session, Target
from kerasfix.verify.worker.frameworks import Framework
from kerasfix.verify.worker.route import Route

Compare = Callable[..., ModelReport]

BLOCK = """
class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)


"""


class _Tensor:
    """Stands for a tensor: all that counts is which one it is."""


class _Tensors:
    """Stands for a backend."""

    def is_array(self, value: object) -> bool:
        return isinstance(value, _Tensor)


def _route(*inputs: _Tensor) -> Route:
    route = Route(cast(Framework, _Tensors()))
    route.begin(list(inputs))
    return route


def _call(route: Route, layer: str, given: Any, inside: Callable[[], Any] = lambda: _Tensor()) -> _Tensor:
    number = route.enter()
    outputs, fresh = inside(), _Tensor()
    route.leave(number, layer, given, outputs, fresh)
    return fresh


def _read(route: Route) -> list[tuple[str, list[int | None]]]:
    return [(call["layer"], call["reads"]) for call in route.to_json()]


def test_a_call_reads_what_came_out_of_others() -> None:
    x = _Tensor()
    route = _route(x)
    first = _call(route, "a", ((x,), {}))
    second = _call(route, "b", ((first,), {"mask": [x, None]}))
    _call(route, "c", (({"left": second, "right": _Tensor()},), {"scale": 2.0}))
    assert _read(route) == [("a", [-1]), ("b", [0, -1]), ("c", [1, None])]


def test_what_a_layer_calls_stands_for_it() -> None:
    x = _Tensor()
    route = _route(x)
    outer = _call(route, "block", (x,), lambda: _call(route, "block.a", (x,)))
    _call(route, "b", (outer,))
    assert _read(route) == [("block.a", [-1]), ("b", [0])]


def test_what_a_layer_makes_of_the_outputs_of_others_is_computed() -> None:
    x = _Tensor()
    route = _route(x)

    def inside() -> _Tensor:
        _call(route, "block.a", (x,))
        return _Tensor()

    _call(route, "b", (_call(route, "block", (x,), inside),))
    assert _read(route) == [("block.a", [-1]), ("b", [None])]


def test_a_call_that_raised_does_not_hide_the_next_one() -> None:
    x = _Tensor()
    route = _route(x)

    def inside() -> _Tensor:
        route.enter()
        return _Tensor()

    _call(route, "block", (x,), inside)
    _call(route, "b", (x,))
    assert _read(route) == [("b", [-1])]


def test_the_output_is_what_the_model_gives_back() -> None:
    x = _Tensor()
    route = _route(x)
    kept = _call(route, "a", (x,))
    _call(route, "b", (x,))
    route.end({"out": kept, "same": x})
    assert [call["is_output"] for call in route.to_json()] == [True, False]


def test_seconds_are_from_one_beginning_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "times"
    # The last line was cut off when the process was killed.
    path.write_text("import 10.0\ninit 10.5\nprobe 11.0\ninit 12.0\nfit 12.25\neval")
    assert seconds_of(path, 15.0) == {"import": 0.5, "init": 0.75, "probe": 1.0, "fit": 2.75}
    assert seconds_of(tmp_path / "none", 15.0) == {}


def _seen(report: ModelReport) -> tuple[Observation, Observation]:
    assert report.before is not None
    assert report.after is not None
    return report.before, report.after


@pytest.mark.keras
def test_a_real_run_shows_the_break_of_the_chain(session: Session) -> None:
    target = Target(Path("dcgan.py"), "DiscriminatorModel", 38)
    before, after = _seen(session.compare(target, dcgan(), dcgan_fixed(), outputs_must_match=False))
    assert [(call.layer, call.reads) for call in before.calls] == [
        ("conv1", (-1,)),
        ("leaky1", (0,)),
        ("dropout1", (1,)),
        ("conv2", (-1,)),
        ("leaky2", (3,)),
        ("dropout2", (4,)),
        ("flatten", (5,)),
        ("score", (6,)),
    ]
    assert after.calls[3] == LayerCall("conv2", (2,))
    assert [call.is_output for call in after.calls] == [False] * 7 + [True]
    assert before.gradient_norms["conv1/kernel"] is None
    assert all(norm is not None and norm > 0 for norm in after.gradient_norms.values())
    assert list(after.gradient_norms) == list(after.trainable)


@pytest.mark.keras
def test_a_real_run_tells_its_times(session: Session, compare: Compare) -> None:
    before, after = _seen(compare(model("self.a = layers.Dense(2)", "return self.a(x)")))
    assert session.import_seconds is not None
    assert session.import_seconds > 0
    assert {*after.seconds} == {"import", "init", "probe", "call", "predict", "evaluate", "tape", "fit"}
    assert all(seconds >= 0 for seconds in [*before.seconds.values(), *after.seconds.values()])
    assert 0 < sum(after.seconds.values()) < 60


@pytest.mark.keras
def test_layers_in_layers_and_what_is_computed_in_between(compare: Compare) -> None:
    text = model(
        "self.block = Block()\n"
        "self.stack = keras.Sequential([layers.Dense(4), layers.ReLU()])\n"
        "self.join = layers.Concatenate()\n"
        "self.last = layers.Dense(1)",
        "x = self.block(x, training=training)\ny = self.stack(x)\ny = self.join([y, x])\n"
        "return self.last(y + 1)",
        "self, x, training=None",
        HEADER + BLOCK,
    )
    _, seen = _seen(compare(text))
    assert [(call.layer, call.reads) for call in seen.calls] == [
        ("block.dense", (-1,)),
        ("block.drop", (0,)),
        ("stack.layers[0]", (1,)),
        ("stack.layers[1]", (2,)),
        ("join", (3, 1)),
        ("last", (None,)),
    ]


@pytest.mark.keras
def test_a_norm_is_the_length_of_the_gradient(compare: Compare) -> None:
    # The gradient of the only variable is the projection itself, summed: the loss tells its length.
    text = model(
        "self.w = self.add_weight(shape=(1,), initializer='ones', name='w')", "return x * 0 + self.w"
    )
    _, seen = _seen(compare(text))
    [norm] = seen.gradient_norms.values()
    assert norm == pytest.approx(abs(seen.losses["tape"][0] or math.nan), rel=1e-5)


@pytest.mark.keras
def test_a_gradient_that_is_not_finite_has_no_norm(compare: Compare) -> None:
    text = model("self.a = layers.Dense(2)", "return tf.sqrt(self.a(x) * 0.0)")
    _, seen = _seen(compare(text))
    assert "a/kernel" in seen.nonfinite_gradient
    assert seen.gradient_norms["a/kernel"] is None
