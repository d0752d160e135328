"""KF107: what Keras makes of a model that overrides `__call__`, and that the renamed one trains in both."""

from __future__ import annotations

from typing import Any

import pytest
from nets import call_in_training, fit, predict, trained

import kerasfix

pytestmark = pytest.mark.keras

INSTEAD = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.project = layers.Dense(4)
        self.normalize = layers.BatchNormalization()

    def __call__(self, x{flag}):
        return self.normalize(self.project(x){passed})
"""
SWALLOWED = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.project = layers.Dense(4)
        self.normalize = layers.BatchNormalization()

    def __call__(self, x, training=None):
        return super().__call__(x)

    def call(self, x, training=None):
        return self.normalize(self.project(x), training=training)
"""


def text(keras: Any, body: str) -> str:
    name = keras.api.__name__
    return f"import {name} as keras\nfrom {name} import layers\n\n{body}"


def net(program: str) -> Any:
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(program, "program", "exec"), names)
    return names["Net"]()


def trains_in_fit(program: str) -> bool:
    model = net(program)
    fit(model)
    return trained(model.normalize)


def test_a_model_without_call_trains_in_fit_only_after_the_repair(keras: Any) -> None:
    program = text(keras, INSTEAD.format(flag=", training=None", passed=", training=training"))
    assert trains_in_fit(program) is not keras.is_3
    mended = kerasfix.fix(program, applicability=tuple(kerasfix.Applicability)).text
    assert "def call(self, x, training=None):" in mended
    assert trains_in_fit(mended)
    model = net(mended)
    predict(model)
    assert not trained(model.normalize)


def test_a_model_whose_dunder_call_takes_no_flag_takes_it_after_the_repair(keras: Any) -> None:
    program = text(keras, INSTEAD.format(flag="", passed=""))
    with pytest.raises(TypeError, match="training"):
        call_in_training(net(program))
    mended = kerasfix.fix(program, applicability=tuple(kerasfix.Applicability)).text
    model = net(mended)
    call_in_training(model)
    assert trained(model.normalize)
    assert trains_in_fit(mended)


def test_a_flag_that_is_not_handed_on_never_arrives(keras: Any) -> None:
    program = text(keras, SWALLOWED)
    assert not trains_in_fit(program)
    (finding,) = kerasfix.check(program)
    assert finding.code == "KF107"
    assert finding.fix is None
    assert trains_in_fit(program.replace("super().__call__(x)", "super().__call__(x, training=training)"))
