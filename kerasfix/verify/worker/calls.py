"""System calls that a model has no use for, taken away by a filter (seccomp; Linux on x86-64 and ARM64).

They are the ways past the other fences: a socket file leads to a service that does what it is asked (a
container engine, the session's bus), a session of its own leads out of the process group, and Landlock looks
at what is written to a file but not at its mode, owner and times.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from .landlock import forbid_new_privileges

_FILTER, _BY_FILTER = 22, 2
_ALLOW, _ANSWER = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Where a filter finds what it looks at.
_AT_NUMBER, _AT_PROCESSOR, _AT_FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
_INTERNET, _INTERNET_6, _KERNEL = 2, 10, 16

# Processor -> how the kernel calls it, the call that makes sockets, and those that are answered with "done":
# setsid and setpgid; chmod, chown, utime and extended attributes in all their forms.
_PROCESSORS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        41,
        (112, 109, 90, 91, 268, 92, 93, 94, 260, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199),
    ),
    "aarch64": (0xC00000B7, 198, (157, 154, 52, 53, 55, 54, 88, 5, 6, 7, 14, 15, 16)),
}
# The same on both: fchmodat2, setxattrat, removexattrat, file_setattr.
_DONE_TOO = (452, 463, 466, 469)
# io_uring makes sockets, and opens files, where no filter looks.
_RINGS = 425


def take_away(*, network: bool) -> bool:
    """Take the calls away from this thread and from all that it will start.

    A call that would change a mode, or begin a session, says that it is done: the program that a model starts
    is to go on, and what it wanted is of no use here.

    Args:
        network: Whether sockets of the internet may be made; there is nothing that they could reach.

    Returns:
        Whether they are gone.
    """
    known = _PROCESSORS.get(os.uname().machine) if sys.platform.startswith("linux") else None
    if known is None or ctypes.sizeof(ctypes.c_void_p) != 8 or not forbid_new_privileges():
        return False
    processor, sockets, done = known
    families = (_KERNEL, *((_INTERNET, _INTERNET_6) if network else ()))
    steps = _filter(processor, sockets, (*done, *_DONE_TOO), families)
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    program = Program(len(steps), ctypes.addressof(text))
    control = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    answer = control(ctypes.c_int(_FILTER), ctypes.c_ulong(_BY_FILTER), ctypes.byref(program), zero, zero)
    return int(answer) == 0


def _filter(
    processor: int, sockets: int, done: tuple[int, ...], families: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """The program of the filter: (what, steps to skip if so, steps to skip if not, value)."""
    refused = _ANSWER | errno.EACCES
    unknown = _ANSWER | errno.ENOSYS
    steps = [
        (_LOAD, 0, 0, _AT_PROCESSOR),
        # A program for another processor would number its calls in another way.
        (_EQUAL, 1, 0, processor),
        (_RETURN, 0, 0, unknown),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, unknown),
        (_EQUAL, 0, 1, _RINGS),
        (_RETURN, 0, 0, unknown),
    ]
    for number in done:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ANSWER)]
    steps += [(_EQUAL, 1, 0, sockets), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _AT_FIRST_ARGUMENT)]
    for family in families:
        steps += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, refused)]
