"""Models of the kinds that people write: what is broken in each is mended, and a run proves it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

import kerasfix
from kerasfix import Applicability
from kerasfix.verify.report import ModelReport, VerdictKind

VAE = """
    class Sampling(layers.Layer):
        def call(self, inputs):
            mean, log_var = inputs
            noise = keras.random.normal(ops.shape(mean))
            return mean + ops.exp(0.5 * log_var) * noise


    class Net(keras.Model):
        def __init__(self, latent_dim=4):
            super().__init__()
            self.hidden = layers.Dense(16, activation="relu")
            self.drop = layers.Dropout(0.5)
            self.mean = layers.Dense(latent_dim)
            self.log_var = layers.Dense(latent_dim)
            self.sample = Sampling()
            self.decode = layers.Dense(16, activation="relu")
            self.out = layers.Dense(20, activation="sigmoid")

        def call(self, inputs):
            h = self.drop(self.hidden(inputs))
            mean, log_var = self.mean(h), self.log_var(h)
            z = self.sample([mean, log_var])
            kl = -0.5 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var))
            self.add_loss(kl)
            return self.out(self.decode(z))
"""
GAN = """
    class Net(keras.Model):
        '''The generator, with its discriminator beside it.'''

        def __init__(self, noise_dim=8):
            super().__init__()
            self.noise_dim = noise_dim
            self.dense = layers.Dense(4 * 4 * 8)
            self.bn = layers.BatchNormalization()
            self.reshape = layers.Reshape((4, 4, 8))
            self.up = layers.Conv2DTranspose(4, 3, strides=2, padding="same")
            self.image = layers.Conv2D(1, 3, padding="same", activation="tanh")
            self.judge = keras.Sequential([layers.Flatten(), layers.Dropout(0.3), layers.Dense(1)])

        def build(self, input_shape):
            super().build((None, self.noise_dim))

        def call(self, noise, training=True):
            x = self.reshape(self.bn(self.dense(noise), training=training))
            return self.judge(self.image(self.up(x)), training=training)
"""
TRANSFORMER = """
    class Net(keras.Model):
        def __init__(self, vocab_size=50, d_model=16, num_heads=2):
            super().__init__()
            self.embedding = layers.Embedding(vocab_size, d_model, mask_zero=True)
            self.attention = layers.MultiHeadAttention(num_heads, d_model // num_heads)
            self.norm1 = layers.LayerNormalization()
            self.drop1 = layers.Dropout(0.1)
            self.ffn = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(d_model)])
            self.drop2 = layers.Dropout(0.1)
            self.norm2 = layers.LayerNormalization()
            self.out = layers.Dense(vocab_size)

        def call(self, tokens, training=None):
            x = self.embedding(tokens)
            attended = self.attention(x, x, use_causal_mask=True)
            attended = self.drop1(x, training=training)
            x = self.norm1(x + attended)
            fed = self.ffn(x)
            fed = self.drop2(fed, training=training)
            return self.out(self.norm2(x + fed))
"""
RNN = """
    class Net(keras.Model):
        def __init__(self, vocab_size=40, units=12):
            super().__init__()
            self.embedding = layers.Embedding(vocab_size, 8)
            self.gru = layers.GRU(units, return_sequences=True, return_state=True)
            self.drop = layers.Dropout(0.4)
            self.dense = layers.Dense(vocab_size)

        def call(self, tokens):
            x = self.embedding(tokens)
            x, state = self.gru(x)
            return self.dense(self.drop(x))
"""
UNET = """
    class Block(layers.Layer):
        def __init__(self, filters):
            super().__init__()
            self.conv1 = layers.Conv2D(filters, 3, padding="same")
            self.bn1 = layers.BatchNormalization()
            self.conv2 = layers.Conv2D(filters, 3, padding="same")
            self.bn2 = layers.BatchNormalization()

        def call(self, inputs, training=None):
            x = self.conv1(inputs)
            x = ops.relu(self.bn1(x, training=training))
            x = self.conv2(inputs)
            return ops.relu(self.bn2(x, training=training))


    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.down = Block(4)
            self.pool = layers.MaxPooling2D()
            self.middle = Block(8)
            self.up = layers.Conv2DTranspose(4, 2, strides=2)
            self.join = layers.Concatenate()
            self.last = Block(4)
            self.out = layers.Conv2D(2, 1)

        def call(self, images, training=None):
            skip = self.down(images, training=training)
            x = self.middle(self.pool(skip), training=training)
            x = self.last(self.join([self.up(x), skip]), training=training)
            return self.out(x)


    model = Net()
    model.build((None, 16, 16, 3))
"""
FROZEN = """
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.backbone = keras.Sequential(
                [keras.Input((12, 12, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()]
            )
            self.backbone.trainable = False
            self.drop = layers.Dropout(0.5)
            self.head = layers.Dense(3)

        def call(self, images):
            return self.head(self.drop(self.backbone(images, training=False)))
"""
KINDS = {
    "a VAE with a loss of its own, without the flag": (
        VAE,
        "drop (Dropout) did not run in training mode in fit",
    ),
    "a generator that trains in a plain call": (
        GAN,
        "bn (BatchNormalization) ran in training mode in a bare call",
    ),
    "a Transformer with masks, whose attention is lost": (TRANSFORMER, "attention"),
    "an RNN with its state, without the flag": (RNN, "drop (Dropout) did not run in training mode in fit"),
    "a model on a frozen backbone, without the flag": (
        FROZEN,
        "drop (Dropout) did not run in training mode in fit",
    ),
}


def _text(source: str) -> str:
    return "import keras\nfrom keras import layers, ops\n\n\n" + textwrap.dedent(source).lstrip("\n")


def _mended(text: str) -> str:
    return kerasfix.fix(text, applicability=tuple(Applicability)).text


@pytest.mark.parametrize(("source", "said"), KINDS.values(), ids=KINDS)
def test_what_is_mended_is_proved(source: str, said: str, compare: Callable[..., ModelReport]) -> None:
    text = _text(source)
    report = compare(text, _mended(text), outputs_must_match=False)
    assert (report.verdict, report.reasons) == (VerdictKind.PROVED, report.reasons)
    assert any(said in reason for reason in report.reasons)
    assert report.after is not None
    assert report.after.missing_gradient == ()


def test_the_blocks_of_a_u_net_are_mended_inside(compare: Callable[..., ModelReport]) -> None:
    text = _text(UNET)
    report = compare(text, _mended(text), outputs_must_match=False)
    assert report.verdict is VerdictKind.PROVED
    assert report.before is not None
    assert "down.conv1/kernel" in report.before.missing_gradient
    assert report.after is not None
    assert report.after.missing_gradient == ()


def test_a_frozen_backbone_is_no_fault(compare: Callable[..., ModelReport]) -> None:
    report = compare(_mended(_text(FROZEN)))
    assert report.verdict is VerdictKind.UNCHANGED
    assert report.after is not None
    assert report.after.trainable == ("head/kernel", "head/bias")


OWN_STEP = """
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(8, activation="relu")
            self.drop = layers.Dropout(0.5)
            self.out = layers.Dense(5)

        def compile(self, g_optimizer, loss_fn, **kwargs):
            super().compile(**kwargs)
            self.g_optimizer = g_optimizer
            self.loss_fn = loss_fn

        def train_step(self, data):
            with tf.GradientTape() as tape:
                outputs = self(data, training=FLAG)
                loss = self.loss_fn(data, outputs)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.g_optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return {"loss": loss}

        def call(self, inputs, training=None):
            return self.out(self.drop(self.hidden(inputs), training=training))


    model = Net()
    model.build((None, 5))
"""


def test_the_step_that_a_model_brings_along_is_run(compare: Callable[..., ModelReport]) -> None:
    text = _text(OWN_STEP).replace("import keras\n", "import keras\nimport tensorflow as tf\n")
    report = compare(text.replace("FLAG", "False"), text.replace("FLAG", "True"))
    assert report.verdict is VerdictKind.PROVED
    assert report.reasons == (
        "drop (Dropout) did not run in training mode in its own train_step; now it does",
    )
    assert report.before is not None
    assert report.before.sensitive["drop"].received["fit"] is True
    assert report.before.sensitive["drop"].received["train_step"] is False


def test_the_mended_step_of_a_model_is_proved(compare: Callable[..., ModelReport]) -> None:
    text = _text(OWN_STEP).replace("import keras\n", "import keras\nimport tensorflow as tf\n")
    text = text.replace("self(data, training=FLAG)", "self(data)")
    report = compare(text, kerasfix.fix(text, select=["KF302"]).text)
    assert report.verdict is VerdictKind.PROVED
    assert report.reasons == (
        "drop (Dropout) did not run in training mode in its own train_step; now it does",
    )
    assert report.before is not None
    assert report.after is not None
    flags = [seen.sensitive["drop"].received["train_step"] for seen in (report.before, report.after)]
    assert flags == [None, True]


def test_a_step_that_no_data_fits_is_no_fault(compare: Callable[..., ModelReport]) -> None:
    text = _text(OWN_STEP).replace("import keras\n", "import keras\nimport tensorflow as tf\n")
    text = text.replace("outputs = self(data, training=FLAG)", "outputs = self(data['image'], training=True)")
    report = compare(text)
    assert report.verdict is VerdictKind.UNCHANGED
    assert report.after is not None
    assert "train_step" not in report.after.sensitive["drop"].received
    assert any(note.startswith("its own train_step did not run: ") for note in report.after.notes)


def test_a_weight_that_failed_is_no_burden_for_the_next_attempt(compare: Callable[..., ModelReport]) -> None:
    """Keras 3 keeps what it could not make, and would raise for it in every call that follows."""
    report = compare(
        '''
import keras

def started(shape, dtype=None):
    if shape[0] != 12:
        raise ValueError("not so wide")
    return keras.ops.ones(shape, dtype)

class Net(keras.Model):
    """Takes rows: `net(keras.ops.ones((1, 12)))`."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer=started)

    def call(self, rows):
        return rows * self.scale

net = Net()
net.build((None, 12))
'''
    )
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


def test_what_comes_by_name_is_told_to_build(compare: Callable[..., ModelReport]) -> None:
    """Keras tells `build` no shapes if `call` takes what comes."""
    report = compare(
        """
import keras

class Net(keras.Model):
    def build(self, shapes):
        self.left = keras.layers.Dense(4)
        self.left.build(shapes["left"])
        self.right = keras.layers.Dense(shapes["right"][-1])
        self.right.build(shapes["left"])
        self.built = True

    def call(self, *args, **kwargs):
        return self.losses_of(*args, **kwargs)

    def losses_of(self, left, right=None, training=None):
        return self.left(left), self.right(left) - right
"""
    )
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert [each.name for each in report.inputs] == ["left", "right"]
