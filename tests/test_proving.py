"""Which fixes are written, given what running the models shows; the runs themselves are made up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kerasfix.engine import Engine, FileReport, allow_up_to
from kerasfix.findings import Applicability
from kerasfix.plan import Plan
from kerasfix.proving import prove
from kerasfix.rules.base import HEADER
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target
from kerasfix.workspace import InputFile

TWO_BREAKS = (
    HEADER
    + """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a1 = layers.Dense(4)
        self.a2 = layers.Dense(4)
        self.b1 = layers.Dense(4)
        self.b2 = layers.Dense(4)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        h = self.a1(x)
        h = self.a2(x)
        g = self.b1(h)
        g = self.b2(h)
        return self.drop(g)


class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
"""
)
FIRST, SECOND = "h = self.a2(h)", "g = self.b2(g)"
Judge = Callable[[Target, str, Sequence[str]], VerdictKind]


class _Runs:
    """Stands in for a session: says what `judge` says, and remembers what it was asked."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.asked: list[tuple[Target, tuple[str, ...], bool]] = []
        self.others: list[Mapping[str, tuple[str, str]]] = []
        self.changed: list[list[list[str]]] = []
        self.claimed: list[list[list[str]]] = []

    def compare(
        self,
        target: Target,
        original: str,
        patched: str,
        *,
        claims: Sequence[str] = (),
        outputs_must_match: bool = True,
        changed: Sequence[tuple[int, int]],
        claimed: Sequence[tuple[int, int]],
        others: Mapping[str, tuple[str, str]],
    ) -> ModelReport:
        lines = patched.splitlines()
        self.changed.append([lines[first - 1 : last] for first, last in changed])
        self.claimed.append([lines[first - 1 : last] for first, last in claimed])
        self.others.append(others)
        self.asked.append((target, tuple(claims), outputs_must_match))
        verdict = self.judge(target, patched, claims)
        known: dict[str, Any] = dict.fromkeys(["keras_version", "backend", "device", "before", "after"])
        return ModelReport(
            str(target.path),
            target.class_name,
            target.line,
            "python",
            **known,
            verdict=verdict,
            reasons=(),
            seconds=0,
        )


@dataclass
class _Proof:
    """What came of proving one file."""

    plan: Plan
    models: list[ModelReport]


def _prove(text: str, judge: Judge) -> tuple[_Proof, _Runs]:
    engine = Engine()
    [report] = engine.check([engine.take(InputFile(Path("net.py"), text.encode()))])
    assert isinstance(report, FileReport)
    runs = _Runs(judge)
    allow = allow_up_to(Applicability.SAFE, Applicability.REPAIR)
    models: list[ModelReport] = []
    [plan] = prove([report], allow, engine, cast(Session, runs), models.append).values()
    assert isinstance(plan, Plan)
    return _Proof(plan, models), runs


def test_suggestions_that_a_run_proves_together_are_written_together() -> None:
    proof, runs = _prove(TWO_BREAKS, lambda *_: VerdictKind.PROVED)
    assert FIRST in proof.plan.text
    assert SECOND in proof.plan.text
    assert proof.plan.left == ()
    assert [target.class_name for target, _, _ in runs.asked] == ["Net", "Other"]
    assert set(runs.asked[0][1]) == {"a1", "b1"}
    [(before, after)] = runs.others[0].values()
    assert (before, FIRST in after, SECOND in after) == (TWO_BREAKS, True, True)


def test_where_they_fail_together_each_has_its_chance() -> None:
    def judge(_target: Target, patched: str, claims: Sequence[str]) -> VerdictKind:
        if not claims:
            return VerdictKind.UNCHANGED
        return VerdictKind.PROVED if SECOND not in patched else VerdictKind.NOT_PROVED

    proof, runs = _prove(TWO_BREAKS, judge)
    assert FIRST in proof.plan.text
    assert SECOND not in proof.plan.text
    assert [finding.code for finding in proof.plan.left] == ["KF201"]
    # The last run of a class is of what is written.
    assert [claims for target, claims, _ in runs.asked if target.class_name == "Net"][-1] == ("a1",)


def test_what_cannot_be_run_keeps_its_suggestions_and_gets_its_repairs() -> None:
    proof, _ = _prove(TWO_BREAKS, lambda *_: VerdictKind.NOT_VERIFIED)
    assert FIRST not in proof.plan.text
    assert "self.drop(g, training=training)" in proof.plan.text
    assert len(proof.plan.left) == 2


def test_a_class_that_gets_worse_is_left_as_it_was_and_the_others_are_mended() -> None:
    def judge(target: Target, _patched: str, _claims: Sequence[str]) -> VerdictKind:
        return VerdictKind.WORSE if target.class_name == "Net" else VerdictKind.PROVED

    proof, _ = _prove(TWO_BREAKS, judge)
    assert VerdictKind.WORSE in [model.verdict for model in proof.models]
    net, _, other = proof.plan.text.partition("class Other")
    assert net == TWO_BREAKS.partition("class Other")[0]
    assert "self.drop(x, training=training)" in other


def test_only_a_mended_chain_may_change_the_outputs_in_inference_mode() -> None:
    _, runs = _prove(TWO_BREAKS, lambda *_: VerdictKind.PROVED)
    assert [(target.class_name, must_match) for target, _, must_match in runs.asked] == [
        ("Net", False),
        ("Other", True),
    ]


def test_lines_that_made_and_lost_a_layer_go_along() -> None:
    _, runs = _prove(TWO_BREAKS, lambda *_: VerdictKind.PROVED)
    target = runs.asked[0][0]
    lines = TWO_BREAKS.splitlines()
    assert lines[target.made_lines["a1"] - 1].strip() == "self.a1 = layers.Dense(4)"
    assert lines[target.lost_lines["a1"] - 1].strip() == "h = self.a2(x)"
    assert lines[target.line - 1] == "class Net(keras.Model):"
    assert [[link.name for link in chain.lost] for chain in target.chains] == [["a1"], ["b1"]]


def test_changed_lines_go_along_and_those_of_the_suggestions_are_told_apart() -> None:
    together = TWO_BREAKS.replace("return self.drop(g)", "return self.drop(\n            g)")
    _, runs = _prove(together, lambda *_: VerdictKind.PROVED)
    [first, second], flag = runs.claimed[0], runs.changed[0][2:3]
    assert (first, second) == (["        " + FIRST], ["        " + SECOND])
    assert flag == [["            g, training=training)"]]
    assert runs.claimed[1:] == [[]]


def test_a_class_that_nothing_changes_is_not_run() -> None:
    sound = TWO_BREAKS.replace(
        "    def call(self, x):\n        return self.drop(x)",
        "    def call(self, x, training=None):\n        return self.drop(x, training=training)",
    )
    _, runs = _prove(sound, lambda *_: VerdictKind.PROVED)
    assert {target.class_name for target, _, _ in runs.asked} == {"Net"}


TWO_WAYS = (
    HEADER
    + """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, padding="same")
        self.conv2 = layers.Conv2D(4, 3, padding="same")
        self.add = layers.Add()

    def call(self, x):
        h = self.conv1(x)
        h = self.add([self.conv2(x), x])
        return h
"""
)
CHAINED, ADDED = "h = self.add([self.conv2(h), x])", "h = self.add([self.conv2(x), h])"


def test_of_two_ways_the_one_that_a_run_proves_is_written() -> None:
    def judge(_target: Target, patched: str, claims: Sequence[str]) -> VerdictKind:
        if not claims:
            return VerdictKind.UNCHANGED
        return VerdictKind.PROVED if ADDED in patched else VerdictKind.NOT_PROVED

    proof, runs = _prove(TWO_WAYS, judge)
    assert ADDED in proof.plan.text
    assert [finding.code for finding in proof.plan.left] == []
    assert [claims for _, claims, _ in runs.asked] == [(), ("conv1",), ("conv1",)]


def test_where_both_ways_are_proved_the_choice_is_the_authors() -> None:
    def judge(_target: Target, _patched: str, claims: Sequence[str]) -> VerdictKind:
        return VerdictKind.PROVED if claims else VerdictKind.UNCHANGED

    proof, _ = _prove(TWO_WAYS, judge)
    assert proof.plan.text == TWO_WAYS
    [model] = proof.models
    assert model.verdict is VerdictKind.UNCHANGED
    assert "2 ways to mend it are proved" in model.reasons[-1]
    [finding] = proof.plan.left
    assert finding.fix is not None
    assert "`self.conv2` goes on from there" in finding.fix.message


def test_where_no_way_is_proved_nothing_is_written() -> None:
    def judge(_target: Target, _patched: str, claims: Sequence[str]) -> VerdictKind:
        return VerdictKind.WORSE if claims else VerdictKind.UNCHANGED

    proof, _ = _prove(TWO_WAYS, judge)
    assert proof.plan.text == TWO_WAYS
    assert proof.models[0].verdict is VerdictKind.UNCHANGED
    assert "none of 2 ways" in proof.models[0].reasons[-1]


def test_several_ways_are_tried_beside_what_is_clear() -> None:
    text = TWO_WAYS.replace(
        "        return h\n", "        g = self.conv3(h)\n        g = self.conv4(h)\n        return g\n"
    ).replace(
        "        self.add =",
        "        self.conv3 = layers.Dense(4)\n        self.conv4 = layers.Dense(4)\n        self.add =",
    )

    def judge(_target: Target, patched: str, _claims: Sequence[str]) -> VerdictKind:
        return VerdictKind.NOT_PROVED if ADDED in patched else VerdictKind.PROVED

    proof, runs = _prove(text, judge)
    assert CHAINED in proof.plan.text
    assert "g = self.conv4(g)" in proof.plan.text
    assert runs.asked[0][1] == ("conv3",)
    assert set(runs.asked[1][1]) == {"conv3", "conv1"}
