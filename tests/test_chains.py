"""Broken chains in every shape that people write them, and what looks like one and is none: small forms.

Whole programs of each shape stand in `test_chains_*.py`, three variants of each at least.
"""

from __future__ import annotations

import re
import textwrap

import pytest

import kerasfix
from kerasfix import Applicability
from kerasfix.findings import Finding
from kerasfix.output.chain import ASCII, chain_lines

_EVERYTHING = (Applicability.SAFE, Applicability.REPAIR, Applicability.SUGGESTION)
_HEAD = "import tensorflow as tf\nimport keras\nfrom keras import layers\n\n\n"
_DENSE = "layers.Dense(4)"
_NO_LAYERS = {"add_loss", "built", "feature", "optimizer", "trainable_variables"}
_LAYERS = {
    "conv": "layers.Conv2D(4, 3, padding='same')",
    "bn": "layers.BatchNormalization()",
    "relu": "layers.ReLU()",
    "drop": "layers.Dropout(0.5)",
    "mha": "layers.MultiHeadAttention(2, 4)",
    "add": "layers.Add()",
    "concat": "layers.Concatenate()",
    "stack": "[layers.Dense(4) for _ in range(3)]",
    "up": "layers.UpSampling2D()",
    "pool": "layers.MaxPool2D()",
    "reg": "layers.ActivityRegularization(0.1)",
}


def _model(body: str, kind: str = "keras.Model") -> str:
    """A class whose constructor makes all layers that `self.name` in its methods asks for."""
    body = textwrap.dedent(body).strip("\n")
    methods = re.findall(r"def (\w+)\(self", body)
    asked = sorted(set(re.findall(r"self\.(\w+)", body)) - {*methods, *_NO_LAYERS})
    made = "".join(
        f"        self.{name} = {_LAYERS.get(name.rstrip('0123456789'), _DENSE)}\n" for name in asked
    )
    init = f"    def __init__(self):\n        super().__init__()\n{made}\n"
    return f"class Net({kind}):\n{init}{textwrap.indent(body, '    ')}\n"


def _findings(text: str) -> list[Finding]:
    return [each for each in kerasfix.check(_HEAD + text) if each.code in ("KF201", "KF202", "KF204")]


# Body of the class (or a whole program), and what the mended one has instead of which line.
BROKEN: dict[str, list[tuple[str, dict[str, str]]]] = {
    "every layer reads the input": [
        (
            """
            def call(self, s):
                x = self.d1(s)
                x = self.d2(s)
                return self.out(x)
            """,
            {"x = self.d2(s)": "x = self.d2(x)"},
        ),
        (
            """
            def call(self, state, training=None):
                x = self.d1(state)
                x = self.bn1(state, training=training)
                x = self.d2(state)
                mu = self.mu(x)
                std = self.std(x)
                return mu, std
            """,
            {
                "x = self.bn1(state, training=training)": "x = self.bn1(x, training=training)",
                "x = self.d2(state)": "x = self.d2(x)",
            },
        ),
        (
            """
            def call(self, inputs):
                state, action = inputs
                q = self.d1(tf.concat([state, action], axis=1))
                q = self.d2(state)
                return self.q(q)
            """,
            {"q = self.d2(state)": "q = self.d2(q)"},
        ),
    ],
    "the second half of a block reads its input": [
        (
            """
            def call(self, i, training=None):
                x = self.conv1(i)
                x = self.bn1(x, training=training)
                x = self.relu(x)
                x = self.conv2(i)
                x = self.bn2(x, training=training)
                x = self.add([i, x])
                return x
            """,
            {"x = self.conv2(i)": "x = self.conv2(x)"},
        ),
        (
            """
            def call(self, inputs):
                down = self.pool(inputs)
                x = self.conv1(down)
                x = self.conv2(down)
                up = self.up(x)
                return self.out(self.concat([inputs, up]))
            """,
            {"x = self.conv2(down)": "x = self.conv2(x)"},
        ),
        (
            """
            def call(self, i):
                x = self.relu(self.conv1(i))
                x = self.add([i, self.relu(self.conv2(i))])
                return self.out(x)
            """,
            {"x = self.add([i, self.relu(self.conv2(i))])": "x = self.add([i, self.relu(self.conv2(x))])"},
        ),
    ],
    "an older tensor": [
        (
            """
            def call(self, x, training=None):
                a = self.mha(x, x)
                a = self.drop1(x, training=training)
                return self.out(x + a)
            """,
            {"a = self.drop1(x, training=training)": "a = self.drop1(a, training=training)"},
        ),
        (
            """
            def call(self, o, training=None):
                f = self.ffn(o)
                f = self.drop2(o, training=training)
                return self.norm(o + f)
            """,
            {"f = self.drop2(o, training=training)": "f = self.drop2(f, training=training)"},
        ),
        (
            """
            def call(self, inputs):
                x = self.d1(inputs)
                y = self.d2(x)
                y = self.d3(x)
                return self.out(x + y)
            """,
            {"y = self.d3(x)": "y = self.d3(y)"},
        ),
    ],
    "a result that is dropped": [
        (
            """
            def call(self, x, training=None):
                x = self.d1(x)
                self.drop1(x, training=training)
                return self.out(x)
            """,
            {"self.drop1(x, training=training)": "x = self.drop1(x, training=training)"},
        ),
        (
            """
            def call(self, x, training=None):
                x = self.d1(x)
                if training:
                    self.drop1(x, training=training)
                return self.out(x)
            """,
            {"    self.drop1(x, training=training)": "    x = self.drop1(x, training=training)"},
        ),
        (
            """
            def call(self, x, training=None):
                for layer in self.stack:
                    x = layer(x)
                    self.drop1(x, training=training)
                return self.out(x)
            """,
            {"self.drop1(x, training=training)": "x = self.drop1(x, training=training)"},
        ),
    ],
    "a loop that keeps only the last result": [
        (
            """
            def call(self, inputs):
                for layer in self.stack:
                    x = layer(inputs)
                return self.out(x)
            """,
            {
                "for layer in self.stack:": "x = inputs\n        for layer in self.stack:",
                "layer(inputs)": "layer(x)",
            },
        ),
        (
            """
            def call(self, inputs):
                x = self.d1(inputs)
                for i, layer in enumerate(self.stack):
                    x = layer(inputs)
                    print(i, x.shape)
                return self.out(x)
            """,
            {"x = layer(inputs)": "x = layer(x)"},
        ),
        (
            """
            def call(self, h):
                for dense in self.stack:
                    y = dense(h)
                return y
            """,
            {
                "for dense in self.stack:": "y = h\n        for dense in self.stack:",
                "y = dense(h)": "y = dense(y)",
            },
        ),
    ],
    "a result in a name that nobody reads": [
        (
            """
            def call(self, x):
                h1 = self.d1(x)
                h2 = self.d2(x)
                return self.out(h2)
            """,
            {"h2 = self.d2(x)": "h2 = self.d2(h1)"},
        ),
        (
            """
            def call(self, x, training=None):
                x1 = self.conv1(x)
                b1 = self.bn1(x1, training=training)
                x2 = self.conv2(x1)
                return self.out(x2)
            """,
            {"x2 = self.conv2(x1)": "x2 = self.conv2(b1)"},
        ),
        (
            """
            def call(self, x):
                x_1 = self.first(x)
                x_2 = self.second(x)
                x_3 = self.third(x_2)
                return self.out(x_3)
            """,
            {"x_2 = self.second(x)": "x_2 = self.second(x_1)"},
        ),
    ],
    "a method other than call": [
        (
            """
            def call(self, x):
                return self.value(x) + self.advantage(x)

            def value(self, x):
                v = self.v1(x)
                v = self.v2(v)
                return v

            def advantage(self, x):
                a = self.a1(x)
                a = self.a2(x)
                return a
            """,
            {"a = self.a2(x)": "a = self.a2(a)"},
        ),
        (
            """
            def encode(self, x):
                h = self.d1(x)
                h = self.d2(x)
                return self.mean(h)

            def call(self, x):
                return self.out(self.encode(x))
            """,
            {"h = self.d2(x)": "h = self.d2(h)"},
        ),
        (
            """
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    h = self.d1(x)
                    h = self.d2(x)
                    loss = tf.reduce_mean((self.out(h) - y) ** 2)
                self.optimizer.minimize(loss, self.trainable_variables, tape)
                return {"loss": loss}
            """,
            {"h = self.d2(x)": "h = self.d2(h)"},
        ),
    ],
    "a plain operation, a print, a comment in between": [
        (
            """
            def call(self, i):
                x = self.conv1(i)
                x = tf.nn.relu(x)
                print(x.shape)
                # x = self.bn(x)
                x = self.conv2(i)
                return self.out(x)
            """,
            {"x = self.conv2(i)": "x = self.conv2(x)"},
        ),
        (
            """
            def call(self, i):
                x = self.d1(i)
                x = x + 1.0
                x = tf.concat([x, x], axis=-1)
                x = self.d2(i)
                return self.out(x)
            """,
            {"x = self.d2(i)": "x = self.d2(x)"},
        ),
        (
            """
            def call(self, i):
                x = keras.ops.relu(self.d1(i)) * 2
                tf.print(tf.shape(x))
                x = keras.ops.relu(self.d2(i))
                return self.out(x)
            """,
            {"x = keras.ops.relu(self.d2(i))": "x = keras.ops.relu(self.d2(x))"},
        ),
    ],
}

BUILDERS: list[tuple[str, dict[str, str]]] = [
    (
        """
        def build():
            inp = keras.Input((8, 8, 3))
            x = layers.Conv2D(4, 3)(inp)
            x = layers.BatchNormalization()(x)
            x = layers.Conv2D(4, 3)(inp)
            return keras.Model(inp, layers.Dense(1)(x))
        """,
        {
            "    x = layers.Conv2D(4, 3)(inp)\n    return": "    x = layers.Conv2D(4, 3)(x)\n    return",
        },
    ),
    (
        """
        def block(x, filters):
            y = layers.Conv2D(filters, 3, padding="same")(x)
            y = layers.ReLU()(y)
            y = layers.Conv2D(filters, 3, padding="same")(x)
            return layers.add([x, y])
        """,
        {
            'y = layers.Conv2D(filters, 3, padding="same")(x)\n    return': (
                'y = layers.Conv2D(filters, 3, padding="same")(y)\n    return'
            ),
        },
    ),
    (
        """
        inputs = keras.Input((4,))
        h = layers.Dense(8, activation="relu")(inputs)
        h = layers.Dropout(0.5)(inputs)
        outputs = layers.Dense(1)(h)
        model = keras.Model(inputs, outputs)
        """,
        {"h = layers.Dropout(0.5)(inputs)": "h = layers.Dropout(0.5)(h)"},
    ),
    (
        """
        class Gan:
            def build_generator(self):
                noise = keras.Input((100,))
                x = layers.Dense(64)(noise)
                x = layers.LeakyReLU()(x)
                x = layers.Dense(128)(noise)
                return keras.Model(noise, x)
        """,
        {"x = layers.Dense(128)(noise)": "x = layers.Dense(128)(x)"},
    ),
    (
        """
        def build():
            inp = keras.Input((4,))
            x = layers.Dense(4)(inp)
            layers.BatchNormalization()(x)
            return keras.Model(inp, layers.Dense(1)(x))
        """,
        {"layers.BatchNormalization()(x)": "x = layers.BatchNormalization()(x)"},
    ),
]

SILENT: dict[str, list[str]] = {
    "branches, shortcuts, twin critics, dense connectivity": [
        """
        def call(self, s, a):
            x = tf.concat([s, a], 1)
            q1 = self.q1b(self.q1a(x))
            q2 = self.q2b(self.q2a(x))
            return q1, q2
        """,
        """
        def call(self, x, training=None):
            shortcut = self.bn0(self.conv0(x), training=training)
            y = self.conv1(x)
            y = self.conv2(self.bn1(y, training=training))
            return self.add([shortcut, y])
        """,
        """
        def call(self, x, training=None):
            features = [x]
            for layer in self.stack:
                y = layer(tf.concat(features, -1))
                features.append(y)
            y = self.out(features[-1])
            if training:
                aux = self.aux(x)
                self.add_loss(tf.reduce_mean(aux))
            return y
        """,
        """
        def call(self, x):
            if x.shape[-1] == 3:
                y = self.rgb(x)
            elif x.shape[-1] == 1:
                y = self.gray(x)
            else:
                try:
                    y = self.other(x)
                except ValueError:
                    y = self.last(x)
            return self.out(y)
        """,
    ],
    "the input rebound by each layer": [
        """
        def call(self, inputs):
            inputs = self.d1(inputs)
            inputs = self.d2(inputs)
            return inputs
        """,
        """
        def call(self, inputs):
            x = self.d1(inputs)
            inputs = x
            x = self.d2(inputs)
            return self.out(x)
        """,
        """
        def call(self, inputs):
            (x, mask), rest = inputs, None
            x, y = self.d1(x), self.d2(x)
            x, y = y, x
            return self.out(x + y)
        """,
    ],
    "build calls": [
        """
        def build(self, shape):
            self.d1(tf.zeros(shape))
            _ = self.d2(tf.zeros(shape))
            self.built = True

        def call(self, x):
            return self.d2(self.d1(x))
        """,
        """
        def call(self, x):
            if not self.built:
                self.d1(x)
            _ = self.d2(x)
            return self.d2(self.d1(x))
        """,
        """
        def warm_up(self, x):
            self.d1(x)

        def call(self, x):
            return self.d1(x)
        """,
    ],
    "layers that are called for their effect": [
        """
        def call(self, x):
            self.reg(x)
            x = self.d1(x)
            self.reg1(x)
            return x
        """,
    ],
    "kept for later": [
        """
        def call(self, x):
            h = self.d1(x)
            self.feature = h
            h = self.d2(x)
            return h
        """,
        """
        def call(self, x):
            outs = {}
            h = self.d1(x)
            outs["first"] = h
            h = self.d2(x)
            outs["second"] = h
            return outs
        """,
        """
        def call(self, x):
            h = self.d1(x)
            later = lambda: h
            h = self.d2(x)
            return self.out(h) + later()
        """,
        """
        def call(self, x):
            h = self.d1(x)
            def first():
                return h
            y = self.d2(x)
            return first() + y
        """,
    ],
    "early returns, loops and jumps": [
        """
        def call(self, x, deep=True):
            h = self.d1(x)
            if not deep:
                return h
            h = self.d2(x)
            return self.out(h)
        """,
        """
        def call(self, x):
            h = x
            for layer in self.stack:
                if layer.units > 3:
                    h = layer(x)
                    break
            return self.out(h)
        """,
        """
        def call(self, x):
            outs = []
            for layer in self.stack:
                y = layer(x)
                outs.append(y)
            return tf.stack(outs)
        """,
        """
        def call(self, x):
            total = 0.0
            for layer in self.stack:
                y = layer(x)
                total += y
            return total
        """,
    ],
    "several names in one statement, walrus, match": [
        """
        def call(self, x):
            if (h := self.d1(x)) is not None:
                h = self.d2(h)
            return self.out(h)
        """,
        """
        def call(self, x, mode="a"):
            match mode:
                case "a":
                    h = self.d1(x)
                case "b":
                    h = self.d2(x)
                case _:
                    h = x
            return self.out(h)
        """,
        """
        def call(self, x):
            h, *rest = self.d1(x), self.d2(x)
            return self.out(h + rest[0])
        """,
    ],
}


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        pytest.param(*each, id=f"{shape} {index}")
        for shape, all_of in BROKEN.items()
        for index, each in enumerate(all_of)
    ],
)
def test_a_broken_chain_is_found_and_mended(body: str, mended: dict[str, str]) -> None:
    text = _model(body)
    assert _findings(text)
    expected = _HEAD + text
    for before, after in mended.items():
        expected = expected.replace(before, after)
    assert expected != _HEAD + text
    fixed = kerasfix.fix(_HEAD + text, applicability=_EVERYTHING).text
    assert fixed == expected


@pytest.mark.parametrize(("text", "mended"), BUILDERS)
def test_a_broken_builder_is_found_and_mended(text: str, mended: dict[str, str]) -> None:
    text = _HEAD + textwrap.dedent(text)
    [finding] = _findings(text.removeprefix(_HEAD))
    assert "no part of the model" in finding.message
    [(before, after)] = mended.items()
    assert before in text
    fixed = kerasfix.fix(text, applicability=_EVERYTHING).text
    assert fixed == text.replace(before, after)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(each, id=f"{shape} {index}")
        for shape, all_of in SILENT.items()
        for index, each in enumerate(all_of)
    ],
)
def test_what_only_looks_like_a_break_is_not_reported(body: str) -> None:
    for kind in ("keras.Model", "layers.Layer"):
        assert _findings(_model(body, kind)) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = self.d1(i)\n    x = self.d2(i)", "d1 is lost: 1 layer, its weights get no gradient"),
        (
            "x = self.d1(i)\n    x = self.drop(x)\n    x = self.d2(i)",
            "2 layers, their weights get no gradient",
        ),
        ("x = self.drop(i)\n    x = self.d2(i)", "drop is lost: 1 layer, without effect"),
    ],
)
def test_a_break_says_what_is_lost(body: str, said: str) -> None:
    [finding] = _findings(_model(f"def call(self, i):\n    {body}\n    return self.out(x)"))
    assert said in finding.message
    assert finding.fix is not None
    assert "saved weights no longer load" in finding.fix.effect


def test_a_break_is_drawn() -> None:
    [finding] = _findings(
        _model("def call(self, i):\n    x = self.d1(i)\n    x = self.d2(i)\n    return self.out(x)")
    )
    assert finding.chain is not None
    rows = ["".join(text for text, _ in line) for line in chain_lines(finding.chain, ASCII)]
    assert rows == ["    i -+- d1 -x x: nothing reads it", "       '- d2 - out - return"]
    assert [link.name for link in finding.chain.taken] == ["d2", "out"]


def test_of_two_ways_to_mend_the_likelier_one_comes_first() -> None:
    [finding] = _findings(
        _model(
            "def call(self, i):\n    x = self.conv1(i)\n    x = self.add([i, self.conv2(i)])\n    return x"
        )
    )
    assert finding.fix is not None
    assert "`self.conv2` goes on from there" in finding.fix.message
    assert ["joined in `self.add`" in other.message for other in finding.others] == [True]
    # A run says which of them it is, if it proves only one.
    assert [fix.mends for fix in (finding.fix, *finding.others)] == [("conv1",)] * 2
