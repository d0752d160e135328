"""KF206: what a finding says, where it stands, and how sure it is of itself."""

from __future__ import annotations

import pytest

from kerasfix.analysis.program import Program
from kerasfix.findings import Finding, Severity
from kerasfix.rules import rule
from kerasfix.rules.base import HEADER
from kerasfix.source import Source

NET = """\
class Net(keras.{base}):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3)
        self.dense2 = layers.Dense(8)
        self.out = layers.Dense(1)

    def call(self, x, training=None):
"""


def found(source: str) -> list[Finding]:
    known = rule("KF206")
    assert known is not None
    return list(known.check(Program.of(Source(HEADER + source))))


def net(*lines: str, base: str = "Model") -> list[Finding]:
    return found(NET.format(base=base) + "".join(f"        {line}\n" for line in lines))


def text_of(finding: Finding, source: str) -> str:
    return (HEADER + source)[finding.start : finding.end]


def test_a_finding_stands_at_the_operation_and_names_the_layers_in_the_order_of_the_calls() -> None:
    lines = (
        "x = self.dense2(self.conv1(x))",
        "x = tf.one_hot(tf.argmax(x, axis=-1), 8)",
        "return self.out(x)",
    )
    (finding,) = net(*lines)
    source = NET.format(base="Model") + "".join(f"        {line}\n" for line in lines)
    assert text_of(finding, source) == "tf.argmax(x, axis=-1)"
    assert finding.message == (
        "conv1 and dense2: their weights get no gradient, because every way to what `call` returns leads "
        "through `tf.argmax`, which has no gradient"
    )
    assert finding.loses == ("conv1", "dense2")
    assert (finding.owner, finding.method, finding.fix) == ("Net", "call", None)
    assert "softmax" in finding.help


def test_a_layer_that_has_another_way_is_not_named() -> None:
    (finding,) = net(
        "a = self.conv1(x)", "b = self.dense2(x)", "return self.out(a + tf.round(a) * tf.round(b))"
    )
    assert finding.loses == ("dense2",)
    assert "its weights get" in finding.message


@pytest.mark.parametrize(
    ("base", "lines", "expected"),
    [
        ("Model", ("return tf.argmax(self.out(self.dense2(self.conv1(x))), axis=-1)",), Severity.ERROR),
        (
            "layers.Layer",
            ("return tf.argmax(self.out(self.dense2(self.conv1(x))), axis=-1)",),
            Severity.WARNING,
        ),
        ("Model", ("return self.out(tf.round(self.dense2(self.conv1(x))))",), Severity.WARNING),
        ("Model", ("return tf.stop_gradient(self.out(self.dense2(self.conv1(x))))",), Severity.WARNING),
    ],
)
def test_it_is_an_error_where_nothing_is_left_to_train(
    base: str, lines: tuple[str, ...], expected: Severity
) -> None:
    (finding,) = net(*lines, base=base)
    assert finding.severity is expected


def test_of_zeros_it_says_that_keras_says_nothing() -> None:
    (finding,) = net("return self.out(tf.sign(self.dense2(self.conv1(x))))")
    assert "only zeros as gradient, of which Keras says nothing" in finding.message


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("tf.math.argmin(h)", "`tf.math.argmin`"),
        ("tf.compat.v1.to_int32(h)", "`tf.compat.v1.to_int32`"),
        ("keras.ops.stop_gradient(h)", "`keras.ops.stop_gradient`"),
        ("keras.backend.argmax(h)", "`keras.backend.argmax`"),
        ("tf.cast(h, tf.int64)", "`tf.cast` to `tf.int64`"),
        ("tf.cast(h, dtype='bool')", "`tf.cast` to `'bool'`"),
        ("tf.cast(x=h, dtype=tf.uint8)", "`tf.cast` to `tf.uint8`"),
        ("h.numpy()", "`.numpy()`"),
        ("h[0].item()", "`.item()`"),
        ("h.detach()", "`.detach()`"),
        ("float(h[0, 0])", "`float`"),
        ("np.log(h)", "`np.log`"),
        ("h >= 1", "the comparison `h >= 1`"),
        ("-h // 2", "the rounding division `-h // 2`"),
        ("tf.numpy_function(f, [h], tf.float32)", "`tf.numpy_function`"),
        ("tf.random.categorical(logits=h, num_samples=1)", "`tf.random.categorical`"),
        ("[tf.floor(each) for each in [1] if h is not None] + [tf.floor(h)]", "`tf.floor`"),
    ],
)
def test_an_operation_is_known_in_every_spelling(operation: str, name: str) -> None:
    (finding,) = found(
        "import numpy as np\n\n\n"
        + NET.format(base="Model")
        + f"        h = self.dense2(self.conv1(x))\n        return self.out({operation})\n"
    )
    assert finding.loses == ("conv1", "dense2")
    assert f"through {name}, which" in finding.message


@pytest.mark.parametrize(
    "operation",
    [
        "tf.cast(h, tf.float16)",
        "tf.cast(h, h.dtype)",
        "tf.cast(h, kind)",
        "tf.cast(tf.shape(h)[0], tf.int32) * h",
        "h.astype('float32')",
        "tf.sort(h)",
        "tf.constant(h)",
        "h % 2",
        "tf.py_function(f, [h], tf.float32)",
        "tf.where(h > 0, h, 0.0)",
        "tf.stop_gradient(h) + h",
        "h if training else tf.round(h)",
        "rounded(h)",
        "self.unknown(h)",
        "(lambda: tf.round(h))()",
        "[tf.round(each) for each in h]",
        "tf.stop_gradient(tf.round(h) - h)",
    ],
)
def test_what_lets_a_gradient_through_or_is_not_known_is_left_in_peace(operation: str) -> None:
    assert net("h = self.dense2(self.conv1(x))", f"return self.out({operation})") == []


@pytest.mark.parametrize(
    "line",
    [
        "        h = tf.stop_gradient(h)  # the encoder is trained elsewhere\n",
        "        # trained elsewhere\n        h = tf.stop_gradient(h)\n",
        "        target = tf.stop_gradient(h)\n        h = target\n",
        "        h = labels(tf.stop_gradient(h))\n",
    ],
)
def test_a_gradient_that_is_stopped_with_a_reason_is_left_in_peace(line: str) -> None:
    source = NET.format(base="Model") + "        h = self.dense2(self.conv1(x))\n" + line
    assert found(source + "        return self.out(h)\n") == []
    plain = "        h = tf.stop_gradient(h)\n"
    assert found(source.replace(line, plain) + "        return self.out(h)\n")


@pytest.mark.parametrize(
    "more",
    [
        "    def pretrain(self, x):\n        return self.conv1(x)\n",
        "    def penalty(self):\n        return tf.reduce_sum(self.conv1.kernel ** 2)\n",
        "    def all(self):\n        return [self.conv1]\n",
        "    def get(self):\n        return getattr(self, 'conv1')\n",
        "\ndef train(net, x):\n    return net.conv1(x)\n",
        "\nclass Other(Net):\n    def call(self, x):\n        return self.conv1(x)\n",
    ],
)
def test_a_layer_that_may_be_trained_elsewhere_is_left_in_peace(more: str) -> None:
    body = "        return self.out(tf.round(self.conv1(x)))\n\n"
    assert found(NET.format(base="Model") + body)
    assert found(NET.format(base="Model") + body + more) == []


TAPE = """\
def train(model, other, x, y, optimizer):
    with tf.GradientTape() as tape:
{body}
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""


def tape(*lines: str) -> list[Finding]:
    return found(TAPE.format(body="\n".join(f"        {line}" for line in lines)))


def test_the_loss_of_a_tape_is_an_error_at_the_operation() -> None:
    (finding,) = tape("p = tf.argmax(model(x), -1)", "loss = tf.reduce_mean(tf.cast(p, tf.float32) - y)")
    assert finding.severity is Severity.ERROR
    assert finding.message == (
        "No weight of the model gets a gradient from this loss, because all that it takes from `model` goes "
        "through `tf.argmax`, which has no gradient"
    )
    assert finding.loses == ()


@pytest.mark.parametrize(
    "lines",
    [
        ("loss = tf.reduce_mean(model(x) - tf.cast(tf.argmax(model(y), -1), tf.float32))",),
        ("p = tf.round(model(x))", "loss = tf.reduce_mean(p - y) + sum(model.losses)"),
        ("p = tf.round(model(x))", "loss = criterion.of(p) + other(model)"),
        ("p = tf.round(model(x))", "loss = regular(p)"),
        ("p = tf.round(other(x))", "loss = tf.reduce_mean(p - y)"),
        ("p = tf.round(model(x))", "loss = tf.reduce_mean(y)"),
        ("p = model(x)", "outs = []", "outs.append(p)", "loss = tf.reduce_mean(tf.round(p) + outs[0])"),
    ],
)
def test_a_tape_with_another_way_is_left_in_peace(lines: tuple[str, ...]) -> None:
    assert tape(*lines) == []


GRAPH = """\
inputs = keras.Input((8,))
first = layers.Dense(8, name="first")
x = first(inputs)
x = layers.Dense(8)(x)
{line}
model = keras.Model(inputs=inputs, outputs=layers.Dense(1)(x))
model.{trains}(x)
"""


def test_the_layers_of_a_functional_model_are_named_together() -> None:
    (finding,) = found(GRAPH.format(line="x = layers.Lambda(tf.round)(x)", trains="fit"))
    assert finding.loses == ("first", "Dense")
    assert finding.message == (
        "first and Dense: their weights get no gradient, because every way to the output of the model leads "
        "through `tf.round`, which has no gradient"
    )


def test_what_is_not_known_behind_an_operation_brings_no_gradient_back() -> None:
    line = "x = layers.Lambda(tf.argmax)(x)\nx = layers.Lambda(tf.cast, arguments={'dtype': 'float32'})(x)"
    (finding,) = found(GRAPH.format(line=line, trains="fit"))
    assert finding.loses == ("first", "Dense")


@pytest.mark.parametrize(
    ("line", "trains"),
    [
        ("x = layers.Lambda(tf.round)(x)", "predict"),
        ("x = layers.Lambda(tf.abs)(x)", "fit"),
        ("x = layers.Lambda(unknown)(x)", "fit"),
        ("x = layers.Lambda(lambda t: t + tf.stop_gradient(tf.round(t) - t))(x)", "fit"),
        ("x = layers.Add()([x, layers.Lambda(tf.round)(x)])", "fit"),
        ("x = layers.Lambda(tf.stop_gradient)(x)  # the encoder is done", "fit"),
        ("kernel = first.kernel; x = layers.Dense(2, trainable=False)(tf.round(first(x)))", "fit"),
    ],
)
def test_a_functional_model_with_another_way_is_left_in_peace(line: str, trains: str) -> None:
    starved = [name for each in found(GRAPH.format(line=line, trains=trains)) for name in each.loses]
    assert "first" not in starved


def test_a_loop_that_calls_itself_comes_to_an_end() -> None:
    source = NET.format(base="Model") + (
        "        for _ in range(3):\n"
        "            x = self.again(self.conv1(x))\n"
        "        return tf.round(x)\n"
        "\n"
        "    def again(self, x):\n"
        "        return x if x is None else self.again(self.dense2(x))\n"
    )
    assert found(source) == []
