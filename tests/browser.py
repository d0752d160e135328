"""A headless Chromium, steered through its debugging pipe, so that tests need no other package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60.0


def chromium() -> str:
    """The command of a Chromium; the test that asks is skipped where there is none."""
    if os.name != "posix":
        pytest.skip("the debugging pipe of Chromium is used through file descriptors")
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium here (looked for {', '.join(_NAMES)})")
    return found


class Browser:
    """One page in a browser that reaches no network; a context manager.

    Attributes:
        requests: The addresses of all that the page asked for.
        complaints: What the browser had to say: errors of scripts, of the policy, of loading.
    """

    def __init__(self, command: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._folder = tempfile.mkdtemp(prefix="kerasfix-browser-")
        self._number = 0
        self._session = ""
        self._loaded = False
        self._rest = b""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        options = [
            "--headless",
            # In a container there is nothing that its sandbox could be made of.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={self._folder}",
            "--remote-debugging-pipe",
        ]
        # Chromium reads commands from its descriptor 3 and answers on 4; a shell might know none above 9.
        program = (
            "import fcntl, os, sys\n"
            "high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]\n"
            "os.dup2(high[0], 3)\n"
            "os.dup2(high[1], 4)\n"
            "os.execv(sys.argv[3], sys.argv[3:])\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs_in), str(theirs_out), command, *options],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        os.set_blocking(self._from, False)

    def __enter__(self) -> Browser:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session = ""
        try:
            self.ask("Browser.close")
            self._process.wait(10)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, 9)
                self._process.wait()
            os.close(self._to)
            os.close(self._from)
            shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, path: Path) -> None:
        """Show a file, and wait until all of it is there."""
        self._loaded = False
        self.ask("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + _SECONDS
        while not self._loaded:
            self._take(self._next(deadline))

    def width(self, pixels: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=pixels,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )

    def media(self, kind: str, scheme: str) -> None:
        """As "screen" or "print", and "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", media=kind, features=[feature])

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._take(answer)

    def _take(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(parameters))

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert time.monotonic() < deadline, "the browser does not answer"
            assert self._process.poll() is None, "the browser ended"
            try:
                self._rest += os.read(self._from, 1 << 20)
            except BlockingIOError:
                time.sleep(0.02)
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message
