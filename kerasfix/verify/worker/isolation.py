"""A process of its own for every job, and its limits.

Where it is safe the server forks: the child has Keras imported already. Elsewhere a fresh interpreter is
    started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO

from .meter import Meter, fields_of
from .printed import Printed

_POLL_SECONDS = 0.02
_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_ADOPT = 36  # PR_SET_CHILD_SUBREAPER
_ORPHAN_SECONDS = 5.0


def can_fork() -> bool:
    """Fork needs `os.fork`; on macOS system libraries may abort in a forked child."""
    return hasattr(os, "fork") and sys.platform != "darwin"


class ForkedChild:
    """A fork of the server in a process group of its own.

    Args:
        job: See `job.run`.
        printed: Where it prints to.
        unwanted: Streams of the server that the child must not hold.
    """

    def __init__(self, job: dict[str, Any], printed: Printed, unwanted: Iterable[TextIO]) -> None:
        # What is in the buffers now would be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        self._parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _be_child(job, printed, unwanted)
        # Both sides set the group, so that neither has to wait for the other.
        _ignore_os_errors(os.setpgid, self.pid, self.pid)

    def poll(self) -> int | None:
        """None while it runs, else the exit code, or minus the number of the signal that ended it."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def kill(self) -> None:
        """End it and everything that it has started."""
        _ignore_os_errors(os.killpg, self.pid, signal.SIGKILL)
        _ignore_os_errors(os.kill, self.pid, signal.SIGKILL)

    def reap(self) -> None:
        _ignore_os_errors(os.waitpid, self.pid, 0)


class SpawnedChild:
    """A fresh interpreter that runs one job."""

    def __init__(self, job: dict[str, Any], printed: Printed) -> None:
        path = job["result"] + ".job"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        bootstrap = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py")
        new_group = os.name == "posix"
        self._process = subprocess.Popen(
            [sys.executable, bootstrap, "--job", path],
            stdin=subprocess.DEVNULL,
            stdout=printed.writer,
            stderr=printed.writer,
            start_new_session=new_group,
        )
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        if os.name == "posix":
            _ignore_os_errors(os.killpg, self.pid, signal.SIGKILL)
        else:
            # Windows has no groups of this kind; taskkill follows the tree.
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.pid)], capture_output=True, check=False)
        _ignore_os_errors(self._process.kill)

    def reap(self) -> None:
        self._process.wait()


def leave_network() -> str:
    """Take this process, and all that it will start, off the network; Linux only, if it lets us.

    It gets a network of its own, with nothing in it. Whoever is not root needs a user namespace for that, in
    which all files are as they were.

    Returns:
        "network", or "user" if the process is in a user namespace of its own too; empty if it may not.
    """
    if not sys.platform.startswith("linux"):
        return ""
    try:
        import ctypes

        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (ImportError, OSError, AttributeError):
        return ""
    user, group = os.getuid(), os.getgid()
    if unshare(_NEW_NETWORK) == 0:
        return "network"
    if unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return ""
    # So that the process still knows whose it is.
    for name, text in (
        ("uid_map", f"{user} {user} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return "user"


def adopt() -> set[int]:
    """Whatever the processes below this one leave behind becomes a child of this one; Linux only.

    Returns:
        The children that it has already.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            zero = ctypes.c_ulong(0)
            ctypes.CDLL(None).prctl(ctypes.c_int(_ADOPT), ctypes.c_ulong(1), zero, zero, zero)
    return _children()


def end_orphans(spared: set[int]) -> None:
    """End the children of this process but some, and those that come to it while they end.

    The id of a child that nobody has waited for is nobody else's.
    """
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while (children := _children() - spared) and time.monotonic() < deadline:
        for pid in children:
            _ignore_os_errors(os.kill, pid, signal.SIGKILL)
        for pid in children:
            _ignore_os_errors(os.waitpid, pid, os.WNOHANG)
        time.sleep(_POLL_SECONDS)


def _children() -> set[int]:
    here = str(os.getpid())
    with contextlib.suppress(OSError):
        return {
            int(name) for name in os.listdir("/proc") if name.isdigit() and fields_of(name)[1:2] == [here]
        }
    return set()


def watch(child: ForkedChild | SpawnedChild, seconds: float, meter: Meter) -> dict[str, Any]:
    """Wait for a child, and end it at its limits.

    Returns:
        `{"how": "exit", "code": n}`, `{"how": "signal", "signal": n}`, or only "how": "time", "memory",
        "processes" or "disk".
    """
    deadline = time.monotonic() + seconds
    parent = os.getppid()
    while True:
        code = child.poll()
        if code is not None:
            # Threads are gone with it, but processes that it started may still be there.
            if os.name == "posix":
                _ignore_os_errors(os.killpg, child.pid, signal.SIGKILL)
            return {"how": "signal", "signal": -code} if code < 0 else {"how": "exit", "code": code}
        limit = "time" if time.monotonic() > deadline else meter.exceeded()
        orphaned = os.getppid() != parent
        if limit or orphaned:
            child.kill()
            child.reap()
            if orphaned:
                os._exit(1)
            return {"how": limit}
        time.sleep(_POLL_SECONDS)


def _be_child(job: dict[str, Any], printed: Printed, unwanted: Iterable[TextIO]) -> None:
    """Never returns: whatever happens, the child must not go on as a second server."""
    code = 1
    try:
        os.setpgid(0, 0)
        if hasattr(signal, "SIGTERM"):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for stream in unwanted:
            os.close(stream.fileno())
        os.dup2(printed.writer, 1)
        os.dup2(printed.writer, 2)
        os.close(printed.writer)
        os.close(printed.reader)
        from .job import run

        run(job)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ignore_os_errors(function: Any, *arguments: Any) -> None:
    # The process may have ended by itself in the meantime.
    with contextlib.suppress(OSError):
        function(*arguments)
