"""The messages of the table are what Keras really says."""

from __future__ import annotations

import io
import logging
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kerasfix.log.messages import MESSAGES, Topic
from kerasfix.log.reading import Said, read_log

np = pytest.importorskip("numpy")
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("default")]
DATA = np.zeros((4, 3), "float32")


def log_of(action: Callable[[], Any]) -> list[Said]:
    """What is found in the log of a program: its warnings, TensorFlow's logger, and the last traceback."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                action()
            except Exception:
                traceback.print_exc(file=text)
        for each in caught:
            text.write(warnings.formatwarning(each.message, each.category, each.filename, each.lineno))
    finally:
        logger.removeHandler(handler)
    return read_log(io.BytesIO(text.getvalue().encode()))


class Nets:
    """Small models, each with one fault."""

    def __init__(self, keras: Any) -> None:
        layers = keras.layers
        keras.api.backend.clear_session()

        class Broken(keras.api.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.first, self.second = layers.Dense(3), layers.Dense(3)

            def call(self, x: Any, training: Any = None) -> Any:
                self.first(x)
                return self.second(x)

        class Cut(keras.api.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.only = layers.Dense(3)

            def call(self, x: Any, training: Any = None) -> Any:
                self.only(x)
                return x

        class Plain(layers.Layer):  # type: ignore[misc]
            def call(self, x: Any) -> Any:
                return x

        class Asking(layers.Layer):  # type: ignore[misc]
            def call(self, x: Any, training: Any) -> Any:
                return x

        class Hidden(layers.Layer):  # type: ignore[misc]
            def __call__(self, x: Any) -> Any:
                return x

        self.broken, self.cut, self.plain, self.asking, self.hidden = Broken, Cut, Plain, Asking, Hidden


def fitted(kind: Callable[[], Any]) -> Callable[[], Any]:
    def action() -> None:
        net = kind()
        net.compile("sgd", "mse")
        net.fit(DATA, DATA, verbose=0)

    return action


def test_a_broken_chain_is_said_once_with_the_variables(keras: Any, tensorflow: ModuleType) -> None:
    [said] = log_of(fitted(Nets(keras).broken))
    assert said.message.topic is Topic.SOME_GRADIENTS
    assert [each.path for each in said.variables] == ["broken/dense/kernel", "broken/dense/bias"]


def test_a_loss_that_no_layer_reaches_is_said_once(keras: Any, tensorflow: ModuleType) -> None:
    [said] = log_of(fitted(Nets(keras).cut))
    assert (said.message.topic, said.count) == (Topic.NO_GRADIENTS, 1)
    # Only Keras 2 says which variables there are.
    names = [] if keras.is_3 else ["cut/dense/kernel", "cut/dense/bias"]
    assert [each.path for each in said.variables] == names


def test_a_flag_by_position_is_said_with_the_line(keras_3: Any, tensorflow: ModuleType) -> None:
    [said] = log_of(lambda: keras_3.layers.Dropout(0.5)(DATA, True))
    assert said.message.codes == ("KF104",)
    assert Path(said.frames[0].file).name == Path(__file__).name


@pytest.mark.parametrize(
    "action",
    [
        lambda nets, layers: nets.plain().call(DATA, training=True),
        lambda nets, layers: nets.hidden()(DATA, training=True),
        lambda nets, layers: layers.Dropout(0.5)(DATA, True, training=True),
    ],
)
def test_wrong_arguments_are_said_by_keras_or_by_python(
    keras: Any, tensorflow: ModuleType, action: Callable[..., Any]
) -> None:
    nets = Nets(keras)
    [said] = log_of(lambda: action(nets, keras.layers))
    assert said.message.topic is Topic.ARGUMENT


def test_a_functional_model_that_gets_the_flag_twice(keras: Any, tensorflow: ModuleType) -> None:
    inputs = keras.api.Input((3,))
    net = keras.api.Model(inputs, keras.layers.Dropout(0.5)(inputs))
    [said] = log_of(lambda: net(DATA, True, training=True))
    assert said.message.words == "multiple values for argument {flag}"


def test_a_flag_without_a_default_that_nobody_passes(keras: Any, tensorflow: ModuleType) -> None:
    said = log_of(lambda: Nets(keras).asking()(DATA))
    # Keras 2 passes it itself.
    assert [each.message.topic for each in said] == ([Topic.ARGUMENT] if keras.is_3 else [])


def test_layers_that_were_never_built(keras: Any, tensorflow: ModuleType, tmp_path: Path) -> None:
    nets, layers = Nets(keras), keras.layers
    weights = str(tmp_path / "net.weights.h5")
    actions: list[tuple[Callable[[], Any], str]] = [
        (lambda: nets.broken().save_weights(weights) if keras.is_3 else nets.broken().summary(), ""),
        (lambda: layers.Dense(3, name="score").count_params(), "score"),
    ]
    if keras.is_3:
        actions.append((lambda: nets.broken().build((None, 3)), "broken_1"))
        actions.append((lambda: layers.Dense(3, name="score").output, "score"))
    else:
        actions.append((lambda: keras.api.Sequential([layers.Dense(3)], name="tail").weights, "tail"))
    for action, layer in actions:
        [said] = log_of(action)
        assert (said.message.topic, said.layer) == (Topic.UNBUILT, layer)


def test_no_message_of_the_table_is_a_part_of_another() -> None:
    for message in MESSAGES:
        text = message.words.replace("{variables}", " ['a/b'] ")
        for hole, value in (("{flag}", "'training'"), ("{g}", "g"), ("{t}", "t"), ("{callee}", "f")):
            text = text.replace(hole, value)
        text = text.replace("{layer}", "dense").replace("{argument}", "True")
        assert [said.message for said in read_log(io.BytesIO(text.encode()))] == [message]
