"""Programs whose tensors are used more than once, or by one way of several, as they are meant to be."""

from __future__ import annotations

import pytest

from tests.chain_variants import Sound, assert_is_left_alone, parameters

SHAPES: dict[str, tuple[Sound, ...]] = {
    "branches joined later": (
        Sound(
            "an inception block",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class InceptionBlock(tf.keras.layers.Layer):
                def __init__(self, c1, c2, c3):
                    super().__init__()
                    self.p1_1 = layers.Conv2D(c1, 1, activation='relu')
                    self.p2_1 = layers.Conv2D(c2[0], 1, activation='relu')
                    self.p2_2 = layers.Conv2D(c2[1], 3, padding='same', activation='relu')
                    self.p3_1 = layers.MaxPool2D(3, 1, padding='same')
                    self.p3_2 = layers.Conv2D(c3, 1, activation='relu')

                def call(self, x):
                    p1 = self.p1_1(x)
                    p2 = self.p2_2(self.p2_1(x))
                    p3 = self.p3_2(self.p3_1(x))
                    return tf.concat([p1, p2, p3], axis=-1)
            """,
        ),
        Sound(
            "one name for all branches, each put into a list",
            """
            import keras


            class ASPP(keras.layers.Layer):
                def __init__(self, filters):
                    super().__init__()
                    self.one = keras.layers.Conv2D(filters, 1)
                    self.six = keras.layers.Conv2D(filters, 3, dilation_rate=6, padding="same")
                    self.twelve = keras.layers.Conv2D(filters, 3, dilation_rate=12, padding="same")
                    self.project = keras.layers.Conv2D(filters, 1)

                def call(self, inputs):
                    branches = []
                    out = self.one(inputs)
                    branches.append(out)
                    out = self.six(inputs)
                    branches.append(out)
                    out = self.twelve(inputs)
                    branches += [out]
                    return self.project(keras.ops.concatenate(branches, axis=-1))
            """,
        ),
        Sound(
            "squeeze and excitation, joined by an operator and in place",
            """
            import tensorflow as tf


            class SEBlock(tf.keras.layers.Layer):
                def __init__(self, c):
                    super().__init__()
                    self.pool = tf.keras.layers.GlobalAveragePooling2D(keepdims=True)
                    self.down = tf.keras.layers.Dense(c // 4, activation="relu")
                    self.up = tf.keras.layers.Dense(c, activation="sigmoid")
                    self.conv = tf.keras.layers.Conv2D(c, 3, padding="same")

                def call(self, t):
                    w = self.pool(t)
                    w = self.up(self.down(w))
                    y = self.conv(t)
                    y *= w
                    return y
            """,
        ),
        Sound(
            "left and right through one name, a tuple, a dict",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Dense


            class TwoTower(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.user = Dense(32)
                    self.item = Dense(32)
                    self.context = Dense(32)

                def call(self, features):
                    h = self.user(features["user"])
                    towers = {"user": h}
                    h = self.item(features["item"])
                    towers["item"] = h
                    h = self.context(features["context"])
                    pair = (towers["user"], h)
                    return tf.reduce_sum(pair[0] * towers["item"] * pair[1], -1)
            """,
        ),
        Sound(
            "one of three branches is left out",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class MultiScale(layers.Layer):
                def __init__(self, filters):
                    super().__init__()
                    self.branch1 = layers.Conv1D(filters, 1, padding="same")
                    self.branch2 = layers.Conv1D(filters, 3, padding="same")
                    self.branch3 = layers.Conv1D(filters, 5, padding="same")

                def call(self, x):
                    b1 = self.branch1(x)
                    b2 = self.branch2(x)
                    b3 = self.branch3(x)
                    return tf.concat([b2, b3], axis=-1)
            """,
            mentioned=(("KF201", "b2 = self.branch2(x)"),),
        ),
        Sound(
            "the gates of a cell, one of them not used yet",
            """
            import keras
            from keras import layers, ops


            class Cell(layers.Layer):
                def __init__(self, units):
                    super().__init__()
                    self.forget = layers.Dense(units, activation="sigmoid")
                    self.update = layers.Dense(units, activation="sigmoid")
                    self.output_gate = layers.Dense(units, activation="sigmoid")
                    self.candidate = layers.Dense(units, activation="tanh")

                def call(self, x, state):
                    joined = ops.concatenate([x, state], axis=-1)
                    f = self.forget(joined)
                    u = self.update(joined)
                    o = self.output_gate(joined)
                    c = self.candidate(joined)
                    return o * ops.tanh(u * c + (1 - u) * state)
            """,
            mentioned=(("KF201", "u = self.update(joined)"),),
        ),
    ),
    "projection shortcuts": (
        Sound(
            "the projection overwrites the shortcut",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Residual(tf.keras.Model):
                def __init__(self, num_channels, use_1x1conv=False, strides=1):
                    super().__init__()
                    self.conv1 = layers.Conv2D(num_channels, padding='same', kernel_size=3, strides=strides)
                    self.conv2 = layers.Conv2D(num_channels, kernel_size=3, padding='same')
                    self.conv3 = None
                    if use_1x1conv:
                        self.conv3 = layers.Conv2D(num_channels, kernel_size=1, strides=strides)
                    self.bn1 = layers.BatchNormalization()
                    self.bn2 = layers.BatchNormalization()

                def call(self, X):
                    Y = tf.keras.activations.relu(self.bn1(self.conv1(X)))
                    Y = self.bn2(self.conv2(Y))
                    if self.conv3 is not None:
                        X = self.conv3(X)
                    Y += X
                    return tf.keras.activations.relu(Y)
            """,
        ),
        Sound(
            "the shortcut is projected last, from the input",
            """
            import keras
            from keras import layers


            class Bottleneck(keras.Model):
                def __init__(self, filters):
                    super().__init__()
                    self.convs = [layers.Conv2D(filters, k, padding="same") for k in (1, 3, 1)]
                    self.norms = [layers.BatchNormalization() for _ in range(3)]
                    self.project = layers.Conv2D(filters, 1)
                    self.project_norm = layers.BatchNormalization()

                def call(self, inputs, training=None):
                    x = inputs
                    for conv, norm in zip(self.convs, self.norms):
                        x = norm(conv(x), training=training)
                        x = keras.ops.relu(x)
                    residual = self.project(inputs)
                    residual = self.project_norm(residual, training=training)
                    return keras.ops.relu(x + residual)
            """,
        ),
        Sound(
            "pre-activation, either the input or its projection",
            """
            import tensorflow as tf


            class PreActBlock(tf.keras.layers.Layer):
                def __init__(self, filters, stride):
                    super().__init__()
                    self.stride = stride
                    self.n1 = tf.keras.layers.BatchNormalization()
                    self.c1 = tf.keras.layers.Conv2D(filters, 3, stride, padding="same")
                    self.c2 = tf.keras.layers.Conv2D(filters, 3, padding="same")
                    self.sc = tf.keras.layers.Conv2D(filters, 1, stride)

                def call(self, x, training=None):
                    out = tf.nn.relu(self.n1(x, training=training))
                    shortcut = self.sc(out) if self.stride != 1 else x
                    out = self.c1(out)
                    out = self.c2(tf.nn.relu(out))
                    return out + shortcut
            """,
        ),
        Sound(
            "a shortcut that the sum forgot",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Block(layers.Layer):
                def __init__(self, filters):
                    super().__init__()
                    self.downsample = layers.Conv2D(filters, 1, 2)
                    self.conv1 = layers.Conv2D(filters, 3, 2, padding="same")
                    self.conv2 = layers.Conv2D(filters, 3, padding="same")

                def call(self, x):
                    identity = self.downsample(x)
                    out = tf.nn.relu(self.conv1(x))
                    out = self.conv2(out)
                    return tf.nn.relu(out)
            """,
            mentioned=(("KF201", "out = tf.nn.relu(self.conv1(x))"),),
        ),
    ),
    "twin critics and heads": (
        Sound(
            "two critics through one variable",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Dense


            class Critic(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.l1 = Dense(256, activation="relu")
                    self.l2 = Dense(256, activation="relu")
                    self.l3 = Dense(1)
                    self.l4 = Dense(256, activation="relu")
                    self.l5 = Dense(256, activation="relu")
                    self.l6 = Dense(1)

                def call(self, state, action):
                    sa = tf.concat([state, action], axis=1)

                    q1 = self.l1(sa)
                    q1 = self.l2(q1)
                    q1 = self.l3(q1)

                    q2 = self.l4(sa)
                    q2 = self.l5(q2)
                    q2 = self.l6(q2)
                    return q1, q2

                def Q1(self, state, action):
                    sa = tf.concat([state, action], axis=1)
                    return self.l3(self.l2(self.l1(sa)))
            """,
        ),
        Sound(
            "an actor-critic whose heads share a trunk",
            """
            import keras


            class ActorCritic(keras.Model):
                def __init__(self, num_actions: int, num_hidden_units: int):
                    super().__init__()
                    self.common = keras.layers.Dense(num_hidden_units, activation="relu")
                    self.actor = keras.layers.Dense(num_actions)
                    self.critic = keras.layers.Dense(1)

                def call(self, inputs):
                    x = self.common(inputs)
                    return self.actor(x), self.critic(x)

                def value(self, inputs):
                    x = self.common(inputs)
                    return self.critic(x)
            """,
        ),
        Sound(
            "an ensemble in a comprehension, a sum and a stack",
            """
            import tensorflow as tf


            class Ensemble(tf.keras.Model):
                def __init__(self, n):
                    super().__init__()
                    self.members = [tf.keras.layers.Dense(1) for _ in range(n)]
                    self.gates = [tf.keras.layers.Dense(1, activation="sigmoid") for _ in range(n)]

                def call(self, x):
                    outputs = tf.stack([member(x) for member in self.members])
                    total = 0.
                    for gate, output in zip(self.gates, tf.unstack(outputs)):
                        weight = gate(x)
                        total = total + weight * output
                    return total
            """,
        ),
        Sound(
            "two inputs, of which one is left out",
            """
            import keras


            class Recommender(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.users = keras.layers.Embedding(1000, 16)
                    self.movies = keras.layers.Embedding(5000, 16)
                    self.rating = keras.layers.Dense(1)

                def call(self, inputs):
                    user_id, movie_title = inputs
                    u = self.users(user_id)
                    m = self.movies(movie_title)
                    return self.rating(m)
            """,
        ),
    ),
    "dense connectivity": (
        Sound(
            "a list that grows",
            """
            import tensorflow as tf


            class DenseBlock(tf.keras.Model):
                def __init__(self, num_convs, growth):
                    super().__init__()
                    self.listLayers = []
                    for _ in range(num_convs):
                        self.listLayers.append(tf.keras.layers.Conv2D(growth, 3, padding='same'))

                def call(self, x):
                    for layer in self.listLayers:
                        y = layer(x)
                        x = tf.concat([x, y], axis=-1)
                    return x
            """,
        ),
        Sound(
            "every layer reads the input and all others",
            """
            import keras
            from keras import layers


            class RRDB(keras.layers.Layer):
                def __init__(self, f):
                    super().__init__()
                    self.c1 = layers.Conv2D(f, 3, padding="same")
                    self.c2 = layers.Conv2D(f, 3, padding="same")
                    self.c3 = layers.Conv2D(f, 3, padding="same")

                def call(self, x):
                    x1 = keras.ops.leaky_relu(self.c1(x))
                    x2 = keras.ops.leaky_relu(self.c2(keras.ops.concatenate([x, x1], 3)))
                    x3 = self.c3(keras.ops.concatenate([x, x1, x2], 3))
                    return x3 * 0.2 + x
            """,
        ),
        Sound(
            "in a builder",
            """
            from tensorflow.keras import Input, Model
            from tensorflow.keras.layers import Concatenate, Conv2D, GlobalAveragePooling2D


            def dense_block(x, layers=4, growth=12):
                features = [x]
                for _ in range(layers):
                    y = Conv2D(growth, 3, padding="same", activation="relu")(x)
                    features.append(y)
                    x = Concatenate()(features)
                return x


            inputs = Input((32, 32, 3))
            model = Model(inputs, GlobalAveragePooling2D()(dense_block(inputs)))
            """,
        ),
    ),
    "if, elif, try": (
        Sound(
            "a backbone by name",
            """
            import tensorflow as tf


            class Pooler(tf.keras.layers.Layer):
                def __init__(self, mode):
                    super().__init__()
                    self.mode = mode
                    self.avg = tf.keras.layers.GlobalAveragePooling1D()
                    self.max = tf.keras.layers.GlobalMaxPooling1D()
                    self.attend = tf.keras.layers.Dense(1)

                def call(self, x):
                    if self.mode == "avg":
                        y = self.avg(x)
                    elif self.mode == "max":
                        y = self.max(x)
                    else:
                        weights = tf.nn.softmax(self.attend(x), axis=1)
                        y = tf.reduce_sum(weights * x, axis=1)
                    return y
            """,
        ),
        Sound(
            "a default that a condition replaces",
            """
            import keras


            class Net(keras.Model):
                def __init__(self, deep):
                    super().__init__()
                    self.deep = deep
                    self.shallow_head = keras.layers.Dense(1)
                    self.deep_head = keras.layers.Dense(1)

                def call(self, x):
                    y = self.shallow_head(x)
                    if self.deep:
                        y = self.deep_head(x)
                    return y
            """,
        ),
        Sound(
            "try the fast one, match, a conditional expression",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Flexible(tf.keras.Model):
                def __init__(self, kind):
                    super().__init__()
                    self.kind = kind
                    self.fast = layers.Conv2D(8, 3)
                    self.slow = layers.SeparableConv2D(8, 3)
                    self.relu = layers.ReLU()
                    self.prelu = layers.PReLU()
                    self.wide = layers.Dense(8)
                    self.narrow = layers.Dense(4)

                def call(self, x):
                    try:
                        y = self.fast(x)
                    except tf.errors.InvalidArgumentError:
                        y = self.slow(x)
                    match self.kind:
                        case "relu":
                            z = self.relu(y)
                        case _:
                            z = self.prelu(y)
                    return self.wide(z) if self.kind else self.narrow(z)
            """,
        ),
    ),
    "an auxiliary head in training": (
        Sound(
            "its loss is added",
            """
            import tensorflow as tf


            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.trunk = tf.keras.layers.Dense(16)
                    self.main = tf.keras.layers.Dense(2)
                    self.aux = tf.keras.layers.Dense(2)

                def call(self, x, training=None):
                    h = self.trunk(x)
                    y = self.main(h)
                    if training:
                        y_aux = self.aux(h)
                        self.add_loss(0.3 * tf.reduce_mean(tf.square(y_aux)))
                    return y
            """,
        ),
        Sound(
            "it is returned too",
            """
            import keras


            class GoogLeNet(keras.Model):
                def __init__(self, num_classes):
                    super().__init__()
                    self.stem = keras.layers.Conv2D(64, 7)
                    self.a3 = keras.layers.Conv2D(128, 3)
                    self.aux_logits = keras.Sequential(
                        [keras.layers.Flatten(), keras.layers.Dense(num_classes)]
                    )
                    self.a4 = keras.layers.Conv2D(256, 3)
                    self.logits = keras.layers.Dense(num_classes)

                def call(self, x, training=False):
                    x = self.stem(x)
                    x = self.a3(x)
                    if training:
                        aux = self.aux_logits(x)
                    x = self.a4(x)
                    x = self.logits(keras.ops.mean(x, (1, 2)))
                    if training:
                        return x, aux
                    return x
            """,
        ),
        Sound(
            "it goes into a dict, or to a metric",
            """
            import tensorflow as tf


            class MultiTask(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.body = tf.keras.layers.LSTM(8)
                    self.head = tf.keras.layers.Dense(1)
                    self.domain = tf.keras.layers.Dense(2)
                    self.probe = tf.keras.layers.Dense(1)
                    self.tracker = tf.keras.metrics.Mean()

                def call(self, x, training=None):
                    h = self.body(x)
                    outputs = {"head": self.head(h)}
                    if training:
                        domain = self.domain(tf.stop_gradient(h))
                        outputs["domain"] = domain
                        probed = self.probe(h)
                        self.tracker.update_state(tf.reduce_mean(probed))
                    return outputs
            """,
        ),
    ),
    "values kept in a list": (
        Sound(
            "the skips of a U-Net",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class UNet(tf.keras.Model):
                def __init__(self, depth):
                    super().__init__()
                    self.down = [layers.Conv2D(8, 3, padding="same") for _ in range(depth)]
                    self.pool = layers.MaxPooling2D()
                    self.up = [layers.Conv2DTranspose(8, 2, 2) for _ in range(depth)]
                    self.last = layers.Conv2D(1, 1)

                def call(self, x):
                    skips = []
                    for conv in self.down:
                        x = conv(x)
                        skips.append(x)
                        x = self.pool(x)
                    for conv, skip in zip(self.up, reversed(skips)):
                        x = conv(x)
                        x = tf.concat([x, skip], -1)
                    return self.last(x)
            """,
        ),
        Sound(
            "states of a recurrence, in a TensorArray and by index",
            """
            import tensorflow as tf


            class Unrolled(tf.keras.layers.Layer):
                def __init__(self, steps):
                    super().__init__()
                    self.steps = steps
                    self.heads = [tf.keras.layers.Dense(4) for _ in range(steps)]
                    self.shared = tf.keras.layers.Dense(4)

                def call(self, x):
                    array = tf.TensorArray(tf.float32, size=self.steps)
                    outs = [None] * self.steps
                    for t in range(self.steps):
                        y = self.heads[t](x)
                        array = array.write(t, y)
                        z = self.shared(x)
                        outs[t] = z
                    return array.stack(), outs
            """,
        ),
        Sound(
            "extend, insert, a set of attributes, and a queue",
            """
            import collections

            import keras


            class Pyramid(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.c3 = keras.layers.Conv2D(8, 3)
                    self.c4 = keras.layers.Conv2D(8, 3)
                    self.c5 = keras.layers.Conv2D(8, 3)
                    self.c6 = keras.layers.Conv2D(8, 3)

                def call(self, x):
                    levels, queue = [], collections.deque()
                    f = self.c3(x)
                    levels.extend([f, f])
                    f = self.c4(x)
                    levels.insert(0, f)
                    f = self.c5(x)
                    queue.appendleft(f)
                    f = self.c6(x)
                    return f, levels, list(queue)
            """,
        ),
    ),
    "the input rebound by each layer": (
        Sound(
            "inputs all the way",
            """
            import tensorflow as tf


            class MLP(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.flatten = tf.keras.layers.Flatten()
                    self.dense1 = tf.keras.layers.Dense(units=100, activation=tf.nn.relu)
                    self.dense2 = tf.keras.layers.Dense(units=10)

                def call(self, inputs):
                    inputs = self.flatten(inputs)
                    inputs = self.dense1(inputs)
                    inputs = self.dense2(inputs)
                    return inputs
            """,
        ),
        Sound(
            "`x = layer(inputs); inputs = x`",
            """
            import keras


            class Stack(keras.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.a = keras.layers.Dense(4)
                    self.b = keras.layers.Dense(4)
                    self.more = [keras.layers.Dense(4) for _ in range(3)]

                def call(self, inputs):
                    x = self.a(inputs)
                    inputs = x
                    x = self.b(inputs)
                    inputs = x
                    for layer in self.more:
                        outputs = layer(inputs)
                        inputs = outputs
                    return outputs
            """,
        ),
        Sound(
            "two names swapped in a loop, and a chain of assignments",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Dense


            class Coupling(tf.keras.Model):
                def __init__(self, n):
                    super().__init__()
                    self.shift = [Dense(4) for _ in range(n)]
                    self.scale = [Dense(4, "tanh") for _ in range(n)]

                def call(self, inputs):
                    left, right = tf.split(inputs, 2, axis=-1)
                    for shift, scale in zip(self.shift, self.scale):
                        moved = right * tf.exp(scale(left)) + shift(left)
                        left, right = moved, left
                    out = inputs = tf.concat([left, right], axis=-1)
                    return inputs + 0 * out
            """,
        ),
        Sound(
            "in a builder's loop",
            """
            from keras import Input, Model, layers

            inputs = Input((64,))
            previous = inputs
            for units in (32, 16):
                x = layers.Dense(units)(previous)
                x = layers.BatchNormalization()(x)
                previous = layers.ReLU()(x)
            model = Model(inputs, layers.Dense(1)(previous))
            """,
        ),
    ),
}


@pytest.mark.parametrize("sound", parameters(SHAPES))
def test_what_only_looks_like_a_broken_chain_is_left_alone(sound: Sound) -> None:
    assert_is_left_alone(sound)
