"""Loops with a tape: what is trained gets `training=True`, and nothing else does (KF301)."""

from __future__ import annotations

import pytest

from tests.loop_variants import Loop, assert_is_settled

_HEAD = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Net(keras.Model):
    def __init__(self, units=4):
        super().__init__()
        self.dense = layers.Dense(units)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)


"""


def _net(source: str) -> str:
    return _HEAD + source


TRAINED = (
    Loop(
        "a script without any function",
        _net("""\
net = Net()
optimizer = keras.optimizers.SGD()
for epoch in range(10):
    for x, y in train_ds:
        with tf.GradientTape() as tape:
            logits = net(x<<, training=True>>)
            loss = tf.reduce_mean((y - logits) ** 2)
        grads = tape.gradient(loss, net.trainable_weights)
        optimizer.apply_gradients(zip(grads, net.trainable_weights))
    for x, y in val_ds:
        metric.update_state(y, net(x))
"""),
    ),
    Loop(
        "a function that is wrapped after it is written",
        _net("""\
net = Net()


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x<<, training=True>>))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))


train_step = tf.function(train_step)
"""),
    ),
    Loop(
        "the model is a parameter, and so is the optimizer",
        _net("""\
@tf.function
def train_step(model, optimizer, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x<<, training=True>>))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))


def main():
    net = Net()
    optimizer = keras.optimizers.SGD()
    for x, y in load():
        train_step(net, optimizer, x, y)


main()
"""),
    ),
    Loop(
        "a step inside of the function that makes the model",
        _net("""\
def main():
    net = Net()
    optimizer = keras.optimizers.SGD()

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, net(x<<, training=True>>))
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables))
        return loss

    for x, y in load():
        step(x, y)
"""),
    ),
    Loop(
        "a factory of steps",
        _net("""\
def make_step(model, optimizer):
    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x<<, training=True>>))
        optimizer.minimize(loss, model.trainable_variables, tape=tape)

    return step


step = make_step(Net(), keras.optimizers.SGD())
"""),
    ),
    Loop(
        "two tapes in one statement",
        _net("""\
g = Net()
d = Net(1)


@tf.function
def train_step(images):
    noise = tf.random.normal([16, 100])
    with tf.GradientTape() as t1, tf.GradientTape() as t2:
        fake = g(noise<<, training=True>>)
        real_score = d(images<<, training=True>>)
        fake_score = d(fake<<, training=True>>)
        g_loss = generator_loss(fake_score)
        d_loss = discriminator_loss(real_score, fake_score)
    g_opt.apply_gradients(zip(t1.gradient(g_loss, g.trainable_variables), g.trainable_variables))
    d_opt.apply_gradients(zip(t2.gradient(d_loss, d.trainable_variables), d.trainable_variables))
"""),
    ),
    Loop(
        "a persistent tape",
        _net("""\
a, b = Net(), Net()


def train_step(x):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(a(x<<, training=True>>) - b(x<<, training=True>>))
    ga = tape.gradient(loss, a.trainable_variables)
    gb = tape.gradient(loss, b.trainable_variables)
    del tape
    optimizer.apply_gradients(zip(ga, a.trainable_variables))
    optimizer.apply_gradients(zip(gb, b.trainable_variables))
"""),
    ),
    Loop(
        "the tape goes to a helper",
        _net("""\
net = Net()


def update(tape, loss):
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x<<, training=True>>))
    update(tape, loss)
"""),
    ),
    Loop(
        "a helper takes the gradients and gives them back",
        _net("""\
def grad(model, x, y):
    with tf.GradientTape() as tape:
        value = loss(model, x, y<<, training=True>>)
    return value, tape.gradient(value, model.trainable_variables)


def loss(model, x, y<<, training=False>>):
    return loss_fn(y_true=y, y_pred=model(x<<, training=training>>))


net = Net()
print(loss(net, x0, y0))
for x, y in dataset:
    value, grads = grad(net, x, y)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "a loss function that only training uses",
        _net("""\
net = Net()


def compute_loss(x, y):
    return loss_fn(y, net(x<<, training=True>>))


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = compute_loss(x, y)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "a function that hands its parameter on",
        _net("""\
net = Net()


def compute_loss(x, y, training=False):
    return loss_fn(y, net(x, training=training))


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = compute_loss(x, y<<, training=True>>)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))


def evaluate(ds):
    return [compute_loss(x, y) for x, y in ds]
"""),
    ),
    Loop(
        "one helper within another, for two models",
        _net("""\
def forward(model, x):
    return model(x<<, training=True>>)


def score(model, x):
    return tf.reduce_mean(forward(model, x))


def train(x):
    a, b = Net(), Net()
    with tf.GradientTape() as tape:
        loss = score(a, x) - score(b, x)
    variables = [*a.trainable_variables, *b.trainable_variables]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
"""),
    ),
    Loop(
        "one helper for a model that is trained and one that is not",
        _net("""\
def forward(model, x<<, training=False>>):
    return model(x<<, training=training>>)


def train(x):
    a, b = Net(), Net()
    with tf.GradientTape() as tape:
        loss = forward(a, x<<, training=True>>) - forward(b, x)
    variables = a.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
"""),
    ),
    Loop(
        "several functions deep",
        _net("""\
net = Net()


def forward(x):
    return net(x<<, training=True>>)


def compute_loss(x, y):
    return loss_fn(y, forward(x))


def regularised(x, y):
    return compute_loss(x, y) + 0.1


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = regularised(x, y)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "minimize with a function of the loss",
        _net("""\
net = Net()
opt = tf.keras.optimizers.legacy.SGD()


def train(x, y):
    def loss_fn():
        return tf.reduce_mean((net(x<<, training=True>>) - y) ** 2)

    opt.minimize(loss_fn, net.trainable_variables)
    opt.minimize(lambda: tf.reduce_sum(net(x<<, training=True>>)), var_list=lambda: net.trainable_weights)
"""),
    ),
    Loop(
        "variables collected in a list",
        _net("""\
encoder = Net()
decoder = Net()


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((decoder(encoder(x<<, training=True>>)<<, training=True>>) - x) ** 2)
    variables = encoder.trainable_variables + decoder.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
"""),
    ),
    Loop(
        "variables collected by a loop",
        _net("""\
encoder = Net()
decoder = Net()
variables = []
for part in [encoder, decoder]:
    variables += part.trainable_variables


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((decoder(encoder(x<<, training=True>>)<<, training=True>>) - x) ** 2)
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
"""),
    ),
    Loop(
        "variables collected by extend and append",
        _net("""\
encoder = Net()
decoder = Net()
variables = []
variables.extend(encoder.trainable_variables)
for each in decoder.trainable_variables:
    variables.append(each)


def train_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((decoder(encoder(x<<, training=True>>)<<, training=True>>) - x) ** 2)
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
"""),
    ),
    Loop(
        "distributed",
        _net("""\
strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    net = Net()
    optimizer = keras.optimizers.SGD()


def train_step(inputs):
    x, y = inputs
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x<<, training=True>>))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    return loss


def test_step(inputs):
    x, y = inputs
    accuracy.update_state(y, net(x))


@tf.function
def distributed_train_step(inputs):
    losses = strategy.run(train_step, args=(inputs,))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)


@tf.function
def distributed_test_step(inputs):
    return strategy.run(test_step, args=(inputs,))
"""),
    ),
    Loop(
        "models in a dict",
        _net("""\
models = {"g": Net(), "d": Net()}


def train_step(x):
    with tf.GradientTape() as tape:
        score = models["d"](models["g"](x<<, training=True>>))
        loss = -tf.reduce_mean(score)
    gradients = tape.gradient(loss, models["g"].trainable_variables)
    optimizer.apply_gradients(zip(gradients, models["g"].trainable_variables))
"""),
    ),
    Loop(
        "a Sequential, a functional model and an application",
        """\
        import keras
        import tensorflow as tf
        from keras import layers

        stack = keras.Sequential([layers.Dense(4), layers.Dropout(0.3)])
        inputs = keras.Input((4,))
        graph = keras.Model(inputs, layers.Dropout(0.2)(layers.Dense(2)(inputs)))
        resnet = keras.applications.ResNet50()


        def step(x, optimizer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(stack(x<<, training=True>>))
            optimizer.apply(tape.gradient(loss, stack.trainable_variables), stack.trainable_variables)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(graph(x<<, training=True>>))
            optimizer.apply(tape.gradient(loss, graph.trainable_variables), graph.trainable_variables)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(resnet(x<<, training=True>>))
            optimizer.apply(tape.gradient(loss, resnet.trainable_variables), resnet.trainable_variables)
        """,
    ),
    Loop(
        "a builder that calls builders of blocks, with a layer of its own spelling, and a base below a head",
        """\
        import functools

        import tensorflow as tf
        from tensorflow.keras import layers

        BatchNorm = functools.partial(layers.BatchNormalization, epsilon=1e-5)


        def block(x, filters):
            x = BatchNorm()(layers.Conv2D(filters, 3)(x))
            return layers.ReLU()(x)


        def group(x, filters, depth):
            for _ in range(depth):
                x = block(x, filters)
            return x


        def wide_resnet():
            inputs = layers.Input((32, 32, 3))
            x = group(inputs, 16, 2)
            x = group(x, 32, 2)
            return tf.keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))


        base = tf.keras.applications.MobileNetV2(include_top=False, pooling="avg")
        model = tf.keras.Model(base.input, layers.Dense(3)(base.output))
        frozen = tf.keras.applications.MobileNetV2(include_top=False, pooling="avg")
        frozen.trainable = False
        head = tf.keras.Model(frozen.input, layers.Dense(3)(frozen.output))
        net = wide_resnet()


        def step(x, y, opt):
            with tf.GradientTape(persistent=True) as tape:
                first = loss_fn(y, net(x<<, training=True>>))
                second = loss_fn(y, model(x<<, training=True>>))
                third = loss_fn(y, head(x))
            opt.apply(tape.gradient(first, net.trainable_variables), net.trainable_variables)
            opt.apply(tape.gradient(second, model.trainable_variables), model.trainable_variables)
            opt.apply(tape.gradient(third, head.trainable_variables), head.trainable_variables)
        """,
    ),
    Loop(
        "models that functions make",
        """\
        import tensorflow as tf


        def make_generator_model():
            model = tf.keras.Sequential()
            model.add(tf.keras.layers.Dense(7 * 7 * 256, use_bias=False, input_shape=(100,)))
            model.add(tf.keras.layers.BatchNormalization())
            model.add(tf.keras.layers.LeakyReLU())
            return model


        def make_discriminator_model():
            inputs = tf.keras.layers.Input((28, 28, 1))
            x = tf.keras.layers.Conv2D(64, 5)(inputs)
            x = tf.keras.layers.Dropout(0.3)(x)
            return tf.keras.Model(inputs=inputs, outputs=tf.keras.layers.Dense(1)(x))


        generator = make_generator_model()
        discriminator = make_discriminator_model()


        @tf.function
        def train_step(images):
            noise = tf.random.normal([256, 100])
            with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
                generated_images = generator(noise<<, training=True>>)
                real_output = discriminator(images<<, training=True>>)
                fake_output = discriminator(generated_images<<, training=True>>)
                gen_loss = generator_loss(fake_output)
                disc_loss = discriminator_loss(real_output, fake_output)
            gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
            gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
            generator_optimizer.apply_gradients(zip(gradients_of_generator, generator.trainable_variables))
            discriminator_optimizer.apply_gradients(
                zip(gradients_of_discriminator, discriminator.trainable_variables)
            )
        """,
    ),
    Loop(
        "a Trainer that is given its model",
        _net("""\
class Trainer:
    def __init__(self, model, lr=1e-3):
        self.model = model
        self.optimizer = keras.optimizers.Adam(lr)

    @tf.function
    def train_step(self, x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, self.model(x<<, training=True>>))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))

    def evaluate(self, ds):
        for x, y in ds:
            self.metric.update_state(y, self.model(x))


Trainer(Net()).train_step(x, y)
"""),
    ),
    Loop(
        "a Trainer that makes its models",
        _net("""\
class Trainer(object):
    def __init__(self):
        self.encoder = Net()
        self.decoder = keras.Sequential([layers.Dropout(0.1), layers.Dense(2)])
        self.opt = keras.optimizers.Adam()

    def loss(self, x):
        return tf.reduce_mean((self.decoder(self.encoder(x<<, training=True>>)<<, training=True>>) - x) ** 2)

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.loss(x)
        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        self.opt.apply_gradients(zip(tape.gradient(loss, variables), variables))
"""),
    ),
    Loop(
        "an inner loop as in MAML",
        _net("""\
net = Net()


def train(tasks):
    with tf.GradientTape() as outer:
        losses = []
        for xs, ys, xq, yq in tasks:
            with tf.GradientTape() as inner:
                loss = loss_fn(ys, net(xs<<, training=True>>))
            grads = inner.gradient(loss, net.trainable_variables)
            for variable, grad in zip(net.trainable_variables, grads):
                variable.assign_sub(0.1 * grad)
            losses.append(loss_fn(yq, net(xq<<, training=True>>)))
        total = tf.add_n(losses)
    optimizer.apply_gradients(zip(outer.gradient(total, net.trainable_variables), net.trainable_variables))
"""),
    ),
    Loop(
        "gradients by name of the method alone are no training: a Jacobian by the input",
        _net("""\
net = Net()


def jacobian(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = net(x)
    return tape.jacobian(y, x)
"""),
    ),
    Loop(
        "a model with several inputs over several lines",
        _net("""\
class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def call(self, x, z, training=None):
        return self.net(x, training=training) + z


two = Two()


def train_step(x, z):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            two(
                x,
                z,<<
                training=True,>>
            )
        )
    grads = tape.gradient(loss, two.trainable_variables)
    optimizer.apply_gradients(zip(grads, two.trainable_variables))
"""),
    ),
    Loop(
        "clipped gradients, and variables under another name",
        _net("""\
def fit(model: Net, ds):
    params = model.trainable_variables
    for x, y in ds:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x<<, training=True>>))
        grads = tape.gradient(loss, params)
        grads, _ = tf.clip_by_global_norm(grads, 1.0)
        optimizer.apply_gradients(list(zip(grads, params)))
"""),
    ),
    Loop(
        "a tape that is made before it is entered",
        _net("""\
net = Net()
tape = tf.GradientTape(persistent=True)
with tape:
    loss = tf.reduce_mean(net(data<<, training=True>>))
grads = tape.gradient(loss, net.trainable_variables)
"""),
    ),
    Loop(
        "imported as a name of its own, in mixed precision",
        """\
        from tensorflow import GradientTape, keras
        from tensorflow.keras.layers import BatchNormalization, Dense

        model = keras.models.Sequential([Dense(4), BatchNormalization()])
        opt = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD())


        def step(x, y):
            with GradientTape() as tape:
                loss = keras.losses.mse(y, model(x<<, training=True>>))
                scaled = opt.get_scaled_loss(loss)
            grads = opt.get_unscaled_gradients(tape.gradient(scaled, model.trainable_variables))
            opt.apply_gradients(zip(grads, model.trainable_variables))
        """,
    ),
    Loop(
        "a loss class that holds the model",
        _net("""\
class Loss:
    def __init__(self, model):
        self.model = model

    def __call__(self, x, y<<, training=False>>):
        return loss_fn(y, self.model(x<<, training=training>>))


net = Net()
criterion = Loss(net)


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = criterion(x, y<<, training=True>>)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "a tf.Module takes the flag before it is given it",
        _net("""\
class Linear(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones([4, 4]))
        self.drop = Net()

    @tf.Module.with_name_scope
    def __call__(self, x<<, training=False>>):
        return self.drop(x @ self.w<<, training=training>>)


linear = Linear()


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, linear(x<<, training=True>>))
    return tape.gradient(loss, linear.trainable_variables)
"""),
    ),
    Loop(
        "methods of a VAE in a tape",
        """\
        import tensorflow as tf


        class CVAE(tf.keras.Model):
            def __init__(self, latent_dim):
                super().__init__()
                self.latent_dim = latent_dim
                self.encoder = tf.keras.Sequential([
                    tf.keras.layers.Conv2D(32, 3),
                    tf.keras.layers.BatchNormalization(),
                    tf.keras.layers.Flatten(),
                    tf.keras.layers.Dense(latent_dim + latent_dim),
                ])
                self.decoder = tf.keras.Sequential([
                    tf.keras.layers.Dense(7 * 7 * 32),
                    tf.keras.layers.Dropout(0.1),
                ])

            @tf.function
            def sample(self, eps=None):
                if eps is None:
                    eps = tf.random.normal(shape=(100, self.latent_dim))
                return self.decode(eps, apply_sigmoid=True)

            def encode(self, x<<, training=False>>):
                mean, logvar = tf.split(self.encoder(x<<, training=training>>), num_or_size_splits=2, axis=1)
                return mean, logvar

            def reparameterize(self, mean, logvar):
                eps = tf.random.normal(shape=mean.shape)
                return eps * tf.exp(logvar * .5) + mean

            def decode(self, z, apply_sigmoid=False<<, training=False>>):
                logits = self.decoder(z<<, training=training>>)
                if apply_sigmoid:
                    return tf.sigmoid(logits)
                return logits


        optimizer = tf.keras.optimizers.Adam(1e-4)


        def compute_loss(model, x<<, training=False>>):
            mean, logvar = model.encode(x<<, training=training>>)
            z = model.reparameterize(mean, logvar)
            x_logit = model.decode(z<<, training=training>>)
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=x_logit, labels=x))


        @tf.function
        def train_step(model, x, optimizer):
            with tf.GradientTape() as tape:
                loss = compute_loss(model, x<<, training=True>>)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


        model = CVAE(2)
        for epoch in range(1, 10):
            for train_x in train_dataset:
                train_step(model, train_x, optimizer)
            for test_x in test_dataset:
                loss(compute_loss(model, test_x))
            predictions = model.sample(random_vector_for_generation)
        """,
    ),
)

NOT_TRAINED = (
    Loop(
        "a target network",
        _net("""\
q_network = Net()
target_network = Net()


def train_step(states, actions, rewards, next_states):
    with tf.GradientTape() as tape:
        future = tf.reduce_max(target_network(next_states), axis=1)
        q = tf.reduce_sum(q_network(states<<, training=True>>) * tf.one_hot(actions, 4), axis=1)
        loss = tf.reduce_mean((rewards + 0.99 * future - q) ** 2)
    grads = tape.gradient(loss, q_network.trainable_variables)
    optimizer.apply_gradients(zip(grads, q_network.trainable_variables))


def act(state):
    return tf.argmax(q_network(state[None]), axis=1)
"""),
    ),
    Loop(
        "a teacher",
        _net("""\
def distill(teacher, student, ds):
    for x, y in ds:
        with tf.GradientTape() as tape:
            loss = kl(teacher(x), student(x<<, training=True>>))
        grads = tape.gradient(loss, student.trainable_variables)
        optimizer.apply_gradients(zip(grads, student.trainable_variables))


distill(Net(), Net(), data)
"""),
    ),
    Loop(
        "style transfer: the image is trained",
        """\
        import tensorflow as tf

        vgg = tf.keras.applications.VGG19(include_top=False, weights="imagenet")
        resnet = tf.keras.applications.ResNet50(include_top=False)
        outputs = [vgg.get_layer(name).output for name in ("block1_conv1", "block5_conv2")]
        extractor = tf.keras.Model([vgg.input], outputs)
        image = tf.Variable(content_image)


        @tf.function()
        def train_step(image):
            with tf.GradientTape() as tape:
                outputs = extractor(image)
                more = resnet(image)
                loss = style_content_loss(outputs, more)
            grad = tape.gradient(loss, image)
            opt.apply_gradients([(grad, image)])
            image.assign(tf.clip_by_value(image, 0.0, 1.0))
        """,
    ),
    Loop(
        "a perceptual loss: only the generator is trained",
        _net("""\
vgg = tf.keras.applications.ResNet50(include_top=False)
generator = Net()


def perceptual(x, y):
    return tf.reduce_mean((vgg(x) - vgg(y)) ** 2)


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = perceptual(generator(x<<, training=True>>), y)
    grads = tape.gradient(loss, generator.trainable_variables)
    optimizer.apply_gradients(zip(grads, generator.trainable_variables))
"""),
    ),
    Loop(
        "Grad-CAM",
        """\
        import tensorflow as tf

        model = tf.keras.applications.Xception(weights="imagenet")


        def make_gradcam_heatmap(img_array, model, last_conv_layer_name, pred_index=None):
            grad_model = tf.keras.models.Model(
                model.inputs, [model.get_layer(last_conv_layer_name).output, model.output]
            )
            with tf.GradientTape() as tape:
                last_conv_layer_output, preds = grad_model(img_array)
                if pred_index is None:
                    pred_index = tf.argmax(preds[0])
                class_channel = preds[:, pred_index]
            grads = tape.gradient(class_channel, last_conv_layer_output)
            return tf.reduce_mean(grads, axis=(0, 1, 2))


        make_gradcam_heatmap(image, model, "block14_sepconv2_act")
        """,
    ),
    Loop(
        "the critic in a gradient penalty, under the tape that trains it",
        _net("""\
critic = Net(1)
generator = Net()


def gradient_penalty(real, fake):
    alpha = tf.random.uniform([tf.shape(real)[0], 1])
    mixed = real + alpha * (fake - real)
    with tf.GradientTape() as gp_tape:
        gp_tape.watch(mixed)
        pred = critic(mixed<<, training=True>>)
    grads = gp_tape.gradient(pred, [mixed])[0]
    return tf.reduce_mean((tf.norm(grads, axis=1) - 1.0) ** 2)


def train_critic(real):
    fake = generator(noise(real))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(critic(fake<<, training=True>>))
        loss -= tf.reduce_mean(critic(real<<, training=True>>))
        loss += 10.0 * gradient_penalty(real, fake)
    grads = tape.gradient(loss, critic.trainable_variables)
    optimizer.apply_gradients(zip(grads, critic.trainable_variables))
"""),
    ),
    Loop(
        "an adversarial example is made with the gradient by the input, then the model is trained",
        _net("""\
net = Net()


def fgsm(x, y):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = loss_fn(y, net(x))
    return x + 0.1 * tf.sign(tape.gradient(loss, x))


def train_step(x, y):
    x = fgsm(x, y)
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x<<, training=True>>))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "a call while the recording is stopped",
        _net("""\
net = Net()
other = Net()


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x<<, training=True>>))
        with tape.stop_recording():
            shown = net(x)
    grads = tape.gradient(loss, net.trainable_variables)
    return shown, grads
"""),
    ),
    Loop(
        "a Trainer that is given a model here and a function there",
        _net("""\
class Trainer:
    def __init__(self, model):
        self.model = model

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = self.model(x)
        grads = tape.gradient(loss, self.model.trainable_variables)
        optimizer.apply_gradients(zip(grads, self.model.trainable_variables))


Trainer(Net()).step(x)
Trainer(model=lambda x: x).step(x)
"""),
        said=(("KF301", "loss = self.model(x)"),),
    ),
    Loop(
        "a step that is given a model here and something of another package there",
        _net("""\
import tensorflow_hub as hub


def step(model, x):
    with tf.GradientTape() as tape:
        loss = model(x)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))


step(Net(), x)
step(hub.load("some/model"), x)
"""),
        said=(("KF301", "loss = model(x)"),),
    ),
    Loop(
        "functions and objects without a flag",
        _net("""\
class Linear(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones([4, 4]))

    def __call__(self, x):
        return x @ self.w


class Plain:
    def __init__(self):
        self.net = Net()
        self.trainable_variables = []

    def __call__(self, x):
        return x


linear = Linear()
plain = Plain()


def predict(x):
    return x @ w


def train_step(x, y):
    with tf.GradientTape(persistent=True) as tape:
        loss = loss_fn(y, linear(x)) + predict(x) + plain(x)
    tape.gradient(loss, [w, b])
    tape.gradient(loss, plain.trainable_variables)
    return tape.gradient(loss, linear.trainable_variables)
"""),
    ),
    Loop(
        "layers that do not depend on the flag",
        """\
        import keras
        import tensorflow as tf
        from keras import layers

        net = keras.Sequential([layers.Dense(4), layers.ReLU(), layers.Dropout(0.0)])
        dense = layers.Dense(2)


        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = loss_fn(y, dense(net(x)))
            grads = tape.gradient(loss, net.trainable_variables + dense.trainable_variables)
            optimizer.apply(grads, net.trainable_variables + dense.trainable_variables)
        """,
    ),
    Loop(
        "where the gradient is stopped: a double DQN, pseudo labels",
        _net("""\
net = Net()
target = Net()


def train_step(x, next_x, y):
    with tf.GradientTape() as tape:
        best = tf.argmax(net(next_x), axis=1)
        labels = tf.stop_gradient(net(next_x))
        loss = loss_fn(y, net(x<<, training=True>>)) + tf.gather(target(next_x), best) + labels
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
"""),
    ),
    Loop(
        "the flag is handed on in every way",
        _net("""\
net = Net()


def a(x, training):
    return net(x, training=training)


def b(x, **kwargs):
    return net(x, **kwargs)


def c(*args):
    return net(*args)


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = a(x, True) + b(x, training=True) + c(x) + a(x, training=True)
    return tape.gradient(loss, net.trainable_variables)
"""),
    ),
    Loop(
        "a `__call__` that takes no flag",
        """\
        import tensorflow as tf
        from tensorflow import keras
        from tensorflow.keras import layers


        class Old(keras.Model):
            def __init__(self):
                super().__init__()
                self.drop = layers.Dropout(0.5)

            def __call__(self, x):
                return self.drop(x)


        old = Old()


        def train_step(x):
            with tf.GradientTape() as tape:
                loss = old(x)
            return tape.gradient(loss, old.trainable_variables)
        """,
    ),
    Loop(
        "a discriminator that is frozen as a whole while the generator is trained",
        _net("""\
generator = Net()
discriminator = Net()


def train_generator(z):
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(discriminator(generator(z<<, training=True>>)))
    grads = tape.gradient(loss, generator.trainable_weights)
    optimizer.apply_gradients(zip(grads, generator.trainable_weights))
"""),
    ),
    Loop(
        "a model is only called in a tape of which nothing is asked",
        _net("""\
net = Net()
with tf.GradientTape() as tape:
    y = net(data)
print(y)
"""),
    ),
    Loop(
        "another model of the same name elsewhere is trained",
        _net("""\
def train(x):
    net = Net()
    with tf.GradientTape() as tape:
        loss = net(x<<, training=True>>)
    return tape.gradient(loss, net.trainable_variables)


def show(x, image):
    net = Net()
    with tf.GradientTape() as tape:
        loss = net(image)
    return tape.gradient(loss, image)
"""),
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in TRAINED])
def test_what_is_trained_gets_the_flag(loop: Loop) -> None:
    assert_is_settled(loop)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in NOT_TRAINED])
def test_what_is_not_trained_is_left_as_it_is(loop: Loop) -> None:
    assert_is_settled(loop)
