"""A flag that a decorator or `**kwargs` hides: what may be mended, and what stands against it (KF111)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.findings import Finding
from kerasfix.rules.base import HEADER

_DECORATED = """\
{a}def logged(f):
    {before}

    def inner(self, x, {takes}):
        {body}

    return inner


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    @logged
    def call(self, x, training=None):
        return self.drop(x, training=training)
"""
_ON = "return f(self, x, **kwargs)"


def _found(body: str = _ON, before: str = "count = 0", takes: str = "**kwargs", a: str = "") -> list[Finding]:
    text = HEADER + _DECORATED.format(a=a, before=before, takes=takes, body=body)
    return kerasfix.check(text, select=("KF1",))


@pytest.mark.parametrize("body", [_ON, f"print({{**kwargs, 'level': 2}})\n        {_ON}"])
def test_a_decorator_that_hands_all_on_is_wrapped(body: str) -> None:
    [found] = _found(body)
    assert found.code == "KF111"
    assert found.fix is not None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"kwargs = dict(kwargs)\n        {_ON}", "`inner` may change `**kwargs`"),
        (f"print(kwargs | other)\n        {_ON}", "`inner` may change `**kwargs`"),
        (f"training = False\n        {_ON}", "`inner` sets `training`"),
        ("return f(self, x)", "without handing everything on"),
    ],
)
def test_a_decorator_that_may_lose_it_is_left_alone(body: str, why: str) -> None:
    [found] = _found(body)
    assert found.fix is None
    assert why in found.help


def test_what_a_decorator_makes_of_the_method_is_not_known() -> None:
    assert _found(before="f = quiet(f)") == []
    assert _found(a="async ") == []
    assert _found(before="yield f") == []


def test_a_decorator_that_takes_the_flag_hides_nothing() -> None:
    assert _found("return f(self, x, training=training)", takes="training=None") == []


_LOOKED_FOR = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, **kwargs):
        training = kwargs.get("training")
        {}
        return self.drop(x, training=training)
"""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("pass", ""),
        ("training = True", "line 13 gives `training` another value"),
        ("x = other(kwargs)", "`kwargs` is also used on line 13"),
    ],
)
def test_a_flag_that_is_looked_for_gets_into_the_signature(more: str, why: str) -> None:
    [found] = kerasfix.check(HEADER + _LOOKED_FOR.format(more), select=("KF111",))
    assert (found.fix is None) is bool(why)
    assert why in found.help
