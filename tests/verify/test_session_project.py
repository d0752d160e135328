"""Models that are written in several modules, really run."""

from __future__ import annotations

from pathlib import Path

import pytest
from verify_models import HEADER

from kerasfix.output.console import Piece, Table
from kerasfix.output.proof import proof_lines
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session, Target

pytestmark = pytest.mark.keras

BLOCK = HEADER + (
    "class Block(layers.Layer):\n    def __init__(self, units):\n        super().__init__()\n"
    "        self.a = layers.Dense(units)\n        self.bn = layers.BatchNormalization()\n"
    "    def call(self, x, training=None):\n        return self.bn(self.a(x), training=False)\n"
)
NET = (
    "import not_installed\nfrom lib import Block\n"
    + HEADER
    + (
        "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
        "        self.block = Block(8)\n        self.out = layers.Dense(2)\n"
        "    def call(self, x, training=None):\n        return self.out(self.block(x, training=training))\n"
    )
)


def _project(folder: Path, script: str) -> tuple[Path, Path]:
    """A package with a script part in each module; gives the files of the model and of its block."""
    (folder / "lib").mkdir()
    (folder / "lib" / "__init__.py").write_text(script + "from .block import Block\n" + script)
    block = folder / "lib" / "block.py"
    block.write_text(script + BLOCK + script)
    net = folder / "net.py"
    net.write_text(script + NET + script)
    return net, block


def test_a_fix_in_another_module_is_proved_and_no_hostile_module_runs(
    session: Session, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    script = (
        f"import threading, socket, sys\nopen({str(marker)!r}, 'w').write('ran')\n"
        f"threading.Thread(target=lambda: open({str(marker)!r}, 'w')).start()\n"
        "socket.create_connection(('127.0.0.1', 9))\nwhile True: pass\nsys.exit(1)\n"
    )
    net, block = _project(tmp_path, script)
    before = block.read_text()
    after = before.replace("training=False", "training=training")
    report = session.compare(
        Target(net, "Net", 1), net.read_text(), net.read_text(), others={str(block): (before, after)}
    )
    assert report.verdict is VerdictKind.PROVED, report.reasons
    assert report.before is not None
    assert report.after is not None
    assert report.before.sensitive["block.bn"].received["fit"] is False
    assert report.after.sensitive["block.bn"].received["fit"] is True
    assert not marker.exists()


def test_what_a_model_lacks_when_it_runs_is_said(session: Session, tmp_path: Path) -> None:
    net, block = _project(tmp_path, "")
    block.write_text(
        BLOCK.replace("return ", "helper()\n        return ")
        + "def helper(): return images\nimages = load()\n"
    )
    report = session.compare(Target(net, "Net", 1), NET, NET)
    assert report.verdict is VerdictKind.NOT_VERIFIED
    line = len(block.read_text().splitlines())
    assert report.reasons[0].startswith(
        f"not verified: it needs `images`, which line {line} of block.py makes by running load(…)"
    )


def test_an_error_in_another_module_names_the_line_that_led_there(session: Session, tmp_path: Path) -> None:
    net, block = _project(tmp_path, "")
    block.write_text(BLOCK.replace("layers.Dense(units)", "layers.Dense(units / 0)"))
    report = session.compare(Target(net, "Net", 1), NET, NET)
    assert report.after is not None
    assert report.after.raised == "ZeroDivisionError: division by zero"
    assert report.after.raised_line == 1 + NET[: NET.index("Block(8)")].count("\n")
    line = 1 + block.read_text()[: block.read_text().index("units / 0")].count("\n")
    assert report.after.raised_at == f"{block.resolve()}:{line}"
    assert f"at block.py:{line})" in " ".join(cells[2][0] for cells in _rows(report))


def test_an_error_in_a_phase_names_the_other_module_too(session: Session, tmp_path: Path) -> None:
    net, block = _project(tmp_path, "")
    block.write_text(BLOCK.replace("return ", "1 / (0 if training else 1)\n        return "))
    report = session.compare(Target(net, "Net", 1), NET, NET)
    assert report.after is not None
    assert report.after.raised_in == "fit"
    line = 1 + block.read_text()[: block.read_text().index("1 / (0")].count("\n")
    assert report.after.raised_at == f"{block.resolve()}:{line}"
    assert report.after.raised_line == 1 + NET[: NET.index("self.block(x")].count("\n")


def _rows(report: ModelReport) -> list[tuple[Piece, ...]]:
    [table] = [each for each in proof_lines(report) if isinstance(each, Table)]
    return [*table.rows]
