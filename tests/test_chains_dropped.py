"""Results that are dropped where they are computed (KF202), and rounds of a loop that are (KF201)."""

from __future__ import annotations

import pytest

from tests.chain_variants import Broken, assert_is_found_and_mended, parameters

SHAPES: dict[str, tuple[Broken, ...]] = {
    "a result dropped as a statement": (
        Broken(
            "dropout that nobody gets",
            """
            import tensorflow as tf


            class Discriminator(tf.keras.Model):
                def __init__(self):
                    super(Discriminator, self).__init__()
                    self.conv1 = tf.keras.layers.Conv2D(64, (5, 5), strides=(2, 2), padding='same')
                    self.leaky = tf.keras.layers.LeakyReLU()
                    self.dropout1 = tf.keras.layers.Dropout(0.3)
                    self.flatten = tf.keras.layers.Flatten()
                    self.fc = tf.keras.layers.Dense(1)

                def call(self, images, training=None):
                    x = self.conv1(images)
                    x = self.leaky(x)
                    self.dropout1(x, training=training)
                    x = self.flatten(x)
                    return self.fc(x)
            """,
            (("KF202", "self.dropout1(x, training=training)", ("dropout1",)),),
            (
                (
                    "        self.dropout1(x, training=training)",
                    "        x = self.dropout1(x, training=training)",
                ),
            ),
        ),
        Broken(
            "normalization and activation in PyTorch's in-place manner, tight assignments",
            """
            from tensorflow import keras as K


            class Block(K.layers.Layer):
                def __init__(self,filters):
                    super().__init__()
                    self.c=K.layers.Conv2D(filters,3)
                    self.b=K.layers.BatchNormalization()
                    self.a=K.layers.ReLU()

                def call(self,x,training=False):
                    h=self.c(x)
                    self.b(h,training=training)
                    self.a(h)  # in place
                    return h
            """,
            (
                ("KF202", "self.b(h,training=training)", ("b",)),
                ("KF202", "self.a(h)  # in place", ("a",)),
            ),
            (
                ("self.b(h,training=training)", "h=self.b(h,training=training)"),
                ("self.a(h)  #", "h=self.a(h)  #"),
            ),
        ),
        Broken(
            "a row of layers in one statement, over several lines",
            """
            import keras
            from keras import layers


            class TextNet(keras.Model):
                def __init__(self, vocab):
                    super().__init__()
                    self.embedding = layers.Embedding(vocab, 64)
                    self.spatial_drop = layers.SpatialDropout1D(0.2)
                    self.gru = layers.GRU(32)
                    self.norm = layers.LayerNormalization()
                    self.head = layers.Dense(1)

                def call(self, tokens, training=None):
                    x = self.embedding(tokens)
                    self.spatial_drop(
                        self.norm(x),
                        training=training,
                    )
                    x = self.gru(x)
                    return self.head(x)
            """,
            (("KF202", "self.spatial_drop(", ("spatial_drop",)),),
            (
                (
                    "        self.spatial_drop(\n            self.norm(x),",
                    "        x = self.spatial_drop(\n            self.norm(x),",
                ),
            ),
        ),
        Broken(
            "in a helper that call uses, of a layer of one's own",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Dense, Layer


            class Scale(Layer):
                def __init__(self):
                    super().__init__()
                    self.gain = self.add_weight(shape=(), initializer="ones")

                def call(self, x):
                    return x * self.gain


            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.hidden = Dense(10)
                    self.scale = Scale()
                    self.out = Dense(1)

                def features(self, x):
                    z = self.hidden(x)
                    self.scale(z)
                    return z

                def call(self, x):
                    return self.out(self.features(x))
            """,
            (("KF202", "self.scale(z)", ("scale",)),),
            (("        self.scale(z)", "        z = self.scale(z)"),),
        ),
        Broken(
            "a pooled value that nothing reads is not for the tool to place",
            """
            import tensorflow as tf


            class Attention(tf.keras.Model):
                def __init__(self, units):
                    super().__init__()
                    self.W1 = tf.keras.layers.Dense(units)
                    self.V = tf.keras.layers.Dense(1)

                def call(self, features):
                    score = self.W1(features)
                    self.V(tf.nn.tanh(score))
                    return tf.nn.softmax(score, axis=1)
            """,
            (("KF202", "self.V(tf.nn.tanh(score))", ("V",)),),
        ),
        Broken(
            "given by keyword, in a builder of features that call does not use",
            """
            import keras
            from keras import layers


            class Dueling(keras.Model):
                def __init__(self, actions):
                    super().__init__()
                    self.fc = layers.Dense(64)
                    self.norm = layers.LayerNormalization()
                    self.adv = layers.Dense(actions)
                    self.val = layers.Dense(1)

                def call(self, state):
                    x = self.norm(self.fc(state))
                    return self.adv(x) + self.val(x)

                def advantage(self, state):
                    x = self.fc(state)
                    self.norm(inputs=x)
                    return self.adv(x)
            """,
            (("KF202", "self.norm(inputs=x)", ("norm",)),),
            (("        self.norm(inputs=x)", "        x = self.norm(inputs=x)"),),
        ),
        Broken(
            "in a training step",
            """
            import tensorflow as tf
            from tensorflow import keras


            class Contrastive(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encoder = keras.Sequential([keras.layers.Dense(64)])
                    self.dropout = keras.layers.Dropout(0.2)
                    self.probe = keras.layers.Dense(10)

                def call(self, x, training=None):
                    return self.probe(self.dropout(self.encoder(x, training=training), training=training))

                def train_step(self, data):
                    x, y = data
                    with tf.GradientTape() as tape:
                        features = self.encoder(x, training=True)
                        self.dropout(features, training=True)
                        loss = self.compute_loss(y=y, y_pred=self.probe(features))
                    gradients = tape.gradient(loss, self.trainable_weights)
                    self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
                    return {"loss": loss}
            """,
            (("KF202", "self.dropout(features, training=True)", ("dropout",)),),
            (("            self.dropout(features", "            features = self.dropout(features"),),
        ),
    ),
    "a result dropped under `if training`": (
        Broken(
            "noise",
            """
            import tensorflow as tf


            class Denoiser(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.noise = tf.keras.layers.GaussianNoise(0.1)
                    self.encode = tf.keras.layers.Dense(32)
                    self.decode = tf.keras.layers.Dense(784)

                def call(self, inputs, training=False):
                    if training:
                        self.noise(inputs, training=training)
                    return self.decode(self.encode(inputs))
            """,
            (("KF202", "self.noise(inputs, training=training)", ("noise",)),),
            (("            self.noise(inputs", "            inputs = self.noise(inputs"),),
        ),
        Broken(
            "one line, `is True`, two of them",
            """
            import keras
            from keras.layers import Dense, Dropout


            class MLP(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc1, self.fc2 = Dense(64, "relu"), Dense(64, "relu")
                    self.drop1, self.drop2 = Dropout(0.5), Dropout(0.5)
                    self.out = Dense(10)

                def call(self, x, training=None):
                    x = self.fc1(x)
                    if training is True: self.drop1(x, training=True)
                    x = self.fc2(x)
                    if training is True: self.drop2(x, training=True)
                    return self.out(x)
            """,
            (
                ("KF202", "if training is True: self.drop1(x, training=True)", ("drop1",)),
                ("KF202", "if training is True: self.drop2(x, training=True)", ("drop2",)),
            ),
            (
                (": self.drop1(x", ": x = self.drop1(x"),
                (": self.drop2(x", ": x = self.drop2(x"),
            ),
        ),
        Broken(
            "augmentation in one branch, normalization in both, an attribute as a switch",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Classifier(tf.keras.Model):
                def __init__(self, backbone_units, augment=True):
                    super().__init__()
                    self.augment = augment
                    self.flip = layers.RandomFlip("horizontal")
                    self.rotate = layers.RandomRotation(0.1)
                    self.rescale = layers.Rescaling(1. / 255)
                    self.conv = layers.Conv2D(backbone_units, 3)
                    self.pool = layers.GlobalAveragePooling2D()

                def call(self, images, training=None):
                    if training and self.augment:
                        images = self.flip(images, training=training)
                        self.rotate(images, training=training)
                        images = self.rescale(images)
                    else:
                        self.rescale(images)
                    return self.pool(self.conv(images))
            """,
            (
                ("KF202", "self.rotate(images, training=training)", ("rotate",)),
                ("KF202", "self.rescale(images)", ("rescale",)),
            ),
            (
                ("            self.rotate(images", "            images = self.rotate(images"),
                (
                    "            self.rescale(images)\n        return",
                    "            images = self.rescale(images)\n        return",
                ),
            ),
        ),
    ),
    "a result dropped in a loop": (
        Broken(
            "one dropout for all rounds",
            """
            import tensorflow as tf


            class TransformerEncoder(tf.keras.layers.Layer):
                def __init__(self, num_layers, d_model, rate=0.1):
                    super().__init__()
                    self.num_layers = num_layers
                    self.enc_layers = [tf.keras.layers.Dense(d_model) for _ in range(num_layers)]
                    self.dropout = tf.keras.layers.Dropout(rate)

                def call(self, x, training=None):
                    for i in range(self.num_layers):
                        x = self.enc_layers[i](x)
                        self.dropout(x, training=training)
                    return x
            """,
            (("KF202", "self.dropout(x, training=training)", ("dropout",)),),
            (("            self.dropout(x", "            x = self.dropout(x"),),
        ),
        Broken(
            "zip of layers and their dropouts",
            """
            import keras


            class FeedForward(keras.Model):
                def __init__(self, sizes=(256, 128), rate=0.5):
                    super().__init__()
                    self.denses = [keras.layers.Dense(n, activation="relu") for n in sizes]
                    self.drops = [keras.layers.Dropout(rate) for _ in sizes]
                    self.logits = keras.layers.Dense(10)

                def call(self, x, training=None):
                    for dense, drop in zip(self.denses, self.drops):
                        x = dense(x)
                        drop(x, training=training)
                    return self.logits(x)
            """,
            (("KF202", "drop(x, training=training)", ("drops",)),),
            (("            drop(x", "            x = drop(x"),),
        ),
        Broken(
            "the layers of the loop themselves, on one line",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Conv2D


            class Head(tf.keras.Model):
                def __init__(self, width, depth):
                    super().__init__()
                    self.convs = []
                    for _ in range(depth):
                        self.convs.append(Conv2D(width, 3, padding="same", activation="relu"))
                    self.out = Conv2D(4, 3, padding="same")

                def call(self, feature):
                    for conv in self.convs: conv(feature)
                    return self.out(feature)
            """,
            (("KF202", "for conv in self.convs: conv(feature)", ("convs",)),),
            (("self.convs: conv(feature)", "self.convs: feature = conv(feature)"),),
        ),
        Broken(
            "a while loop, layers by index, under a condition",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Stack(layers.Layer):
                def __init__(self, n):
                    super().__init__()
                    self.n = n
                    self.blocks = [layers.Conv1D(8, 3, padding="same") for _ in range(n)]
                    self.norms = [layers.LayerNormalization() for _ in range(n)]

                def call(self, seq):
                    i = 0
                    while i < self.n:
                        seq = self.blocks[i](seq)
                        if i % 2:
                            self.norms[i](seq)
                        i += 1
                    return seq
            """,
            (("KF202", "self.norms[i](seq)", ("norms",)),),
            (("                self.norms[i](seq)", "                seq = self.norms[i](seq)"),),
        ),
        Broken(
            "layers that get their names on the way",
            """
            import keras
            from keras import layers


            class Mixed(keras.Model):
                def __init__(self, depth=3):
                    super().__init__()
                    self.convs = [layers.Conv1D(8, 3, padding="same") for _ in range(depth)]
                    self.norms = [layers.LayerNormalization() for _ in range(depth)]
                    self.gates = {"a": layers.Dense(8), "b": layers.Dense(8)}
                    self.tail = [layers.Dense(8), layers.Dense(1)]

                def call(self, x):
                    outputs = []
                    for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
                        x = conv(x)
                        norm(x)
                        outputs.append(x)
                    for key, gate in self.gates.items():
                        gate(x)
                    for head in list(self.gates.values()):
                        head(x)
                    last = self.tail[0]
                    last(x)
                    return self.tail[1](x), outputs
            """,
            (
                ("KF202", "norm(x)", ("norms",)),
                ("KF202", "gate(x)", ("gates",)),
                ("KF202", "head(x)", ("gates",)),
                ("KF202", "last(x)", ("tail",)),
            ),
            (
                ("            norm(x)", "            x = norm(x)"),
                ("            gate(x)", "            x = gate(x)"),
                ("            head(x)", "            x = head(x)"),
                ("        last(x)", "        x = last(x)"),
            ),
        ),
    ),
    "a loop of which only the last round counts": (
        Broken(
            "hidden layers of an agent",
            """
            import tensorflow as tf


            class MyModel(tf.keras.Model):
                def __init__(self, num_states, hidden_units, num_actions):
                    super(MyModel, self).__init__()
                    self.input_layer = tf.keras.layers.InputLayer(input_shape=(num_states,))
                    self.hidden_layers = []
                    for i in hidden_units:
                        self.hidden_layers.append(tf.keras.layers.Dense(
                            i, activation='tanh', kernel_initializer='RandomNormal'))
                    self.output_layer = tf.keras.layers.Dense(
                        num_actions, activation='linear', kernel_initializer='RandomNormal')

                @tf.function
                def call(self, inputs):
                    z = self.input_layer(inputs)
                    for layer in self.hidden_layers:
                        z = layer(inputs)
                    output = self.output_layer(z)
                    return output
            """,
            (("KF201", "z = layer(inputs)", ("hidden_layers",)),),
            (("z = layer(inputs)", "z = layer(z)"),),
        ),
        Broken(
            "the layers of a decoder, by index, with what else they get",
            """
            import tensorflow as tf


            class DecoderLayer(tf.keras.layers.Layer):
                def __init__(self, d_model):
                    super().__init__()
                    self.mha = tf.keras.layers.MultiHeadAttention(2, d_model)

                def call(self, x, context):
                    return x + self.mha(x, context)


            class Decoder(tf.keras.layers.Layer):
                def __init__(self, num_layers, d_model, vocab):
                    super().__init__()
                    self.num_layers = num_layers
                    self.embedding = tf.keras.layers.Embedding(vocab, d_model)
                    self.dec_layers = [DecoderLayer(d_model) for _ in range(num_layers)]

                def call(self, tokens, context):
                    x = self.embedding(tokens)
                    for i in range(self.num_layers):
                        y = self.dec_layers[i](x, context)
                    return y
            """,
            (("KF201", "y = self.dec_layers[i](x, context)", ("dec_layers",)),),
            (
                (
                    "        for i in range(self.num_layers):\n            y =",
                    "        y = x\n        for i in range(self.num_layers):\n            y =",
                ),
                ("self.dec_layers[i](x, ", "self.dec_layers[i](y, "),
            ),
        ),
        Broken(
            "two layers in a round, the second one right",
            """
            import keras


            class Funnel(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.convs = [keras.layers.Conv2D(8 * 2 ** i, 3) for i in range(3)]
                    self.norms = [keras.layers.BatchNormalization() for _ in range(3)]
                    self.gap = keras.layers.GlobalMaxPooling2D()

                def call(self, image, training=None):
                    for conv, norm in zip(self.convs, self.norms):
                        x = conv(image)
                        x = norm(x, training=training)
                        x = keras.activations.relu(x)
                    return self.gap(x)
            """,
            (("KF201", "x = conv(image)", ("convs", "norms")),),
            (
                (
                    "        for conv, norm in",
                    "        x = image\n        for conv, norm in",
                ),
                ("conv(image)", "conv(x)"),
            ),
        ),
        Broken(
            "the layers of a dict",
            """
            import keras


            class Columns(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.towers = {name: keras.layers.Dense(8) for name in ("one", "two", "three")}
                    self.head = keras.layers.Dense(1)

                def call(self, features):
                    x = features
                    for name, tower in self.towers.items():
                        x = tower(features)
                    return self.head(x)
            """,
            (("KF201", "x = tower(features)", ("towers",)),),
            (("tower(features)", "tower(x)"),),
        ),
        Broken(
            "with and without the flag, layer by layer",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class ConvStack(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.stem = layers.Conv2D(8, 3)
                    self.blocks = [layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU()]

                def call(self, inputs, training=None):
                    x = self.stem(inputs)
                    for block in self.blocks:
                        if isinstance(block, layers.BatchNormalization):
                            x = block(inputs, training=training)
                        else:
                            x = block(inputs)
                    return x
            """,
            (
                ("KF201", "x = block(inputs, training=training)", ("blocks",)),
                ("KF201", "x = block(inputs)", ("blocks",)),
            ),
            (("block(inputs, ", "block(x, "), ("block(inputs)", "block(x)")),
        ),
        Broken(
            "in a function that builds a model",
            """
            from tensorflow import keras
            from tensorflow.keras import layers


            def build_mlp(input_dim, hidden=(128, 64, 32), n_classes=10):
                inputs = keras.Input(shape=(input_dim,))
                x = layers.Rescaling(1 / 255)(inputs)
                for units in hidden:
                    x = layers.Dense(units, activation="relu")(inputs)
                outputs = layers.Dense(n_classes, activation="softmax")(x)
                return keras.Model(inputs, outputs)
            """,
            (("KF201", 'x = layers.Dense(units, activation="relu")(inputs)', ()),),
            ((")(inputs)\n    outputs", ")(x)\n    outputs"),),
        ),
    ),
}


@pytest.mark.parametrize("broken", parameters(SHAPES))
def test_a_result_that_is_dropped_is_found_and_kept(broken: Broken) -> None:
    assert_is_found_and_mended(broken)
