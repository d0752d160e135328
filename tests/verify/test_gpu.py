"""On a GPU: `pytest -m gpu`. Skipped where there is none, and for each backend that sees none."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_backends import KINDS, installed, net, on_keras
from verify_models import DCGAN, dcgan, dcgan_fixed

from kerasfix.verify.errors import VerifyError
from kerasfix.verify.report import VerdictKind
from kerasfix.verify.session import Session, Target

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.keras,
    pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="there is no GPU here"),
]


@pytest.fixture(scope="module", params=list(KINDS))
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    kind = str(request.param)
    installed(*(("tensorflow", "tf_keras") if kind == "keras-2" else (kind,)))
    with Session(Path(sys.executable), device="gpu", timeout=300, wish=KINDS[kind]) as session:
        try:
            name = session.device
        except VerifyError as error:
            if "sees no GPU" not in str(error):
                raise
            pytest.skip(str(error))
        assert name != "CPU"
        yield session


def test_the_dcgan_is_proved_and_the_report_names_the_gpu(session: Session) -> None:
    target = Target(DCGAN, "DiscriminatorModel", 38)
    original, patched = on_keras(dcgan()), on_keras(dcgan_fixed())
    report = session.compare(target, original, patched, claims=["conv1"], outputs_must_match=False)
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.before is not None
    assert report.before.missing_gradient == ("conv1/kernel", "conv1/bias")
    assert report.device == session.device != "CPU"
    assert report.driver
    assert report.backend_version


def test_models_share_the_gpu_and_equal_ones_stay_equal(session: Session, tmp_path: Path) -> None:
    for number in range(3):
        text = net(
            f"self.a = layers.Conv2D({8 + number}, 3)\nself.bn = layers.BatchNormalization()\n"
            "self.flat = layers.Flatten()\nself.b = layers.Dense(4)",
            "return self.b(self.flat(self.bn(self.a(x), training=training)))",
            "self, x, training=None",
        )
        # The same computation, written in another way.
        patched = text.replace("return self.b(", "return 1.0 * self.b(")
        report = session.compare(Target(tmp_path / f"net{number}.py", "Net", 1), text, patched)
        assert report.verdict is VerdictKind.UNCHANGED, report.reasons


def test_one_gpu_by_its_number(session: Session) -> None:
    kind = session._pool._wish
    with Session(session._pool.python, device="gpu:0", wish=kind) as first:
        assert first.device == session.device
    with (
        Session(session._pool.python, device="gpu:99", wish=kind) as last,
        pytest.raises(VerifyError, match="sees no such GPU"),
    ):
        _ = last.device
