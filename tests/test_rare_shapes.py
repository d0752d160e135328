"""Programs of rare shapes: what is said of each, and that nothing is said where nothing can be known."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

import kerasfix
from kerasfix.engine import Engine
from kerasfix.source import Source

_HEAD = """\
import inspect
import numpy as np
import tensorflow as tf
import keras
from keras import layers


"""


def _net(init: str, call: str, rest: str = "", base: str = "keras.Model") -> str:
    """A model; what follows its `call` may be a method."""
    parts = [textwrap.indent(textwrap.dedent(each), "        ") for each in (init, call)]
    head = f"{_HEAD}class Net({base}):\n    def __init__(self):\n        super().__init__()\n{parts[0]}\n\n"
    return f"{head}    def call(self, x, training=None):\n{parts[1]}\n\n{rest}"


def _said(text: str, code: str) -> list[str]:
    """For each fault: what is written, or why it is left alone."""
    return [
        " ".join(edit.content.strip() for edit in each.fix.edits)
        if each.fix is not None
        else each.help.partition("Left alone, because ")[2]
        for each in kerasfix.check(text)
        if each.code == code
    ]


# Helpers that somebody may call in another way.

_BLOCK = "    def block(self, x):\n        return self.drop(x)\n"
_DROP = "self.drop = layers.Dropout(.5)"
_KEPT_BACK = {
    "fetched by its name": (
        _net(_DROP, 'return getattr(self, "block")(self.block(x))', _BLOCK),
        "line 14 uses `getattr(self, 'block')(self.block(x))`, which may be it",
    ),
    "fetched by a name that is made": (
        _net(_DROP, "return getattr(self, x.name)(self.block(x))", _BLOCK),
        "line 14 uses `getattr(self, x.name)(self.block(x))`, which may be it",
    ),
    "an attribute of a subclass has its name": (
        _net(
            _DROP,
            "return self.block(x)",
            _BLOCK + "\n\nclass Other(Net):\n    def __init__(self):\n        super().__init__()\n"
            "        self.block = layers.Dense(3)\n",
        ),
        "`block` is also set as an attribute, in Other and `block` is an attribute of Other",
    ),
    "it has another name too": (
        _net(_DROP, "return self.block(x)", _BLOCK + "    forward = block\n"),
        "line 18 uses `block` in a way that is not followed",
    ),
    "it is given a generator": (
        _net(_DROP, "return self.block(each for each in x)", _BLOCK),
        "`self.block` on line 14 is called with a generator",
    ),
}


@pytest.mark.parametrize("why", _KEPT_BACK)
def test_a_helper_that_may_be_called_otherwise_is_left_alone(why: str) -> None:
    text, reason = _KEPT_BACK[why]
    assert _said(text, "KF103") == [reason]


@pytest.mark.parametrize(
    ("call", "rest"),
    [
        ('return getattr(self, "other")(self.block(x))', _BLOCK),
        ("return self.block(x)", _BLOCK + "\n\nf = np.block\n"),
        ("return self.block(x)", _BLOCK + "    size = block_size\n"),
    ],
    ids=["another is fetched", "a function of NumPy has its name", "another has another name"],
)
def test_a_helper_that_nothing_else_calls_takes_the_flag(call: str, rest: str) -> None:
    assert _said(_net(_DROP, call, rest), "KF103") == [
        ", training=training , training=None , training=training"
    ]


def test_the_default_of_a_helper_is_not_overruled() -> None:
    helper = _BLOCK.replace("x):", "x, training=True):").replace("(x)", "(x, training=training)")
    assert _said(_net(_DROP, "return self.block(x)", helper), "KF103") == [
        "`block` of Net has a default of its own, which is True"
    ]


def test_a_layer_that_is_given_a_generator_is_left_alone() -> None:
    assert _said(_net(_DROP, "return self.drop(each for each in x)"), "KF103") == [
        "`self.drop` on line 14 is called with a generator"
    ]


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("print(inspect.signature(Net.call))", ""),
        ("def look(call, *more): return inspect.signature(call)\nlook(Net.call, 3)", ""),
        ("def look(*calls): return inspect.signature(calls[0])\nlook(Net.call)", "`Net.call` in a way that"),
        ("def look(call): return run(call)\nlook(Net.call)", "`Net.call` in a way that"),
        ("First = Net\nSecond = First\nrun(Second.call)", "`Second.call` in a way that"),
    ],
)
def test_who_asks_for_the_signature_only_does_not_call(rest: str, reason: str) -> None:
    text = _net(_DROP, "return self.drop(x)", rest + "\n").replace("x, training=None", "x")
    [said] = _said(text, "KF101")
    assert reason in said if reason else said.startswith(", training=None")


# A flag of another name.

_TRAIN = _net(
    _DROP,
    "return self.drop(x, training=train)",
    """\
class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(.5)

    def call(self, x, mask=None, train=False):
        return self.drop(x, training=train)


def run(x, given, more):
    net = Net()
    either = Net() if given else Other()
    perhaps = Net() if given else given
""",
).replace("x, training=None", "x, train=False")


@pytest.mark.parametrize(
    ("call", "renamed"),
    [
        ("net(x, train=1)", "net(x, training=1)"),
        ("net(x, 1)", "net(x, training=1)"),
        # More than it takes: an error as it is.
        ("net(x, 1, 2)", "net(x, 1, 2)"),
        # Which of them is called says what the 1 is.
        ("either(x, 1)", "either(x, 1)"),
        ("either(x)", "either(x)"),
        ("either(x, train=1)", "either(x, training=1)"),
        ("perhaps(x)", "perhaps(x)"),
        ("more.update(other=1); more.setdefault('other', 1); dict(other=1)", None),
    ],
)
def test_a_flag_is_renamed_where_it_is_passed(call: str, renamed: str | None) -> None:
    text = f"{_TRAIN}    {call}\n"
    fixed = kerasfix.fix(text, select=["KF105"]).text
    assert fixed.endswith(f"    {renamed or call}\n")
    assert fixed.count("self.drop(x, training=training)") == 2


@pytest.mark.parametrize("call", ["perhaps(x, train=1)", "perhaps(x, **more)", "dict(train=1)"])
def test_a_flag_is_not_renamed_where_it_may_be_passed_to_others(call: str) -> None:
    fixed = kerasfix.fix(f"{_TRAIN}    {call}\n", select=["KF105"]).text
    assert "    def call(self, x, train=False):\n        return self.drop(x, training=train)\n" in fixed
    assert fixed.endswith(f"    {call}\n")


# Where a gradient ends.


@pytest.mark.parametrize(
    "use",
    [
        "print(f'{h}')",
        "z = [each for each in x if h]",
        "z = [each for each in x for other in each if other if h]",
        "z = h(3)",
        "z = h.numpy",
        "z = (lambda *, k, j=3: k)(h.shape)",
        "z = {**x, 'y': h}",
    ],
)
def test_what_comes_to_nothing_lets_no_gradient_through(use: str) -> None:
    text = _net(
        "self.a = layers.Dense(3)\nself.b = layers.Dense(3)",
        f"h = self.a(x)\n{use}\nreturn self.b(tf.stop_gradient(h))",
    )
    assert len(_said(text, "KF206")) == 1


@pytest.mark.parametrize("use", ["yield h", "use(h)", "self.h = h", "await h", "x.append(h)", "del h"])
def test_what_goes_elsewhere_may_let_a_gradient_through(use: str) -> None:
    text = _net(
        "self.a = layers.Dense(3)\nself.b = layers.Dense(3)",
        f"h = self.a(x)\n{use}\nreturn self.b(tf.stop_gradient(h))",
    ).replace("    def call", "    async def call" if "await" in use else "    def call")
    assert _said(text, "KF206") == []


_LOSSES = (
    _HEAD
    + """\
def make(weight):
    def loss(y_true, y_pred):
        return weight * tf.reduce_mean(tf.cast(tf.argmax(y_pred, -1) == y_true, tf.float32))
    return loss


def loss(y_true, y_pred):
    return tf.reduce_mean(tf.cast(tf.argmax(y_pred, -1) == y_true, tf.float32))


def turned(y_pred, y_true):
    return tf.reduce_mean(tf.cast(tf.argmax(y_true, -1) == y_pred, tf.float32))


def several(weight):
    def one(y_true, y_pred):
        return loss(y_true, y_pred)
    return one if weight else loss


made = make(3)
"""
)


@pytest.mark.parametrize(
    ("loss", "count"),
    [
        ("loss", 1),
        ("[loss, 'mse']", 1),
        ("(made, loss)", 2),
        ("{'a': loss, 'b': make(3)}", 2),
        ("made", 1),
        ("make(3)", 1),
        ("turned", 0),
        ("several(3)", 0),
        ("unknown(3)", 0),
        ("keras.losses.MSE", 0),
    ],
)
def test_a_loss_is_found_however_it_is_given(loss: str, count: int) -> None:
    assert len(_said(f"{_LOSSES}model.compile('adam', loss={loss})\n", "KF206")) == count


_STEP = (
    _HEAD
    + """\
def step(x, gen, disc, opt):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.cast(tf.argmax(gen(x, training=True), -1), tf.float32))
    grads = {}
    opt.apply_gradients(zip(grads, gen.trainable_variables))
"""
)


@pytest.mark.parametrize(
    ("grads", "count"),
    [
        ("tape.gradient(loss, gen.trainable_variables)", 1),
        ("tape.gradient(loss, gen.trainable_variables + disc.trainable_variables)", 1),
        ("tape.gradient(target=loss, sources=gen.trainable_variables)", 1),
        ("tape.gradient(loss)", 0),
        ("tape.gradient(loss, gen.trainable_variables + more)", 1),
    ],
)
def test_what_a_tape_is_asked_for_is_found_however_it_is_given(grads: str, count: int) -> None:
    assert len(_said(_STEP.format(grads), "KF206")) == count


@pytest.mark.parametrize(
    ("line", "count"),
    [("q = self.loss_of(p)", 1), ("q = p.numpy()", 1), ("q = fs[0](p)", 0), ("q = self.use(p)", 0)],
)
def test_a_trainer_that_does_more_with_its_model_may_train_it_so(line: str, count: int) -> None:
    text = f"""{_HEAD}
class Trainer:
    def __init__(self):
        self.gen = keras.Sequential([layers.Dense(3)])

    def step(self, x, opt):
        with tf.GradientTape() as tape:
            p = self.gen(x, training=True)
            {line}
            loss = tf.reduce_mean(tf.cast(tf.argmax(p, -1), tf.float32))
        grads = tape.gradient(loss, self.gen.trainable_variables)
        opt.apply_gradients(zip(grads, self.gen.trainable_variables))
"""
    assert len(_said(text, "KF206")) == count


# Layers that nobody calls.

_TWO = "self.a = layers.Dense(3)\nself.b = layers.Dense(3)"


@pytest.mark.parametrize(
    "init",
    [
        _TWO,
        "self.a = layers.Dense(3)\nself.b: layers.Layer = layers.Dense(3)",
        "self.a, self.b = layers.Dense(3), layers.Dense(3)",
        "self.b, self.a = layers.Dense(3), layers.Dense(3)",
        f"{_TWO}\nregister(self.a)",
    ],
)
def test_a_layer_that_is_never_called_is_found_however_it_is_made(init: str) -> None:
    assert len(_said(_net(init, "return self.a(x)"), "KF203")) == 1


@pytest.mark.parametrize(
    "init",
    [
        f"{_TWO}\ninspect.look(self)",
        f"{_TWO}\nself._init_graph_network(x, y)",
        f"{_TWO}\n# x = self.b(x)",
        "self.a = layers.Dense(3)\nself.b, self.c = layers.Dense(3), layers.Dense(3), 3",
    ],
)
def test_a_layer_that_somebody_may_call_is_not(init: str) -> None:
    assert _said(_net(init, "return self.a(x)"), "KF203") == []


def test_what_the_class_names_itself_may_be_called_by_others() -> None:
    text = _net(_TWO, "return self.a(x)").replace("    def __init__", "    b: layers.Layer\n    def __init__")
    assert _said(text, "KF203") == []


def test_a_layer_of_keras_below_may_call_what_it_finds() -> None:
    assert _said(_net(_TWO, "return self.a(x)", base="layers.Dense"), "KF203") == []


@pytest.mark.parametrize(
    ("decorator", "count"),
    [
        ("@keras.saving.register_keras_serializable()", 1),
        ("@register('net')", 1),
        ("@tf.keras.utils.register_keras_serializable", 1),
        ("@dataclass", 0),
        ("@plugin.complete(3)", 0),
    ],
)
def test_a_decorator_of_a_class_may_add_to_it(decorator: str, count: int) -> None:
    text = _net(_TWO, "return self.a(x)").replace("class Net", f"{decorator}\nclass Net")
    assert len(_said(text, "KF203")) == count


_PAIRS = """\
self.conv1 = layers.Conv2D(3, 3)
self.bn1 = layers.BatchNormalization()
self.conv2 = layers.Conv2D(3, 3)
self.bn2 = layers.BatchNormalization()"""


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        (
            "match x.ndim:\n    case 1:\n        x = self.conv1(x)\n        x = self.bn1(x)\n"
            "        x = self.conv2(x)\n        return x\nreturn x",
            "x = self.bn2(x)",
        ),
        (
            "match x.ndim:\n    case 1:\n        x = self.conv1(x)\n        x = self.bn1(x)\n"
            "    case _:\n        x = self.conv2(x)\nreturn x",
            "",
        ),
        ("x = self.conv1(x)\nif x:\n    x = self.bn1(x)\nx = self.conv2(x)\nreturn x", ""),
        ("x = self.conv1(x)\nx = self.bn1(x)\nx += self.conv2(x)\nreturn x", ""),
        ("x = self.bn1(self.conv1(x))\nself.conv2(x)\nreturn x", ""),
    ],
    ids=["one case", "two cases", "under a condition", "added", "dropped"],
)
def test_where_a_layer_belongs_is_told_by_its_sibling_if_they_stand_alike(call: str, fix: str) -> None:
    assert _said(_net(_PAIRS, call), "KF203") == [fix]


# Defaults.


def test_an_augmentation_that_trains_by_default_is_called_bare() -> None:
    text = (
        _HEAD
        + """\
class Flip(layers.Layer):
    def __init__(self):
        super().__init__()
        self.flip = layers.RandomFlip()

    def call(self, x, training=True):
        return self.flip(x, training=training)


class Turn(layers.RandomRotation):
    pass


"""
        + _net("self.a = Flip()\nself.b = Turn()\nself.c = layers.LSTM(3, **given)", "return 3").partition(
            _HEAD
        )[2]
    )
    called = text.replace("return 3", "return self.c(self.b(self.a(x)))")
    assert _said(called, "KF103") == []
    assert len(_said(text.replace("return 3", "return layers.Dropout(.5)(x)"), "KF103")) == 1


# What layers hold, and what holds them.


def test_a_layer_that_the_one_of_keras_below_holds_is_known() -> None:
    text = f"""{_HEAD}class Attention(layers.MultiHeadAttention):
    def call(self, x, training=None):
        return self._dropout_layer(x)
"""
    assert _said(text, "KF103") == [", training=training"]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("net.blocks[0]", 1),
        ("net.blocks[0] = layers.Dense(3)", 0),
        ("net.blocks = [layers.Dense(3)]", 0),
        ("net.others[0] = layers.Dense(3)", 1),
    ],
)
def test_what_somebody_else_puts_there_may_be_anything(line: str, count: int) -> None:
    text = _net("self.blocks = [layers.Dropout(.5)]", "return self.blocks[0](x)", f"net = Net()\n{line}\n")
    assert len(_said(text, "KF103")) == count


@pytest.mark.parametrize(
    ("layer", "starved"),
    [
        ("layers.Dense(3)", True),
        ("layers.BatchNormalization(center=False)", False),
        ("layers.Dropout(.5)", False),
        ("Weight()", True),
        ("Frozen()", False),
        ("Unknown()", False),
    ],
)
def test_only_what_has_weights_that_learn_wants_a_gradient(layer: str, starved: bool) -> None:
    frozen = "        self.trainable = False\n"
    own = f"""class Frozen(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3,))
{frozen}
    def call(self, x):
        return x * self.w


"""
    model = _net(f"self.a = {layer}\nself.b = layers.Dense(3)", "return self.b(tf.stop_gradient(self.a(x)))")
    text = _HEAD + own + own.replace("Frozen", "Weight").replace(frozen, "") + model.removeprefix(_HEAD)
    assert bool(_said(text, "KF206")) is starved


def test_what_an_unknown_base_does_with_a_layer_is_not_known() -> None:
    text = _net(
        "self.a = layers.Dense(3)\nself.b = layers.Dense(3)", "return self.b(tf.stop_gradient(self.a(x)))"
    )
    assert len(_said(text, "KF206")) == 1
    assert _said(text.replace("Net(keras", "Net(Unknown, keras"), "KF206") == []


def test_a_class_is_found_by_all_the_names_that_a_package_gives_it(tmp_path: Path) -> None:
    block = _net(_DROP, "return self.drop(x)").replace("x, training=None", "x").replace("Net", "Block")
    files = {
        "p/__init__.py": "from .block import Block as First\nSecond = First\nfrom . import block\n"
        "Third = block.Block\n",
        "p/block.py": block,
        "broken/__init__.py": "class (\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    source = (
        "from broken import Block\nfrom p.block.deep import Other\n"
        + _net(
            "self.a = First()\nself.b = Second()\nself.c = Third()\nself.d = Block()\nself.e = Other()",
            "return self.e(self.d(self.c(self.b(self.a(x)))))",
        )
    ).replace("import keras\n", "import keras\nfrom p import First, Second, Third\n")
    file = os.path.realpath(tmp_path / "net.py")
    sources = {file: Source(source, file)}
    found = Engine().check_sources(sources)[file]
    # Where the flag is needed for certain.
    lost = {each.message.partition("`self.")[2][:1] for each in found if each.code == "KF103"}
    assert lost == {"a", "b", "c"}


# Chains that break.


@pytest.mark.parametrize(
    "line", ["self.act(x)", "tf.nn.relu(x)", "keras.activations.relu(x)", "self.activation(x)", "x.shape"]
)
def test_an_activation_whose_result_is_dropped_does_nothing_to_a_chain(line: str) -> None:
    init = "self.a = layers.Dense(3)\nself.b = layers.BatchNormalization()\nself.c = layers.Dense(3)"
    text = _net(
        f"{init}\nself.act = keras.activations.get('relu')",
        f"y = self.a(x)\nz = self.b(y, training=training)\n{line}\nreturn self.c(y)",
    )
    assert len(_said(text, "KF201")) == 1


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("z = self.b(y, training=training)\nw = self.b(y, training=training)", 2),
        ("z = self.b(y, training=training)\ny = y + 1", 0),
        ("z = self.b(y, training=training)\ny = z + 1", 0),
    ],
)
def test_what_reads_the_same_layer_again_is_no_way_on(lines: str, count: int) -> None:
    init = "self.a = layers.Dense(3)\nself.b = layers.BatchNormalization()\nself.c = layers.Dense(3)"
    assert len(_said(_net(init, f"y = self.a(x)\n{lines}\nreturn self.c(y)"), "KF201")) == count


# What may be trained, and in which mode.


@pytest.mark.parametrize(
    ("read", "count"),
    [
        ("self.drops[i](x)", 2),
        ("self.drops[len(self.drops) - 1](x)", 2),
        ("[drop(x) for drop in self.drops][0]", 2),
    ],
)
def test_a_row_of_layers_gets_the_flag_however_it_is_read(read: str, count: int) -> None:
    text = _net(
        "self.drops = [layers.Dropout(.5) for _ in range(3)]",
        f"for i in range(len(self.drops)):\n    x = {read}\nreturn x",
    ).replace("x, training=None", "x")
    [fix] = _said(text, "KF101")
    assert fix.count("training=") == count


@pytest.mark.parametrize(
    ("tensor", "count"),
    [
        ("base.output", 1),
        ("base.get_layer('a').output", 1),
        ("base.layers[-2].output", 1),
        ("base.get_layer('a').get_layer('b').output", 1),
        ("given.output", 0),
        ("given.get_layer('a').output", 0),
        ("given.layers[0].output", 0),
        ("base.shapes[0].output", 0),
    ],
)
def test_what_comes_out_of_a_layer_of_a_model_is_a_tensor(tensor: str, count: int) -> None:
    text = f"""{_HEAD}base = keras.applications.ResNet50()


def build(given):
    x = layers.Dropout(.5)({tensor}, training=True)
    return keras.Model(base.input, x)
"""
    assert len(_said(text, "KF109")) == count


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("x = self.rows[0](x)", 1),
        ("for i in range(len(self.rows)):\n    x = self.rows[i](x)", 1),
        ("for i, row in enumerate(self.rows):\n    x = row(x)", 1),
        ("for row in reversed(self.rows):\n    x = row(x)", 1),
        ("for row in use(self.rows):\n    x = row(x)", 0),
        ("for row in self.rows:\n    x = row(x)\n    use(row)", 0),
        ("x = self.rows[0](x)\nuse(self.rows[0])", 0),
    ],
)
def test_a_row_of_layers_is_only_called_however_it_is_gone_over(line: str, count: int) -> None:
    text = _net(
        "self.rows = [layers.Dense(3), layers.Dense(3)]\nself.b = layers.Dense(3)",
        f"{line}\nreturn self.b(tf.stop_gradient(x))",
    )
    assert len(_said(text, "KF206")) == count
