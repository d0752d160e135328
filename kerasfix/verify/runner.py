"""The child process that runs models: started, limited, replaced when it dies, and always ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from kerasfix.verify.choice import Kind
from kerasfix.verify.errors import VerifyError
from kerasfix.verify.interpreter import check_python
from kerasfix.verify.leavings import json_of, remove, seconds_of, tail, text_of, written
from kerasfix.verify.report import FENCES

#: "auto", "cpu", "gpu", or one GPU by its number: "gpu:1".
Device = str

_BOOTSTRAP = Path(__file__).parent / "worker" / "bootstrap.py"
_START_SECONDS = 180.0
# The server enforces the limits; this is how much later we end the server itself.
_GRACE_SECONDS = 15.0
_WAIT_SECONDS = 0.5
_LOG_LINES = 5
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
    "MPLBACKEND": "Agg",
    # Several models, and other programs, share a GPU.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # Asking the driver itself whether there is a GPU would spoil it for forked processes.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
# An empty value of these is not the same as none.
_REMOVED = ("TF_USE_LEGACY_KERAS", "KERASFIX_RENAME_KERAS")
# What a model says stands in reports and in the logs of CI, and it has no network to use these for. They are
# left empty, because code that reads one may insist that it is there.
_SECRET = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)$"
)
# Where programs put what they need for a while: the one folder that a model may write to.
_TEMPORARY = {
    "TMPDIR": "",
    "TEMP": "",
    "TMP": "",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
}
_NO_GPU = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    "KERAS_TORCH_DEVICE": "cpu",
}


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        result: What the worker wrote; None if it ended before it could.
        spec: The input that it found, if it was asked to look for one; kept even if it ended right after.
        ending: "exit", "crash", "time", "memory", or "server" if the server itself died.
        signal: The number of the signal that ended it ("crash"), else 0.
        phase: What was running when it ended, see `Observation.raised_in`.
        log: The last lines that user code printed.
        seconds: How long each phase took, that of the last one up to the end.
    """

    result: dict[str, Any] | None
    ending: str
    signal: int = 0
    phase: str = ""
    log: tuple[str, ...] = ()
    spec: dict[str, Any] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


class Runner:
    """Runs jobs in the user's Python; a context manager.

    Args:
        python: The interpreter.
        kind: The Keras that runs them.
        device: "cpu" hides GPUs, "gpu" insists on one, "gpu:1" on that one, "auto" takes one if it is there.
        timeout: Seconds for each run of a model.
        memory_mb: MiB of resident memory for each run of a model.
        on_progress: Called with a short line when something new begins.
    """

    def __init__(
        self,
        python: Path,
        *,
        kind: Kind | None = None,
        device: Device = "auto",
        timeout: float = 120.0,
        memory_mb: int = 8192,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.python = python
        self.timeout = timeout
        self.memory_mb = memory_mb
        self.kind = kind or Kind()
        self._device_wanted: Device = device
        self._progress = on_progress or (lambda _message: None)
        self._server: _Server | None = None
        self._facts: dict[str, Any] | None = None
        self._folder: Path | None = None
        self._jobs = 0
        #: How long it took until Keras was imported; None before `start`.
        self.import_seconds: float | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes and remove their files. May be called more than once."""
        if self._server is not None:
            self._server.end()
            self._server = None
        if self._folder is not None:
            remove(self._folder)
            self._folder = None

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """What `start` found out; None before it has."""
        return self._facts

    @property
    def keras_version(self) -> str:
        return str(self.start()["keras"])

    @property
    def backend(self) -> str:
        return str(self.start()["backend"])

    @property
    def device(self) -> str:
        """The name of the GPU, or "CPU"."""
        return str(self.start()["device"])

    @property
    def folder(self) -> Path:
        """A folder for the files of models, with what they write of their own; gone after `close`."""
        if self._folder is None:
            # Around it is what they must not write: nobody may follow a link that a model has left.
            self._folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="kerasfix-verify-")))
            (self._folder / "models").mkdir()
        return self._folder / "models"

    def start(self) -> dict[str, Any]:
        """Start the child process and ask what it has; does nothing the second time.

        Returns:
            "keras" (version), "backend", "backend_version", "device", "driver" (version) and
            "not_kept_in" (see `report.FENCES`).

        Raises:
            VerifyError: if Keras cannot be imported, or there is no GPU where one is demanded.
        """
        if self._facts is None:
            self._progress("importing Keras")
            check_python(self.python, self._environment())
            started = time.monotonic()
            outcome = self.run({"kind": "hello", "timeout": _START_SECONDS})
            self.import_seconds = round(time.monotonic() - started, 3)
            facts = outcome.result
            if facts is None:
                raise VerifyError(f"{self.python} cannot run Keras: {_last(outcome.log)}")
            if facts["outcome"] == "refused":
                raise VerifyError(f"{self.python} cannot import Keras: {facts['reason']}")
            if self._device_wanted.startswith("gpu") and facts["device"] == "CPU":
                missing = "no GPU" if self._device_wanted == "gpu" else "no such GPU"
                raise VerifyError(
                    f"--device {self._device_wanted}: {facts['backend']} in {self.python} sees {missing}"
                )
            kept_in = facts.get("kept_in", ())
            self._facts = {**facts, "not_kept_in": tuple(each for each in FENCES if each not in kept_in)}
        return self._facts

    def run(self, job: Mapping[str, Any]) -> Outcome:
        """Do one job in a process of its own and wait for it."""
        if self._server is None or not self._server.is_alive():
            self._server = _Server(self.python, self.folder, self._environment())
        self._jobs += 1
        base = self.folder / f"job{self._jobs}"
        for path in self.folder.glob(f"{base.name}.*"):
            # Only a model that ran before can have put it there.
            path.unlink(missing_ok=True)
        full: dict[str, Any] = {
            "timeout": self.timeout,
            "memory_mb": self.memory_mb,
            **job,
            "result": str(base) + ".json",
            "log": str(_log_of(base)),
        }
        try:
            ending = self._server.do(full, full["timeout"] + _GRACE_SECONDS)
        except BaseException:
            # Ctrl-C, too, must not leave a model training in the background.
            self.close()
            raise
        return _outcome(base, ending)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **_QUIET, **self.kind.environment()}
        environment.update((name, "") for name in environment if _SECRET.search(name.upper()))
        environment.update((name, str(self.folder / below)) for name, below in _TEMPORARY.items())
        if self._device_wanted == "cpu":
            environment.update(_NO_GPU)
        elif self._device_wanted.startswith("gpu:"):
            environment.update(_only_gpu(int(self._device_wanted[4:]), environment))
        return {name: value for name, value in environment.items() if value or name not in _REMOVED}


def _only_gpu(number: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that show one GPU: the one that has this number among those that can be seen now."""
    shown = {}
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        seen = environment.get(name)
        names = seen.split(",") if seen else []
        shown[name] = names[number] if number < len(names) else "-1" if names else str(number)
    return shown


class _Server:
    """The worker's server process and the conversation with it."""

    def __init__(self, python: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._python = python
        self._log = folder.parent / "server.log"
        log = self._log.open("ab")
        # Models run in the temporary folder: a file that one writes with a relative name disappears with it.
        self._process = subprocess.Popen(
            [str(python), str(_BOOTSTRAP), str(self._log), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=dict(environment),
            text=True,
            encoding="utf-8",
            # Ctrl-C in the terminal is for us; we end the children ourselves.
            start_new_session=os.name == "posix",
        )
        log.close()
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._child: int | None = None
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._expect_ready()
        except BaseException:
            self.end()
            raise

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def do(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a job and wait for its end; a dead server is an ending too."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError:
            self.end()
            return {"how": "server"}
        while True:
            message = self._next(seconds)
            if message is None:
                self.end()
                return {"how": "server"}
            if message["event"] == "started":
                self._child = int(message["pid"])
            else:
                self._child = None
                ending: dict[str, Any] = message["ending"]
                return ending

    def end(self) -> None:
        """Kill the server and the model that it runs, and wait until they are gone."""
        if self._child is not None:
            _kill_group(self._child)
            self._child = None
        _kill_group(self._process.pid)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                # What was still to be written has no reader any more.
                with contextlib.suppress(OSError):
                    stream.close()

    def _expect_ready(self) -> None:
        message = self._next(_START_SECONDS)
        if message is None:
            lines = tail(self._log, _LOG_LINES)
            raise VerifyError(f"the process that runs models did not start: {_last(lines)}")
        if message["event"] == "failed":
            raise VerifyError(f"{self._python} cannot import Keras: {message['error']}")

    def _next(self, seconds: float) -> dict[str, Any] | None:
        # In short waits: on some systems Ctrl-C does not end a long one.
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                return self._messages.get(timeout=_WAIT_SECONDS)
        return None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._messages.put(json.loads(line))
        except ValueError:
            # The stream was closed under us, or the server wrote something that is not ours.
            pass
        self._messages.put(None)


def _kill_group(pid: int) -> None:
    if os.name != "posix":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It has ended by itself.
        return


def _outcome(base: Path, ending: Mapping[str, Any]) -> Outcome:
    result = json_of(_beside(base, ".json"))
    return Outcome(
        # What is no result of ours the model has written.
        result=result if result is not None and isinstance(result.get("outcome"), str) else None,
        ending="crash" if ending["how"] == "signal" else str(ending["how"]),
        signal=int(ending.get("signal", 0)),
        phase=text_of(_beside(base, ".json.phase")),
        log=tail(_log_of(base), _LOG_LINES),
        spec=json_of(_beside(base, ".json.spec")),
        seconds=seconds_of(_beside(base, ".json.times"), written(_beside(base, ".json"))),
    )


def _beside(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _log_of(base: Path) -> Path:
    """Where what a job prints is kept: out of reach of the job."""
    return base.parent.parent / f"{base.name}.log"


def _last(lines: tuple[str, ...]) -> str:
    return lines[-1] if lines else "it said nothing"
