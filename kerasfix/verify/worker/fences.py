"""What a model is kept from, as far as the system lets: writing elsewhere, the network, other processes."""

from __future__ import annotations

import ctypes
import os
import re
import sys

from . import calls, landlock
from .isolation import leave_network

# The rights of root to read and write what belongs to others; Landlock says where.
_KEPT_RIGHTS = 1 << 1 | 1 << 2
_RIGHTS_VERSION = 0x20080522
# Libraries start threads by the number of cores, each of them some.
_MOST_TASKS = 512
_MOST_TASKS_A_CORE = 32


def shut_in(folder: str, memory_mb: int | None) -> tuple[str, ...]:
    """Put fences around this process and all that it will start.

    Args:
        folder: Where it may write.
        memory_mb: What it may have of memory: no file that it writes may be larger. None for any.

    Returns:
        What is kept in: "files" for writing elsewhere, "network", "signals" for ending other processes, and
        "processes" for leaving the group that is ended with this one.
    """
    _forbid_core_dumps()
    if memory_mb is not None:
        _limit_files(memory_mb * 2**20)
    if not sys.platform.startswith("linux"):
        return ()
    alone = leave_network()
    if alone == "user":
        _limit_processes()
    _give_up_rights()
    kept = landlock.keep_in(folder)
    has_calls = calls.take_away(network=bool(alone))
    return tuple(
        name
        for name, holds in (
            # Without the filter a service that listens at a socket file writes what it is asked to.
            ("files", "files" in kept and has_calls),
            ("network", bool(alone) or has_calls),
            ("signals", "signals" in kept),
            ("processes", has_calls),
        )
        if holds
    )


def _give_up_rights() -> None:
    """What is root, here or in a user namespace of its own, has no rights over the system any more."""

    class Head(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    try:
        library = ctypes.CDLL(None, use_errno=True)
        read, write = library.capget, library.capset
    except (OSError, AttributeError):
        return
    head = Head(_RIGHTS_VERSION, 0)
    # Twice (effective, permitted, inheritable).
    rights = (ctypes.c_uint32 * 6)()
    if read(ctypes.byref(head), ctypes.byref(rights)) == 0:
        left = [right & _KEPT_RIGHTS for right in rights[:2]]
        write(ctypes.byref(head), ctypes.byref((ctypes.c_uint32 * 6)(*left, 0, 0, 0, 0)))


def _limit_processes() -> None:
    """No more processes and threads than these: what multiplies is faster than anybody who looks on.

    In a user namespace of its own the kernel counts those of the model only; before Linux 5.14 it counted all
    that the user has. It sets root no limit.
    """
    import resource

    version = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if version >= (5, 14):
        _lower(resource.RLIMIT_NPROC, _MOST_TASKS + _MOST_TASKS_A_CORE * (os.cpu_count() or 1))


def _limit_files(size: int) -> None:
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_FSIZE, size)


def _lower(limit: int, value: int) -> None:
    import resource

    _, most = resource.getrlimit(limit)
    if most == resource.RLIM_INFINITY or most > value:
        resource.setrlimit(limit, (value, value))


def _forbid_core_dumps() -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
