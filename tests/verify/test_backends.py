"""Verification on every Keras that this Python has; what it lacks is skipped."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from verify_models import DCGAN, dcgan, dcgan_fixed, model

from kerasfix.verify.errors import VerifyError
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.runner import Runner
from kerasfix.verify.session import Session, Target
from kerasfix.verify.settings import Wish

pytestmark = pytest.mark.keras

HEADER = "import keras\nfrom keras import layers\n\n"
KINDS = {
    "tensorflow": Wish("tensorflow"),
    "jax": Wish("jax"),
    "torch": Wish("torch"),
    "keras-2": Wish(keras=2),
}
PYTHON = Path(sys.executable)


def installed(*names: str) -> None:
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    wanted = str(request.param)
    installed(*(("tensorflow", "tf_keras") if wanted == "keras-2" else (wanted,)))
    return wanted


@pytest.fixture(scope="module")
def session(kind: str) -> Iterator[Session]:
    with Session(PYTHON, device="cpu", timeout=120, wish=KINDS[kind]) as session:
        yield session


def net(init: str, call: str, signature: str = "self, x") -> str:
    return model(init, call, signature, header=HEADER)


def compare(session: Session, original: str, patched: str | None = None, **options: object) -> ModelReport:
    target = Target(Path("net.py"), "Net", 1)
    return session.compare(target, original, patched or original, **options)  # type: ignore[arg-type]


def on_keras(text: str) -> str:
    """The DCGAN as code for any backend."""
    text = text.replace("from tensorflow.keras import layers", "from keras import layers")
    return text.replace("import tensorflow as tf", "import keras").replace("tf.keras", "keras")


def test_the_broken_chain_of_the_dcgan_is_proved(session: Session, kind: str) -> None:
    target = Target(DCGAN, "DiscriminatorModel", 38, {"conv1": 42}, {"conv1": 60})
    original, patched = on_keras(dcgan()), on_keras(dcgan_fixed())
    report = session.compare(target, original, patched, claims=["conv1"], outputs_must_match=False)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.keras_version is not None
    assert report.keras_version.startswith("2." if kind == "keras-2" else "3.")
    assert report.backend == ("tensorflow" if kind == "keras-2" else kind)
    assert report.backend_version
    assert (report.device, report.driver) == ("CPU", None)
    before, after = report.before, report.after
    assert before is not None
    assert after is not None
    assert before.missing_gradient == before.not_moved == ("conv1/kernel", "conv1/bias")
    assert before.layers_not_reached == ("conv1", "leaky1", "dropout1")
    assert before.layers_not_called == ()
    assert after.missing_gradient == after.layers_not_reached == after.not_moved == after.zero_gradient == ()
    assert len(after.losses["fit"]) == 3
    assert report.traces[0].variable == "conv1/kernel"
    in_training = {"fit": True, "evaluate": False, "predict": False, "call": False, "tape": True}
    assert after.sensitive["dropout1"].dropped == in_training
    assert after.sensitive["dropout1"].received == {**in_training, "call": None}


def test_a_lost_flag_is_proved(session: Session, kind: str) -> None:
    original = net(
        "self.a = layers.Dense(8)\nself.bn = layers.BatchNormalization()", "return self.bn(self.a(x))"
    )
    patched = original.replace("(self, x)", "(self, x, training=None)").replace(
        "self.bn(self.a(x))", "self.bn(self.a(x), training=training)"
    )
    report = compare(session, original, patched)
    assert report.before is not None
    assert report.after is not None
    assert report.after.sensitive["bn"].trained_in("fit") is True
    assert report.after.sensitive["bn"].trained_in("predict") is False
    if kind == "keras-2":
        # There Keras hands the flag on by itself.
        assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    else:
        assert report.verdict is VerdictKind.PROVED, report.reasons
        assert report.before.sensitive["bn"].trained_in("fit") is False


def test_a_gradient_of_zero_is_not_a_missing_one(session: Session, kind: str) -> None:
    ops = "keras.backend" if kind == "keras-2" else "keras.ops"
    report = compare(
        session,
        net(
            "self.dead = layers.Dense(4)\nself.cut = layers.Dense(4)\nself.index = layers.Dense(4)\n"
            "self.nothing = layers.Dense(4)\nself.out = layers.Dense(4)",
            f"dead = {ops}.relu(-{ops}.abs(self.dead(x)) - 1.0)\n"
            f"cut = {ops}.stop_gradient(self.cut(x))\n"
            f"index = {ops}.cast({ops}.argmax(self.index(x), axis=-1), 'float32')[:, None]\n"
            "return self.out(x) + dead + cut + index + 0.0 * self.nothing(x)",
        ),
    )
    seen = report.after
    assert seen is not None, report.reasons
    assert seen.zero_gradient == ("dead/kernel", "dead/bias", "nothing/kernel", "nothing/bias")
    assert seen.missing_gradient == ("cut/kernel", "cut/bias", "index/kernel", "index/bias")
    assert seen.layers_not_reached == ("cut", "index")


def test_a_layer_that_is_called_twice_may_lose_one_of_its_calls(session: Session) -> None:
    original = net(
        "self.a = layers.Dense(8)\nself.b = layers.Dense(8)\nself.act = layers.Activation('tanh')",
        "y = self.act(self.a(x))\nz = self.act(self.b(y))\nreturn z",
    )
    broken = original.replace("z = self.act(self.b(y))", "z = self.b(y)\n        self.act(z)")
    worse = compare(session, original, broken, outputs_must_match=False)
    assert worse.verdict is VerdictKind.WORSE
    assert worse.reasons == ("act: the output of 1 call is used, of 2 before",)
    assert worse.after is not None
    assert [(call.layer, call.is_lost) for call in worse.after.calls] == [
        ("a", False), ("act", False), ("b", False), ("act", True)
    ]  # fmt: skip
    mended = compare(session, broken, original, claims=["act"], outputs_must_match=False)
    assert mended.verdict is VerdictKind.PROVED, mended.reasons
    assert mended.reasons[0] == "act: the output of 1 of 2 calls was lost; now 2 reach the model's"


def test_a_layer_with_an_inner_layer_and_a_loss_of_its_own_is_driven(session: Session) -> None:
    text = HEADER + (
        "class Net(layers.Layer):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.inner = [layers.Dense(4), layers.Dropout(0.5)]\n"
        "        self.side = layers.Dense(1)\n"
        "    def call(self, x, training=None):\n"
        "        x = self.inner[1](self.inner[0](x), training=training)\n"
        "        self.add_loss(0.1 * (self.side(x) ** 2)[0, 0])\n"
        "        return x\n"
    )
    report = compare(session, text)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.after is not None
    # The loss that the layer adds is the only way to its weights.
    assert report.after.missing_gradient == ()
    assert report.after.not_moved == ()
    assert set(report.after.layers) == {"inner[0]", "inner[1]", "side"}
    dropped = report.after.sensitive["inner[1]"].dropped
    assert dropped == {"fit": True, "evaluate": False, "predict": False, "call": False, "tape": True}


def test_a_recurrent_layer_hides_nothing(session: Session) -> None:
    report = compare(
        session,
        net(
            "self.seen = layers.LSTM(4, return_sequences=True)\nself.lost = layers.GRU(4)\n"
            "self.last = layers.LSTM(4)\nself.out = layers.Dense(1)",
            "y = self.seen(x)\nself.lost(y)\nreturn self.out(self.last(y))",
        ),
    )
    seen = report.after
    assert seen is not None, report.reasons
    assert {name.partition("/")[0] for name in seen.missing_gradient} == {"lost"}
    assert seen.layers_not_reached == ("lost",)
    assert seen.zero_gradient == ()


def test_modules_of_pytorch_are_layers(session: Session, kind: str) -> None:
    if kind != "torch":
        pytest.skip("only PyTorch has modules")
    report = compare(
        session,
        "import torch\n"
        + net(
            "self.a = torch.nn.Linear(16, 8)\nself.lost = torch.nn.Linear(16, 8)\n"
            "self.bn = torch.nn.BatchNorm1d(8)",
            "self.lost(x)\nreturn self.bn(self.a(x), training=training)",
            "self, x, training=None",
        ),
    )
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.after is not None
    assert {name.partition("/")[0] for name in report.after.missing_gradient} == {"lost"}
    assert report.after.layers_not_reached == ("lost",)
    # Its statistics are put back between the phases like those of Keras' own layers.
    assert report.after.losses["fit"][0] == pytest.approx(report.after.losses["tape"][0], rel=1e-5)


def test_control_flow_that_jax_cannot_trace_is_said(session: Session, kind: str) -> None:
    if kind != "jax":
        pytest.skip("only JAX traces what it trains")
    text = net("self.a = layers.Dense(4)", "y = self.a(x)\nif y.mean() > 9:\n    y = -y\nreturn y")
    report = compare(session, text)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert "TracerBoolConversionError" in report.reasons[0]
    assert "kerasfix" not in report.reasons[0]


def test_a_gpu_that_is_not_there_is_said(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "-1")
    backend = "tensorflow" if kind == "keras-2" else kind
    with (
        Session(PYTHON, device="gpu:1", wish=KINDS[kind]) as session,
        pytest.raises(VerifyError, match=rf"--device gpu:1: {backend} in .* sees no such GPU"),
    ):
        _ = session.device


def test_code_that_imports_tf_keras_gets_keras_2(tmp_path: Path) -> None:
    installed("tensorflow", "tf_keras")
    header = "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport tensorflow as tf\n"
    header += "from tensorflow import keras\nfrom tensorflow.keras import layers\n"
    text = model("self.a = layers.Dense(4)", "return self.a(tf.identity(x))", header=header)
    with Session(PYTHON, device="cpu") as session:
        report = session.compare(Target(tmp_path / "net.py", "Net", 1), text, text)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert report.keras_version is not None
    assert report.keras_version.startswith("2.")
    assert report.after is not None
    assert report.after.trainable == ("a/kernel", "a/bias")


def test_each_backend_that_a_run_needs_is_imported_once(tmp_path: Path) -> None:
    installed("jax", "torch")
    lines: list[str] = []
    text = net("self.a = layers.Dense(4)", "return self.a(x)")
    seen = []
    with Session(PYTHON, device="cpu", on_progress=lines.append) as session:
        for backend in ("torch", "jax", "torch"):
            asked = f"import os\nos.environ['KERAS_BACKEND'] = '{backend}'\n{text}"
            target = Target(tmp_path / f"{backend}{len(seen)}.py", "Net", 1)
            seen.append(session.compare(target, asked, asked).backend)
    assert seen == ["torch", "jax", "torch"]
    assert sum("importing" in line for line in lines) == 2


def test_one_gpu_of_several_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(visible: str | None, number: int) -> str:
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        return Runner(PYTHON, device=f"gpu:{number}")._environment()["CUDA_VISIBLE_DEVICES"]

    assert shown(None, 1) == "1"
    assert shown("4,7", 1) == "7"
    assert shown("4,7", 2) == "-1"
