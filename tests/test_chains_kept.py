"""Layers that are called, or kept, for another reason than their output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chain_variants import Sound, assert_is_left_alone, found_in_files, parameters

SHAPES: dict[str, tuple[Sound, ...]] = {
    "calls that build": (
        Sound(
            "`_ = model(dummy)` and a bare call, in a script",
            """
            import numpy as np
            import tensorflow as tf


            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.d1 = tf.keras.layers.Dense(4)

                def call(self, x):
                    return self.d1(x)


            net = Net()
            _ = net(np.zeros((1, 4)))
            net(tf.random.normal([1, 4]))
            dummy = tf.keras.Input((4,))
            net(dummy)
            net.summary()
            net.load_weights("net.h5")
            """,
        ),
        Sound(
            "in the constructor and in build",
            """
            import keras
            from keras import layers, ops


            class Backbone(keras.Model):
                def __init__(self, width):
                    super().__init__()
                    self.conv = layers.Conv2D(width, 3)
                    self.norm = layers.BatchNormalization()
                    self.head = layers.Dense(10)
                    x = keras.Input((32, 32, 3))
                    x = self.conv(x)
                    _ = self.norm(x)

                def build(self, input_shape):
                    dummy = ops.zeros((1, 30, 30, 8))
                    self.head(dummy)
                    super().build(input_shape)

                def call(self, x, training=None):
                    return self.head(self.norm(self.conv(x), training=training))
            """,
        ),
        Sound(
            "in a method that only builds, and where a class is loaded",
            """
            import tensorflow as tf


            class Agent(tf.keras.Model):
                def __init__(self, obs_dim):
                    super().__init__()
                    self.obs_dim = obs_dim
                    self.actor = tf.keras.Sequential([tf.keras.layers.Dense(4)])
                    self.critic = tf.keras.Sequential([tf.keras.layers.Dense(1)])
                    self._init_nets()

                def _init_nets(self):
                    obs = tf.zeros((1, self.obs_dim))
                    self.actor(obs)
                    self.critic(obs)

                def restore(self, path, sample):
                    self.actor(sample)
                    self.critic(sample)
                    self.load_weights(path)

                def call(self, obs):
                    return self.actor(obs), self.critic(obs)
            """,
        ),
        Sound(
            "in a builder, of a model that a function made",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            def make_discriminator(shape):
                inputs = tf.keras.Input(shape)
                base = tf.keras.Sequential([layers.Dense(8), layers.Dense(1)])
                base(inputs)
                base.summary()
                features = layers.Dense(16)
                features(tf.zeros((1, *shape)))
                x = features(inputs)
                return tf.keras.Model(inputs, base(x))
            """,
        ),
        Sound(
            "until it is built",
            """
            import keras


            class Lazy(keras.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.inner = keras.layers.Dense(4)
                    self.outer = keras.layers.Dense(4)

                def call(self, x):
                    if not self.inner.built:
                        self.inner(x)
                        self.outer(x)
                    return x @ self.inner.kernel + self.outer(x)
            """,
        ),
    ),
    "layers called for their effect": (
        Sound(
            "a layer that adds its loss",
            """
            import tensorflow as tf


            class KLDivergenceLayer(tf.keras.layers.Layer):
                def call(self, inputs):
                    mu, log_var = inputs
                    kl = -0.5 * tf.reduce_sum(1 + log_var - tf.square(mu) - tf.exp(log_var), axis=-1)
                    self.add_loss(tf.reduce_mean(kl))
                    return inputs


            class VAE(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.mu = tf.keras.layers.Dense(2)
                    self.log_var = tf.keras.layers.Dense(2)
                    self.kl = KLDivergenceLayer()
                    self.decoder = tf.keras.layers.Dense(4)

                def call(self, x):
                    mu, log_var = self.mu(x), self.log_var(x)
                    self.kl([mu, log_var])
                    unused = self.kl([mu, log_var])
                    return self.decoder(mu)
            """,
        ),
        Sound(
            "a layer that counts, and one that keeps what it saw",
            """
            import keras
            from keras import ops


            class Tracker(keras.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

                def call(self, x):
                    self.count.assign_add(1.0)
                    return x


            class Recorder(keras.layers.Layer):
                def call(self, x):
                    self.last = ops.mean(x)


            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.track = Tracker()
                    self.record = Recorder()
                    self.dense = keras.layers.Dense(3)

                def call(self, x):
                    self.track(x)
                    h = self.dense(x)
                    self.record(h)
                    return h
            """,
        ),
        Sound(
            "Keras' own, within a layer of one's own",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Sparse(layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.regularize = layers.ActivityRegularization(l1=1e-4)

                def call(self, x):
                    self.regularize(x)
                    return x


            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.sparse = Sparse()
                    self.dense = layers.Dense(1)

                def call(self, x, training=None):
                    for _ in range(1):
                        self.sparse(x)
                    return self.dense(x)
            """,
        ),
        Sound(
            "a row of layers, one of which adds a loss",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.penalty = tf.keras.Sequential([
                        layers.Dense(8), layers.ActivityRegularization(l2=1e-3),
                    ])
                    self.dense = layers.Dense(1)

                def call(self, x, training=None):
                    if training:
                        self.penalty(x)
                    return self.dense(x)
            """,
        ),
        Sound(
            "Keras' own, by itself, wrapped and in a list",
            """
            import keras
            from keras import layers


            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.penalty = layers.ActivityRegularization(l1=1e-4)
                    self.each = layers.TimeDistributed(layers.ActivityRegularization(l2=1e-3))
                    self.others = [layers.ActivityRegularization(l1=a) for a in (1e-3, 1e-4)]
                    self.gru = layers.GRU(4, return_sequences=True)

                def call(self, x):
                    x = self.gru(x)
                    self.penalty(x)
                    self.each(x)
                    for other in self.others:
                        other(x)
                    return x
            """,
        ),
        Sound(
            "a metric, a layer of a package, a callable that is no layer",
            """
            import tensorflow as tf
            from elsewhere import SummaryLayer


            class Net(tf.keras.Model):
                def __init__(self, on_output):
                    super().__init__()
                    self.mean = tf.keras.metrics.Mean()
                    self.summary_layer = SummaryLayer()
                    self.on_output = on_output
                    self.dense = tf.keras.layers.Dense(1)

                def call(self, x):
                    y = self.dense(x)
                    self.mean(y)
                    self.summary_layer(y)
                    self.on_output(y)
                    return y
            """,
        ),
        Sound(
            "an endpoint layer of a functional model, and a metric that is logged",
            """
            import keras
            from keras import layers, ops


            class LogisticEndpoint(layers.Layer):
                def __init__(self, name=None):
                    super().__init__(name=name)
                    self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

                def call(self, targets, logits):
                    loss = self.loss_fn(targets, logits)
                    self.add_loss(loss)
                    return ops.softmax(logits)


            def build():
                inputs = keras.Input((3,))
                targets = keras.Input((10,))
                logits = layers.Dense(10)(inputs)
                LogisticEndpoint(name="predictions")(targets, logits)
                return keras.Model([inputs, targets], logits)
            """,
        ),
        Sound(
            "layers of one's own that record, print, check, and give back what they get, or nothing",
            """
            import tensorflow as tf

            SEEN = []


            class Histogram(tf.keras.layers.Layer):
                def call(self, x, training=None):
                    if training:
                        tf.summary.histogram(self.name, x)
                    return x * 1.0


            class Spy(tf.keras.layers.Layer):
                def call(self, x):
                    tf.print(tf.shape(x))
                    return x


            class Check(tf.keras.layers.Layer):
                def call(self, x):
                    if x.shape[-1] != 4:
                        raise ValueError(f"wrong width {x.shape}")


            class Collect(tf.keras.layers.Layer):
                def call(self, x):
                    y = tf.identity(x)
                    SEEN.append(y)
                    return y


            class Watched(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.dense = tf.keras.layers.Dense(4)
                    self.histogram = Histogram()
                    self.spy = Spy()
                    self.check = Check()
                    self.collect = Collect()

                def call(self, x, training=None):
                    h = self.dense(x)
                    self.histogram(h, training=training)
                    self.spy(h)
                    self.check(h)
                    self.collect(h)
                    return h
            """,
        ),
        Sound(
            "a layer of one's own that tells a metric, or keeps a running mean with a function",
            """
            import keras
            import tensorflow as tf


            class Entropy(keras.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.metric = keras.metrics.Mean(name="entropy")

                def call(self, probabilities):
                    entropy = -tf.reduce_sum(probabilities * tf.math.log(probabilities), -1)
                    self.metric(entropy)
                    return entropy


            class RunningMean(keras.layers.Layer):
                def build(self, shape):
                    self.mean = self.add_weight(shape=shape[1:], trainable=False)

                def _update(self, x):
                    keras.backend.moving_average_update(self.mean, tf.reduce_mean(x, 0), 0.9)

                def call(self, x):
                    self._update(x)
                    return x - self.mean


            class Classifier(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.logits = keras.layers.Dense(10)
                    self.softmax = keras.layers.Softmax()
                    self.entropy = Entropy()
                    self.running = RunningMean()

                def call(self, x, training=None):
                    for _ in range(2):
                        self.running(x)
                    p = self.softmax(self.logits(x))
                    if training:
                        self.entropy(p)
                    return p
            """,
        ),
    ),
    "functional subclasses that keep layers on self": (
        Sound(
            "`super().__init__(inputs=..., outputs=...)` at the end",
            """
            import keras
            from keras import layers


            class Encoder(keras.Model):
                def __init__(self, vocabulary_size, hidden_dim, dropout=0.1, **kwargs):
                    self.token_embedding = layers.Embedding(vocabulary_size, hidden_dim)
                    self.embeddings_layer_norm = layers.LayerNormalization()
                    self.embeddings_dropout = layers.Dropout(dropout)
                    self.unused_projection = layers.Dense(hidden_dim)

                    token_id_input = keras.Input(shape=(None,), dtype="int32", name="token_ids")
                    x = self.token_embedding(token_id_input)
                    x = self.embeddings_layer_norm(x)
                    x = self.embeddings_dropout(x)
                    super().__init__(inputs=token_id_input, outputs=x, **kwargs)
                    self.hidden_dim = hidden_dim

                def get_config(self):
                    return {"hidden_dim": self.hidden_dim}
            """,
        ),
        Sound(
            "arguments by position, with a step of its own",
            """
            import tensorflow as tf


            class Gan(tf.keras.Model):
                def __init__(self, width):
                    inputs = tf.keras.layers.Input((width,))
                    self.hidden = tf.keras.layers.Dense(width)
                    self.out = tf.keras.layers.Dense(1)
                    self.extra = tf.keras.layers.Dropout(0.1)
                    super(Gan, self).__init__(inputs, self.out(self.hidden(inputs)))

                def train_step(self, data):
                    x, y = data
                    with tf.GradientTape() as tape:
                        loss = self.compiled_loss(y, self(x, training=True))
                    self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
                    return {"loss": loss}

                def call(self, inputs, training=None, mask=None):
                    return super().call(inputs, training=training, mask=mask)
            """,
        ),
        Sound(
            "a helper makes the tensors; the layers are kept for a method",
            """
            from tensorflow import keras
            from tensorflow.keras import layers


            class Detector(keras.Model):
                def __init__(self, classes):
                    image = keras.Input((None, None, 3))
                    self.backbone = layers.Conv2D(8, 3)
                    self.box_head = layers.Dense(4)
                    self.class_head = layers.Dense(classes)
                    self.decoder = layers.Rescaling(2.0)
                    features = self.backbone(image)
                    outputs = {"box": self.box_head(features), "class": self.class_head(features)}
                    keras.Model.__init__(self, inputs=image, outputs=outputs)

                def call(self, image):
                    return super().call(image)

                def predict_step(self, data):
                    return self(data, training=False)["box"]
            """,
        ),
    ),
    "a class completed elsewhere in its file": (
        Sound(
            "`Model.call = call` in a later cell",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            # %% the layers
            class CaptionModel(tf.keras.Model):
                def __init__(self, units):
                    super().__init__()
                    self.embed = layers.Embedding(1000, units)
                    self.decoder = layers.GRU(units, return_sequences=True)
                    self.out = layers.Dense(1000)

                def call(self, tokens):
                    return self.embed(tokens)


            # %% the forward pass
            @tf.function
            def call(self, tokens):
                return self.out(self.decoder(self.embed(tokens)))


            CaptionModel.call = call
            """,
        ),
        Sound(
            "a decorator that adds methods, `setattr`, and a partial method",
            """
            import functools

            import keras
            from d2l import add_to_class


            class Regression(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.net = keras.layers.Dense(1)
                    self.aux = keras.layers.Dense(1)

                def call(self, x):
                    return self.net(x)


            @add_to_class(Regression)
            def forward(self, x):
                return self.aux(x)


            class Ranking(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.scorer = keras.layers.Dense(1)

                def call(self, x):
                    return x


            def score(self, x, scale):
                return scale * self.scorer(x)


            setattr(Ranking, "score", functools.partialmethod(score, scale=2.0))
            """,
        ),
        Sound(
            "a subclass uses what the base makes",
            """
            import tensorflow as tf


            class BaseEncoder(tf.keras.layers.Layer):
                def __init__(self, d):
                    super().__init__()
                    self.norm1 = tf.keras.layers.LayerNormalization()
                    self.norm2 = tf.keras.layers.LayerNormalization()
                    self.ffn = tf.keras.layers.Dense(d)

                def call(self, x):
                    return self.norm1(self.ffn(x))


            class SandwichEncoder(BaseEncoder):
                def call(self, x):
                    return self.norm2(super().call(x))
            """,
        ),
        Sound(
            "by name: getattr, get_layer, an f-string, the list of all layers",
            """
            import keras


            class ByNumber(keras.Model):
                def __init__(self, n):
                    super().__init__()
                    self.conv0 = keras.layers.Conv2D(4, 3)
                    self.conv1 = keras.layers.Conv2D(4, 3)
                    self.n = n

                def call(self, x):
                    for i in range(self.n):
                        x = getattr(self, "conv%d" % i)(x)
                    return x


            class ByName(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.hidden = keras.layers.Dense(4, name="hidden")
                    self.last = keras.layers.Dense(1, name="last")

                def call(self, x):
                    return self.get_layer("last")(self.get_layer("hidden")(x))


            class All(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.first = keras.layers.Dense(4)
                    self.second = keras.layers.Dense(4)

                def call(self, x):
                    for layer in self.layers:
                        x = layer(x)
                    return x


            class Outside(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.policy = keras.layers.Dense(4)
                    self.value = keras.layers.Dense(1)

                def call(self, x):
                    return self.policy(x)


            def head(model, x, which="value"):
                return getattr(model, which)(x)


            net = Outside()
            print(head(net, keras.ops.ones((1, 4)), "value"))
            """,
        ),
        Sound(
            "a base class whose subclasses are to write what `call` uses",
            """
            import abc

            import tensorflow as tf


            class Agent(tf.keras.Model):
                def __init__(self, units):
                    super().__init__()
                    self.body = tf.keras.layers.Dense(units)
                    self.head1 = tf.keras.layers.Dense(units)
                    self.head2 = tf.keras.layers.Dense(units)

                def call(self, obs):
                    return self._forward(obs)

                def _forward(self, obs):
                    raise NotImplementedError("write it in a subclass")


            class Encoder(tf.keras.layers.Layer, abc.ABC):
                def __init__(self):
                    super().__init__()
                    self.norm = tf.keras.layers.LayerNormalization()

                def call(self, x):
                    return self.encode(x) + x

                @abc.abstractmethod
                def encode(self, x):
                    ...
            """,
        ),
        Sound(
            "`self` handed to a function of a package",
            """
            from runner import forward
            from tensorflow.keras import Model, layers


            class Delegating(Model):
                def __init__(self):
                    super().__init__()
                    self.conv1 = layers.Conv2D(4, 3)
                    self.conv2 = layers.Conv2D(4, 3)

                def call(self, x, training=None):
                    return forward(self, x, training=training)
            """,
        ),
    ),
    "layers kept for old checkpoints": (
        Sound(
            "a comment beside, above, behind",
            """
            import tensorflow as tf
            from tensorflow.keras import layers


            class Encoder(tf.keras.Model):
                def __init__(self, dim):
                    super().__init__()
                    self.dense = layers.Dense(dim)
                    self.pooler = layers.Dense(dim)  # kept so that old checkpoints load

                    # Not used any more, but the published weights contain it.
                    self.type_embedding = layers.Embedding(2, dim)

                    self.old_head = layers.Dense(  # for backward compatibility
                        dim, activation="tanh",
                    )

                def call(self, x):
                    return self.dense(x)
            """,
        ),
        Sound(
            "in the docstrings",
            '''
            import keras


            class Head(keras.layers.Layer):
                """A classification head.

                `norm` is unused; it is there so that checkpoints of version 1 can be restored.
                """

                def __init__(self):
                    super().__init__()
                    self.norm = keras.layers.LayerNormalization()
                    self.out = keras.layers.Dense(2)

                def call(self, x):
                    return self.out(x)


            class Tail(keras.Model):
                def __init__(self):
                    """Makes the layers, and one of an older version for compatibility with its files."""
                    super().__init__()
                    self.out = keras.layers.Dense(2)
                    self.projection = keras.layers.Dense(2)

                def call(self, x):
                    return self.out(x)
            ''',
        ),
        Sound(
            "siblings of a layer that is shared on purpose, with a TODO, in other words",
            """
            import tensorflow as tf


            class Tied(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.fc1 = tf.keras.layers.Dense(8)
                    # Legacy: fc2 is tied to fc1 since 2.0.
                    self.fc2 = tf.keras.layers.Dense(8)

                    # TODO(anna): use the gate once the ablation is done
                    self.gate = tf.keras.layers.Dense(8)

                    # the variable is in the saved model
                    self.scale = tf.keras.layers.Dense(1)

                    # don't remove, or the optimizer state of v1 no longer fits
                    self.shift = tf.keras.layers.Dense(1)

                    self.bias = tf.keras.layers.Dense(1)  # isn't called since v2

                def call(self, x):
                    x = self.fc1(x)
                    return self.fc1(x)
            """,
        ),
        Sound(
            "a comment somewhere else that names the layer",
            """
            import keras


            class Reranker(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encoder = keras.layers.Dense(4)
                    self.lm_head = keras.layers.Dense(4)

                # lm_head is only there so that the pretrained weights can be loaded.
                def call(self, x):
                    return self.encoder(x)
            """,
        ),
    ),
    "layers shared on purpose": (
        Sound(
            "a siamese network, as its docstring says",
            """
            import keras
            from keras import ops


            class Siamese(keras.Model):
                '''Applies the same encoder to both inputs.'''

                def __init__(self):
                    super().__init__()
                    self.encoder_a = keras.layers.Dense(8)
                    self.encoder_b = keras.layers.Dense(8)

                def call(self, inputs):
                    left, right = inputs
                    return ops.abs(self.encoder_a(left) - self.encoder_a(right))
            """,
            mentioned=(("KF203", "self.encoder_b = keras.layers.Dense(8)"),),
        ),
        Sound(
            "a comment by the second call",
            """
            import tensorflow as tf


            class Refiner(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.step1 = tf.keras.layers.Dense(8)
                    self.step2 = tf.keras.layers.Dense(8)

                def call(self, x):
                    x = self.step1(x)
                    # weights are shared between the two steps
                    x = self.step1(x)
                    return x
            """,
            mentioned=(("KF203", "self.step2 = tf.keras.layers.Dense(8)"),),
        ),
        Sound(
            "rounds of a loop, twins in a comprehension, one layer for all",
            """
            import tensorflow as tf


            class Recurrent(tf.keras.layers.Layer):
                def __init__(self, rounds):
                    super().__init__()
                    self.rounds = rounds
                    self.update1 = tf.keras.layers.Dense(8)
                    self.update2 = tf.keras.layers.Dense(8)
                    self.score1 = tf.keras.layers.Dense(1)

                def call(self, nodes):
                    for _ in range(self.rounds):
                        nodes = self.update2(self.update1(nodes))
                    first, second = tf.split(nodes, 2)
                    scores = [self.score1(each) for each in (first, second)]
                    return self.score1(first) + self.score1(second), scores
            """,
        ),
    ),
    "tapes that do not train": (
        Sound(
            "Grad-CAM",
            """
            import keras
            import tensorflow as tf


            def make_gradcam_heatmap(img_array, model, last_conv_layer_name, pred_index=None):
                grad_model = keras.models.Model(
                    model.inputs, [model.get_layer(last_conv_layer_name).output, model.output]
                )
                model.layers[-1].activation = None
                with tf.GradientTape() as tape:
                    last_conv_layer_output, preds = grad_model(img_array)
                    if pred_index is None:
                        pred_index = tf.argmax(preds[0])
                    class_channel = preds[:, pred_index]
                grads = tape.gradient(class_channel, last_conv_layer_output)
                pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
                heatmap = last_conv_layer_output[0] @ pooled_grads[..., tf.newaxis]
                return tf.maximum(tf.squeeze(heatmap), 0)
            """,
        ),
        Sound(
            "a gradient penalty, and critics that are called for one thing each",
            """
            import tensorflow as tf


            class WGAN(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.generator = tf.keras.Sequential([tf.keras.layers.Dense(4)])
                    self.discriminator = tf.keras.Sequential([tf.keras.layers.Dense(1)])

                def call(self, z):
                    return self.generator(z)

                def gradient_penalty(self, real, fake):
                    mixed = real + tf.random.uniform([1, 1]) * (fake - real)
                    with tf.GradientTape() as gp_tape:
                        gp_tape.watch(mixed)
                        pred = self.discriminator(mixed, training=True)
                    grads = gp_tape.gradient(pred, [mixed])[0]
                    return tf.reduce_mean((tf.norm(grads) - 1.0) ** 2)

                def train_step(self, real):
                    z = tf.random.normal([1, 4])
                    with tf.GradientTape() as tape:
                        fake = self.generator(z, training=True)
                        fake_logits = self.discriminator(fake, training=True)
                        real_logits = self.discriminator(real, training=True)
                        cost = tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)
                        loss = cost + self.gradient_penalty(real, fake)
                    variables = self.discriminator.trainable_variables
                    self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
                    return {"loss": loss}
            """,
        ),
        Sound(
            "target networks: the target of one is what the other learns",
            """
            import tensorflow as tf


            class DDPG(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.actor = tf.keras.layers.Dense(2)
                    self.critic = tf.keras.layers.Dense(1)
                    self.target_actor = tf.keras.layers.Dense(2)
                    self.target_critic = tf.keras.layers.Dense(1)

                def call(self, state):
                    return self.actor(state)

                def train_step(self, batch):
                    state, action, reward, next_state = batch
                    target = self.target_actor(next_state)
                    target = self.target_critic(tf.concat([next_state, target], 1))
                    y = reward + 0.99 * tf.stop_gradient(target)
                    with tf.GradientTape() as tape:
                        value = self.critic(tf.concat([state, action], 1))
                        loss = tf.reduce_mean((y - value) ** 2)
                    grads = tape.gradient(loss, self.critic.trainable_variables)
                    self.optimizer.apply_gradients(zip(grads, self.critic.trainable_variables))
                    return {"loss": loss}
            """,
        ),
        Sound(
            "style transfer, saliency, a plain function and a tf.Module",
            """
            import tensorflow as tf

            vgg = tf.keras.applications.VGG19(include_top=False, weights=None)
            extractor = tf.keras.Model(vgg.input, [vgg.get_layer("block1_conv1").output])


            class Affine(tf.Module):
                def __init__(self):
                    super().__init__()
                    self.inner = tf.keras.layers.Dense(2)
                    self.other = tf.keras.layers.Dense(2)

                def __call__(self, x):
                    self.inner(x)
                    return self.other(x)


            def saliency(image):
                with tf.GradientTape() as tape:
                    tape.watch(image)
                    features = extractor(image)
                    score = tf.reduce_max(features)
                return tape.gradient(score, image)


            def style_step(image, target):
                with tf.GradientTape() as tape:
                    outputs = extractor(image)
                    outputs = extractor(image * 255)
                    loss = tf.reduce_mean((outputs - target) ** 2)
                return tape.gradient(loss, image)
            """,
        ),
    ),
    "poolers and heads whose output is not used": (
        Sound(
            "a pooler in a name of its own",
            """
            import tensorflow as tf


            class BertModel(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encoder = tf.keras.layers.Dense(8)
                    self.pooler = tf.keras.layers.Dense(8, activation="tanh")

                def call(self, x):
                    sequence_output = self.encoder(x)
                    pooled_output = self.pooler(sequence_output[:, 0])
                    return sequence_output
            """,
        ),
        Sound(
            "unpacked, and only the first used",
            """
            import tensorflow as tf


            class Encoder(tf.keras.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.body = tf.keras.layers.Dense(8)
                    self.pool = tf.keras.layers.Dense(8)

                def call(self, x):
                    h = self.body(x)
                    return h, self.pool(h)


            class TokenClassifier(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.bert = Encoder()
                    self.lstm = tf.keras.layers.LSTM(4, return_state=True)
                    self.classifier = tf.keras.layers.Dense(2)

                def call(self, x):
                    sequence, pooled = self.bert(x)
                    out, state_h, state_c = self.lstm(sequence)
                    _, cls = self.bert(x)
                    return self.classifier(out)
            """,
        ),
        Sound(
            "two heads, of which one is not returned",
            """
            import keras


            class PolicyValue(keras.Model):
                def __init__(self, n):
                    super().__init__()
                    self.trunk = keras.layers.Dense(64)
                    self.policy = keras.layers.Dense(n)
                    self.value = keras.layers.Dense(1)

                def call(self, state):
                    h = self.trunk(state)
                    value = self.value(h)
                    logits = self.policy(h)
                    return logits
            """,
            mentioned=(("KF201", "logits = self.policy(h)"),),
        ),
        Sound(
            "a head that is made and never called",
            """
            import keras


            class ViT(keras.Model):
                def __init__(self, pooling=True):
                    super().__init__()
                    self.encoder = keras.layers.Dense(64)
                    self.pooler = keras.layers.Dense(64, activation="tanh") if pooling else None

                def call(self, patches):
                    return self.encoder(patches)
            """,
            mentioned=(
                ("KF203", 'self.pooler = keras.layers.Dense(64, activation="tanh") if pooling else None'),
            ),
        ),
        Sound(
            "a name says that it is not used",
            """
            import keras


            class Wrapped(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.encoder = keras.layers.Dense(8)
                    self.projection = keras.layers.Dense(8)
                    self.classifier = keras.layers.Dense(2)

                def call(self, x):
                    features = self.encoder(x)
                    unused_projected = self.projection(features)
                    return self.classifier(features)
            """,
            mentioned=(("KF201", "return self.classifier(features)"),),
        ),
        Sound(
            "in a builder, two ways to pool",
            """
            from tensorflow import keras
            from tensorflow.keras import layers


            def extractor(shape):
                inputs = keras.Input(shape)
                maps = layers.Conv2D(8, 3)(inputs)
                flat = layers.Flatten()(maps)
                vector = layers.GlobalAveragePooling2D()(maps)
                return keras.Model(inputs, vector)
            """,
            mentioned=(("KF201", "vector = layers.GlobalAveragePooling2D()(maps)"),),
        ),
        Sound(
            "numbered heads, of which a task needs one",
            """
            import tensorflow as tf


            class MultiHead(tf.keras.Model):
                def __init__(self, n_classes):
                    super().__init__()
                    self.backbone = tf.keras.layers.Dense(64, activation="relu")
                    self.head1 = tf.keras.layers.Dense(n_classes[0])
                    self.head2 = tf.keras.layers.Dense(n_classes[1])

                def call(self, x):
                    features = self.backbone(x)
                    out1 = self.head1(features)
                    out2 = self.head2(features)
                    return out2
            """,
            mentioned=(("KF201", "out2 = self.head2(features)"),),
        ),
        Sound(
            "levels of a pyramid, the highest not returned",
            """
            import keras
            from keras import layers


            class Pyramid(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.stage3 = layers.Conv2D(8, 3, 2, padding="same")
                    self.stage4 = layers.Conv2D(8, 3, 2, padding="same")
                    self.stage5 = layers.Conv2D(8, 3, 2, padding="same")
                    self.lateral3 = layers.Conv2D(8, 1)
                    self.lateral4 = layers.Conv2D(8, 1)
                    self.lateral5 = layers.Conv2D(8, 1)

                def call(self, image):
                    c3 = self.stage3(image)
                    c4 = self.stage4(c3)
                    c5 = self.stage5(c4)
                    p5 = self.lateral5(c5)
                    p4 = self.lateral4(c4)
                    p3 = self.lateral3(c3)
                    return p3, p4
            """,
            mentioned=(("KF201", "p4 = self.lateral4(c4)"),),
        ),
    ),
}

_MODEL = """
import keras
from keras import layers


class Trunk(keras.Model):
    def __init__(self):
        super().__init__()
        self.body1 = layers.Dense(8)
        self.body2 = layers.Dense(8)
        self.head = layers.Dense(2)

    def call(self, x):
        return self.body1(self.body1(x))
"""
_TWICE = "return self.body1(self.body1(x))"


@pytest.mark.parametrize("sound", parameters(SHAPES))
def test_a_layer_that_is_there_for_another_reason_is_left_alone(sound: Sound) -> None:
    assert_is_left_alone(sound)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            """
            from trunk import Trunk


            class Tall(Trunk):
                def call(self, x):
                    return self.head(self.body2(super().call(x)))
            """,
            id="a subclass",
        ),
        pytest.param(
            """
            import trunk

            net = trunk.Trunk()
            features = net.body2(net.body1([[1.0]]))
            net.head(features)
            """,
            id="a script",
        ),
        pytest.param(
            """
            from trunk import Trunk


            def call(self, x):
                return self.head(self.body2(self.body1(x)))


            Trunk.call = call
            """,
            id="a patch",
        ),
        pytest.param(
            """
            from trunk import Trunk

            net = Trunk()
            for part in ("body2", "head"):
                print(getattr(net, part)([[1.0]]))
            """,
            id="names as texts",
        ),
        pytest.param(
            """
            from trunk import Trunk


            class Deep(Trunk):
                def __init__(self):
                    super().__init__()
                    self.rest = [self.body2, self.head]

                def call(self, x):
                    x = super().call(x)
                    for layer in self.rest:
                        x = layer(x)
                    return x
            """,
            id="a subclass that puts them into a list",
        ),
        pytest.param(
            """
            import keras
            from trunk import Trunk

            net = Trunk()
            tail = keras.Sequential([net.body2, net.head])
            print(tail(net([[1.0]])))
            """,
            id="a script that hands them on",
        ),
        pytest.param(
            """
            from trunk import *


            def probe(model: Trunk, x):
                return model.head(model.body2(x))
            """,
            id="a function that gets the model",
        ),
    ],
)
def test_a_layer_that_another_file_uses_is_left_alone(other: str, tmp_path: Path) -> None:
    alone = found_in_files(tmp_path, {"trunk.py": _MODEL})
    assert alone == [("trunk.py", "KF203", "self.head = layers.Dense(2)"), ("trunk.py", "KF204", _TWICE)]
    assert found_in_files(tmp_path, {"trunk.py": _MODEL, "other.py": other}) == []
