"""The table of verdicts: what two observations amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kerasfix.verify.report import LayerCall, Observation, SensitiveLayer, VerdictKind
from kerasfix.verify.verdict import judge

PROVED, UNCHANGED, WORSE = VerdictKind.PROVED, VerdictKind.UNCHANGED, VerdictKind.WORSE
NOT_PROVED, NOT_VERIFIED = VerdictKind.NOT_PROVED, VerdictKind.NOT_VERIFIED

GOOD = Observation(
    trainable=("conv1/kernel", "score/kernel"),
    layers={"conv1": "Conv2D", "bn": "BatchNormalization", "drop": "Dropout", "score": "Dense"},
    outputs=(1.0, 2.0),
    losses={"tape": (0.5,)},
    sensitive={
        "bn": SensitiveLayer(
            "BatchNormalization",
            "state",
            {"fit": True, "predict": False},
            {"fit": True, "predict": False, "evaluate": False, "call": False},
        ),
        "drop": SensitiveLayer("Dropout", "random", {"fit": True}, {}, {"fit": True, "predict": False}),
    },
)
BROKEN_CHAIN = replace(GOOD, missing_gradient=("conv1/kernel",), layers_not_reached=("conv1", "drop"))
RAISES = Observation(
    raised="ValueError: no", raised_in="call", raised_line=7, errors={"call": "ValueError: no"}
)
FROZEN = replace(
    GOOD,
    sensitive={**GOOD.sensitive, "bn": replace(GOOD.sensitive["bn"], statistics_moved={"fit": False})},
)
IN_PREDICT = replace(
    GOOD,
    sensitive={
        **GOOD.sensitive,
        "drop": replace(GOOD.sensitive["drop"], dropped={"fit": True, "predict": True}),
    },
)
NO_TAPE = replace(GOOD, errors={"tape": "E: x"}, raised="E: x", raised_in="tape", losses={})
NO_CALL = replace(GOOD, errors={"call": "E: x"}, raised="E: x", raised_in="call")
SEES_TRAINING = replace(
    GOOD,
    sensitive={
        **GOOD.sensitive,
        "bn": replace(GOOD.sensitive["bn"], statistics_moved={"fit": True, "predict": True, "call": False}),
    },
)
SLOW = Observation(raised="did not finish within 9 s", raised_in="fit", stopped="time")
CRASHED = Observation(
    raised="crashed (signal 6, SIGABRT)", raised_in="call", stopped="crash", errors={"call": "x"}
)


@pytest.mark.parametrize(
    ("before", "after", "kind", "reason"),
    [
        (GOOD, GOOD, UNCHANGED, "nothing that was watched differs"),
        (RAISES, GOOD, PROVED, "the original raises ValueError: no (line 7); the patched model runs"),
        (
            BROKEN_CHAIN,
            GOOD,
            PROVED,
            "1 of 2 trainable variables had no gradient (conv1/kernel); now 2 of 2 have one",
        ),
        (
            replace(GOOD, layers_not_reached=("drop",)),
            GOOD,
            PROVED,
            "1 layer was not reached (drop); now reached",
        ),
        (FROZEN, GOOD, PROVED, "bn (BatchNormalization) did not run in training mode in fit; now it does"),
        (IN_PREDICT, GOOD, PROVED, "drop (Dropout) ran in training mode in predict; now it does not"),
        (CRASHED, GOOD, PROVED, "the original raises crashed (signal 6, SIGABRT)"),
        (
            GOOD,
            RAISES,
            WORSE,
            "the patched model raises ValueError: no (line 7 of the patched file)",
        ),
        (GOOD, CRASHED, WORSE, "crashed"),
        (GOOD, BROKEN_CHAIN, WORSE, "conv1/kernel: no gradient any more"),
        (GOOD, replace(GOOD, layers_not_reached=("drop",)), WORSE, "drop: not reached any more"),
        (
            GOOD,
            replace(GOOD, nonfinite_gradient=("score/kernel",)),
            WORSE,
            "score/kernel: gradient not finite now",
        ),
        (GOOD, FROZEN, WORSE, "does not run in training mode in fit any more"),
        (GOOD, IN_PREDICT, WORSE, "runs in training mode in predict now"),
        (GOOD, replace(GOOD, outputs=(1.0, 2.5)), WORSE, "outputs in inference mode differ (by up to 0.5)"),
        (GOOD, replace(GOOD, outputs=(1.0,)), WORSE, "another shape"),
        (GOOD, replace(GOOD, outputs=(1.0, float("nan"))), WORSE, "differ"),
        (GOOD, replace(GOOD, outputs=(1.0, 2.00001)), UNCHANGED, "nothing"),
        (replace(GOOD, outputs_random=True), replace(GOOD, outputs=(0.0, 0.0)), UNCHANGED, "nothing"),
        (
            GOOD,
            replace(GOOD, errors={"fit": "E: x"}, raised="E: x", raised_in="fit"),
            WORSE,
            "fit raises E: x now",
        ),
        (replace(GOOD, errors={"fit": "E: x"}), GOOD, PROVED, "fit raised E: x; now it runs"),
        (RAISES, RAISES, NOT_VERIFIED, "it raises before and after: ValueError: no"),
        (None, GOOD, NOT_VERIFIED, "not run in both versions"),
        (RAISES, NO_TAPE, NOT_VERIFIED, "a gradient tape raises E: x"),
        (NO_TAPE, NO_TAPE, NOT_VERIFIED, "a gradient tape raises E: x"),
        (NO_TAPE, BROKEN_CHAIN, PROVED, "a gradient tape raised E: x; now it runs"),
        (NO_CALL, NO_CALL, UNCHANGED, "nothing"),
        (NO_CALL, RAISES, WORSE, "the patched model raises ValueError: no"),
        (RAISES, NO_CALL, PROVED, "the patched model runs"),
        (
            SEES_TRAINING,
            replace(GOOD, outputs=(7.0, 8.0)),
            PROVED,
            "bn (BatchNormalization) ran in training mode",
        ),
        (GOOD, SLOW, WORSE, "the original ran; the patched model did not finish within 9 s"),
        (SLOW, GOOD, NOT_VERIFIED, "the original did not finish"),
        (SLOW, SLOW, NOT_VERIFIED, "did not finish"),
        (RAISES, SLOW, NOT_VERIFIED, "did not finish"),
    ],
)
def test_verdict(
    before: Observation | None, after: Observation | None, kind: VerdictKind, reason: str
) -> None:
    verdict = judge(before, after)
    assert verdict.kind is kind
    assert reason in "\n".join(verdict.reasons)


@pytest.mark.parametrize(
    ("before", "after", "claims", "kind", "reason"),
    [
        (BROKEN_CHAIN, GOOD, ["conv1"], PROVED, "(conv1): not reached before, reached now"),
        (BROKEN_CHAIN, BROKEN_CHAIN, ["conv1"], NOT_PROVED, "conv1: should be reached by the fix"),
        (GOOD, GOOD, ["conv1"], NOT_PROVED, "`conv1` was reached before already"),
        (BROKEN_CHAIN, GOOD, ["conv9"], NOT_PROVED, "no layer `conv9`"),
        (RAISES, GOOD, ["conv1"], PROVED, "(conv1): reached"),
        (RAISES, BROKEN_CHAIN, ["conv1"], NOT_PROVED, "still not reached"),
        (RAISES, NO_TAPE, ["conv1"], NOT_PROVED, "a gradient tape raises E: x"),
        (BROKEN_CHAIN, FROZEN, ["conv1"], WORSE, "does not run in training mode in fit any more"),
    ],
)
def test_verdict_on_claims(
    before: Observation, after: Observation, claims: list[str], kind: VerdictKind, reason: str
) -> None:
    verdict = judge(before, after, claims, outputs_must_match=False)
    assert verdict.kind is kind
    assert reason in "\n".join(verdict.reasons)


def test_a_claim_on_a_list_means_all_of_its_layers() -> None:
    layers = {"blocks[0]": "Dense", "blocks[1]": "Dense"}
    before = replace(GOOD, layers=layers, layers_not_reached=("blocks[0]", "blocks[1]"))
    half = replace(before, layers_not_reached=("blocks[1]",))
    assert judge(before, half, ["blocks"]).kind is NOT_PROVED
    assert judge(before, replace(before, layers_not_reached=()), ["blocks"]).kind is PROVED


def test_other_outputs_are_fine_for_a_fix_that_changes_them() -> None:
    other = replace(GOOD, outputs=(5.0, 6.0))
    assert judge(GOOD, other, outputs_must_match=False).kind is UNCHANGED
    assert judge(GOOD, other, outputs_must_match=True).kind is WORSE


def test_a_call_less_is_worse_unless_a_sibling_is_called_instead() -> None:
    both = {**GOOD.layers, "twin": "Dropout"}
    twice = replace(GOOD, layers=both, calls=(LayerCall("drop"), LayerCall("drop")))
    once = replace(GOOD, layers=both, calls=(LayerCall("drop"), LayerCall("drop", is_lost=True)))
    assert judge(twice, once).kind is WORSE
    assert judge(twice, replace(twice, calls=(LayerCall("drop"),))).kind is WORSE
    assert judge(twice, replace(twice, calls=(LayerCall("drop"), LayerCall("twin")))).kind is UNCHANGED
    assert judge(once, once, ["drop"]).reasons == ("`drop` was reached before already",)
    assert judge(once, twice, ["drop"]).kind is PROVED


MADE_IN_CALL = replace(GOOD, outputs_random=True)
HOISTED = replace(
    GOOD, layers={**GOOD.layers, "dense": "Dense"}, trainable=(*GOOD.trainable, "dense/kernel", "dense/bias")
)


def test_a_layer_that_was_made_in_call_is_the_models_own() -> None:
    assert judge(MADE_IN_CALL, HOISTED, ["dense"]).reasons == (
        "2 trainable variables of dense belong to the model now, and get a gradient",
        "the same inputs gave other outputs at every call; now they give the same",
    )
    both = replace(BROKEN_CHAIN, outputs_random=True)
    assert judge(both, HOISTED, ["dense", "conv1"]).reasons[-1] == (
        "what the fix should bring back (conv1): not reached before, reached now"
    )


@pytest.mark.parametrize(
    "after",
    [
        replace(HOISTED, trainable=GOOD.trainable),
        replace(HOISTED, missing_gradient=("dense/kernel",)),
        replace(HOISTED, not_moved=("dense/bias",)),
        replace(HOISTED, layers_not_reached=("dense",)),
    ],
)
def test_a_layer_of_the_models_own_has_to_train(after: Observation) -> None:
    assert judge(MADE_IN_CALL, after, ["dense"]).kind in (NOT_PROVED, WORSE)
