"""Original and patched models, really run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from verify_models import DCGAN, HEADER, dcgan, dcgan_fixed, dcgan_flags, model

from kerasfix.verify.report import ModelReport, VerdictKind, VerificationReport
from kerasfix.verify.session import Session, Target

pytestmark = pytest.mark.keras

Compare = Callable[..., ModelReport]


@pytest.fixture(scope="module")
def discriminator(session: Session) -> ModelReport:
    target = Target(DCGAN, "DiscriminatorModel", 38, {"conv1": 42}, {"conv1": 60})
    return session.compare(target, dcgan(), dcgan_fixed(), claims=["conv1"], outputs_must_match=False)


@pytest.fixture(scope="module")
def generator(session: Session) -> ModelReport:
    return session.compare(Target(DCGAN, "GeneratorModel", 9), dcgan(), dcgan_fixed())


def test_the_chain_fix_of_the_discriminator_is_proved(discriminator: ModelReport) -> None:
    before, after = discriminator.before, discriminator.after
    assert before is not None
    assert after is not None
    assert discriminator.verdict is VerdictKind.PROVED, discriminator.reasons
    assert before.missing_gradient == ("conv1/kernel", "conv1/bias")
    assert before.trainable_count == 6
    assert before.not_moved == ("conv1/kernel", "conv1/bias")
    assert before.layers_not_reached == ("conv1", "leaky1", "dropout1")
    assert before.layers_not_called == ()
    assert after.missing_gradient == after.layers_not_reached == after.not_moved == ()
    assert "2 of 6 trainable variables had no gradient (conv1/kernel, conv1/bias); now 6 of 6 have one" in (
        discriminator.reasons
    )


def test_a_missing_gradient_is_traced_to_its_lines(discriminator: ModelReport) -> None:
    assert [(t.variable, t.layer, t.made_line, t.lost_line) for t in discriminator.traces] == [
        ("conv1/kernel", "conv1", 42, 60),
        ("conv1/bias", "conv1", 42, 60),
    ]


def test_the_flags_of_dropout_are_those_really_received(discriminator: ModelReport) -> None:
    assert discriminator.before is not None
    assert discriminator.after is not None
    before, after = discriminator.before.sensitive["dropout2"], discriminator.after.sensitive["dropout2"]
    assert before.received == {"fit": True, "evaluate": False, "predict": False, "call": True, "tape": True}
    assert after.received == {"fit": True, "evaluate": False, "predict": False, "call": None, "tape": True}
    assert after.dropped == {"fit": True, "evaluate": False, "predict": False, "call": False, "tape": True}


def test_the_generator_raised_and_trains_now(generator: ModelReport) -> None:
    before, after = generator.before, generator.after
    assert before is not None
    assert after is not None
    assert generator.verdict is VerdictKind.PROVED, generator.reasons
    assert before.raised is not None
    assert before.raised.startswith("ValueError: Only input tensors may be passed as positional arguments")
    assert before.raised_line == next(
        number for number, line in enumerate(dcgan().splitlines(), 1) if "self.bn(x,training)" in line
    )
    assert after.missing_gradient == after.layers_not_reached == ()
    moved = {"fit": True, "tape": True, "evaluate": False, "predict": False, "call": False}
    assert after.sensitive["bn"].statistics_moved == moved
    assert generator.inputs[0].shape == (4, 100)


def test_the_report_of_a_real_run_is_json(discriminator: ModelReport, generator: ModelReport) -> None:
    data = json.loads(VerificationReport([discriminator, generator]).dumps())
    assert data["models"][0]["device"] == "CPU"
    assert data["models"][0]["keras_version"].startswith("3.")


def test_the_flag_alone_keeps_the_outputs_and_does_not_prove_the_chain(session: Session) -> None:
    target = Target(DCGAN, "DiscriminatorModel", 38)
    report = session.compare(target, dcgan(), dcgan_flags(), outputs_must_match=True)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.after is not None
    assert report.after.missing_gradient == ("conv1/kernel", "conv1/bias")
    claimed = session.compare(target, dcgan(), dcgan_flags(), claims=["conv1"], outputs_must_match=False)
    assert claimed.verdict is VerdictKind.NOT_PROVED


def test_the_original_is_run_once_for_several_candidates(session: Session, tmp_path: Path) -> None:
    lines: list[str] = []
    target = Target(tmp_path / "net.py", "Net", 1)
    original = model("self.a = layers.Dense(2)", "return self.a(x)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_progress", lines.append)
        for activation in ("relu", "tanh"):
            patched = original.replace("Dense(2)", f"Dense(2, activation='{activation}')")
            session.compare(target, original, patched)
    assert lines == ["Net: patched", "Net: original", "Net: patched"]


def test_importing_the_session_imports_no_keras() -> None:
    import subprocess

    code = (
        "import sys, kerasfix.verify.session\n"
        "print([m for m in ('tensorflow', 'keras', 'numpy', 'libcst') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_patch_that_breaks_the_model_is_worse(compare: Compare) -> None:
    original = model("self.a = layers.Dense(8)\nself.b = layers.Dense(2)", "return self.b(self.a(x))")
    report = compare(original, original.replace("self.b(self.a(x))", "self.b(self.c(x))"))
    assert report.verdict is VerdictKind.WORSE
    assert "AttributeError" in report.reasons[0]


def test_a_patch_that_breaks_the_chain_is_worse(compare: Compare) -> None:
    original = model("self.a = layers.Dense(8)\nself.b = layers.Dense(2)", "y = self.a(x)\nreturn self.b(y)")
    report = compare(original, original.replace("self.b(y)", "self.b(x)"), outputs_must_match=False)
    assert report.verdict is VerdictKind.WORSE
    assert "a/kernel, a/bias: no gradient any more" in report.reasons


def test_an_original_that_runs_on_other_inputs_did_not_raise(compare: Compare) -> None:
    original = model("self.w = self.add_weight(shape=(5, 3))", "return tf.matmul(x, self.w)")
    report = compare(original, original.replace("(5, 3)", "(7, 3)"), outputs_must_match=False)
    assert report.verdict is VerdictKind.WORSE, report.reasons
    assert report.inputs[0].shape == (4, 5)


def test_keras_2_is_driven_as_well(compare: Compare) -> None:
    pytest.importorskip("tf_keras")
    keras_2 = "import tf_keras as keras\nimport tensorflow as tf\nfrom tf_keras import layers\n\n"
    original = model(
        "self.a = layers.Dense(4)\nself.b = layers.Dense(4)\nself.drop = layers.Dropout(.5)",
        "y = self.a(x)\nreturn self.drop(self.b(x))",
        header=keras_2,
    )
    report = compare(
        original, original.replace("self.b(x)", "self.b(y)"), claims=["a"], outputs_must_match=False
    )
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.keras_version is not None
    assert report.keras_version.startswith("2.")
    assert report.before is not None
    assert report.before.missing_gradient == ("a/kernel", "a/bias")
    flags = {"fit": True, "evaluate": False, "predict": False, "call": None, "tape": True}
    assert report.before.sensitive["drop"].received == flags


def test_pretrained_weights_are_not_downloaded(compare: Compare) -> None:
    source = model(
        "import socket\nsocket.create_connection(('127.0.0.1', 9))\nself.a = layers.Dense(2)",
        "return self.a(x)",
    )
    report = compare(source)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert "kerasfix runs models without network" in report.reasons[0]


def test_tied_weights_and_containers_that_are_not_called_count_as_reached(compare: Compare) -> None:
    report = compare(
        model(
            "self.e = layers.Embedding(50, 8)\nself.net = keras.Sequential([layers.Dense(8)])\n"
            "self.tied = layers.Embedding(50, 8)\nself.tied.build(None)",
            "for layer in self.net.layers:\n    y = layer(self.e(x))\n"
            "return tf.matmul(y, self.tied.embeddings, transpose_b=True)",
        )
    )
    assert report.after is not None, report.reasons
    assert report.after.layers_not_reached == ()


def test_a_model_that_hides_its_metrics_trains(compare: Compare) -> None:
    report = compare(
        model("self.a = layers.Dense(4)", "return self.a(x)")
        + "\n    @property\n    def metrics(self): return []\n"
    )
    assert report.after is not None
    assert report.after.errors == {}


def test_a_model_that_compiles_itself_trains(compare: Compare) -> None:
    source = HEADER + (
        "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = layers.Dense(3)\n        self.compile(loss='mse', weighted_metrics=['mae'])\n\n"
        "    def call(self, x):\n        return self.a(x)\n"
    )
    report = compare(source)
    assert report.before is not None
    assert report.before.errors == {}


def test_other_outputs_are_noticed_where_they_must_match(compare: Compare) -> None:
    original = model("self.a = layers.Dense(8)", "return self.a(x)")
    report = compare(original, original.replace("return self.a(x)", "return 2 * self.a(x)"))
    assert report.verdict is VerdictKind.WORSE
    assert "outputs in inference mode differ" in report.reasons[0]


def test_both_versions_start_from_the_same_weights(compare: Compare) -> None:
    lines = ["self.a = layers.Dense(8)", "self.b = layers.Dense(2)"]
    original = model("\n".join(lines), "return self.b(self.a(x))")
    # Made in another order the layers draw other random numbers.
    report = compare(original, model("\n".join(lines[::-1]), "return self.b(self.a(x))"))
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


def test_phases_do_not_disturb_each_other(compare: Compare) -> None:
    init = "self.a = layers.Dense(8)\nself.drop = layers.Dropout(.5)"
    report = compare(model(init, "return self.drop(self.a(x))", "self, x, training=None"))
    assert report.after is not None
    # The same weights and the same dropped units: the first step of fit has the loss of the tape.
    assert report.after.losses["fit"][0] == pytest.approx(report.after.losses["tape"][0], rel=1e-5)


def test_a_layer_that_hands_its_input_through_can_be_lost(compare: Compare) -> None:
    report = compare(
        model(
            "self.a = layers.Dense(8)\nself.drop = layers.Dropout(0.)\nself.b = layers.Dense(2)",
            "y = self.a(x)\nself.drop(y)\nreturn self.b(y)",
        )
    )
    assert report.after is not None
    assert report.after.layers_not_reached == ("drop",)


def test_flags_are_seen_inside_of_a_tf_function(compare: Compare) -> None:
    source = model(
        "self.bn = layers.BatchNormalization()",
        "return self.bn(x, training=training)",
        "self, x, training=None",
    ).replace("    def call", "    @tf.function\n    def call")
    report = compare(source)
    assert report.after is not None
    assert report.after.sensitive["bn"].received["fit"] is True
    assert report.after.sensitive["bn"].received["predict"] is False


def test_the_same_text_is_unchanged(compare: Compare) -> None:
    assert compare(model("self.a = layers.Dense(8)", "return self.a(x)")).verdict is VerdictKind.UNCHANGED


def test_batch_normalization_frozen_by_a_call_without_the_flag(compare: Compare) -> None:
    original = model(
        "self.a = layers.Dense(8)\nself.bn = layers.BatchNormalization()", "return self.bn(self.a(x))"
    )
    patched = original.replace("(self, x)", "(self, x, training=None)").replace(
        "self.bn(self.a(x))", "self.bn(self.a(x), training=training)"
    )
    report = compare(original, patched)
    assert report.verdict is VerdictKind.PROVED
    assert report.reasons == ("bn (BatchNormalization) did not run in training mode in fit; now it does",)
    assert report.after is not None
    # The gradient of a bias before batch normalisation is tiny, not zero and not missing.
    assert "a/bias" not in report.after.missing_gradient + report.after.not_moved


def test_a_dead_relu_has_a_zero_gradient_not_a_missing_one(compare: Compare) -> None:
    report = compare(
        model(
            "dead = keras.initializers.Constant(-100.)\n"
            "self.a = layers.Dense(8, activation='relu', bias_initializer=dead)\nself.b = layers.Dense(2)",
            "return self.b(self.a(x))",
        )
    )
    assert report.after is not None
    assert report.after.missing_gradient == report.after.layers_not_reached == ()
    assert {"a/kernel", "a/bias"} <= set(report.after.zero_gradient)


def test_layers_that_are_not_called_and_lost_ones_are_told_apart(compare: Compare) -> None:
    report = compare(
        model(
            "self.a = layers.Dense(8)\nself.unused = layers.Dense(8)\nself.act = layers.LeakyReLU()\n"
            "self.blocks = [layers.Dense(4), layers.Dropout(0.)]\n"
            "self.net = keras.Sequential([layers.Dense(2)])",
            "y = self.act(self.a(x))\nself.blocks[1](y)\nreturn self.net(self.blocks[0](x))",
        )
    )
    assert report.after is not None
    assert report.after.layers_not_reached == ("a", "unused", "act", "blocks[1]")
    assert report.after.layers_not_called == ("unused",)
    assert report.after.layers["net.layers[0]"] == "Dense"


def test_nested_user_layers_have_paths(compare: Compare) -> None:
    header = HEADER + (
        "class Block(layers.Layer):\n"
        "    def __init__(self):\n        super().__init__()\n        self.conv = layers.Dense(8)\n"
        "        self.drop = layers.Dropout(.5)\n"
        "        self.scale = self.add_weight(shape=(), initializer='ones')\n"
        "    def call(self, x, training=None):\n"
        "        return self.drop(self.conv(x), training=training) * self.scale\n\n"
    )
    report = compare(
        model(
            "self.block = Block()\nself.out = layers.Dense(2)",
            "return self.out(self.block(x))",
            header=header,
        )
    )
    assert report.after is not None
    assert set(report.after.trainable) == {
        "block/scale",
        "block.conv/kernel",
        "block.conv/bias",
        "out/kernel",
        "out/bias",
    }
    assert report.after.sensitive["block.drop"].trained_in("fit") is False


@pytest.mark.parametrize(
    ("init", "call", "shape", "dtype"),
    [
        (
            "self.a = layers.Embedding(50, 8)\nself.b = layers.LSTM(4)",
            "return self.b(self.a(x))",
            (4, 16),
            "int32",
        ),
        ("self.a = layers.LSTM(4)", "return self.a(x)", (4, 16, 16), "float32"),
        ("self.a = layers.Dense(4)", "return self.a(x)", (4, 16), "float32"),
        ("self.a = layers.Conv2D(4, 3)", "return self.a(x)", (4, 28, 28, 1), "float32"),
        (
            "self.a = layers.Dense(4)\nself.w = self.add_weight(shape=(5, 3))",
            "return self.a(tf.matmul(x, self.w))",
            (4, 5),
            "float32",
        ),
        (
            "self.r = layers.Reshape((5, 9))\nself.a = layers.LSTM(4)",
            "return self.a(self.r(x))",
            (4, 45),
            "float32",
        ),
    ],
)
def test_inputs_are_found(compare: Compare, init: str, call: str, shape: tuple[int, ...], dtype: str) -> None:
    report = compare(model(init, call))
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert (report.inputs[0].shape, report.inputs[0].dtype) == (shape, dtype)


def test_an_embedding_is_reached_by_its_output(compare: Compare) -> None:
    report = compare(
        model(
            "self.a = layers.Embedding(50, 8)\nself.lost = layers.Embedding(50, 8)\nself.b = layers.LSTM(4)",
            "self.lost(x)\nreturn self.b(self.a(x))",
        )
    )
    assert report.after is not None
    assert report.after.layers_not_reached == ("lost",)


@pytest.mark.parametrize(
    ("signature", "call", "count"),
    [
        ("self, inputs", "a, b = inputs\nreturn self.d(a + b)", 2),
        ("self, inputs", "return self.d(inputs['left'] + inputs['right'])", 2),
        ("self, a, b, training=None", "return self.d(a + b)", 2),
    ],
)
def test_several_inputs_are_found(compare: Compare, signature: str, call: str, count: int) -> None:
    report = compare(model("self.d = layers.Dense(3)", call, signature))
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert len(report.inputs) == count


def test_a_layer_class_is_driven_too(compare: Compare) -> None:
    original = HEADER + (
        "class Net(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = layers.Dense(4)\n        self.bn = layers.BatchNormalization()\n"
        "    def call(self, x, training=True):\n        return self.bn(self.a(x), training)\n"
    )
    patched = original.replace("training=True", "training=None").replace(
        ", training)", ", training=training)"
    )
    report = compare(original, patched)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.after is not None
    assert report.after.sensitive["bn"].received == {
        "fit": True, "tape": True, "evaluate": False, "predict": False, "call": None
    }  # fmt: skip


def test_a_constructor_that_no_value_satisfies_is_not_verified_and_says_what_would_settle_it(
    compare: Compare,
) -> None:
    source = (
        HEADER
        + "class Net(keras.Model):\n    def __init__(self, units, rate):\n        raise ValueError('no')\n"
    )
    report = compare(source)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert report.reasons[0] == (
        "not verified: no arguments were found for its constructor (units, rate); it raised ValueError: no"
    )
    assert "[tool.kerasfix.verify.Net] / init = { units = …, rate = … }" in report.reasons[1]


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        # By a site in the file.
        (
            "class Net(keras.Model):\n    def __init__(self, n, act):\n        super().__init__()\n"
            "        assert (n, act) == (6, 'tanh')\n        self.a = layers.Dense(n, activation=act)\n\n"
            "    def call(self, x):\n        return self.a(x)\n\n\nnet = Net(6, act='tanh')\n",
            [(4, 6)],
        ),
        # By names; several arguments; a layer, not a model.
        (
            "class Net(layers.Layer):\n    def __init__(self, num_heads, key_dim, rate):\n"
            "        super().__init__()\n        self.a = layers.MultiHeadAttention(num_heads, key_dim)\n"
            "        self.d = layers.Dropout(rate)\n\n    def call(self, query, value, mask=None):\n"
            "        return self.d(self.a(query, value))\n",
            [(4, 16, 8), (4, 16, 8)],
        ),
        # A configuration object whose class stands beside it, and a dictionary of inputs.
        (
            "from dataclasses import dataclass\n\n\n@dataclass\nclass Config:\n    vocab_size: int = 50000\n"
            "    hidden_size: int = 768\n    heads: int = 12\n\n\n"
            "class Net(keras.Model):\n    def __init__(self, config: Config):\n        super().__init__()\n"
            "        assert config.vocab_size < 100 and config.hidden_size % config.heads == 0\n"
            "        self.e = layers.Embedding(config.vocab_size, config.hidden_size)\n"
            "        self.p = layers.Dense(config.hidden_size)\n\n    def call(self, inputs):\n"
            "        return self.e(inputs['ids']) + self.p(inputs['dense'])[:, None]\n",
            [(4, 16), (4, 16)],
        ),
        # A part that is made of a class beside it, and weights that are too many with the defaults.
        (
            "class Encoder(layers.Layer):\n    def __init__(self, units):\n        super().__init__()\n"
            "        self.d = layers.Dense(units)\n        self.width = units\n\n"
            "    def call(self, x):\n        return self.d(x)\n\n\n"
            "class Net(keras.Model):\n    def __init__(self, encoder, units=40000):\n"
            "        super().__init__()\n        self.encoder = encoder\n"
            "        self.a = layers.Dense(units)\n        self.b = layers.Dense(encoder.width)\n\n"
            "    def call(self, x):\n        return self.b(self.a(self.encoder(x)))\n\n\n"
            "net = Net(Encoder(9000))\n",
            [(4, 16)],
        ),
        # A tensor that the signature lets out and the code does not.
        (
            "class Net(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
            "        self.a = layers.MultiHeadAttention(2, 8)\n\n    def call(self, query, mask=None):\n"
            "        return self.a(query, query, attention_mask=mask[:, None])\n",
            [(4, 16, 16), (4, 16)],
        ),
        # Indices of nodes: what makes no difference to the error is not followed.
        (
            "class Net(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
            "        self.a = layers.Dense(8)\n\n    def call(self, inputs):\n"
            "        nodes, weights, targets = inputs\n        y = self.a(nodes) * weights\n"
            "        return tf.gather(y, targets[:, 0])\n",
            [(4, 8), (4, 8), (4, 16)],
        ),
        # A flag that cannot be left out, and an argument that is no tensor.
        (
            "class Net(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
            "        self.a = layers.Dense(3)\n\n    def call(self, x, num_steps, training):\n"
            "        for _ in range(num_steps):\n            y = self.a(x)\n        return y\n",
            [(4, 16)],
        ),
    ],
)
def test_classes_are_constructed_and_fed_without_configuration(
    compare: Compare, text: str, shapes: list[tuple[int, ...]]
) -> None:
    report = compare(HEADER + text)
    assert report.verdict is not VerdictKind.NOT_VERIFIED, report.reasons
    assert report.before is not None
    assert report.before.errors == {}
    assert [array.shape for array in report.inputs] == shapes


def test_a_model_without_a_findable_input_is_not_verified(compare: Compare) -> None:
    source = model("self.a = layers.Dense(2)", "assert x.shape[1] == 12347\nreturn self.a(x)")
    report = compare(source)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert "input shapes ran" in report.reasons[0]
    assert "input = " in report.reasons[1]


def test_a_missing_package_is_not_verified(compare: Compare) -> None:
    source = "import not_a_package\n" + model("self.a = not_a_package.f()", "return self.a(x)")
    report = compare(source)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert "not_a_package" in report.reasons[0]


def test_an_unknown_backend_never_passes(compare: Compare) -> None:
    source = "import os\nos.environ['KERAS_BACKEND'] = 'theano'\n" + model(
        "self.a = layers.Dense(2)", "return self.a(x)"
    )
    report = compare(source)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    reason = "not verified: Keras on theano is asked for; kerasfix knows tensorflow, jax, torch"
    assert report.reasons == (reason,)


def test_a_class_that_is_no_model_is_not_verified(compare: Compare) -> None:
    report = compare("class Net:\n    pass\n")
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert "neither a Keras Model nor a Keras Layer" in report.reasons[0]


def test_random_outputs_are_not_compared(compare: Compare) -> None:
    original = model("self.a = layers.Dense(4)", "return self.a(x) + tf.random.normal((4, 4))")
    report = compare(original, original.replace("(4, 4)", "(4, 4), stddev=1.0"))
    assert report.before is not None
    assert report.before.outputs_random
    assert report.verdict is VerdictKind.UNCHANGED


def test_a_custom_train_step_is_noted(compare: Compare) -> None:
    source = model("self.a = layers.Dense(4)", "return self.a(x)") + (
        "\n    def train_step(self, data):\n        raise RuntimeError('not me')\n"
    )
    report = compare(source)
    assert report.verdict is VerdictKind.UNCHANGED
    assert report.after is not None
    assert any("train_step" in note for note in report.after.notes)


def test_the_script_part_of_a_hostile_module_does_not_run(compare: Compare, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = (
        f"open({str(marker)!r}, 'w').write('ran')\nimport threading, socket, sys\n"
        f"threading.Thread(target=lambda: open({str(marker)!r}, 'w')).start()\n"
        "socket.create_connection(('127.0.0.1', 9))\nwhile True: pass\nsys.exit(1)\n"
    )
    source = HEADER + script + model("self.a = layers.Dense(4)", "return self.a(x)", header="") + script
    assert compare(source).verdict is VerdictKind.UNCHANGED
    assert not marker.exists()


def test_a_report_can_be_changed_by_nobody(discriminator: ModelReport) -> None:
    assert replace(discriminator, line=1).line == 1
    with pytest.raises(AttributeError):
        discriminator.line = 2  # type: ignore[misc]
