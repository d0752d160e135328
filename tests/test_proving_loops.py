"""Which fixes of loops are written, given what calling them shows; the runs themselves are made up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from kerasfix.engine import Engine, FileReport, allow_up_to
from kerasfix.findings import Applicability
from kerasfix.plan import Plan
from kerasfix.proving import prove
from kerasfix.rules.base import HEADER
from kerasfix.verify.loops.compare import LoopTarget
from kerasfix.verify.report import ModelReport, Observation, SensitiveLayer, VerdictKind
from kerasfix.verify.session import Session, Target
from kerasfix.workspace import InputFile

NET = (
    HEADER
    + """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
"""
)
STEP = """

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(x))
        tape.gradient(loss, self.trainable_variables)
"""
FUNCTIONS = """

net = Net()


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x))
    return tape.gradient(loss, net.trainable_variables)


def other(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x))
    return tape.gradient(loss, net.trainable_variables)
"""
Verdict = Callable[[str, str], VerdictKind]


class _Runs:
    """Stands in for a session: `of_loop` says what a function and its patched text come to."""

    def __init__(self, of_loop: Verdict, of_class: VerdictKind, *, ran_its_step: bool) -> None:
        self.of_loop = of_loop
        self.of_class = of_class
        self.seen = Observation()
        if ran_its_step:
            layer = SensitiveLayer("Dropout", "random", {"train_step": True})
            self.seen = Observation(sensitive={"drop": layer})
        self.asked: list[LoopTarget] = []

    def compare(self, target: Target, *_texts: str, **_options: Any) -> ModelReport:
        return self._report(target.class_name, self.of_class)

    def compare_loop(
        self, target: LoopTarget, _original: str, patched: str, _others: Mapping[str, tuple[str, str]]
    ) -> ModelReport:
        self.asked.append(target)
        return self._report(target.name, self.of_loop(target.function, patched))

    def _report(self, name: str, verdict: VerdictKind) -> ModelReport:
        known: dict[str, Any] = dict.fromkeys(["keras_version", "backend", "device", "before"])
        return ModelReport(
            "net.py", name, 1, "python", **known, after=self.seen, verdict=verdict, reasons=(), seconds=0
        )


def _prove(
    text: str,
    of_loop: Verdict,
    of_class: VerdictKind = VerdictKind.PROVED,
    *,
    ran_its_step: bool = False,
) -> tuple[Plan, dict[str, VerdictKind], _Runs]:
    engine = Engine()
    [report] = engine.check([engine.take(InputFile(Path("net.py"), text.encode()))])
    assert isinstance(report, FileReport)
    runs = _Runs(of_loop, of_class, ran_its_step=ran_its_step)
    told: list[ModelReport] = []
    allow = allow_up_to(Applicability.SAFE, Applicability.REPAIR)
    [plan] = prove([report], allow, engine, cast(Session, runs), told.append).values()
    assert isinstance(plan, Plan)
    return plan, {each.class_name: each.verdict for each in told}, runs


def test_each_function_is_run_once_with_the_models_of_its_findings() -> None:
    plan, told, runs = _prove(NET + FUNCTIONS, lambda *_: VerdictKind.PROVED)
    assert plan.text.count("net(x, training=True)") == 2
    assert told == dict.fromkeys(["Net", "step", "other"], VerdictKind.PROVED)
    lines = (NET + FUNCTIONS).splitlines()
    assert [(each.function, each.models, lines[each.line - 1]) for each in runs.asked] == [
        ("step", ("net",), "def step(x):"),
        ("other", ("net",), "def other(x):"),
    ]


def test_a_loop_that_gets_worse_is_left_as_it_was_and_the_others_are_mended() -> None:
    def judge(function: str, patched: str) -> VerdictKind:
        is_passed = "net(x, training=True)" in patched.partition("def step")[2].partition("def other")[0]
        return VerdictKind.WORSE if function == "step" and is_passed else VerdictKind.PROVED

    plan, told, _ = _prove(NET + FUNCTIONS, judge)
    assert told == {"Net": VerdictKind.PROVED, "step": VerdictKind.WORSE, "other": VerdictKind.PROVED}
    before, _, after = plan.text.partition("def other")
    assert "net(x)" in before
    assert "def call(self, x, training=None)" in before
    assert "net(x, training=True)" in after
    assert [each.code for each in plan.left] == ["KF301"]


def test_where_it_is_not_the_flag_that_makes_it_worse_the_file_is_left() -> None:
    def judge(_function: str, patched: str) -> VerdictKind:
        return VerdictKind.WORSE if "training=None" in patched else VerdictKind.PROVED

    plan, told, _ = _prove(NET + FUNCTIONS, judge)
    assert plan.text == NET + FUNCTIONS
    assert told["step"] is VerdictKind.WORSE


def test_what_cannot_be_called_gets_its_repairs() -> None:
    plan, told, _ = _prove(NET + FUNCTIONS, lambda *_: VerdictKind.NOT_VERIFIED)
    assert plan.text.count("net(x, training=True)") == 2
    assert told["step"] is VerdictKind.NOT_VERIFIED


@pytest.mark.parametrize(
    ("of_class", "ran_its_step", "of_loop", "told"),
    [
        (VerdictKind.PROVED, True, VerdictKind.PROVED, {"Net": "proved"}),
        (VerdictKind.PROVED, False, VerdictKind.PROVED, {"Net": "proved", "Net.train_step": "proved"}),
        (VerdictKind.NOT_VERIFIED, False, VerdictKind.PROVED, {"Net.train_step": "proved"}),
        (VerdictKind.NOT_VERIFIED, False, VerdictKind.NOT_VERIFIED, {"Net": "not-verified"}),
    ],
)
def test_a_step_is_called_by_itself_where_fit_has_not_run_it(
    of_class: VerdictKind, ran_its_step: bool, of_loop: VerdictKind, told: dict[str, str]
) -> None:
    _, seen, _ = _prove(NET + STEP, lambda *_: of_loop, of_class, ran_its_step=ran_its_step)
    assert {name: verdict.value for name, verdict in seen.items()} == told
