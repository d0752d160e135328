"""Copied lines in which a name was not changed (KF204), and layers that were forgotten (KF203)."""

from __future__ import annotations

import pytest

from tests.chain_variants import Broken, assert_is_found_and_mended, parameters

SHAPES: dict[str, tuple[Broken, ...]] = {
    "copy and paste": (
        Broken(
            "two numbers in a name",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Conv2D, MaxPool2D, Concatenate


            class Inception(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.in1_1 = Conv2D(64, 1, padding='same', activation='relu')
                    self.in1_2 = Conv2D(96, 1, padding='same', activation='relu')
                    self.in2_1 = Conv2D(128, 3, padding='same', activation='relu')
                    self.cat = Concatenate()

                def call(self, x):
                    a = self.in1_1(x)
                    b = self.in1_1(x)
                    b = self.in2_1(b)
                    return self.cat([a, b])
            """,
            (("KF204", "b = self.in1_1(x)", ("in1_2",)),),
            (("b = self.in1_1(x)", "b = self.in1_2(x)"),),
        ),
        Broken(
            "the second normalization of a block",
            """
            from tensorflow import keras


            class ResBlock(keras.layers.Layer):
                def __init__(self, filters, **kwargs):
                    super().__init__(**kwargs)
                    self.conv1 = keras.layers.Conv2D(filters, 3, padding="same")
                    self.bn1 = keras.layers.BatchNormalization()
                    self.conv2 = keras.layers.Conv2D(filters, 3, padding="same")
                    self.bn2 = keras.layers.BatchNormalization()

                def call(self, inputs, training=None):
                    x = keras.activations.relu(self.bn1(self.conv1(inputs), training=training))
                    x = self.bn1(self.conv2(x), training=training)
                    return keras.activations.relu(x + inputs)
            """,
            (("KF204", "x = self.bn1(self.conv2(x), training=training)", ("bn2",)),),
            (("x = self.bn1(self.conv2", "x = self.bn2(self.conv2"),),
        ),
        Broken(
            "twin critics, told by a word",
            """
            import tensorflow as tf


            class TwinCritic(tf.keras.Model):
                def __init__(self, hidden=256):
                    super(TwinCritic, self).__init__()
                    self.left_hidden = tf.keras.layers.Dense(hidden, activation="relu")
                    self.left_value = tf.keras.layers.Dense(1)
                    self.right_hidden = tf.keras.layers.Dense(hidden, activation="relu")
                    self.right_value = tf.keras.layers.Dense(1)

                def call(self, states, actions):
                    both = tf.concat([states, actions], axis=1)

                    q1 = self.left_hidden(both)
                    q1 = self.left_value(q1)

                    q2 = self.right_hidden(both)
                    q2 = self.left_value(q2)
                    return q1, q2
            """,
            (("KF204", "q2 = self.left_value(q2)", ("right_value",)),),
            (("q2 = self.left_value(q2)", "q2 = self.right_value(q2)"),),
        ),
        Broken(
            "query, key and value",
            """
            import keras
            from keras import layers, ops


            class SelfAttention(layers.Layer):
                def __init__(self, dim):
                    super().__init__()
                    self.query_dense = layers.Dense(dim)
                    self.key_dense = layers.Dense(dim)
                    self.value_dense = layers.Dense(dim)

                def call(self, x):
                    q, k, v = self.query_dense(x), self.query_dense(x), self.value_dense(x)
                    scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))))
                    return ops.matmul(scores, v)
            """,
            (
                (
                    "KF204",
                    "q, k, v = self.query_dense(x), self.query_dense(x), self.value_dense(x)",
                    ("key_dense",),
                ),
            ),
            ((", self.query_dense(x), self", ", self.key_dense(x), self"),),
        ),
        Broken(
            "one letter apart, in the attention of a tutorial",
            """
            import tensorflow as tf


            class MultiHeadAttention(tf.keras.layers.Layer):
                def __init__(self, d_model, num_heads):
                    super(MultiHeadAttention, self).__init__()
                    self.num_heads = num_heads
                    self.wq = tf.keras.layers.Dense(d_model)
                    self.wk = tf.keras.layers.Dense(d_model)
                    self.wv = tf.keras.layers.Dense(d_model)

                    self.dense = tf.keras.layers.Dense(d_model)

                def call(self, v, k, q, mask):
                    q = self.wq(q)  # (batch_size, seq_len, d_model)
                    k = self.wk(k)  # (batch_size, seq_len, d_model)
                    v = self.wk(v)  # (batch_size, seq_len, d_model)
                    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) + mask)
                    return self.dense(tf.matmul(weights, v))
            """,
            (("KF204", "v = self.wk(v)  # (batch_size, seq_len, d_model)", ("wv",)),),
            (("v = self.wk(v)", "v = self.wv(v)"),),
        ),
        Broken(
            "a row of three, in a helper",
            """
            import tensorflow as tf


            class Extractor(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.dense_1 = tf.keras.layers.Dense(64, activation="relu")
                    self.dense_2 = tf.keras.layers.Dense(64, activation="relu")
                    self.dense_3 = tf.keras.layers.Dense(64, activation="relu")
                    self.logits = tf.keras.layers.Dense(10)

                def _features(self, x):
                    x = self.dense_1(x)
                    x = self.dense_1(x)
                    x = self.dense_1(x)
                    return x

                def call(self, x):
                    return self.logits(self._features(x))
            """,
            (
                ("KF204", "x = self.dense_1(x)", ("dense_2",)),
                ("KF204", "x = self.dense_1(x)", ("dense_3",)),
            ),
            (
                (
                    "        x = self.dense_1(x)\n        x = self.dense_1(x)\n        x = self.dense_1(x)\n",
                    "        x = self.dense_1(x)\n        x = self.dense_2(x)\n        x = self.dense_3(x)\n",
                ),
            ),
        ),
        Broken(
            "dropout at two rates",
            """
            import keras


            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc_a = keras.layers.Dense(32)
                    self.fc_b = keras.layers.Dense(32)
                    self.drop_a = keras.layers.Dropout(0.2)
                    self.drop_b = keras.layers.Dropout(0.5)

                def call(self, x, training=None):
                    x = self.drop_a(self.fc_a(x), training=training)
                    x = self.drop_a(self.fc_b(x), training=training)
                    return x
            """,
            (("KF204", "x = self.drop_a(self.fc_b(x), training=training)", ("drop_b",)),),
            (("self.drop_a(self.fc_b", "self.drop_b(self.fc_b"),),
        ),
    ),
    "a layer that was forgotten": (
        Broken(
            "the second normalization",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import BatchNormalization, Conv2D, Layer


            class DoubleConv(Layer):
                def __init__(self, f):
                    super().__init__()
                    self.conv_1 = Conv2D(f, 3, padding="same")
                    self.norm_1 = BatchNormalization()
                    self.conv_2 = Conv2D(f, 3, padding="same")
                    self.norm_2 = BatchNormalization()

                def call(self, x, training=None):
                    x = self.conv_1(x)
                    x = self.norm_1(x, training=training)
                    x = tf.nn.relu(x)
                    x = self.conv_2(x)
                    x = tf.nn.relu(x)
                    return x
            """,
            (("KF203", "self.norm_2 = BatchNormalization()", ("norm_2",)),),
            (
                (
                    "        x = self.conv_2(x)\n",
                    "        x = self.conv_2(x)\n        x = self.norm_2(x, training=training)\n",
                ),
            ),
        ),
        Broken(
            "the last of a row of hidden layers",
            """
            from tensorflow import keras
            from tensorflow.keras import layers


            class Critic(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc1 = layers.Dense(256, activation="relu")
                    self.fc2 = layers.Dense(256, activation="relu")
                    self.fc3 = layers.Dense(256, activation="relu")
                    self.q = layers.Dense(1)

                def call(self, x):
                    x = self.fc1(x)
                    x = self.fc2(x)
                    return self.q(x)
            """,
            (("KF203", 'self.fc3 = layers.Dense(256, activation="relu")', ("fc3",)),),
            (("        x = self.fc2(x)\n", "        x = self.fc2(x)\n        x = self.fc3(x)\n"),),
        ),
        Broken(
            "nothing shows where it belongs",
            """
            import keras


            class Classifier(keras.Model):
                def __init__(self, num_classes: int):
                    super().__init__()
                    self.conv = keras.layers.Conv2D(32, 3)
                    self.gap = keras.layers.GlobalAveragePooling2D()
                    self.batch_norm = keras.layers.BatchNormalization()
                    self.head = keras.layers.Dense(num_classes)

                def call(self, inputs):
                    return self.head(self.gap(self.conv(inputs)))
            """,
            (("KF203", "self.batch_norm = keras.layers.BatchNormalization()", ("batch_norm",)),),
        ),
    ),
}


@pytest.mark.parametrize("broken", parameters(SHAPES))
def test_a_copied_or_forgotten_layer_is_found(broken: Broken) -> None:
    assert_is_found_and_mended(broken)
