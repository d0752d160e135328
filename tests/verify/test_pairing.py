"""Which version finds the input, and what it means if the other refuses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from verify_models import HEADER

from kerasfix.verify.pairing import Seen, observe_both
from kerasfix.verify.report import ModelReport, Observation, Verdict, VerdictKind
from kerasfix.verify.verdict import on_other_inputs

RAN = Observation(trainable=("a/kernel",), losses={"tape": (1.0,)})
REFUSES = Observation(raised="ValueError: shapes", raised_in="call", errors={"call": "ValueError: shapes"})
MECHANICS = Observation(raised="NameError: name 'y' is not defined", raised_in="call")
SLOW = Observation(raised="did not finish within 9 s", raised_in="call", stopped="time")


class Version:
    """A model that takes some inputs and finds them in this order."""

    def __init__(self, *takes: str, otherwise: Observation = REFUSES) -> None:
        self.takes = takes
        self.otherwise = otherwise
        self.searches = 0

    def __call__(self, spec: Any, unwanted: Sequence[Any]) -> Seen:
        if spec is None:
            self.searches += 1
            for each in self.takes:
                if {"in": each} not in unwanted:
                    return Seen(RAN, {"in": each})
            return Seen(refused="inputs", reason=("not verified: none of 9 input shapes ran",))
        return Seen(RAN if spec["in"] in self.takes else self.otherwise, spec)


def outcome(original: Version, patched: Version, known: str | None = None) -> tuple[str, str, bool]:
    """What each version ran on, "!" for what it refused; and whether that was the same."""
    pair = observe_both(original, patched, {"in": known} if known else None)

    def told(seen: Seen) -> str:
        return ("" if seen.takes_it else "!") + (seen.spec["in"] if seen.spec else "-")

    return told(pair.before), told(pair.after), pair.in_common


@pytest.mark.parametrize(
    ("original", "patched", "known", "expected"),
    [
        (Version("a"), Version("a"), None, ("a", "a", True)),
        # Either finds first what the other refuses, and takes what the other finds.
        (Version("b"), Version("a", "b"), None, ("b", "b", True)),
        (Version("a", "b"), Version("b"), None, ("b", "b", True)),
        (Version("a", "b"), Version("b"), "a", ("b", "b", True)),
        (Version("b"), Version("a", "b"), "b", ("b", "b", True)),
        # What both take is the second thing that either finds.
        (Version("a", "c"), Version("b", "c"), None, ("c", "c", True)),
        (Version("a", "c"), Version("b", "c"), "a", ("c", "c", True)),
        (Version("a", "x"), Version("b", "y", "a"), None, ("a", "a", True)),
        # Nothing in common.
        (Version("a"), Version("b"), None, ("a", "b", False)),
        (Version("a"), Version("b"), "a", ("a", "b", False)),
        # One takes nothing at all.
        (Version(), Version("b"), None, ("!b", "b", True)),
        (Version("a"), Version(), None, ("a", "!a", True)),
        (Version("a"), Version(), "a", ("a", "!a", True)),
        (Version(), Version(), None, ("!-", "!-", True)),
    ],
)
def test_both_versions_are_seen_on_one_input_if_there_is_one(
    original: Version, patched: Version, known: str | None, expected: tuple[str, str, bool]
) -> None:
    assert outcome(original, patched, known) == expected


@pytest.mark.parametrize("refusal", [MECHANICS, SLOW])
def test_no_input_is_looked_for_that_could_not_help(refusal: Observation) -> None:
    original = Version("b", otherwise=refusal)
    assert outcome(original, Version("a")) == ("!a", "a", True)
    assert original.searches == 0


def test_what_each_shows_on_its_own_input_counts_for_a_chain_only() -> None:
    proved = Verdict(VerdictKind.PROVED, ("1 layer was not reached (a); now reached",))
    assert on_other_inputs(proved, False, "(4, 1)", "(4, 2)").kind is VerdictKind.PROVED
    assert on_other_inputs(proved, True, "(4, 1)", "(4, 2)").kind is VerdictKind.WORSE
    same = on_other_inputs(Verdict(VerdictKind.UNCHANGED, ("same",)), False, "(4, 1)", "(4, 2)")
    assert same.kind is VerdictKind.WORSE
    assert same.reasons == (
        "no input was found that both take: the original takes (4, 1), the patched model (4, 2)",
    )


# The gate has to fit the image: 16 channels if the second layer makes it, 4 if that is lost.
GATE = HEADER + (
    "class Net(layers.Layer):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.squeeze = layers.Dense(4)\n"
    "        self.excite = layers.Dense(16)\n\n"
    "    def call(self, image):\n"
    "        gate = tf.reduce_mean(image, axis=(1, 2))[:, None, None]\n"
    "        gate = self.squeeze(gate)\n"
    "        gate = self.excite(gate)\n"
    "        return image * gate\n"
)
BROKEN_GATE = GATE.replace("gate = self.excite", "self.excite")


@pytest.mark.keras
def test_versions_that_take_other_shapes_are_compared_all_the_same(
    compare: Callable[..., ModelReport],
) -> None:
    worse = compare(GATE, BROKEN_GATE, outputs_must_match=False)
    assert worse.verdict is VerdictKind.WORSE
    assert "excite/kernel, excite/bias: no gradient any more" in worse.reasons
    mended = compare(BROKEN_GATE, GATE, claims=["excite"], outputs_must_match=False)
    assert mended.verdict is VerdictKind.PROVED, mended.reasons
    assert mended.before is not None
    assert mended.before.raised is None


@pytest.mark.keras
def test_a_model_that_refuses_all_that_it_took_is_worse(compare: Callable[..., ModelReport]) -> None:
    picky = GATE.replace(
        "        gate = tf", "        assert image.shape[-1] == 1, 'grey'\n        gate = tf"
    )
    report = compare(picky, picky.replace("'grey'", "1 / 0").replace("== 1", "== 12347"))
    assert report.verdict is VerdictKind.WORSE
    assert "the original ran; the patched model raises ZeroDivisionError" in report.reasons[0]
