"""Steps that Keras calls, and evaluation code: what trains, and what does not (KF302, KF303)."""

from __future__ import annotations

import pytest

from tests.loop_variants import Loop, assert_is_settled

_HEAD = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


"""
_NET = (
    _HEAD
    + """\
class Net(keras.Model):
    def __init__(self, units=4):
        super().__init__()
        self.dense = layers.Dense(units)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(self.dense(x), training=training)


"""
)
_TRUE = _NET.replace("training=None", "training=True")

STEPS = (
    Loop(
        "a VAE with a train_step of its own",
        _HEAD
        + """\
class Sampling(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        return mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))


encoder_inputs = keras.Input(shape=(28, 28, 1))
x = layers.Conv2D(32, 3, strides=2)(encoder_inputs)
x = layers.BatchNormalization()(x)
x = layers.Flatten()(x)
z_mean = layers.Dense(2, name="z_mean")(x)
z_log_var = layers.Dense(2, name="z_log_var")(x)
z = Sampling()([z_mean, z_log_var])
encoder = keras.Model(encoder_inputs, [z_mean, z_log_var, z], name="encoder")

latent_inputs = keras.Input(shape=(2,))
y = layers.Dense(7 * 7 * 64)(latent_inputs)
y = layers.Dropout(0.2)(y)
decoder = keras.Model(latent_inputs, layers.Reshape((7, 7, 64))(y), name="decoder")


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.total_loss_tracker = keras.metrics.Mean(name="total_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            z_mean, z_log_var, z = self.encoder(data<<, training=True>>)
            reconstruction = self.decoder(z<<, training=True>>)
            total_loss = tf.reduce_mean((data - reconstruction) ** 2)
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        self.total_loss_tracker.update_state(total_loss)
        return {"loss": self.total_loss_tracker.result()}


vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam())
vae.fit(data)
""",
    ),
    Loop(
        "a functional subclass",
        _HEAD
        + """\
class CustomModel(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x<<, training=True>>)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        x, y = data
        y_pred = self(x<<, training=False>>)
        self.compute_loss(y=y, y_pred=y_pred)
        return {m.name: m.result() for m in self.metrics}


inputs = keras.Input(shape=(32,))
outputs = layers.Dense(1)(layers.Dropout(0.5)(inputs))
model = CustomModel(inputs, outputs)
""",
    ),
    Loop(
        "a functional subclass without anything that depends on the flag",
        _HEAD
        + """\
class CustomModel(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {}


inputs = keras.Input(shape=(32,))
model = CustomModel(inputs, layers.Dense(1)(inputs))
""",
    ),
    Loop(
        "a GAN that is given its networks by another file's builders is in sight here",
        _HEAD
        + """\
def make_critic():
    return keras.Sequential([layers.Dense(8), layers.Dropout(0.3), layers.Dense(1)])


def make_generator():
    return keras.Sequential([layers.Dense(8), layers.BatchNormalization()])


class WGAN(keras.Model):
    def __init__(self, critic, generator, n_critic=5):
        super().__init__()
        self.critic = critic
        self.generator = generator
        self.n_critic = n_critic

    def gradient_penalty(self, real, fake):
        mixed = (real + fake) / 2
        with tf.GradientTape() as gp_tape:
            gp_tape.watch(mixed)
            pred = self.critic(mixed<<, training=True>>)
        grads = gp_tape.gradient(pred, [mixed])[0]
        return tf.reduce_mean((tf.norm(grads, axis=1) - 1.0) ** 2)

    def train_step(self, real):
        for _ in range(self.n_critic):
            z = tf.random.normal((tf.shape(real)[0], 16))
            with tf.GradientTape() as tape:
                fake = self.generator(z)
                loss = tf.reduce_mean(self.critic(fake<<, training=True>>))
                loss -= tf.reduce_mean(self.critic(real<<, training=True>>))
                loss += 10 * self.gradient_penalty(real, fake)
            grads = tape.gradient(loss, self.critic.trainable_variables)
            self.c_optimizer.apply_gradients(zip(grads, self.critic.trainable_variables))
        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.critic(self.generator(z<<, training=True>>)))
        grads = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_variables))
        return {"loss": g_loss}


wgan = WGAN(make_critic(), generator=make_generator())
""",
    ),
    Loop(
        "a CycleGAN",
        _HEAD
        + """\
def unet():
    inputs = layers.Input((256, 256, 3))
    x = layers.Conv2D(64, 4, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Conv2D(3, 4, padding="same")(x))


class CycleGAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.gen_g = unet()
        self.gen_f = unet()
        self.disc_x = unet()
        self.disc_y = unet()

    def train_step(self, batch):
        real_x, real_y = batch
        with tf.GradientTape(persistent=True) as tape:
            fake_y = self.gen_g(real_x<<, training=True>>)
            cycled_x = self.gen_f(fake_y<<, training=True>>)
            fake_x = self.gen_f(real_y<<, training=True>>)
            cycled_y = self.gen_g(fake_x<<, training=True>>)
            same_x = self.gen_f(real_x<<, training=True>>)
            disc_real_x = self.disc_x(real_x<<, training=True>>)
            disc_fake_x = self.disc_x(fake_x<<, training=True>>)
            disc_real_y = self.disc_y(real_y<<, training=True>>)
            disc_y_loss = self.d_loss(disc_real_y, self.disc_y(fake_y<<, training=True>>))
            disc_x_loss = self.d_loss(disc_real_x, disc_fake_x)
            total = self.cycle_loss(real_x, cycled_x) + self.cycle_loss(real_y, cycled_y)
            total += self.same(real_x, same_x)
        for model, loss, opt in (
            (self.gen_g, total, self.opt_g),
            (self.gen_f, total, self.opt_f),
        ):
            grads = tape.gradient(loss, model.trainable_variables)
            opt.apply_gradients(zip(grads, model.trainable_variables))
        disc_x_grads = tape.gradient(disc_x_loss, self.disc_x.trainable_variables)
        disc_y_grads = tape.gradient(disc_y_loss, self.disc_y.trainable_variables)
        self.opt_x.apply_gradients(zip(disc_x_grads, self.disc_x.trainable_variables))
        self.opt_y.apply_gradients(zip(disc_y_grads, self.disc_y.trainable_variables))
        return {}
""",
    ),
    Loop(
        "the default of the model is True",
        _TRUE.replace("class Net", "class Net")
        + """\
class Wrapper(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def test_step(self, data):
        x, y = data
        return {"loss": self.compute_loss(x, y, self.net(x<<, training=False>>))}

    def predict_step(self, data):
        return self.net(data<<, training=False>>)
""",
    ),
    Loop(
        "minimize in a train_step",
        _NET
        + """\
class Sub(Net):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x<<, training=True>>))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}
""",
    ),
    Loop(
        "a helper of train_step and test_step",
        _NET
        + """\
class Sub(Net):
    def _step(self, data<<, training=False>>):
        x, y = data
        return self.compute_loss(x, y, self(x<<, training=training>>))

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self._step(data<<, training=True>>)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}

    def test_step(self, data):
        return {"loss": self._step(data)}
""",
    ),
    Loop(
        "a student and a teacher that are handed over",
        _NET
        + """\
class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def train_step(self, data):
        x, y = data
        teacher_predictions = self.teacher(x, training=False)
        with tf.GradientTape() as tape:
            student_predictions = self.student(x<<, training=True>>)
            loss = self.student_loss(y, student_predictions)
            loss += self.kl(teacher_predictions, student_predictions)
        gradients = tape.gradient(loss, self.student.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.student.trainable_variables))
        return {}

    def test_step(self, data):
        x, y = data
        y_prediction = self.student(x, training=False)
        return {"loss": self.student_loss(y, y_prediction)}


distiller = Distiller(student=Net(), teacher=Net())
""",
    ),
)

EVALUATION = (
    Loop(
        "an evaluation whose model defaults to True",
        _TRUE
        + """\
net = Net()


def evaluate(ds):
    for x, y in ds:
        accuracy.update_state(y, net(x<<, training=False>>))
    return accuracy.result()


def generate_images(x):
    return net(x<<, training=False>>)


@tf.function
def test_step(x, y):
    predictions = net(x<<, training=False>>)
    test_loss(loss_object(y, predictions))


for x, y in test_ds:
    print(net(x<<, training=False>>))
""",
    ),
    Loop(
        "a method that is told the mode",
        _TRUE
        + """\
class Speech(keras.Model):
    def __init__(self):
        super().__init__()
        self.flow = Net()

    def call(self, x, training=None):
        return self.flow(x, training=training)

    def infer(self, x, training=False):
        return self.flow(x<<, training=training>>)
""",
    ),
    Loop(
        "the same where the default is None",
        _NET
        + """\
net = Net()


def evaluate(ds):
    for x, y in ds:
        accuracy.update_state(y, net(x))
    return accuracy.result()


def generate_images(x):
    return net(x)
""",
    ),
    Loop(
        "measured on held-out data in training mode",
        _NET
        + """\
net = Net()


def validate(val_ds):
    for x, y in val_ds:
        accuracy.update_state(y, net(x, training=<<True|False>>))
    return accuracy.result()
""",
        offered=True,
    ),
    Loop(
        "pix2pix: a picture in training mode is no measurement",
        _NET
        + """\
generator = Net()


def generate_images(model, test_input, tar):
    prediction = model(test_input, training=True)
    plt.imshow(prediction[0])


for inp, tar in test_dataset.take(5):
    generate_images(generator, inp, tar)
""",
    ),
    Loop(
        "Monte Carlo",
        _NET
        + """\
net = Net()


def evaluate(test_ds, n=100):
    for x, y in test_ds:
        probs = tf.stack([net(x, training=True) for _ in range(n)])
        accuracy.update_state(y, tf.reduce_mean(probs, axis=0))
""",
    ),
    Loop(
        "training statistics in a function that also evaluates",
        _NET
        + """\
net = Net()


def run(train_ds, val_ds):
    for x, y in train_ds:
        with tf.GradientTape() as tape:
            logits = net(x, training=True)
            loss = loss_fn(y, logits)
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables))
        train_acc.update_state(y, logits)
    for x, y in val_ds:
        val_acc.update_state(y, net(x, training=False))
""",
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in STEPS])
def test_steps(loop: Loop) -> None:
    assert_is_settled(loop)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in EVALUATION])
def test_evaluation(loop: Loop) -> None:
    assert_is_settled(loop)
