"""# gradient-blocker (KF206)

## What it does
Finds layers with weights from which every way to the output or to the loss leads through an operation that
lets no gradient through: `tf.argmax`, rounding, a cast to integers, a comparison, NumPy and `.numpy()`,
`float()`, `tf.stop_gradient`. It is reported at the operation, with the layers that starve. So are losses:
those of a `GradientTape`, and functions given to `compile(loss=...)`.

## Why it is bad
The weights in front of it never learn. Keras says at most «Gradients do not exist for variables [...]»,
without a line; before `tf.sign` the gradient is exactly zero, and Keras says nothing at all. If no weight is
left that gets a gradient, it is «No gradients provided for any variable».

## Example
    def call(self, x):
        x = self.scores(x)
        x = tf.one_hot(tf.argmax(x, axis=-1), 8)
        return self.out(x)

Use instead:

    def call(self, x):
        x = self.scores(x)
        x = tf.nn.softmax(x)
        return self.out(x)

or, where the hard choice is wanted, a straight-through estimator:

        soft = tf.nn.softmax(self.scores(x))
        hard = tf.one_hot(tf.argmax(soft, axis=-1), 8)
        return self.out(soft + tf.stop_gradient(hard - soft))

## Fix safety
None is offered: what should be learnt there is the author's to know. Not reported if any other way is open:
in the other branch of a condition, in another method, through an auxiliary output or anything that cannot be
followed. Neither are frozen layers, target networks, teachers and averages; classes and methods that only run
(`predict`, `sample`, `act`, a decoder, an export); a `tf.stop_gradient` of a difference, which makes an
estimator (`x + tf.stop_gradient(q - x)`), or one that a comment explains.

## References
- https://www.tensorflow.org/guide/autodiff#getting_a_gradient_of_none
- Measured with TensorFlow 2.21, Keras 3.15.1 and tf_keras 2.21: `tests/keras/test_gradient_blockers.py`
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.analysis.insides import Insides
from kerasfix.analysis.program import Program
from kerasfix.analysis.starved import Starved, StarvedLayers
from kerasfix.analysis.starved_graphs import StarvedGraphs
from kerasfix.analysis.starved_losses import StarvedLosses
from kerasfix.findings import Finding, Severity
from kerasfix.keras.gradients import Kind
from kerasfix.rules.base import Case, Rule, finding, listed

_RULE = ("KF206", "gradient-blocker")
_STRAIGHT_THROUGH = "let the gradient pass it with `x + tf.stop_gradient(q - x)`, where `q` is made from `x`"
_HELP = {
    Kind.STOPS: "If these weights are meant to learn, leave it out or give them another way to the loss; "
    "if not, say so with `trainable = False`",
    Kind.CHOOSES: "Hand on the scores (a softmax instead of the choice) and choose in inference only, or "
    + _STRAIGHT_THROUGH,
    Kind.ROUNDS: f"Go on with the number as it is and round in inference only, or {_STRAIGHT_THROUGH}",
    Kind.COMPARES: f"Use a smooth step such as `tf.sigmoid(k * (x - limit))`, or {_STRAIGHT_THROUGH}",
    Kind.COUNTS: "Use a smooth measure: a mean of probabilities instead of a count",
    Kind.SHUFFLES: "Shuffle the indices and gather: `tf.gather(x, tf.random.shuffle(tf.range(n)))`",
    Kind.LEAVES: "Keep it a tensor until the gradient is taken: `tf` and `keras.ops` have the operation, "
    "and the model itself is called, not its `predict`",
}


def check(program: Program) -> Iterator[Finding]:
    insides = Insides(program)
    looked = (StarvedLayers, StarvedGraphs, StarvedLosses)
    found = [starved for each in looked for starved in each(program, insides).find()]
    for starved in sorted(found, key=lambda each: (each.blocker.node.lineno, each.blocker.node.col_offset)):
        yield finding(
            program,
            _RULE,
            starved.blocker.node,
            f"{_consequence(starved)}, because {_ways(starved)} through {starved.blocker.name}, "
            f"which {starved.blocker.reason}",
            severity=Severity.ERROR if starved.is_all else Severity.WARNING,
            owner=starved.owner,
            method=starved.method,
            loses=starved.layers,
            help=_HELP[starved.blocker.kind],
        )


def _consequence(starved: Starved) -> str:
    gets = "only zeros as gradient, of which Keras says nothing" if starved.blocker.is_zero else "no gradient"
    if starved.source:
        return f"No weight of the model gets a gradient from this loss{_and_silently(starved)}"
    whose = "its" if len(starved.layers) == 1 else "their"
    return f"{listed(list(starved.layers))}: {whose} weights get {gets}"


def _and_silently(starved: Starved) -> str:
    return " but zeros, of which Keras says nothing" if starved.blocker.is_zero else ""


def _ways(starved: Starved) -> str:
    if starved.source:
        return f"all that it takes from `{starved.source}` goes"
    if starved.builds:
        return "every way to the output of the model leads"
    return f"every way to what `{starved.method}` returns leads"


_INIT = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, padding="same")
        self.dense = layers.Dense(8)
        self.drop = layers.Dropout(0.5)
        self.stack = [layers.Dense(4) for _ in range(3)]
        self.out = layers.Dense(1)

"""


def _net(why: str, call: str) -> Case:
    """A model of these layers with another `call`."""
    return Case(why, _INIT + call)


RULE = Rule(
    *_RULE,
    check,
    invalid=(
        _net(
            "A hard choice in the middle, behind a loop and layers without weights",
            """\
    def call(self, x, training=None):
        x = tf.nn.relu(self.conv(x))
        for layer in self.stack:
            x = layer(x)
        x = self.drop(x, training=training)
        x = tf.one_hot(tf.argmax(x, axis=-1), 4)
        return self.out(x)
""",
        ),
        _net(
            "The whole output is a choice: nothing can be trained",
            """\
    def call(self, x, training=None):
        x = self.out(self.dense(x))
        classes = tf.math.argmax(x, axis=-1)
        return classes
""",
        ),
        _net(
            "Rounding, in a helper and with an early return",
            """\
    def call(self, x, training=None):
        x = self.dense(x)
        if training:
            return self.out(self.whole(x))
        return self.out(tf.floor(x))

    def whole(self, x):
        return tf.round(x)
""",
        ),
        _net(
            "A gate made of a comparison and a cast",
            """\
    def call(self, x, training=None):
        gate = tf.cast(self.dense(x) > 0.5, tf.float32)
        return self.out(x[..., :1] * gate)
""",
        ),
        _net(
            "A cast to integers, of Keras and by its name",
            """\
    def call(self, x, training=None):
        x = keras.ops.cast(self.dense(x), "int32")
        return self.out(keras.ops.one_hot(x, 4))
""",
        ),
        _net(
            "Out of the graph and back: NumPy, a plain number, a truth value",
            """\
    def call(self, x, training=None):
        a = self.conv(x).numpy()
        b = float(tf.reduce_sum(self.dense(x)))
        return self.out(tf.constant(a) * b)
""",
        ),
        _net(
            "A gradient that is stopped with no other way left",
            """\
    def call(self, x, training=None):
        x = self.conv(x)
        x = tf.stop_gradient(self.dense(x))
        return self.out(x)
""",
        ),
        _net(
            "`tf.sign`: zeros, and Keras says nothing",
            """\
    def call(self, x, training=None):
        return self.out(tf.sign(self.dense(x)))
""",
        ),
        _net(
            "A shuffle, and a rounding division",
            """\
    def call(self, x, training=None):
        x = tf.random.shuffle(self.conv(x))
        return self.out(self.dense(x) // 2)
""",
        ),
        Case(
            "A layer that binarises without an estimator, and the model that uses it",
            """\
class Binary(layers.Layer):
    def call(self, x):
        return tf.cast(tf.greater(x, 0.0), x.dtype)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(8)
        self.binary = Binary()
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.binary(self.dense(x)))
""",
        ),
        Case(
            "In a functional model, through Lambda layers of a named function and of one on the spot",
            """\
def build(classes):
    inputs = keras.Input((8,))
    x = layers.Dense(classes, name="scores")(inputs)
    x = layers.Lambda(lambda t: tf.one_hot(tf.argmax(t, axis=-1), 4))(x)
    second = layers.Dense(4)
    x = layers.Lambda(tf.round)(second(x))
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile(loss="mse")
    return model
""",
        ),
        Case(
            "A Lambda layer of a class",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(8)
        self.choose = layers.Lambda(lambda t: keras.backend.argmax(t))
        self.out = layers.Embedding(8, 1)

    def call(self, x):
        return self.out(self.choose(self.dense(x)))
""",
        ),
        Case(
            "A loss made of predictions that were chosen, in a tape",
            """\
def train(model, data, optimizer):
    loss_fn = keras.losses.MeanSquaredError()
    for x, y in data:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            chosen = tf.argmax(logits, axis=-1)
            loss = loss_fn(y, chosen)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        print(tf.reduce_mean(logits))
""",
        ),
        Case(
            "`predict` in a tape, and variables that have a name",
            """\
def train(model, x, y, optimizer):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model.predict(x) - y) ** 2)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
""",
        ),
        Case(
            "A train_step whose loss is a plain number",
            """\
class Net(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.constant(float(self.compute_loss(x, y, self(x, training=True))))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}
""",
        ),
        Case(
            "A loss function that rounds what it is given",
            """\
def f1_loss(y_true, y_pred):
    y_pred = keras.backend.round(y_pred)
    hits = keras.backend.sum(y_true * y_pred)
    return 1 - 2 * hits / keras.backend.sum(y_true + y_pred)


def make(model):
    model.compile(optimizer="adam", loss=f1_loss)
""",
        ),
        Case(
            "A Loss class, and a loss that a function makes",
            """\
class Dice(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mask = tf.cast(y_pred > 0.5, tf.float32)
        return 1 - tf.reduce_mean(y_true * mask)


def ordinal(classes):
    def loss(y_true, y_pred):
        chosen = tf.cast(tf.argmax(y_pred, axis=-1), tf.float32)
        return tf.reduce_mean(tf.abs(y_true - chosen)) / classes

    return loss


def make(model):
    model.compile(loss=ordinal(5))
""",
        ),
    ),
    valid=(
        _net(
            "Straight-through estimators",
            """\
    def call(self, x, training=None):
        x = self.dense(x)
        x = x + tf.stop_gradient(tf.round(x) - x)
        soft = tf.nn.softmax(self.conv(x))
        hard = tf.one_hot(tf.argmax(soft, axis=-1), 4)
        return self.out(soft + tf.stop_gradient(hard - soft))
""",
        ),
        Case(
            "Vector quantisation: codes behind a straight-through estimator, and layers behind the choice",
            """\
class Quantizer(layers.Layer):
    def __init__(self):
        super().__init__()
        self.before = layers.Dense(4)
        self.codes = layers.Embedding(16, 4)

    def call(self, x):
        x = self.before(x)
        chosen = tf.argmin(tf.norm(x[:, None] - self.codes.embeddings, axis=-1), axis=-1)
        q = self.codes(chosen)
        self.add_loss(tf.reduce_mean((tf.stop_gradient(x) - q) ** 2))
        return x + tf.stop_gradient(q - x)
""",
        ),
        Case(
            "Target networks, teachers, and what is frozen",
            """\
class Twin(keras.Model):
    def __init__(self):
        super().__init__()
        self.online = layers.Dense(4)
        self.target_encoder = layers.Dense(4)
        self.teacher = layers.Dense(4)
        self.backbone = layers.Dense(4, trainable=False)
        self.base = layers.Dense(4)
        self.base.trainable = False

    def call(self, x):
        wanted = tf.stop_gradient(self.target_encoder(x))
        hint = tf.argmax(self.teacher(x), axis=-1)
        known = tf.round(self.backbone(x)) + tf.round(self.base(x))
        return self.online(x) - wanted, hint, known
""",
        ),
        _net(
            "SimSiam: one side stopped, the same layers open on the other",
            """\
    def call(self, x, training=None):
        a, b = self.dense(x), self.dense(x + 1.0)
        return tf.reduce_mean(self.out(a) * tf.stop_gradient(b))
""",
        ),
        _net(
            "A choice in inference only, beside the logits, for a metric, or for what comes back as well",
            """\
    def call(self, x, training=None):
        logits = self.out(self.dense(x))
        if not training:
            return tf.argmax(logits, axis=-1)
        return {"logits": logits, "classes": tf.argmax(logits, axis=-1)}

    def accuracy(self, x, y):
        return tf.reduce_mean(tf.cast(tf.argmax(self.out(self.dense(x))) == y, tf.float32))
""",
        ),
        _net(
            "Masks and shapes made of the output, with another way for the layer",
            """\
    def call(self, x, training=None):
        h = self.dense(x)
        mask = tf.cast(h > 0, h.dtype)
        size = int(h.shape[-1]) * tf.cast(tf.shape(h)[0], tf.float32)
        h = tf.where(tf.math.is_finite(h), h, 0.0)
        return self.out(h * mask / size)
""",
        ),
        _net(
            "What cannot be followed: stored, appended, given to something unknown, a loss of its own",
            """\
    def call(self, x, training=None):
        self.feature = self.conv(x)
        outs = []
        outs.append(self.dense(x))
        for layer in self.stack:
            h = layer(x)
            unknown(h)
        y = self.out(x)
        self.add_loss(tf.reduce_sum(y))
        return tf.argmax(y), tf.round(self.feature), tf.round(outs[0]), tf.argmax(h)
""",
        ),
        Case(
            "Acting and sampling in methods that only run; a policy, a decoder, an export",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def act(self, x):
        return tf.random.categorical(self.dense(x), 1)

    def call(self, x):
        return self.dense(x)


class GreedyPolicy(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return tf.argmax(self.dense(x), axis=-1)


class Exported(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, x):
        return tf.argmax(self.model(x), axis=-1)
""",
        ),
        Case(
            "Rounding and choosing with a gradient of their own",
            """\
@tf.custom_gradient
def binary(x):
    return tf.sign(x), lambda dy: dy


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
        self.second = layers.Dense(4)

    @tf.custom_gradient
    def whole(self, x):
        return tf.round(x), lambda dy: dy

    def call(self, x):
        x = binary(self.dense(x))
        x = self.whole(self.second(x))
        return tf.grad_pass_through(tf.round)(x)
""",
        ),
        Case(
            "Functional models: one that chooses beside one that is trained, and Lambda layers that pass it",
            """\
def build(classes):
    inputs = keras.Input((8,))
    x = layers.Dense(4)(inputs)
    x = layers.Lambda(lambda t: t + tf.stop_gradient(tf.round(t) - t))(x)
    x = layers.Lambda(lambda t: tf.abs(t))(x)
    shared = layers.Dense(4)
    logits = layers.Dense(classes)(shared(x))
    chosen = layers.Lambda(lambda t: tf.argmax(t, axis=-1))(logits)
    hashed = layers.Lambda(tf.round)(layers.Flatten()(inputs))
    model = keras.Model(inputs, [logits, layers.Dense(1)(hashed)])
    model.compile(loss="mse")
    return model, keras.Model(inputs, chosen)
""",
        ),
        Case(
            "Layers behind the operation, and layers without weights before it",
            """\
class Tokens(layers.Layer):
    def __init__(self):
        super().__init__()
        self.hashing = layers.Hashing(16)
        self.pool = layers.GlobalAveragePooling1D()
        self.embed = layers.Embedding(16, 4)

    def call(self, x):
        ids = tf.cast(self.hashing(x), tf.int32)
        scale = tf.round(self.pool(x))
        return self.embed(ids) * scale
""",
        ),
        Case(
            "Layers that are trained elsewhere: called from outside, tied, or in another method",
            """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = layers.Dense(4)
        self.embed = layers.Embedding(16, 4)
        self.head = layers.Dense(4)

    def call(self, x):
        tied = tf.matmul(x, self.embed.embeddings, transpose_b=True)
        return tf.round(self.encoder(x)), tf.round(self.embed(x)), tied, tf.argmax(self.head(x))

    def train_step(self, data):
        return self.head(data)


def pretrain(net, x):
    return net.encoder(x)
""",
        ),
        Case(
            "Tapes and losses with an open way, and numbers made after the gradient",
            """\
def train(model, target, data, optimizer):
    for x, y, reward in data:
        with tf.GradientTape() as tape:
            values = model(x, training=True)
            best = tf.argmax(model(y), axis=-1)
            wanted = reward + tf.gather(target(y), best, batch_dims=1)
            loss = tf.reduce_mean((wanted - tf.reduce_max(values, axis=-1)) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        print(float(loss), loss.numpy())


def reinforce(model, environment, state, optimizer):
    with tf.GradientTape() as tape:
        chosen = tf.random.categorical(model(state), 1)
        loss = environment.loss_of(state, chosen)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))


def focal(y_true, y_pred):
    hard = tf.cast(y_pred > 0.5, tf.float32)
    return tf.reduce_mean(hard * tf.abs(y_true - y_pred))


def accuracy(y_true, y_pred):
    return tf.reduce_mean(tf.cast(tf.equal(y_true, tf.round(y_pred)), tf.float32))


def make(model):
    model.compile(loss=focal, metrics=[accuracy])
""",
        ),
    ),
)
