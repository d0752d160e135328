"""Broken chains where a functional model is built: layers that are silently no part of it."""

from __future__ import annotations

import pytest

from kerasfix.api import check
from tests.chain_variants import Broken, assert_is_found_and_mended, parameters

SHAPES: dict[str, tuple[Broken, ...]] = {
    "a builder reads an older tensor": (
        Broken(
            "a convolution that begins anew",
            """
            from tensorflow.keras.layers import Input, Conv2D, BatchNormalization, Activation, Dense, Flatten
            from tensorflow.keras.models import Model


            def create_model(input_shape, num_classes):
                inp = Input(shape=input_shape)
                x = Conv2D(32, (3, 3), padding='same')(inp)
                x = BatchNormalization()(x)
                x = Activation('relu')(x)
                x = Conv2D(64, (3, 3), padding='same')(inp)
                x = Activation('relu')(x)
                x = Flatten()(x)
                out = Dense(num_classes, activation='softmax')(x)
                return Model(inputs=inp, outputs=out)
            """,
            (
                (
                    "KF201",
                    "x = Conv2D(64, (3, 3), padding='same')(inp)",
                    ("Conv2D", "BatchNormalization", "Activation"),
                ),
            ),
            (("Conv2D(64, (3, 3), padding='same')(inp)", "Conv2D(64, (3, 3), padding='same')(x)"),),
        ),
        Broken(
            "a residual block as a function, its layers named, the skip kept",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            def identity_block(input_tensor, kernel_size, filters, stage, block):
                base = 'res' + str(stage) + block + '_branch'
                x = layers.Conv2D(filters, (1, 1), name=base + '2a')(input_tensor)
                x = layers.BatchNormalization(name='bn' + str(stage) + block)(x)
                x = tf.nn.relu(x)
                x = layers.Conv2D(filters, kernel_size, padding='same', name=base + '2b')(input_tensor)
                x = layers.add([x, input_tensor])
                x = layers.Activation('relu')(x)
                return x
            """,
            (
                (
                    "KF201",
                    "x = layers.Conv2D(filters, kernel_size, padding='same', name=base + '2b')(input_tensor)",
                    ("Conv2D", "BatchNormalization"),
                ),
            ),
            (("'2b')(input_tensor)", "'2b')(x)"),),
        ),
        Broken(
            "a script with two inputs",
            """
            import keras
            from keras import layers

            title = keras.Input(shape=(None,), name="title")
            tags = keras.Input(shape=(12,), name="tags")

            t = layers.Embedding(10000, 64)(title)
            t = layers.LSTM(128)(t)
            g = layers.Dense(32, activation="relu")(tags)
            g = layers.Dense(32, activation="relu", name="tags_2")(tags)
            x = layers.concatenate([t, g])
            priority = layers.Dense(1, name="priority")(x)

            model = keras.Model(inputs=[title, tags], outputs={"priority": priority})
            model.compile(optimizer="rmsprop", loss="mse")
            model.fit(data, epochs=2)
            """,
            (
                (
                    "KF201",
                    'g = layers.Dense(32, activation="relu", name="tags_2")(tags)',
                    ("Dense",),
                ),
            ),
            (('name="tags_2")(tags)', 'name="tags_2")(g)'),),
        ),
        Broken(
            "a method of a plain class, and augmentation that is skipped",
            """
            import tensorflow as tf
            from tensorflow import keras


            class Trainer:
                def __init__(self, size):
                    self.size = size
                    self.model = self.build_model()

                def build_model(self):
                    image = keras.layers.Input((self.size, self.size, 3))
                    x = keras.layers.RandomFlip("horizontal")(image)
                    x = keras.layers.RandomRotation(0.2)(x)
                    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
                    base = keras.applications.MobileNetV2(include_top=False, weights=None)
                    x = base(x, training=False)
                    x = keras.layers.GlobalAveragePooling2D()(x)
                    return keras.Model(image, keras.layers.Dense(1)(x))
            """,
            (
                (
                    "KF201",
                    "x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)",
                    ("RandomFlip", "RandomRotation"),
                ),
            ),
            (("offset=-1)(image)", "offset=-1)(x)"),),
        ),
    ),
    "a builder keeps a result in a name that nobody reads": (
        Broken(
            "numbered names in an encoder",
            """
            from keras.layers import Conv2D, Input, MaxPooling2D, UpSampling2D
            from keras.models import Model

            input_img = Input(shape=(28, 28, 1))

            def encode(img):
                conv1 = Conv2D(32, (3, 3), activation='relu', padding='same')(img)
                pool1 = MaxPooling2D(pool_size=(2, 2))(conv1)
                conv2 = Conv2D(64, (3, 3), activation='relu', padding='same')(conv1)
                pool2 = MaxPooling2D(pool_size=(2, 2))(conv2)
                return pool2

            model = Model(input_img, encode(input_img))
            """,
            (
                (
                    "KF201",
                    "conv2 = Conv2D(64, (3, 3), activation='relu', padding='same')(conv1)",
                    ("MaxPooling2D",),
                ),
            ),
            (("padding='same')(conv1)\n", "padding='same')(pool1)\n"),),
        ),
        Broken(
            "dropout behind a dense layer, names in words",
            """
            from tensorflow.keras import Input, Model, layers


            def make(n_features: int) -> Model:
                inputs = Input(shape=(n_features,))
                hidden = layers.Dense(64, activation="relu")(inputs)
                regularized = layers.Dropout(0.5)(hidden)
                outputs = layers.Dense(1, activation="sigmoid")(hidden)
                return Model(inputs=inputs, outputs=outputs)
            """,
            (("KF201", 'outputs = layers.Dense(1, activation="sigmoid")(hidden)', ("Dropout",)),),
            (('"sigmoid")(hidden)', '"sigmoid")(regularized)'),),
        ),
        Broken(
            "of several ways on none is likelier than the other",
            """
            import keras
            from keras import layers


            def heads(shape):
                inputs = keras.Input(shape)
                trunk = layers.Dense(64)(inputs)
                normed = layers.LayerNormalization()(trunk)
                policy = layers.Dense(4)(trunk)
                value = layers.Dense(1)(trunk)
                return keras.Model(inputs, [policy, value])
            """,
            (("KF201", "policy = layers.Dense(4)(trunk)", ("LayerNormalization",)),),
            (),
            ("policy = layers.Dense(4)(normed)", "value = layers.Dense(1)(normed)"),
        ),
        Broken(
            "pooling between blocks that are functions",
            """
            from tensorflow.keras import Input, Model, layers


            def conv_block(x, filters):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
                return layers.BatchNormalization()(x)


            def unet(shape):
                inputs = Input(shape)
                c1 = conv_block(inputs, 16)
                p1 = layers.MaxPooling2D()(c1)
                c2 = conv_block(c1, 32)
                return Model(inputs, layers.Conv2D(1, 1)(c2))
            """,
            (("KF201", "c2 = conv_block(c1, 32)", ("MaxPooling2D",)),),
            (("conv_block(c1, 32)", "conv_block(p1, 32)"),),
        ),
    ),
    "a builder drops a result": (
        Broken(
            "batch normalization as a statement",
            """
            import tensorflow as tf


            def make_discriminator_model():
                inputs = tf.keras.Input(shape=(28, 28, 1))
                x = tf.keras.layers.Conv2D(64, (5, 5), strides=(2, 2), padding='same')(inputs)
                tf.keras.layers.BatchNormalization()(x)
                x = tf.keras.layers.LeakyReLU()(x)
                x = tf.keras.layers.Flatten()(x)
                x = tf.keras.layers.Dense(1)(x)
                return tf.keras.Model(inputs, x)
            """,
            (("KF202", "tf.keras.layers.BatchNormalization()(x)", ("BatchNormalization",)),),
            (
                (
                    "    tf.keras.layers.BatchNormalization()(x)",
                    "    x = tf.keras.layers.BatchNormalization()(x)",
                ),
            ),
        ),
        Broken(
            "dropout in a loop over sizes, under a condition",
            """
            from tensorflow.keras.layers import Dense, Dropout, Input
            from tensorflow.keras.models import Model


            def mlp(sizes, rate=None):
                inputs = Input((16,))
                net = inputs
                for size in sizes:
                    net = Dense(size, activation='relu')(net)
                    if rate:
                        Dropout(rate)(net)
                return Model(inputs, Dense(1)(net))
            """,
            (("KF202", "Dropout(rate)(net)", ("Dropout",)),),
            (("            Dropout(rate)(net)", "            net = Dropout(rate)(net)"),),
        ),
        Broken(
            "in a block, a named layer",
            """
            from keras import layers


            def conv_block(inputs, filters, name):
                y = layers.Conv2D(filters, 3, use_bias=False, name=f"{name}_conv")(inputs)
                layers.BatchNormalization(name="norm")(y)
                y = layers.ReLU()(y)
                return layers.MaxPooling2D()(y)
            """,
            (("KF202", 'layers.BatchNormalization(name="norm")(y)', ("norm",)),),
            (("    layers.BatchNormalization(", "    y = layers.BatchNormalization("),),
        ),
    ),
}


@pytest.mark.parametrize("broken", parameters(SHAPES))
def test_a_broken_builder_is_found_and_mended(broken: Broken) -> None:
    assert_is_found_and_mended(broken)


TWO_CHAINS = """\
import keras
from keras import layers


def build():
    x = inputs = keras.Input((8,))
    y = layers.Dropout(0.5)(x)
    h = layers.Dropout(0.5)(x)
    y = layers.Dense(4)(x)
    return keras.Model(inputs, x)
"""
IN_A_LOOP = """\
import keras


class Net(keras.Model):
    def __init__(self):
        self.noise = keras.layers.GaussianNoise(0.1)
        self.norm = keras.layers.BatchNormalization()

    def call(self, x, training=None):
        for layer in self.norm:
            inputs = layer(self.encode(x, training=training))
            inputs = self.noise(inputs, training=training)
            x = self.norm(x, training=training)
"""


def _told_in_many_runs(text: str) -> list[list[str]]:
    """What is told of broken chains; sets go by places in memory, which are others every time."""
    crowd, told = [], []
    for size in range(40):
        crowd.append([object() for _ in range(size * 7 % 13)])
        told.append([each.message for each in check(text) if each.code == "KF201"])
    return told


def test_two_chains_that_one_read_breaks_are_told_in_the_order_of_the_source() -> None:
    for told in _told_in_many_runs(TWO_CHAINS):
        assert ["instead of `y`" in message for message in told] == [True, False]


def test_what_is_found_in_a_loop_is_found_in_every_run() -> None:
    first, *others = _told_in_many_runs(IN_A_LOOP)
    assert all(told == first for told in others)
