"""A part of a model that no guess drives: it gets what the model gives to it when the model is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kerasfix.verify.evidence import evidence_for
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target
from kerasfix.verify.worker.candidates import Array, Spec
from kerasfix.verify.worker.holders import Watch
from kerasfix.verify.worker.recipes import Scope
from kerasfix.verify.worker.told import Teller

# What `plan` has to look like, and how large `grid` is, is said nowhere but in what Holder does.
PART = """
import keras

class Net(keras.layers.Layer):
    def __init__(self, plan, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(plan, tuple) or plan[1][0] != "wide" or sum(plan[0]) != 24:
            raise ValueError("this is no plan")
        self.conv = keras.layers.Conv2D(plan[0][0], plan[1][1], padding="same")
        self.bn = keras.layers.BatchNormalization()

    def call(self, x, grid, scale=1.0, training=None):
        if x.shape[1:] != (12, 20, 5) or grid.shape[1:] != (12, 20, 2) or scale != 3.0:
            raise ValueError("this does not fit")
        return self.bn(self.conv(x) * scale) + grid[..., :1]

class Holder(keras.Model):
    def __init__(self):
        super().__init__()
        self.part = Net(((7, 8, 9), ("wide", 3)), name="inner")

    def call(self, images, training=None):
        x = keras.ops.image.resize(images, (12, 20))
        x = keras.ops.concatenate([x, x[..., :2]], axis=-1)
        return self.part(x, x[..., :2], scale=3.0, training=training)
"""


def test_what_a_part_is_given_is_seen_where_it_is_held(compare: Callable[..., ModelReport]) -> None:
    report = compare(PART)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert [(each.name, each.value, each.source) for each in report.arguments] == [
        ("plan", "((7, 8, 9), ('wide', 3))", "run of Holder")
    ]
    assert [(each.shape[1:], each.name) for each in report.inputs] == [
        ((12, 20, 5), None),
        ((12, 20, 2), "grid"),
    ]


def test_without_the_class_that_holds_it_there_is_no_verdict(compare: Callable[..., ModelReport]) -> None:
    alone = PART.partition("class Holder")[0]
    assert compare(alone).verdict is VerdictKind.NOT_VERIFIED


def test_the_class_that_holds_it_is_run_for_the_original_and_the_patch(
    compare: Callable[..., ModelReport],
) -> None:
    fixed = PART
    broken = fixed.replace(
        "return self.bn(self.conv(x) * scale)", "self.conv(x)\n        return self.bn(x)[..., :1]"
    )
    report = compare(broken, fixed, outputs_must_match=False)
    assert report.verdict is VerdictKind.PROVED, report.reasons


def test_the_class_that_holds_it_may_be_in_another_file(session: Session, tmp_path: Path) -> None:
    part, _, holder = PART.partition("class Holder")
    path = tmp_path / "parts.py"
    path.write_text(part)
    (tmp_path / "model.py").write_text(
        f"import keras\nfrom parts import Net\n\nclass Holder{holder}\nprint(1 / 0)\n"
    )
    report = session.compare(Target(path, "Net", 4), part, part)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.arguments[0].source == "run of Holder"


BUILT = """
import keras

class Net(keras.layers.Layer):
    def __init__(self, plan, **kwargs):
        super().__init__(**kwargs)
        if plan[0] != "wide":
            raise ValueError("this is no plan")

    def build(self, shapes):
        left, right = shapes
        self.dense = keras.layers.Dense(left[-1] + right[-1])
        self.dense.build(left)

    def call(self, left, right, training=None):
        return self.dense(left) + keras.ops.sum(right)

class Holder(keras.Model):
    def __init__(self):
        super().__init__()
        self.part = Net(("wide",))

    def build(self, shape):
        self.part.build([shape, (None, 3)])

    def call(self, rows, training=None):
        return self.part(rows, rows[:, :3], training=training)
"""


def test_a_part_is_built_as_it_is_where_it_is_held(compare: Callable[..., ModelReport]) -> None:
    """Keras would tell it one shape only."""
    report = compare(BUILT)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.after is not None
    assert len(report.after.trainable) == 2
    assert {each.source for each in (*report.arguments, *report.inputs)} == {"run of Holder"}


def test_the_shortest_classes_that_construct_it_come_first(
    tmp_path: Path,
) -> None:
    text = (
        PART + "\n\nclass Long(keras.Model):\n    a = b = 1\n\n    def make(self):\n" + "        x = 1\n" * 20
    )
    text += (
        "        return [Net((1,))]\n\nclass Apart(keras.Model):\n    def call(self, x):\n        return x\n"
    )
    evidence = evidence_for(tmp_path / "net.py", text, "Net")
    assert [each["name"] for each in evidence["holders"]] == ["Holder", "Long"]


# --- What is noted ---------------------------------------------------------------------------------------


class Plain:
    """A layer as far as its methods go."""

    def __init__(self, size, rate=0.5, *, choose=max, **more):  # type: ignore[no-untyped-def]
        self.size = size

    def call(self, x, *, states=None, count=2, training=None):  # type: ignore[no-untyped-def]
        if isinstance(x, str):
            raise ValueError(x)
        return x


class Heir(Plain):
    pass


SCOPE = Scope({"Plain": Plain}, None)
ROWS = np.zeros((4, 3), "float32")


def test_a_class_is_afterwards_what_it_was() -> None:
    before = dict(vars(Plain))
    with Watch(Plain, SCOPE):
        assert vars(Plain)["call"] is not before["call"]
    assert dict(vars(Plain)) == before
    with Watch(Heir, SCOPE):
        assert "call" in vars(Heir)
    assert "call" not in vars(Heir)


def test_arguments_are_noted_by_name_without_defaults() -> None:
    with Watch(Plain, SCOPE) as watch:
        Plain((np.int64(3), [4, "a"]), 0.5, choose=max, kind={"a": None}, name="plain", keep=object())
        Heir(1)
    [given] = watch.given()
    assert given.arguments == {"size": {"$tuple": [3, [4, "a"]]}, "kind": {"a": None}}


def test_what_cannot_be_told_is_left_out_if_it_can_be() -> None:
    with Watch(Plain, SCOPE) as watch:
        Plain(1, choose=lambda *_: 1)
        # Nobody else could make this one.
        Plain(object())
    assert [each.arguments for each in watch.given()] == [{"size": 1}]


def test_of_calls_the_last_that_returns_is_noted() -> None:
    with Watch(Plain, SCOPE) as watch:
        Plain(1)
        part = Plain(2)
        part.call(ROWS[:2])
        part.call(ROWS, states=[ROWS.astype("int32"), ROWS > 0], count=(5, [2]), training=True)
        part.call(ROWS, count=object())
        with pytest.raises(ValueError, match="broken"):
            part.call("broken")
    first, second = watch.given()
    assert (first.arguments, second.arguments, second.spec) == ({"size": 2}, {"size": 1}, None)
    items = (Array((4, 3)), Array((4, 3), "int32", 2, "states", listed=True))
    items += (Array((4, 3), "bool", None, "states", listed=True),)
    assert first.spec == Spec("args", items, (("count", (5, (2,))),))
    assert Spec.from_json(json.loads(json.dumps(first.spec.to_json()))) == first.spec


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        (ROWS, Spec("one", (Array((4, 3)),))),
        ([ROWS, ROWS], Spec("list", (Array((4, 3)), Array((4, 3))))),
        ((ROWS,), Spec("tuple", (Array((4, 3)),))),
        ({"a": ROWS}, Spec("dict", (Array((4, 3), name="a"),))),
        (
            [[ROWS, 3]],
            Spec(
                "args",
                (Array((4, 3), name="x[0][0]"),),
                structure='{"positional": [[[{"$item": 0}, 3]]], "named": {}}',
            ),
        ),
        # Of these no input can be made again.
        (np.array("text"), None),
        (np.zeros((4, 1000, 1000, 3), "bool"), None),
    ],
)
def test_the_structure_of_an_input_is_noted(given: object, spec: Spec | None) -> None:
    with Watch(Plain, SCOPE) as watch:
        Plain(1).call(given)
    assert [each.spec for each in watch.given()] == [spec]


def test_a_name_is_told_if_it_means_the_same_again() -> None:
    assert Teller(SCOPE).told(Plain) == {"$name": "Plain"}
    assert Teller(SCOPE).told([max]) == [{"$name": "max"}]
