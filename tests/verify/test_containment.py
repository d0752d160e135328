"""Crashes, hangs, memory and noise stay with the model that made them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from verify_models import model

import kerasfix.verify
from kerasfix.verify.errors import VerifyError
from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.runner import Runner
from kerasfix.verify.session import Session, Target
from kerasfix.verify.slice import Part

pytestmark = pytest.mark.keras

GOOD = model("self.a = layers.Dense(4)", "return self.a(x)")
posix_only = pytest.mark.skipif(os.name != "posix", reason="process groups and signals")


def _part(text: str) -> dict[str, Any]:
    """A module as a job carries it."""
    return Part(place="net.py", file="net.py", name="net", text=text).to_json()


@pytest.fixture(scope="module")
def strict() -> Iterator[Session]:
    """A session with limits that a test can reach."""
    with Session(Path(sys.executable), device="cpu", timeout=8, memory_mb=2500) as session:
        yield session


def compare(session: Session, patched: str, tmp_path: Path) -> ModelReport:
    return session.compare(Target(tmp_path / "net.py", "Net", 1), GOOD, patched, outputs_must_match=False)


def patched(lines: str, header: str = "import os, sys, time, subprocess\n") -> str:
    """The good model, with something before its last line that happens only when values are known."""
    call = "if hasattr(x, 'numpy') and tf.executing_eagerly():\n"
    call += "".join(f"    {line}\n" for line in lines.splitlines())
    return header + model("self.a = layers.Dense(4)", call + "return self.a(x)")


def test_a_hang_ends_at_the_time_limit(strict: Session, tmp_path: Path) -> None:
    started = time.monotonic()
    report = compare(strict, patched("if len(self.a.weights): time.sleep(1000)"), tmp_path)
    assert time.monotonic() - started < 30
    assert report.verdict is VerdictKind.WORSE
    assert "did not finish within 8 s" in report.reasons[0]
    assert report.after is not None
    assert report.after.stopped == "time"


@posix_only
def test_a_crash_is_an_observation(strict: Session, tmp_path: Path) -> None:
    report = compare(strict, patched("if len(self.a.weights): os.abort()"), tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "crashed (signal 6, SIGABRT)" in report.reasons[0]


@posix_only
def test_a_crash_on_every_input_is_not_verified_or_worse_never_passed(
    strict: Session, tmp_path: Path
) -> None:
    report = compare(strict, patched("os.abort()"), tmp_path)
    assert report.verdict is VerdictKind.WORSE
    both = strict.compare(
        Target(tmp_path / "b.py", "Net", 1), patched("os.abort()"), patched("os.abort()\npass")
    )
    assert both.verdict is VerdictKind.NOT_VERIFIED


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_model_that_eats_memory_ends_at_the_memory_limit(strict: Session, tmp_path: Path) -> None:
    hungry = "hoard = []\nwhile len(self.a.weights): hoard.append(bytearray(50_000_000))"
    report = compare(strict, patched(hungry), tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "took more than 2500 MiB of memory" in report.reasons[0]


def test_a_model_that_exits_raised(strict: Session, tmp_path: Path) -> None:
    report = compare(strict, patched("if len(self.a.weights): sys.exit(3)"), tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "SystemExit: 3" in report.reasons[0]


def test_a_model_that_ends_its_process_raised(strict: Session, tmp_path: Path) -> None:
    report = compare(strict, patched("if len(self.a.weights): os._exit(0)"), tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "ended its process" in report.reasons[0]


def test_what_a_model_prints_does_not_disturb(
    strict: Session, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = "print('{\"event\": \"done\"}', flush=True)\nsys.stderr.write('noise')\nos.write(1, b'noise')"
    report = compare(strict, patched(noise), tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_the_next_model_is_not_affected(strict: Session, tmp_path: Path) -> None:
    compare(strict, patched("if len(self.a.weights): os._exit(7)"), tmp_path)
    assert compare(strict, GOOD + "\n", tmp_path).verdict is VerdictKind.UNCHANGED


@posix_only
def test_what_a_model_starts_ends_with_it(strict: Session, tmp_path: Path) -> None:
    mark = f"verify-{os.getpid()}-{time.time_ns()}"
    code = f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', {mark!r}])"
    report = compare(strict, patched(code), tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert not processes_with(mark)


@posix_only
def test_a_dead_server_is_replaced(tmp_path: Path) -> None:
    with Session(Path(sys.executable), device="cpu", timeout=30) as session:
        assert compare(session, GOOD, tmp_path).verdict is VerdictKind.UNCHANGED
        server = session._pool.default()._server
        assert server is not None
        os.kill(server._process.pid, signal.SIGKILL)
        report = compare(session, GOOD.replace("Dense(4)", "Dense(5)"), tmp_path)
        assert report.verdict in (VerdictKind.UNCHANGED, VerdictKind.NOT_VERIFIED)
        assert compare(session, GOOD.replace("Dense(4)", "Dense(6)"), tmp_path).after is not None


def test_what_a_model_writes_is_gone_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "open('by-the-model.txt', 'w').write('x')\nprint(os.getcwd(), flush=True)\nos.mkdir('a-folder')"
    text = patched(f"if not os.path.exists('a-folder'):\n    {code.replace(chr(10), chr(10) + '    ')}")
    with Session(Path(sys.executable), device="cpu", timeout=30) as session:
        assert compare(session, text, tmp_path).verdict is VerdictKind.UNCHANGED
        folder = session._pool.default().folder
        assert (folder / "by-the-model.txt").exists()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_model_prints_is_bounded(tmp_path: Path) -> None:
    text = patched(
        "line = 'x' * 999_999 + chr(10)\nfor _ in range(100):\n    os.write(1, line.encode())\n"
        "print('the end', flush=True)\nos._exit(5)"
    )
    with Session(Path(sys.executable), device="cpu", timeout=30) as session:
        report = session.compare(Target(tmp_path / "net.py", "Net", 1), text, text)
        logs = [path.stat().st_size for path in session._pool.default().folder.parent.glob("*.log")]
    assert max(logs) < 100_000
    assert report.verdict is VerdictKind.NOT_VERIFIED
    assert report.reasons[-1] == "the end"


@pytest.mark.skipif(sys.platform != "linux", reason="needs network namespaces")
def test_what_a_model_starts_has_no_network_either(strict: Session, tmp_path: Path) -> None:
    if not _may_leave_network():
        pytest.skip("this system does not let a process leave the network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        subprocess.run([sys.executable, "-c", reach], check=True)
        server.accept()[0].close()
        report = compare(
            strict, patched(f"assert subprocess.call([sys.executable, '-c', {reach!r}]) != 0"), tmp_path
        )
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


def _may_leave_network() -> bool:
    code = "from kerasfix.verify.worker.isolation import leave_network; print(bool(leave_network()))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return answer.stdout.strip() == "True"


@pytest.mark.skipif(sys.platform != "linux", reason="needs user namespaces")
def test_files_are_as_they_were_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("mine")
    (tmp_path / "private").chmod(0o600)
    code = (
        "import os\nfrom pathlib import Path\n"
        "before = os.getuid(), os.getgid()\n"
        "from kerasfix.verify.worker.isolation import leave_network\nleave_network()\n"
        "assert (os.getuid(), os.getgid()) == before\n"
        f"assert Path({str(tmp_path / 'private')!r}).read_text() == 'mine'\n"
        f"Path({str(tmp_path / 'new')!r}).write_text('')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "new").stat().st_uid == os.getuid()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes by their arguments")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_a_kerasfix_that_is_ended(tmp_path: Path, end: signal.Signals) -> None:
    source = patched("print('running', flush=True)\ntime.sleep(100)")
    code = (
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path\nfrom kerasfix.verify.session import Session, Target\n"
        "def tell(line): print(line, flush=True)\n"
        "session = Session(Path(sys.executable), device='cpu', on_progress=tell)\n"
        "print(session._pool.default().folder, flush=True)\n"
        f"session.compare(Target(Path('net.py'), 'Net', 1), {source!r}, {source!r})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = process.stdout.readline().strip()
    try:
        while "Net: patched" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(1)
        assert processes_with(folder)
    finally:
        process.send_signal(end)
        process.wait()
        process.stdout.close()
    deadline = time.monotonic() + 10
    while processes_with(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_with(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_system_that_cannot_fork_starts_an_interpreter_per_job(tmp_path: Path) -> None:
    job = {
        "kind": "observe",
        "parts": [_part(GOOD)],
        "class": "Net",
        "seed": 1,
        "steps": 1,
        "input": None,
        "init": {},
        "hints": [],
        "weights": str(tmp_path / "weights.npz"),
        "probe_seconds": 50,
        "result": str(tmp_path / "result.json"),
    }
    path = tmp_path / "job"
    path.write_text(json.dumps(job))
    bootstrap = Path(kerasfix.verify.__file__).parent / "worker" / "bootstrap.py"
    subprocess.run([sys.executable, str(bootstrap), "--job", str(path)], check=True, cwd=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["outcome"] == "observed"
    assert result["observation"]["trainable"] == ["a/kernel", "a/bias"]


@posix_only
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    runner = Runner(Path(sys.executable), device="cpu", timeout=60)
    runner.start()
    assert runner._server is not None
    server = runner._server._process
    # A program that was started in the background ignores Ctrl-C, and so would this one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    job = {
        "kind": "observe",
        "parts": [_part(patched("time.sleep(100)"))],
        "class": "Net",
        "seed": 1,
        "steps": 1,
        "input": None,
        "init": {},
        "hints": [],
        "weights": str(tmp_path / "w.npz"),
        "probe_seconds": 50,
    }
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run(job)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert server.poll() is not None
    assert not processes_with(str(runner_folder := server.args[-1])), runner_folder  # type: ignore[index]


def test_a_gpu_that_is_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with (
        Runner(Path(sys.executable), device="gpu") as runner,
        pytest.raises(VerifyError, match=r"--device gpu: tensorflow in .* sees no GPU"),
    ):
        runner.start()


def processes_with(text: str) -> list[str]:
    listing = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if text in line]
