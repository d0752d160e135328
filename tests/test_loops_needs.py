"""Whether what is trained needs the flag, and what it then does (KF301, KF303)."""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER
from tests.loop_variants import Loop, assert_is_settled, before

_STEP = """\


def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x{edit}))
    optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
"""
_UNKNOWN = (("KF301", "loss = tf.reduce_mean(net(x))"),)
_GRAPH = "class Net({base}):\n{body}\n\n\ninputs = keras.Input((4,))\nnet = Net({given})\n"
_OUTPUTS = "inputs, layers.Dropout(0.1)(inputs)"
_BODY = "    def train_step(self, data):\n        return {}"
_CALL = "    def __call__(self, x, training=None):\n        return x"


def _step(net: str, edit: str = "") -> str:
    return HEADER + net + _STEP.format(edit=edit)


def _graph(base: str = "keras.Model", body: str = _BODY, given: str = _OUTPUTS, edit: str = "") -> str:
    return _step(_GRAPH.format(base=base, body=body, given=given), edit)


NEEDS = (
    Loop("a model that is given its graph", _graph(edit="<<, training=True>>")),
    Loop(
        "it is given by keyword",
        _graph(given="inputs, outputs=layers.Dropout(0.1)(inputs)", edit="<<, training=True>>"),
    ),
    Loop("a model that is given nothing", _graph(given=""), said=_UNKNOWN),
    Loop("a model with a base that is not in sight", _graph(base="Base", given="Net")),
    Loop("a model with a `__call__` of its own", _graph(body=_CALL), said=_UNKNOWN),
    Loop(
        "a bare call of one of two trains: augmentation",
        _step("net = layers.RandomFlip() if far else keras.Sequential([layers.Dropout(0.1)])\n"),
    ),
    Loop(
        "a bare call trains: augmentation",
        _step("net = keras.Sequential([layers.RandomFlip(), layers.Dropout(0.1)])\n"),
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in NEEDS])
def test_what_is_trained_needs_the_flag(loop: Loop) -> None:
    assert_is_settled(loop)


_DECIDED = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.noise = layers.GaussianNoise(0.1)
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        return self.drop(self.noise(x, training=True), training=training)


net = Net()
"""


@pytest.mark.parametrize(
    ("net", "effect"),
    [
        pytest.param(
            "net = keras.Sequential([layers.TimeDistributed(layers.Dropout(0.1))])\n",
            "Dropout then runs in training mode",
            id="the layer in a wrapper",
        ),
        pytest.param(
            "lstm = layers.Bidirectional(layers.LSTM(4, dropout=0.1))\n"
            "net = keras.Sequential([lstm, layers.Dropout(0.1)])\n",
            "LSTM and Dropout then run in training mode",
            id="two layers",
        ),
        pytest.param(_DECIDED, "Dropout then runs in training mode", id="not the one whose mode is decided"),
        pytest.param(
            _GRAPH.format(base="keras.Model", body=_BODY, given=_OUTPUTS),
            "Dropout then runs in training mode",
            id="those of a graph",
        ),
    ],
)
def test_a_fix_says_which_layers_it_is_for(net: str, effect: str) -> None:
    [found] = kerasfix.check(_step(net), select=("KF301",))
    assert found.fix is not None
    assert found.fix.effect == effect


_TWO = """\
class Relies(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=True):
        return self.drop(x, training=training)


class Plain(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        return self.drop(x, training=training)


relies, plain = Relies(), Plain()


def evaluate(x, y):
    metric.update_state(y, relies(x<<, training=False>>) + plain(x))
    metric.update_state(y, plain(x, training={mode}))
    return make()(x, training=True)
"""


def test_only_what_relies_on_its_default_is_told_not_to_train() -> None:
    assert_is_settled(Loop("", HEADER + _TWO.format(mode="False")))


def test_what_is_told_to_train_while_it_is_measured_is_said() -> None:
    text = HEADER + before(_TWO.format(mode="True"))
    found = kerasfix.check(text, select=("KF303",))
    assert [text[each.start : each.end] for each in found] == ["relies(x)", "plain(x, training=True)"]


_NETS = """\
net = keras.Sequential([layers.Dropout(0.1), layers.Dense(1)])
other = keras.Sequential([layers.Dropout(0.1), layers.Dense(1)])


"""
WAYS = (
    Loop(
        "a function that calls itself, and is called to evaluate too",
        HEADER
        + _NETS
        + """\
def repeated(x, n<<, training=False>>):
    return net(x<<, training=training>>) if n == 0 else repeated(x, n - 1<<, training=training>>)


def step(x):
    with tf.GradientTape() as tape:
        loss = repeated(x, 3<<, training=True>>)
    return tape.gradient(loss, net.trainable_variables)


print(repeated(x, 1))
""",
    ),
    Loop(
        "a function behind one that is handed to somebody",
        HEADER
        + _NETS
        + """\
def inner(x<<, training=False>>):
    return net(x<<, training=training>>)


def outer(x<<, training=False>>):
    return inner(x<<, training=training>>)


def step(x):
    with tf.GradientTape() as tape:
        loss = outer(x<<, training=True>>)
    return tape.gradient(loss, net.trainable_variables)


watch = [outer]
""",
    ),
    Loop(
        "the optimizer is given the tape by a helper",
        HEADER
        + _NETS
        + """\
def update(tape, loss):
    optimizer.minimize(loss, net.trainable_variables, tape=tape)


def step(x):
    with tf.name_scope("step"), tf.GradientTape() as tape:
        loss = net(x<<, training=True>>) + other(x)
    update(tape, loss)
""",
    ),
    Loop(
        "an optimizer of TensorFlow 1, which takes no variables",
        HEADER
        + _NETS
        + """\
def loss():
    return net(x)


optimizer.minimize(loss)
optimizer.minimize(var_list=net.trainable_variables)
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in WAYS])
def test_the_flag_finds_its_way(loop: Loop) -> None:
    assert_is_settled(loop)
