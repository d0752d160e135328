"""Broken chains in methods: an older tensor is read, and what was computed since is lost (KF201)."""

from __future__ import annotations

import pytest

from tests.chain_variants import Broken, assert_is_found_and_mended, parameters

SHAPES: dict[str, tuple[Broken, ...]] = {
    "every layer reads the input": (
        Broken(
            "an actor",
            """
            import tensorflow as tf
            from tensorflow.keras.layers import Dense


            class ActorNetwork(tf.keras.Model):
                def __init__(self, fc1_dims=512, fc2_dims=512, n_actions=2, name='actor'):
                    super(ActorNetwork, self).__init__()
                    self.fc1_dims = fc1_dims
                    self.fc2_dims = fc2_dims
                    self.model_name = name
                    self.fc1 = Dense(self.fc1_dims, activation='relu')
                    self.fc2 = Dense(self.fc2_dims, activation='relu')
                    self.mu = Dense(n_actions, activation='tanh')

                def call(self, state):
                    prob = self.fc1(state)
                    prob = self.fc2(state)

                    mu = self.mu(prob)

                    return mu
            """,
            (("KF201", "prob = self.fc2(state)", ("fc1",)),),
            (("self.fc2(state)", "self.fc2(prob)"),),
        ),
        Broken(
            "a Q-network of convolutions",
            """
            from tensorflow import keras
            from tensorflow.keras import layers


            class QNetwork(keras.Model):
                def __init__(self, num_actions: int) -> None:
                    super().__init__()
                    self.conv1 = layers.Conv2D(32, 8, strides=4, activation="relu")
                    self.conv2 = layers.Conv2D(64, 4, strides=2, activation="relu")
                    self.flatten = layers.Flatten()
                    self.dense = layers.Dense(512, activation="relu")
                    self.q_values = layers.Dense(num_actions)

                @tf.function
                def call(self, observations, training=None):
                    observations = tf.cast(observations, tf.float32) / 255.
                    x = self.conv1(observations)
                    x = self.conv2(observations)
                    x = self.flatten(observations)
                    x = self.dense(observations)
                    return self.q_values(x)
            """,
            (
                ("KF201", "x = self.conv2(observations)", ("conv1",)),
                ("KF201", "x = self.flatten(observations)", ("conv2",)),
                ("KF201", "x = self.dense(observations)", ("flatten",)),
            ),
            (
                ("self.conv2(observations)", "self.conv2(x)"),
                ("self.flatten(observations)", "self.flatten(x)"),
                ("self.dense(observations)", "self.dense(x)"),
            ),
        ),
        Broken(
            "a critic on state and action",
            """
            import tensorflow as tf
            import tensorflow.keras as keras


            class Critic(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.l1 = keras.layers.Dense(400, activation=tf.nn.relu)
                    self.l2 = keras.layers.Dense(300, activation=tf.nn.relu)
                    self.l3 = keras.layers.Dense(1)

                def call(self, inputs):
                    state, action = inputs
                    sa = tf.concat([state, action], axis=-1)
                    features = self.l1(sa)
                    features = self.l2(sa)
                    q = self.l3(features)
                    return q
            """,
            (("KF201", "features = self.l2(sa)", ("l1",)),),
            (("self.l2(sa)", "self.l2(features)"),),
        ),
        Broken(
            "layers made in build, and an input with an annotation",
            """
            import keras


            class Tower(keras.layers.Layer):
                def __init__(self, units: int = 32, **kwargs) -> None:
                    super().__init__(**kwargs)
                    self.units = units

                def build(self, input_shape):
                    self.hidden = keras.layers.Dense(self.units)
                    self.norm = keras.layers.LayerNormalization()
                    self.logits = keras.layers.Dense(1)
                    super().build(input_shape)

                def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
                    outputs = self.hidden(inputs)
                    outputs = keras.ops.gelu(self.norm(inputs))
                    outputs = self.logits(outputs)
                    return outputs
            """,
            (("KF201", "outputs = keras.ops.gelu(self.norm(inputs))", ("hidden",)),),
            (("self.norm(inputs)", "self.norm(outputs)"),),
        ),
        Broken(
            "given by keyword, each call within an activation",
            """
            import tensorflow as tf


            class Policy(tf.keras.Model):
                def __init__(self, n_actions):
                    super().__init__()
                    self.dense_0 = tf.keras.layers.Dense(64, name="dense_0")
                    self.dense_1 = tf.keras.layers.Dense(64, name="dense_1")
                    self.logits = tf.keras.layers.Dense(n_actions)

                def call(self, inputs, training=None, mask=None):
                    hidden = tf.nn.tanh(self.dense_0(inputs=inputs))
                    hidden = tf.nn.tanh(self.dense_1(inputs=inputs))
                    return self.logits(inputs=hidden)
            """,
            (("KF201", "hidden = tf.nn.tanh(self.dense_1(inputs=inputs))", ("dense_0",)),),
            (("self.dense_1(inputs=inputs)", "self.dense_1(inputs=hidden)"),),
        ),
        Broken(
            "an element of the input",
            """
            import keras
            from keras import layers


            class Scorer(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc1 = layers.Dense(64, activation="relu")
                    self.fc2 = layers.Dense(64, activation="relu")
                    self.score = layers.Dense(1)

                def call(self, inputs):
                    x = self.fc1(inputs["query"])
                    x = self.fc2(inputs["query"])
                    return self.score(x)
            """,
            (("KF201", 'x = self.fc2(inputs["query"])', ("fc1",)),),
            (('self.fc2(inputs["query"])', "self.fc2(x)"),),
        ),
    ),
    "the second half of a block reads its input": (
        Broken(
            "a residual block",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class BasicBlock(layers.Layer):
                def __init__(self, filter_num, stride=1):
                    super(BasicBlock, self).__init__()
                    self.conv1 = layers.Conv2D(filter_num, (3, 3), strides=stride, padding='same')
                    self.bn1 = layers.BatchNormalization()
                    self.relu = layers.Activation('relu')
                    self.conv2 = layers.Conv2D(filter_num, (3, 3), strides=1, padding='same')
                    self.bn2 = layers.BatchNormalization()
                    if stride != 1:
                        self.downsample = tf.keras.Sequential()
                        self.downsample.add(layers.Conv2D(filter_num, (1, 1), strides=stride))
                    else:
                        self.downsample = lambda x: x

                def call(self, inputs, training=None):
                    # [b, h, w, c]
                    out = self.conv1(inputs)
                    out = self.bn1(out, training=training)
                    out = self.relu(out)

                    out = self.conv2(inputs)
                    out = self.bn2(out, training=training)

                    identity = self.downsample(inputs)

                    output = layers.add([out, identity])
                    output = tf.nn.relu(output)
                    return output
            """,
            (("KF201", "out = self.conv2(inputs)", ("conv1", "bn1", "relu")),),
            (("self.conv2(inputs)", "self.conv2(out)"),),
        ),
        Broken(
            "the upward half of a U-Net",
            """
            import tensorflow as tf


            class UpBlock(tf.keras.layers.Layer):
                def __init__(self, filters):
                    super().__init__()
                    self.up = tf.keras.layers.Conv2DTranspose(filters, 2, strides=2)
                    self.concat = tf.keras.layers.Concatenate(axis=-1)
                    self.conv_a = tf.keras.layers.Conv2D(filters, 3, padding="same")
                    self.conv_b = tf.keras.layers.Conv2D(filters, 3, padding="same")
                    self.norm = tf.keras.layers.BatchNormalization()

                def call(self, inputs, skip, training=None):
                    up = self.up(inputs)
                    merged = self.concat([up, skip])
                    x = tf.nn.relu(self.conv_a(merged))
                    x = tf.nn.relu(self.norm(self.conv_b(merged), training=training))
                    return x
            """,
            (
                (
                    "KF201",
                    "x = tf.nn.relu(self.norm(self.conv_b(merged), training=training))",
                    ("conv_a",),
                ),
            ),
            (("self.conv_b(merged)", "self.conv_b(x)"),),
        ),
        Broken(
            "an inverted residual with an early skip",
            """
            import keras
            from keras import layers


            class InvertedResidual(keras.Model):
                def __init__(self, filters, expansion, strides):
                    super().__init__()
                    self.strides = strides
                    self.expand = layers.Conv2D(filters * expansion, 1, use_bias=False)
                    self.depthwise = layers.DepthwiseConv2D(3, strides, "same", use_bias=False)
                    self.project = layers.Conv2D(filters, 1, use_bias=False)

                def call(self, x):
                    shortcut = x
                    y = keras.activations.relu6(self.expand(x))
                    y = keras.activations.relu6(self.depthwise(y))
                    y = self.project(shortcut)
                    if self.strides == 1:
                        y = y + shortcut
                    return y
            """,
            (("KF201", "y = self.project(shortcut)", ("expand", "depthwise")),),
            (("self.project(shortcut)", "self.project(y)"),),
        ),
        Broken(
            "the input is only joined, and the second convolution forgot",
            """
            import tensorflow as tf


            class DenoisingBlock(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.c1 = tf.keras.layers.Conv1D(16, 3, padding="causal")
                    self.c2 = tf.keras.layers.Conv1D(16, 3, padding="causal")
                    self.drop = tf.keras.layers.SpatialDropout1D(0.2)

                def call(self, i, training=None):
                    x = self.c1(i)
                    x = self.drop(x, training=training)
                    x = tf.keras.layers.add([i, self.c2(i)])
                    return x
            """,
            (("KF201", "x = tf.keras.layers.add([i, self.c2(i)])", ("c1", "drop")),),
            (("self.c2(i)", "self.c2(x)"),),
            ("x = tf.keras.layers.add([x, self.c2(i)])",),
        ),
    ),
    "an older tensor": (
        Broken(
            "dropout of the input of an attention",
            """
            import tensorflow as tf
            from tensorflow import keras
            from tensorflow.keras import layers


            class TransformerBlock(layers.Layer):
                def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
                    super(TransformerBlock, self).__init__()
                    self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
                    self.ffn = keras.Sequential(
                        [layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim),]
                    )
                    self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
                    self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
                    self.dropout1 = layers.Dropout(rate)
                    self.dropout2 = layers.Dropout(rate)

                def call(self, inputs, training):
                    attn_output = self.att(inputs, inputs)
                    attn_output = self.dropout1(inputs, training=training)
                    out1 = self.layernorm1(inputs + attn_output)
                    ffn_output = self.ffn(out1)
                    ffn_output = self.dropout2(out1, training=training)
                    return self.layernorm2(out1 + ffn_output)
            """,
            (
                ("KF201", "attn_output = self.dropout1(inputs, training=training)", ("att",)),
                ("KF201", "ffn_output = self.dropout2(out1, training=training)", ("ffn",)),
            ),
            (
                ("self.dropout1(inputs, ", "self.dropout1(attn_output, "),
                ("self.dropout2(out1, ", "self.dropout2(ffn_output, "),
            ),
        ),
        Broken(
            "an encoder that pools the embedding in place of the sequence",
            """
            import tensorflow as tf


            class Encoder(tf.keras.Model):
                def __init__(self, vocab_size, embedding_dim, enc_units):
                    super(Encoder, self).__init__()
                    self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim, mask_zero=True)
                    self.rnn = tf.keras.layers.Bidirectional(
                        tf.keras.layers.LSTM(enc_units, return_sequences=True))
                    self.pool = tf.keras.layers.GlobalAveragePooling1D()
                    self.classifier = tf.keras.layers.Dense(1, activation='sigmoid')

                def call(self, tokens, mask=None):
                    emb = self.embedding(tokens)
                    h = self.rnn(emb, mask=mask)
                    h = self.pool(emb, mask=mask)
                    return self.classifier(h)
            """,
            (("KF201", "h = self.pool(emb, mask=mask)", ("rnn",)),),
            (("self.pool(emb, ", "self.pool(h, "),),
        ),
        Broken(
            "three names back, in a method with a condition",
            """
            from keras import Model
            from keras.layers import BatchNormalization, Dense, Dropout


            class TabularNet(Model):
                def __init__(self, width, use_bn=True):
                    super().__init__()
                    self.use_bn = use_bn
                    self.stem = Dense(width)
                    self.norm = BatchNormalization()
                    self.mid = Dense(width, "relu")
                    self.drop = Dropout(.3)
                    self.head = Dense(1)

                def call(self, features, training=None):
                    stem = self.stem(features)
                    if self.use_bn:
                        stem = self.norm(stem, training=training)
                    hidden = self.mid(stem)
                    hidden = self.drop(stem, training=training)
                    return self.head(hidden)
            """,
            (("KF201", "hidden = self.drop(stem, training=training)", ("mid",)),),
            (("self.drop(stem, ", "self.drop(hidden, "),),
        ),
        Broken(
            "self-attention on what was not normalized",
            """
            import keras
            from keras import layers


            class PreNormBlock(layers.Layer):
                def __init__(self, heads, dim):
                    super().__init__()
                    self.norm = layers.LayerNormalization(epsilon=1e-6)
                    self.attention = layers.MultiHeadAttention(heads, dim)
                    self.add = layers.Add()

                def call(self, encoded):
                    y = self.norm(encoded)
                    y = self.attention(encoded, encoded)
                    return self.add([y, encoded])
            """,
            (("KF201", "y = self.attention(encoded, encoded)", ("norm",)),),
            (("self.attention(encoded, encoded)", "self.attention(y, y)"),),
            ("y = self.attention(y, encoded)", "y = self.attention(encoded, y)"),
        ),
    ),
    "a result in a name that nobody reads": (
        Broken(
            "numbered names, one number wrong",
            """
            import tensorflow as tf
            from tensorflow.keras import layers, Model


            class CNN(Model):
                def __init__(self):
                    super().__init__()
                    self.conv1 = layers.Conv2D(8, 3)
                    self.conv2 = layers.Conv2D(16, 3)
                    self.conv3 = layers.Conv2D(32, 3)
                    self.flat = layers.Flatten()

                def call(self, x):
                    x1 = self.conv1(x)
                    x2 = self.conv2(x1)
                    x3 = self.conv3(x1)
                    x4 = self.flat(x3)
                    return x4
            """,
            (("KF201", "x3 = self.conv3(x1)", ("conv2",)),),
            (("self.conv3(x1)", "self.conv3(x2)"),),
        ),
        Broken(
            "the dropped-out attention has a name of its own, and the sum takes the other",
            """
            import tensorflow as tf


            class EncoderLayer(tf.keras.layers.Layer):
                def __init__(self, d_model, num_heads, rate=0.1):
                    super().__init__()
                    self.mha = tf.keras.layers.MultiHeadAttention(num_heads, d_model)
                    self.layernorm = tf.keras.layers.LayerNormalization(epsilon=1e-6)
                    self.dropout = tf.keras.layers.Dropout(rate)

                def call(self, x, training=None):
                    attn = self.mha(x, x)
                    attn_dropped = self.dropout(attn, training=training)
                    out = self.layernorm(x + attn)
                    return out
            """,
            (("KF201", "out = self.layernorm(x + attn)", ("dropout",)),),
            (),
            ("out = self.layernorm(x + attn_dropped)",),
        ),
        Broken(
            "a bottleneck that the decoder leaves out",
            """
            import keras


            class Autoencoder(keras.Model):
                def __init__(self, latent_dim):
                    super().__init__()
                    self.encoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(latent_dim)])
                    self.bottleneck = keras.layers.Dense(latent_dim, activation="relu")
                    self.decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(784)])

                def call(self, x):
                    encoded = self.encoder(x)
                    compressed = self.bottleneck(encoded)
                    decoded = self.decoder(encoded)
                    return decoded
            """,
            (("KF201", "decoded = self.decoder(encoded)", ("bottleneck",)),),
            (("self.decoder(encoded)", "self.decoder(compressed)"),),
        ),
        Broken(
            "a row of stages",
            """
            import tensorflow.keras as tfk
            tfkl = tfk.layers


            class Backbone(tfk.Model):
                def __init__(self):
                    super().__init__()
                    self.stage_1 = tfk.Sequential([tfkl.Conv2D(32, 3), tfkl.MaxPool2D()])
                    self.stage_2 = tfk.Sequential([tfkl.Conv2D(64, 3), tfkl.MaxPool2D()])
                    self.stage_3 = tfk.Sequential([tfkl.Conv2D(128, 3), tfkl.MaxPool2D()])
                    self.gap = tfkl.GlobalAveragePooling2D()

                def call(self, images):
                    c1 = self.stage_1(images)
                    c2 = self.stage_2(images)
                    c3 = self.stage_3(c2)
                    return self.gap(c3)
            """,
            (("KF201", "c2 = self.stage_2(images)", ("stage_1",)),),
            (("self.stage_2(images)", "self.stage_2(c1)"),),
        ),
        Broken(
            "a decoder whose logits are made from the embedding, the output reshaped in vain",
            """
            import tensorflow as tf


            class Decoder(tf.keras.Model):
                def __init__(self, vocab_size, embedding_dim, dec_units):
                    super().__init__()
                    self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
                    self.gru = tf.keras.layers.GRU(dec_units, return_sequences=True)
                    self.fc = tf.keras.layers.Dense(vocab_size)

                def call(self, x, context):
                    x = self.embedding(x)
                    x = tf.concat([tf.expand_dims(context, 1), x], axis=-1)
                    output = self.gru(x)
                    output = tf.reshape(output, (-1, output.shape[2]))
                    return self.fc(x)
            """,
            (("KF201", "return self.fc(x)", ("gru",)),),
            (("self.fc(x)", "self.fc(output)"),),
        ),
    ),
    "a method other than call": (
        Broken(
            "the advantage of a dueling network",
            """
            import tensorflow as tf
            from tensorflow import keras


            class DuelingDeepQNetwork(keras.Model):
                def __init__(self, n_actions, fc1_dims, fc2_dims):
                    super(DuelingDeepQNetwork, self).__init__()
                    self.dense1 = keras.layers.Dense(fc1_dims, activation='relu')
                    self.dense2 = keras.layers.Dense(fc2_dims, activation='relu')
                    self.V = keras.layers.Dense(1, activation=None)
                    self.A = keras.layers.Dense(n_actions, activation=None)

                def call(self, state):
                    x = self.dense1(state)
                    x = self.dense2(x)
                    V = self.V(x)
                    A = self.A(x)

                    Q = (V + (A - tf.math.reduce_mean(A, axis=1, keepdims=True)))

                    return Q

                def advantage(self, state):
                    x = self.dense1(state)
                    x = self.dense2(state)
                    A = self.A(x)

                    return A
            """,
            (("KF201", "x = self.dense2(state)", ("dense1",)),),
            (("self.dense2(state)", "self.dense2(x)"),),
        ),
        Broken(
            "the encoder of a variational autoencoder",
            """
            import tensorflow as tf


            class CVAE(tf.keras.Model):
                def __init__(self, latent_dim):
                    super(CVAE, self).__init__()
                    self.conv = tf.keras.layers.Conv2D(32, 3, strides=(2, 2), activation='relu')
                    self.flat = tf.keras.layers.Flatten()
                    self.to_params = tf.keras.layers.Dense(latent_dim + latent_dim)
                    self.dec = tf.keras.layers.Dense(784)

                @tf.function
                def sample(self, eps=None):
                    if eps is None:
                        eps = tf.random.normal(shape=(100, 2))
                    return self.decode(eps, apply_sigmoid=True)

                def encode(self, x):
                    h = self.conv(x)
                    h = self.flat(x)
                    mean, logvar = tf.split(self.to_params(h), num_or_size_splits=2, axis=1)
                    return mean, logvar

                def reparameterize(self, mean, logvar):
                    eps = tf.random.normal(shape=mean.shape)
                    return eps * tf.exp(logvar * .5) + mean

                def decode(self, z, apply_sigmoid=False):
                    logits = self.dec(z)
                    if apply_sigmoid:
                        probs = tf.sigmoid(logits)
                        return probs
                    return logits
            """,
            (("KF201", "h = self.flat(x)", ("conv",)),),
            (("self.flat(x)", "self.flat(h)"),),
        ),
        Broken(
            "a training step that calls its sublayers",
            """
            import tensorflow as tf
            import keras


            class Siamese(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encoder = keras.Sequential([keras.layers.Dense(64)])
                    self.projector = keras.layers.Dense(32)
                    self.predictor = keras.layers.Dense(32)

                def call(self, x):
                    return self.projector(self.encoder(x))

                def train_step(self, data):
                    one, two = data
                    with tf.GradientTape() as tape:
                        p = self.encoder(one)
                        p = self.projector(one)
                        p = self.predictor(p)
                        z = tf.stop_gradient(self.projector(self.encoder(two)))
                        loss = -tf.reduce_mean(p * z)
                    grads = tape.gradient(loss, self.trainable_variables)
                    self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
                    return {"loss": loss}
            """,
            (("KF201", "p = self.projector(one)", ("encoder",)),),
            (("self.projector(one)", "self.projector(p)"),),
        ),
        Broken(
            "a private helper, given the layers of a block",
            """
            import tensorflow as tf


            class Unit(tf.keras.layers.Layer):
                def __init__(self, channels):
                    super().__init__()
                    self._a = tf.keras.layers.Conv2D(channels, 3, padding="same")
                    self._b = tf.keras.layers.Conv2D(channels, 3, padding="same")
                    self._norm = tf.keras.layers.GroupNormalization(8)

                def _body(self, h):
                    y = self._norm(h)
                    y = self._a(y)
                    y = self._b(h)
                    return y

                def call(self, h):
                    return h + self._body(h)
            """,
            (("KF201", "y = self._b(h)", ("_norm", "_a")),),
            (("self._b(h)", "self._b(y)"),),
        ),
    ),
    "a plain operation, a print, a comment in between": (
        Broken(
            "a sum of the old one",
            """
            import keras
            from keras import layers


            class Shifted(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encode = layers.Dense(3)
                    self.decode = layers.Dense(3)

                def call(self, x):
                    h = self.encode(x)
                    h = x * 0.5 + 1.0
                    return self.decode(h)
            """,
            found=(("KF201", "h = x * 0.5 + 1.0", ("encode",)),),
            mended=(("h = x * 0.5", "h = h * 0.5"),),
        ),
        Broken(
            "activations as functions, and a line that was taken out",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Generator(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc = layers.Dense(3 * 3 * 512)
                    self.conv1 = layers.Conv2DTranspose(256, 3, 3, 'valid')
                    self.bn1 = layers.BatchNormalization()
                    self.conv2 = layers.Conv2DTranspose(128, 5, 2, 'valid')

                def call(self, inputs, training=None):
                    # [z, 100] => [z, 3*3*512]
                    x = self.fc(inputs)
                    x = tf.reshape(x, [-1, 3, 3, 512])
                    x = tf.nn.leaky_relu(x)

                    net = self.conv1(x)
                    # net = self.bn0(net, training=training)
                    net = tf.nn.leaky_relu(self.bn1(net, training=training))
                    print("net:", net.shape)
                    net = self.conv2(x)
                    net = tf.tanh(net)
                    return net
            """,
            (("KF201", "net = self.conv2(x)", ("conv1", "bn1")),),
            (("self.conv2(x)", "self.conv2(net)"),),
        ),
        Broken(
            "a sum, a concatenation and a scale",
            """
            import tensorflow as tf


            class GatedUnit(tf.keras.layers.Layer):
                def __init__(self, units):
                    super().__init__()
                    self.gate = tf.keras.layers.Dense(units, activation="sigmoid")
                    self.value = tf.keras.layers.Dense(units)
                    self.proj = tf.keras.layers.Dense(units)
                    self.scale = units ** -0.5

                def call(self, x):
                    g = self.gate(x)
                    h = self.value(x)
                    h = g * h + 1e-6
                    h = tf.concat([h, -h], axis=-1)
                    h = self.scale * h
                    h = self.proj(x)
                    return h
            """,
            (("KF201", "h = self.proj(x)", ("gate", "value")),),
            (("self.proj(x)", "self.proj(h)"),),
        ),
        Broken(
            "debugging in between",
            """
            import keras
            from keras import layers, ops


            class PointNet(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.mlp = layers.Conv1D(64, 1)
                    self.mlp2 = layers.Conv1D(1024, 1)
                    self.head = layers.Dense(40)

                def call(self, points):
                    net = self.mlp(points)
                    net = ops.max(net, axis=1, keepdims=True)  # permutation invariant

                    print(f"after mlp {ops.shape(net)}")

                    net = self.mlp2(points)
                    return self.head(net)
            """,
            (("KF201", "net = self.mlp2(points)", ("mlp",)),),
            (("self.mlp2(points)", "self.mlp2(net)"),),
        ),
        Broken(
            "an assertion on the shape",
            """
            import keras
            from keras import layers


            class Patches(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.embed = layers.Conv2D(64, 16, strides=16)
                    self.mixer = layers.SeparableConv2D(64, 3, padding="same")

                def call(self, images):
                    z = self.embed(images)
                    assert z.shape[-1] == 64, z.shape
                    z = self.mixer(images)
                    return z
            """,
            (("KF201", "z = self.mixer(images)", ("embed",)),),
            (("self.mixer(images)", "self.mixer(z)"),),
        ),
        Broken(
            "an augmented assignment",
            """
            import tensorflow as tf

            act = tf.keras.activations.swish


            class Squeeze(tf.keras.layers.Layer):
                def __init__(self, c, r=4):
                    super().__init__()
                    self.down = tf.keras.layers.Dense(c // r)
                    self.up = tf.keras.layers.Dense(c, activation='sigmoid')

                def call(self, t):
                    s = tf.reduce_mean(t, [1, 2])
                    w = self.down(s)
                    w = tf.nn.swish(w)
                    w += 0.5
                    w = self.up(s)
                    w = tf.reshape(w, [-1, 1, 1, w.shape[-1]])
                    return t * w
            """,
            (("KF201", "w = self.up(s)", ("down",)),),
            (("self.up(s)", "self.up(w)"),),
        ),
    ),
}


@pytest.mark.parametrize("broken", parameters(SHAPES))
def test_a_broken_chain_in_a_method_is_found_and_mended(broken: Broken) -> None:
    assert_is_found_and_mended(broken)
