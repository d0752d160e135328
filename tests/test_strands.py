"""The drawing of the way through the layers: rows of calls, each reading the one before it."""

from __future__ import annotations

import pytest

from kerasfix.output.page.strands import (
    MOST_CALLS,
    Strand,
    largest_norm,
    layer_gradients,
    never_called,
    strands_of,
)
from kerasfix.verify.report import LayerCall, Observation
from tests.reports import BROKEN, MENDED, NORMS, calls, observation


def drawn(seen: Observation) -> list[str]:
    return [_line(strand) for strand in strands_of(seen, 20.0)]


def _line(strand: Strand) -> str:
    line = strand.source
    for step in strand.steps:
        joins = f"(+ {', '.join(step.joins)})" if step.joins else ""
        line += f" {'..' if step.after_own else '->'} {step.layer}{joins}"
    return f"{line} {'x' if strand.is_lost else '->'} {strand.end}"


def test_a_broken_chain_is_two_rows() -> None:
    assert drawn(BROKEN) == [
        "input -> conv1 -> leaky1 x does not reach the output",
        "input -> conv2 -> drop -> score -> output",
    ]


def test_a_whole_chain_is_one_row() -> None:
    assert drawn(MENDED) == ["input -> conv1 -> leaky1 -> conv2 -> drop -> score -> output"]


def test_what_is_lost_does_not_take_the_row_of_what_goes_on() -> None:
    steps = calls(("conv1", [-1]), ("leaky1", [0]), ("conv2", [0]), ("score", [2]))
    assert drawn(observation(calls=steps, layers_not_reached=("leaky1",))) == [
        "input -> conv1 -> conv2 -> score -> output",
        "conv1 -> leaky1 x does not reach the output",
    ]


def test_branches_meet_again() -> None:
    steps = calls(("conv1", [-1]), ("conv2", [0]), ("leaky1", [0]), ("drop", [1, 2]), ("score", [3]))
    assert drawn(observation(calls=steps)) == [
        "input -> conv1 -> conv2 -> drop(+ leaky1) -> score -> output",
        "conv1 -> leaky1 -> read by drop",
    ]


def test_the_row_goes_on_through_the_models_own_code() -> None:
    steps = calls(("conv1", [-1]), ("conv2", [None]), ("score", [1]))
    assert drawn(observation(calls=steps)) == ["input -> conv1 .. conv2 -> score -> output"]


def test_but_not_from_a_layer_that_is_lost() -> None:
    steps = calls(("conv1", [-1]), ("conv2", [None]), ("score", [1]))
    assert drawn(observation(calls=steps, layers_not_reached=("conv1",))) == [
        "input -> conv1 x does not reach the output",
        "computed in between -> conv2 -> score -> output",
    ]


def test_nor_where_no_gradients_were_taken() -> None:
    steps = (LayerCall("conv1", (-1,)), LayerCall("conv2", (None,)))
    seen = observation(calls=steps, losses={}, errors={"tape": "ValueError: x"})
    assert drawn(seen) == [
        "input -> conv1 -> goes on in the model's own code",
        "computed in between -> conv2 -> then it raised",
    ]


def test_a_layer_that_is_called_twice_stands_there_twice() -> None:
    steps = calls(("conv1", [-1]), ("conv1", [0]), ("score", [1]))
    assert drawn(observation(calls=steps)) == ["input -> conv1 -> conv1 -> score -> output"]


def test_a_long_row_is_cut() -> None:
    steps = calls(*[("conv1", [number - 1]) for number in range(MOST_CALLS + 5)])
    [strand] = strands_of(observation(calls=steps), 1.0)
    assert len(strand.steps) == MOST_CALLS
    assert strand.end == "read by conv1"


def test_a_layer_has_the_norm_of_all_its_variables() -> None:
    gradients = layer_gradients(MENDED, 20.0)
    assert gradients["conv1"].norm == pytest.approx(5.0)
    assert "drop" not in gradients
    assert largest_norm([BROKEN, MENDED]) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("norm", "shade"),
    [(20.0, 4), (2.5, 4), (2.0, 4), (1.9, 3), (0.19, 2), (0.019, 1), (0.0019, 0), (1e-30, 0)],
)
def test_a_shade_for_each_power_of_ten(norm: float, shade: int) -> None:
    assert layer_gradients(observation({"conv1/kernel": norm}), 20.0)["conv1"].shade == shade


@pytest.mark.parametrize(
    ("seen", "state", "text"),
    [
        (observation({**NORMS, "conv1/kernel": None}), "missing", "no gradient for 1 of 2"),
        (observation({**NORMS, "conv1/kernel": None, "conv1/bias": None}), "missing", "no gradient"),
        (observation({**NORMS, "conv1/kernel": 0.0, "conv1/bias": 0.0}), "zero", "gradient zero"),
        (observation(nonfinite_gradient=("conv1/bias",)), "nonfinite", "gradient not finite"),
        (observation(losses={}), "unknown", "not taken"),
        (MENDED, "there", "5"),
    ],
)
def test_what_is_said_of_a_gradient(seen: Observation, state: str, text: str) -> None:
    gradient = layer_gradients(seen, 20.0)["conv1"]
    assert (gradient.state, gradient.text) == (state, text)


def test_a_layer_that_was_never_called_stands_for_those_inside() -> None:
    seen = observation(layers_not_called=("block", "block.conv", "block.list[0]", "blocks"))
    assert never_called(seen) == ["block", "blocks"]
