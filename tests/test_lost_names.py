"""What a lost output is called: the attribute that its layer is held by, and the way on from there."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.findings import Finding
from kerasfix.rules.base import HEADER

_NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.convs = [layers.Dense(4), layers.Dense(4)]
        self.norms = [layers.Dense(4), layers.Dense(4)]
        self.by_name = {{"a": layers.Dense(4)}}
        self.last = layers.Dense(4)

    def call(self, x):
        {}
        return self.last(x)
"""


def _found(body: str, rule: str) -> list[Finding]:
    return kerasfix.check(HEADER + _NET.format(body), select=(rule,))


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        pytest.param("self.convs[0](x)", "convs", id="an element"),
        pytest.param("layer = self.convs[0]\n        layer(x)", "convs", id="by a name"),
        pytest.param("for layer in reversed(self.convs):\n            layer(x)", "convs", id="in a loop"),
        pytest.param(
            "for _, b in zip(self.convs, self.norms):\n            b(x)", "norms", id="the second of a row"
        ),
        pytest.param(
            "for i, (a, b) in enumerate(zip(self.convs, self.norms)):\n            a(x)",
            "convs",
            id="counted",
        ),
        pytest.param(
            "for name, each in self.by_name.items():\n            each(x)", "by_name", id="of a dict"
        ),
        pytest.param(
            "for each in self.by_name.values():\n            each(x)", "by_name", id="those of a dict"
        ),
        pytest.param(
            "a, b = self.convs[0], self.norms[0]\n        a(x)", "a", id="one of two that are named together"
        ),
        pytest.param(
            "for i, a in counted(self.convs):\n            self.convs[i](x)",
            "convs",
            id="by an index of a loop",
        ),
        pytest.param(
            "layer = self.convs[0]\n        if wide:\n            layer = self.norms[0]\n        layer(x)",
            "layer",
            id="of one of two",
        ),
    ],
)
def test_a_lost_output_is_called_by_what_holds_its_layer(body: str, lost: str) -> None:
    assert [each.loses for each in _found(body, "KF202")] == [(lost,)]


_ROW = "".join(f"\n        y = self.norms[{number % 2}](y)" for number in range(20))


@pytest.mark.parametrize(
    ("body", "end"),
    [
        pytest.param(
            f"y = self.convs[0](x)\n        y = self.convs[1](x){_ROW}\n        x = y", "y", id="long"
        ),
        pytest.param(
            "y = self.convs[0](x)\n        y = self.convs[1](x)\n        return y", "return", id="short"
        ),
    ],
)
def test_a_way_on_is_shown_as_far_as_one_reads(body: str, end: str) -> None:
    [found] = _found(body, "KF201")
    assert found.chain is not None
    assert found.chain.end == end
    assert 0 < len(found.chain.taken) <= 12
