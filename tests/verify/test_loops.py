"""Training functions, really called: where the flag arrives in a loop of somebody's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kerasfix
from kerasfix.findings import Loop
from kerasfix.verify.loops.compare import LoopTarget
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session
from tests.conftest import run_command

pytestmark = pytest.mark.keras

CompareLoop = Callable[..., ModelReport]

HEADER = "import tensorflow as tf\nfrom tensorflow.keras import layers\n\n"
DCGAN = (
    HEADER
    + """\
BATCH_SIZE = 4
NOISE = 6
(train_images, _), _ = tf.keras.datasets.mnist.load_data()
train_dataset = tf.data.Dataset.from_tensor_slices(train_images).batch(BATCH_SIZE)


def make_generator_model():
    model = tf.keras.Sequential()
    model.add(layers.Dense(4 * 4 * 2, use_bias=False, input_shape=(NOISE,)))
    model.add(layers.BatchNormalization())
    model.add(layers.Reshape((4, 4, 2)))
    assert model.output_shape == (None, 4, 4, 2)
    model.add(layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"))
    model.summary()
    return model


def make_discriminator_model():
    model = tf.keras.Sequential()
    model.add(layers.Conv2D(2, 5, strides=2, padding="same", input_shape=[8, 8, 1]))
    model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


generator = make_generator_model()
discriminator = make_discriminator_model()
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
generator_optimizer = tf.keras.optimizers.Adam(1e-4)
discriminator_optimizer = tf.keras.optimizers.Adam(1e-4)


def discriminator_loss(real_output, fake_output):
    real_loss = cross_entropy(tf.ones_like(real_output), real_output)
    return real_loss + cross_entropy(tf.zeros_like(fake_output), fake_output)


@tf.function
def train_step(images):
    noise = tf.random.normal([BATCH_SIZE, NOISE])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated_images = generator(noise)
        real_output = discriminator(images)
        fake_output = discriminator(generated_images)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = discriminator_loss(real_output, fake_output)
    gen_gradients = gen_tape.gradient(gen_loss, generator.trainable_variables)
    disc_gradients = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gen_gradients, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(zip(disc_gradients, discriminator.trainable_variables))


def train(dataset, epochs):
    for epoch in range(epochs):
        for image_batch in dataset:
            train_step(image_batch)


train(train_dataset, 50)
"""
)
SUPERVISED = (
    HEADER
    + """\
class Net(tf.keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.out = layers.Dense(classes)

    def call(self, x, training=None):
        return self.out(self.drop(self.norm(x, training=training), training=training))


net = Net(10)
adam = tf.keras.optimizers.Adam()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
mean_loss = tf.keras.metrics.Mean()


def train_step(model, optimizer, x, y):
    with tf.GradientTape() as tape:
        loss = loss_object(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    mean_loss.update_state(loss)


for x, y in load():
    train_step(net, adam, x, y)
"""
)
# Downloads, trains and writes when it is run as a script.
SCRIPT = (
    HEADER
    + """\
open("started.txt", "w").write("started")
x_train, y_train = tf.keras.datasets.mnist.load_data()[0]
open("downloaded.txt", "w").write("downloaded")

model = tf.keras.Sequential()
model.add(layers.Dense(8, activation="relu"))
model.add(layers.Dropout(0.5))
model.add(layers.Dense(3))
model.build((None, 5))
optimizer = tf.keras.optimizers.SGD(0.1)


def loss_of(batch):
    features, target = batch["features"], batch["target"]
    return tf.reduce_mean((target - model(features)) ** 2)


def step(batch):
    with tf.GradientTape() as tape:
        loss = loss_of(batch)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


for epoch in range(1000):
    step({"features": x_train, "target": y_train})
raise SystemExit("trained")
"""
)
TRAINER = (
    HEADER
    + """\
class Trainer:
    def __init__(self, model, rate):
        self.model = model
        self.optimizer = tf.keras.optimizers.Adam(rate)
        self.loss = tf.keras.losses.SparseCategoricalCrossentropy()

    def evaluate(self, x, y):
        return self.loss(y, self.model(x, training=False))

    def compute(self, x, y):
        return self.loss(y, self.model(x))

    @tf.function
    def step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            value = self.compute(x, y)
        gradients = tape.gradient(value, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))


def make():
    return tf.keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dropout(0.5), layers.Softmax()])


if __name__ == "__main__":
    model = make()
    trainer = Trainer(model, rate=0.01)
    for each in load():
        trainer.step(each)
"""
)
# A model that is nothing but its training step.
NO_CALL = (
    HEADER
    + """class GAN(tf.keras.Model):
    def __init__(self, size=6):
        super().__init__()
        self.size = size
        self.generator = tf.keras.Sequential(
            [layers.Input((6,)), layers.Dense(16), layers.BatchNormalization(), layers.Reshape((4, 4, 1))]
        )
        self.discriminator = tf.keras.Sequential(
            [layers.Input((4, 4, 1)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(1)]
        )

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, real):
        batch = tf.shape(real)[0]
        noise = tf.random.normal((batch, self.size))
        both = tf.concat([self.generator(noise), real], axis=0)
        labels = tf.concat([tf.ones((batch, 1)), tf.zeros((batch, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both))
        gradients = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_weights))
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(tf.zeros((batch, 1)), self.discriminator(self.generator(noise)))
        gradients = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_weights))
        return {"d_loss": d_loss, "g_loss": g_loss}
"""
)
# A tape in a function; what stands before it, and its parameters and their uses.
ONE_STEP = (
    HEADER
    + """\
BEFORE
model = tf.keras.Sequential([layers.Input((5,)), layers.Dense(3), layers.Dropout(0.5)])
optimizer = tf.keras.optimizers.Adam()


def step(PARAMETERS):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(x))
    AFTER
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
"""
)


def one_step(parameters: str = "x", before: str = "", after: str = "pass") -> str:
    text = ONE_STEP.replace("PARAMETERS", parameters).replace("BEFORE", before)
    return text.replace("AFTER", after)


def loops_of(text: str) -> list[Loop]:
    """The loops of the findings in a text, each once, with all models that the findings name."""
    found: dict[str, Loop] = {}
    for finding in kerasfix.check(text, select=["KF301"]):
        for loop in finding.loops:
            known = found.get(loop.function + loop.obstacle, loop)
            models = tuple(dict.fromkeys([*known.models, *loop.models]))
            found[loop.function + loop.obstacle] = replace(loop, models=models)
    return list(found.values())


@pytest.fixture
def compare_loop(session: Session, tmp_path: Path) -> CompareLoop:
    """Compare a text with what kerasfix makes of it, or with another text."""

    def run(original: str, patched: str | None = None, target: LoopTarget | None = None) -> ModelReport:
        if patched is not None and target is not None:
            return session.compare_loop(target, original, patched, {})
        [loop] = loops_of(original)
        path = tmp_path / "loop.py"
        if patched is None:
            patched = kerasfix.fix(original, select=["KF301"]).text
            assert patched != original
        target = LoopTarget(path, loop.function, loop.line, loop.models, loop.obstacle, loop.owner)
        return session.compare_loop(target, original, patched, {})

    return run


def received(report: ModelReport) -> dict[str, tuple[Any, Any]]:
    """Layer -> the flags in the loop, before and after."""
    assert report.before is not None
    assert report.after is not None
    return {
        path: (layer.received["loop"], report.after.sensitive[path].received["loop"])
        for path, layer in report.before.sensitive.items()
    }


def test_a_gan_step_with_two_tapes(compare_loop: CompareLoop) -> None:
    report = compare_loop(DCGAN)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.reasons == (
        "generator.layers[1] (BatchNormalization) did not run in training mode in the loop; now it does",
        "discriminator.layers[1] (Dropout) did not run in training mode in the loop; now it does",
    )
    assert (report.kind, report.class_name) == ("function", "train_step")
    assert [each.shape for each in report.inputs] == [(4, 8, 8, 1)]
    before, after = report.before, report.after
    assert before is not None
    assert after is not None
    norm = "generator.layers[1]"
    assert (before.sensitive[norm].statistics_moved, after.sensitive[norm].statistics_moved) == (
        {"loop": False},
        {"loop": True},
    )
    drop = "discriminator.layers[1]"
    assert (before.sensitive[drop].dropped, after.sensitive[drop].dropped) == (
        {"loop": False},
        {"loop": True},
    )
    assert after.trainable_count == 9
    assert after.missing_gradient == after.not_moved == ()
    # Two losses in each of two steps.
    assert len(after.losses["loop"]) == 4


def test_objects_come_from_the_call_and_labels_from_the_loss(compare_loop: CompareLoop) -> None:
    report = compare_loop(SUPERVISED)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report) == {
        "model": (None, True),
        "model.norm": (None, True),
        "model.drop": (None, True),
    }
    data, labels = report.inputs
    assert data.dtype == "float32"
    assert (labels.shape, labels.dtype) == ((data.shape[0],), "int32")


def test_a_model_that_is_made_in_main_is_made_anew(compare_loop: CompareLoop) -> None:
    text = SUPERVISED.partition("net = Net(10)\n")[0] + SUPERVISED.partition("net = Net(10)\n")[2]
    text = text.partition("for x, y in load():")[0] + (
        "def fit(classifier, data, optimizer, epochs):\n"
        "    for _ in range(epochs):\n"
        "        for x, y in data:\n"
        "            train_step(classifier, optimizer, x, y)\n\n\n"
        "def main():\n"
        "    classifier = Net(10)\n"
        "    fit(classifier, load(), adam, 20)\n\n\n"
        "main()\n"
    )
    report = compare_loop(text)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report)["model.drop"] == (None, True)


def test_a_script_is_not_run(compare_loop: CompareLoop, tmp_path: Path) -> None:
    report = compare_loop(SCRIPT)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report) == {"model.layers[1]": (False, True)}
    assert [each.shape for each in report.inputs] == [(4, 5), (4, 3)]
    assert not list(tmp_path.rglob("*.txt"))
    assert not list(Path.cwd().glob("*ed.txt"))


def test_a_function_that_loops_over_a_data_set(compare_loop: CompareLoop) -> None:
    text = (
        HEADER
        + """\
def build(units):
    inputs = tf.keras.Input((8,))
    x = layers.Dropout(0.5)(layers.Dense(units)(inputs))
    return tf.keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def train(model, dataset, epochs, learning_rate=0.01):
    optimizer = tf.keras.optimizers.SGD(learning_rate)
    for epoch in range(epochs):
        for step, (x, y) in enumerate(dataset):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.keras.losses.categorical_crossentropy(y, model(x)))
            optimizer.apply_gradients(
                zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
            )
            if step % 100 == 0:
                print("loss", float(loss))


if __name__ == "__main__":
    train(build(16), load(), 50_000_000)
"""
    )
    report = compare_loop(text)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report) == {"model.layers[2]": (False, True)}


def test_a_method_is_called_on_an_object_like_the_one_in_the_script(compare_loop: CompareLoop) -> None:
    report = compare_loop(TRAINER)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.class_name == "Trainer.step"
    assert received(report) == {"self.model.layers[1]": (False, True)}
    assert [(each.shape, each.dtype) for each in report.inputs] == [((4, 6), "float32"), ((4,), "int32")]


def test_arguments_that_nobody_gives_are_looked_for(compare_loop: CompareLoop) -> None:
    text = TRAINER.replace("def __init__(self, model, rate):", "def __init__(self, learning_rate, units):")
    text = text.replace("self.model = model", "self.model = make(units)").replace(
        "Adam(rate)", "Adam(learning_rate)"
    )
    text = text.replace("def make()", "def make(units)").replace("layers.Dense(4)", "layers.Dense(units)")
    report = compare_loop(text.partition("if __name__")[0])
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report) == {"self.model.layers[1]": (False, True)}


def test_what_another_file_calls_it_with(compare_loop: CompareLoop, tmp_path: Path) -> None:
    before, _, after = SUPERVISED.partition("net = Net(10)\n")
    made, step = after.partition("loss_object = ")[0], "".join(after.partition("loss_object = ")[1:])
    step, _, _ = step.partition("for x, y in load()")
    run = (
        "def run(classifier, data, optimizer):\n"
        "    for x, y in data:\n"
        "        train_step(classifier, optimizer, x, y)\n"
    )
    (tmp_path / "net.py").write_text(before)
    (tmp_path / "main.py").write_text(
        "import tensorflow as tf\nfrom loop import run\nfrom net import Net\n\nopen('started.txt', 'w')\n"
        f"{made}\n\n"
        "if __name__ == '__main__':\n"
        "    net = Net(10)\n"
        "    run(net, load(), adam)\n"
    )
    text = f"{HEADER}{step}{run}"
    patched = text.replace("model(x)", "model(x, training=True)")
    target = LoopTarget(tmp_path / "loop.py", "train_step", 5, ("model",))
    report = compare_loop(text, patched, target=target)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert received(report)["model.norm"] == (None, True)
    assert not list(tmp_path.glob("*.txt"))


def test_code_that_imports_tf_keras_gets_keras_2(compare_loop: CompareLoop) -> None:
    pytest.importorskip("tf_keras")
    text = SUPERVISED.replace(
        "from tensorflow.keras import layers", "import tf_keras as keras\nlayers = keras.layers"
    )
    report = compare_loop(text.replace("tf.keras.", "keras."))
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert (report.keras_version or "").startswith("2.")
    assert received(report)["model.drop"][1] is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (one_step(after='open("log.txt", "a")'), "`step` does more than train: it runs open"),
        (
            one_step(after='model.save("best.keras")'),
            "`step` does more than train: it runs model.save(…)",
        ),
        (
            one_step(before="import wandb", after="wandb.log({'loss': loss})"),
            "`step` does more than train: it runs wandb.log",
        ),
        (
            one_step(before="weights = load()", after="loss = loss * weights"),
            "it needs `weights`, which line 4 makes by running load(…); kerasfix runs definitions only",
        ),
        (
            one_step(parameters="x, net", after="net(x), net.trainable_variables"),
            "what `net` is given is not in sight, because nothing near it calls `step`",
        ),
        (one_step(parameters="*x"), "`step` takes arguments that it gives no names"),
        (
            one_step(after="raise ValueError('never')"),
            "it does not run; it raised ValueError: never on data of shape (4, 5)",
        ),
        (
            one_step().replace("def step", "def main():\n  def step").replace("\n    ", "\n      "),
            "it is made by `main`, which kerasfix does not run",
        ),
        (
            one_step().replace("def step(x):", "for x in load():"),
            "it stands at the top level of the file, and kerasfix runs definitions only",
        ),
        (
            TRAINER.replace("return self.loss(", "self.model.save('last.keras')\n        return self.loss("),
            "`step` does more than train: it runs self.model.save(…)",
        ),
        (
            one_step() + "\n\nfor layer in model.layers[:1]:\n    layer.trainable = False\n",
            "line 17 changes `model` by running a for statement; kerasfix runs definitions only",
        ),
    ],
)
def test_what_cannot_be_driven_says_why(compare_loop: CompareLoop, text: str, reason: str) -> None:
    report = compare_loop(text)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert report.reasons == (f"not verified: {reason}",)


def test_other_backends_say_so(compare_loop: CompareLoop) -> None:
    pytest.importorskip("torch")
    report = compare_loop(one_step(before='import os; os.environ["KERAS_BACKEND"] = "torch"'))
    assert report.reasons == (
        "not verified: kerasfix runs loops on TensorFlow only, and this one is on torch",
    )


def test_other_libraries_say_so() -> None:
    text = (
        "import keras\nimport torch\nfrom keras import layers\n\n\n"
        "model = keras.Sequential([layers.Input((5,)), layers.Dense(3), layers.Dropout(0.5)])\n\n\n"
        "def step(x):\n"
        "    model.zero_grad()\n"
        "    loss = model(x).mean()\n"
        "    loss.backward()\n"
    )
    [loop] = loops_of(text)
    assert (loop.function, loop.models) == ("step", ("model",))
    assert loop.obstacle == "it takes its gradients with PyTorch, and kerasfix runs loops on TensorFlow only"


def test_a_patch_that_raises_is_worse(compare_loop: CompareLoop) -> None:
    text = one_step()
    report = compare_loop(text, text.replace("model(x)", "model.twice(x)"))
    assert report.verdict is VerdictKind.WORSE
    assert report.reasons[0].startswith("the original ran; the patched function raises AttributeError: ")
    assert report.reasons[0].endswith("(line 11 of the patched file)")


def test_a_patch_that_loses_the_gradient_is_worse(compare_loop: CompareLoop) -> None:
    text = one_step()
    patched = "tf.stop_gradient(model(x, training=True))"
    report = compare_loop(text, text.replace("model(x)", patched))
    assert report.verdict is VerdictKind.WORSE


def test_a_patch_that_changes_nothing_is_not_proved(compare_loop: CompareLoop) -> None:
    text = one_step()
    report = compare_loop(text, text.replace("model(x)", "model(x, training=False)"))
    assert report.verdict is VerdictKind.NOT_PROVED
    assert report.reasons == ("model.layers[1]: runs in inference mode in the loop before and after",)


# --- The command ------------------------------------------------------------------------------------------

# Somebody raises in training mode, so that the flag makes it worse.
RAISES = SUPERVISED.replace(
    "        return self.out(",
    "        if training:\n            raise RuntimeError('not now')\n        return self.out(",
)


def _line(begins: str, text: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(begins))


def _run(folder: Path, *options: str) -> Any:
    options = ("--verify", "--python", sys.executable, "--device", "cpu", "--report", "report.json", *options)
    return run_command(folder, *options, "loop.py")


def test_a_loop_that_got_worse_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(RAISES)
    done = _run(tmp_path, "--apply")
    assert done.returncode == 3, done.stdout
    assert (tmp_path / "loop.py").read_text() == RAISES
    [found] = [
        each
        for each in json.loads((tmp_path / "report.json").read_text())["models"]
        if each["kind"] == "function"
    ]
    assert (found["class_name"], found["line"], found["verdict"]) == (
        "train_step",
        _line("def train_step", RAISES),
        "worse",
    )
    assert "RuntimeError: not now" in found["reasons"][0]


def test_a_model_that_is_only_its_step(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(NO_CALL)
    done = _run(tmp_path, "--apply")
    assert done.returncode == 0, done.stdout
    assert "self.discriminator(both, training=True)" in (tmp_path / "loop.py").read_text()
    # The class itself cannot be called, and what is known of its step is said instead.
    [found] = json.loads((tmp_path / "report.json").read_text())["models"]
    line = _line("    def train_step", NO_CALL)
    assert (found["class_name"], found["line"], found["verdict"]) == ("GAN.train_step", line, "proved")
    flags = {path: layer["received"] for path, layer in found["after"]["sensitive"].items()}
    # Each of the two is called once more where the other is trained.
    assert {path: {*seen["loop"]} for path, seen in flags.items()} == {
        "self.generator.layers[1]": {None, True},
        "self.discriminator.layers[1]": {False, True},
    }


def test_what_is_proved_and_what_cannot_be_driven_are_written(tmp_path: Path) -> None:
    text = one_step() + one_step(after='open("log.txt", "a")').partition("\n\n\n")[2].replace(
        "step", "logged"
    )
    (tmp_path / "loop.py").write_text(text)
    done = _run(tmp_path, "--apply", "--report", "report.html")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "loop.py").read_text() == text.replace("model(x)", "model(x, training=True)")
    assert "step (loop.py:9): proved" in done.stdout
    assert f"logged (loop.py:{_line('def logged', text)}): not verified" in done.stdout
    assert "Written without verification: logged" in done.stdout
    assert "not reached" not in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert "logged" in page
    assert "model.layers[1]" in page
