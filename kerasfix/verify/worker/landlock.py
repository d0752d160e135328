"""No writing outside of a folder, for this process and all that it starts: Landlock, of Linux 5.13 and newer.

Reading stays as it is: a model needs its Python, Keras and the GPU's libraries, wherever they are. Newer
kernels keep more in: cutting files off (6.2), TCP (6.7), signals to others and abstract sockets (6.12).
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
from typing import Any

# The same on all processors but Alpha.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_BENEATH = 1
_PATH_ONLY = 0o10000000  # O_PATH
_NO_NEW_PRIVILEGES = 38

_WRITE_FILE = 1 << 1
_MAKE_DEVICE = 1 << 6 | 1 << 11
# Write, remove and make what there is: directories, files, devices, sockets, pipes, links.
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_REFER, _CUT_OFF = 1 << 13, 1 << 14
_TCP = 1 << 0 | 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

# What programs write to that is no file; those of GPUs are there if one is.
_DEVICES = (
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/nvidia*",
    "/dev/nvidia-caps/*",
    "/dev/dri/*",
    "/dev/kfd",
)
# The threads of this process: CUDA gives them names.
_THREADS = "/proc/self/task"
# Shared memory and semaphores are files there.
_SHARED = "/dev/shm"


def version() -> int:
    """Which Landlock the kernel has; 0 for none."""
    return max(0, _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION)))


def keep_in(folder: str) -> tuple[str, ...]:
    """Let this thread, and all that it will start, write in a folder and nowhere else.

    Returns:
        What is kept in now, of "files", "tcp" and "signals".
    """
    known = version()
    if not known:
        return ()
    changes = _CHANGES | (_REFER if known >= 2 else 0) | (_CUT_OFF if known >= 3 else 0)
    handled = [changes, _TCP if known >= 4 else 0, _ABSTRACT_SOCKETS | _SIGNALS if known >= 6 else 0]
    words = 1 if known < 4 else 2 if known < 6 else 3
    asked = (ctypes.c_uint64 * words)(*handled[:words])
    rules = _call(_CREATE, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), ctypes.c_uint32(0))
    if rules < 0:
        return ()
    try:
        # The device files themselves cannot be made, there neither.
        inside = changes & ~_MAKE_DEVICE
        if not _allow(rules, folder, inside):
            return ()
        _allow(rules, _SHARED, inside)
        _allow(rules, _THREADS, _WRITE_FILE, stays_open=True)
        for device in _DEVICES:
            for path in glob.glob(device):
                _allow(rules, path, _WRITE_FILE)
        if not forbid_new_privileges() or _call(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0)) != 0:
            return ()
    finally:
        os.close(rules)
    return ("files", *(("tcp",) if known >= 4 else ()), *(("signals",) if known >= 6 else ()))


def forbid_new_privileges() -> bool:
    """No program that this process starts may do more than it: else it could use the limits against that."""
    try:
        control = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False
    zero = ctypes.c_ulong(0)
    return bool(control(ctypes.c_int(_NO_NEW_PRIVILEGES), ctypes.c_ulong(1), zero, zero, zero) == 0)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _allow(rules: int, path: str, access: int, *, stays_open: bool = False) -> bool:
    """Allow something for a path and what is below it; False if there is no such path.

    Args:
        stays_open: A rule is forgotten with what it is about, and the kernel forgets folders of /proc that
            nobody holds.
    """
    try:
        place = os.open(path, _PATH_ONLY | os.O_CLOEXEC)
    except OSError:
        return False
    if not os.path.isdir(path):
        access &= _WRITE_FILE | _CUT_OFF
    rule = _Beneath(access, place)
    done = (
        _call(_ADD, ctypes.c_int(rules), ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)) == 0
    )
    if not stays_open:
        with contextlib.suppress(OSError):
            os.close(place)
    return done


def _call(number: int, *arguments: Any) -> int:
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return -1
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *arguments))
