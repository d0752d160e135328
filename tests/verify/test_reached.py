"""A change that no run reaches is not proved, and nothing is the same for it either."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from verify_models import model

from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.worker.marks import NAME, Marks

NET = """\
class Net(Base):
    size = 3

    def plain(self, x):
        '''What it does.'''
        y = f(
            x,
        )
        return y

    @decorated
    def branches(
        self,
        x,
    ):
        if x > 1:
            return 1
        elif x > 0:
            return 2
        for _ in range(x):
            pass
        else:
            def inner():
                return 4
            try:
                return inner()
            except ValueError:
                return 5
    def one_line(self): return 6


class Other:
    def plain(self, x):
        return x
"""


def run(ranges: list[list[int]], *calls: str) -> tuple[list[int], list[int]]:
    """The changed lines, and those that run."""
    marks = Marks("Net", ranges)
    tree = ast.parse(NET)
    for statement in tree.body:
        marks.put_into(statement)
    scope: dict[str, Any] = {"Base": object, "f": abs, "decorated": lambda f: f, NAME: marks.reach}
    exec(compile(tree, "net.py", "exec"), scope)
    marks.forget()
    for call in calls:
        eval(f"Net().{call}", scope)
    told = marks.to_json()
    return told["changed_lines"], told["changed_lines_reached"]


@pytest.mark.parametrize(
    ("ranges", "call", "expected"),
    [
        ([[7, 7]], "plain(1)", ([6], [6])),
        ([[7, 7]], "one_line()", ([6], [])),
        ([[4, 4]], "plain(1)", ([4], [4])),
        ([[17, 17]], "branches(2)", ([17], [17])),
        ([[17, 17]], "branches(1)", ([17], [])),
        # The head of a branch, of a function, a decorator.
        ([[18, 18]], "branches(1)", ([18], [18])),
        ([[18, 18]], "branches(2)", ([18], [])),
        ([[14, 14]], "branches(2)", ([12], [12])),
        ([[11, 11]], "one_line()", ([12], [])),
        ([[24, 24]], "branches(0)", ([24], [24])),
        ([[28, 28]], "branches(0)", ([28], [])),
        ([[16, 19]], "branches(1)", ([16, 17, 18, 19], [16, 18, 19])),
        ([[29, 29]], "one_line()", ([29], [29])),
        # Neither the body of a class nor another class tells.
        ([[2, 2], [34, 34]], "one_line()", ([], [])),
    ],
)
def test_changed_statements_tell_that_they_run(
    ranges: list[list[int]], call: str, expected: tuple[list[int], list[int]]
) -> None:
    assert run(ranges, call) == expected


def test_lines_and_docstrings_stay() -> None:
    marks = Marks("Net", [[1, 40]])
    tree = ast.parse(NET)
    for statement in tree.body:
        marks.put_into(statement)
    scope: dict[str, Any] = {
        "Base": object,
        "f": lambda x: 1 / 0,
        "decorated": lambda f: f,
        NAME: marks.reach,
    }
    exec(compile(tree, "net.py", "exec"), scope)
    assert scope["Net"].plain.__doc__ == "What it does."
    with pytest.raises(ZeroDivisionError) as caught:
        scope["Net"]().plain(1)
    assert [entry.lineno for entry in caught.traceback][1] + 1 == 6


BRANCHES = model(
    "self.a = layers.Dense(4)\nself.b = layers.Dense(4)\nself.deep = False",
    "y = self.a(x)\nif self.deep:\n    y = self.b(x)\nreturn y",
)
LINE = BRANCHES[: BRANCHES.index("y = self.b(x)")].count("\n") + 1


@pytest.mark.keras
def test_what_is_not_reached_is_neither_proved_nor_the_same(compare: Callable[..., ModelReport]) -> None:
    patched = BRANCHES.replace("self.b(x)", "self.b(y)")
    changed = [(LINE, LINE)]
    report = compare(BRANCHES, patched, changed=changed)
    assert report.verdict is VerdictKind.NOT_REACHED
    assert report.reasons == (f"not reached by this run: line {LINE} of the patched file",)
    claimed = compare(BRANCHES, patched, claims=["b"], changed=changed, claimed=changed)
    assert claimed.verdict is VerdictKind.NOT_PROVED
    assert claimed.reasons == report.reasons
    # Reached by a flag that some phases set: that is enough.
    flagged = BRANCHES.replace("if self.deep:", "if training:").replace(
        "(self, x)", "(self, x, training=None)"
    )
    report = compare(
        flagged, flagged.replace("self.b(x)", "self.b(y)"), changed=changed, outputs_must_match=False
    )
    assert report.after is not None
    assert report.after.changed_lines == report.after.changed_lines_reached == (LINE,)
    assert report.verdict is not VerdictKind.NOT_REACHED


@pytest.mark.keras
def test_what_was_mended_is_proved_and_the_rest_is_named(compare: Callable[..., ModelReport]) -> None:
    original = BRANCHES.replace("y = self.a(x)", "y = self.a(x)\n        y = self.b(x)")
    patched = original.replace("self.b(x)", "self.b(y)")
    report = compare(
        original, patched, changed=[(LINE - 1, LINE - 1), (LINE + 1, LINE + 1)], outputs_must_match=False
    )
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.reasons[-1] == f"not reached by this run: line {LINE + 1} of the patched file"


@pytest.mark.keras
def test_what_runs_inside_of_a_tf_function_counts(compare: Callable[..., ModelReport]) -> None:
    text = model("self.a = layers.Dense(4)", "y = self.a(x)\nreturn y + 0.0").replace(
        "    def call", "    @tf.function\n    def call"
    )
    line = text[: text.index("return y")].count("\n") + 1
    report = compare(text, text.replace("+ 0.0", "- 0.0"), changed=[(line, line)])
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.after is not None
    assert report.after.changed_lines_reached == (line,)
